//! What every test stands on.
//!
//! ```ignore
//! let world = World::start().await; // a Redis and a database of its own
//! let server = Server::start(&world, &[("list_max", "2")]).await;
//! let reply = server.client().get("/douyin/feed/").await;
//! assert_eq!(reply.json()["status_code"], 0);
//! ```
//!
//! Nothing outlives the tests: every child has a parent-death signal, every folder is a temporary one.

// Each test uses the part it needs; together they use all of it.
#![allow(dead_code, unused_imports)]

mod api;
mod caller;
mod client;
mod eventually;
mod multipart;
mod object_store;
mod object_store_rules;
mod planted;
mod postgres;
mod redis;
mod server;
mod state;
mod world;

pub use api::{Account, PASSWORD, clip, publishing, registering};
pub use caller::{Caller, Shown, code, entries, ids, query};
pub use client::{Client, Connection, Reply, head, post};
pub use eventually::eventually;
pub use multipart::{BOUNDARY, Part, multipart, multipart_body, urlencoded};
pub use object_store::{ObjectStore, Policies};
pub use planted::id_at;
pub use postgres::ask_postgres;
pub use redis::{Redis, ask_redis};
pub use server::{Finished, Server, rss_bytes, run, run_command};
pub use state::{IDLE, State};
pub use world::{THROWAWAY, World, start_redis, temporary_folder};
