//! Whether what was read of an entity is still true: which videos and users changed, through this process or any other.
//!
//! Two sources tell of changes. A handler marks what it changed before its client is answered, so that this process never
//! shows less than it has answered. And Redis tells [`super::watch`] of every change by anyone, of which a reader needs to
//! see only what is older than `feed_age_ms`: what is younger than that is shown without it, so that a page that changes
//! all the time is read four times a second and not each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

use super::admitted::Admission;

/// Ids that share generations cost each other a needless read now and then, never a missed one. So many that tens of
/// thousands of changes a second leave what they do not concern alone for seconds; 1 MiB, used as far as ids come by.
const GENERATIONS: usize = 1 << 17;
/// Turns every id into evenly spread high bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
/// Changes through this process are counted in the low half of a word, what Redis told in the high one. The low one
/// overflows into the other after 2^32 changes, which is one more needless read.
const CHANGED: u64 = 1;
const TOLD: u64 = 1 << 32;

/// Numbers for each id, raised *after* the id's entity was changed. Who takes them *before* he asks Redis, and finds them
/// the same later, has seen every change that they were raised for by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

impl Generation {
    fn shows_changed(self, present: Generation) -> bool {
        self.0 as u32 == present.0 as u32
    }

    fn shows_told(self, present: Generation) -> bool {
        self.0 >> 32 == present.0 >> 32
    }
}

struct Generations(Box<[AtomicU64]>);

impl Generations {
    fn new() -> Generations {
        Generations((0..GENERATIONS).map(|_| AtomicU64::new(0)).collect())
    }

    fn raise(&self, id: u64, by: u64) {
        self.of(id).fetch_add(by, Ordering::SeqCst);
    }

    fn get(&self, id: u64) -> Generation {
        Generation(self.of(id).load(Ordering::SeqCst))
    }

    fn of(&self, id: u64) -> &AtomicU64 {
        &self.0[(id.wrapping_mul(SPREAD) >> (64 - GENERATIONS.ilog2())) as usize]
    }
}

pub struct Marks {
    generations: Generations,
    vigil: ArcSwapOption<Vigil>,
    /// Longest that a change through another process goes unseen.
    age_max: Duration,
}

/// A watch over the nodes of one admission, while it is kept.
pub(super) struct Vigil {
    admission: u64,
    began: Instant,
    /// In nanoseconds after `began`: what was read before may have changed unseen.
    unbroken_since: AtomicU64,
    nodes: Box<[Confirmed]>,
}

#[derive(Default)]
struct Confirmed {
    /// In nanoseconds after the vigil began: all that the node had answered by then is marked. 0: nothing yet.
    by: AtomicU64,
    /// Somebody looked since it was last asked.
    is_wanted: AtomicBool,
    /// Somebody looked and found it too old.
    lapsed: Notify,
}

impl Vigil {
    /// From when each node of `admission` tells of what changes.
    pub(super) fn begin(admission: &Admission) -> Vigil {
        Vigil {
            admission: admission.number(),
            began: Instant::now(),
            unbroken_since: AtomicU64::new(0),
            nodes: admission.nodes.iter().map(|_| Confirmed::default()).collect(),
        }
    }

    /// All changes that the node at `place` had answered by `by` are marked.
    pub(super) fn confirm(&self, place: usize, by: Instant) {
        self.nodes[place].by.store(self.nanoseconds(by), Ordering::Release);
    }

    /// Whether anyone wanted to know since the last call.
    pub(super) fn is_wanted(&self, place: usize) -> bool {
        self.nodes[place].is_wanted.swap(false, Ordering::Relaxed)
    }

    /// Until somebody finds that what the node has confirmed is too old, or has since the last call.
    pub(super) async fn lapsed(&self, place: usize) {
        self.nodes[place].lapsed.notified().await;
    }

    /// Some of what was told before now is lost.
    pub(super) fn missed(&self) {
        self.unbroken_since.fetch_max(self.nanoseconds(Instant::now()), Ordering::AcqRel);
    }

    fn nanoseconds(&self, time: Instant) -> u64 {
        time.saturating_duration_since(self.began).as_nanos() as u64
    }

    fn time(&self, nanoseconds: u64) -> Instant {
        self.began + Duration::from_nanos(nanoseconds)
    }

    /// What may be shown at `now` however old it is, unless it is marked.
    fn vouches(&self, now: Instant, age_max: Duration) -> Option<Vouched> {
        let mut confirmed = u64::MAX;
        for node in &self.nodes {
            confirmed = confirmed.min(node.by.load(Ordering::Acquire));
            // Looked at first: writing what is there already would move the line between the cores.
            if !node.is_wanted.load(Ordering::Relaxed) {
                node.is_wanted.store(true, Ordering::Relaxed);
            }
        }
        let is_kept = confirmed > 0 && self.time(confirmed) + age_max >= now;
        if !is_kept {
            self.nodes.iter().for_each(|node| node.lapsed.notify_one());
        }
        // Looked at after what is confirmed: a loss is noted before the next confirmation.
        let since = self.time(self.unbroken_since.load(Ordering::Acquire));
        is_kept.then_some(Vouched { admission: self.admission, since })
    }
}

/// What was read through this admission, and no earlier.
#[derive(Clone, Copy)]
struct Vouched {
    admission: u64,
    since: Instant,
}

/// To be taken before Redis is asked for an entity; tells later whether the answer is still true.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    asked_at: Instant,
    /// Through which it was asked.
    admission: u64,
    generation: Generation,
}

impl Stamp {
    pub fn is_later_than(&self, other: &Stamp) -> bool {
        self.asked_at > other.asked_at
    }

    pub fn generation(&self) -> Generation {
        self.generation
    }
}

/// What is common to many stamps: where it is vouched for, of each of them only its generation is to be looked at.
#[derive(Clone, Copy)]
pub struct Common {
    oldest: Instant,
    admission: u64,
}

impl Common {
    /// `None` of none, and where they were not all asked through one admission.
    pub fn of(stamps: impl IntoIterator<Item = Stamp>) -> Option<Common> {
        let mut stamps = stamps.into_iter();
        let first = stamps.next()?;
        let common = Common { oldest: first.asked_at, admission: first.admission };
        stamps.try_fold(common, |common, stamp| {
            let oldest = common.oldest.min(stamp.asked_at);
            (stamp.admission == common.admission).then_some(Common { oldest, ..common })
        })
    }
}

impl Marks {
    /// What stands for the order of the feed: no entity has this id.
    pub const ORDER: u64 = 0;

    /// `age_max`: longest that a change through another process may go unseen.
    pub fn new(age_max: Duration) -> Marks {
        Marks { generations: Generations::new(), vigil: ArcSwapOption::empty(), age_max }
    }

    /// To be called once Redis has answered, whatever it answered, and before the client is.
    pub fn changed(&self, ids: impl IntoIterator<Item = u64>) {
        ids.into_iter().for_each(|id| self.generations.raise(id, CHANGED));
    }

    /// Of an entity that is asked for after this, through `admission`.
    pub fn stamp(&self, id: u64, admission: &Admission) -> Stamp {
        Stamp { asked_at: Instant::now(), admission: admission.number(), generation: self.generations.get(id) }
    }

    /// What may be shown to a request that began at `begun`.
    pub fn judge(&self, begun: Instant) -> Judge<'_> {
        // Before any generation is looked at: what is confirmed is marked.
        let vouched = self.vigil.load().as_ref().and_then(|vigil| vigil.vouches(begun, self.age_max));
        Judge { marks: self, begun, vouched }
    }

    pub(super) fn age_max(&self) -> Duration {
        self.age_max
    }

    /// Redis told that the entity changed.
    pub(super) fn tell(&self, id: u64) {
        self.generations.raise(id, TOLD);
    }

    pub(super) fn watched_by(&self, vigil: Option<Arc<Vigil>>) {
        self.vigil.store(vigil);
    }
}

/// What may be shown to one request.
pub struct Judge<'a> {
    marks: &'a Marks,
    begun: Instant,
    vouched: Option<Vouched>,
}

impl Judge<'_> {
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Whether what was read of an entity shows every change that this process had answered when the request arrived, and
    /// every change that anyone had answered `feed_age_ms` before.
    pub fn is_good(&self, id: u64, stamp: &Stamp) -> bool {
        self.is_good_at(stamp.asked_at, id, stamp)
    }

    /// The same, and nobody has told of a change since: for what costs little to be read again.
    pub fn is_unchanged(&self, id: u64, stamp: &Stamp) -> bool {
        stamp.generation.shows_told(self.marks.generations.get(id)) && self.is_good(id, stamp)
    }

    /// As [`Judge::is_good`], where the entity was found good for a request of `looked_at`.
    pub fn is_good_at(&self, looked_at: Instant, id: u64, stamp: &Stamp) -> bool {
        let present = self.marks.generations.get(id);
        let shows_own = looked_at >= self.begun || stamp.generation.shows_changed(present);
        shows_own && (stamp.asked_at + self.marks.age_max >= self.begun || self.is_vouched(stamp, present))
    }

    /// Whether what was stamped so is good as far as it is [`Judge::is_untouched`].
    pub fn vouches_for(&self, common: &Common) -> bool {
        self.vouches(common.admission, common.oldest)
    }

    /// Whether an entity is of this generation still.
    pub fn is_untouched(&self, id: u64, generation: Generation) -> bool {
        self.marks.generations.get(id) == generation
    }

    fn is_vouched(&self, stamp: &Stamp, present: Generation) -> bool {
        self.vouches(stamp.admission, stamp.asked_at) && stamp.generation.shows_told(present)
    }

    /// Whether nothing that was asked then and there has changed unmarked.
    fn vouches(&self, admission: u64, asked_at: Instant) -> bool {
        self.vouched.is_some_and(|vouched| vouched.admission == admission && vouched.since <= asked_at)
    }
}

#[cfg(test)]
#[path = "marks_tests.rs"]
mod tests;
