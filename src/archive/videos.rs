//! Videos.

use std::time::Duration;

use tokio_postgres::{Error as PostgresError, GenericClient, Row};

use super::Archive;
use crate::error::Result;
use crate::id::{UserId, VideoId};
use crate::model::VideoRecord;

/// What became of a video's cover.
#[derive(Debug, Clone, Copy)]
pub enum Cover {
    Made = 1,
    Impossible = 2,
}

/// A row of `id, author, title, object, cover`.
pub(super) fn record(row: &Row) -> VideoRecord {
    VideoRecord {
        id: VideoId::from(row.get::<_, i64>(0)),
        author: UserId::from(row.get::<_, i64>(1)),
        title: row.get(2),
        object: row.get(3),
        cover: row.get::<_, i16>(4) == Cover::Made as i16,
    }
}

pub async fn insert(archive: &Archive, id: VideoId, author: UserId, title: &str, object: &str) -> Result<()> {
    let mut connection = archive.connection().await?;
    let sql = include_str!("../../sql/queries/video_insert.sql");
    connection.execute(sql, &[&id.as_i64(), &author.as_i64(), &title, &object]).await?;
    Ok(())
}

/// Videos written more than `age` ago that Redis may not show: at most `count`.
pub async fn pending(archive: &Archive, age: Duration, count: i64) -> Result<Vec<VideoRecord>> {
    let mut connection = archive.connection().await?;
    let sql = include_str!("../../sql/queries/videos_pending.sql");
    Ok(connection.query(sql, &[&age.as_secs_f64(), &count]).await?.iter().map(record).collect())
}

/// The feed past what Redis keeps: ids below `before`, newest first.
pub async fn before(archive: &Archive, before: u64, count: usize) -> Result<Vec<VideoId>> {
    let mut connection = archive.connection().await?;
    let sql = include_str!("../../sql/queries/videos_before.sql");
    let rows = connection.query(sql, &[&(before as i64), &(count as i64)]).await?;
    Ok(rows.iter().map(|row| VideoId::from(row.get::<_, i64>(0))).collect())
}

/// Videos older than `before` that want a cover, newest first: at most `count`.
pub async fn uncovered(archive: &Archive, before: u64, count: i64) -> Result<Vec<VideoRecord>> {
    let mut connection = archive.connection().await?;
    let sql = include_str!("../../sql/queries/videos_uncovered.sql");
    Ok(connection.query(sql, &[&(before as i64), &count]).await?.iter().map(record).collect())
}

/// `version`: at which Redis shows the cover; 0: it shows none.
pub async fn covered(archive: &Archive, id: VideoId, cover: Cover, version: u64) -> Result<()> {
    let mut connection = archive.connection().await?;
    let sql = include_str!("../../sql/queries/video_covered.sql");
    connection.execute(sql, &[&id.as_i64(), &(cover as i16), &(version as i64)]).await?;
    Ok(())
}

/// Which of these media files belong to a video.
pub async fn objects_known(archive: &Archive, objects: &[String]) -> Result<Vec<String>> {
    let mut connection = archive.connection().await?;
    let rows = connection.query(include_str!("../../sql/queries/objects_known.sql"), &[&objects]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Notes the version at which Redis showed each video.
pub(super) async fn shown(
    client: &impl GenericClient,
    versions: impl Iterator<Item = (i64, i64)>,
) -> Result<(), PostgresError> {
    let (ids, versions): (Vec<i64>, Vec<i64>) = versions.unzip();
    client.execute(include_str!("../../sql/queries/videos_shown.sql"), &[&ids, &versions]).await.map(drop)
}
