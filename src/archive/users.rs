//! Accounts.

use std::time::Duration;

use tokio_postgres::{Error as PostgresError, GenericClient};

use super::Archive;
use crate::error::Result;
use crate::id::UserId;

pub struct Account {
    pub id: UserId,
    pub name: String,
    pub password_hash: String,
    /// Redis may not know the user yet.
    pub pending: bool,
}

/// Gives false when the name is taken.
pub async fn insert(archive: &Archive, id: UserId, name: &str, name_key: &str, password_hash: &str) -> Result<bool> {
    let mut connection = archive.connection().await?;
    let sql = include_str!("../../sql/queries/user_insert.sql");
    Ok(connection.execute(sql, &[&id.as_i64(), &name, &name_key, &password_hash]).await? == 1)
}

pub async fn by_name(archive: &Archive, name_key: &str) -> Result<Option<Account>> {
    let mut connection = archive.connection().await?;
    let rows = connection.query(include_str!("../../sql/queries/user_by_name.sql"), &[&name_key]).await?;
    Ok(rows.first().map(|row| Account {
        id: UserId::from(row.get::<_, i64>(0)),
        name: row.get(1),
        password_hash: row.get(2),
        pending: row.get(3),
    }))
}

/// Users registered more than `age` ago that Redis may not know: at most `count`.
pub async fn pending(archive: &Archive, age: Duration, count: i64) -> Result<Vec<(UserId, String)>> {
    let mut connection = archive.connection().await?;
    let rows =
        connection.query(include_str!("../../sql/queries/users_pending.sql"), &[&age.as_secs_f64(), &count]).await?;
    Ok(rows.iter().map(|row| (UserId::from(row.get::<_, i64>(0)), row.get(1))).collect())
}

/// Notes the version at which Redis showed each user.
pub(super) async fn shown(
    client: &impl GenericClient,
    versions: impl Iterator<Item = (i64, i64)>,
) -> Result<(), PostgresError> {
    let (ids, versions): (Vec<i64>, Vec<i64>) = versions.unzip();
    client.execute(include_str!("../../sql/queries/users_shown.sql"), &[&ids, &versions]).await.map(drop)
}
