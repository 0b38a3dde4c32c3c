//! The whole data model of Redis on one page: one function per key, nothing else builds a key.
//!
//! Every key carries its bucket as the Cluster hash tag, so that all a script touches shares one slot. Scores and
//! members are ids ([`crate::id`]). A key lives as long as its entity unless said otherwise.

use crate::id::{Bucket, UserId, VideoId};

/// `"<epoch> <open|closed> <last> <forgotten>"`: whether the bucket may be believed. Every script takes it first,
/// every read pipeline reads it last. Written by every minting script and by recovery.
pub fn head(bucket: Bucket) -> String {
    format!("head:{{{bucket}}}")
}

/// Stream of resulting states, entry id = version of the change. Appended by every script that changes state;
/// never by inserts into the feed.
pub fn outbox(bucket: Bucket) -> String {
    format!("outbox:{{{bucket}}}")
}

/// Hash `name`, `works` (how many videos; absent is 0). Written by `user_show`, `video_show`.
pub fn user(id: UserId) -> String {
    format!("user:{{{}}}:{id}", id.bucket())
}

/// Sorted set of the user's videos: member and score are the video id. Written by `video_show`; its size equals the
/// user's field `works`.
pub fn works(id: UserId) -> String {
    format!("works:{{{}}}:{id}", id.bucket())
}

/// Hash `author`, `title`, `object` (name of the media file), `cover` (`1` once made). Written by `video_show`,
/// `video_cover`.
pub fn video(id: VideoId) -> String {
    format!("video:{{{}}}:{id}", id.bucket())
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

/// Name of the installation that this Redis belongs to, as Postgres has it. Written before anything else, never
/// removed.
pub fn installation() -> String {
    format!("riffle:{{{}}}", Bucket::FEED)
}

/// The bucket of a key of ours; `None` for a key that riffle never makes.
pub fn bucket_of(key: &str) -> Option<Bucket> {
    let (kind, rest) = key.split_once(":{")?;
    let (tag, id) = rest.split_once('}')?;
    let bucket = match tag {
        "feed" => Bucket::FEED,
        tag => Bucket::new(tag.strip_prefix('b')?.parse().ok()?).filter(|bucket| *bucket != Bucket::FEED)?,
    };
    let known = match id.strip_prefix(':') {
        Some(id) => id.parse::<u64>().is_ok() && matches!(kind, "user" | "works" | "video"),
        None => id.is_empty() && matches!(kind, "head" | "outbox" | "latest" | "latest_floor" | "riffle"),
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
        for key in [user(UserId(id)), works(UserId(id)), video(VideoId(id)), head(bucket), outbox(bucket)] {
            assert_eq!(bucket_of(&key), Some(bucket), "{key}");
        }
        for key in [feed(), feed_floor(), installation(), head(Bucket::FEED)] {
            assert_eq!(bucket_of(&key), Some(Bucket::FEED), "{key}");
        }
    }

    #[test]
    fn foreign_keys_have_none() {
        for key in ["", "user", "user:{b042}", "user:{b042}:x", "user:{b999}:1", "session:{b042}:1", "head:{b256}"] {
            assert_eq!(bucket_of(key), None, "{key}");
        }
    }
}
