//! `riffle verify`: compares Redis with Postgres, on a live system.
//!
//! Two directions. *Rows*: each row of Postgres is looked up at every place in Redis where it belongs: both ends of an
//! edge, sets, orders, lists, the feed; counts are compared with their own sets. *Keys*: Redis is scanned for keys of
//! users and videos that Postgres does not have, and every set whose size is not what Postgres counts (or where a
//! member was missing) is walked for members that Postgres does not have.
//!
//! # Never a false alarm
//!
//! A first look only suspects: Postgres follows Redis a fraction of a second behind. A suspect is judged by an order of
//! steps that a running write cannot disturb:
//!
//! 1. *Marks*: note the heads of all buckets, and wait until all that they had decided is written and relayed. From
//!    here on Redis shows, at both ends, every row that is not newer than its bucket's mark.
//! 2. Look at Redis.
//! 3. New marks, so that Postgres has what Redis showed in step 2.
//! 4. Look at Postgres. A row that is newer than the marks of step 1 has changed meanwhile and proves nothing: the
//!    subject is looked at again, and counted as changing if it never rests. All else must agree.
//!
//! Counts are compared with sets of the same pipeline, which Redis all but always runs in one piece; a difference counts
//! only if every look finds one.
//!
//! The place of an edge in an order is compared at its home only: a mirror that was brought later, by a repeat or by the
//! relay, may have another. Of an order that was trimmed (`store/order.rs`) what is above its floor has to be there.
//!
//! # Bounds
//!
//! Rows come as streams and keys by `SCAN`; what is in memory at once is a few batches of a thousand, as many
//! suspects or so, and what was named last, however large a set or a table. Differences are printed as they are found.

mod comparison;
mod expectation;
mod look;
mod report;
mod rows;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;

use self::comparison::{Comparison, Counts};
use super::{World, recoverer};
use crate::error::{Error, Result};
use crate::store::{Run, Slot};

/// The longest wait for Redis to be admitted, which may mean to load it anew.
const READY_MAX: Duration = Duration::from_secs(600);

pub struct Options {
    /// One JSON object a line.
    pub json: bool,
    /// Load Redis anew from Postgres where they differ.
    pub repair: bool,
}

/// Prints every difference. An error where there are any, and `repair` did not mend them.
pub async fn verify(world: &World, options: &Options) -> Result<()> {
    let slot = Arc::new(Slot::default());
    let flusher = tokio::spawn(world.flusher(slot.clone()).work());
    let tasks = world.admit(slot.clone()).into_iter().chain([flusher]);
    let tasks: Vec<JoinHandle<()>> = tasks.collect();
    let verified = async {
        let ready = tokio::time::timeout(READY_MAX, slot.whole()).await;
        ready.map_err(|_| Error::unavailable(format!("Redis is not ready: {}", slot.missing().unwrap_or_default())))?;
        let mut counts = compare_all(world, slot.run()?, options).await?;
        let repaired = counts.differences > 0 && options.repair;
        if repaired {
            let run = recoverer::reload(&world.gate).await?;
            if !options.json {
                println!("Redis was loaded anew from Postgres; comparing again");
            }
            counts = compare_all(world, run, options).await?;
        }
        finish(&counts, repaired, options)
    }
    .await;
    tasks.iter().for_each(JoinHandle::abort);
    verified
}

async fn compare_all(world: &World, run: Arc<Run>, options: &Options) -> Result<Counts> {
    let sessions = [world.archive.session().await?, world.archive.session().await?];
    let comparison = Comparison::new(run, sessions, options.json);
    // A stream holds its session to its end.
    comparison.all(&world.archive.session().await?).await
}

#[derive(Serialize)]
struct Summary<'a> {
    #[serde(flatten)]
    counts: &'a Counts,
    repaired: bool,
}

fn finish(counts: &Counts, repaired: bool, options: &Options) -> Result<()> {
    let Counts { compared, differences, changing } = counts;
    if options.json {
        #[derive(Serialize)]
        struct Last<'a> {
            summary: Summary<'a>,
        }
        println!("{}", json(&Last { summary: Summary { counts, repaired } })?);
    } else {
        let changing = if *changing > 0 { format!(", {changing} changed at every look") } else { String::new() };
        let repaired = if repaired { " after the repair" } else { "" };
        println!("{compared} things compared: {differences} differences{repaired}{changing}");
    }
    match differences {
        0 => Ok(()),
        _ => Err(Error::unavailable(format!("Redis and Postgres differ in {differences} places"))),
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    simd_json::to_string(value).map_err(Error::internal)
}
