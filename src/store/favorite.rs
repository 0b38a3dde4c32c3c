//! Likes in Redis.

use std::sync::Arc;

use super::edge::{self, Edge};
use super::keys;
use super::run::Run;
use super::script;
use crate::error::Result;
use crate::id::{UserId, VideoId};
use crate::model::EdgeRow;

fn edge(user: UserId, video: VideoId) -> Edge {
    Edge {
        from: user.0,
        to: video.0,
        home: video.bucket(),
        mirror: user.bucket(),
        read: &script::FAVORITE_READ,
        read_keys: vec![keys::video(video), keys::likers(video)],
        apply: &script::FAVORITE_MIRROR,
        apply_keys: vec![
            keys::recent(user.bucket()),
            keys::user(user),
            keys::liked(user),
            keys::liked_older(user),
            keys::long(user.bucket()),
        ],
    }
}

/// Likes a video, or no longer. `author`: whose video it is. Gives the version of the decision.
pub async fn set(run: &Arc<Run>, user: UserId, video: VideoId, author: UserId, on: bool) -> Result<u64> {
    let keys = vec![keys::outbox(video.bucket()), keys::video(video), keys::user(author), keys::likers(video)];
    edge::set(run.clone(), edge(user, video), &script::FAVORITE_SET, keys, on).await
}

/// Brings the mirror end after the home. `place`: the version of the change.
pub async fn bring_mirror(run: &Arc<Run>, user: UserId, video: VideoId, place: u64) -> Result<()> {
    edge::bring_mirror(run, &edge(user, video), place).await
}

/// Tells the mirror end what the home, which is closed, had decided. `row.version` is the place, `version` above all
/// that the home had minted.
pub async fn deliver(run: &Arc<Run>, row: &EdgeRow, version: u64) -> Result<()> {
    let edge = edge(UserId(row.edge.from), VideoId(row.edge.to));
    edge::deliver(run, &edge, row.version, version, row.edge.on).await
}
