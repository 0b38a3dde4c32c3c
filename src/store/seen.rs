//! What one request has found of users and videos.

use super::cards::{Basis, UserCard, VideoCard, VideoText};
use super::marks::{Judge, Stamp};
use super::video::CountedVideo;
use crate::id::UserId;

/// A map of some dozens: sorted, in one piece.
pub(super) struct Seen<K, V>(Vec<(K, V)>);

impl<K: Ord + Copy, V> Seen<K, V> {
    pub(super) fn new() -> Seen<K, V> {
        Seen(Vec::new())
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.0.binary_search_by_key(&key, |(known, _)| *known).ok().map(|place| &self.0[place].1)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.0.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (key, value)),
        }
    }
}

/// Where a video was found.
pub(super) enum FoundVideo {
    /// In Redis.
    Told(CountedVideo, Stamp),
    /// On a card.
    Kept {
        card: VideoCard,
        /// Whether its author, too, is as the card shows him.
        shows_author: bool,
    },
}

impl FoundVideo {
    pub(super) fn kept(card: VideoCard, judge: &Judge<'_>) -> FoundVideo {
        FoundVideo::Kept { shows_author: card.basis().shows_author(judge), card }
    }

    pub(super) fn author(&self) -> UserId {
        match self {
            FoundVideo::Told(video, _) => video.record.author,
            FoundVideo::Kept { card, .. } => card.basis().author,
        }
    }

    /// Whether it cannot be shown without seeing its author.
    pub(super) fn lacks_author(&self) -> bool {
        !matches!(self, FoundVideo::Kept { shows_author: true, .. })
    }
}

/// A video as a viewer sees it.
pub struct SeenVideo<'a> {
    pub shape: Shape<'a>,
    pub basis: Basis,
    pub is_liked: bool,
    pub is_followed: bool,
}

/// What there is to show it by.
pub enum Shape<'a> {
    /// The whole text.
    Written(VideoText<'a>),
    /// The text, but for its author, who changed.
    Author(VideoText<'a>, &'a UserCard),
    /// No text yet.
    Told(&'a CountedVideo, &'a UserCard),
}

/// A user as a viewer sees him.
pub struct SeenUser<'a> {
    pub card: &'a UserCard,
    pub is_followed: bool,
}

/// Each once.
pub(super) fn sorted<T: Ord>(mut ids: Vec<T>) -> Vec<T> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
