//! The relay: behind the flush it makes sure that mirrors and timelines have what was flushed, and repairs what a
//! handler that died left undone. Normally all is there, for about a microsecond an edge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::Client as Session;
use tracing::{info, warn};

use super::rules;
use crate::archive::buckets::{self, BucketRow};
use crate::error::{Code, Result};
use crate::id::{self, Bucket, UserId, VideoId};
use crate::model::{Change, EdgeChange};
use crate::store::outbox::{self, OutboxEntry, Remembered};
use crate::store::{Run, favorite, feed, relation};

/// Edges in one call.
const BATCH: usize = 500;
/// How long a mirror remembers an edge at least: a late message of its handler is still known then.
const MEMORY: Duration = Duration::from_secs(10);

/// Brings the mirrors of flushed entries after their homes, and notes how far both ends have everything. A mirror that is
/// away or being loaded holds back what it misses, and no other. Gives whether nothing was held back.
pub(super) async fn relay(
    run: &Arc<Run>,
    session: &mut Session,
    entries: &[OutboxEntry],
    feed_window: u64,
) -> Result<bool> {
    let mut seen: BTreeMap<Bucket, u64> = BTreeMap::new();
    let mut held_back: BTreeMap<Bucket, u64> = BTreeMap::new();
    let mut hold_back = |entry: &OutboxEntry| {
        let first = held_back.entry(entry.bucket).or_insert(entry.position);
        *first = entry.position.min(*first);
    };

    let mut of_mirror: BTreeMap<Bucket, Vec<&OutboxEntry>> = BTreeMap::new();
    for entry in entries {
        match &entry.change {
            Some(Change::Favorite(edge) | Change::Follow(edge)) => {
                let mirror = id::bucket_of(edge.from);
                if run.has(mirror) {
                    of_mirror.entry(mirror).or_default().push(entry);
                } else {
                    hold_back(entry);
                }
            }
            Some(Change::Video { .. }) if !run.has(Bucket::FEED) => hold_back(entry),
            Some(Change::Video { id, .. }) => {
                let last = feed::insert(run, *id, feed_window).await?;
                seen.insert(Bucket::FEED, last);
            }
            _ => {}
        }
    }
    for (mirror, entries) in of_mirror {
        for entries in entries.chunks(BATCH) {
            let (minted, missing) = unconfirmed(run, mirror, entries).await?;
            seen.insert(mirror, minted);
            if missing.is_empty() {
                continue;
            }
            info!(edges = missing.len(), "mirrors were behind their homes");
            let mut brought = Vec::new();
            for entry in missing {
                match bring_mirror(run, entry).await {
                    Ok(()) => brought.push(entry),
                    Err(error) => {
                        warn!("the mirror of an edge was not brought: {error}");
                        // Nobody can bring a mirror whose user is not there; all else is tried again.
                        if error.code != Code::NoUser {
                            hold_back(entry);
                        }
                    }
                }
            }
            // Asked again, for an id that was minted behind the bringing: a Redis that loses what was brought is then
            // behind what was relied on.
            let (minted, missing) = unconfirmed(run, mirror, &brought).await?;
            seen.insert(mirror, minted);
            missing.into_iter().for_each(&mut hold_back);
        }
    }

    let relayed = rules::relayed_positions(entries.iter().map(|entry| (entry.bucket, entry.position)), &held_back);
    let with_epoch = |(bucket, id): (Bucket, u64)| (bucket, run.admission.epoch(bucket), id);
    let relayed: Vec<_> = relayed.into_iter().map(with_epoch).collect();
    let seen: Vec<_> = seen.into_iter().map(with_epoch).collect();
    buckets::relayed(session, &relayed, &seen).await?;
    Ok(held_back.is_empty())
}

/// The entries that a mirror does not have yet, and an id that it minted.
async fn unconfirmed<'a>(
    run: &Arc<Run>,
    mirror: Bucket,
    entries: &[&'a OutboxEntry],
) -> Result<(u64, Vec<&'a OutboxEntry>)> {
    let remembered: Vec<Remembered> = entries.iter().filter_map(|entry| remembered(entry)).collect();
    let (minted, missing) = outbox::missing_mirrors(run, mirror, &remembered).await?;
    let missing = entries.iter().enumerate().filter(|(place, _)| missing.contains(place));
    Ok((minted, missing.map(|(_, entry)| *entry).collect()))
}

fn remembered(entry: &OutboxEntry) -> Option<Remembered> {
    match &entry.change {
        Some(Change::Favorite(edge)) => Some(Remembered::favorite(edge, entry.position)),
        Some(Change::Follow(edge)) => Some(Remembered::follow(edge, entry.position)),
        _ => None,
    }
}

async fn bring_mirror(run: &Arc<Run>, entry: &OutboxEntry) -> Result<()> {
    match entry.change {
        Some(Change::Favorite(EdgeChange { from, to, .. })) => {
            favorite::bring_mirror(run, UserId(from), VideoId(to), entry.position).await
        }
        Some(Change::Follow(EdgeChange { from, to, .. })) => {
            relation::bring_mirror(run, UserId(from), UserId(to), entry.position).await
        }
        _ => Ok(()),
    }
}

/// Has the mirrors forget edges that are some seconds old and that their homes have relayed.
pub(super) async fn forget(run: &Arc<Run>, session: &mut Session, rows: &[BucketRow]) -> Result<()> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
    let before = id::lowest_at(now_ms - MEMORY.as_millis() as i64);
    let mut seen = Vec::new();
    for (mirror, edges) in outbox::remembered_before(run, before, BATCH).await? {
        let relayed = |edge: &Remembered| {
            edge.home()
                .is_some_and(|home| rules::may_forget(edge.version, &rows[home.index()], run.admission.epoch(home)))
        };
        let edges: Vec<Remembered> = edges.into_iter().filter(relayed).collect();
        if !edges.is_empty() {
            seen.push((mirror, run.admission.epoch(mirror), outbox::forget(run, mirror, &edges).await?));
        }
    }
    buckets::relayed(session, &[], &seen).await
}
