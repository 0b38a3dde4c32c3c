//! The global feed in Redis: the order of the newest videos.

use std::sync::Arc;

use bytes::Bytes;

use super::client::Command;
use super::keys;
use super::reply::Reply;
use super::run::{Home, Read, Run};
use super::script;
use super::timeline::newest_below;
use crate::error::Result;
use crate::id::{Bucket, VideoId};

pub struct FeedPage {
    /// Newest first.
    pub ids: Vec<VideoId>,
    /// `ids` ends short where Redis does, and the feed has older videos: Postgres goes on.
    pub trimmed: bool,
}

/// Asks for the newest `limit` ids below `before`.
pub(super) fn order_below(before: Option<u64>, limit: usize) -> Command {
    newest_below(keys::feed(), before, limit)
}

/// At most `limit` ids below `before`, in one round trip; at the end of what Redis keeps in two.
pub async fn page(run: &Arc<Run>, before: Option<u64>, limit: usize) -> Result<FeedPage> {
    let ids: Vec<u64> = ask(run, order_below(before, limit)).await?.numbers()?;
    let is_short = ids.len() < limit;
    let trimmed = is_short && ask(run, Command::new("GET").arg(keys::feed_floor())).await?.number()?.unwrap_or(0) > 0;
    Ok(FeedPage { ids: ids.into_iter().map(VideoId).collect(), trimmed })
}

async fn ask(run: &Arc<Run>, command: Command) -> Result<Reply> {
    let mut read = Read::new(run);
    read.push(Bucket::FEED, command);
    Ok(read.send().await?.pop().unwrap_or(Reply::Nil))
}

/// Puts a video into the feed; repeating it is harmless. `window`: how many videos Redis keeps. Gives the last id of
/// the feed's bucket.
pub async fn insert(run: &Arc<Run>, id: VideoId, window: u64) -> Result<u64> {
    let keys = [keys::feed(), keys::feed_floor(), keys::feed_inserts()];
    let arguments = [Bytes::from(id.to_string()), Bytes::from(window.to_string())];
    Home::new(run, Bucket::FEED).call_minting(&script::FEED_INSERT, keys, arguments).await
}
