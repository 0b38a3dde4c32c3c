//! Comments in Redis.

use std::sync::Arc;

use bytes::Bytes;

use super::cards::Cards;
use super::keys;
use super::listed::{ListCache, Listed};
use super::reply::Reply;
use super::run::{Home, Run};
use super::script;
use super::timeline::List;
use crate::error::{Error, Result};
use crate::id::{UserId, VideoId};
use crate::model::CommentRecord;

/// How a comment is stored: `<id> <user id> <text>`.
pub fn member(comment: &CommentRecord) -> String {
    format!("{} {} {}", comment.id, comment.user, comment.text)
}

/// See [`member`].
fn record(reply: &Reply) -> Result<CommentRecord> {
    let member = reply.text()?.unwrap_or_default();
    let mut words = member.splitn(3, ' ');
    let mut number = || words.next().and_then(|word| word.parse().ok());
    match (number(), number(), words.next()) {
        (Some(id), Some(user), Some(text)) => Ok(CommentRecord { id, user: UserId(user), text: text.to_owned() }),
        _ => Err(Error::internal(format!("{} bytes that are no comment", member.len()))),
    }
}

/// Gives the new comment's id.
pub async fn add(run: &Arc<Run>, video: VideoId, user: UserId, text: &str) -> Result<u64> {
    let keys = [keys::outbox(video.bucket()), keys::video(video), keys::comments(video)];
    let arguments =
        [Bytes::from(video.to_string()), Bytes::from(user.to_string()), Bytes::copy_from_slice(text.as_bytes())];
    Home::new(run, video.bucket()).call_minting(&script::COMMENT_ADD, keys, arguments).await
}

/// Gives the version of the deletion and the deleted comment. Its author may, and the author of the video: else 100009.
pub async fn delete(run: &Arc<Run>, video: VideoId, comment: u64, actor: UserId) -> Result<(u64, CommentRecord)> {
    let keys = [keys::outbox(video.bucket()), keys::video(video), keys::comments(video)];
    let arguments = [video.0, comment, actor.0].map(|id| Bytes::from(id.to_string()));
    let answer = Home::new(run, video.bucket()).call_seeing(&script::COMMENT_DELETE, keys, arguments).await?;
    Ok((answer.value(0).required_number()?, record(answer.value(1))?))
}

impl Listed for CommentRecord {
    fn all(_list: &List, told: &Reply) -> Result<Vec<CommentRecord>> {
        told.array()?.iter().map(record).collect()
    }

    fn named(&self) -> u64 {
        self.user.0
    }

    fn text_bytes(&self) -> usize {
        self.text.len()
    }

    fn cache(cards: &Cards) -> &ListCache<CommentRecord> {
        &cards.comments
    }
}
