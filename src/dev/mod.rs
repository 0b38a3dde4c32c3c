//! A private Redis and a private Postgres as child processes, for `riffle dev`, for commands run while `dev` is not
//! up, and for the tests.
//!
//! | file | its part |
//! | --- | --- |
//! | `programs` | finds `redis-server`, `initdb` and `postgres`, or says what to install |
//! | `places`, `user` | which folder, socket, log and user each store has, derived from the data folder alone |
//! | `process` | children that cannot outlive this process |
//! | `store` | one store: started, asked whether it answers, stopped, killed, paused, started again |
//! | `redis`, `postgres` | what is particular to each: arguments, readiness, making a cluster |
//! | `log` | what they write |
//! | `leftover` | stops a store whose owner is gone |
//! | `stack`, `supervisor` | both stores under the lock of a data folder, kept running |
//!
//! Both listen on unix sockets only, in a folder that nobody else may enter. Linux only: parent-death signals, pidfds
//! and `/proc` have no like elsewhere.

mod error;
mod leftover;
mod log;
mod places;
mod postgres;
mod process;
mod programs;
mod redis;
mod stack;
mod store;
mod supervisor;
mod user;

pub use error::DevError;
pub use places::Places;
pub use process::Process;
pub use stack::Stack;
pub use store::{Durability, StoreKind, StoreOptions, StoreProcess};
