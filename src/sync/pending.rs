//! The relay of users and videos: what a request that died half-way left as a pending row is made visible, and rows
//! that Redis shows are noted as such.
//!
//! Every step may be repeated, by any number of servers at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tracing::{debug, warn};

use crate::archive::{Archive, buckets, users, videos};
use crate::crash;
use crate::error::{Code, Result};
use crate::id::Bucket;
use crate::store::{Home, Run, Slot, feed};

const INTERVAL: Duration = Duration::from_secs(1);
/// Rows of one pass; what is left comes with the next.
const ROWS_MAX: i64 = 500;
const CONCURRENCY: usize = 32;

/// Completes rows older than `after`, for ever.
pub async fn relay(slot: Arc<Slot>, archive: Archive, after: Duration, feed_window: u64) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Ok(run) = slot.run() else { continue };
        match pass(&run, &archive, after, feed_window).await {
            Ok(0) => {}
            Ok(count) => debug!(count, "pending rows completed"),
            Err(error) => warn!("pending rows were not completed: {error}"),
        }
    }
}

/// Gives how many rows it completed.
async fn pass(run: &Arc<Run>, archive: &Archive, after: Duration, feed_window: u64) -> Result<usize> {
    let mut shown = buckets::Shown::default();
    let mut seen = BTreeMap::new();
    let mut relied_on = |bucket: Bucket, id: u64| {
        let highest = seen.entry(bucket).or_insert(id);
        *highest = id.max(*highest);
    };

    let pending = users::pending(archive, after, ROWS_MAX).await?;
    let mut versions = stream::iter(pending)
        .map(|(id, name)| async move {
            let version = Home::new(run, id.bucket()).show_user(id, &name).await;
            or_later(id.0, version.map(|version| (id, version)))
        })
        .buffered(CONCURRENCY);
    while let Some(completed) = versions.try_next().await? {
        let Some((id, version)) = completed else { continue };
        relied_on(id.bucket(), version);
        shown.users.push((id.0, version));
    }

    let pending = videos::pending(archive, after, ROWS_MAX).await?;
    let mut versions = stream::iter(pending)
        .map(|video| async move {
            let completed = async {
                let version = Home::new(run, video.id.bucket()).show_video(&video).await?;
                crash::point("pending_video_shown");
                Ok((video.id, version, feed::insert(run, video.id, feed_window).await?))
            };
            or_later(video.id.0, completed.await)
        })
        .buffered(CONCURRENCY);
    while let Some(completed) = versions.try_next().await? {
        let Some((id, version, feed_last)) = completed else { continue };
        relied_on(id.bucket(), version);
        relied_on(Bucket::FEED, feed_last);
        shown.videos.push((id.0, version));
    }

    let count = shown.users.len() + shown.videos.len();
    if count > 0 {
        shown.seen = seen.into_iter().map(|(bucket, id)| (bucket, run.admission.epoch(bucket), id)).collect();
        crash::point("pending_shown");
        buckets::shown(archive, &shown).await?;
        crash::point("pending_noted");
    }
    Ok(count)
}

/// A row that Redis refuses (its author's row is not there yet, a key is not what it should be) is left for a later
/// pass, and the others do not wait for it.
fn or_later<T>(id: u64, completed: Result<T>) -> Result<Option<T>> {
    match completed {
        Ok(completed) => Ok(Some(completed)),
        Err(error) if matches!(error.code, Code::NoUser | Code::Internal) => {
            warn!(id, "a pending row was not completed: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
