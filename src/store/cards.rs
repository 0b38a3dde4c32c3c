//! Users, videos and pages of lists as everyone sees them, kept in the process and shared by its threads. [`Marks`] says how
//! long they are true; what is not kept, or not true any more, [`super::sight`] asks for.

use std::sync::Arc;
use std::time::Instant;

use quick_cache::sync::Cache;

use super::listed::{self, ListCache};
use super::marks::{Judge, Marks, Stamp};
use super::user::UserRecord;
use super::video::CountedVideo;
use super::viewer::{self, ViewerCache, ViewerSets};
use crate::id::{UserId, VideoId};
use crate::model::{CommentRecord, Entry};

/// 200 to 250 bytes each, with a name and what the cache needs.
const USERS_KEPT_MAX: usize = 40_000;
/// 300 to 350 bytes each, with a title.
const VIDEOS_KEPT_MAX: usize = 50_000;

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

pub struct Cards {
    users: Cache<UserId, Arc<UserCard>>,
    videos: Cache<VideoId, Arc<VideoCard>>,
    pub(super) entries: ListCache<Entry>,
    pub(super) comments: ListCache<CommentRecord>,
    viewers: ViewerCache,
    pub marks: Arc<Marks>,
}

impl Cards {
    pub fn new(marks: Arc<Marks>) -> Cards {
        Cards {
            users: Cache::new(USERS_KEPT_MAX),
            videos: Cache::new(VIDEOS_KEPT_MAX),
            entries: listed::cache(),
            comments: listed::cache(),
            viewers: viewer::cache(),
            marks,
        }
    }

    pub(super) fn user(&self, id: UserId, judge: &Judge<'_>) -> Option<Arc<UserCard>> {
        self.users.get(&id).filter(|card| judge.is_good(id.0, &card.stamp))
    }

    pub(super) fn video(&self, id: VideoId, judge: &Judge<'_>) -> Option<Arc<VideoCard>> {
        self.videos.get(&id).filter(|card| judge.is_good(id.0, &card.stamp))
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
