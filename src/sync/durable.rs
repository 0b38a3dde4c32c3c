//! `durability = strict`: an answer waits until Postgres has what it acknowledges.
//!
//! Whoever waits names the bucket that decided and the version of the decision. Postgres has the decision once nothing
//! of the bucket's outbox at or below that version lies behind the flushed position. Asking only whether the position
//! has reached the version would not do: a repeat that changes nothing gets a fresh version and writes no entry, so
//! that a quiet bucket's position never reaches it, and yet it acknowledges what an earlier entry says, which may still
//! wait. The position is read first and the stream after it: every entry up to the version was there before the version
//! was answered, and only entries behind the position are ever trimmed.
//!
//! A position of another epoch says nothing: a recovery sets it above all that was, what was lost included.
//!
//! One task of the process asks, for all who wait, and only while somebody does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tracing::debug;

use crate::archive::Archive;
use crate::archive::buckets::{self, BucketRow};
use crate::error::{Error, Result};
use crate::id::Bucket;
use crate::store::{Run, Slot, outbox};

/// How often Postgres is asked while somebody waits for a flusher in another process; that of this one says when.
const POLL: Duration = Duration::from_millis(20);

struct Waiter {
    bucket: Bucket,
    epoch: u64,
    version: u64,
    done: oneshot::Sender<Result<()>>,
}

pub struct Durable {
    waiters: Mutex<Vec<Waiter>>,
    /// Tells the task that somebody waits.
    arrived: Notify,
    /// Tells the flusher of this process that somebody waits.
    wanted: Notify,
    /// Tells the task that the flusher of this process has committed.
    committed: Notify,
    patience: Duration,
}

impl Durable {
    /// `patience`: the longest wait for the flush.
    pub fn new(patience: Duration) -> Durable {
        let (arrived, wanted, committed) = Default::default();
        Durable { waiters: Mutex::default(), arrived, wanted, committed, patience }
    }

    /// Returns when Postgres has all that `bucket` decided up to `version`. 100014: not in time, or a recovery came
    /// between; nobody knows then whether it will have it.
    pub async fn wait(&self, run: &Run, bucket: Bucket, version: u64) -> Result<()> {
        let (done, told) = oneshot::channel();
        self.lock().push(Waiter { bucket, epoch: run.admission.epoch(bucket), version, done });
        self.arrived.notify_one();
        self.wanted.notify_one();
        match tokio::time::timeout(self.patience, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Error::unavailable(format!("bucket {bucket}: not flushed in time"))),
        }
    }

    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    pub(super) fn committed(&self) {
        self.committed.notify_one();
    }

    /// Answers those who wait, for ever.
    pub async fn serve(self: Arc<Durable>, slot: Arc<Slot>, archive: Archive) {
        loop {
            let waiting = std::mem::take(&mut *self.lock());
            // Who gave up is gone.
            let waiting: Vec<Waiter> = waiting.into_iter().filter(|waiter| !waiter.done.is_closed()).collect();
            if waiting.is_empty() {
                self.arrived.notified().await;
                continue;
            }
            let left = settle(waiting, &slot, &archive).await;
            let someone_waits = {
                let mut waiters = self.lock();
                waiters.extend(left);
                !waiters.is_empty()
            };
            if someone_waits {
                tokio::select! {
                    () = self.committed.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiter>> {
        // Nothing under the lock can panic half-way.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers whom it can; gives the others.
async fn settle(waiting: Vec<Waiter>, slot: &Slot, archive: &Archive) -> Vec<Waiter> {
    let looked = async {
        let rows = buckets::positions_now(archive).await?;
        let run = slot.run()?;
        let first = first_behind(&run, &rows, &waiting).await?;
        Ok::<_, Error>((rows, first))
    };
    let (rows, first) = match looked.await {
        Ok(seen) => seen,
        Err(error) => {
            debug!("how far the flush has come is not known: {error}");
            return waiting;
        }
    };
    let mut left = Vec::new();
    for waiter in waiting {
        let Some(verdict) = verdict(&waiter, &rows[waiter.bucket.index()], first.get(&waiter.bucket)) else {
            left.push(waiter);
            continue;
        };
        // An error: it gave up meanwhile.
        let _ = waiter.done.send(verdict);
    }
    left
}

/// `first`: what lies next behind the flushed position of the waiter's bucket, if anything does. `None`: not yet.
fn verdict(waiter: &Waiter, row: &BucketRow, first: Option<&u64>) -> Option<Result<()>> {
    if row.epoch != waiter.epoch || !row.open {
        let why = format!("bucket {}: a recovery came before the flush", waiter.bucket);
        return Some(Err(Error::unavailable(why)));
    }
    first.is_none_or(|first| *first > waiter.version).then_some(Ok(()))
}

/// The first entry behind the flushed position in each bucket that somebody waits for.
async fn first_behind(run: &Arc<Run>, rows: &[BucketRow], waiting: &[Waiter]) -> Result<BTreeMap<Bucket, u64>> {
    let mut after: Vec<(Bucket, u64)> = waiting
        .iter()
        .filter(|waiter| waiter.version > rows[waiter.bucket.index()].position)
        .map(|waiter| (waiter.bucket, rows[waiter.bucket.index()].position))
        .collect();
    after.sort_unstable();
    after.dedup();
    // An admission of another epoch would be refused by the heads, and the wrong one doubted.
    if let Some((bucket, _)) =
        after.iter().find(|(bucket, _)| run.admission.epoch(*bucket) != rows[bucket.index()].epoch)
    {
        return Err(Error::unavailable(format!("bucket {bucket}: a recovery is under way")));
    }
    let first = outbox::entries(run, &after, 1).await?;
    Ok(first.into_iter().map(|entry| (entry.bucket, entry.position)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(epoch: u64, open: bool, first: Option<u64>) -> Option<bool> {
        let bucket = Bucket::new(3).unwrap();
        let waiter = Waiter { bucket, epoch: 7, version: 100, done: oneshot::channel().0 };
        let row = BucketRow { epoch, open, position: 50, relayed: 50, seen: 50 };
        verdict(&waiter, &row, first.as_ref()).map(|verdict| verdict.is_ok())
    }

    #[test]
    fn a_version_is_flushed_once_no_entry_up_to_it_waits() {
        assert_eq!(answer(7, true, Some(60)), None);
        assert_eq!(answer(7, true, Some(100)), None);
        assert_eq!(answer(7, true, Some(101)), Some(true));
        // A repeat that changed nothing.
        assert_eq!(answer(7, true, None), Some(true));
    }

    #[test]
    fn a_position_of_another_epoch_says_nothing() {
        assert_eq!(answer(8, true, None), Some(false));
        assert_eq!(answer(7, false, None), Some(false));
    }
}
