//! What is compared, one thing at a time, and where it stands in Redis.

use std::fmt;

use crate::id::{UserId, VideoId};
use crate::model::{CommentRecord, MessageRecord};
use crate::store::verify::{Place, Question, kind_and_owners};
use crate::store::{comment, keys, message};

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    /// Name, counts, and the sizes of what they count.
    User(UserId),
    /// The likes of all videos of a user, as he counts them.
    Favorited(UserId),
    Video {
        id: VideoId,
        author: UserId,
    },
    /// An entry of the list of a user's videos.
    Work {
        id: VideoId,
        author: UserId,
    },
    /// An entry of the feed.
    Fed(VideoId),
    Like {
        user: UserId,
        video: VideoId,
    },
    Follow {
        from: UserId,
        to: UserId,
    },
    /// `member`: as it stands in Redis.
    Comment {
        video: VideoId,
        id: u64,
        member: String,
    },
    Message {
        low: UserId,
        high: UserId,
        id: u64,
        member: String,
    },
    Chat {
        low: UserId,
        high: UserId,
    },
    /// A key of a user or video that may not be there.
    Key(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::User(id) | Subject::Favorited(id) => write!(f, "user {id}"),
            Subject::Video { id, .. } => write!(f, "video {id}"),
            Subject::Work { id, author } => write!(f, "video {id} in the list of user {author}"),
            Subject::Fed(id) => write!(f, "video {id} in the feed"),
            Subject::Like { user, video } => write!(f, "like of video {video} by user {user}"),
            Subject::Follow { from, to } => write!(f, "follow of user {to} by user {from}"),
            Subject::Comment { video, id, .. } => write!(f, "comment {id} on video {video}"),
            Subject::Message { low, high, id, .. } => write!(f, "message {id} between users {low} and {high}"),
            Subject::Chat { low, high } => write!(f, "chat of users {low} and {high}"),
            Subject::Key(key) => write!(f, "key {key}"),
        }
    }
}

fn place(key: String, question: Question, argument: impl ToString, role: &'static str) -> Place {
    Place { key, question, argument: argument.to_string(), role }
}

impl Subject {
    pub(super) fn comment(video: VideoId, record: &CommentRecord) -> Subject {
        Subject::Comment { video, id: record.id, member: comment::member(record) }
    }

    pub(super) fn message(record: &MessageRecord) -> Subject {
        let (low, high) = message::pair(record.from, record.to);
        Subject::Message { low, high, id: record.id, member: message::member(record) }
    }

    /// What is to be asked about a key; `None` for those that have no owner.
    pub(super) fn of_key(key: String) -> Option<Subject> {
        let (kind, owners) = kind_and_owners(&key)?;
        match (kind, &owners[..]) {
            ("chat", [low, high]) => Some(Subject::Chat { low: UserId(*low), high: UserId(*high) }),
            (_, [_]) => Some(Subject::Key(key)),
            _ => None,
        }
    }

    /// What a member of a key of ours stands for; `None` where that is checked otherwise.
    pub(super) fn of_member(key: &str, member: String) -> Option<Subject> {
        let (kind, owners) = kind_and_owners(key)?;
        let id = member.split(' ').next().and_then(|id| id.parse().ok()).unwrap_or(0);
        Some(match (kind, &owners[..]) {
            ("likers", [video]) => Subject::Like { user: UserId(id), video: VideoId(*video) },
            ("liked" | "liked_older", [user]) => Subject::Like { user: UserId(*user), video: VideoId(id) },
            ("followed_by" | "followed_by_older", [user]) => Subject::Follow { from: UserId(id), to: UserId(*user) },
            ("followed" | "followed_older" | "friends", [user]) => {
                Subject::Follow { from: UserId(*user), to: UserId(id) }
            }
            ("comments", [video]) => Subject::Comment { video: VideoId(*video), id, member },
            ("chat", [low, high]) => Subject::Message { low: UserId(*low), high: UserId(*high), id, member },
            ("latest", []) => Subject::Fed(VideoId(id)),
            _ => return None,
        })
    }

    /// Whether a key can be walked.
    pub(super) fn has_members(key: &str) -> bool {
        Subject::of_member(key, String::new()).is_some()
    }

    /// Where among the places the sizes stand that Postgres is asked for, each or the first of them.
    pub(super) const USER_FRIENDS: usize = 9;
    pub(super) const VIDEO_SETS: usize = 6;

    /// Where it stands in Redis.
    pub(super) fn places(&self) -> Vec<Place> {
        use Question::{Count, Exists, Field, Member, OrderSize, Ranked, Score, SetSize, Value};
        match self {
            Subject::User(id) => {
                let mut places = vec![place(keys::user(*id), Field, "name", "")];
                let counts = ["works", "favorites", "follows", "followers"];
                places.extend(counts.map(|count| place(keys::user(*id), Count, count, "")));
                places.push(place(keys::works(*id), OrderSize, "", ""));
                let orders = [keys::liked(*id), keys::followed(*id), keys::followed_by(*id), keys::friends(*id)];
                places.extend(orders.map(|key| place(key, OrderSize, "", "")));
                let older = [keys::liked_older(*id), keys::followed_older(*id), keys::followed_by_older(*id)];
                places.extend(older.map(|key| place(key, SetSize, "", "")));
                places
            }
            Subject::Favorited(id) => vec![place(keys::user(*id), Count, "favorited", "")],
            Subject::Video { id, author } => {
                let mut places: Vec<Place> = ["author", "title", "object", "cover"]
                    .map(|field| place(keys::video(*id), Field, field, ""))
                    .into();
                places.extend(["favorites", "comments"].map(|count| place(keys::video(*id), Count, count, "")));
                places.push(place(keys::likers(*id), SetSize, "", ""));
                places.push(place(keys::comments(*id), OrderSize, "", ""));
                places.push(place(keys::works(*author), Score, id, "list of its author"));
                places.push(place(keys::feed(), Ranked, id, "feed"));
                // After the feed: it only rises.
                places.push(place(keys::feed_floor(), Value, "", ""));
                places
            }
            Subject::Work { id, author } => vec![place(keys::works(*author), Score, id, "")],
            Subject::Fed(id) => vec![place(keys::feed(), Ranked, id, "")],
            Subject::Like { user, video } => vec![
                place(keys::likers(*video), Member, user, "home end"),
                place(keys::liked(*user), Ranked, video, "mirror end"),
                place(keys::liked_older(*user), Member, video, "older ones of the mirror end"),
                place(keys::user(*user), Field, "liked_floor", ""),
            ],
            Subject::Follow { from, to } => vec![
                place(keys::followed_by(*to), Score, from, "home end"),
                place(keys::followed_by_older(*to), Member, from, "older ones of the home end"),
                place(keys::user(*to), Field, "followed_by_floor", ""),
                place(keys::followed(*from), Ranked, to, "mirror end"),
                place(keys::followed_older(*from), Member, to, "older ones of the mirror end"),
                place(keys::user(*from), Field, "followed_floor", ""),
                // The other one's friends go with the follow back.
                place(keys::friends(*from), Ranked, to, "friends"),
            ],
            Subject::Comment { video, member, .. } => vec![place(keys::comments(*video), Score, member, "")],
            Subject::Message { low, high, member, .. } => vec![place(keys::chat(*low, *high), Score, member, "")],
            Subject::Chat { low, high } => vec![place(keys::chat(*low, *high), OrderSize, "", "")],
            Subject::Key(key) => vec![place(key.clone(), Exists, "", "")],
        }
    }
}
