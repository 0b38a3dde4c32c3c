//! What a recovery owes the buckets that it leaves open.
//!
//! The other end of an edge may lie in a bucket that is not being recovered. Before Postgres is read, it must have what
//! those decided; what a history that was lost had told them is taken up; and what they were not told yet is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::time::sleep;
use tokio_postgres::Client as Session;
use tracing::info;

use super::flush::{items, moves};
use crate::archive::buckets::{self, BucketRow};
use crate::archive::flush;
use crate::archive::flush::Item;
use crate::archive::load as rows;
use crate::error::{Code, Error, Result};
use crate::id::{self, Bucket};
use crate::model::{Change, EdgeRow};
use crate::store::outbox::{self, Remembered};
use crate::store::recovery as redis;
use crate::store::{Run, favorite, feed, relation};

/// Entries of one bucket, or edges, at once.
const BATCH: usize = 500;
const CONCURRENCY: usize = 32;
/// How often another flusher may be first before a recovery gives up.
const DRAIN_TRIES: usize = 1_000;
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// Writes to Postgres what open buckets had decided before this call. The elected flusher may do it, too: whoever is
/// first moves the position.
pub(super) async fn drain(session: &mut Session, run: &Arc<Run>, open: &[Bucket]) -> Result<()> {
    let newest = outbox::newest(run, open).await?;
    for _ in 0..DRAIN_TRIES {
        let rows = buckets::positions(session).await?;
        let behind = open.iter().zip(&newest).filter(|(bucket, newest)| rows[bucket.index()].position < **newest);
        let behind: Vec<(Bucket, u64)> = behind.map(|(bucket, _)| (*bucket, rows[bucket.index()].position)).collect();
        if behind.is_empty() {
            return Ok(());
        }
        let entries = outbox::entries(run, &behind, BATCH).await?;
        if flush::commit(session, &items(&entries), &moves(&entries, &rows), true).await.is_err() {
            sleep(DRAIN_POLL).await;
        }
    }
    Err(Error::unavailable("other buckets were not flushed"))
}

/// Has open buckets believe nothing any more of a history that ended before `base_ms`, and notes that they do.
pub(super) async fn end_history(session: &mut Session, run: &Arc<Run>, open: &[Bucket], base_ms: u64) -> Result<()> {
    let ended = Bucket::FEED.id_at(base_ms) - 1;
    let raised = stream::iter(open.to_vec()).map(|bucket| async move {
        let id = redis::raise_forgotten(run, bucket, ended).await?;
        Ok::<_, Error>((bucket, run.admission.epoch(bucket), id))
    });
    let raised: Vec<buckets::Noted> = raised.buffer_unordered(CONCURRENCY).try_collect().await?;
    buckets::relayed(session, &[], &raised).await
}

/// Writes to Postgres what mirrors prove that `homes` had decided and lost. Nobody changes these edges meanwhile: their
/// homes are closed, and drained. What they lost was newer than all that is flushed of them; anything older that a mirror
/// remembers says nothing new.
pub(super) async fn adopt(
    session: &mut Session,
    run: &Arc<Run>,
    mirrors: &[Bucket],
    homes: &BTreeSet<Bucket>,
    fenced: &[BucketRow],
) -> Result<()> {
    let rows = buckets::positions(session).await?;
    let may_be_lost = |home: Option<Bucket>, version: u64| {
        home.is_some_and(|home| homes.contains(&home) && version > rows[home.index()].position)
    };
    for mirror in mirrors {
        let mut from = 0;
        loop {
            let page = outbox::remembered(run, *mirror, from, BATCH).await?;
            from += page.len();
            let is_last = page.len() < BATCH;
            let edges = page.into_iter().filter(|edge| may_be_lost(edge.home(), edge.version)).collect::<Vec<_>>();
            let mut states = outbox::mirror_states(run, *mirror, &edges).await?;
            states.retain(|(change, version)| may_be_lost(home_of(change), *version));
            let items = states.iter().map(|(change, version)| Item {
                bucket: *mirror,
                position: *version,
                fields: &[],
                change: Some(change),
            });
            let items: Vec<Item<'_>> = items.collect();
            if !items.is_empty() {
                flush::adopt(session, &items, fenced).await?;
            }
            if is_last {
                break;
            }
        }
    }
    Ok(())
}

fn home_of(change: &Change) -> Option<Bucket> {
    match change {
        Change::Favorite(edge) | Change::Follow(edge) => Some(id::bucket_of(edge.to)),
        _ => None,
    }
}

/// Tells open mirrors and the feed what the closed `homes` had decided and not relayed, with versions of `base_ms`, which
/// is above all that they had minted.
pub(super) async fn deliver(
    session: &mut Session,
    run: &Arc<Run>,
    homes: &[Bucket],
    base_ms: u64,
    feed_window: u64,
) -> Result<()> {
    let mut seen = BTreeMap::new();
    let version = move |row: &EdgeRow| id::bucket_of(row.edge.to).id_at(base_ms);
    let favorites = rows::undelivered_favorites(session, homes).await?;
    let mut told = tell(run, favorites, &mut seen, |run, row| async move {
        favorite::deliver(&run, &row, version(&row)).await.map(|()| Remembered::favorite(&row.edge, version(&row)))
    })
    .await?;
    let follows = rows::undelivered_follows(session, homes).await?;
    told += tell(run, follows, &mut seen, |run, row| async move {
        relation::deliver(&run, &row, version(&row)).await.map(|()| Remembered::follow(&row.edge, version(&row)))
    })
    .await?;
    if told > 0 {
        info!(edges = told, "mirrors in other buckets were told");
    }
    let feed_is_open = buckets::positions(session).await?[Bucket::FEED.index()].open;
    if feed_is_open && !homes.contains(&Bucket::FEED) {
        for video in rows::undelivered_videos(session, homes).await? {
            seen.insert(Bucket::FEED, feed::insert(run, video, feed_window).await?);
        }
    }
    let seen: Vec<buckets::Noted> =
        seen.into_iter().map(|(bucket, id)| (bucket, run.admission.epoch(bucket), id)).collect();
    buckets::relayed(session, &[], &seen).await
}

/// `seen`: for ids that mirrors mint behind the telling. One that loses it is then behind what was relied on. Gives how
/// many edges there were.
async fn tell<Delivered: Future<Output = Result<Remembered>>>(
    run: &Arc<Run>,
    rows: impl Stream<Item = Result<EdgeRow>>,
    seen: &mut BTreeMap<Bucket, u64>,
    deliver: impl Fn(Arc<Run>, EdgeRow) -> Delivered,
) -> Result<usize> {
    let mut told = 0;
    let deliver = &deliver;
    let mut chunks = std::pin::pin!(rows.try_chunks(BATCH).map_err(|fault| fault.1));
    while let Some(chunk) = chunks.try_next().await? {
        told += chunk.len();
        let edges: Vec<(Bucket, Option<Remembered>)> = stream::iter(chunk)
            .map(|row| async move {
                Ok::<_, Error>((id::bucket_of(row.edge.from), unless_gone(deliver(run.clone(), row).await)?))
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        let mut of_mirror: BTreeMap<Bucket, Vec<Remembered>> = BTreeMap::new();
        for (mirror, edge) in edges {
            of_mirror.entry(mirror).or_default().extend(edge);
        }
        for (mirror, edges) in of_mirror {
            let (minted, _) = outbox::missing_mirrors(run, mirror, &edges).await?;
            seen.insert(mirror, minted);
        }
    }
    Ok(told)
}

/// Nobody can tell a mirror whose user is not there.
fn unless_gone(delivered: Result<Remembered>) -> Result<Option<Remembered>> {
    match delivered {
        Err(error) if error.code == Code::NoUser => Ok(None),
        delivered => delivered.map(Some),
    }
}

/// The open ones of a node's neighbors.
pub(super) fn open_beside(run: &Run, rows: &[BucketRow], closed: &BTreeSet<Bucket>) -> Vec<Bucket> {
    let buckets = Bucket::all().zip(rows);
    let open = buckets.filter(|(bucket, row)| row.open && !closed.contains(bucket) && run.has(*bucket));
    open.map(|(bucket, _)| bucket).collect()
}
