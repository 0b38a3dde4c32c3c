//! What the model remembers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::Account;

/// When something was done, in ticks of the test's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    pub sent: u64,
    pub answered: u64,
}

#[derive(Default)]
pub struct Clock(AtomicU64);

impl Clock {
    pub fn tick(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[derive(Clone)]
pub struct Person {
    pub account: Account,
    pub name: String,
}

#[derive(Clone)]
pub struct Video {
    pub id: u64,
    /// Place in [`Cast::people`].
    pub author: usize,
    pub title: String,
    pub published: Moment,
    /// What never changes of it, as its author's list showed it first.
    pub shown: serde_json::Value,
}

/// Users and videos, which never vanish; the rest of the model names them by their places here.
#[derive(Clone, Default)]
pub struct Cast {
    pub people: Vec<Person>,
    /// In the order of their publishing.
    pub videos: Vec<Video>,
}

#[derive(Clone)]
pub struct Comment {
    pub id: u64,
    pub user: usize,
    pub video: usize,
    pub text: String,
    pub made: Moment,
}

#[derive(Clone)]
pub struct Message {
    pub from: usize,
    pub text: String,
}

/// The part of the state that one task changes.
#[derive(Default, Clone)]
pub struct Share {
    /// User and video; absent: does not like it.
    pub likes: BTreeMap<(usize, usize), Moment>,
    /// Follower and followed; absent: does not follow.
    pub follows: BTreeMap<(usize, usize), Moment>,
    pub comments: Vec<Comment>,
    /// Of two users, the one with the lower place first.
    pub chats: BTreeMap<(usize, usize), Vec<Message>>,
    /// How far a viewer has read his chat with another: messages seen, and the time of the last one.
    pub read: BTreeMap<(usize, usize), (usize, u64)>,
}

impl Share {
    pub fn are_friends(&self, one: usize, other: usize) -> bool {
        self.follows.contains_key(&(one, other)) && self.follows.contains_key(&(other, one))
    }

    pub fn merged(shares: &[Share]) -> Share {
        let mut whole = Share::default();
        for share in shares.iter().cloned() {
            whole.likes.extend(share.likes);
            whole.follows.extend(share.follows);
            whole.comments.extend(share.comments);
            whole.chats.extend(share.chats);
        }
        whole
    }
}
