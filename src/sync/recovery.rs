//! Recovery: one program for every fault of Redis. A Redis that is new, emptied or behind is loaded anew from Postgres;
//! one that restarted without loss keeps what it has. What its outboxes still hold is flushed first.
//!
//! There is one node: what a mirror remembers has its home's outbox entry earlier in the same append-only file, so
//! draining the outboxes adopts all that a node can prove.
//!
//! Any refusal on the way ends it, and it starts from the top; a recoverer that was frozen and wakes is refused at
//! every step by the epochs.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::try_join_all;
use tokio_postgres::Client as Session;
use tracing::{info, warn};

use super::{flush, load};
use crate::archive::buckets::{self, BucketRow};
use crate::crash;
use crate::error::{Error, Result};
use crate::id::{self, Bucket};
use crate::store::recovery as redis;
use crate::store::{Admission, Client, Head, Run};

/// How far above the clock a recovered bucket starts to mint: more than the clocks of two hosts differ. Until the clock
/// has caught up, ids of different buckets would say little about which came first, so recovery waits for it.
const MARGIN_MS: u64 = 200;
/// The same where ids already ran ahead of the clock: more than Redis can mint within the two seconds it may lose. This
/// is not waited for.
const AHEAD_MARGIN_MS: u64 = 10_000;

/// What becomes of what Redis holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Data {
    /// It stays, where nothing was lost.
    KeptIfInOrder,
    /// It goes, once its outboxes are flushed.
    LoadedAnew,
}

/// The session holds the recovery lock ([`buckets::lock_recovery`]).
pub(super) async fn recover(
    session: &mut Session,
    client: &Arc<Client>,
    feed_window: u64,
    data: Data,
) -> Result<Admission> {
    let before = buckets::all(session).await?;
    let inspection = redis::inspect(client).await?;
    let met = before.iter().map(|row| row.epoch).chain(inspection.heads.iter().flatten().map(|head| head.epoch));
    let epoch = met.max().unwrap_or(0) + 1;

    // Fence in Postgres, then close in Redis: from here on nothing of the old epoch is answered or committed.
    buckets::fence(session, epoch).await?;
    crash::point("recovery_fenced");
    let heads = try_join_all(Bucket::all().map(|bucket| close(client, bucket, epoch))).await?;
    crash::point("recovery_closed");
    // From here on nothing can be written to a Redis that is emptied. One that was before holds nothing but closed heads.
    if !redis::is_marked(client).await? {
        return Err(Error::unavailable("Redis was emptied while it was closed for recovery"));
    }
    let keep = data == Data::KeptIfInOrder && in_order(&before, &heads);

    // Taken after closing, so that no id can be minted twice, lost ones included. Read again: a row may have been
    // written between the comparison and the closing.
    let closed = buckets::all(session).await?;
    let highest = heads.iter().flatten().map(|head| head.last).chain(closed.iter().map(|row| row.seen)).max();
    let base_ms = base_ms(highest.unwrap_or(0), now_ms());
    let bases: Vec<u64> = Bucket::all().map(|bucket| bucket.id_at(base_ms)).collect();

    // For the loading scripts, which demand this epoch and a closed head.
    let closed_run = Arc::new(Run::new(
        client.clone(),
        Arc::new(Admission::new(inspection.run_id.clone(), vec![epoch; Bucket::COUNT])),
    ));
    let drained = flush::drain_closed(session, client, epoch, &closed).await?;
    crash::point("recovery_drained");
    let after = if keep {
        closed.iter().map(|row| row.relayed).min().unwrap_or(0)
    } else {
        let removed = redis::clear(&closed_run).await?;
        crash::point("recovery_cleared");
        info!(removed, "Redis is loaded anew from Postgres");
        0
    };
    let loaded = load::load(session, &closed_run, after, feed_window).await?;
    crash::point("recovery_loaded");
    let ahead_ms = base_ms.saturating_sub(now_ms());
    if ahead_ms <= MARGIN_MS {
        tokio::time::sleep(Duration::from_millis(ahead_ms)).await;
    }

    try_join_all(Bucket::all().zip(&bases).map(|(bucket, base)| open(&closed_run, bucket, *base))).await?;
    crash::point("recovery_opened");
    if let Err(error) = redis::rewrite_file(client).await {
        // It is being rewritten already, or the operator keeps the command for himself.
        warn!("Redis does not write its file anew: {error}");
    }
    buckets::open(session, epoch, &bases, &inspection.run_id).await?;
    crash::point("recovery_admitted");
    info!(epoch, kept = keep, drained, %loaded, "Redis is in order");
    Ok(Admission::new(inspection.run_id, vec![epoch; Bucket::COUNT]))
}

/// Every bucket is open, of Postgres's epoch, and has all that a committed step relied on.
pub(super) fn in_order(rows: &[BucketRow], heads: &[Option<Head>]) -> bool {
    rows.iter().zip(heads).all(|(row, head)| {
        head.is_some_and(|head| head.open && row.open && head.epoch == row.epoch && head.last >= row.seen)
    })
}

async fn close(client: &Client, bucket: Bucket, epoch: u64) -> Result<Option<Head>> {
    let former = redis::close(client, bucket, epoch).await?;
    crash::point("recovery_closing");
    Ok(former)
}

async fn open(run: &Arc<Run>, bucket: Bucket, base: u64) -> Result<()> {
    redis::open(run, bucket, base).await?;
    crash::point("recovery_opening");
    Ok(())
}

/// Where recovered buckets start to mint: above every id that may exist, lost ones included. Ids are minted by the
/// clock, so what was lost lies before now, unless ids ran ahead of it.
fn base_ms(highest: u64, now_ms: u64) -> u64 {
    match id::ms_of(highest) {
        // Nothing was ever minted.
        0 => now_ms,
        highest_ms if highest_ms < now_ms => now_ms + MARGIN_MS,
        highest_ms => highest_ms + AHEAD_MARGIN_MS,
    }
}

/// By the clock of ids.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
    id::ms_of(id::lowest_at(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minting_goes_on_above_all_that_may_exist() {
        let at = |ms| Bucket::FEED.id_at(ms);
        assert_eq!(base_ms(0, 5_000), 5_000);
        assert_eq!(base_ms(at(4_999), 5_000), 5_200);
        assert_eq!(base_ms(at(5_000), 5_000), 15_000);
        assert_eq!(base_ms(at(9_000), 5_000), 19_000);
    }
}
