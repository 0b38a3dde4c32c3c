//! Writing outbox entries to Postgres: rows and positions in one transaction.
//!
//! A batch is reduced to the last state of each key and sorted by it (a duplicate key in one statement is an error, an
//! unsorted one may deadlock). What Postgres refuses goes to `dead_letter` in the same transaction: it never stops the
//! stream and is never dropped.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error as PostgresError, Transaction};

use super::buckets::{self, BucketRow};
use super::fault;
use crate::error::{Error, Result};
use crate::id::Bucket;
use crate::model::{Change, EdgeChange, Registered};

/// An outbox entry on its way to Postgres.
pub struct Item<'a> {
    pub bucket: Bucket,
    pub position: u64,
    /// As they stand in the stream.
    pub fields: &'a [String],
    /// `None`: the fields cannot be read.
    pub change: Option<&'a Change>,
}

/// How far a bucket's outbox gets by a batch.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    pub bucket: Bucket,
    pub epoch: u64,
    pub old: u64,
    pub new: u64,
}

/// Writes the entries and moves the positions, or does nothing: another flusher or a recovery was here. `open`: whether
/// the buckets are open, or closed for recovery. Gives how many entries became dead letters.
pub async fn commit(session: &mut Client, items: &[Item<'_>], moves: &[Move], open: bool) -> Result<u64> {
    let transaction = session.transaction().await.map_err(fault)?;
    match write(&transaction, items).await {
        Ok(()) => {
            let dead = bury_unreadable(&transaction, items).await?;
            finish(transaction, moves, open).await?;
            Ok(dead)
        }
        Err(error) if is_poison(&error) => {
            transaction.rollback().await.map_err(fault)?;
            let mut transaction = session.transaction().await.map_err(fault)?;
            let dead = write_one_by_one(&mut transaction, items).await?;
            finish(transaction, moves, open).await?;
            Ok(dead)
        }
        Err(error) => Err(fault(error)),
    }
}

/// Writes what mirrors prove, or nothing: a bucket was fenced since `rows` were read.
pub async fn adopt(session: &mut Client, items: &[Item<'_>], rows: &[BucketRow]) -> Result<()> {
    let transaction = session.transaction().await.map_err(fault)?;
    buckets::expect_epochs(&transaction, rows).await?;
    write(&transaction, items).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)
}

/// Data that Postgres will refuse for ever, as against a state of Postgres that passes.
fn is_poison(error: &PostgresError) -> bool {
    error.code().is_some_and(|state: &SqlState| ["22", "23"].contains(&&state.code()[..2]))
}

async fn finish(transaction: Transaction<'_>, moves: &[Move], open: bool) -> Result<()> {
    let buckets: Vec<i16> = moves.iter().map(|step| step.bucket.number() as i16).collect();
    let column = |of: fn(&Move) -> u64| moves.iter().map(|step| of(step) as i64).collect::<Vec<i64>>();
    let (epochs, old, new) = (column(|step| step.epoch), column(|step| step.old), column(|step| step.new));
    let sql = include_str!("../../sql/queries/flush_positions.sql");
    let moved = transaction.execute(sql, &[&buckets, &epochs, &old, &new, &open]).await.map_err(fault)?;
    if moved != moves.len() as u64 {
        return Err(Error::unavailable("another flusher or a recovery was here first"));
    }
    transaction.commit().await.map_err(fault)
}

async fn write_one_by_one(transaction: &mut Transaction<'_>, items: &[Item<'_>]) -> Result<u64> {
    let mut dead = 0;
    for item in items {
        let savepoint = transaction.transaction().await.map_err(fault)?;
        match write(&savepoint, std::slice::from_ref(item)).await {
            Ok(()) => savepoint.commit().await.map_err(fault)?,
            Err(error) if is_poison(&error) => {
                savepoint.rollback().await.map_err(fault)?;
                bury(transaction, item, &fault(error).to_string()).await?;
                dead += 1;
            }
            Err(error) => return Err(fault(error)),
        }
    }
    Ok(dead + bury_unreadable(transaction, items).await?)
}

async fn bury_unreadable(transaction: &Transaction<'_>, items: &[Item<'_>]) -> Result<u64> {
    let mut dead = 0;
    for item in items.iter().filter(|item| item.change.is_none()) {
        bury(transaction, item, "not an entry that riffle writes").await?;
        dead += 1;
    }
    Ok(dead)
}

async fn bury(transaction: &Transaction<'_>, item: &Item<'_>, reason: &str) -> Result<()> {
    // The one character that no text of Postgres can hold.
    let fields: Vec<String> = item.fields.iter().map(|field| field.replace('\0', "\u{2400}")).collect();
    let sql = include_str!("../../sql/queries/dead_letter_insert.sql");
    let (bucket, position) = (item.bucket.number() as i16, item.position as i64);
    transaction.execute(sql, &[&bucket, &position, &fields, &reason]).await.map_err(fault)?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    users: BTreeMap<i64, (i64, &'a Registered)>,
    videos: BTreeMap<i64, (i64, i64, &'a str, &'a str)>,
    covers: BTreeMap<i64, i64>,
    favorites: BTreeMap<(i64, i64), (i64, bool)>,
    follows: BTreeMap<(i64, i64), (i64, bool)>,
    comments: BTreeMap<i64, (i64, i64, &'a str)>,
    uncomments: BTreeMap<i64, i64>,
    messages: BTreeMap<i64, (i64, i64, i64, i64, &'a str)>,
}

impl<'a> Columns<'a> {
    fn of(items: &[Item<'a>]) -> Columns<'a> {
        let mut columns = Columns::default();
        let key = |edge: &EdgeChange| (edge.from as i64, edge.to as i64);
        // In the order of each stream: the last state of a key stays.
        for item in items {
            let version = item.position as i64;
            match item.change {
                None => {}
                Some(Change::User { id, registered }) => {
                    columns.users.insert(id.as_i64(), (version, registered));
                }
                Some(Change::Video { id, author, title, object }) => {
                    columns.videos.insert(id.as_i64(), (version, author.as_i64(), title, object));
                }
                Some(Change::Cover { id }) => drop(columns.covers.insert(id.as_i64(), version)),
                Some(Change::Favorite(edge)) => drop(columns.favorites.insert(key(edge), (version, edge.on))),
                Some(Change::Follow(edge)) => drop(columns.follows.insert(key(edge), (version, edge.on))),
                Some(Change::Comment { id, video, user, text }) => {
                    columns.comments.insert(*id as i64, (video.as_i64(), user.as_i64(), text));
                }
                Some(Change::Uncomment { id }) => drop(columns.uncomments.insert(*id as i64, version)),
                Some(Change::Message { id, low, high, from, time_ms, text }) => {
                    let row = (low.as_i64(), high.as_i64(), from.as_i64(), *time_ms, text.as_str());
                    columns.messages.insert(*id as i64, row);
                }
            }
        }
        columns
    }
}

async fn write(transaction: &Transaction<'_>, items: &[Item<'_>]) -> Result<(), PostgresError> {
    let columns = Columns::of(items);
    if !columns.users.is_empty() {
        let ids: Vec<i64> = columns.users.keys().copied().collect();
        let (versions, registered): (Vec<i64>, Vec<&Registered>) = columns.users.into_values().unzip();
        let texts = |of: fn(&Registered) -> &str| registered.iter().map(|registered| of(registered)).collect();
        let names: Vec<&str> = texts(|registered| &registered.name);
        let keys: Vec<&str> = texts(|registered| &registered.name_key);
        let hashes: Vec<&str> = texts(|registered| &registered.password_hash);
        let sql = include_str!("../../sql/queries/flush_users.sql");
        transaction.execute(sql, &[&ids, &versions, &names, &keys, &hashes]).await?;
    }
    if !columns.videos.is_empty() {
        let ids: Vec<i64> = columns.videos.keys().copied().collect();
        let versions: Vec<i64> = columns.videos.values().map(|row| row.0).collect();
        let authors: Vec<i64> = columns.videos.values().map(|row| row.1).collect();
        let titles: Vec<&str> = columns.videos.values().map(|row| row.2).collect();
        let objects: Vec<&str> = columns.videos.values().map(|row| row.3).collect();
        let sql = include_str!("../../sql/queries/flush_videos.sql");
        transaction.execute(sql, &[&ids, &versions, &authors, &titles, &objects]).await?;
    }
    if !columns.covers.is_empty() {
        let (ids, versions): (Vec<i64>, Vec<i64>) = columns.covers.into_iter().unzip();
        transaction.execute(include_str!("../../sql/queries/flush_covers.sql"), &[&ids, &versions]).await?;
    }
    let edges = [
        (columns.favorites, include_str!("../../sql/queries/flush_favorites.sql")),
        (columns.follows, include_str!("../../sql/queries/flush_follows.sql")),
    ];
    for (edges, sql) in edges {
        if !edges.is_empty() {
            let (from, to): (Vec<i64>, Vec<i64>) = edges.keys().copied().unzip();
            let (versions, on): (Vec<i64>, Vec<bool>) = edges.into_values().unzip();
            transaction.execute(sql, &[&from, &to, &versions, &on]).await?;
        }
    }
    if !columns.comments.is_empty() {
        let ids: Vec<i64> = columns.comments.keys().copied().collect();
        let videos: Vec<i64> = columns.comments.values().map(|row| row.0).collect();
        let users: Vec<i64> = columns.comments.values().map(|row| row.1).collect();
        let texts: Vec<&str> = columns.comments.values().map(|row| row.2).collect();
        let sql = include_str!("../../sql/queries/flush_comments.sql");
        transaction.execute(sql, &[&ids, &videos, &users, &texts]).await?;
    }
    // After the comments of the same batch.
    if !columns.uncomments.is_empty() {
        let (ids, versions): (Vec<i64>, Vec<i64>) = columns.uncomments.into_iter().unzip();
        transaction.execute(include_str!("../../sql/queries/flush_uncomments.sql"), &[&ids, &versions]).await?;
    }
    if !columns.messages.is_empty() {
        let ids: Vec<i64> = columns.messages.keys().copied().collect();
        let number = |of: fn(&(i64, i64, i64, i64, &str)) -> i64| columns.messages.values().map(of).collect();
        let low: Vec<i64> = number(|row| row.0);
        let high: Vec<i64> = number(|row| row.1);
        let from: Vec<i64> = number(|row| row.2);
        let sent: Vec<i64> = number(|row| row.3);
        let texts: Vec<&str> = columns.messages.values().map(|row| row.4).collect();
        let sql = include_str!("../../sql/queries/flush_messages.sql");
        transaction.execute(sql, &[&ids, &low, &high, &from, &sent, &texts]).await?;
    }
    Ok(())
}
