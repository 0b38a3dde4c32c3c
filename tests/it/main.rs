//! Tests that drive the real program over real sockets against a real Redis and a real Postgres.
//!
//! `harness` starts them; every other module is named after the word of the API or the part that it tests.

// clippy.toml lets tests panic, and these helpers are all tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backpressure;
mod bad_input;
mod cluster;
mod comment;
mod compose;
mod config;
mod corpus;
mod crash;
mod dev;
mod doctor;
mod durability;
mod favorite;
mod feed;
mod feed_snapshot;
mod flush;
mod flush_behind;
mod harness;
mod healthcheck;
mod http;
mod large_upload;
mod long_lists;
mod media;
mod media_copy;
mod message;
mod model;
mod object_store;
mod object_store_faults;
mod openapi;
mod publish;
mod put_back;
mod recovery;
mod relation;
mod scripts;
mod seed;
mod storm;
mod topology;
mod trips;
mod user;
mod verify;
mod warmup;
mod watch;
