//! Users and videos, read for a viewer.

use std::sync::Arc;

use super::Service;
use crate::error::{Error, Result};
use crate::feed::view;
pub(super) use crate::feed::view::{shown_ms, user};
use crate::id::{UserId, VideoId};
use crate::model::{User, Video};
use crate::store::{self, Run};

/// Those of `ids` that exist, in their order, in the eyes of a viewer. One round trip.
pub(super) async fn users(run: &Arc<Run>, ids: &[UserId], viewer: Option<UserId>) -> Result<Vec<User>> {
    let records = store::user::get_many(run, ids.iter().copied(), viewer).await?;
    Ok(ids.iter().filter_map(|id| records.get(id)).cloned().map(user).collect())
}

/// The visible ones of `ids`, in their order, in the eyes of a viewer. Two round trips.
pub(super) async fn videos(
    service: &Service,
    run: &Arc<Run>,
    ids: &[VideoId],
    viewer: Option<UserId>,
) -> Result<Vec<Video>> {
    let videos = store::video::get_many(run, ids, viewer).await?;
    let authors = store::user::get_many(run, videos.iter().map(|video| video.record.author), viewer).await?;
    videos
        .into_iter()
        .map(|video| match authors.get(&video.record.author) {
            Some(author) => Ok(view::video(&service.media_base, video, author.clone())),
            None => Err(Error::internal(format!("video {} has no author", video.record.id))),
        })
        .collect()
}
