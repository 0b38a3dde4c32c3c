//! The rows that Redis is loaded from, bucket by bucket. As streams: there may be more than memory allows.
//!
//! Each takes a [`Selection`] of rows.

use futures_util::{Stream, TryStreamExt};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::{fault, videos};
use crate::error::Result;
use crate::id::{Bucket, UserId, VideoId};
use crate::model::{CommentRecord, EdgeChange, EdgeRow, MessageRecord, VideoRecord};

/// Which rows are loaded.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Only what changed after this version, what is off included (for a Redis that kept what it had); 0: everything
    /// that is on.
    pub after: u64,
    buckets: Vec<i64>,
}

impl Selection {
    pub fn of(buckets: &[Bucket], after: u64) -> Selection {
        Selection { after, buckets: numbers(buckets) }
    }

    pub fn everything() -> Selection {
        Selection::of(&Bucket::all().collect::<Vec<_>>(), 0)
    }
}

fn numbers(buckets: &[Bucket]) -> Vec<i64> {
    buckets.iter().map(|bucket| i64::from(bucket.number())).collect()
}

/// The rows of a group of buckets are sorted in memory.
const BEGIN: &str = "begin isolation level repeatable read, read only; set local work_mem = '64MB'";

/// Begins to read everything as it is now; gives what others need to read the same.
pub async fn begin_snapshot(session: &Client) -> Result<String> {
    session.batch_execute(BEGIN).await.map_err(fault)?;
    let sql = include_str!("../../sql/queries/load_snapshot.sql");
    Ok(session.query_one(sql, &[]).await.map_err(fault)?.get(0))
}

/// Has another session read what the first one reads, while that has not ended.
pub async fn join_snapshot(session: &Client, snapshot: &str) -> Result<()> {
    // A name that Postgres gave; it takes no parameter here.
    session.batch_execute(&format!("{BEGIN}; set transaction snapshot '{snapshot}'")).await.map_err(fault)
}

pub async fn end_snapshot(session: &Client) -> Result<()> {
    session.batch_execute("commit").await.map_err(fault)
}

pub async fn users(session: &Client, selection: &Selection) -> Result<impl Stream<Item = Result<(UserId, String)>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_users.sql"), selection).await?;
    Ok(rows.map_ok(|row| (UserId::from(row.get::<_, i64>(0)), row.get(1))))
}

pub async fn videos(session: &Client, selection: &Selection) -> Result<impl Stream<Item = Result<VideoRecord>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_videos.sql"), selection).await?;
    Ok(rows.map_ok(|row| videos::record(&row)))
}

/// In the order of the videos' buckets, with the videos' authors.
pub async fn favorites(
    session: &Client,
    selection: &Selection,
) -> Result<impl Stream<Item = Result<(EdgeRow, UserId)>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_favorites_home.sql"), selection).await?;
    Ok(rows.map_ok(|row| (edge(&row), UserId::from(row.get::<_, i64>(4)))))
}

/// In the order of the users' buckets.
pub async fn favorite_mirrors(session: &Client, selection: &Selection) -> Result<impl Stream<Item = Result<EdgeRow>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_favorites_mirror.sql"), selection).await?;
    Ok(rows.map_ok(|row| edge(&row)))
}

/// In the order of the followed users' buckets.
pub async fn follows(session: &Client, selection: &Selection) -> Result<impl Stream<Item = Result<EdgeRow>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_follows_home.sql"), selection).await?;
    Ok(rows.map_ok(|row| edge(&row)))
}

/// In the order of the followers' buckets.
pub async fn follow_mirrors(session: &Client, selection: &Selection) -> Result<impl Stream<Item = Result<EdgeRow>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_follows_mirror.sql"), selection).await?;
    Ok(rows.map_ok(|row| edge(&row)))
}

/// In the order of the videos' buckets, and whether they are there.
pub async fn comments(
    session: &Client,
    selection: &Selection,
) -> Result<impl Stream<Item = Result<(VideoId, CommentRecord, bool)>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_comments.sql"), selection).await?;
    Ok(rows.map_ok(|row| comment(&row)))
}

/// In the order of the chats' buckets.
pub async fn messages(session: &Client, selection: &Selection) -> Result<impl Stream<Item = Result<MessageRecord>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_messages.sql"), selection).await?;
    Ok(rows.map_ok(|row| message(&row)))
}

/// A row of `id, video_id, user_id, content, is_on`.
pub(super) fn comment(row: &Row) -> (VideoId, CommentRecord, bool) {
    let number = |column| row.get::<_, i64>(column) as u64;
    let comment = CommentRecord { id: number(0), user: UserId(number(2)), text: row.get(3) };
    (VideoId(number(1)), comment, row.get(4))
}

/// A row of `id, low_id, high_id, from_id, sent_ms, content`.
pub(super) fn message(row: &Row) -> MessageRecord {
    let number = |column| row.get::<_, i64>(column) as u64;
    let (low, high, from) = (UserId(number(1)), UserId(number(2)), UserId(number(3)));
    let to = if from == low { high } else { low };
    MessageRecord { id: number(0), from, to, time_ms: row.get(4), text: row.get(5) }
}

/// A row of `from_id, to_id, version, is_on`.
pub(super) fn edge(row: &Row) -> EdgeRow {
    let number = |column| row.get::<_, i64>(column) as u64;
    EdgeRow { edge: EdgeChange { from: number(0), to: number(1), on: row.get(3) }, version: number(2) }
}

async fn rows(session: &Client, sql: &str, selection: &Selection) -> Result<impl Stream<Item = Result<Row>> + use<>> {
    stream(session, sql, &[&(selection.after as i64), &selection.buckets]).await
}

async fn stream(
    session: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<impl Stream<Item = Result<Row>> + use<>> {
    let rows = session.query_raw(sql, parameters.iter().copied()).await.map_err(fault)?;
    Ok(rows.map_err(fault))
}

/// The chats of some buckets: lower and higher user id.
pub async fn chats(
    session: &Client,
    buckets: &[Bucket],
) -> Result<impl Stream<Item = Result<(UserId, UserId)>> + use<>> {
    let rows = stream(session, include_str!("../../sql/queries/load_chats.sql"), &[&numbers(buckets)]).await?;
    Ok(rows.map_ok(|row| (UserId::from(row.get::<_, i64>(0)), UserId::from(row.get::<_, i64>(1)))))
}

/// The newest `limit` videos, newest first.
pub async fn feed(session: &Client, after: u64, limit: u64) -> Result<Vec<VideoId>> {
    let sql = include_str!("../../sql/queries/load_feed.sql");
    let rows = session.query(sql, &[&(after as i64), &(limit as i64)]).await.map_err(fault)?;
    Ok(rows.iter().map(|row| VideoId::from(row.get::<_, i64>(0))).collect())
}

/// The buckets of the newest `videos` videos.
pub async fn newest_buckets(session: &Client, videos: usize) -> Result<Vec<Bucket>> {
    let sql = include_str!("../../sql/queries/newest_buckets.sql");
    let rows = session.query(sql, &[&(videos as i64)]).await.map_err(fault)?;
    Ok(rows.iter().filter_map(|row| Bucket::new(row.get::<_, i64>(0) as u16)).collect())
}

/// Likes of the buckets' videos that were not relayed, by users of other buckets that are open.
pub async fn undelivered_favorites(
    session: &Client,
    homes: &[Bucket],
) -> Result<impl Stream<Item = Result<EdgeRow>> + use<>> {
    let sql = include_str!("../../sql/queries/undelivered_favorites.sql");
    Ok(stream(session, sql, &[&numbers(homes)]).await?.map_ok(|row| edge(&row)))
}

/// The same for follows of the buckets' users.
pub async fn undelivered_follows(
    session: &Client,
    homes: &[Bucket],
) -> Result<impl Stream<Item = Result<EdgeRow>> + use<>> {
    let sql = include_str!("../../sql/queries/undelivered_follows.sql");
    Ok(stream(session, sql, &[&numbers(homes)]).await?.map_ok(|row| edge(&row)))
}

/// Videos of the buckets that the feed may not have yet.
pub async fn undelivered_videos(session: &Client, buckets: &[Bucket]) -> Result<Vec<VideoId>> {
    let sql = include_str!("../../sql/queries/undelivered_videos.sql");
    let rows = session.query(sql, &[&numbers(buckets)]).await.map_err(fault)?;
    Ok(rows.iter().map(|row| VideoId::from(row.get::<_, i64>(0))).collect())
}

/// How many bytes all rows take, known at once.
pub async fn size(session: &Client) -> Result<u64> {
    let row = session.query_one(include_str!("../../sql/queries/load_size.sql"), &[]).await.map_err(fault)?;
    Ok(row.get::<_, i64>(0) as u64)
}

/// How many rows of some buckets there are to load.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub users: u64,
    pub videos: u64,
    /// Both ends.
    pub favorites: u64,
    /// Both ends.
    pub follows: u64,
    pub comments: u64,
    pub messages: u64,
}

pub async fn totals(session: &Client, buckets: &[Bucket]) -> Result<Totals> {
    let sql = include_str!("../../sql/queries/load_totals.sql");
    let row = session.query_one(sql, &[&numbers(buckets)]).await.map_err(fault)?;
    let number = |column: &str| row.get::<_, i64>(column) as u64;
    Ok(Totals {
        users: number("users"),
        videos: number("videos"),
        favorites: number("favorites") + number("favorite_mirrors"),
        follows: number("follows") + number("follow_mirrors"),
        comments: number("comments"),
        messages: number("messages"),
    })
}
