//! The older part of lists of likes and follows: places that Redis does not keep.

use super::Archive;
use crate::error::Result;
use crate::model::{Entry, Order};

/// Entries with places below `before`, the last one first: at most `count`.
pub async fn before(archive: &Archive, order: Order, before: u64, count: usize) -> Result<Vec<Entry>> {
    let (sql, user) = match order {
        Order::Liked(user) => (include_str!("../../sql/queries/liked_before.sql"), user),
        Order::Followed(user) => (include_str!("../../sql/queries/followed_before.sql"), user),
        Order::FollowedBy(user) => (include_str!("../../sql/queries/followed_by_before.sql"), user),
    };
    let mut connection = archive.connection().await?;
    let rows = connection.query(sql, &[&user.as_i64(), &(before as i64), &(count as i64)]).await?;
    Ok(rows.iter().map(|row| Entry { id: row.get::<_, i64>(0) as u64, place: row.get::<_, i64>(1) as u64 }).collect())
}
