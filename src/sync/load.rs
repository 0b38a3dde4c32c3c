//! Loading closed buckets of Redis from Postgres.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{Stream, TryStreamExt, stream};
use tokio::time::Instant;
use tokio_postgres::Client as Session;

use crate::archive::load as rows;
use crate::archive::load::Selection;
use crate::crash;
use crate::error::{Error, Result};
use crate::id::{Bucket, UserId, VideoId, bucket_of};
use crate::model::{CommentRecord, EdgeRow, MessageRecord, Scope};
use crate::store::{Home, Run};

/// Rows in one script call.
const BATCH: usize = 500;
/// Rows that are taken from Postgres at once, and so in memory twice at most.
const CHUNK: usize = 4_000;
/// Script calls under way.
const CONCURRENCY: usize = 8;

/// Counts rows as they are loaded, and holds them back where there is a limit.
pub struct Pace {
    rows_per_second_max: Option<u64>,
    begun: Instant,
    rows: [AtomicU64; Scope::ALL.len()],
}

impl Pace {
    pub fn new(rows_per_second_max: Option<u64>) -> Pace {
        Pace { rows_per_second_max, begun: Instant::now(), rows: Default::default() }
    }

    /// How many rows of a scope are loaded; both ends of an edge are rows.
    pub fn rows(&self, scope: Scope) -> u64 {
        self.rows[scope as usize].load(Ordering::Relaxed)
    }

    pub fn total(&self) -> u64 {
        Scope::ALL.iter().map(|scope| self.rows(*scope)).sum()
    }

    async fn count(&self, scope: Scope, rows: usize) {
        self.rows[scope as usize].fetch_add(rows as u64, Ordering::Relaxed);
        if let Some(limit) = self.rows_per_second_max {
            let due = Duration::from_secs_f64(self.total() as f64 / limit as f64);
            tokio::time::sleep_until(self.begun + due).await;
        }
    }
}

/// What is loaded.
pub(super) struct Part<'a> {
    pub buckets: &'a [Bucket],
    pub scopes: &'a [Scope],
    /// See [`Selection::after`].
    pub after: u64,
    pub feed_window: u64,
}

/// Sessions that read rows beside the first one.
pub(super) const READERS: usize = 2;

/// What each session reads, one after the other; about as much for each of them. No scope needs another one before it.
const LANES: [&[Scope]; READERS + 1] = [
    &[Scope::Users, Scope::Videos, Scope::Feed, Scope::Comments, Scope::Messages],
    &[Scope::Favorites],
    &[Scope::Follows],
];

/// Loads rows as they are in one snapshot of Postgres, which all sessions see. Where `after` is 0, into buckets that hold
/// nothing of the scopes.
pub(super) async fn load(
    session: &Session,
    readers: &[Session; READERS],
    run: &Arc<Run>,
    part: &Part<'_>,
    pace: &Pace,
) -> Result<()> {
    let snapshot = rows::begin_snapshot(session).await?;
    try_join_all(readers.iter().map(|reader| rows::join_snapshot(reader, &snapshot))).await?;
    let sessions = || std::iter::once(session).chain(readers);
    let selection = &Selection::of(part.buckets, part.after);
    try_join_all(LANES.iter().zip(sessions()).map(async |(lane, session)| {
        for scope in lane.iter().filter(|scope| part.scopes.contains(scope)) {
            load_scope(session, run, *scope, selection, part, pace).await?;
        }
        Ok::<_, Error>(())
    }))
    .await?;
    try_join_all(sessions().map(rows::end_snapshot)).await.map(drop)
}

/// Removes from closed buckets what a load of these scopes writes anew, as far as Postgres knows what there can be: all
/// that servers ever wrote. (Looking through all keys of Redis for each group takes longer than loading it.)
pub(super) async fn clear(session: &Session, run: &Arc<Run>, buckets: &[Bucket], scopes: &[Scope]) -> Result<()> {
    let selection = &Selection::of(buckets, 0);
    let clear = Calls { run, counted: None };
    let users = rows::users(session, selection).await?.map_ok(|(id, _)| id);
    clear.all(users, |id| id.bucket(), |home, users| async move { home.clear_users(&users, scopes).await }).await?;
    let videos = rows::videos(session, selection).await?.map_ok(|video| video.id);
    clear.all(videos, |id| id.bucket(), |home, videos| async move { home.clear_videos(&videos, scopes).await }).await?;
    if scopes.contains(&Scope::Messages) {
        let chats = rows::chats(session, buckets).await?;
        clear.all(chats, |(low, _)| low.bucket(), |home, chats| async move { home.clear_chats(&chats).await }).await?;
    }
    if scopes.contains(&Scope::Feed) && buckets.contains(&Bucket::FEED) {
        Home::new(run, Bucket::FEED).clear_feed().await?;
    }
    Ok(())
}

async fn load_scope(
    session: &Session,
    run: &Arc<Run>,
    scope: Scope,
    selection: &Selection,
    part: &Part<'_>,
    pace: &Pace,
) -> Result<()> {
    let load = Calls { run, counted: Some((scope, pace)) };
    match scope {
        Scope::Users => {
            let rows = rows::users(session, selection).await?;
            load.all(
                rows,
                |(id, _)| id.bucket(),
                |home, users| async move {
                    home.load_users(&users).await?;
                    crash::point("recovery_loading");
                    Ok(())
                },
            )
            .await
        }
        Scope::Videos => {
            let rows = rows::videos(session, selection).await?;
            load.all(rows, |video| video.id.bucket(), |home, videos| async move { home.load_videos(&videos).await })
                .await
        }
        Scope::Feed if part.buckets.contains(&Bucket::FEED) => load_feed(session, run, part, pace).await,
        Scope::Feed => Ok(()),
        Scope::Favorites => {
            let rows = rows::favorites(session, selection).await?;
            let bucket = |(row, _): &(EdgeRow, UserId)| bucket_of(row.edge.to);
            load.all(rows, bucket, |home, likes| async move { home.load_favorites(&likes).await }).await?;
            let rows = rows::favorite_mirrors(session, selection).await?;
            let bucket = |row: &EdgeRow| bucket_of(row.edge.from);
            load.all(rows, bucket, |home, likes| async move { home.load_favorite_mirrors(&likes).await }).await
        }
        Scope::Follows => {
            let rows = rows::follows(session, selection).await?;
            let bucket = |row: &EdgeRow| bucket_of(row.edge.to);
            load.all(rows, bucket, |home, follows| async move { home.load_follows(&follows).await }).await?;
            let rows = rows::follow_mirrors(session, selection).await?;
            let bucket = |row: &EdgeRow| bucket_of(row.edge.from);
            load.all(rows, bucket, |home, follows| async move { home.load_follow_mirrors(&follows).await }).await
        }
        Scope::Comments => {
            let rows = rows::comments(session, selection).await?;
            let bucket = |(video, _, _): &(VideoId, CommentRecord, bool)| video.bucket();
            load.all(rows, bucket, |home, comments| async move { home.load_comments(&comments).await }).await
        }
        Scope::Messages => {
            let rows = rows::messages(session, selection).await?;
            let bucket = |message: &MessageRecord| message.from.min(message.to).bucket();
            load.all(rows, bucket, |home, messages| async move { home.load_messages(&messages).await }).await
        }
    }
}

/// Calls with many rows each, some of them at once.
struct Calls<'a> {
    run: &'a Arc<Run>,
    /// Where rows are counted, and as what.
    counted: Option<(Scope, &'a Pace)>,
}

impl Calls<'_> {
    /// The rows come bucket by bucket; each call gets some of one bucket. Calls may overtake each other.
    async fn all<T, Called: Future<Output = Result<()>>>(
        &self,
        rows: impl Stream<Item = Result<T>>,
        bucket_of: impl Fn(&T) -> Bucket,
        call: impl Fn(Home, Vec<T>) -> Called,
    ) -> Result<()> {
        let call = &call;
        rows.try_chunks(CHUNK)
            .map_err(|fault| fault.1)
            .map_ok(|chunk| stream::iter(batches(chunk, &bucket_of).into_iter().map(Ok)))
            .try_flatten()
            .try_for_each_concurrent(CONCURRENCY, |(bucket, batch)| async move {
                let rows = batch.len();
                call(Home::new(self.run, bucket), batch).await?;
                if let Some((scope, pace)) = self.counted {
                    pace.count(scope, rows).await;
                }
                Ok(())
            })
            .await
    }
}

fn batches<T>(rows: Vec<T>, bucket_of: impl Fn(&T) -> Bucket) -> Vec<(Bucket, Vec<T>)> {
    let mut batches: Vec<(Bucket, Vec<T>)> = Vec::new();
    for row in rows {
        let bucket = bucket_of(&row);
        match batches.last_mut() {
            Some((last, batch)) if *last == bucket && batch.len() < BATCH => batch.push(row),
            _ => batches.push((bucket, vec![row])),
        }
    }
    batches
}

async fn load_feed(session: &Session, run: &Arc<Run>, part: &Part<'_>, pace: &Pace) -> Result<()> {
    let feed = Home::new(run, Bucket::FEED);
    let mut ids: Vec<VideoId> = rows::feed(session, part.after, part.feed_window + 1).await?;
    let window = part.feed_window as usize;
    let floor = ids.get(window).map_or(0, |left_out| left_out.0);
    ids.truncate(window);
    feed.load_feed(floor, &[]).await?;
    stream::iter(ids.chunks(BATCH).map(Ok))
        .try_for_each_concurrent(CONCURRENCY, |ids| async {
            feed.load_feed(floor, ids).await?;
            pace.count(Scope::Feed, ids.len()).await;
            Ok(())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_of_one_bucket_and_not_too_long() {
        let bucket = |number| Bucket::new(number).unwrap();
        let rows: Vec<u16> = [vec![1; 3], vec![2; BATCH + 1], vec![3]].concat();
        let batches = batches(rows, |row| bucket(*row));
        let sizes: Vec<_> = batches.iter().map(|(bucket, rows)| (*bucket, rows.len())).collect();
        assert_eq!(sizes, [(bucket(1), 3), (bucket(2), BATCH), (bucket(2), 1), (bucket(3), 1)]);
    }
}
