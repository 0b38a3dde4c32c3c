//! Ids: 53 bits that are unique, time-ordered, and say in which bucket their data lives.
//!
//! ```text
//! | ms since 2023-01-01 UTC (40 bits, until 2057) | bucket (8) | sequence (5) |
//! ```
//!
//! They fit a JSON number, a JavaScript number and a Redis score exactly. The same number is an entity's id, its
//! place in a timeline, the version of an edge and the position of an outbox entry. Only Redis scripts mint them
//! (`lua/lib/head.lua`); this file reads them.

use std::fmt;

/// 2023-01-01T00:00:00Z in milliseconds of the Unix clock. Written out again in `lua/lib/head.lua`.
pub const EPOCH_MS: i64 = 1_672_531_200_000;
/// The largest integer that a double, and so JSON and Redis scores, holds exactly.
pub const ID_MAX: u64 = (1 << 53) - 1;

const SEQUENCE_BITS: u32 = 5;
const BUCKET_BITS: u32 = 8;

/// One of 256 shards of the data, fixed for the life of an installation, or [`Bucket::FEED`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// How many buckets hold users; ids name these.
    pub const USERS: u16 = 1 << BUCKET_BITS;
    /// The bucket of the global feed. Its minted numbers are positions, never entity ids, and have bucket bits 0.
    pub const FEED: Bucket = Bucket(Bucket::USERS);
    /// All buckets, the feed's included.
    pub const COUNT: usize = Bucket::USERS as usize + 1;

    pub fn new(number: u16) -> Option<Bucket> {
        (usize::from(number) < Bucket::COUNT).then_some(Bucket(number))
    }

    pub fn all() -> impl Iterator<Item = Bucket> {
        (0..Bucket::COUNT as u16).map(Bucket)
    }

    /// From its name, as it is displayed.
    pub fn parse(name: &str) -> Option<Bucket> {
        Bucket::all().find(|bucket| bucket.to_string() == name)
    }

    pub fn number(self) -> u16 {
        self.0
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The bits that ids minted in this bucket carry.
    pub fn id_bits(self) -> u64 {
        u64::from(self.0 % Bucket::USERS) << SEQUENCE_BITS
    }

    /// The lowest id of this bucket at `ms` since [`EPOCH_MS`].
    pub fn id_at(self, ms: u64) -> u64 {
        (ms << (SEQUENCE_BITS + BUCKET_BITS)) | self.id_bits()
    }
}

/// The Redis Cluster hash tag, without braces: `b042`, or `feed`.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Bucket::FEED { f.write_str("feed") } else { write!(f, "b{:03}", self.0) }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub fn bucket_of(id: u64) -> Bucket {
    Bucket(((id >> SEQUENCE_BITS) as u16) % Bucket::USERS)
}

/// Milliseconds since [`EPOCH_MS`].
pub fn ms_of(id: u64) -> u64 {
    id >> (SEQUENCE_BITS + BUCKET_BITS)
}

/// When the id was minted, in Unix milliseconds.
pub fn unix_ms_of(id: u64) -> i64 {
    ms_of(id) as i64 + EPOCH_MS
}

/// The lowest number that any id minted at or after `unix_ms` can have; 0 for a time before [`EPOCH_MS`].
pub fn lowest_at(unix_ms: i64) -> u64 {
    let ms = unix_ms.saturating_sub(EPOCH_MS).clamp(0, (1 << 40) - 1);
    (ms as u64) << (SEQUENCE_BITS + BUCKET_BITS)
}

/// Declares an id of one kind, so that two of different kinds cannot be swapped.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Where its data lives.
            pub fn bucket(self) -> Bucket {
                bucket_of(self.0)
            }

            /// As Postgres holds it.
            pub fn as_i64(self) -> i64 {
                self.0 as i64
            }
        }

        impl From<i64> for $name {
            fn from(column: i64) -> $name {
                $name(column as u64)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    UserId
    /// A video lives in its author's bucket.
    VideoId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_time_and_bucket() {
        let bucket = Bucket::new(42).unwrap();
        let id = bucket.id_at(1_000) | 31;
        assert_eq!(bucket_of(id), bucket);
        assert_eq!(unix_ms_of(id), EPOCH_MS + 1_000);
        assert!(lowest_at(EPOCH_MS + 1_000) <= id && id < lowest_at(EPOCH_MS + 1_001));
    }

    #[test]
    fn ids_fit_a_double_until_2057() {
        let last = Bucket::new(255).unwrap().id_at((1 << 40) - 1) | 31;
        assert_eq!(last, ID_MAX);
        assert_eq!(last as f64 as u64, last);
    }

    #[test]
    fn the_feed_bucket_has_a_tag_of_its_own() {
        assert_eq!(Bucket::FEED.to_string(), "feed");
        assert_eq!(Bucket::new(7).unwrap().to_string(), "b007");
        assert_eq!(Bucket::all().count(), 257);
        assert_eq!(Bucket::new(257), None);
    }
}
