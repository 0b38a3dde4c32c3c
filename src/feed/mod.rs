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
//! whether Redis still has them or Postgres alone; older ones cost a trip for their ids first. Pages below the newest few
//! hundred are put together from cards each time.

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

use self::flight::Flights;
use self::order::{Order, Place};
pub use self::page::Page;
use crate::archive::Archive;
use crate::error::Result;
use crate::id::VideoId;
use crate::store::{Cards, Judge, Marks, Run, Sight};

/// The document's own page size.
const PAGE: usize = 30;
/// One more than a page shows: whether the next video shares the last one's millisecond decides how the page ends.
const WANTED: usize = PAGE + 1;
/// Pages kept ready: about 30 kB each, and 5 kB more for those that were sent compressed.
const PAGES_KEPT_MAX: usize = 256;
/// How often a request joins what others are reading before it reads for itself.
const FLIGHTS_JOINED_MAX: usize = 4;

pub struct Feed {
    order: ArcSwapOption<Order>,
    /// By their first video.
    pages: Cache<VideoId, Arc<Page>>,
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
    pub fn new(cards: Arc<Cards>, archive: Archive, media_base: String, snapshot: usize) -> Result<Feed> {
        Ok(Feed {
            order: ArcSwapOption::empty(),
            pages: Cache::new(PAGES_KEPT_MAX),
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
    pub async fn page(&self, run: &Arc<Run>, before: Option<u64>) -> Result<Arc<Page>> {
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
        &self,
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
            Place::At(wanted) => match self.kept(&wanted, &judge).filter(|_| is_current) {
                Some(page) => Look::Kept(page),
                None => Look::Old { flight: wanted.first().map_or(Marks::ORDER, |first| first.0) },
            },
        }
    }

    /// A page that does not lie wholly among those whose order is known; along with it more of the order is read.
    async fn page_past(&self, run: &Arc<Run>, before: Option<u64>) -> Result<Arc<Page>> {
        let (wanted, ()) = tokio::join!(self.read_below(run, before, WANTED), self.grow_order(run));
        self.complete(&wanted?, Sight::begin(&self.cards, run, None)).await
    }

    /// The page of exactly these videos, if what is kept of it may be shown.
    fn kept(&self, wanted: &[VideoId], judge: &Judge<'_>) -> Option<Arc<Page>> {
        let Some(first) = wanted.first() else { return Some(self.empty.clone()) };
        self.pages.get(first).filter(|page| page.wanted == wanted && page.is_good(judge))
    }
}
