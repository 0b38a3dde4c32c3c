//! Which videos and users changed through this process, so that whoever keeps what he read of them reads it again.

use std::sync::atomic::{AtomicU64, Ordering};

/// Ids that share a generation cost each other a needless read now and then, never a missed one.
const GENERATIONS: usize = 4096;
/// Turns every id into evenly spread high bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A generation for each id, raised *after* the script that changed the id's entity has answered. Who takes the
/// generation *before* he asks Redis, and finds it the same later, has seen every change that was answered by then.
pub struct Marks {
    generations: Box<[AtomicU64]>,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { generations: (0..GENERATIONS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Marks {
    /// What stands for the order of the feed: no entity has this id.
    pub const ORDER: u64 = 0;

    /// To be called once Redis has answered, whatever it answered, and before the client is.
    pub fn changed(&self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.of(id).fetch_add(1, Ordering::SeqCst);
        }
    }

    pub fn generation(&self, id: u64) -> u64 {
        self.of(id).load(Ordering::SeqCst)
    }

    fn of(&self, id: u64) -> &AtomicU64 {
        &self.generations[(id.wrapping_mul(SPREAD) >> (64 - GENERATIONS.ilog2())) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Bucket;

    #[test]
    fn a_change_raises_the_generation_of_its_ids() {
        let marks = Marks::default();
        let before = marks.generation(8_192_001);
        marks.changed([8_192_001, 7]);
        assert_ne!(marks.generation(8_192_001), before);
    }

    #[test]
    fn neighbouring_ids_rarely_share_a_generation() {
        let marks = Marks::default();
        let ids = |ms: u64| (0..32).map(move |number| Bucket::new(number * 8).unwrap().id_at(ms));
        marks.changed(ids(60_000_000_000));
        let disturbed = ids(60_000_000_001).filter(|id| marks.generation(*id) > 0).count();
        assert!(disturbed <= 4, "{disturbed} of 32");
    }
}
