//! Users and videos, as a viewer sees them.

use super::Service;
use crate::error::Result;
use crate::feed::view;
pub(super) use crate::feed::view::{shown_ms, user};
use crate::id::{UserId, VideoId};
use crate::model::{User, Video};
use crate::store::{List, Sight};

/// Those of `ids`, which `list` names, that exist, in their order.
pub(super) async fn users(sight: &mut Sight<'_>, list: &List, ids: &[UserId]) -> Result<Vec<User>> {
    sight.see_users_of(list, ids).await?;
    let seen = ids.iter().filter_map(|id| sight.user(*id));
    Ok(seen.map(|seen| user(seen.user, seen.is_followed)).collect())
}

/// The visible ones of `ids`, which `list` names, in their order.
pub(super) async fn videos(
    service: &Service,
    sight: &mut Sight<'_>,
    list: &List,
    ids: &[VideoId],
) -> Result<Vec<Video>> {
    sight.see_videos_of(list, ids).await?;
    let mut videos = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(seen) = sight.video(*id)? {
            let author = user(seen.author.user, seen.author.is_followed);
            videos.push(view::video(&service.media_base, seen.video, author, seen.is_liked));
        }
    }
    Ok(videos)
}
