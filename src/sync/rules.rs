//! What flush, relay and recovery decide without speaking to anyone. `tests/protocol` runs the same code against stores
//! that it makes up, in every order that luck finds.

use std::collections::BTreeMap;

use crate::archive::buckets::BucketRow;
use crate::archive::flush::Move;
use crate::id::{self, Bucket};
use crate::store::Head;

/// How far above the clock a recovered bucket starts to mint: more than the clocks of two hosts differ. Until the clock
/// has caught up, ids of different buckets would say little about which came first, so recovery waits for it.
pub const MARGIN_MS: u64 = 200;
/// The same where ids already ran ahead of the clock: more than Redis can mint within the two seconds it may lose. This
/// is not waited for.
pub const AHEAD_MARGIN_MS: u64 = 10_000;

/// Every bucket is open, of Postgres's epoch, and has all that a committed step relied on.
pub fn in_order(rows: &[BucketRow], heads: &[Option<Head>]) -> bool {
    rows.iter().zip(heads).all(|(row, head)| {
        head.is_some_and(|head| head.open && row.open && head.epoch == row.epoch && head.last >= row.seen)
    })
}

/// Whether nothing was lost that anyone relied on. `before`: the rows before the fence, which had the epochs that `heads`,
/// found by closing, must have; `closed`: the rows behind it. In between a step may still have been committed for a Redis
/// that was rewound since.
pub fn may_keep(before: &[BucketRow], closed: &[BucketRow], heads: &[Option<Head>]) -> bool {
    let relied_on: Vec<BucketRow> =
        before.iter().zip(closed).map(|(before, closed)| BucketRow { seen: closed.seen, ..*before }).collect();
    in_order(&relied_on, heads)
}

/// Where recovered buckets start to mint: above every id that may exist, lost ones included. Ids are minted by the
/// clock, so what was lost lies before now, unless ids ran ahead of it.
pub fn base_ms(highest: u64, now_ms: u64) -> u64 {
    match id::ms_of(highest) {
        // Nothing was ever minted.
        0 => now_ms,
        highest_ms if highest_ms < now_ms => now_ms + MARGIN_MS,
        highest_ms => highest_ms + AHEAD_MARGIN_MS,
    }
}

/// How far a batch of entries, of which bucket and position are given, moves the flushed positions.
pub fn moves(entries: impl IntoIterator<Item = (Bucket, u64)>, rows: &[BucketRow]) -> Vec<Move> {
    let mut newest: BTreeMap<Bucket, u64> = BTreeMap::new();
    for (bucket, entry) in entries {
        let position = newest.entry(bucket).or_default();
        *position = entry.max(*position);
    }
    newest
        .into_iter()
        .map(|(bucket, new)| {
            let row = rows[bucket.index()];
            Move { bucket, epoch: row.epoch, old: row.position, new }
        })
        .filter(|step| step.new > step.old)
        .collect()
}

/// Whether a batch that was read behind a position, and written since, is what `relayed` comes to next: all of the bucket
/// before it is relayed.
pub fn is_next_to_relay(after: u64, row: &BucketRow) -> bool {
    row.relayed >= after
}

/// The last entry of each bucket before the first that is held back. Of entries, bucket and position are given.
pub fn relayed_positions(
    entries: impl IntoIterator<Item = (Bucket, u64)>,
    held_back: &BTreeMap<Bucket, u64>,
) -> BTreeMap<Bucket, u64> {
    let mut relayed = BTreeMap::new();
    for (bucket, entry) in entries {
        if held_back.get(&bucket).is_none_or(|first| entry < *first) {
            let position = relayed.entry(bucket).or_insert(entry);
            *position = entry.max(*position);
        }
    }
    relayed
}

/// Whether a mirror may forget the version of an edge: both ends have it, by what Postgres knows of its home in the
/// epoch that the caller was admitted with.
pub fn may_forget(version: u64, home: &BucketRow, epoch: u64) -> bool {
    home.epoch == epoch && version <= home.relayed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minting_goes_on_above_all_that_may_exist() {
        let at = |ms| Bucket::FEED.id_at(ms);
        assert_eq!(base_ms(0, 5_000), 5_000);
        assert_eq!(base_ms(at(4_999), 5_000), 5_200);
        assert_eq!(base_ms(at(5_000), 5_000), 15_000);
        assert_eq!(base_ms(at(9_000), 5_000), 19_000);
    }

    #[test]
    fn nothing_behind_an_entry_that_is_held_back_is_relayed() {
        let bucket = Bucket::new(3).unwrap();
        let other = Bucket::new(4).unwrap();
        let entries = [(bucket, 1), (bucket, 2), (bucket, 3), (other, 9)];
        let relayed = relayed_positions(entries, &BTreeMap::from([(bucket, 2)]));
        assert_eq!(relayed, BTreeMap::from([(bucket, 1), (other, 9)]));
    }

    #[test]
    fn what_was_committed_up_to_the_fence_must_be_there() {
        let row = BucketRow { epoch: 4, open: true, position: 10, relayed: 10, seen: 10 };
        let fenced = BucketRow { epoch: 5, open: false, ..row };
        let head = Some(Head { epoch: 4, open: true, last: 12, forgotten: 0 });
        assert!(may_keep(&[row], &[fenced], &[head]));
        assert!(!may_keep(&[row], &[BucketRow { seen: 13, ..fenced }], &[head]));
        assert!(!may_keep(&[fenced], &[fenced], &[head]));
    }
}
