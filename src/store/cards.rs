//! Users, videos and pages of lists as everyone sees them, kept in the process and shared by its threads. [`Marks`] says how
//! long they are true; what is not kept, or not true any more, [`super::sight`] asks for.

use std::borrow::Cow;
use std::hash::Hash;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use smallvec::SmallVec;
use triomphe::ThinArc;

use super::comment::Comments;
use super::listed::{Entries, ListCache, PAGE_BYTES};
use super::marks::{Common, Generation, Judge, Marks, Stamp};
use super::user::UserRecord;
use super::viewer::{self, SETS_BYTES, ViewerSets};
use crate::error::Result;
use crate::id::{UserId, VideoId};

/// What the cache takes for each thing, and the allocator: a place in its table, half of which may be empty, and links.
const PLACE_BYTES: usize = 96;
/// What the text of a user takes, unless his name is longer than most.
const USER_TEXT_BYTES: usize = 224;
const NAME_BYTES: usize = 20;
/// The counter and the length of what is kept in one piece.
pub(super) const THIN_BYTES: usize = 16;
/// Of a usual user and video: from these the caches guess how many they will have.
const USER_BYTES: u64 = 500;
const VIDEO_BYTES: u64 = 700;
/// All that may be kept is shared out in so many parts, by what the kinds take where all of a world is looked at.
const PARTS: u64 = 32;
/// Those that the feed has for itself.
const PARTS_OF_FEED: u64 = 10;

pub struct UserCard {
    pub user: UserRecord,
    pub(super) stamp: Stamp,
    text: OnceLock<UserText>,
}

/// The fields of a user as JSON, not followed.
pub struct UserText {
    /// On the card itself: elsewhere it would be one more place of memory to wait for.
    pub bytes: SmallVec<[u8; USER_TEXT_BYTES]>,
    /// Where that stands.
    pub is_follow: usize,
}

impl UserCard {
    pub fn new(user: UserRecord, stamp: Stamp) -> Arc<UserCard> {
        Arc::new(UserCard { user, stamp, text: OnceLock::new() })
    }

    /// His text, which is written when somebody is first shown him.
    pub fn text(&self, write: impl FnOnce(&UserRecord) -> Result<UserText>) -> Result<&UserText> {
        if let Some(text) = self.text.get() {
            return Ok(text);
        }
        let text = write(&self.user)?;
        Ok(self.text.get_or_init(|| text))
    }
}

/// What a video is shown by, in one piece: what it is made of would be many, each some waiting for memory.
#[derive(Clone)]
pub struct VideoCard(ThinArc<VideoHead, u8>);

struct VideoHead {
    basis: Basis,
    author: Range<usize>,
    places: Places,
}

impl VideoCard {
    fn new(text: &VideoText<'_>, basis: Basis) -> VideoCard {
        let head = VideoHead { basis, author: text.author.clone(), places: text.places };
        VideoCard(ThinArc::from_header_and_slice(head, &text.bytes))
    }

    pub(super) fn basis(&self) -> &Basis {
        &self.0.header.header.basis
    }

    pub(super) fn text(&self) -> VideoText<'_> {
        let head = &self.0.header.header;
        VideoText { bytes: Cow::Borrowed(&self.0.slice), author: head.author.clone(), places: head.places }
    }
}

/// A video as JSON, its author in it, with every flag false.
pub struct VideoText<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// Where that lies which changes with the author: his fields.
    pub author: Range<usize>,
    pub places: Places,
}

/// Where the flags stand in a text.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    pub is_favorite: usize,
    pub is_follow: usize,
}

/// In place of `false`: JSON allows a space before a value.
const TRUE: &[u8; 5] = b" true";

impl Places {
    /// Of a text that began at `from` and now begins at `to`.
    pub fn moved(self, from: usize, to: usize) -> Places {
        Places { is_favorite: self.is_favorite - from + to, is_follow: self.is_follow - from + to }
    }

    /// Sets what is true for a viewer in a text that was written with nothing true.
    pub fn set(self, text: &mut [u8], is_favorite: bool, is_follow: bool) {
        set_flag(text, self.is_favorite, is_favorite);
        set_flag(text, self.is_follow, is_follow);
    }
}

/// The same of one flag.
pub fn set_flag(text: &mut [u8], place: usize, is_true: bool) {
    if is_true {
        text[place..place + TRUE.len()].copy_from_slice(TRUE);
    }
}

/// What the text of a video was made of.
#[derive(Debug, Clone, Copy)]
pub struct Basis {
    pub id: VideoId,
    pub author: UserId,
    pub(super) stamp: Stamp,
    pub(super) author_stamp: Stamp,
}

impl Basis {
    /// Whether the text may be shown, where it was good for a request of `looked_at`.
    pub fn is_good_at(&self, judge: &Judge<'_>, looked_at: Instant) -> bool {
        judge.is_good_at(looked_at, self.id.0, &self.stamp)
            && judge.is_good_at(looked_at, self.author.0, &self.author_stamp)
    }

    /// Whether the text may be shown.
    pub fn is_good(&self, judge: &Judge<'_>) -> bool {
        judge.is_good(self.id.0, &self.stamp) && self.shows_author(judge)
    }

    /// What the stamps of many have in common.
    pub fn common<'a>(bases: impl IntoIterator<Item = &'a Basis>) -> Option<Common> {
        Common::of(bases.into_iter().flat_map(|basis| [basis.stamp, basis.author_stamp]))
    }

    /// Whether the author is as the text shows him.
    pub(super) fn shows_author(&self, judge: &Judge<'_>) -> bool {
        judge.is_good(self.author.0, &self.author_stamp)
    }
}

/// Of a [`Basis`] what is looked at most. Where many are looked at it counts how many lines of memory they take.
pub struct Brief {
    pub id: VideoId,
    author: UserId,
    generation: Generation,
    author_generation: Generation,
}

impl Brief {
    pub fn of(basis: &Basis) -> Brief {
        let (generation, author_generation) = (basis.stamp.generation(), basis.author_stamp.generation());
        Brief { id: basis.id, author: basis.author, generation, author_generation }
    }

    /// Whether the text may be shown, if the judge vouches for what is common to the stamps; `false` if that is not all
    /// there is to it.
    pub fn is_untouched(&self, judge: &Judge<'_>) -> bool {
        judge.is_untouched(self.id.0, self.generation) && judge.is_untouched(self.author.0, self.author_generation)
    }
}

/// Something that is kept.
pub trait Kept {
    /// What it takes, the cache's own place aside.
    fn bytes(&self) -> usize;
}

impl<T: Kept> Kept for Arc<T> {
    fn bytes(&self) -> usize {
        (**self).bytes()
    }
}

impl Kept for UserCard {
    fn bytes(&self) -> usize {
        let name = self.user.name.len();
        // With a longer name the text does not fit on the card.
        let beside = if name > NAME_BYTES { USER_TEXT_BYTES + name } else { 0 };
        size_of::<UserCard>() + name + beside
    }
}

impl Kept for VideoCard {
    fn bytes(&self) -> usize {
        THIN_BYTES + size_of::<VideoHead>() + self.0.slice.len()
    }
}

/// Weighs things by the memory that they take.
#[derive(Clone)]
pub struct Weight;

impl<K, T: Kept> Weighter<K, T> for Weight {
    fn weight(&self, _key: &K, kept: &T) -> u64 {
        (PLACE_BYTES + kept.bytes()) as u64
    }
}

pub type CacheOf<K, T> = Cache<K, T, Weight>;

/// A cache of at most so many bytes.
pub fn cache<K: Eq + Hash, T: Kept + Clone>(bytes_max: u64, usual_bytes: u64) -> CacheOf<K, T> {
    Cache::with_weighter((bytes_max / usual_bytes) as usize, bytes_max, Weight)
}

pub struct Cards {
    users: CacheOf<UserId, Arc<UserCard>>,
    videos: CacheOf<VideoId, VideoCard>,
    /// Videos never vanish and their authors never change: what was read once is true.
    authors: Cache<VideoId, UserId>,
    pub(super) entries: ListCache<Entries>,
    pub(super) comments: ListCache<Comments>,
    viewers: CacheOf<UserId, Arc<ViewerSets>>,
    pub marks: Arc<Marks>,
}

impl Cards {
    /// `bytes_max`: of all that is kept.
    pub fn new(marks: Arc<Marks>, bytes_max: u64) -> Cards {
        let share = |parts: u64| bytes_max / PARTS * parts;
        Cards {
            users: cache(share(4), USER_BYTES),
            videos: cache(share(9), VIDEO_BYTES),
            authors: Cache::new((share(1) / (PLACE_BYTES as u64)) as usize),
            entries: cache(share(3), PAGE_BYTES),
            comments: cache(share(3), PAGE_BYTES),
            viewers: cache(share(2), SETS_BYTES),
            marks,
        }
    }

    /// What of `bytes_max` is left to the feed.
    pub fn left_to_feed(bytes_max: u64) -> u64 {
        bytes_max / PARTS * PARTS_OF_FEED
    }

    pub(super) fn user(&self, id: UserId, judge: &Judge<'_>) -> Option<Arc<UserCard>> {
        self.users.get(&id).filter(|card| judge.is_good(id.0, &card.stamp))
    }

    /// The author in it may have changed.
    pub(super) fn video(&self, id: VideoId, judge: &Judge<'_>) -> Option<VideoCard> {
        self.videos.get(&id).filter(|card| judge.is_good(id.0, &card.basis().stamp))
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
        self.users.insert(card.user.id, card);
    }

    /// The viewer's own sets, where these are kept and true.
    pub(super) fn viewer(&self, id: UserId, judge: &Judge<'_>) -> Option<Arc<ViewerSets>> {
        self.viewers.get(&id).filter(|sets| judge.is_unchanged(id.0, &sets.stamp)).inspect(|sets| sets.used())
    }

    /// Whether these are to be read whole: never before it is known how large they are.
    pub(super) fn wants_viewer(&self, id: UserId) -> bool {
        let members = self.users.get(&id).map(|card| card.user.favorites + card.user.follows);
        members.is_some_and(|members| viewer::pays(members, self.viewers.get(&id).as_deref()))
    }

    pub(super) fn keep_viewer(&self, id: UserId, sets: ViewerSets) -> Arc<ViewerSets> {
        let sets = Arc::new(sets);
        self.viewers.insert(id, sets.clone());
        sets
    }

    pub(super) fn keep_video(&self, text: &VideoText<'_>, basis: Basis) {
        self.videos.insert(basis.id, VideoCard::new(text, basis));
    }
}
