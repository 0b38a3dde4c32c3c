//! What Postgres knows of the buckets' life in Redis, and the steps of recovery and relay that are one transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::{Client, Row, Transaction};

use super::{Archive, fault, users, videos};
use crate::error::{Error, Result};
use crate::id::Bucket;

#[derive(Debug, Clone, Copy)]
pub struct BucketRow {
    pub epoch: u64,
    pub open: bool,
    /// Its outbox is flushed up to here.
    pub position: u64,
    /// Both ends have everything up to here.
    pub relayed: u64,
    /// The highest id of the bucket that a committed step relied on.
    pub seen: u64,
}

const POSITIONS: &str = include_str!("../../sql/queries/bucket_positions.sql");

pub async fn installation(session: &Client) -> Result<String> {
    let row = session.query_one(include_str!("../../sql/queries/installation.sql"), &[]).await.map_err(fault)?;
    Ok(row.get(0))
}

/// One row for each of [`Bucket::all`].
pub async fn all(session: &Client) -> Result<Vec<BucketRow>> {
    rows(session, include_str!("../../sql/queries/buckets.sql")).await
}

async fn rows(session: &Client, sql: &str) -> Result<Vec<BucketRow>> {
    parse(&session.query(sql, &[]).await.map_err(fault)?)
}

fn parse(rows: &[Row]) -> Result<Vec<BucketRow>> {
    if rows.len() != Bucket::COUNT {
        return Err(Error::internal(format!("table bucket has {} rows, not {}", rows.len(), Bucket::COUNT)));
    }
    let number = |row: &Row, column| row.get::<_, i64>(column) as u64;
    Ok(rows
        .iter()
        .map(|row| BucketRow {
            epoch: number(row, 1),
            open: row.get(2),
            position: number(row, 3),
            relayed: number(row, 4),
            seen: number(row, 5),
        })
        .collect())
}

/// As [`all`], without looking at the newest rows: `seen` is what was noted.
pub async fn positions(session: &Client) -> Result<Vec<BucketRow>> {
    rows(session, POSITIONS).await
}

/// As [`positions`], within the time limit of a request.
pub async fn positions_now(archive: &Archive) -> Result<Vec<BucketRow>> {
    parse(&archive.connection().await?.query(POSITIONS, &[]).await?)
}

pub async fn is_run_admitted(session: &Client, run_id: &str) -> Result<bool> {
    let sql = include_str!("../../sql/queries/run_admitted.sql");
    Ok(session.query_opt(sql, &[&run_id]).await.map_err(fault)?.is_some())
}

/// Waits until no other recovery is under way, and keeps others out for the life of the session, which ends when it is
/// silent for a minute: a recoverer that froze keeps nobody out for ever, and the epochs stop it when it wakes.
pub async fn lock_recovery(session: &Client) -> Result<()> {
    session.batch_execute("set idle_session_timeout = '60s'").await.map_err(fault)?;
    session.query(include_str!("../../sql/queries/recovery_lock.sql"), &[]).await.map_err(fault)?;
    Ok(())
}

/// What a bucket was when it was fenced.
#[derive(Debug, Clone, Copy)]
pub struct Former {
    pub epoch: u64,
    pub open: bool,
}

/// Closes buckets and gives them a new epoch. `run_ids`: what is not admitted any more. Gives what the buckets were.
pub async fn fence(
    session: &mut Client,
    epoch: u64,
    buckets: &[Bucket],
    run_ids: &[String],
) -> Result<BTreeMap<Bucket, Former>> {
    let transaction = session.transaction().await.map_err(fault)?;
    let sql = include_str!("../../sql/queries/buckets_fence.sql");
    let fenced = transaction.query(sql, &[&(epoch as i64), &numbers(buckets)]).await.map_err(fault)?;
    all_of(buckets, fenced.len() as u64, "fenced")?;
    transaction.execute(include_str!("../../sql/queries/runs_dismiss.sql"), &[&run_ids]).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    let former = fenced.iter().filter_map(|row| {
        let bucket = Bucket::new(row.get::<_, i16>(0) as u16)?;
        Some((bucket, Former { epoch: row.get::<_, i64>(1) as u64, open: row.get(2) }))
    });
    Ok(former.collect())
}

/// Fails where any bucket was fenced since `rows` were read; none will be before the transaction ends.
pub(super) async fn expect_epochs(transaction: &Transaction<'_>, rows: &[BucketRow]) -> Result<()> {
    let locked = transaction.query(include_str!("../../sql/queries/buckets_lock.sql"), &[]).await.map_err(fault)?;
    let epochs = locked.iter().map(|row| row.get::<_, i64>(0) as u64);
    match epochs.eq(rows.iter().map(|row| row.epoch)) {
        true => Ok(()),
        false => Err(Error::unavailable("another recovery was here")),
    }
}

/// Admits runs, unless any bucket was fenced since `rows` were read.
pub async fn admit(session: &mut Client, run_ids: &[String], rows: &[BucketRow]) -> Result<()> {
    let transaction = session.transaction().await.map_err(fault)?;
    expect_epochs(&transaction, rows).await?;
    admit_all(&transaction, run_ids).await?;
    transaction.commit().await.map_err(fault)
}

/// Opens buckets at their bases, and admits their runs where they were not before, unless any bucket was fenced since
/// `rows` were read: another recovery then counts on these being closed.
pub async fn open(
    session: &mut Client,
    epoch: u64,
    bases: &[(Bucket, u64)],
    run_ids: &[String],
    rows: &[BucketRow],
) -> Result<()> {
    let transaction = session.transaction().await.map_err(fault)?;
    expect_epochs(&transaction, rows).await?;
    move_to_bases(&transaction, include_str!("../../sql/queries/buckets_open.sql"), epoch, bases).await?;
    admit_all(&transaction, run_ids).await?;
    transaction.commit().await.map_err(fault)
}

/// Notes that what was lost of closed buckets lies below their bases, unless another recovery has fenced them since.
pub async fn note_bases(session: &mut Client, epoch: u64, bases: &[(Bucket, u64)]) -> Result<()> {
    admit_closed(session, epoch, bases, &[]).await
}

/// The same, and admits runs whose buckets stay closed, to be loaded.
pub async fn admit_closed(session: &mut Client, epoch: u64, bases: &[(Bucket, u64)], run_ids: &[String]) -> Result<()> {
    let transaction = session.transaction().await.map_err(fault)?;
    move_to_bases(&transaction, include_str!("../../sql/queries/buckets_settle.sql"), epoch, bases).await?;
    admit_all(&transaction, run_ids).await?;
    transaction.commit().await.map_err(fault)
}

async fn move_to_bases(transaction: &Transaction<'_>, sql: &str, epoch: u64, bases: &[(Bucket, u64)]) -> Result<()> {
    let (buckets, bases): (Vec<Bucket>, Vec<i64>) = bases.iter().map(|(bucket, base)| (*bucket, *base as i64)).unzip();
    let moved = transaction.execute(sql, &[&(epoch as i64), &numbers(&buckets), &bases]).await.map_err(fault)?;
    all_of(&buckets, moved, "moved to their bases")
}

async fn admit_all(transaction: &Transaction<'_>, run_ids: &[String]) -> Result<()> {
    for run_id in run_ids {
        transaction.execute(include_str!("../../sql/queries/run_admit.sql"), &[run_id]).await.map_err(fault)?;
    }
    Ok(())
}

fn numbers(buckets: &[Bucket]) -> Vec<i16> {
    buckets.iter().map(|bucket| bucket.number() as i16).collect()
}

fn all_of(buckets: &[Bucket], changed: u64, step: &str) -> Result<()> {
    if changed == buckets.len() as u64 {
        return Ok(());
    }
    Err(Error::unavailable(format!("another recovery is ahead: {changed} of {} buckets {step}", buckets.len())))
}

/// Whether this session is now the one that flushes; it is until it ends. One that hangs, silent for longer than
/// `silence_max`, is ended by Postgres, so that another can take over.
pub async fn try_lock_flush(session: &Client, silence_max: Duration) -> Result<bool> {
    let ms = silence_max.as_millis();
    let limits = format!("set idle_session_timeout = {ms}; set idle_in_transaction_session_timeout = {ms}");
    session.batch_execute(&limits).await.map_err(fault)?;
    let row = session.query_one(include_str!("../../sql/queries/flush_lock.sql"), &[]).await.map_err(fault)?;
    Ok(row.get(0))
}

/// Notes up to where both ends have everything, and the ids that the mirrors minted when they confirmed it; all or
/// nothing. Each with its bucket and the epoch it belongs to.
pub async fn relayed(session: &mut Client, relayed: &[Noted], seen: &[Noted]) -> Result<()> {
    let transaction = session.transaction().await.map_err(fault)?;
    note(&transaction, include_str!("../../sql/queries/flush_relayed.sql"), relayed).await?;
    note_seen(&transaction, seen).await?;
    transaction.commit().await.map_err(fault)
}

/// A bucket, its epoch, and an id.
pub type Noted = (Bucket, u64, u64);

async fn note_seen(transaction: &Transaction<'_>, seen: &[Noted]) -> Result<()> {
    note(transaction, include_str!("../../sql/queries/buckets_seen.sql"), seen).await
}

async fn note(transaction: &Transaction<'_>, sql: &str, noted: &[Noted]) -> Result<()> {
    let buckets: Vec<i16> = noted.iter().map(|(bucket, _, _)| bucket.number() as i16).collect();
    let epochs: Vec<i64> = noted.iter().map(|(_, epoch, _)| *epoch as i64).collect();
    let ids: Vec<i64> = noted.iter().map(|(_, _, id)| *id as i64).collect();
    let changed = transaction.execute(sql, &[&buckets, &epochs, &ids]).await.map_err(fault)?;
    if changed != noted.len() as u64 {
        return Err(Error::unavailable("a recovery began meanwhile"));
    }
    Ok(())
}

/// What the relay did for pending rows: ids and the versions at which Redis shows them.
#[derive(Default)]
pub struct Shown {
    pub users: Vec<(u64, u64)>,
    pub videos: Vec<(u64, u64)>,
    /// The highest id minted in each bucket that was relied on.
    pub seen: Vec<Noted>,
}

/// Notes all of it, or nothing when a bucket has changed its epoch since.
pub async fn shown(archive: &Archive, shown: &Shown) -> Result<()> {
    let mut session = archive.session().await?;
    let transaction = session.transaction().await.map_err(fault)?;
    let columns = |(id, version): &(u64, u64)| (*id as i64, *version as i64);
    users::shown(&transaction, shown.users.iter().map(columns)).await.map_err(fault)?;
    videos::shown(&transaction, shown.videos.iter().map(columns)).await.map_err(fault)?;
    note_seen(&transaction, &shown.seen).await?;
    transaction.commit().await.map_err(fault)
}
