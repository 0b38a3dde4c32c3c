//! What Postgres says about a batch of subjects.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Client as Session;

use super::subject::Subject;
use crate::archive::verify::{self as archive, UserRow, VideoRow};
use crate::error::Result;
use crate::id::VideoId;
use crate::model::{CommentRecord, EdgeRow, MessageRecord};
use crate::store::verify::{is_of_video, kind_and_owners};

#[derive(Default)]
pub(super) struct Rows {
    pub users: HashMap<u64, UserRow>,
    pub videos: HashMap<u64, VideoRow>,
    /// By user and video.
    pub favorites: HashMap<(u64, u64), EdgeRow>,
    /// By follower and followed, in both directions of each follow that was asked for.
    pub follows: HashMap<(u64, u64), EdgeRow>,
    /// With the video, whether it is there, and the version of that.
    pub comments: HashMap<u64, (VideoId, CommentRecord, bool, u64)>,
    pub messages: HashMap<u64, MessageRecord>,
    /// How many messages each chat has.
    pub chats: HashMap<(u64, u64), u64>,
    /// The owners of keys that there are: users, then videos.
    owners: [HashSet<u64>; 2],
}

impl Rows {
    /// Whether there is whom or what a key belongs to.
    pub(super) fn has_owner(&self, key: &str) -> bool {
        kind_and_owners(key).is_none_or(|(kind, owners)| {
            let known = &self.owners[usize::from(is_of_video(kind))];
            owners.iter().all(|owner| known.contains(owner))
        })
    }
}

/// At most one query for each kind.
pub(super) async fn fetch(session: &Session, subjects: &[Subject]) -> Result<Rows> {
    let (mut users, mut videos, mut comments, mut messages) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut favorites, mut follows, mut chats) = (Vec::new(), Vec::new(), Vec::new());
    let mut owners = [Vec::new(), Vec::new()];
    for subject in subjects {
        match subject {
            Subject::User(id) => users.push(id.0),
            Subject::Favorited(_) => {}
            Subject::Video { id, .. } | Subject::Work { id, .. } | Subject::Fed(id) => videos.push(id.0),
            Subject::Like { user, video } => favorites.push((user.0, video.0)),
            Subject::Follow { from, to } => follows.extend([(from.0, to.0), (to.0, from.0)]),
            Subject::Comment { id, .. } => comments.push(*id),
            Subject::Message { id, .. } => messages.push(*id),
            Subject::Chat { low, high } => chats.push((low.0, high.0)),
            Subject::Key(key) => {
                if let Some((kind, of)) = kind_and_owners(key) {
                    owners[usize::from(is_of_video(kind))].extend(of);
                }
            }
        }
    }
    let mut rows = Rows::default();
    if !users.is_empty() {
        rows.users = archive::users(session, &users).await?.into_iter().map(|row| (row.id.0, row)).collect();
    }
    if !videos.is_empty() {
        rows.videos = archive::videos(session, &videos).await?.into_iter().map(|row| (row.record.id.0, row)).collect();
    }
    let by_edge = |rows: Vec<EdgeRow>| rows.into_iter().map(|row| ((row.edge.from, row.edge.to), row)).collect();
    if !favorites.is_empty() {
        rows.favorites = by_edge(archive::favorites(session, &favorites).await?);
    }
    if !follows.is_empty() {
        rows.follows = by_edge(archive::follows(session, &follows).await?);
    }
    if !comments.is_empty() {
        rows.comments = archive::comments(session, &comments).await?.into_iter().map(|row| (row.1.id, row)).collect();
    }
    if !messages.is_empty() {
        rows.messages = archive::messages(session, &messages).await?.into_iter().map(|row| (row.id, row)).collect();
    }
    if !chats.is_empty() {
        rows.chats = archive::chats(session, &chats).await?.into_iter().collect();
    }
    if owners.iter().any(|of| !of.is_empty()) {
        let [users, videos] = &owners;
        for (id, is_video) in archive::owners(session, users, videos).await? {
            rows.owners[usize::from(is_video)].insert(id);
        }
    }
    Ok(rows)
}
