//! Accounts.

use std::time::Duration;

use tokio_postgres::{Error as PostgresError, GenericClient, Row};

use super::Archive;
use crate::error::Result;
use crate::id::UserId;
use crate::model::Registered;

pub struct Account {
    pub id: UserId,
    pub registered: Registered,
    /// Redis may not know the user yet.
    pub pending: bool,
}

/// A row of `id, name, name_key, password_hash`.
fn registered(row: &Row) -> Registered {
    Registered { name: row.get(1), name_key: row.get(2), password_hash: row.get(3) }
}

/// Gives false when the name is taken.
pub async fn insert(archive: &Archive, id: UserId, registered: &Registered) -> Result<bool> {
    let mut connection = archive.connection().await?;
    let sql = include_str!("../../sql/queries/user_insert.sql");
    let Registered { name, name_key, password_hash } = registered;
    Ok(connection.execute(sql, &[&id.as_i64(), name, name_key, password_hash]).await? == 1)
}

pub async fn by_name(archive: &Archive, name_key: &str) -> Result<Option<Account>> {
    let mut connection = archive.connection().await?;
    let rows = connection.query(include_str!("../../sql/queries/user_by_name.sql"), &[&name_key]).await?;
    Ok(rows.first().map(|row| Account {
        id: UserId::from(row.get::<_, i64>(0)),
        registered: registered(row),
        pending: row.get(4),
    }))
}

/// Users registered more than `age` ago that Redis may not know: at most `count`.
pub async fn pending(archive: &Archive, age: Duration, count: i64) -> Result<Vec<(UserId, Registered)>> {
    let mut connection = archive.connection().await?;
    let rows =
        connection.query(include_str!("../../sql/queries/users_pending.sql"), &[&age.as_secs_f64(), &count]).await?;
    Ok(rows.iter().map(|row| (UserId::from(row.get::<_, i64>(0)), registered(row))).collect())
}

/// Notes the version at which Redis showed each user.
pub(super) async fn shown(
    client: &impl GenericClient,
    versions: impl Iterator<Item = (i64, i64)>,
) -> Result<(), PostgresError> {
    let (ids, versions): (Vec<i64>, Vec<i64>) = versions.unzip();
    client.execute(include_str!("../../sql/queries/users_shown.sql"), &[&ids, &versions]).await.map(drop)
}
