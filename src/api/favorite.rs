//! Likes.

use super::list::{self, Page};
use super::{Service, view};
use crate::error::{Error, Result};
use crate::http::{Request, answer};
use crate::id::{UserId, VideoId};
use crate::model::Order;
use crate::store::{Sight, favorite, video};

pub(super) async fn action(service: &Service, request: &mut Request) -> Result<answer::Empty> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let video = VideoId(params.required_id("video_id")?);
    let on = match params.integer("action_type")? {
        Some(1) => true,
        Some(2) => false,
        _ => return Err(Error::parameter("action_type: 1 to like, 2 to unlike")),
    };
    let run = service.run_to_write()?;
    let author = video::author(&service.cards, &run, video).await?;
    let decided = favorite::set(&run, viewer, video, author, on).await;
    service.marks.changed([video.0, author.0, viewer.0]);
    service.settle(&run, video.bucket(), decided?).await?;
    Ok(answer::Empty {})
}

pub(super) async fn list(service: &Service, request: &mut Request) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let user = params.id("user_id")?.map_or(viewer, UserId);
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    let liked = list::entries(service, &run, &mut sight, Order::Liked(user), &page).await?;
    let (liked, more) = page.cut(&liked, |entry| entry.place);
    view::videos(service, &mut sight, liked, more).await
}
