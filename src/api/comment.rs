//! Comments.

use serde::Serialize;

use super::list::Page;
use super::{Service, view};
use crate::error::{Code, Error, Result};
use crate::feed::writer::{USER_BYTES, Writer};
use crate::http::{Request, TextKind, check_text, format_date};
use crate::id::{UserId, VideoId};
use crate::model::CommentRecord;
use crate::store::comment::{self as store, Comment, Comments};
use crate::store::seen::SeenUser;
use crate::store::{List, Sight, Timeline};

/// What a failed action shows.
#[derive(Serialize, Default)]
pub(super) struct NoComment {
    comment: Option<()>,
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

pub(super) async fn action(service: &Service, request: &mut Request) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let video = VideoId(params.required_id("video_id")?);
    match params.integer("action_type")? {
        Some(1) => {
            let text = params.required_text("comment_text")?;
            check_text("comment_text", text, 1..=512, TextKind::Text)?;
            let run = service.run_to_write()?;
            // Whatever could fail is asked first: the comment is the last step. Nobody follows himself: no flag.
            let mut sight = Sight::begin(&service.cards, &run, None);
            sight.see(&[], &[viewer]).await?;
            let author = sight.user(viewer).ok_or(Code::NoUser)?;
            let added = store::add(&run, video, viewer, text).await;
            service.marks.changed([video.0]);
            let id = added?;
            service.settle(&run, video.bucket(), id).await?;
            answer(service, &CommentRecord { id, user: viewer, text: text.to_owned() }, &author)
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
            let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
            sight.see(&[], &[deleted.user]).await?;
            answer(service, &deleted, &sight.user(deleted.user).ok_or(Code::NoUser)?)
        }
        _ => Err(Error::parameter("action_type: 1 to comment, 2 to delete")),
    }
}

fn answer(service: &Service, comment: &CommentRecord, author: &SeenUser<'_>) -> Result<Vec<u8>> {
    let mut writer = Writer::begin(USER_BYTES + COMMENT_BYTES);
    writer.raw(r#","comment":"#);
    begin(&mut writer, comment.id, author)?;
    end(&mut writer, service, comment)?;
    Ok(writer.end())
}

pub(super) async fn list(service: &Service, request: &mut Request) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token()).ok();
    let video = VideoId(params.required_id("video_id")?);
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let mut sight = Sight::begin(&service.cards, &run, viewer);
    let list = &page.list(Timeline::Comments(video));
    let kept = match sight.kept(list) {
        Some(kept) => kept,
        None => read(service, &mut sight, list).await?,
    };
    let (comments, more) = page.cut(kept.all(), |comment| comment.id);
    let authors: Vec<UserId> = comments.iter().map(|comment| comment.user).collect();
    sight.see(&[], &authors).await?;
    let mut writer = Writer::begin(comments.len() * (USER_BYTES + COMMENT_BYTES));
    writer.array(r#","comment_list":"#, comments, |writer, comment| {
        let author = sight.user(comment.user);
        let author = author.ok_or_else(|| Error::internal(format!("comment {} has no author", comment.id)))?;
        begin(writer, comment.id, &author)?;
        writer.text.extend_from_slice(kept.text(comment));
        Ok(())
    })?;
    more.write(&mut writer);
    Ok(writer.end())
}

/// Reads a page, and keeps it.
async fn read(service: &Service, sight: &mut Sight<'_>, list: &List) -> Result<Comments> {
    let stamp = sight.stamp_of(list);
    let records = store::page(sight, list).await?;
    // One that is ahead of the clock is shown with another time later on.
    let lasts = records.first().is_none_or(|newest| view::has_come(newest.id));
    let mut texts = Writer::bare(records.len() * COMMENT_BYTES);
    let mut comments = Vec::with_capacity(records.len());
    for record in &records {
        let start = texts.text.len();
        end(&mut texts, service, record)?;
        comments.push(Comment { id: record.id, user: record.user, text: start..texts.text.len() });
    }
    let comments = Comments::new(stamp, comments, &texts.text);
    Ok(if lasts { sight.keep(list, comments) } else { comments })
}

/// Up to what is kept of it.
fn begin(writer: &mut Writer, id: u64, author: &SeenUser<'_>) -> Result<()> {
    writer.number(r#"{"id":"#, id);
    writer.raw(r#","user":"#);
    writer.user(author)
}

/// The rest, which never changes.
fn end(writer: &mut Writer, service: &Service, comment: &CommentRecord) -> Result<()> {
    writer.string(r#","content":"#, &comment.text)?;
    // `2023-04-05 22:29:01`
    let create_date = format_date(view::shown_ms(comment.id), service.config.utc_offset);
    writer.string(r#","create_date":"#, &create_date)?;
    writer.raw("}");
    Ok(())
}
