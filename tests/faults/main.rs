//! Faults under load: clients do everything at once, something breaks, and afterwards nothing acknowledged is missing.
//!
//! Every test is one fault. [`scene::Scene`] starts stores and servers; [`load`] lets some fifty clients act and look,
//! each call recorded in the [`ledger`] as done, refused or unknown; a look that shows less than what had been
//! acknowledged before it was asked fails the test at once. When the fault has passed the service has to be ready by
//! itself, and [`check`] compares every list, flag and counter, both ends of every edge and the rows of Postgres.
//!
//! A test runs once, with a seed that it prints when it fails. `FAULT_SEED` gives the seed, `FAULT_SECONDS` has every
//! test repeat itself with new seeds for as long (`bench/faults`).

// clippy.toml lets tests panic, and these helpers are all tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../it/harness/mod.rs"]
mod harness;

mod baseline;
mod cast;
mod check;
mod client;
mod cluster;
mod ledger;
mod load;
mod looks;
mod loss;
mod postgres;
mod proxy;
mod redis;
mod rounds;
mod scene;
mod servers;
mod slow_start;
mod tail;
mod wire;
