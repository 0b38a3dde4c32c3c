//! What the feed asks of Redis to keep its order.

use super::admitted::Head;
use super::client::Command;
use super::feed::order_below;
use super::keys;
use super::reply::Reply;
use crate::error::{Error, Result};
use crate::id::{Bucket, VideoId};

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
