//! Keeps a store running until it is told to stop.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::error::DevError;
use super::leftover;
use super::store::StoreProcess;

const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// A store that ran as long as this did not fail for what made it fail before.
const CALM: Duration = Duration::from_secs(30);

pub(super) struct Supervisor {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), DevError>>,
}

impl Supervisor {
    pub(super) fn over(store: StoreProcess) -> Supervisor {
        let (stop, stopped) = oneshot::channel();
        Supervisor { stop, task: tokio::spawn(keep_running(store, stopped)) }
    }

    /// Stops the store cleanly and waits for its end.
    pub(super) async fn stop(self) -> Result<(), DevError> {
        // The task has ended only if it failed, and then says so itself.
        let _ = self.stop.send(());
        self.task.await.map_err(DevError::when("wait for a store"))?
    }
}

async fn keep_running(mut store: StoreProcess, mut stopped: oneshot::Receiver<()>) -> Result<(), DevError> {
    let mut back_off = BACK_OFF_MIN;
    loop {
        let started = Instant::now();
        tokio::select! {
            _ = &mut stopped => return store.stop().await,
            status = store.wait() => tracing::warn!("{} ended ({}); starting it again", store.kind().name(), status?),
        }
        if started.elapsed() > CALM {
            back_off = BACK_OFF_MIN;
        }
        loop {
            tokio::select! {
                _ = &mut stopped => return Ok(()),
                () = sleep(back_off) => {}
            }
            back_off = BACK_OFF_MAX.min(back_off * 2);
            let restarted = tokio::select! {
                _ = &mut stopped => return leftover::stop(store.kind(), store.places()).await,
                restarted = store.start_again() => restarted,
            };
            match restarted {
                Ok(()) => break,
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }
}
