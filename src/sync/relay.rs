//! The relay: behind the flush it makes sure that mirrors and timelines have what was flushed, and repairs what a
//! handler that died left undone. Normally all is there, for about a microsecond an edge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_postgres::Client as Session;
use tracing::{info, warn};

use super::rules;
use crate::archive::buckets::{self, BucketRow};
use crate::crash;
use crate::error::{Code, Result};
use crate::id::{self, Bucket, UserId, VideoId};
use crate::model::{Change, EdgeChange};
use crate::store::outbox::{self, OutboxEntry, Remembered};
use crate::store::{Run, favorite, feed, relation};

/// Edges in one call.
const BATCH: usize = 500;
/// Mirrors that are asked at once: each takes Redis some ten microseconds, and all that are asked together are in the way
/// together.
const CONCURRENCY: usize = 4;
/// How long a mirror remembers an edge at least: a late message of its handler is still known then.
const MEMORY: Duration = Duration::from_secs(10);

/// What a relay brought.
#[derive(Default)]
pub(super) struct Relayed {
    /// The newest entry of each bucket up to which both ends have everything.
    positions: BTreeMap<Bucket, u64>,
    /// Ids that mirrors minted behind it.
    seen: BTreeMap<Bucket, u64>,
    /// The first entry of a bucket that its mirror does not have.
    pub held_back: BTreeMap<Bucket, u64>,
}

impl Relayed {
    /// Notes it in Postgres.
    pub(super) async fn note(&self, run: &Arc<Run>, session: &mut Session) -> Result<()> {
        if self.positions.is_empty() && self.seen.is_empty() {
            return Ok(());
        }
        let with_epoch = |(bucket, id): (&Bucket, &u64)| (*bucket, run.admission.epoch(*bucket), *id);
        let positions: Vec<_> = self.positions.iter().map(with_epoch).collect();
        let seen: Vec<_> = self.seen.iter().map(with_epoch).collect();
        buckets::relayed(session, &positions, &seen).await?;
        crash::point("flush_relayed");
        Ok(())
    }

    fn hold_back(&mut self, entry: &OutboxEntry) {
        let first = self.held_back.entry(entry.bucket).or_insert(entry.position);
        *first = entry.position.min(*first);
    }
}

/// Brings the mirrors of flushed entries after their homes. A mirror that is away or being loaded holds back what it
/// misses, and no other.
pub(super) async fn relay(run: &Arc<Run>, entries: &[&OutboxEntry], feed_window: u64) -> Result<Relayed> {
    let mut relayed = Relayed::default();
    let mut of_mirror: BTreeMap<Bucket, Vec<&OutboxEntry>> = BTreeMap::new();
    for entry in entries {
        match &entry.change {
            Some(Change::Favorite(edge) | Change::Follow(edge)) => {
                let mirror = id::bucket_of(edge.from);
                if run.has(mirror) {
                    of_mirror.entry(mirror).or_default().push(entry);
                } else {
                    relayed.hold_back(entry);
                }
            }
            Some(Change::Video { .. }) if !run.has(Bucket::FEED) => relayed.hold_back(entry),
            Some(Change::Video { id, .. }) => {
                let last = feed::insert(run, *id, feed_window).await?;
                relayed.seen.insert(Bucket::FEED, last);
            }
            _ => {}
        }
    }
    let brought: Vec<_> = of_mirror.into_iter().map(|(mirror, entries)| bring(run, mirror, entries)).collect();
    let mut brought = stream::iter(brought).buffer_unordered(CONCURRENCY);
    while let Some((mirror, minted, missing)) = brought.try_next().await? {
        relayed.seen.insert(mirror, minted);
        missing.into_iter().for_each(|entry| relayed.hold_back(entry));
    }
    let entries = entries.iter().map(|entry| (entry.bucket, entry.position));
    relayed.positions = rules::relayed_positions(entries, &relayed.held_back);
    Ok(relayed)
}

/// Brings one mirror after the homes; gives an id that it minted behind that, and what it still misses.
async fn bring<'a>(
    run: &Arc<Run>,
    mirror: Bucket,
    entries: Vec<&'a OutboxEntry>,
) -> Result<(Bucket, u64, Vec<&'a OutboxEntry>)> {
    let (mut last, mut held_back) = (0, Vec::new());
    for entries in entries.chunks(BATCH) {
        let (minted, missing) = unconfirmed(run, mirror, entries).await?;
        last = minted;
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
                        held_back.push(entry);
                    }
                }
            }
        }
        // Asked again, for an id that was minted behind the bringing: a Redis that loses what was brought is then
        // behind what was relied on.
        let (minted, missing) = unconfirmed(run, mirror, &brought).await?;
        last = minted;
        held_back.extend(missing);
    }
    Ok((mirror, last, held_back))
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

/// Has mirrors forget edges that are some seconds old and that their homes have relayed.
pub(super) async fn forget(
    run: &Arc<Run>,
    session: &mut Session,
    mirrors: &[Bucket],
    rows: &[BucketRow],
) -> Result<()> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
    let before = id::lowest_at(now_ms - MEMORY.as_millis() as i64);
    let mut seen = Vec::new();
    for (mirror, edges) in outbox::remembered_before(run, mirrors, before, BATCH).await? {
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
