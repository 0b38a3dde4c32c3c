//! Loading a closed bucket from rows of Postgres. Every call may be repeated.

use bytes::Bytes;

use super::run::Home;
use super::{comment, keys, message, script};
use crate::error::Result;
use crate::id::{UserId, VideoId};
use crate::model::{CommentRecord, EdgeRow, MessageRecord, VideoRecord};

impl Home {
    pub async fn load_users(&self, users: &[(UserId, String)]) -> Result<()> {
        let keys = users.iter().map(|(id, _)| keys::user(*id));
        let names = users.iter().map(|(_, name)| Bytes::from(name.clone()));
        self.call(&script::USERS_LOAD, keys, names).await.map(drop)
    }

    /// `cover` of each video is written as it is.
    pub async fn load_videos(&self, videos: &[VideoRecord]) -> Result<()> {
        let keys = videos
            .iter()
            .flat_map(|video| [keys::user(video.author), keys::video(video.id), keys::works(video.author)]);
        let values = videos.iter().flat_map(|video| {
            [
                Bytes::from(video.id.to_string()),
                Bytes::from(video.author.to_string()),
                Bytes::from(video.title.clone()),
                Bytes::from(video.object.clone()),
                Bytes::from_static(if video.cover { b"1" } else { b"0" }),
            ]
        });
        self.call(&script::VIDEOS_LOAD, keys, values).await.map(drop)
    }

    /// `floor`: the highest id that the feed leaves out, 0 for none.
    pub async fn load_feed(&self, floor: u64, ids: &[VideoId]) -> Result<()> {
        let numbers = std::iter::once(floor).chain(ids.iter().map(|id| id.0));
        let arguments = numbers.map(|number| Bytes::from(number.to_string()));
        self.call(&script::FEED_LOAD, [keys::feed(), keys::feed_floor()], arguments).await.map(drop)
    }

    /// Likes of the bucket's videos, with the videos' authors.
    pub async fn load_favorites(&self, likes: &[(EdgeRow, UserId)]) -> Result<()> {
        let keys = likes.iter().flat_map(|(row, author)| {
            let video = VideoId(row.edge.to);
            [keys::video(video), keys::user(*author), keys::likers(video)]
        });
        let values = likes.iter().flat_map(|(row, _)| [Bytes::from(row.edge.from.to_string()), state(row.edge.on)]);
        self.call(&script::FAVORITES_LOAD, keys, values).await.map(drop)
    }

    /// Likes by the bucket's users.
    pub async fn load_favorite_mirrors(&self, likes: &[EdgeRow]) -> Result<()> {
        let keys = likes.iter().flat_map(|row| {
            let user = UserId(row.edge.from);
            [keys::user(user), keys::liked(user), keys::liked_older(user)]
        });
        let keys = std::iter::once(keys::long(self.bucket())).chain(keys);
        let values = likes.iter().flat_map(|row| placed(row.edge.to, row));
        self.call(&script::FAVORITE_MIRRORS_LOAD, keys, values).await.map(drop)
    }

    /// Follows of the bucket's users.
    pub async fn load_follows(&self, follows: &[EdgeRow]) -> Result<()> {
        let keys = follows.iter().flat_map(|row| {
            let user = UserId(row.edge.to);
            let ours = [keys::user(user), keys::followed_by(user), keys::followed_by_older(user)];
            ours.into_iter().chain([keys::followed(user), keys::followed_older(user), keys::friends(user)])
        });
        let values = follows.iter().flat_map(|row| placed(row.edge.from, row));
        self.load_relations("followers", keys, values).await
    }

    /// Follows by the bucket's users.
    pub async fn load_follow_mirrors(&self, follows: &[EdgeRow]) -> Result<()> {
        let keys = follows.iter().flat_map(|row| {
            let user = UserId(row.edge.from);
            let ours = [keys::user(user), keys::followed(user), keys::followed_older(user)];
            ours.into_iter().chain([keys::followed_by(user), keys::followed_by_older(user), keys::friends(user)])
        });
        let values = follows.iter().flat_map(|row| placed(row.edge.to, row));
        self.load_relations("follows", keys, values).await
    }

    /// One side of follows; `count` is the field that counts it.
    async fn load_relations(
        &self,
        count: &'static str,
        keys: impl Iterator<Item = String>,
        values: impl Iterator<Item = Bytes>,
    ) -> Result<()> {
        let keys = std::iter::once(keys::long(self.bucket())).chain(keys);
        let values = std::iter::once(Bytes::from_static(count.as_bytes())).chain(values);
        self.call(&script::FOLLOWS_LOAD, keys, values).await.map(drop)
    }

    /// Comments on the bucket's videos, and whether they are there.
    pub async fn load_comments(&self, comments: &[(VideoId, CommentRecord, bool)]) -> Result<()> {
        let keys = comments.iter().flat_map(|(video, _, _)| [keys::video(*video), keys::comments(*video)]);
        let values = comments.iter().flat_map(|(_, record, on)| {
            [Bytes::from(record.id.to_string()), Bytes::from(comment::member(record)), state(*on)]
        });
        self.call(&script::COMMENTS_LOAD, keys, values).await.map(drop)
    }

    /// Messages of the bucket's chats.
    pub async fn load_messages(&self, messages: &[MessageRecord]) -> Result<()> {
        let keys = messages.iter().map(|record| {
            let (low, high) = message::pair(record.from, record.to);
            keys::chat(low, high)
        });
        let values = messages
            .iter()
            .flat_map(|record| [Bytes::from(record.time_ms.to_string()), Bytes::from(message::member(record))]);
        self.call(&script::MESSAGES_LOAD, keys, values).await.map(drop)
    }
}

fn state(on: bool) -> Bytes {
    Bytes::from_static(if on { b"1" } else { b"0" })
}

/// The other end of an edge, its state and its place.
fn placed(other: u64, row: &EdgeRow) -> [Bytes; 3] {
    [Bytes::from(other.to_string()), state(row.edge.on), Bytes::from(row.version.to_string())]
}
