//! The order of the newest videos, kept exact with little: nothing leaves the feed but at its old end, so where the
//! newest ids and a count agree, all ids do.

use std::sync::Arc;

use super::WANTED;
use crate::id::VideoId;
use crate::store::Stamp;
use crate::store::snapshot::{OrderAsked, OrderTold};

/// How many of the newest ids are looked at each time. More that came in between, and what came late and further down,
/// makes the order be read anew.
const COMPARED: usize = 64;

pub(super) struct Order {
    epoch: u64,
    /// Newest first.
    ids: Arc<[VideoId]>,
    end: End,
    pub(super) stamp: Stamp,
}

/// What follows the oldest id of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing.
    Feed,
    /// Videos that Postgres has, and Redis has not.
    Redis,
    /// More that Redis has.
    Part,
}

impl End {
    /// `has_all`: that Redis has. `is_trimmed`: Redis had more once.
    fn of(has_all: bool, is_trimmed: bool) -> End {
        match (has_all, is_trimmed) {
            (false, _) => End::Part,
            (true, false) => End::Feed,
            (true, true) => End::Redis,
        }
    }
}

/// Where a page lies.
pub(super) enum Place<'a> {
    /// Its videos, and the one that follows it; short only at the very end of the feed.
    At(&'a [VideoId]),
    /// Not wholly among those that are kept.
    Past,
}

impl Order {
    /// What tells the newest part of an order.
    pub(super) fn asked_anew(part: usize) -> OrderAsked {
        OrderAsked { newest: part, counted_from: 0 }
    }

    /// From the answer to [`Order::asked_anew`].
    pub(super) fn told_anew(told: OrderTold, stamp: Stamp) -> Order {
        let end = End::of(told.newest.len() == told.count, told.floor > 0);
        Order { epoch: told.epoch, ids: told.newest.into(), end, stamp }
    }

    /// What tells whether the order is still this one, and what is new.
    pub(super) fn asked(&self) -> OrderAsked {
        OrderAsked { newest: COMPARED, counted_from: self.counted_from() }
    }

    fn counted_from(&self) -> u64 {
        if self.end == End::Part { self.oldest() } else { 0 }
    }

    fn oldest(&self) -> u64 {
        self.ids.last().map_or(0, |oldest| oldest.0)
    }

    /// From the answer to [`Order::asked`]; `None`: it has to be read anew. `most`: how many ids may be kept.
    pub(super) fn told(&self, told: &OrderTold, most: usize, stamp: Stamp) -> Option<Order> {
        if told.epoch != self.epoch {
            return None;
        }
        let counted_from = self.counted_from();
        let is_new = |id: &&VideoId| id.0 >= counted_from && self.ids.binary_search_by(|kept| (*id).cmp(kept)).is_err();
        let new: Vec<VideoId> = told.newest.iter().filter(is_new).copied().collect();
        let kept = &self.ids[..self.ids.partition_point(|id| id.0 > told.floor)];
        if kept.len() + new.len() != told.count {
            return None;
        }
        // Where Redis has trimmed all below these, they are all that it has.
        let mut has_all = self.end != End::Part || told.floor >= counted_from;
        let mut ids = self.ids.clone();
        if !new.is_empty() || kept.len() < ids.len() {
            let mut changed = [&new[..], kept].concat();
            // Stable, as that makes use of two runs that are in order.
            changed.sort_by(|one, other| other.cmp(one));
            has_all &= changed.len() <= most;
            changed.truncate(most);
            ids = changed.into();
        }
        Some(Order { epoch: self.epoch, ids, end: End::of(has_all, told.floor > 0), stamp })
    }

    /// What more can be read of it, at most `part` ids and `most` in all: below which id, and how many.
    pub(super) fn lacks(&self, part: usize, most: usize) -> Option<(u64, usize)> {
        let limit = part.min(most.saturating_sub(self.ids.len()));
        (self.end == End::Part && limit > 0).then(|| (self.oldest(), limit))
    }

    /// With what was read of it below its oldest id, where that is still the oldest of `before`, behind the stamp of
    /// `before`. It keeps that stamp, the older one: what came in since then is looked for. `has_all`: of what Redis has.
    pub(super) fn grown(
        &self,
        before: &Order,
        part: &[VideoId],
        has_all: bool,
        is_trimmed: bool,
        most: usize,
    ) -> Option<Order> {
        if self.end != End::Part || self.epoch != before.epoch || self.oldest() != before.oldest() {
            return None;
        }
        let fitting = &part[..part.len().min(most.saturating_sub(self.ids.len()))];
        Some(Order {
            epoch: self.epoch,
            ids: [&self.ids[..], fitting].concat().into(),
            end: End::of(has_all && fitting.len() == part.len(), is_trimmed),
            stamp: before.stamp,
        })
    }

    /// The page of ids below `before`.
    pub(super) fn place(&self, before: Option<u64>) -> Place<'_> {
        let start = before.map_or(0, |before| self.ids.partition_point(|id| id.0 >= before));
        let rest = &self.ids[start..];
        match rest.get(..WANTED) {
            Some(wanted) => Place::At(wanted),
            None if self.end == End::Feed => Place::At(rest),
            None => Place::Past,
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
