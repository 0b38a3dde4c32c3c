//! The only place where Redis and Postgres meet: who may speak to Redis, what is rebuilt from Postgres, and the
//! sequences of writes that touch both.

pub mod admission;
pub mod backlog;
mod batch;
pub mod cover;
pub mod durable;
pub mod flush;
mod load;
mod neighbors;
pub mod pending;
pub mod prepare;
pub mod publish;
pub mod recoverer;
mod recovery;
pub mod register;
mod relay;
pub mod rules;
pub mod sweep;
mod trim;
pub mod verify;
pub mod warmup;
mod world;

pub use world::World;
