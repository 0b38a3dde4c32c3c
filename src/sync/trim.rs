//! Behind the flush: what both ends have had for a while is removed from the streams, from what mirrors remember, and from
//! long orders. A few buckets at a time: all at once would hold up Redis, and the flush, for as long as some hundred
//! requests take.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Client as Session;
use tracing::debug;

use super::flush::open_buckets;
use super::relay;
use crate::archive::buckets::{self, BucketRow};
use crate::error::Result;
use crate::id::{self, Bucket};
use crate::store::{Run, order, outbox};

/// The time in which each bucket has its turn.
const ROUND: Duration = Duration::from_secs(5);
/// Fewer than these are not worth a turn.
const BUCKETS_MIN: usize = 16;
/// What streams keep behind `relayed`, while they are not long.
const TAIL: Duration = Duration::from_secs(300);

pub(super) struct Trim {
    /// Entries of all streams above which no tail is kept.
    entries_max: u64,
    tail: Duration,
    /// The place of the bucket whose turn is next.
    next: usize,
    turned_at: Instant,
}

impl Trim {
    pub fn new(entries_max: u64) -> Trim {
        Trim { entries_max, tail: TAIL, next: 0, turned_at: Instant::now() }
    }

    /// Trims the buckets whose turn has come since the last call.
    pub async fn turn(&mut self, run: &Arc<Run>, session: &mut Session) -> Result<()> {
        let part = self.turned_at.elapsed().as_secs_f64() / ROUND.as_secs_f64();
        let due = (part * Bucket::COUNT as f64) as usize;
        if due < BUCKETS_MIN {
            return Ok(());
        }
        self.turned_at = Instant::now();
        if self.next == 0 {
            // A tail helps a Postgres that is put back; a Redis that fills up helps nobody.
            self.tail = if outbox::length(run).await? > self.entries_max { Duration::ZERO } else { TAIL };
        }
        let turn = self.next..Bucket::COUNT.min(self.next + due);
        self.next = turn.end % Bucket::COUNT;
        let rows = buckets::positions(session).await?;
        let open: Vec<_> = open_buckets(run, &rows).filter(|(bucket, _)| turn.contains(&bucket.index())).collect();
        self.trim(run, session, &rows, &open).await
    }

    async fn trim(
        &self,
        run: &Arc<Run>,
        session: &mut Session,
        rows: &[BucketRow],
        open: &[(Bucket, &BucketRow)],
    ) -> Result<()> {
        let turn: Vec<Bucket> = open.iter().map(|(bucket, _)| *bucket).collect();
        relay::forget(run, session, &turn, rows).await?;
        let mut flushed = vec![0; Bucket::COUNT];
        open_buckets(run, rows).for_each(|(bucket, row)| flushed[bucket.index()] = row.position);
        let removed = order::trim(run, &turn, &flushed).await?;
        debug!(removed, "places removed from long orders");
        for (bucket, row) in open.iter().filter(|(bucket, _)| *bucket != Bucket::FEED) {
            let tail_begins = id::lowest_at(id::unix_ms_of(row.relayed) - self.tail.as_millis() as i64);
            outbox::trim(run, *bucket, tail_begins).await?;
        }
        Ok(())
    }
}
