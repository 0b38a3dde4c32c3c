//! How users and videos are shown to a viewer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Service;
use crate::error::{Error, Result};
use crate::id::{self, VideoId};
use crate::media::{VideoName, cover_path};
use crate::model::{User, Video, VideoRecord};
use crate::store::user::UserRecord;
use crate::store::{self, Run};

pub(super) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64)
}

pub(super) fn user(record: UserRecord) -> User {
    User {
        id: record.id,
        name: record.name,
        follow_count: 0,
        follower_count: 0,
        is_follow: false,
        total_favorited: 0,
        work_count: record.works,
        favorite_count: 0,
        avatar: String::new(),
        background_image: String::new(),
        signature: String::new(),
    }
}

/// The visible ones of `ids`, in their order.
pub(super) async fn videos(service: &Service, run: &Arc<Run>, ids: &[VideoId]) -> Result<Vec<Video>> {
    let now_ms = now_ms();
    let videos = store::video::get_many(run, ids).await?;
    let authors = store::user::get_many(run, videos.iter().map(|video| video.author)).await?;
    videos
        .into_iter()
        .map(|video| match authors.get(&video.author) {
            Some(author) => Ok(shown(&service.media_base, video, author.clone(), now_ms)),
            None => Err(Error::internal(format!("video {} has no author {}", video.id, video.author))),
        })
        .collect()
}

fn shown(media_base: &str, record: VideoRecord, author: UserRecord, now_ms: i64) -> Video {
    let cover_url = match record.object.parse::<VideoName>() {
        Ok(name) => format!("{media_base}/{}", cover_path(name, record.cover)),
        Err(_) => String::new(),
    };
    Video {
        id: record.id,
        author: user(author),
        play_url: format!("{media_base}/video/{}", record.object),
        cover_url,
        favorite_count: 0,
        comment_count: 0,
        is_favorite: false,
        title: record.title,
        create_time: id::unix_ms_of(record.id.0).min(now_ms),
    }
}
