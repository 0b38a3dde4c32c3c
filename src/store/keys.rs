//! The whole data model of Redis on one page: one function per key, nothing else builds a key.
//!
//! Every key carries its bucket as the Cluster hash tag, so that all a script touches shares one slot. Scores and
//! members are ids ([`crate::id`]). A key lives as long as its entity unless said otherwise.

use crate::id::{Bucket, UserId, VideoId};
use crate::model::Scope;

/// `"<epoch> <open|closed> <last> <forgotten>"`: whether the bucket may be believed. Every script takes it first,
/// every read pipeline reads it last. Written by every minting script and by recovery.
pub fn head(bucket: Bucket) -> String {
    format!("head:{{{bucket}}}")
}

/// Stream of resulting states, entry id = version of the change: `favorite "7 9 1"`, `comment "5 9 7" text "hello"`.
/// Appended by every script that changes state; never by inserts into the feed.
pub fn outbox(bucket: Bucket) -> String {
    format!("outbox:{{{bucket}}}")
}

/// The position below which the bucket's outbox was trimmed: a Postgres that was put back to before it has lost what is
/// nowhere else. Absent: nothing was. Written by `outbox_trim`.
pub fn trimmed(bucket: Bucket) -> String {
    format!("trimmed:{{{bucket}}}")
}

/// Set of the keys of orders ([`liked`], [`followed`], [`followed_by`]) that have become long: what Postgres has of them
/// is to be trimmed. Written by the scripts that add to an order; `order_trim` takes them out.
pub fn long(bucket: Bucket) -> String {
    format!("long:{{{bucket}}}")
}

/// Hash `name`, and the counts `works` (videos), `favorited` (likes of them), `favorites` (videos liked), `follows`,
/// `followers`; an absent one is 0. Each count moves in the script that changes the set it counts: `user_show`,
/// `video_show`, `favorite_set`, `favorite_mirror`, `follow_set`, `follow_mirror`. Besides, where they are needed, written by
/// `order_trim`: `liked_floor`, `followed_floor`, `followed_by_floor`, the highest place that was trimmed from the order of
/// that name, and `followed_by_sets` (see [`subset`]).
pub fn user(id: UserId) -> String {
    format!("user:{{{}}}:{id}", id.bucket())
}

/// Sorted set of the user's videos: member and score are the video id. Written by `video_show`; its size equals the
/// user's field `works`.
pub fn works(id: UserId) -> String {
    format!("works:{{{}}}:{id}", id.bucket())
}

/// Hash `author`, `title`, `object` (name of the media file), `cover` (`1` once made), and the counts `favorites`,
/// `comments`; an absent one is 0; where needed `liker_sets` (see [`subset`]). Written by `video_show`, `video_cover`, `favorite_set`, `comment_add`,
/// `comment_delete`.
pub fn video(id: VideoId) -> String {
    format!("video:{{{}}}:{id}", id.bucket())
}

/// Set of the ids of users who like the video, in [`subset`]s: the home end of a like. Written by `favorite_set`.
pub fn likers(video: VideoId) -> String {
    format!("likers:{{{}}}:{video}", video.bucket())
}

/// Sorted set of the videos that the user likes, but for [`liked_older`]: the mirror end of a like. Member is the video id,
/// score the version of the like. Written by `favorite_mirror`.
pub fn liked(user: UserId) -> String {
    format!("liked:{{{}}}:{user}", user.bucket())
}

/// Set of the members that were trimmed from the order [`liked`]. Written by `order_trim`; `favorite_mirror` takes them out.
pub fn liked_older(user: UserId) -> String {
    format!("liked_older:{{{}}}:{user}", user.bucket())
}

/// Sorted set of the users who follow the user, but for [`followed_by_older`]: the home end of a follow. Member is the
/// follower's id, score the version of the follow. Written by `follow_set`.
pub fn followed_by(user: UserId) -> String {
    format!("followed_by:{{{}}}:{user}", user.bucket())
}

/// Set, in [`subset`]s, of the members that were trimmed from the order [`followed_by`]. Written by `order_trim`; `follow_set`
/// takes them out.
pub fn followed_by_older(user: UserId) -> String {
    format!("followed_by_older:{{{}}}:{user}", user.bucket())
}

/// Sorted set of the users whom the user follows, but for [`followed_older`]: the mirror end of a follow. Member is the
/// followed user's id, score the version of the follow. Written by `follow_mirror`.
pub fn followed(user: UserId) -> String {
    format!("followed:{{{}}}:{user}", user.bucket())
}

/// Set of the members that were trimmed from the order [`followed`]. Written by `order_trim`; `follow_mirror` takes them out.
pub fn followed_older(user: UserId) -> String {
    format!("followed_older:{{{}}}:{user}", user.bucket())
}

/// Sorted set of the users whom the user follows and who follow him: member is the friend's id, score the version of the
/// later follow. Both ends of a follow keep it, `follow_set` and `follow_mirror`.
pub fn friends(user: UserId) -> String {
    format!("friends:{{{}}}:{user}", user.bucket())
}

/// Where a member of [`likers`] or [`followed_by_older`] lies, of which there are `count` sub-sets (a field of the owner's hash,
/// absent: one). Large sets are split by linear hashing, see `lua/lib/subsets.lua`, which has the same rule.
pub fn subset(set: &str, count: u64, id: u64) -> String {
    let hash = id >> 5;
    let size = count.next_power_of_two();
    let place = hash % size;
    numbered_subset(set, if place < count { place } else { place - size / 2 })
}

/// The sub-set at a place.
pub fn numbered_subset(set: &str, place: u64) -> String {
    if place == 0 { set.to_owned() } else { format!("{set}:{place}") }
}

/// Sorted set of the versions that the mirror side of the bucket has applied: member `<kind>:<from>:<to>`, score the
/// version. Written by `favorite_mirror`, `follow_mirror`.
pub fn recent(bucket: Bucket) -> String {
    format!("recent:{{{bucket}}}")
}

/// Sorted set of the video's comments: member `<id> <user id> <text>`, score the id. Written by `comment_add`,
/// `comment_delete`.
pub fn comments(video: VideoId) -> String {
    format!("comments:{{{}}}:{video}", video.bucket())
}

/// Sorted set of the messages between two users, in the bucket of the lower id: member `<id> <sender id> <text>`, score
/// the time in Unix milliseconds, unique within the chat. Written by `message_send`.
pub fn chat(low: UserId, high: UserId) -> String {
    format!("chat:{{{}}}:{low}:{high}", low.bucket())
}

/// Sorted set of the newest videos of all users, at most `feed_window`: member and score are the video id.
/// Written by `feed_insert`.
pub fn feed() -> String {
    format!("latest:{{{}}}", Bucket::FEED)
}

/// The highest id that was trimmed from the feed: it and everything older is read from Postgres. Absent: none was.
pub fn feed_floor() -> String {
    format!("latest_floor:{{{}}}", Bucket::FEED)
}

/// How many videos were put into the feed since it was loaded, late ones below its floor included. Absent: none. Written
/// by `feed_insert`.
pub fn feed_inserts() -> String {
    format!("latest_inserts:{{{}}}", Bucket::FEED)
}

/// Raised with every change of what these keys hold that an earlier riffle, or this one with what that one left, would
/// read wrongly: what has another layout is loaded anew, or refused. Since 2 the orders hold members that no set has, since 3
/// an entry of an outbox has one field for all its numbers (`super::entry` reads the former ones, which are flushed first).
pub const LAYOUT: u32 = 3;

/// `"<name> <layout>"`: the installation that the bucket belongs to, as Postgres has it, and the [`LAYOUT`] of its keys;
/// none is said of 1. Written whenever the bucket is closed, never removed.
pub fn installation(bucket: Bucket) -> String {
    format!("riffle:{{{bucket}}}")
}

/// How the keys of [`user`], [`video`], [`feed`] and [`feed_inserts`] begin, and no other key.
pub const WATCHED_PREFIXES: &[&str] = &["user:", "video:", "latest:", "latest_inserts:"];

/// What a key that begins so belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// The user or video of this id.
    Entity(u64),
    /// The order of the feed.
    Order,
}

impl Watched {
    /// `None`: riffle never makes such a key.
    pub fn of(key: &[u8]) -> Option<Watched> {
        let key = std::str::from_utf8(key).ok()?;
        match key.rsplit_once(':')? {
            ("latest" | "latest_inserts", _) => Some(Watched::Order),
            (_, id) => id.parse().ok().map(Watched::Entity),
        }
    }
}

/// The fields in the hash of [`user`] that go with what they tell of.
pub const USER_FIELDS: &[(&str, Scope)] = &[
    ("works", Scope::Videos),
    ("favorited", Scope::Favorites),
    ("favorites", Scope::Favorites),
    ("follows", Scope::Follows),
    ("followers", Scope::Follows),
    ("followed_by_sets", Scope::Follows),
    ("liked_floor", Scope::Favorites),
    ("followed_floor", Scope::Follows),
    ("followed_by_floor", Scope::Follows),
];

/// The same of [`video`].
pub const VIDEO_FIELDS: &[(&str, Scope)] =
    &[("favorites", Scope::Favorites), ("liker_sets", Scope::Favorites), ("comments", Scope::Comments)];

/// What is loaded into the bucket of a user and belongs to him, with the scope it is loaded with.
pub fn of_user(id: UserId) -> [(String, Scope); 9] {
    [
        (user(id), Scope::Users),
        (works(id), Scope::Videos),
        (liked(id), Scope::Favorites),
        (liked_older(id), Scope::Favorites),
        (followed_by(id), Scope::Follows),
        (followed_by_older(id), Scope::Follows),
        (followed(id), Scope::Follows),
        (followed_older(id), Scope::Follows),
        (friends(id), Scope::Follows),
    ]
}

/// The same of a video.
pub fn of_video(id: VideoId) -> [(String, Scope); 3] {
    [(video(id), Scope::Videos), (likers(id), Scope::Favorites), (comments(id), Scope::Comments)]
}

/// The bucket of a key of ours; `None` for a key that riffle never makes.
pub fn bucket_of(key: &str) -> Option<Bucket> {
    let (kind, rest) = key.split_once(":{")?;
    let (tag, id) = rest.split_once('}')?;
    let bucket = match tag {
        "feed" => Bucket::FEED,
        tag => Bucket::new(tag.strip_prefix('b')?.parse().ok()?).filter(|bucket| *bucket != Bucket::FEED)?,
    };
    const OF_BUCKETS: &[&str] =
        &["head", "outbox", "trimmed", "recent", "long", "latest", "latest_floor", "latest_inserts", "riffle"];
    const OF_ENTITIES: &[&str] = &[
        "user",
        "works",
        "video",
        "likers",
        "liked",
        "liked_older",
        "followed_by",
        "followed_by_older",
        "followed",
        "followed_older",
        "friends",
        "comments",
        "chat",
    ];
    /// To be removed where they are found.
    const OF_EARLIER_LAYOUTS: &[&str] = &["likes", "follows", "followers"];
    let known = match id.strip_prefix(':') {
        Some(ids) => {
            [OF_ENTITIES, OF_EARLIER_LAYOUTS].iter().any(|kinds| kinds.contains(&kind))
                && ids.split(':').all(|id| id.parse::<u64>().is_ok())
        }
        None => id.is_empty() && OF_BUCKETS.contains(&kind),
    };
    known.then_some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_names_its_bucket() {
        let bucket = Bucket::new(42).unwrap();
        let id = bucket.id_at(1_000);
        assert_eq!(user(UserId(id)), format!("user:{{b042}}:{id}"));
        let (user, video) = (UserId(id), VideoId(id));
        let of_user =
            [works(user), liked(user), liked_older(user), followed(user), followed_older(user), followed_by(user)];
        let others = [
            followed_by_older(user),
            friends(user),
            chat(user, UserId(id + 1)),
            head(bucket),
            outbox(bucket),
            trimmed(bucket),
        ];
        let of_video = [super::video(video), likers(video), comments(video), recent(bucket), super::user(user)];
        for key in of_user.into_iter().chain(others).chain(of_video) {
            assert_eq!(bucket_of(&key), Some(bucket), "{key}");
        }
        for key in [feed(), feed_floor(), feed_inserts(), installation(Bucket::FEED), head(Bucket::FEED)] {
            assert_eq!(bucket_of(&key), Some(Bucket::FEED), "{key}");
        }
    }

    #[test]
    fn a_watched_key_tells_whose_it_is() {
        let id = Bucket::new(42).unwrap().id_at(1_000);
        for (key, watched) in [
            (user(UserId(id)), Some(Watched::Entity(id))),
            (video(VideoId(id)), Some(Watched::Entity(id))),
            (feed(), Some(Watched::Order)),
            (feed_inserts(), Some(Watched::Order)),
            ("user:{b042}:x".to_owned(), None),
            ("user".to_owned(), None),
        ] {
            assert_eq!(Watched::of(key.as_bytes()), watched, "{key}");
        }
        assert!(!WATCHED_PREFIXES.iter().any(|prefix| feed_floor().starts_with(prefix)));
    }

    #[test]
    fn foreign_keys_have_none() {
        for key in ["", "user", "user:{b042}", "user:{b042}:x", "user:{b999}:1", "session:{b042}:1", "head:{b256}"] {
            assert_eq!(bucket_of(key), None, "{key}");
        }
    }
}
