//! A world of any size, written straight to Postgres: users, videos, and who likes, follows and says what.
//!
//! Skewed as real ones are: a tenth of the videos holds nine tenths of the likes and comments, a tenth of the users nine
//! tenths of the followers, and a few have as many as half of all users. All of it is the past: every id is a real one
//! (`riffle::id`) of the last 400 days, later things have higher ids, and a riffle that starts on it finds nothing
//! strange. The videos have no files: nothing here plays them.

mod copy;
mod skew;
mod write;

use std::time::{SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use riffle::id::{Bucket, lowest_at};

pub use write::{Written, write};

/// The password of every user.
pub const PASSWORD: &str = "bench-password";

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sizes {
    pub users: usize,
    pub videos: usize,
    pub likes: usize,
    pub follows: usize,
    pub comments: usize,
    pub messages: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    Small,
    Medium,
    Large,
}

impl Scale {
    pub fn sizes(self) -> Sizes {
        match self {
            Scale::Small => {
                Sizes { users: 1_000, videos: 2_000, likes: 20_000, follows: 8_000, comments: 8_000, messages: 5_000 }
            }
            Scale::Medium => Sizes {
                users: 20_000,
                videos: 50_000,
                likes: 500_000,
                follows: 200_000,
                comments: 200_000,
                messages: 100_000,
            },
            Scale::Large => Sizes {
                users: 200_000,
                videos: 500_000,
                likes: 5_000_000,
                follows: 2_000_000,
                comments: 1_000_000,
                messages: 500_000,
            },
        }
    }
}

/// When things of one kind were made, in days before now.
struct Era {
    from_days: u64,
    to_days: u64,
}

const USERS: Era = Era { from_days: 400, to_days: 300 };
const VIDEOS: Era = Era { from_days: 300, to_days: 60 };
const FOLLOWS: Era = Era { from_days: 60, to_days: 50 };
const LIKES: Era = Era { from_days: 50, to_days: 30 };
const COMMENTS: Era = Era { from_days: 30, to_days: 15 };
const MESSAGES: Era = Era { from_days: 15, to_days: 1 };

impl Era {
    /// When the thing at `place` of `count` was made: Unix milliseconds, all different.
    fn time_ms(&self, now_ms: u64, place: usize, count: usize) -> i64 {
        const DAY_MS: u64 = 86_400_000;
        let length_ms = (self.from_days - self.to_days) * DAY_MS;
        let offset_ms = place as u128 * u128::from(length_ms) / count.max(1) as u128;
        (now_ms - self.from_days * DAY_MS + offset_ms as u64) as i64
    }
}

/// Who is there and what there is; edges and texts follow from it as they are written.
pub struct World {
    pub sizes: Sizes,
    seed: u64,
    now_ms: u64,
    /// By age; the first are the stars.
    pub users: Vec<u64>,
    /// By age.
    pub videos: Vec<Video>,
    /// How many follow each user beside his friend.
    followers: Vec<u32>,
    /// Likes of the video at each rank; [`World::ranked`] says which it is.
    likes: Vec<u32>,
    comments: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
pub struct Video {
    pub id: u64,
    pub author: u64,
}

impl World {
    pub fn plan(sizes: Sizes, seed: u64) -> World {
        let mut dice = StdRng::seed_from_u64(seed);
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as u64);
        let users: Vec<u64> = (0..sizes.users)
            .map(|place| id(USERS.time_ms(now_ms, place, sizes.users), dice.random_range(0..Bucket::USERS)))
            .collect();
        let videos = (0..sizes.videos)
            .map(|place| {
                // Some publish much more than others.
                let share = dice.random::<f64>();
                let author = users[((share * share * users.len() as f64) as usize).min(users.len() - 1)];
                Video { id: id_beside(VIDEOS.time_ms(now_ms, place, sizes.videos), author), author }
            })
            .collect();
        let half = sizes.users / 2;
        let beside_friends = sizes.follows.saturating_sub(sizes.users / 2 * 2);
        World {
            followers: skew::counts(beside_friends, sizes.users, half),
            likes: skew::counts(sizes.likes, sizes.videos, half),
            comments: skew::counts(sizes.comments, sizes.videos, usize::MAX),
            sizes,
            seed,
            now_ms,
            users,
            videos,
        }
    }

    /// The video at a rank: 0 is the most liked. Age and rank have nothing to do with each other.
    pub fn ranked(&self, rank: usize) -> Video {
        self.videos[skew::scatter(rank, self.videos.len())]
    }

    /// How many of the ranks, from 0 on, have at least `count` comments.
    pub fn ranks_with_comments(&self, count: u32) -> usize {
        self.comments.partition_point(|comments| *comments >= count)
    }

    /// Two users who follow each other and nobody else can tell why: 2k and 2k + 1.
    pub fn friends(&self, pair: usize) -> (u64, u64) {
        (self.users[pair * 2], self.users[pair * 2 + 1])
    }

    pub fn pairs(&self) -> usize {
        self.users.len() / 2
    }

    pub fn name(place: usize) -> String {
        format!("user{place:07}")
    }
}

/// An id minted at a time in a bucket.
fn id(unix_ms: i64, bucket: u16) -> u64 {
    lowest_at(unix_ms) | Bucket::new(bucket).map_or(0, Bucket::id_bits)
}

/// An id in the bucket of another.
fn id_beside(unix_ms: i64, other: u64) -> u64 {
    id(unix_ms, riffle::id::bucket_of(other).number())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_ordered_by_age() {
        let world = World::plan(Scale::Small.sizes(), 1);
        let ids: Vec<u64> = world.users.iter().copied().chain(world.videos.iter().map(|video| video.id)).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3_000);
        let beside = |video: &Video| riffle::id::bucket_of(video.id) == riffle::id::bucket_of(video.author);
        assert!(world.videos.iter().all(beside));
    }
}
