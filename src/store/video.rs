//! Videos in Redis.

use std::sync::Arc;

use bytes::Bytes;

use super::cards::Cards;
use super::client::Command;
use super::keys;
use super::reply::Reply;
use super::run::{Home, Read, Run};
use super::script;
use crate::error::{Code, Result};
use crate::id::{UserId, VideoId};
use crate::model::VideoRecord;

/// A video with its counts, in the eyes of all.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedVideo {
    pub record: VideoRecord,
    pub favorites: u64,
    pub comments: u64,
}

const FIELDS: [&str; 6] = ["author", "title", "object", "cover", "favorites", "comments"];

pub(super) fn command(id: VideoId) -> Command {
    Command::new("HMGET").arg(keys::video(id)).args(FIELDS.map(|field| Bytes::from_static(field.as_bytes())))
}

/// Decodes the answer to [`command`]; `None` where the video is not visible.
pub(super) fn counted(id: VideoId, reply: &Reply) -> Result<Option<CountedVideo>> {
    let [author, title, object, cover, favorites, comments] = reply.array()? else { return Ok(None) };
    let (Some(author), Some(title), Some(object)) = (author.number()?, title.text()?, object.text()?) else {
        return Ok(None);
    };
    let cover = cover.number()?.unwrap_or(0) == 1;
    let (title, object) = (title.to_owned(), object.to_owned());
    Ok(Some(CountedVideo {
        record: VideoRecord { id, author: UserId(author), title, object, cover },
        favorites: favorites.number()?.unwrap_or(0),
        comments: comments.number()?.unwrap_or(0),
    }))
}

/// The videos of `ids`, in their order and one round trip. Those that are not visible (their publishing is not finished)
/// are left out.
pub async fn get_many(run: &Arc<Run>, ids: &[VideoId]) -> Result<Vec<CountedVideo>> {
    let mut read = Read::new(run);
    for id in ids {
        read.push(id.bucket(), command(*id));
    }
    let replies = read.send().await?;
    let videos = ids.iter().zip(&replies).map(|(id, reply)| counted(*id, reply));
    videos.filter_map(Result::transpose).collect()
}

pub(super) fn author_command(id: VideoId) -> Command {
    Command::new("HGET").arg(keys::video(id)).arg("author")
}

/// Whose video it is; 100007 for an unknown one. This process asks once.
pub async fn author(cards: &Cards, run: &Arc<Run>, id: VideoId) -> Result<UserId> {
    if let Some(author) = cards.known_author(id) {
        return Ok(author);
    }
    let mut read = Read::new(run);
    read.push(id.bucket(), author_command(id));
    match read.send().await?.first().unwrap_or(&Reply::Nil).number()? {
        Some(author) => {
            cards.know_author(id, UserId(author));
            Ok(UserId(author))
        }
        // No script may be asked instead: it would need the author, who says which keys it touches.
        None => Err(Code::NoVideo.into()),
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
