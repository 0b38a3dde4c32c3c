//! Users, videos and pages of lists as everyone sees them, kept in the process and shared by its threads. [`Marks`] says how
//! long they are true; what is not kept, or not true any more, [`super::sight`] asks for.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::listed::{ListCache, PAGE_BYTES};
use super::marks::{Judge, Marks, Stamp};
use super::user::UserRecord;
use super::video::CountedVideo;
use super::viewer::{self, SETS_BYTES, ViewerSets};
use crate::id::{UserId, VideoId};
use crate::model::{CommentRecord, Entry};

/// What the cache takes for each thing, and the allocator: a place in its table, half of which may be empty, and links.
const PLACE_BYTES: usize = 96;
/// Of a small user and video: from these the caches guess how many they will have.
const USER_BYTES: u64 = 200;
const VIDEO_BYTES: u64 = 300;

/// Something that was read, and what tells whether it is still true.
pub struct Card<T> {
    pub value: T,
    pub(super) stamp: Stamp,
}

impl<T> Card<T> {
    pub(super) fn new(value: T, stamp: Stamp) -> Arc<Card<T>> {
        Arc::new(Card { value, stamp })
    }
}

pub type UserCard = Card<UserRecord>;
pub type VideoCard = Card<CountedVideo>;

impl UserCard {
    /// Whether it may be shown, where it was good for a request of `looked_at`.
    pub fn is_good_at(&self, judge: &Judge<'_>, looked_at: Instant) -> bool {
        judge.is_good_at(looked_at, self.value.id.0, &self.stamp)
    }
}

impl VideoCard {
    /// The same of a video.
    pub fn is_good_at(&self, judge: &Judge<'_>, looked_at: Instant) -> bool {
        judge.is_good_at(looked_at, self.value.record.id.0, &self.stamp)
    }
}

/// Something that is kept.
pub trait Kept {
    /// What it takes, the cache's own place aside.
    fn bytes(&self) -> usize;
}

impl Kept for UserCard {
    fn bytes(&self) -> usize {
        size_of::<UserCard>() + self.value.name.len()
    }
}

impl Kept for VideoCard {
    fn bytes(&self) -> usize {
        size_of::<VideoCard>() + self.value.record.title.len() + self.value.record.object.len()
    }
}

/// Weighs things by the memory that they take.
#[derive(Clone)]
pub struct Weight;

impl<K, T: Kept> Weighter<K, Arc<T>> for Weight {
    fn weight(&self, _key: &K, kept: &Arc<T>) -> u64 {
        (PLACE_BYTES + kept.bytes()) as u64
    }
}

pub type CacheOf<K, T> = Cache<K, Arc<T>, Weight>;

fn cache<K: Eq + Hash, T: Kept>(bytes_max: u64, usual_bytes: u64) -> CacheOf<K, T> {
    Cache::with_weighter((bytes_max / usual_bytes) as usize, bytes_max, Weight)
}

pub struct Cards {
    users: CacheOf<UserId, UserCard>,
    videos: CacheOf<VideoId, VideoCard>,
    /// Videos never vanish and their authors never change: what was read once is true.
    authors: Cache<VideoId, UserId>,
    pub(super) entries: ListCache<Entry>,
    pub(super) comments: ListCache<CommentRecord>,
    viewers: CacheOf<UserId, ViewerSets>,
    pub marks: Arc<Marks>,
}

impl Cards {
    /// `bytes_max`: of all that is kept. Shared out by what the kinds take where all of a world is looked at.
    pub fn new(marks: Arc<Marks>, bytes_max: u64) -> Cards {
        let share = |sixteenths: u64| bytes_max / 16 * sixteenths;
        Cards {
            users: cache(share(2), USER_BYTES),
            videos: cache(share(6), VIDEO_BYTES),
            authors: Cache::new((share(1) / (PLACE_BYTES as u64)) as usize),
            entries: cache(share(2), PAGE_BYTES),
            comments: cache(share(3), PAGE_BYTES),
            viewers: cache(share(2), SETS_BYTES),
            marks,
        }
    }

    pub(super) fn user(&self, id: UserId, judge: &Judge<'_>) -> Option<Arc<UserCard>> {
        self.users.get(&id).filter(|card| judge.is_good(id.0, &card.stamp))
    }

    pub(super) fn video(&self, id: VideoId, judge: &Judge<'_>) -> Option<Arc<VideoCard>> {
        self.videos.get(&id).filter(|card| judge.is_good(id.0, &card.stamp))
    }

    /// Whose video it is, if this process has read it before.
    pub(super) fn known_author(&self, id: VideoId) -> Option<UserId> {
        self.authors.get(&id)
    }

    /// Notes whose video it is, as Redis has told.
    pub(super) fn know_author(&self, id: VideoId, author: UserId) {
        if self.known_author(id).is_none() {
            self.authors.insert(id, author);
        }
    }

    /// Whether there is such a user, as far as the process knows: users never vanish.
    pub(super) fn knows_user(&self, id: UserId) -> bool {
        self.users.get(&id).is_some()
    }

    pub(super) fn keep_user(&self, card: Arc<UserCard>) {
        self.users.insert(card.value.id, card);
    }

    /// The viewer's own sets, where these are kept and true.
    pub(super) fn viewer(&self, id: UserId, judge: &Judge<'_>) -> Option<Arc<ViewerSets>> {
        self.viewers.get(&id).filter(|sets| judge.is_unchanged(id.0, &sets.stamp)).inspect(|sets| sets.used())
    }

    /// Whether these are to be read whole: never before it is known how large they are.
    pub(super) fn wants_viewer(&self, id: UserId) -> bool {
        let members = self.users.get(&id).map(|user| user.value.favorites + user.value.follows);
        members.is_some_and(|members| viewer::pays(members, self.viewers.get(&id).as_deref()))
    }

    pub(super) fn keep_viewer(&self, id: UserId, sets: ViewerSets) -> Arc<ViewerSets> {
        let sets = Arc::new(sets);
        self.viewers.insert(id, sets.clone());
        sets
    }

    pub(super) fn keep_video(&self, card: Arc<VideoCard>) {
        self.videos.insert(card.value.record.id, card);
    }
}
