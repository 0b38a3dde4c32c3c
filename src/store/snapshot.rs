//! What a snapshot of the feed asks of Redis: the order of the newest videos, and what a viewer adds to a page.

use std::sync::Arc;

use super::admitted::Head;
use super::client::Command;
use super::feed::order_below;
use super::keys;
use super::membership;
use super::reply::Reply;
use super::run::{Read, Run};
use crate::error::{Error, Result};
use crate::id::{Bucket, UserId, VideoId};

/// How far a part of the order is to be compared.
#[derive(Debug, Clone, Copy)]
pub struct OrderAsked {
    /// How many of the newest ids.
    pub newest: usize,
    /// Ids from here on are counted.
    pub counted_from: u64,
}

/// The newest videos of the feed, and what tells whether anything below them changed.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderTold {
    /// Of the feed's bucket: while it stays, nothing leaves the feed but at its old end.
    pub epoch: u64,
    /// Newest first.
    pub newest: Vec<VideoId>,
    /// How many ids the feed keeps from `counted_from` on.
    pub count: usize,
    /// Everything up to here was trimmed; 0: nothing was.
    pub floor: u64,
}

/// [`order_told`] decodes the answers.
pub fn order_asked(order: OrderAsked) -> Vec<(Bucket, Command)> {
    let count = Command::new("ZCOUNT").arg(keys::feed()).arg(order.counted_from.to_string()).arg("+inf");
    let floor = Command::new("GET").arg(keys::feed_floor());
    let head = Command::new("GET").arg(keys::head(Bucket::FEED));
    [order_below(None, order.newest), count, floor, head].map(|command| (Bucket::FEED, command)).into()
}

pub fn order_told(replies: &[Reply]) -> Result<OrderTold> {
    let [newest, count, floor, head] = replies else { return Err(Error::internal("the order was not told")) };
    Ok(OrderTold {
        epoch: head.text()?.and_then(Head::parse).map(|head| head.epoch).ok_or_else(|| no_head("feed"))?,
        newest: newest.numbers()?.into_iter().map(VideoId).collect(),
        count: count.required_number()? as usize,
        floor: floor.number()?.unwrap_or(0),
    })
}

fn no_head(bucket: &str) -> Error {
    Error::internal(format!("the head of {bucket} was good, and is none"))
}

/// What a viewer's own sets say of videos and of users, in their order.
#[derive(Debug, Default)]
pub struct Flags {
    pub liked: Vec<bool>,
    pub followed: Vec<bool>,
}

/// One trip into the viewer's bucket. Neither list may be empty.
pub async fn flags(
    run: &Arc<Run>,
    viewer: UserId,
    videos: impl IntoIterator<Item = VideoId>,
    users: impl IntoIterator<Item = UserId>,
) -> Result<Flags> {
    let mut read = Read::new(run);
    read.push(viewer.bucket(), membership::command(keys::likes(viewer), videos.into_iter().map(|id| id.0)));
    read.push(viewer.bucket(), membership::command(keys::follows(viewer), users.into_iter().map(|id| id.0)));
    match &read.send().await?[..] {
        [liked, followed] => Ok(Flags { liked: membership::flags(liked)?, followed: membership::flags(followed)? }),
        _ => Err(Error::internal("two questions without two answers")),
    }
}
