//! What a snapshot of the feed asks of Redis: all of a page in one trip, and what a viewer adds to it in another.

use std::sync::Arc;

use super::admitted::Head;
use super::client::Command;
use super::feed::order_below;
use super::keys;
use super::membership;
use super::run::{Read, Run};
use super::user::{self, UserRecord};
use super::video::{self, CountedVideo};
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

/// What one trip told; `None` for a video that is not visible and a user that does not exist.
pub struct Told {
    pub order: Option<OrderTold>,
    pub videos: Vec<Option<CountedVideo>>,
    pub users: Vec<Option<UserRecord>>,
}

/// One trip, the answers in the order of the questions. Signed out: nothing in it depends on a viewer.
pub async fn read(run: &Arc<Run>, order: Option<OrderAsked>, videos: &[VideoId], users: &[UserId]) -> Result<Told> {
    let mut read = Read::new(run);
    for id in videos {
        read.push(id.bucket(), video::command(*id));
    }
    for id in users {
        read.push(id.bucket(), user::command(*id));
    }
    if let Some(order) = order {
        read.push(Bucket::FEED, order_below(None, order.newest));
        let from = Command::new("ZCOUNT").arg(keys::feed()).arg(order.counted_from.to_string()).arg("+inf");
        read.push(Bucket::FEED, from);
        read.push(Bucket::FEED, Command::new("GET").arg(keys::feed_floor()));
        read.push(Bucket::FEED, Command::new("GET").arg(keys::head(Bucket::FEED)));
    }
    let replies = read.send().await?;
    let (of_videos, rest) = replies.split_at(videos.len());
    let (of_users, of_order) = rest.split_at(users.len());
    let order = match of_order {
        [newest, count, floor, head] => Some(OrderTold {
            epoch: head.text()?.and_then(Head::parse).map(|head| head.epoch).ok_or_else(|| no_head("feed"))?,
            newest: newest.numbers()?.into_iter().map(VideoId).collect(),
            count: count.required_number()? as usize,
            floor: floor.number()?.unwrap_or(0),
        }),
        _ => None,
    };
    Ok(Told {
        order,
        videos: videos.iter().zip(of_videos).map(|(id, reply)| video::counted(*id, reply)).collect::<Result<_>>()?,
        users: users.iter().zip(of_users).map(|(id, reply)| user::record(*id, reply)).collect::<Result<_>>()?,
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
