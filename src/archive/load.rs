//! The rows that Redis is loaded from, bucket by bucket. As streams: there may be more than memory allows.
//!
//! `after`: only what changed after this version, what is off included (for a Redis that kept what it had); 0:
//! everything that is on.

use futures_util::{Stream, TryStreamExt};
use tokio_postgres::{Client, Row};

use super::{fault, videos};
use crate::error::Result;
use crate::id::{UserId, VideoId};
use crate::model::{CommentRecord, EdgeChange, EdgeRow, MessageRecord, VideoRecord};

pub async fn users(session: &Client, after: u64) -> Result<impl Stream<Item = Result<(UserId, String)>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_users.sql"), after).await?;
    Ok(rows.map_ok(|row| (UserId::from(row.get::<_, i64>(0)), row.get(1))))
}

pub async fn videos(session: &Client, after: u64) -> Result<impl Stream<Item = Result<VideoRecord>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_videos.sql"), after).await?;
    Ok(rows.map_ok(|row| videos::record(&row)))
}

/// In the order of the videos' buckets, with the videos' authors.
pub async fn favorites(session: &Client, after: u64) -> Result<impl Stream<Item = Result<(EdgeRow, UserId)>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_favorites_home.sql"), after).await?;
    Ok(rows.map_ok(|row| (edge(&row), UserId::from(row.get::<_, i64>(4)))))
}

/// In the order of the users' buckets.
pub async fn favorite_mirrors(session: &Client, after: u64) -> Result<impl Stream<Item = Result<EdgeRow>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_favorites_mirror.sql"), after).await?;
    Ok(rows.map_ok(|row| edge(&row)))
}

/// In the order of the followed users' buckets.
pub async fn follows(session: &Client, after: u64) -> Result<impl Stream<Item = Result<EdgeRow>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_follows_home.sql"), after).await?;
    Ok(rows.map_ok(|row| edge(&row)))
}

/// In the order of the followers' buckets.
pub async fn follow_mirrors(session: &Client, after: u64) -> Result<impl Stream<Item = Result<EdgeRow>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_follows_mirror.sql"), after).await?;
    Ok(rows.map_ok(|row| edge(&row)))
}

/// In the order of the videos' buckets, and whether they are there.
pub async fn comments(
    session: &Client,
    after: u64,
) -> Result<impl Stream<Item = Result<(VideoId, CommentRecord, bool)>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_comments.sql"), after).await?;
    Ok(rows.map_ok(|row| comment(&row)))
}

/// In the order of the chats' buckets.
pub async fn messages(session: &Client, after: u64) -> Result<impl Stream<Item = Result<MessageRecord>>> {
    let rows = rows(session, include_str!("../../sql/queries/load_messages.sql"), after).await?;
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

async fn rows(session: &Client, sql: &str, after: u64) -> Result<impl Stream<Item = Result<Row>> + use<>> {
    let rows = session.query_raw(sql, [after as i64]).await.map_err(fault)?;
    Ok(rows.map_err(fault))
}
