//! Waiting for what happens behind an answer.

use std::time::{Duration, Instant};

const WAIT_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// Asks until there is an answer, which it returns. The only place of the tests that sleeps.
///
/// ```ignore
/// eventually("the like to reach Postgres", async || (likes().await == 1).then_some(())).await;
/// ```
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < WAIT_MAX, "waited {WAIT_MAX:?} in vain for {what}");
        tokio::time::sleep(POLL).await;
    }
}
