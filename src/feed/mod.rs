//! The feed as everyone sees it, kept in the process: pages that are ready to be sent, shared by all threads.
//!
//! # What is kept, and for how long
//!
//! - **For ever**: whose video it is (`store/video.rs`), which lets a page be read in one trip.
//! - **While they are true** ([`Marks`] says how that is known): the order of the newest videos, the cards
//!   of videos and users, which the lists share ([`crate::store::cards`]), and each page made of them: its JSON text,
//!   whole, so that a signed-out answer is the text itself and a signed-in one a copy with some bytes overwritten
//!   ([`page`]).
//!   `is_favorite` and `is_follow` come from the viewer's own sets, which are kept while he is active
//!   (`store/viewer.rs`), or are asked for.
//!
//! # What a reader may rely on
//!
//! A page shows every change that was answered, by any server, `feed_age_ms` or longer before its request arrived; and
//! every change that *this* process answered before its request arrived. Whoever changes something raises the
//! generation of what he changed once the script has answered ([`Marks`]); who reads takes the generations before he
//! asks Redis, so a read that was under way when a change was marked leaves the page marked as old. What is older than
//! `feed_age_ms` is shown only while Redis itself tells that it has not changed ([`crate::store::watch`]), and on any
//! doubt of that it is read again.
//!
//! Nothing is served that was not read through [`crate::store::sight`], which believes only open buckets of the
//! admitted epoch. A read that fails is the answer of its page (503): what was kept is not stretched. A page that was
//! read from a run of Redis that has since been replaced or doubted was true when it was read, and ends with its age;
//! without an admitted run nothing is served at all, which the caller sees to by having a [`Run`] to give.
//!
//! # What it costs
//!
//! Pages that nobody reads cost nothing. A page that is read is asked for once, however many want it at that moment
//! ([`flight`]), and of it only what was marked; while nothing of it changes it is not asked for again.
//!
//! The newest `feed_snapshot` places are found in the process ([`order`]), as far down as somebody has asked for them,
//! whether Redis still has them or Postgres alone; older ones cost a trip for their ids first. Pages below the newest
//! thousand are put together from [`block`]s each time, by copying.

mod block;
mod flight;
mod order;
mod page;
mod reading;
mod text;
pub mod view;
pub mod writer;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use quick_cache::sync::Cache;

use self::block::Block;
use self::flight::Flights;
use self::order::{Order, Place, Stretch};
pub use self::page::Page;
use crate::archive::Archive;
use crate::error::Result;
use crate::id::VideoId;
use crate::store::cards::{CacheOf, cache};
use crate::store::{Cards, Judge, Marks, Run, Sight};

/// The document's own page size.
const PAGE: usize = 30;
/// One more than a page shows: whether the next video shares the last one's millisecond decides how the page ends.
const WANTED: usize = PAGE + 1;
/// Pages kept ready: some 20 kB each beside their blocks, and 5 kB more for those that were sent compressed.
const PAGES_KEPT_MAX: usize = 256;
/// Of a usual block: from this the cache guesses how many there will be.
const BLOCK_BYTES: u64 = 10_000;
/// How often a request joins what others are reading before it reads for itself.
const FLIGHTS_JOINED_MAX: usize = 4;

pub struct Feed {
    order: ArcSwapOption<Order>,
    /// The newest ones, by their first video.
    pages: Cache<VideoId, Arc<Page>>,
    /// By their last video.
    blocks: CacheOf<VideoId, Arc<Block>>,
    flights: Flights,
    /// Whether somebody reads more of the order.
    is_growing: AtomicBool,
    empty: Arc<Page>,
    cards: Arc<Cards>,
    archive: Archive,
    /// Public base of media addresses, without a slash at its end.
    media_base: String,
    /// How many of the newest ids may be kept.
    snapshot: usize,
}

/// What the process has for a request.
enum Look {
    Kept(Arc<Page>),
    /// Not wholly among the newest.
    Past,
    /// To be read; a flight is for one page, or for the order where that is all that is known.
    Old {
        flight: u64,
    },
}

impl Feed {
    /// `bytes_max`: of the texts that are kept.
    pub fn new(
        cards: Arc<Cards>,
        archive: Archive,
        media_base: String,
        snapshot: usize,
        bytes_max: u64,
    ) -> Result<Feed> {
        Ok(Feed {
            order: ArcSwapOption::empty(),
            pages: Cache::new(PAGES_KEPT_MAX),
            blocks: cache(bytes_max, BLOCK_BYTES),
            flights: Flights::default(),
            is_growing: AtomicBool::new(false),
            empty: Arc::new(Page::empty()?),
            cards,
            archive,
            media_base,
            snapshot,
        })
    }

    /// The page of videos older than `before` (an id; `None`: the newest), through `run` where it has to be read.
    pub async fn page(self: &Arc<Feed>, run: &Arc<Run>, before: Option<u64>) -> Result<Arc<Page>> {
        let begun = Instant::now();
        match self.look(before, begun) {
            Look::Kept(page) => Ok(page),
            // In a box: most requests need no room for reading.
            Look::Past => self.page_past(run, before).boxed().await,
            Look::Old { flight } => self.page_read(run, before, begun, flight).boxed().await,
        }
    }

    /// A page that is read now, by this request or by one that is at it.
    async fn page_read(
        self: &Arc<Feed>,
        run: &Arc<Run>,
        before: Option<u64>,
        begun: Instant,
        mut flight: u64,
    ) -> Result<Arc<Page>> {
        for _ in 0..FLIGHTS_JOINED_MAX {
            if let Some(Some(page)) = self.flights.fly(flight, self.read_newest(run, before)).await? {
                return Ok(page);
            }
            match self.look(before, begun) {
                Look::Kept(page) => return Ok(page),
                Look::Past => return self.page_past(run, before).await,
                Look::Old { flight: next } => flight = next,
            }
        }
        match self.read_newest(run, before).await? {
            Some(page) => Ok(page),
            None => self.page_past(run, before).await,
        }
    }

    fn look(&self, before: Option<u64>, begun: Instant) -> Look {
        let order = self.order.load();
        let Some(order) = order.as_ref() else { return Look::Old { flight: Marks::ORDER } };
        let judge = self.cards.marks.judge(begun);
        let is_current = judge.is_good(Marks::ORDER, &order.stamp);
        match order.place(before) {
            Place::Past if is_current => Look::Past,
            Place::Past => Look::Old { flight: Marks::ORDER },
            Place::At(wanted) => {
                let page = || self.kept(&wanted, &judge).or_else(|| self.composed(order, before, &wanted, &judge));
                match is_current.then(page).flatten() {
                    Some(page) => Look::Kept(page),
                    None => Look::Old { flight: wanted.first().map_or(Marks::ORDER, |first| first.0) },
                }
            }
        }
    }

    /// A page that does not lie wholly among those whose order is known; along with it more of the order is read.
    async fn page_past(self: &Arc<Feed>, run: &Arc<Run>, before: Option<u64>) -> Result<Arc<Page>> {
        let (wanted, ()) = tokio::join!(self.read_below(run, before, WANTED), self.grow_order(run, before));
        self.complete(&wanted?, Sight::begin(&self.cards, run, None)).await
    }

    /// The page of exactly these videos, if what is kept of it may be shown.
    fn kept(&self, wanted: &[VideoId], judge: &Judge<'_>) -> Option<Arc<Page>> {
        let Some(first) = wanted.first() else { return Some(self.empty.clone()) };
        self.pages.get(first).filter(|page| page.wanted == wanted && page.is_good(judge))
    }

    /// The same page, if there are blocks of which it can be made.
    fn composed(&self, order: &Order, before: Option<u64>, wanted: &[VideoId], judge: &Judge<'_>) -> Option<Arc<Page>> {
        let mut blocks = Vec::new();
        for stretch in order.stretches(before) {
            let block = self.block(&stretch).filter(|block| block.is_good(stretch.range.clone(), judge))?;
            blocks.push((block, stretch.range));
        }
        let page = Arc::new(Page::of_blocks(wanted, blocks, judge.begun()).ok()?);
        self.keep_page(order, before, &page);
        Some(page)
    }

    /// Keeps a page for those who ask for it next, if these will be many.
    fn keep_page(&self, order: &Order, before: Option<u64>, page: &Arc<Page>) {
        if let Some(first) = page.wanted.first().filter(|_| order.is_near_top(before) && page.is_lasting()) {
            self.pages.insert(*first, page.clone());
        }
    }

    /// The block that is kept of these.
    fn block(&self, stretch: &Stretch<'_>) -> Option<Arc<Block>> {
        // Now and then it is looked for where it is kept, so that it is not taken for one that nobody wants.
        if let Some(block) = stretch.slot.load().upgrade().filter(|block| !block.is_noted_find()) {
            return Some(block);
        }
        let block = self.any_block(stretch).filter(|block| block.is_of(stretch.ids))?;
        stretch.slot.store(Arc::downgrade(&block));
        Some(block)
    }

    /// The same, or one of other videos that were here.
    fn any_block(&self, stretch: &Stretch<'_>) -> Option<Arc<Block>> {
        stretch.ids.last().and_then(|last| self.blocks.get(last))
    }

    fn known(&self, stretches: &[Stretch<'_>]) -> Vec<Option<Arc<Block>>> {
        stretches.iter().map(|stretch| self.block(stretch).or_else(|| self.any_block(stretch))).collect()
    }

    fn keep_block(&self, block: Block, stretch: &Stretch<'_>) -> Arc<Block> {
        let block = Arc::new(block);
        if let Some(last) = block.last() {
            self.blocks.insert(last, block.clone());
            stretch.slot.store(Arc::downgrade(&block));
        }
        block
    }
}
