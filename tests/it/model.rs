//! Random users do everything at once; then a plain model in memory says what every list, flag and counter has to be.
//!
//! Several tasks act through two connections each. What one of them does is decided by the seed alone, and its answer
//! is known beforehand, since every piece of state has one task that changes it: a like, a comment, the two follows
//! between two users and their chat. All tasks act as all users and on all users and videos, so the sets, the
//! counters and the buckets behind them are everyone's. (Two tasks that change one edge at the same moment would
//! leave either state; `storm.rs` does that.)
//!
//! Between rounds nothing happens, and everything is compared. Order that spans tasks is compared by intervals: what
//! was answered before something else was sent is older than it.
//!
//! `MODEL_SEED` and `MODEL_OPERATIONS` change the run.

mod actor;
mod births;
mod compare;
mod state;

use std::sync::Arc;

use actor::Actor;
use rand::random;
use state::{Cast, Clock, Share};

use crate::harness::{Server, World};

pub const TASKS: usize = 8;
const ROUNDS: usize = 4;
const OPERATIONS: usize = 100_000;
/// From how many others' sides each user is looked at in the end.
const VIEWERS: usize = 3;
const PEOPLE_AT_FIRST: usize = 48;
const VIDEOS_AT_FIRST: usize = 16;
/// Multiples of [`TASKS`].
const PEOPLE_BORN_PER_ROUND: usize = 8;
const VIDEOS_BORN_PER_ROUND: usize = 8;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number")))
}

/// Says on a failure how to repeat it.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: MODEL_SEED={}", self.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_done_at_once_adds_up() {
    let seed = Seed(setting("MODEL_SEED").unwrap_or_else(random));
    let operations: usize = setting("MODEL_OPERATIONS").unwrap_or(OPERATIONS);
    let world = World::start().await;
    // Without ffmpeg the covers made behind the answers take no time from the test, and their addresses stay.
    let settings = [("ffmpeg", "/nonexistent/ffmpeg"), ("header_timeout_ms", "600000"), ("redis_timeout_ms", "10000")];
    let server = Server::start(&world, &settings).await;
    let clock = Arc::new(Clock::default());

    let mut cast = Arc::new(Cast::default());
    cast = births::round(&server.client(), &cast, &clock, seed.0, 0, PEOPLE_AT_FIRST, VIDEOS_AT_FIRST).await;
    let mut shares: Vec<Share> = (0..TASKS).map(|_| Share::default()).collect();
    for round in 1..=ROUNDS {
        let mut tasks = Vec::new();
        for (task, share) in shares.drain(..).enumerate() {
            let actor = Actor::new(&server.client(), task, seed.0 ^ (round as u64) << 32, share, &cast, &clock).await;
            tasks.push(tokio::spawn(actor.act(operations / ROUNDS / TASKS)));
        }
        let (people, videos) = (PEOPLE_BORN_PER_ROUND, VIDEOS_BORN_PER_ROUND);
        let grown = births::round(&server.client(), &cast, &clock, seed.0, round, people, videos).await;
        for task in tasks {
            shares.push(task.await.unwrap());
        }
        cast = grown;
        let viewers = if round == ROUNDS { VIEWERS } else { 1 };
        compare::everything(&world, &server.client(), &cast, &shares, viewers, seed.0 ^ round as u64).await;
    }
}
