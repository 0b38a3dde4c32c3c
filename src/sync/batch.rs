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
        let mut after = self.after.clone();
        after.extend(self.entries.iter().map(|entry| (entry.bucket, entry.position)));
        Batch::read(run, after, (ENTRIES / self.behind).min(SHARE_MAX)).await
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
