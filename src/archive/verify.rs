//! Rows by their keys, to be compared with Redis one by one.

use tokio_postgres::{Client, Row};

use super::{fault, load, videos};
use crate::error::Result;
use crate::id::{UserId, VideoId};
use crate::model::{CommentRecord, EdgeRow, MessageRecord, VideoRecord};

/// How many rows there are that Redis should show.
#[derive(Debug, Clone, Copy)]
pub struct Totals {
    pub users: u64,
    pub videos: u64,
    pub likes: u64,
    pub follows: u64,
    pub comments: u64,
    pub messages: u64,
}

pub async fn totals(session: &Client) -> Result<Totals> {
    let row = session.query_one(include_str!("../../sql/queries/verify_totals.sql"), &[]).await.map_err(fault)?;
    let [users, videos, likes, follows, comments, messages] = [0, 1, 2, 3, 4, 5].map(|column| number(&row, column));
    Ok(Totals { users, videos, likes, follows, comments, messages })
}

/// A user, and the sizes that his sets should have.
#[derive(Debug)]
pub struct UserRow {
    pub id: UserId,
    pub name: String,
    /// 0: Redis may not show the user yet.
    pub version: u64,
    pub likes: u64,
    pub follows: u64,
    pub followers: u64,
    pub friends: u64,
}

pub async fn users(session: &Client, ids: &[u64]) -> Result<Vec<UserRow>> {
    let rows = session
        .query(include_str!("../../sql/queries/verify_users.sql"), &[&columns(ids.iter().copied())])
        .await
        .map_err(fault)?;
    Ok(rows
        .iter()
        .map(|row| UserRow {
            id: UserId(number(row, 0)),
            name: row.get(1),
            version: number(row, 2),
            likes: number(row, 3),
            follows: number(row, 4),
            followers: number(row, 5),
            friends: number(row, 6),
        })
        .collect())
}

/// A video, and the sizes that its sets should have.
#[derive(Debug)]
pub struct VideoRow {
    pub record: VideoRecord,
    /// 0: Redis may not show the video yet.
    pub version: u64,
    pub likes: u64,
    pub comments: u64,
}

pub async fn videos(session: &Client, ids: &[u64]) -> Result<Vec<VideoRow>> {
    let rows = session
        .query(include_str!("../../sql/queries/verify_videos.sql"), &[&columns(ids.iter().copied())])
        .await
        .map_err(fault)?;
    let video = |row| VideoRow {
        record: videos::record(row),
        version: number(row, 5),
        likes: number(row, 6),
        comments: number(row, 7),
    };
    Ok(rows.iter().map(video).collect())
}

/// `edges`: from user, to video. Rows that are off included.
pub async fn favorites(session: &Client, edges: &[(u64, u64)]) -> Result<Vec<EdgeRow>> {
    pairs(session, include_str!("../../sql/queries/verify_favorites.sql"), edges, load::edge).await
}

/// `edges`: from follower, to followed. Rows that are off included.
pub async fn follows(session: &Client, edges: &[(u64, u64)]) -> Result<Vec<EdgeRow>> {
    pairs(session, include_str!("../../sql/queries/verify_follows.sql"), edges, load::edge).await
}

/// Comments, whether they are there, and the versions of that.
pub async fn comments(session: &Client, ids: &[u64]) -> Result<Vec<(VideoId, CommentRecord, bool, u64)>> {
    let rows = session
        .query(include_str!("../../sql/queries/verify_comments.sql"), &[&columns(ids.iter().copied())])
        .await
        .map_err(fault)?;
    let comment = |row| {
        let (video, record, on) = load::comment(row);
        (video, record, on, number(row, 5))
    };
    Ok(rows.iter().map(comment).collect())
}

pub async fn messages(session: &Client, ids: &[u64]) -> Result<Vec<MessageRecord>> {
    let rows = session
        .query(include_str!("../../sql/queries/verify_messages.sql"), &[&columns(ids.iter().copied())])
        .await
        .map_err(fault)?;
    Ok(rows.iter().map(load::message).collect())
}

/// Each chat (lower user, higher user) with the number of its messages.
pub async fn chats(session: &Client, chats: &[(u64, u64)]) -> Result<Vec<((u64, u64), u64)>> {
    let size = |row: &Row| ((number(row, 0), number(row, 1)), number(row, 2));
    pairs(session, include_str!("../../sql/queries/verify_chats.sql"), chats, size).await
}

/// Those of these users and videos that there are, each with whether it is a video.
pub async fn owners(session: &Client, users: &[u64], videos: &[u64]) -> Result<Vec<(u64, bool)>> {
    let ids = [users, videos].map(|ids| columns(ids.iter().copied()));
    let rows =
        session.query(include_str!("../../sql/queries/verify_owners.sql"), &[&ids[0], &ids[1]]).await.map_err(fault)?;
    Ok(rows.iter().map(|row| (number(row, 0), row.get(1))).collect())
}

/// Those of these videos and authors that do not belong together.
pub async fn strays(session: &Client, works: &[(u64, u64)]) -> Result<Vec<(u64, u64)>> {
    let stray = |row: &Row| (number(row, 0), number(row, 1));
    pairs(session, include_str!("../../sql/queries/verify_works.sql"), works, stray).await
}

async fn pairs<T>(session: &Client, sql: &str, pairs: &[(u64, u64)], decode: impl Fn(&Row) -> T) -> Result<Vec<T>> {
    let (left, right) = (columns(pairs.iter().map(|pair| pair.0)), columns(pairs.iter().map(|pair| pair.1)));
    let rows = session.query(sql, &[&left, &right]).await.map_err(fault)?;
    Ok(rows.iter().map(decode).collect())
}

fn columns(ids: impl Iterator<Item = u64>) -> Vec<i64> {
    ids.map(|id| id as i64).collect()
}

fn number(row: &Row, column: usize) -> u64 {
    row.get::<_, i64>(column) as u64
}
