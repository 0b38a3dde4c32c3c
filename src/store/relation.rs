//! Follows and friends in Redis.

use std::sync::Arc;

use super::edge::{self, Edge};
use super::keys;
use super::run::Run;
use super::script;
use crate::error::Result;
use crate::id::UserId;
use crate::model::EdgeRow;

fn edge(follower: UserId, followed: UserId) -> Edge {
    Edge {
        from: follower.0,
        to: followed.0,
        home: followed.bucket(),
        mirror: follower.bucket(),
        read: &script::FOLLOW_READ,
        read_keys: vec![keys::user(followed), keys::followed_by(followed), keys::followed_by_older(followed)],
        apply: &script::FOLLOW_MIRROR,
        apply_keys: vec![
            keys::recent(follower.bucket()),
            keys::user(follower),
            keys::followed(follower),
            keys::followed_older(follower),
            keys::followed_by(follower),
            keys::followed_by_older(follower),
            keys::friends(follower),
            keys::long(follower.bucket()),
        ],
    }
}

/// Follows a user, or no longer. Oneself is 100002, an unknown user 100006. Gives the version of the decision.
pub async fn set(run: &Arc<Run>, follower: UserId, followed: UserId, on: bool) -> Result<u64> {
    let keys = vec![
        keys::outbox(followed.bucket()),
        keys::user(followed),
        keys::followed_by(followed),
        keys::followed_by_older(followed),
        keys::followed(followed),
        keys::followed_older(followed),
        keys::friends(followed),
        keys::long(followed.bucket()),
    ];
    edge::set(run.clone(), edge(follower, followed), &script::FOLLOW_SET, keys, on).await
}

/// Brings the mirror end after the home. `place`: the version of the change.
pub async fn bring_mirror(run: &Arc<Run>, follower: UserId, followed: UserId, place: u64) -> Result<()> {
    edge::bring_mirror(run, &edge(follower, followed), place).await
}

/// Tells the mirror end what the home, which is closed, had decided. `row.version` is the place, `version` above all
/// that the home had minted.
pub async fn deliver(run: &Arc<Run>, row: &EdgeRow, version: u64) -> Result<()> {
    let edge = edge(UserId(row.edge.from), UserId(row.edge.to));
    edge::deliver(run, &edge, row.version, version, row.edge.on).await
}
