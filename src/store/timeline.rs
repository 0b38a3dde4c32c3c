//! Reading timelines: sorted sets whose scores are ids.

use std::sync::Arc;

use super::client::Command;
use super::reply::Reply;
use super::run::{Read, Run};
use crate::error::Result;
use crate::id::{Bucket, UserId, VideoId};
use crate::model::Entry;

/// Whose a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    User(UserId),
    Video(VideoId),
}

/// What a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Names {
    Videos,
    Users,
}

/// A page of a timeline of someone's: at most `limit` members below `before`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct List {
    pub(super) owner: Owner,
    pub(super) key: String,
    pub(super) names: Names,
    /// Members whose order is not their own id: told with their places.
    pub(super) with_places: bool,
    pub before: Option<u64>,
    pub limit: usize,
}

impl List {
    pub(super) fn bucket(&self) -> Bucket {
        match self.owner {
            Owner::User(id) => id.bucket(),
            Owner::Video(id) => id.bucket(),
        }
    }

    pub(super) fn command(&self) -> Command {
        let command = newest_below(self.key.clone(), self.before, self.limit);
        if self.with_places { command.arg("WITHSCORES") } else { command }
    }

    /// The entries, in one round trip; none where there is no owner.
    pub async fn read(&self, run: &Arc<Run>) -> Result<Reply> {
        let mut read = Read::new(run);
        read.push(self.bucket(), self.command());
        Ok(read.send().await?.pop().unwrap_or(Reply::Nil))
    }
}

/// The newest `limit` members with scores below `before`.
pub(super) fn newest_below(key: String, before: Option<u64>, limit: usize) -> Command {
    let below = before.map_or_else(|| "+inf".to_owned(), |before| format!("({before}"));
    let command = Command::new("ZRANGE").arg(key).arg(below).arg("-inf").arg("BYSCORE").arg("REV");
    command.arg("LIMIT").arg("0").arg(limit.to_string())
}

/// From the answer to a [`List`] whose order is not that of ids.
pub fn entries(reply: &Reply) -> Result<Vec<Entry>> {
    let numbers = reply.numbers()?;
    Ok(numbers.chunks_exact(2).map(|pair| Entry { id: pair[0], place: pair[1] }).collect())
}
