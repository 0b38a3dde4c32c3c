//! What the feed asks of Redis to keep its order.

use super::client::Command;
use super::feed::order_below;
use super::keys;
use super::reply::Reply;
use crate::error::{Error, Result};
use crate::id::{Bucket, VideoId};

/// The newest videos of the feed, and what tells whether anything below them changed.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderTold {
    /// Of the feed's bucket: each load of it, and all that may have lost something, has another, and counts anew.
    pub epoch: u64,
    /// How many videos had been put into the feed when the newest were asked for, or a little before.
    pub inserts: u64,
    /// Newest first.
    pub newest: Vec<VideoId>,
    /// Redis had more videos once than it keeps.
    pub is_trimmed: bool,
}

/// Asks for the `newest` ids; [`order_told`] decodes the answers.
pub fn order_asked(newest: usize) -> Vec<(Bucket, Command)> {
    // The count first: what comes in between is then found without having been counted, which is noticed.
    let inserts = Command::new("GET").arg(keys::feed_inserts());
    let floor = Command::new("GET").arg(keys::feed_floor());
    [inserts, order_below(None, newest), floor].map(|command| (Bucket::FEED, command)).into()
}

/// `epoch`: through which was asked.
pub fn order_told(epoch: u64, replies: &[Reply]) -> Result<OrderTold> {
    let [inserts, newest, floor] = replies else { return Err(Error::internal("the order was not told")) };
    Ok(OrderTold {
        epoch,
        inserts: inserts.number()?.unwrap_or(0),
        newest: newest.numbers()?.into_iter().map(VideoId).collect(),
        is_trimmed: floor.number()?.unwrap_or(0) > 0,
    })
}
