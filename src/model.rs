//! Users and videos: as the stores hand them about, and as the API shows them (every field always there).

use serde::Serialize;

use crate::id::{UserId, VideoId};

/// The facts of a video, which are the same in Redis and in Postgres.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoRecord {
    pub id: VideoId,
    pub author: UserId,
    pub title: String,
    /// Name of the media file.
    pub object: String,
    /// Whether its cover has been made.
    pub cover: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub follow_count: u64,
    pub follower_count: u64,
    /// Whether the viewer follows this user.
    pub is_follow: bool,
    pub total_favorited: u64,
    pub work_count: u64,
    pub favorite_count: u64,
    pub avatar: String,
    pub background_image: String,
    pub signature: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Video {
    pub id: VideoId,
    pub author: User,
    pub play_url: String,
    pub cover_url: String,
    pub favorite_count: u64,
    pub comment_count: u64,
    /// Whether the viewer likes this video.
    pub is_favorite: bool,
    pub title: String,
    /// Unix milliseconds, never later than now.
    pub create_time: i64,
}
