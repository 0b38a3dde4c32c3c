//! How much waits to be written to Postgres, and the refusal of writes while it is too much.
//!
//! Measured about once a second, behind the requests: these read one word of it. The count errs on the high side only,
//! by what is flushed between two measurements (or, after a long outage, by some per cent of what waits).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::{debug, info, warn};

use crate::archive::{Archive, buckets};
use crate::error::{Error, Result};
use crate::id::{self, Bucket};
use crate::store::outbox::{self, Stream};
use crate::store::{Admission, Run, Slot};

const INTERVAL: Duration = Duration::from_secs(1);
/// Entries of one bucket in one look at what was there before the first measurement.
const COUNTED_AT_ONCE: usize = 1_000;
/// A new mark is made when this part of what came since the first one has come since the newest: marks stay few, and the
/// error is no more than this part of what waited.
const MARKS_FINENESS: u64 = 32;

pub struct Backlog {
    /// `outbox_entries_max`
    pub entries_max: u64,
    entries: AtomicU64,
    /// Age of the oldest of them.
    oldest_ms: AtomicU64,
    flushed: AtomicU64,
    dead: AtomicU64,
}

impl Backlog {
    pub fn new(entries_max: u64) -> Backlog {
        let zero = || AtomicU64::new(0);
        Backlog { entries_max, entries: zero(), oldest_ms: zero(), flushed: zero(), dead: zero() }
    }

    /// 100014 while more waits than may.
    pub fn admits_writes(&self) -> Result<()> {
        match self.entries() {
            entries if entries <= self.entries_max => Ok(()),
            entries => Err(Error::unavailable(format!("{entries} changes wait for Postgres: no more are taken"))),
        }
    }

    /// Entries of all outboxes that Postgres does not have.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Age of the oldest of them.
    pub fn oldest(&self) -> Duration {
        Duration::from_millis(self.oldest_ms.load(Ordering::Relaxed))
    }

    /// Entries that this process has flushed.
    pub fn flushed(&self) -> u64 {
        self.flushed.load(Ordering::Relaxed)
    }

    /// Those of them that became dead letters.
    pub fn dead(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    /// The flusher has written so many entries, `dead` of them as dead letters.
    pub(super) fn count_flushed(&self, entries: u64, dead: u64) {
        self.flushed.fetch_add(entries, Ordering::Relaxed);
        self.dead.fetch_add(dead, Ordering::Relaxed);
    }

    /// Measures, for ever.
    pub async fn measure(self: Arc<Backlog>, slot: Arc<Slot>, archive: Archive) {
        let mut meter: Option<Meter> = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Ok(run) = slot.run() else { continue };
            // The streams of another history begin anew.
            let same = meter.take().filter(|meter| Arc::ptr_eq(&meter.admission, &run.admission));
            let mut present = same.unwrap_or_else(|| Meter::new(run.admission.clone()));
            match present.measure(&run, &archive).await {
                Ok((entries, oldest_ms)) => self.set(entries, oldest_ms),
                Err(error) => debug!("the outbox was not measured: {error}"),
            }
            meter = Some(present);
        }
    }

    fn set(&self, entries: u64, oldest_ms: u64) {
        let before = self.entries.swap(entries, Ordering::Relaxed);
        self.oldest_ms.store(oldest_ms, Ordering::Relaxed);
        let (was_full, is_full) = (before > self.entries_max, entries > self.entries_max);
        if is_full && !was_full {
            warn!(entries, "too much waits for Postgres: writes are refused");
        }
        if was_full && !is_full {
            info!(entries, "writes are taken again");
        }
    }
}

/// What one process knows of the outboxes of one admission.
struct Meter {
    admission: Arc<Admission>,
    /// Where Postgres was when it last answered; it is nowhere else while it does not.
    positions: Vec<u64>,
    /// One for each bucket; empty before the first measurement.
    marks: Vec<Marks>,
}

impl Meter {
    fn new(admission: Arc<Admission>) -> Meter {
        Meter { admission, positions: vec![0; Bucket::COUNT], marks: Vec::new() }
    }

    /// How many entries wait, and the age of the oldest.
    async fn measure(&mut self, run: &Arc<Run>, archive: &Archive) -> Result<(u64, u64)> {
        // Positions before streams: what lies behind a position then is still in the stream when that is read.
        match buckets::positions_now(archive).await {
            Ok(rows) => {
                for (bucket, row) in Bucket::all().zip(rows) {
                    if row.epoch == run.admission.epoch(bucket) {
                        self.positions[bucket.index()] = row.position;
                    }
                }
            }
            Err(error) => debug!("where Postgres stands is not known: {error}"),
        }
        let streams = outbox::streams(run).await?;
        if self.marks.is_empty() {
            self.marks = self.first_marks(run, &streams).await?;
        }
        let positions = Bucket::all().zip(&self.positions);
        let mut waiting: Vec<(Bucket, u64, u64)> = positions
            .zip(self.marks.iter_mut().zip(&streams))
            .map(|((bucket, position), (marks, stream))| (bucket, *position, marks.behind(*stream, *position)))
            .filter(|(_, _, entries)| *entries > 0)
            .collect();

        // The first that waits in each of them says how old it is, and whether one waits at all.
        let after: Vec<(Bucket, u64)> = waiting.iter().map(|(bucket, position, _)| (*bucket, *position)).collect();
        let first = outbox::entries(run, &after, 1).await?;
        waiting.retain(|(bucket, _, _)| first.iter().any(|entry| entry.bucket == *bucket));
        let oldest = first.iter().map(|entry| id::unix_ms_of(entry.position)).min();
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
        let oldest_ms = oldest.map_or(0, |oldest| (now_ms - oldest).max(0) as u64);
        Ok((waiting.iter().map(|(_, _, entries)| entries).sum(), oldest_ms))
    }

    /// Counts what waits: once, so it may take a while.
    async fn first_marks(&self, run: &Arc<Run>, streams: &[Stream]) -> Result<Vec<Marks>> {
        let mut counted = vec![0; Bucket::COUNT];
        let of_bucket = |bucket: Bucket| streams[bucket.index()];
        let mut after: Vec<(Bucket, u64)> = Bucket::all().zip(self.positions.iter().copied()).collect();
        loop {
            after.retain(|(bucket, position)| *position < of_bucket(*bucket).last);
            if after.is_empty() {
                break;
            }
            let entries = outbox::entries(run, &after, COUNTED_AT_ONCE).await?;
            for (bucket, position) in &mut after {
                // An empty rest: trimmed meanwhile, so flushed.
                *position = u64::MAX;
                for entry in entries.iter().filter(|entry| entry.bucket == *bucket) {
                    *position = entry.position;
                    counted[bucket.index()] += u64::from(entry.position <= of_bucket(*bucket).last);
                }
            }
        }
        let flushed = streams.iter().zip(&counted).map(|(stream, counted)| stream.added.saturating_sub(*counted));
        let marks = self.positions.iter().zip(flushed);
        Ok(marks.map(|(position, added)| Marks(VecDeque::from([Stream { last: *position, added }]))).collect())
    }
}

/// What one stream looked like now and then. The first mark is the newest that is flushed.
struct Marks(VecDeque<Stream>);

impl Marks {
    /// How many entries of the stream lie behind `position`, or some more.
    fn behind(&mut self, present: Stream, position: u64) -> u64 {
        let Marks(marks) = self;
        if present.last <= position {
            marks.clear();
        }
        while marks.get(1).is_some_and(|second| second.last <= position) {
            marks.pop_front();
        }
        let since = |mark: Option<&Stream>| mark.map_or(u64::MAX, |mark| present.added.saturating_sub(mark.added));
        let (since_first, since_newest) = (since(marks.front()), since(marks.back()));
        if since_newest > since_first / MARKS_FINENESS {
            marks.push_back(present);
        }
        marks.front().map_or(0, |flushed| present.added.saturating_sub(flushed.added))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(last: u64, added: u64) -> Stream {
        Stream { last, added }
    }

    #[test]
    fn what_lies_behind_the_position_is_counted_from_the_newest_mark_before_it() {
        let mut marks = Marks(VecDeque::from([stream(100, 10)]));
        assert_eq!(marks.behind(stream(100, 10), 100), 0);
        assert_eq!(marks.behind(stream(150, 17), 100), 7);
        assert_eq!(marks.behind(stream(200, 20), 100), 10);
        // Somewhere between two marks: the earlier one counts.
        assert_eq!(marks.behind(stream(200, 20), 199), 3);
        assert_eq!(marks.behind(stream(200, 20), 200), 0);
        assert_eq!(marks.behind(stream(210, 21), 200), 1);
    }

    #[test]
    fn a_long_outage_keeps_few_marks_and_counts_little_too_much() {
        let mut marks = Marks(VecDeque::from([stream(0, 0)]));
        for second in 1..=10_000 {
            assert_eq!(marks.behind(stream(second, second), 0), second);
        }
        assert!(marks.0.len() < 300, "{} marks", marks.0.len());
        let behind = marks.behind(stream(10_000, 10_000), 5_000);
        assert!((5_000..5_200).contains(&behind), "{behind}");
        assert_eq!(marks.behind(stream(10_000, 10_000), 10_000), 0);
    }

    #[test]
    fn writes_are_refused_above_the_limit_only() {
        let backlog = Backlog::new(10);
        backlog.set(10, 0);
        assert!(backlog.admits_writes().is_ok());
        backlog.set(11, 0);
        assert!(backlog.admits_writes().is_err());
    }
}
