//! Videos in Redis.

use std::sync::Arc;

use bytes::Bytes;

use super::client::Command;
use super::keys;
use super::reply::Reply;
use super::run::{Home, Read, Run};
use super::script;
use super::timeline;
use crate::error::{Code, Result};
use crate::id::{UserId, VideoId};
use crate::model::VideoRecord;

fn record(id: VideoId, reply: &Reply) -> Result<Option<VideoRecord>> {
    let [author, title, object, cover] = reply.array()? else { return Ok(None) };
    let (Some(author), Some(title), Some(object)) = (author.number()?, title.text()?, object.text()?) else {
        return Ok(None);
    };
    let cover = cover.number()?.unwrap_or(0) == 1;
    Ok(Some(VideoRecord { id, author: UserId(author), title: title.to_owned(), object: object.to_owned(), cover }))
}

/// The videos of `ids`, in their order and one round trip. Those that are not visible (their publishing is not
/// finished) are left out.
pub async fn get_many(run: &Arc<Run>, ids: &[VideoId]) -> Result<Vec<VideoRecord>> {
    let mut read = Read::new(run);
    for id in ids {
        let fields = ["author", "title", "object", "cover"].map(Bytes::from);
        read.push(id.bucket(), Command::new("HMGET").arg(keys::video(*id)).args(fields));
    }
    let mut videos = Vec::with_capacity(ids.len());
    for (id, reply) in ids.iter().zip(read.send().await?) {
        videos.extend(record(*id, &reply)?);
    }
    Ok(videos)
}

/// One page of a user's videos, newest first: at most `limit` ids below `before`; 100006 for an unknown user.
pub async fn works(run: &Arc<Run>, user: UserId, before: Option<u64>, limit: usize) -> Result<Vec<VideoId>> {
    let mut read = Read::new(run);
    read.push(user.bucket(), Command::new("EXISTS").arg(keys::user(user)));
    read.push(user.bucket(), timeline::newest_below(keys::works(user), before, limit));
    match &read.send().await?[..] {
        [exists, _] if exists.number()? == Some(0) => Err(Code::NoUser.into()),
        [_, ids] => Ok(ids.numbers()?.into_iter().map(VideoId).collect()),
        _ => Ok(Vec::new()),
    }
}

impl Home {
    /// Makes a video visible in its author's list; repeating it is harmless. Gives the version of the change.
    pub async fn show_video(&self, video: &VideoRecord) -> Result<u64> {
        let keys =
            [keys::outbox(self.bucket()), keys::user(video.author), keys::video(video.id), keys::works(video.author)];
        let arguments = [
            Bytes::from(video.id.to_string()),
            Bytes::from(video.author.to_string()),
            Bytes::from(video.title.clone()),
            Bytes::from(video.object.clone()),
        ];
        self.call_minting(&script::VIDEO_SHOW, keys, arguments).await
    }

    /// Notes that the video's cover is there; repeating it is harmless.
    pub async fn show_cover(&self, id: VideoId) -> Result<u64> {
        let keys = [keys::outbox(self.bucket()), keys::video(id)];
        self.call_minting(&script::VIDEO_COVER, keys, [Bytes::from(id.to_string())]).await
    }
}
