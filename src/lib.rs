//! riffle: a Redis-first, high-throughput short-video feed service.

pub mod config;
pub mod error;
pub mod id;
