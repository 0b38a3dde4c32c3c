//! Lists: pages of sorted sets whose scores are ids.

use std::sync::Arc;

use super::client::Command;
use super::keys;
use super::reply::Reply;
use super::run::{Read, Run};
use crate::error::Result;
use crate::id::{Bucket, UserId, VideoId};
use crate::model::Entry;

/// Whose a list is. His hash tells of every change of it: the scripts change the one together with the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    User(UserId),
    Video(VideoId),
}

impl Owner {
    pub(super) fn id(self) -> u64 {
        let (Owner::User(UserId(id)) | Owner::Video(VideoId(id))) = self;
        id
    }

    pub(super) fn bucket(self) -> Bucket {
        match self {
            Owner::User(id) => id.bucket(),
            Owner::Video(id) => id.bucket(),
        }
    }
}

/// What is listed, the last one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeline {
    Works(UserId),
    Liked(UserId),
    Followed(UserId),
    FollowedBy(UserId),
    Friends(UserId),
    Comments(VideoId),
}

impl Timeline {
    pub(super) fn owner(self) -> Owner {
        match self {
            Timeline::Works(user)
            | Timeline::Liked(user)
            | Timeline::Followed(user)
            | Timeline::FollowedBy(user)
            | Timeline::Friends(user) => Owner::User(user),
            Timeline::Comments(video) => Owner::Video(video),
        }
    }

    pub(super) fn key(self) -> String {
        match self {
            Timeline::Works(user) => keys::works(user),
            Timeline::Liked(user) => keys::liked(user),
            Timeline::Followed(user) => keys::followed(user),
            Timeline::FollowedBy(user) => keys::followed_by(user),
            Timeline::Friends(user) => keys::friends(user),
            Timeline::Comments(video) => keys::comments(video),
        }
    }

    pub(super) fn names_videos(self) -> bool {
        matches!(self, Timeline::Works(_) | Timeline::Liked(_))
    }

    /// Whether the order of its members is not that of their own ids.
    fn has_places(self) -> bool {
        !matches!(self, Timeline::Works(_) | Timeline::Comments(_))
    }
}

/// A page of a timeline: at most `limit` members below `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct List {
    pub timeline: Timeline,
    pub before: Option<u64>,
    pub limit: usize,
}

impl List {
    pub(super) fn bucket(&self) -> Bucket {
        self.timeline.owner().bucket()
    }

    pub(super) fn command(&self) -> Command {
        let command = newest_below(self.timeline.key(), self.before, self.limit);
        if self.timeline.has_places() { command.arg("WITHSCORES") } else { command }
    }

    /// Decodes the answer to [`List::command`], where its members are ids.
    pub(super) fn entries(&self, reply: &Reply) -> Result<Vec<Entry>> {
        match self.timeline.has_places() {
            true => entries(reply),
            false => Ok(reply.numbers()?.into_iter().map(|id| Entry { id, place: id }).collect()),
        }
    }

    /// The entries, in one round trip; none where there is no owner.
    pub async fn read(&self, run: &Arc<Run>) -> Result<Vec<Entry>> {
        let mut read = Read::new(run);
        read.push(self.bucket(), self.command());
        self.entries(&read.send().await?.pop().unwrap_or(Reply::Array(Vec::new())))
    }
}

/// The newest `limit` members with scores below `before`.
pub(super) fn newest_below(key: String, before: Option<u64>, limit: usize) -> Command {
    let below = before.map_or_else(|| "+inf".to_owned(), |before| format!("({before}"));
    let command = Command::new("ZRANGE").arg(key).arg(below).arg("-inf").arg("BYSCORE").arg("REV");
    command.arg("LIMIT").arg("0").arg(limit.to_string())
}

/// From members told with their scores.
pub(super) fn entries(reply: &Reply) -> Result<Vec<Entry>> {
    let numbers = reply.numbers()?;
    Ok(numbers.chunks_exact(2).map(|pair| Entry { id: pair[0], place: pair[1] }).collect())
}
