//! In which order a user liked, followed, and was followed.
//!
//! A place costs twice as much as membership alone, so the order is kept for the newest members only. Older ones are moved
//! to a compact set once Postgres has their places (a place is the version of a change), and these are read there. A member
//! is in one of both. What a reader may rely on:
//!
//! - `floor` is the highest place that was ever removed. Whatever the order lacks, Postgres has at or below it.
//! - A row of Postgres counts if the set has its member: where a change is not flushed yet, it is gone from the set, or has
//!   been placed anew.
//!
//! So the list is the order, and of the rows at or below the floor those that count. A place that comes late, below the
//! floor, just stands in the order until it is removed in its turn.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::client::Command;
use super::keys;
use super::listed::Entries;
use super::membership;
use super::reply::Reply;
use super::run::{Home, Read, Run};
use super::script;
use super::sight::Sight;
use super::timeline::{self, List, Timeline};
use crate::error::{Code, Error, Result};
use crate::id::{Bucket, UserId, bucket_of};
use crate::model::{Entry, Order};

/// From this length on an order is noted to be trimmed: with some room to the 128 at which Redis would give up the
/// compact form.
pub(super) const ORDER_LONG: usize = 96;
/// What then stays.
const ORDER_KEPT: usize = 64;
/// Orders of one bucket that are trimmed in one turn, and members of one of them: the flush waits meanwhile.
const TRIMMED_MAX: usize = 48;
const DOOMED_MAX: usize = 500;
/// Orders at once: each takes Redis some hundred microseconds, and all that are asked together are in the way together.
const CONCURRENCY: usize = 4;
/// How often a set may be split while it is asked.
const ASKED_MAX: usize = 4;

impl Order {
    fn user(self) -> UserId {
        let (Order::Liked(user) | Order::Followed(user) | Order::FollowedBy(user)) = self;
        user
    }

    pub fn timeline(self) -> Timeline {
        match self {
            Order::Liked(user) => Timeline::Liked(user),
            Order::Followed(user) => Timeline::Followed(user),
            Order::FollowedBy(user) => Timeline::FollowedBy(user),
        }
    }

    pub(super) fn key(self) -> String {
        self.timeline().key()
    }

    fn name(self) -> &'static str {
        match self {
            Order::Liked(_) => "liked",
            Order::Followed(_) => "followed",
            Order::FollowedBy(_) => "followed_by",
        }
    }

    /// Where the members are that were trimmed.
    pub(super) fn older(self) -> String {
        match self {
            Order::Liked(user) => keys::liked_older(user),
            Order::Followed(user) => keys::followed_older(user),
            Order::FollowedBy(user) => keys::followed_by_older(user),
        }
    }

    /// Where the edge to a member was decided, and its place minted.
    fn home_of(self, member: u64) -> Bucket {
        match self {
            Order::Liked(_) | Order::Followed(_) => bucket_of(member),
            Order::FollowedBy(user) => user.bucket(),
        }
    }

    fn of_key(key: &str) -> Option<Order> {
        let user = UserId(key.rsplit_once(':')?.1.parse().ok()?);
        let orders = [Order::Liked(user), Order::Followed(user), Order::FollowedBy(user)];
        orders.into_iter().find(|order| order.key() == key)
    }
}

/// What Redis has of a page.
pub struct Window {
    /// The last one first.
    pub entries: Vec<Entry>,
    /// Whatever is missing in `entries` stands at or below this place; 0: nothing is.
    pub floor: u64,
    /// In how many sub-sets the older members lie.
    subsets: u64,
}

/// What Redis keeps of a page of the order; 100006 for an unknown user.
pub async fn window(sight: &mut Sight<'_>, order: Order, list: &List) -> Result<Window> {
    // Asked after the entries: what is removed meanwhile lies below it.
    let fields = [Bytes::from(format!("{}_floor", order.name())), Bytes::from_static(b"followed_by_sets")];
    let fields = Command::new("HMGET").arg(keys::user(order.user())).args(fields);
    let (entries, fields) = sight.ask_list::<Entries>(list, vec![fields]).await?;
    match fields.first().unwrap_or(&Reply::Nil).array()? {
        [floor, subsets] => Ok(Window {
            entries: list.entries(&entries)?,
            floor: floor.number()?.unwrap_or(0),
            subsets: subsets.number()?.unwrap_or(1),
        }),
        _ => Err(Error::internal("two fields were asked for and not told")),
    }
}

/// Which of these members, that Postgres has, were trimmed from the order and are members still.
pub async fn are_trimmed(run: &Arc<Run>, order: Order, window: &mut Window, members: &[u64]) -> Result<Vec<bool>> {
    let (user, bucket) = (order.user(), order.user().bucket());
    for _ in 0..ASKED_MAX {
        let count = if matches!(order, Order::FollowedBy(_)) { window.subsets } else { 1 };
        let mut by_subset: Vec<(String, usize)> =
            (0..members.len()).map(|place| (keys::subset(&order.older(), count, members[place]), place)).collect();
        by_subset.sort_unstable();
        let mut read = Read::new(run);
        let groups: Vec<&[(String, usize)]> = by_subset.chunk_by(|one, other| one.0 == other.0).collect();
        for group in &groups {
            read.push(bucket, membership::command(group[0].0.clone(), group.iter().map(|(_, place)| members[*place])));
        }
        // Asked last: the same as before, and no sub-set was split while they were asked.
        read.push(bucket, Command::new("HGET").arg(keys::user(user)).arg("followed_by_sets"));
        let replies = read.send().await?;
        let [flags @ .., subsets] = &replies[..] else { return Ok(Vec::new()) };
        let subsets = subsets.number()?.unwrap_or(1);
        if subsets != window.subsets {
            window.subsets = subsets;
            continue;
        }
        let mut trimmed = vec![false; members.len()];
        for (group, flags) in groups.iter().zip(flags) {
            for ((_, place), is_member) in group.iter().zip(membership::flags(flags)?) {
                trimmed[*place] = is_member;
            }
        }
        return Ok(trimmed);
    }
    Err(Error::unavailable(format!("the followers of user {user} are being split")))
}

/// Removes from long orders of some buckets what Postgres has. `flushed`: up to which place of each bucket that is. Gives
/// how many places were removed.
pub async fn trim(run: &Arc<Run>, buckets: &[Bucket], flushed: &[u64]) -> Result<usize> {
    let mut read = Read::new(run);
    for bucket in buckets {
        read.push(*bucket, Command::new("SRANDMEMBER").arg(keys::long(*bucket)).arg(TRIMMED_MAX.to_string()));
    }
    let mut long = Vec::new();
    for keys in read.send().await? {
        for key in keys.array()? {
            long.extend(key.text()?.and_then(Order::of_key));
        }
    }
    let mut removed = 0;
    for orders in long.chunks(CONCURRENCY) {
        let mut read = Read::new(run);
        for order in orders {
            let oldest = Command::new("ZRANGE").arg(order.key()).arg("0");
            let oldest = oldest.arg((DOOMED_MAX + ORDER_KEPT - 1).to_string()).arg("WITHSCORES");
            read.push(order.user().bucket(), oldest);
        }
        let oldest = read.send().await?;
        let removing = orders.iter().zip(&oldest).map(|(order, oldest)| remove_flushed(run, *order, oldest, flushed));
        removed += try_join_all(removing).await?.into_iter().sum::<usize>();
    }
    Ok(removed)
}

/// Of the oldest places of an order, which were told, all but the last that are to stay; gives how many.
async fn remove_flushed(run: &Arc<Run>, order: Order, oldest: &Reply, flushed: &[u64]) -> Result<usize> {
    let is_flushed = |entry: &Entry| entry.place <= flushed[order.home_of(entry.id).index()];
    let mut oldest = timeline::entries(oldest)?;
    oldest.truncate(oldest.len().saturating_sub(ORDER_KEPT));
    let doomed: Vec<Entry> = oldest.into_iter().filter(is_flushed).collect();
    let (user, bucket) = (order.user(), order.user().bucket());
    let keys = [keys::long(bucket), keys::user(user), order.key(), order.older()];
    let places = doomed.iter().flat_map(|entry| [entry.place, entry.id]).map(|number| Bytes::from(number.to_string()));
    let arguments = std::iter::once(Bytes::from(order.name())).chain(places);
    match Home::new(run, bucket).call(&script::ORDER_TRIM, keys, arguments).await {
        Err(error) if error.code != Code::NoUser => Err(error),
        _ => Ok(doomed.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_by_its_key() {
        let user = UserId(Bucket::new(42).unwrap().id_at(1_000));
        for order in [Order::Liked(user), Order::Followed(user), Order::FollowedBy(user)] {
            assert_eq!(Order::of_key(&order.key()), Some(order));
        }
        assert_eq!(Order::of_key(&keys::friends(user)), None);
        assert_eq!(Order::of_key(&keys::liked_older(user)), None);
        assert_eq!(Order::of_key("liked:{b041}:8192001344"), None);
    }
}
