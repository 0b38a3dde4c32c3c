//! What the flush takes from the outboxes at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rules;
use crate::archive::buckets::BucketRow;
use crate::error::Result;
use crate::id::Bucket;
use crate::store::Run;
use crate::store::outbox::{self, OutboxEntry};

/// Entries of all buckets together, while many are behind.
const ENTRIES: usize = 16_384;
/// Entries of one bucket: a reply of this length keeps Redis from others for two milliseconds.
const SHARE_MAX: usize = 2_048;
/// Of each bucket where nothing is known of how many are behind.
pub(super) const SHARE: usize = ENTRIES / Bucket::COUNT;

#[derive(Default)]
pub(super) struct Batch {
    pub entries: Vec<OutboxEntry>,
    /// Where it begins in each bucket.
    after: BTreeMap<Bucket, u64>,
    /// How many buckets have more.
    behind: usize,
}

impl Batch {
    /// What lies behind a position of each bucket, at most so many entries of each.
    pub(super) async fn read(run: &Arc<Run>, after: BTreeMap<Bucket, u64>, share: usize) -> Result<Batch> {
        let places: Vec<(Bucket, u64)> = after.iter().map(|(bucket, position)| (*bucket, *position)).collect();
        let entries = outbox::entries(run, &places, share).await?;
        let behind = entries.chunk_by(|one, next| one.bucket == next.bucket).filter(|of| of.len() >= share).count();
        Ok(Batch { entries, after, behind })
    }

    /// What comes behind it.
    pub(super) async fn read_next(&self, run: &Arc<Run>) -> Result<Batch> {
        if !self.is_full() {
            return Ok(Batch::default());
        }
        Batch::read(run, self.ends(), (ENTRIES / self.behind).min(SHARE_MAX)).await
    }

    /// Takes along what comes behind it. Of a bucket whose outbox another one has flushed in between, nothing.
    pub(super) fn append(&mut self, next: Batch) {
        let ends = self.ends();
        let is_next = |bucket: &Bucket| ends.get(bucket).is_none_or(|end| next.after.get(bucket) == Some(end));
        self.entries.extend(next.entries.into_iter().filter(|entry| is_next(&entry.bucket)));
        for (bucket, after) in next.after {
            self.after.entry(bucket).or_insert(after);
        }
    }

    /// Where it ends in each bucket.
    fn ends(&self) -> BTreeMap<Bucket, u64> {
        let mut ends = self.after.clone();
        ends.extend(self.entries.iter().map(|entry| (entry.bucket, entry.position)));
        ends
    }

    /// Whether there is more than it could take.
    pub(super) fn is_full(&self) -> bool {
        self.behind > 0
    }

    /// Whether it is what lies behind these positions.
    pub(super) fn is_behind(&self, positions: &BTreeMap<Bucket, u64>) -> bool {
        self.after == *positions
    }

    /// Whether all of a bucket before this batch is relayed.
    pub(super) fn is_next_to_relay(&self, bucket: Bucket, rows: &[BucketRow]) -> bool {
        self.after.get(&bucket).is_some_and(|after| rules::is_next_to_relay(*after, &rows[bucket.index()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(after: &[(u16, u64)], entries: &[(u16, u64)]) -> Batch {
        let bucket = |number: u16| Bucket::new(number).unwrap();
        let after = after.iter().map(|(number, position)| (bucket(*number), *position)).collect();
        let entry = |(number, position): &(u16, u64)| OutboxEntry {
            bucket: bucket(*number),
            position: *position,
            fields: Vec::new(),
            change: None,
        };
        Batch { entries: entries.iter().map(entry).collect(), after, behind: 0 }
    }

    #[test]
    fn only_what_comes_next_is_taken_along() {
        let mut written = batch(&[(1, 0), (2, 0)], &[(1, 10), (2, 10)]);
        // Of the second bucket another server has flushed 11, and of the third nothing was known.
        written.append(batch(&[(1, 10), (2, 11), (3, 5)], &[(1, 20), (2, 20), (3, 20)]));
        let taken: Vec<(u16, u64)> =
            written.entries.iter().map(|entry| (entry.bucket.number(), entry.position)).collect();
        assert_eq!(taken, [(1, 10), (2, 10), (1, 20), (3, 20)]);
        assert_eq!(written.after, batch(&[(1, 0), (2, 0), (3, 5)], &[]).after);
    }
}
