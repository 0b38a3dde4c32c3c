//! Users and videos: as the stores hand them about, and as the API shows them (every field always there).

use crate::id::{UserId, VideoId};

/// What a user registered with.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    pub name: String,
    /// The name in the form that is unique.
    pub name_key: String,
    pub password_hash: String,
}

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

/// What Redis holds, in parts that can be loaded apart from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Feed,
    Users,
    Videos,
    Favorites,
    Follows,
    Comments,
    Messages,
}

impl Scope {
    /// In the order of loading: what counts comes after what it is counted in.
    pub const ALL: [Scope; 7] =
        [Scope::Users, Scope::Videos, Scope::Feed, Scope::Favorites, Scope::Follows, Scope::Comments, Scope::Messages];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Feed => "feed",
            Scope::Users => "users",
            Scope::Videos => "videos",
            Scope::Favorites => "favorites",
            Scope::Follows => "follows",
            Scope::Comments => "comments",
            Scope::Messages => "messages",
        }
    }
}

/// One entry of an outbox: a resulting state, never a delta, with all that a row needs: a Postgres that was put back has
/// lost the row. Its version is the entry's position.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    User { id: UserId, registered: Registered },
    Video { id: VideoId, author: UserId, title: String, object: String },
    Cover { id: VideoId },
    Favorite(EdgeChange),
    Follow(EdgeChange),
    Comment { id: u64, video: VideoId, user: UserId, text: String },
    Uncomment { id: u64 },
    Message { id: u64, low: UserId, high: UserId, from: UserId, time_ms: i64, text: String },
}

/// A like (from a user to a video) or a follow (from a user to a user).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeChange {
    pub from: u64,
    pub to: u64,
    pub on: bool,
}

/// The order of a user's likes or follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// Videos that a user likes.
    Liked(UserId),
    /// Users whom a user follows.
    Followed(UserId),
    /// Users who follow a user.
    FollowedBy(UserId),
}

/// A member of an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    pub id: u64,
    /// The version of the change that put it there: its place, and the cursor of a page that ends with it.
    pub place: u64,
}

/// A row of `favorite` or `follow`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeRow {
    pub edge: EdgeChange,
    /// The change that made it so; its place in an order.
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CommentRecord {
    pub id: u64,
    pub user: UserId,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MessageRecord {
    pub id: u64,
    pub from: UserId,
    pub to: UserId,
    pub text: String,
    /// Unix milliseconds, unique within the chat.
    pub time_ms: i64,
}
