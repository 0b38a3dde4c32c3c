//! How often a test runs, from which seed, and how time passes in it.

use std::future::pending;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng, random};
use tokio::time::timeout;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number")))
}

/// Says on a failure how to repeat it.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat: FAULT_SEED={}", self.0);
        }
    }
}

/// Runs a test once, and again until `FAULT_SECONDS` have passed.
pub async fn rounds(mut round: impl AsyncFnMut(StdRng)) {
    let begun = Instant::now();
    let seconds = Duration::from_secs(setting("FAULT_SECONDS").unwrap_or(0));
    let mut seed = Seed(setting("FAULT_SEED").unwrap_or_else(random));
    loop {
        round(StdRng::seed_from_u64(seed.0)).await;
        if begun.elapsed() >= seconds {
            return;
        }
        seed.0 = seed.0.wrapping_add(1);
    }
}

/// Lets the load go on for a time. What is wanted of the service is waited for with `eventually` instead.
pub async fn let_pass(time: Duration) {
    let _ = timeout(time, pending::<()>()).await;
}

/// The same for a time between two bounds, in milliseconds.
pub async fn let_pass_between(random: &mut StdRng, shortest_ms: u64, longest_ms: u64) {
    let_pass(Duration::from_millis(random.random_range(shortest_ms..=longest_ms))).await;
}
