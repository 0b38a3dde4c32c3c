//! Comments.

use std::sync::Arc;

use serde::Serialize;

use super::list::Page;
use super::{Service, view};
use crate::error::{Code, Error, Result};
use crate::feed::writer::{USER_BYTES, Writer};
use crate::http::{Request, TextKind, check_text, format_date};
use crate::id::{UserId, VideoId};
use crate::model::{CommentRecord, User};
use crate::store::{Run, Sight, Timeline, comment as store};

#[derive(Serialize)]
pub(super) struct Comment {
    id: u64,
    user: User,
    content: String,
    /// `2023-04-05 22:29:01`
    create_date: String,
}

#[derive(Serialize, Default)]
pub(super) struct CommentAnswer {
    comment: Option<Comment>,
}

/// What a failed list of comments shows.
#[derive(Serialize, Default)]
pub(super) struct NoComments {
    comment_list: [(); 0],
    has_more: bool,
    next_cursor: u64,
}

/// What most comments take beside their author.
const COMMENT_BYTES: usize = 160;

pub(super) async fn action(service: &Service, request: &mut Request) -> Result<CommentAnswer> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let video = VideoId(params.required_id("video_id")?);
    let comment = match params.integer("action_type")? {
        Some(1) => {
            let text = params.required_text("comment_text")?;
            check_text("comment_text", text, 1..=512, TextKind::Text)?;
            let run = service.run_to_write()?;
            // Whatever could fail is asked first: the comment is the last step. Nobody follows himself: no flag.
            let author = author(service, &run, viewer, None).await?;
            let added = store::add(&run, video, viewer, text).await;
            service.marks.changed([video.0]);
            let id = added?;
            service.settle(&run, video.bucket(), id).await?;
            shown(service, CommentRecord { id, user: viewer, text: text.to_owned() }, author)
        }
        Some(2) => {
            // Some clients send -1 for "none".
            let id =
                params.optional_id("comment_id")?.ok_or_else(|| Error::parameter("comment_id: which to delete"))?;
            let run = service.run_to_write()?;
            let deleted = store::delete(&run, video, id, viewer).await;
            service.marks.changed([video.0]);
            let (version, deleted) = deleted?;
            service.settle(&run, video.bucket(), version).await?;
            let author = author(service, &run, deleted.user, Some(viewer)).await?;
            shown(service, deleted, author)
        }
        _ => return Err(Error::parameter("action_type: 1 to comment, 2 to delete")),
    };
    Ok(CommentAnswer { comment: Some(comment) })
}

pub(super) async fn list(service: &Service, request: &mut Request) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token()).ok();
    let video = VideoId(params.required_id("video_id")?);
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let mut sight = Sight::begin(&service.cards, &run, viewer);
    let comments: Arc<[CommentRecord]> = sight.list(&page.list(Timeline::Comments(video))).await?;
    let (comments, more) = page.cut(&comments, |comment| comment.id);
    let authors: Vec<UserId> = comments.iter().map(|comment| comment.user).collect();
    sight.see(&[], &authors).await?;
    let mut writer = Writer::begin(comments.len() * (USER_BYTES + COMMENT_BYTES));
    writer.array(r#","comment_list":"#, comments, |writer, comment| {
        let author = sight.user(comment.user);
        let author = author.ok_or_else(|| Error::internal(format!("comment {} has no author", comment.id)))?;
        writer.number(r#"{"id":"#, comment.id);
        writer.raw(r#","user":"#);
        writer.user(author.user, author.is_followed)?;
        writer.string(r#","content":"#, &comment.text)?;
        writer.string(r#","create_date":"#, &create_date(service, comment.id))?;
        writer.raw("}");
        Ok(())
    })?;
    more.write(&mut writer);
    Ok(writer.end())
}

/// The author of one comment, in the eyes of a viewer; an unknown one is 100006.
async fn author(service: &Service, run: &Arc<Run>, id: UserId, viewer: Option<UserId>) -> Result<User> {
    let mut sight = Sight::begin(&service.cards, run, viewer);
    sight.see(&[], &[id]).await?;
    let author = sight.user(id).ok_or(Code::NoUser)?;
    Ok(view::user(author.user, author.is_followed))
}

fn shown(service: &Service, comment: CommentRecord, user: User) -> Comment {
    Comment { id: comment.id, user, content: comment.text, create_date: create_date(service, comment.id) }
}

fn create_date(service: &Service, comment: u64) -> String {
    format_date(view::shown_ms(comment), service.config.utc_offset)
}
