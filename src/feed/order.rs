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
    /// Older ones are nowhere.
    whole: bool,
    pub(super) stamp: Stamp,
}

/// Where a page lies.
pub(super) enum Place<'a> {
    /// Its videos, and the one that follows it; short only at the very end of the feed.
    At(&'a [VideoId]),
    /// Not wholly among those that are kept.
    Past,
}

impl Order {
    /// What tells all of an order of `snapshot` ids.
    pub(super) fn asked_anew(snapshot: usize) -> OrderAsked {
        OrderAsked { newest: snapshot, counted_from: 0 }
    }

    /// From the answer to [`Order::asked_anew`].
    pub(super) fn told_anew(told: OrderTold, stamp: Stamp) -> Order {
        let whole = told.floor == 0 && told.count == told.newest.len();
        Order { epoch: told.epoch, ids: told.newest.into(), whole, stamp }
    }

    /// What tells whether the order is still this one, and what is new.
    pub(super) fn asked(&self) -> OrderAsked {
        OrderAsked { newest: COMPARED, counted_from: self.counted_from() }
    }

    fn counted_from(&self) -> u64 {
        if self.whole { 0 } else { self.ids.last().map_or(0, |oldest| oldest.0) }
    }

    /// From the answer to [`Order::asked`]; `None`: it has to be read anew.
    pub(super) fn told(&self, told: &OrderTold, snapshot: usize, stamp: Stamp) -> Option<Order> {
        let counted_from = self.counted_from();
        let trimmed = told.floor > 0 && told.floor >= counted_from;
        if told.epoch != self.epoch || trimmed {
            return None;
        }
        let is_new = |id: &&VideoId| id.0 >= counted_from && self.ids.binary_search_by(|kept| (*id).cmp(kept)).is_err();
        let new: Vec<VideoId> = told.newest.iter().filter(is_new).copied().collect();
        if self.ids.len() + new.len() != told.count {
            return None;
        }
        let mut order = Order { epoch: self.epoch, ids: self.ids.clone(), whole: self.whole, stamp };
        if !new.is_empty() {
            let mut ids = [&new[..], &self.ids[..]].concat();
            ids.sort_unstable_by(|one, other| other.cmp(one));
            order.whole &= ids.len() <= snapshot;
            ids.truncate(snapshot);
            order.ids = ids.into();
        }
        Some(order)
    }

    /// The page of ids below `before`.
    pub(super) fn place(&self, before: Option<u64>) -> Place<'_> {
        let start = before.map_or(0, |before| self.ids.partition_point(|id| id.0 >= before));
        let rest = &self.ids[start..];
        match rest.get(..WANTED) {
            Some(wanted) => Place::At(wanted),
            None if self.whole => Place::At(rest),
            None => Place::Past,
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
