//! Comments in Redis.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use triomphe::ThinArc;

use super::cards::{Cards, Kept, THIN_BYTES};
use super::keys;
use super::listed::{ListCache, ListPage};
use super::marks::Stamp;
use super::reply::Reply;
use super::run::{Home, Run};
use super::script;
use super::sight::Sight;
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

/// What is to be known of a page that is not kept; 100007 for an unknown video.
pub async fn page(sight: &mut Sight<'_>, list: &List) -> Result<Vec<CommentRecord>> {
    let (told, _) = sight.ask_list::<Comments>(list, Vec::new()).await?;
    told.array()?.iter().map(record).collect()
}

/// A page of comments as it is kept: what is shown of each is written once, but for its author, who changes.
#[derive(Clone)]
pub struct Comments(ThinArc<CommentsHead, u8>);

struct CommentsHead {
    stamp: Stamp,
    comments: Box<[Comment]>,
}

pub struct Comment {
    pub id: u64,
    pub user: UserId,
    /// Where what is shown of it lies among the texts of its page.
    pub text: Range<usize>,
}

impl Comments {
    pub fn new(stamp: Stamp, comments: Vec<Comment>, texts: &[u8]) -> Comments {
        Comments(ThinArc::from_header_and_slice(CommentsHead { stamp, comments: comments.into() }, texts))
    }

    pub fn all(&self) -> &[Comment] {
        &self.0.header.header.comments
    }

    pub fn text(&self, comment: &Comment) -> &[u8] {
        &self.0.slice[comment.text.clone()]
    }
}

impl Kept for Comments {
    fn bytes(&self) -> usize {
        THIN_BYTES + size_of::<CommentsHead>() + size_of_val(self.all()) + self.0.slice.len()
    }
}

impl ListPage for Comments {
    fn stamp(&self) -> &Stamp {
        &self.0.header.header.stamp
    }

    fn named(&self) -> impl Iterator<Item = u64> {
        self.all().iter().map(|comment| comment.user.0)
    }

    fn cache(cards: &Cards) -> &ListCache<Comments> {
        &cards.comments
    }
}
