//! Write-behind: what was decided in Redis is written to Postgres, and the mirror ends are brought after their homes.
//!
//! One server does it, elected by an advisory lock that the session holds which also runs the transactions; nothing
//! relies on there being one. The position up to which an outbox is flushed lies in Postgres and moves with the rows, so
//! any crash replays harmlessly: rows are states with versions, and an older one never wins.
//!
//! A pass: read what lies behind `position` and write it; at least twice a second, ask the mirrors what they miss of it and
//! bring that; note `relayed`. Where more waits than one pass takes, the three go on at once: what the last pass wrote is
//! relayed and what the next one will write is read while Postgres writes. Streams are trimmed behind `relayed`
//! (`sync/trim.rs`), keeping a tail for a Postgres that is put back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_postgres::Client as Session;
use tracing::{debug, info, warn};

use super::backlog::Backlog;
use super::batch::{Batch, SHARE};
use super::durable::Durable;
use super::trim::Trim;
use super::{relay, rules};
use crate::archive::Archive;
use crate::archive::buckets::{self, BucketRow};
use crate::archive::flush::{self, Item, Move};
use crate::crash;
use crate::error::{Error, Result};
use crate::id::Bucket;
use crate::store::outbox::{self, OutboxEntry};
use crate::store::{Doubt, Run, Slot};

/// How often a server asks whether it is to flush.
const ELECTION_INTERVAL: Duration = Duration::from_millis(500);
/// A session that Postgres ended is soon replaced; a Postgres that is away is not asked all the time.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(20);
const RETRY_DELAY_MAX: Duration = Duration::from_millis(500);
/// How long the flushing server may be silent, its pauses aside, before Postgres lets another one flush.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// One pass; a Postgres that hangs is given up, and its session with it.
const PASS_MAX: Duration = Duration::from_secs(30);
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// So many entries are relayed as soon as they are written; more wait up to this time for others, as asking a mirror for ten
/// edges costs little more than asking it for one.
const RELAYED_AT_ONCE: usize = 16;
const RELAY_INTERVAL: Duration = Duration::from_millis(500);

pub struct Flusher {
    pub slot: Arc<Slot>,
    pub archive: Archive,
    pub interval: Duration,
    pub feed_window: u64,
    pub backlog: Arc<Backlog>,
    pub durable: Arc<Durable>,
}

impl Flusher {
    /// Flushes whenever this server is the elected one, for ever.
    pub async fn work(self) {
        let mut delay = RETRY_DELAY_MIN;
        loop {
            let begun = Instant::now();
            if let Err(error) = self.stand_and_serve().await {
                warn!("the outbox is not flushed: {error}");
            }
            if begun.elapsed() > RETRY_DELAY_MAX {
                delay = RETRY_DELAY_MIN;
            }
            sleep(delay).await;
            delay = (delay * 2).min(RETRY_DELAY_MAX);
        }
    }

    /// Waits to be elected, then flushes until something fails.
    async fn stand_and_serve(&self) -> Result<()> {
        self.slot.ready().await;
        let mut session = self.archive.session().await?;
        while !buckets::try_lock_flush(&session, self.interval + SILENCE_MAX).await? {
            sleep(ELECTION_INTERVAL).await;
        }
        debug!("this server flushes the outbox");
        self.expect_no_gap(&session).await?;
        let mut trim = Trim::new(self.backlog.entries_max);
        let mut ahead = Ahead::default();
        loop {
            let run = self.slot.run()?;
            let pass = tokio::time::timeout(PASS_MAX, self.pass(&run, &mut session, &mut ahead)).await;
            let more = pass.map_err(|_| Error::unavailable("a pass took too long"))??;
            // A part of the pause.
            let pause = Instant::now() + self.interval;
            trim.turn(&run, &mut session).await?;
            if !more {
                tokio::select! {
                    () = sleep_until(pause) => {}
                    () = self.durable.wanted() => {}
                }
            }
        }
    }

    /// A Postgres is put back between sessions: what it then lacks may not be in the outboxes any more.
    async fn expect_no_gap(&self, session: &Session) -> Result<()> {
        let run = self.slot.run()?;
        let rows = buckets::positions(session).await?;
        let open: Vec<(Bucket, u64)> = open_buckets(&run, &rows).map(|(bucket, row)| (bucket, row.position)).collect();
        let buckets: Vec<Bucket> = open.iter().map(|(bucket, _)| *bucket).collect();
        let beginnings = outbox::beginnings(&run, &buckets).await?;
        if open.iter().zip(beginnings).any(|((_, position), beginning)| *position < beginning) {
            run.admission.doubt(Doubt::Broken);
            return Err(Error::unavailable("Postgres was put back to before what the outboxes still hold"));
        }
        Ok(())
    }

    /// Whether there may be more to do at once.
    async fn pass(&self, run: &Arc<Run>, session: &mut Session, ahead: &mut Ahead) -> Result<bool> {
        let rows = buckets::positions(session).await?;
        if Bucket::all().zip(&rows).any(|(bucket, row)| row.epoch > run.admission.epoch(bucket)) {
            // A server that nobody asks anything would else find nothing to flush for ever.
            run.admission.doubt(Doubt::MovedOn);
        }
        let Ahead { mut written, read, relayed_at } = std::mem::take(ahead);
        let positions = open_buckets(run, &rows).map(|(bucket, row)| (bucket, row.position)).collect();
        let batch = if read.is_behind(&positions) { read } else { Batch::read(run, positions, SHARE).await? };
        let left_over = left_over(run, &rows, &written).await?;
        if batch.is_full() {
            let to_relay = to_relay(&left_over, &written, &rows);
            let (relayed, (), next) = tokio::try_join!(
                relay::relay(run, &to_relay, self.feed_window),
                self.write(session, &batch, &rows),
                batch.read_next(run),
            )?;
            relayed.note(run, session).await?;
            *ahead = Ahead { written: batch, read: next, relayed_at: Instant::now() };
            return Ok(true);
        }

        self.write(session, &batch, &rows).await?;
        written.append(batch);
        let may_wait = written.entries.len() > RELAYED_AT_ONCE && relayed_at.elapsed() < RELAY_INTERVAL;
        if may_wait && left_over.entries.is_empty() {
            *ahead = Ahead { written, relayed_at, ..Ahead::default() };
            return Ok(false);
        }
        let relayed = relay::relay(run, &to_relay(&left_over, &written, &rows), self.feed_window).await?;
        relayed.note(run, session).await?;
        // What is held back is tried again at leisure.
        Ok(left_over.is_full() && relayed.held_back.is_empty())
    }

    async fn write(&self, session: &mut Session, batch: &Batch, rows: &[BucketRow]) -> Result<()> {
        if batch.entries.is_empty() {
            return Ok(());
        }
        let dead = flush::commit(session, &items(&batch.entries), &moves(&batch.entries, rows), true).await?;
        self.durable.committed();
        self.backlog.count_flushed(batch.entries.len() as u64, dead);
        if dead > 0 {
            warn!(dead, "outbox entries that Postgres refuses were put into dead_letter");
        }
        crash::point("flush_written");
        Ok(())
    }
}

/// What a pass leaves to the next.
struct Ahead {
    /// To be relayed.
    written: Batch,
    /// To be written, where there was more than the pass could take.
    read: Batch,
    relayed_at: Instant,
}

impl Default for Ahead {
    fn default() -> Ahead {
        Ahead { written: Batch::default(), read: Batch::default(), relayed_at: Instant::now() }
    }
}

/// What was left over, and of what was written that which comes next. The rest is left over next time, or it would be noted
/// as relayed over the heads of what is not.
fn to_relay<'a>(left_over: &'a Batch, written: &'a Batch, rows: &[BucketRow]) -> Vec<&'a OutboxEntry> {
    let in_turn = written.entries.iter().filter(|entry| written.is_next_to_relay(entry.bucket, rows));
    left_over.entries.iter().chain(in_turn).collect()
}

/// What a relay that died or was held back left: normally nothing. `written` is relayed in its turn.
async fn left_over(run: &Arc<Run>, rows: &[BucketRow], written: &Batch) -> Result<Batch> {
    let unrelayed = open_buckets(run, rows)
        .filter(|(bucket, row)| row.relayed < row.position && !written.is_next_to_relay(*bucket, rows));
    let mut batch = Batch::read(run, unrelayed.map(|(bucket, row)| (bucket, row.relayed)).collect(), SHARE).await?;
    batch.entries.retain(|entry| entry.position <= rows[entry.bucket.index()].position);
    Ok(batch)
}

/// Waits until all that was decided before this call is in Postgres and at both ends, by whichever server flushes; what
/// is decided meanwhile is not waited for. Gives the highest id of each bucket that this is true of.
pub async fn wait_until_written(run: &Arc<Run>, session: &Session) -> Result<Vec<u64>> {
    let (heads, newest) = outbox::marks(run).await?;
    loop {
        let rows = buckets::positions(session).await?;
        if rows.iter().zip(&newest).all(|(row, newest)| row.relayed >= *newest) {
            return Ok(heads);
        }
        sleep(DRAIN_POLL).await;
    }
}

/// The buckets that may be flushed: open, of the epoch that this process was admitted with, and on a node that is there.
pub(super) fn open_buckets<'a>(
    run: &'a Arc<Run>,
    rows: &'a [BucketRow],
) -> impl Iterator<Item = (Bucket, &'a BucketRow)> {
    Bucket::all()
        .zip(rows)
        .filter(|(bucket, row)| row.open && row.epoch == run.admission.epoch(*bucket) && run.has(*bucket))
}

pub(super) fn items(entries: &[OutboxEntry]) -> Vec<Item<'_>> {
    entries
        .iter()
        .map(|entry| Item {
            bucket: entry.bucket,
            position: entry.position,
            fields: &entry.fields,
            change: entry.change.as_ref(),
        })
        .collect()
}

pub(super) fn moves(entries: &[OutboxEntry], rows: &[BucketRow]) -> Vec<Move> {
    rules::moves(entries.iter().map(|entry| (entry.bucket, entry.position)), rows)
}

/// Flushes what the streams of closed buckets still hold: a step of recovery, whose epoch the rows have. Gives how many
/// entries there were.
pub(super) async fn drain_closed(
    session: &mut Session,
    run: &Run,
    closed: &[Bucket],
    rows: &[BucketRow],
) -> Result<usize> {
    let mut rows = rows.to_vec();
    let mut drained = 0;
    loop {
        let after: Vec<(Bucket, u64)> = closed.iter().map(|bucket| (*bucket, rows[bucket.index()].position)).collect();
        let entries = outbox::closed_entries(run, &after, SHARE).await?;
        if entries.is_empty() {
            return Ok(drained);
        }
        let moves = moves(&entries, &rows);
        let dead = flush::commit(session, &items(&entries), &moves, false).await?;
        drained += entries.len();
        info!(entries = entries.len(), dead, "outbox entries of closed buckets flushed");
        for step in moves {
            rows[step.bucket.index()].position = step.new;
        }
    }
}
