//! How far a warm-up has come, so that one that was killed can go on.

use tokio_postgres::Client;

use super::fault;
use crate::error::Result;
use crate::id::Bucket;

/// The buckets that an interrupted warm-up of the same parts has loaded.
pub async fn begun(session: &Client, parts: &str) -> Result<Vec<Bucket>> {
    let sql = include_str!("../../sql/queries/warmup_begun.sql");
    let done: Vec<i16> = match session.query_opt(sql, &[&parts]).await.map_err(fault)? {
        Some(row) => row.get(0),
        None => Vec::new(),
    };
    Ok(done.into_iter().filter_map(|number| Bucket::new(number as u16)).collect())
}

pub async fn done(session: &Client, parts: &str, buckets: &[Bucket]) -> Result<()> {
    let buckets: Vec<i16> = buckets.iter().map(|bucket| bucket.number() as i16).collect();
    session.execute(include_str!("../../sql/queries/warmup_done.sql"), &[&parts, &buckets]).await.map_err(fault)?;
    Ok(())
}

pub async fn finished(session: &Client, parts: &str) -> Result<()> {
    session.execute(include_str!("../../sql/queries/warmup_finished.sql"), &[&parts]).await.map_err(fault)?;
    Ok(())
}
