//! Migrations: `sql/migrations`, in order, each once.

use tokio_postgres::Client;

use super::{Archive, fault};
use crate::error::{Error, Result};

const MIGRATIONS: &[(i32, &str)] = &[
    (1, include_str!("../../sql/migrations/0001_users_and_videos.sql")),
    (2, include_str!("../../sql/migrations/0002_edges_comments_messages.sql")),
    (3, include_str!("../../sql/migrations/0003_warmup.sql")),
    (4, include_str!("../../sql/migrations/0004_fewer_indexes.sql")),
];

/// Applies what is missing; gives how many were. Safe to run from several processes at once.
pub async fn migrate(archive: &Archive) -> Result<usize> {
    let mut session = archive.session().await?;
    session
        .batch_execute(
            "select pg_advisory_lock(7230640411340);
             create table if not exists migration (number int primary key, at timestamptz not null default now())",
        )
        .await
        .map_err(fault)?;
    let applied = applied(&session).await?;
    let mut count = 0;
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > applied) {
        let transaction = session.transaction().await.map_err(fault)?;
        transaction.batch_execute(sql).await.map_err(fault)?;
        transaction.execute("insert into migration (number) values ($1)", &[number]).await.map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        count += 1;
    }
    Ok(count)
}

/// Refuses a database that is older or newer than this program.
pub async fn check(archive: &Archive) -> Result<()> {
    let session = archive.session().await?;
    let row = session.query_one("select to_regclass('migration') is not null", &[]).await.map_err(fault)?;
    let applied = if row.get(0) { applied(&session).await? } else { 0 };
    let newest = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    match applied.cmp(&newest) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(Error::internal(format!(
            "the database is at migration {applied}, this program needs {newest}: run `riffle migrate`"
        ))),
        std::cmp::Ordering::Greater => Err(Error::internal(format!(
            "the database is at migration {applied}, this program knows {newest}: it is older than the database"
        ))),
    }
}

async fn applied(session: &Client) -> Result<i32> {
    let row = session.query_one("select coalesce(max(number), 0) from migration", &[]).await.map_err(fault)?;
    Ok(row.get(0))
}
