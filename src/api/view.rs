//! How users and videos are shown to a viewer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Service;
use crate::error::{Error, Result};
use crate::id::{self, UserId, VideoId};
use crate::media::{VideoName, cover_path};
use crate::model::{User, Video};
use crate::store::user::UserRecord;
use crate::store::video::CountedVideo;
use crate::store::{self, Run};

pub(super) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64)
}

/// When something was made, in Unix milliseconds: ids may run a little ahead of the clock, a time shown does not.
pub(super) fn shown_ms(id: u64) -> i64 {
    id::unix_ms_of(id).min(now_ms())
}

pub(super) fn user(record: UserRecord) -> User {
    User {
        id: record.id,
        name: record.name,
        follow_count: record.follows,
        follower_count: record.followers,
        is_follow: record.is_followed,
        total_favorited: record.favorited,
        work_count: record.works,
        favorite_count: record.favorites,
        avatar: String::new(),
        background_image: String::new(),
        signature: String::new(),
    }
}

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
            Some(author) => Ok(shown(&service.media_base, video, author.clone())),
            None => Err(Error::internal(format!("video {} has no author", video.record.id))),
        })
        .collect()
}

fn shown(media_base: &str, video: CountedVideo, author: UserRecord) -> Video {
    let record = video.record;
    let cover_url = match record.object.parse::<VideoName>() {
        Ok(name) => format!("{media_base}/{}", cover_path(name, record.cover)),
        Err(_) => String::new(),
    };
    Video {
        id: record.id,
        author: user(author),
        play_url: format!("{media_base}/video/{}", record.object),
        cover_url,
        favorite_count: video.favorites,
        comment_count: video.comments,
        is_favorite: video.is_liked,
        title: record.title,
        create_time: shown_ms(record.id.0),
    }
}
