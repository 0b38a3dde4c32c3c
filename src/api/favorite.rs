//! Likes.

use super::list::{self, Page, VideosAnswer};
use super::{Service, view};
use crate::error::{Error, Result};
use crate::http::{Request, answer};
use crate::id::{UserId, VideoId};
use crate::model::Order;
use crate::store::{Sight, favorite, order, video};

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
    let author = video::author(&run, video).await?;
    let decided = favorite::set(&run, viewer, video, author, on).await;
    service.marks.changed([video.0, author.0, viewer.0]);
    service.settle(&run, video.bucket(), decided?).await?;
    Ok(answer::Empty {})
}

pub(super) async fn list(service: &Service, request: &mut Request) -> Result<VideosAnswer> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let user = params.id("user_id")?.map_or(viewer, UserId);
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let list = order::list(Order::Liked(user), page.before, page.limit + 1);
    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    let liked = list::entries(service, &run, &mut sight, Order::Liked(user), &list).await?;
    let (liked, more) = page.cut(liked, |entry| entry.place);
    let ids: Vec<VideoId> = liked.into_iter().map(|entry| VideoId(entry.id)).collect();
    Ok(VideosAnswer { video_list: view::videos(service, &mut sight, &list, &ids).await?, more })
}
