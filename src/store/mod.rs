//! Redis: all that a request reads or changes. [`keys`] is the whole data model, [`run`] the only way in.

mod admitted;
mod client;
pub mod cluster;
pub mod comment;
mod edge;
pub mod favorite;
pub mod feed;
pub mod keys;
mod load;
mod marks;
mod membership;
pub mod message;
pub mod outbox;
pub mod recovery;
pub mod relation;
mod reply;
mod run;
pub mod script;
mod slot;
pub mod snapshot;
mod timeline;
pub mod user;
pub mod verify;
pub mod video;

pub use admitted::{Admission, Admitted, Doubt, Head, NodeRun};
pub use client::{Address, Client, Command, Fault};
pub use marks::Marks;
pub use reply::Reply;
pub use run::{Home, Run};
pub use script::load_all as load_scripts;
pub use slot::Slot;
pub use timeline::{Entry, List, entries};
