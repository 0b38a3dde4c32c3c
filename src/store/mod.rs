//! Redis: all that a request reads or changes. [`keys`] is the whole data model, [`run`] the only way in.

mod client;
pub mod comment;
mod edge;
pub mod favorite;
pub mod feed;
pub mod keys;
mod load;
mod membership;
pub mod message;
pub mod outbox;
pub mod recovery;
pub mod relation;
mod reply;
mod run;
pub mod script;
mod timeline;
pub mod user;
pub mod verify;
pub mod video;

pub use client::{Client, Command, Fault, check_address};
pub use reply::Reply;
pub use run::{Admission, Head, Home, Run, Slot};
pub use script::load_all as load_scripts;
pub use timeline::Entry;
