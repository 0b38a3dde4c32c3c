//! What a viewer likes and whom he follows, for the flags in what he is shown. While he is active both sets are kept whole:
//! whatever changes them changes his counts in the same script, so that who is told of these is told of it. Where that does
//! not pay, because they are large or change as often as they are looked at, Redis is asked for the flags alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::cards::Kept;
use super::marks::Stamp;
use crate::id::{UserId, VideoId};

/// Of a few dozen members.
pub(super) const SETS_BYTES: u64 = 500;
/// Members that cost as much to be told as the flags of a page do.
const MEMBERS_A_PAGE: u64 = 64;
/// Larger ones would hold up others.
const MEMBERS_MAX: u64 = 4_096;
/// How often sets are expected to be looked at until they change, where nothing is known, or nothing new.
const USES_EXPECTED: u64 = 16;
const RECENT: Duration = Duration::from_secs(10);

pub(super) struct ViewerSets {
    /// Sorted, both.
    likes: Box<[u64]>,
    follows: Box<[u64]>,
    pub(super) stamp: Stamp,
    read_at: Instant,
    uses: AtomicU64,
}

impl Kept for ViewerSets {
    fn bytes(&self) -> usize {
        size_of::<ViewerSets>() + size_of::<u64>() * (self.likes.len() + self.follows.len())
    }
}

impl ViewerSets {
    /// All members of both, sorted, which were asked for after `stamp` was taken.
    pub(super) fn new(likes: Box<[u64]>, follows: Box<[u64]>, stamp: Stamp) -> ViewerSets {
        ViewerSets { likes, follows, stamp, read_at: Instant::now(), uses: AtomicU64::new(0) }
    }

    pub(super) fn likes(&self, video: VideoId) -> bool {
        self.likes.binary_search(&video.0).is_ok()
    }

    pub(super) fn follows(&self, user: UserId) -> bool {
        self.follows.binary_search(&user.0).is_ok()
    }

    /// Notes that they spared a trip.
    pub(super) fn used(&self) {
        self.uses.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether it pays to read the sets of a viewer whole: `members` of both, `before`: what was read of them the last time, and
/// is not true any more.
pub(super) fn pays(members: u64, before: Option<&ViewerSets>) -> bool {
    let recent = before.filter(|sets| sets.read_at.elapsed() < RECENT);
    let uses = recent.map_or(USES_EXPECTED, |sets| sets.uses.load(Ordering::Relaxed));
    members <= (MEMBERS_A_PAGE * (1 + uses)).min(MEMBERS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Admission, Marks};

    fn sets(likes: &[u64], follows: &[u64]) -> ViewerSets {
        let stamp = Marks::new(Duration::ZERO).stamp(7, &Admission::new(Vec::new(), Vec::new()));
        ViewerSets::new(likes.into(), follows.into(), stamp)
    }

    #[test]
    fn members_are_found() {
        let sets = sets(&[3, 7, 9], &[4]);
        assert_eq!([3, 4, 7, 9].map(|id| sets.likes(VideoId(id))), [true, false, true, true]);
        assert_eq!([3, 4].map(|id| sets.follows(UserId(id))), [false, true]);
    }

    #[test]
    fn large_sets_are_read_whole_while_they_are_looked_at_more_often_than_they_change() {
        assert!(pays(1_000, None) && !pays(2_000, None));
        let before = sets(&[], &[]);
        assert!(pays(64, Some(&before)) && !pays(65, Some(&before)));
        (0..40).for_each(|_| before.used());
        assert!(pays(2_000, Some(&before)) && !pays(3_000, Some(&before)));
        (0..1_000).for_each(|_| before.used());
        assert!(pays(4_096, Some(&before)) && !pays(4_097, Some(&before)));
    }
}
