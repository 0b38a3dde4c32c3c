//! The protocol by which Redis, Postgres and the servers stay one truth, simulated.
//!
//! There are no stores and no sockets here. An actor is an `async fn` which reads like the real thing; each call it makes
//! is a step, and between any two steps of one actor all others may go on, for as long as luck wants. Answers are lost,
//! actors stop or sleep and wake, servers crash with calls under way, nodes of Redis restart, lose their last writes, are
//! emptied. From time to time all is let come to rest. What is decided without speaking to anyone is the code of the real
//! thing: `riffle::sync::rules`.
//!
//! # Reading order
//!
//! 1. [`layout`]: which buckets and edges there are. [`redis`] and [`postgres`]: the stores, a script and a transaction each.
//! 2. [`handler`]: a request and its two ends. [`flusher`]: flush and relay. [`admission`] and [`recovery`]: who may speak to
//!    Redis, and what happens to one that lost something.
//! 3. [`promises`]: what must be true, always and at rest. [`rules`]: what keeps it true; each can be taken away.
//! 4. [`world`], [`simulation`], [`luck`], [`search`]: the machinery.
//!
//! # By hand
//!
//! `PROTOCOL_SEED` and `PROTOCOL_STEPS` run the first three tests from another seed, and for longer. With
//! `PROTOCOL_RULE=TheForgottenIsStale` the last one tells what happens without that rule, on every layout
//! (`cargo test --test protocol each_rule -- --nocapture`).
//!
//! # Not simulated
//!
//! Rewinds that no connection notices (floors are for these), a clock that steps back, users, videos, comments and
//! messages, an edge's place in an order, counters, scopes of a reload, a node that stays away, a Postgres that fails or is
//! put back. Flushes and relays are not kept to one server by a lock, as nothing relies on it; the recovery lock is lost now
//! and then, as its session may be.

// clippy.toml lets tests panic, and these helpers are all tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission;
mod dice;
mod flusher;
mod handler;
mod layout;
mod luck;
mod postgres;
mod promises;
mod recovery;
mod redis;
mod rules;
mod search;
mod simulation;
mod world;

use layout::{LAYOUTS, Layout, ONE_NODE, THREE_BUCKETS, TWO_NODES};
use rules::{ALL, NEEDED, Rules};
use search::{search, shortest_story};

/// A number of the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a number")))
}

fn every_promise_is_kept(layout: &'static Layout) {
    let (seed, steps_max) = (setting("PROTOCOL_SEED", 1), setting("PROTOCOL_STEPS", 3_000_000));
    if let Some(broken) = search(layout, Rules::ALL, seed, steps_max) {
        panic!("after {} steps:\n{}", broken.steps, shortest_story(&broken));
    }
}

#[test]
fn two_buckets_on_one_node_keep_every_promise() {
    every_promise_is_kept(&ONE_NODE);
}

#[test]
fn two_buckets_on_two_nodes_keep_every_promise() {
    every_promise_is_kept(&TWO_NODES);
}

#[test]
fn two_buckets_on_one_node_and_one_on_another_keep_every_promise() {
    every_promise_is_kept(&THREE_BUCKETS);
}

#[test]
fn each_rule_is_needed() {
    if let Ok(name) = std::env::var("PROTOCOL_RULE") {
        return tell_without(&name);
    }
    let mut needless = Vec::new();
    for (removed, layout, seed) in NEEDED {
        match search(layout, Rules::without(removed), *seed, setting("PROTOCOL_STEPS", 2_000_000)) {
            Some(broken) => {
                println!("without {removed:?}, {} steps, seed {}: {}", broken.steps, broken.seed, broken.how)
            }
            None => needless.push(removed),
        }
    }
    assert!(
        needless.is_empty(),
        "nothing breaks soon without {needless:?}: if steps have changed, look for other seeds with PROTOCOL_STEPS=20000000"
    );
}

fn tell_without(name: &str) {
    let rule = ALL.iter().find(|rule| format!("{rule:?}") == name).unwrap_or_else(|| panic!("no rule is named {name}"));
    let (seed, steps_max) = (setting("PROTOCOL_SEED", 1), setting("PROTOCOL_STEPS", 5_000_000));
    for layout in LAYOUTS {
        match search(layout, Rules::without(&[*rule]), seed, steps_max) {
            Some(broken) => println!("without {name}, after {} steps:\n{}\n", broken.steps, shortest_story(&broken)),
            None => println!("without {name}: nothing breaks on {} in {steps_max} steps\n", layout.name),
        }
    }
}
