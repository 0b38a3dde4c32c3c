//! The order of the videos, newest first, kept exact with little. Redis counts what is put into the feed; nothing ever
//! leaves it, but from what Redis keeps into what Postgres alone has. So where as many were put in as stand new at the top,
//! all else is as it was, however old.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapWeak;

use super::block::Block;
use super::{PAGE, WANTED};
use crate::id::VideoId;
use crate::store::Stamp;
use crate::store::snapshot::OrderTold;

/// How many of the newest ids are looked at each time. More that came in between, and what came late and further down,
/// makes the order be read anew.
pub(super) const COMPARED: usize = 64;
/// Ids in one question for more of it: a millisecond for Redis, and for Postgres. Few where many are to be seen.
pub(super) const PART: usize = if cfg!(test) { 40 } else { 2_000 };

/// Videos of a block, but of those at the very top. One that changed makes the text of its block be written anew.
const BLOCK: usize = if cfg!(test) { 4 } else { 16 };
/// Pages that begin among so many of the newest are kept ready to be sent.
const NEAR_TOP: usize = 1_000;

#[derive(Clone)]
pub(super) struct Order {
    /// As Redis counted in this epoch when all of these were known.
    inserts: u64,
    epoch: u64,
    /// Newest first.
    parts: Vec<Part>,
    len: usize,
    /// Nothing follows.
    is_whole: bool,
    /// The same for all that came of one reading.
    reading: Arc<()>,
    pub(super) stamp: Stamp,
}

/// Up to twice [`PART`] ids, never none, so that a new video makes one be written anew and not all. To find an id in half a
/// million by halves is to wait for memory a dozen times; by the last ids of parts and of blocks, which lie together, two or
/// three times.
#[derive(Clone)]
struct Part {
    last: VideoId,
    /// Blocks are counted from the end, where a part does not grow.
    blocks: Arc<[(VideoId, Slot)]>,
    ids: Arc<[VideoId]>,
}

/// The block of these ids, as long as it is kept: found along with them, and not as one of all that are kept.
pub(super) type Slot = ArcSwapWeak<Block>;

/// Some of a block.
pub(super) struct Stretch<'a> {
    /// Of all of it.
    pub(super) ids: &'a [VideoId],
    pub(super) slot: &'a Slot,
    pub(super) range: Range<usize>,
}

/// Where a page lies.
pub(super) enum Place<'a> {
    /// Its videos, and the one that follows it; short only at the very end of the feed.
    At(Cow<'a, [VideoId]>),
    /// Not wholly among those that are kept.
    Past,
}

impl Order {
    /// From the newest `asked` ids.
    pub(super) fn begun(told: OrderTold, asked: usize, stamp: Stamp) -> Order {
        let (len, is_whole) = (told.newest.len(), told.newest.len() < asked && !told.is_trimmed);
        let parts = split(&told.newest);
        Order { inserts: told.inserts, epoch: told.epoch, parts, len, is_whole, reading: Arc::new(()), stamp }
    }

    /// With what the newest [`COMPARED`] ids tell; `None`: it has to be read anew. `most`: how many ids may be kept.
    pub(super) fn told(&self, told: &OrderTold, most: usize, stamp: Stamp) -> Option<Order> {
        let is_new = |id: &&VideoId| self.reaches(**id) && !self.has(**id);
        let new: Vec<VideoId> = told.newest.iter().filter(is_new).copied().collect();
        if told.epoch != self.epoch || told.inserts.checked_sub(self.inserts) != Some(new.len() as u64) {
            return None;
        }
        let order = Order { inserts: told.inserts, stamp, ..self.clone() }.with(&new, most);
        // So it is, unless somebody removed some by hand.
        let is_as_told = order.ids().zip(&told.newest).all(|(id, newest)| id == *newest);
        is_as_told.then_some(order)
    }

    /// Below which id more can be read, unless it is whole or has `most` ids.
    pub(super) fn lacks(&self, most: usize) -> Option<Below> {
        let limit = PART.min(most.saturating_sub(self.len));
        let reading = self.reading.clone();
        (!self.is_whole && limit > 0).then(|| Below { oldest: self.oldest(), limit, reading })
    }

    /// With what was read of it; `None` where it is another one by now. What was put in further down meanwhile would have
    /// made it be read anew, or will.
    pub(super) fn grown(&self, below: &Below, part: &[VideoId], most: usize) -> Option<Order> {
        if !Arc::ptr_eq(&self.reading, &below.reading) || self.oldest() != below.oldest {
            return None;
        }
        let mut order = self.clone();
        order.parts.extend(split(part));
        order.len += part.len();
        order.is_whole = part.len() < below.limit;
        Some(order.cut(most))
    }

    /// The page of ids below `before`.
    pub(super) fn place(&self, before: Option<u64>) -> Place<'_> {
        let (first, start) = self.find(before);
        let Some(part) = self.parts.get(first) else { return self.at_end(Cow::Borrowed(&[])) };
        match part.ids.get(start..start + WANTED) {
            Some(wanted) => Place::At(Cow::Borrowed(wanted)),
            None => {
                let rest = self.parts[first..].iter().flat_map(|part| part.ids.iter().copied()).skip(start);
                self.at_end(rest.take(WANTED).collect())
            }
        }
    }

    /// In which blocks that page lies.
    pub(super) fn stretches(&self, before: Option<u64>) -> Vec<Stretch<'_>> {
        let (mut place, mut start) = self.find(before);
        let (mut lacking, mut stretches) = (PAGE, Vec::new());
        while let Some(part) = self.parts.get(place).filter(|_| lacking > 0) {
            let number = part.block_at(start);
            let Range { start: first, end } = part.block(number);
            let taken = lacking.min(end - start);
            let range = start - first..start - first + taken;
            stretches.push(Stretch { ids: &part.ids[first..end], slot: &part.blocks[number].1, range });
            lacking -= taken;
            (place, start) = if end == part.ids.len() { (place + 1, 0) } else { (place, end) };
        }
        stretches
    }

    /// Whether the page is one of the newest, that are asked for most.
    pub(super) fn is_near_top(&self, before: Option<u64>) -> bool {
        let (part, start) = self.find(before);
        part == 0 && start < NEAR_TOP
    }

    /// The part, and the place in it, of the newest id below `before`; past the last part there is none.
    fn find(&self, before: Option<u64>) -> (usize, usize) {
        let Some(before) = before else { return (0, 0) };
        let part = self.parts.partition_point(|part| part.last.0 >= before);
        (part, self.parts.get(part).map_or(0, |part| part.find(before)))
    }

    fn at_end<'a>(&self, wanted: Cow<'a, [VideoId]>) -> Place<'a> {
        if wanted.len() == WANTED || self.is_whole { Place::At(wanted) } else { Place::Past }
    }

    /// With new ids: these belong into its newest parts.
    fn with(mut self, new: &[VideoId], most: usize) -> Order {
        let Some(oldest) = new.iter().min() else { return self };
        let changed = (self.parts.partition_point(|part| part.last > *oldest) + 1).min(self.parts.len());
        let mut ids: Vec<VideoId> =
            self.parts[..changed].iter().flat_map(|part| part.ids.iter()).chain(new).copied().collect();
        // Stable, as that makes use of runs that are in order.
        ids.sort_by(|one, other| other.cmp(one));
        self.parts.splice(..changed, split(&ids));
        self.len += new.len();
        self.cut(most)
    }

    fn cut(mut self, most: usize) -> Order {
        while self.len > most
            && let Some(part) = self.parts.pop()
        {
            let rest = part.ids.len().saturating_sub(self.len - most);
            self.len -= part.ids.len() - rest;
            self.parts.extend(Part::of(&part.ids[..rest]));
            self.is_whole = false;
        }
        self
    }

    fn ids(&self) -> impl Iterator<Item = VideoId> {
        self.parts.iter().flat_map(|part| part.ids.iter().copied())
    }

    fn oldest(&self) -> Option<VideoId> {
        self.parts.last().map(|part| part.last)
    }

    /// Whether all ids from this one on are known.
    fn reaches(&self, id: VideoId) -> bool {
        self.is_whole || self.oldest().is_some_and(|oldest| id > oldest)
    }

    fn has(&self, id: VideoId) -> bool {
        let (part, place) = self.find(Some(id.0 + 1));
        self.parts.get(part).is_some_and(|part| part.ids[place] == id)
    }
}

/// Where an order ended when more of it was asked for.
pub(super) struct Below {
    /// `None`: it had nothing.
    pub(super) oldest: Option<VideoId>,
    pub(super) limit: usize,
    reading: Arc<()>,
}

impl Part {
    /// `None` without ids.
    fn of(ids: &[VideoId]) -> Option<Part> {
        let ends = ids.rchunks(BLOCK).filter_map(|block| block.last().copied()).rev();
        let blocks = ends.map(|end| (end, Slot::new(Weak::new()))).collect();
        Some(Part { last: *ids.last()?, blocks, ids: ids.into() })
    }

    /// The place of the newest id below `before`; its last id is.
    fn find(&self, before: u64) -> usize {
        let block = self.block(self.blocks.partition_point(|(end, _)| end.0 >= before));
        block.start + self.ids[block].partition_point(|id| id.0 >= before)
    }

    /// In which block this place is.
    fn block_at(&self, place: usize) -> usize {
        self.blocks.len() - 1 - (self.ids.len() - 1 - place) / BLOCK
    }

    /// The places of a block.
    fn block(&self, number: usize) -> Range<usize> {
        let end = self.ids.len() - (self.blocks.len() - 1 - number) * BLOCK;
        end.saturating_sub(BLOCK)..end
    }
}

fn split(ids: &[VideoId]) -> Vec<Part> {
    // One that is just full takes as many more before it is split.
    if ids.len() <= 2 * PART { ids.chunks(2 * PART) } else { ids.chunks(PART) }.filter_map(Part::of).collect()
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
