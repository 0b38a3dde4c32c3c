//! Bringing the order and the pages up to date.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Feed;
use super::order::{COMPARED, Order, PART, Place};
use super::page::{Page, shown};
use crate::archive::videos;
use crate::error::Result;
use crate::id::{Bucket, ID_MAX, VideoId};
use crate::store::snapshot::{order_asked, order_told};
use crate::store::{Marks, Run, Sight, feed};

impl Feed {
    /// The page of videos older than `before`, read now, with the order as far as that is old; `None`: it lies past the
    /// newest.
    pub(super) async fn read_newest(&self, run: &Arc<Run>, before: Option<u64>) -> Result<Option<Arc<Page>>> {
        let mut sight = Sight::begin(&self.cards, run, None);
        let order = match self.order.load_full() {
            None => self.read_order(&mut sight).await?,
            Some(known) if sight.judge().is_good(Marks::ORDER, &known.stamp) => known,
            Some(known) => {
                let stamp = sight.stamp(Marks::ORDER);
                let guess = match known.place(before) {
                    Place::At(wanted) => wanted,
                    Place::Past => Cow::default(),
                };
                let replies = sight.ask(order_asked(COMPARED), shown(&guess), &[]).await?;
                let told = order_told(sight.epoch(Bucket::FEED), &replies)?;
                match known.told(&told, self.snapshot, stamp) {
                    Some(order) => self.keep(order),
                    None => self.read_order(&mut sight).await?,
                }
            }
        };
        match order.place(before) {
            Place::At(wanted) => {
                let page = self.complete(&wanted, sight).await?;
                if let Some(first) = wanted.first().filter(|_| page.is_lasting()) {
                    self.pages.insert(*first, page.clone());
                }
                Ok(Some(page))
            }
            Place::Past => Ok(None),
        }
    }

    async fn read_order(&self, sight: &mut Sight<'_>) -> Result<Arc<Order>> {
        let stamp = sight.stamp(Marks::ORDER);
        let part = PART.min(self.snapshot);
        let replies = sight.ask(order_asked(part), &[], &[]).await?;
        let told = order_told(sight.epoch(Bucket::FEED), &replies)?;
        Ok(self.keep(Order::begun(told, part, stamp)))
    }

    /// Reads the next part of the order, unless somebody is at it. Who fails leaves it to the next one.
    pub(super) async fn grow_order(&self, run: &Arc<Run>) {
        let Some(below) = self.order.load().as_ref().and_then(|known| known.lacks(self.snapshot)) else { return };
        let Some(_turn) = Turn::take(&self.is_growing) else { return };
        let Ok(part) = self.read_below(run, below.oldest.map(|oldest| oldest.0), below.limit).await else { return };
        self.order.rcu(|kept| {
            let grown = kept.as_ref().and_then(|kept| kept.grown(&below, &part, self.snapshot));
            grown.map(Arc::new).or_else(|| kept.clone())
        });
    }

    /// At most `limit` ids below `before`, of which Redis has the newest and Postgres all; fewer only at the end of the
    /// feed.
    pub(super) async fn read_below(&self, run: &Arc<Run>, before: Option<u64>, limit: usize) -> Result<Vec<VideoId>> {
        let found = feed::page(run, before, limit).await?;
        let mut ids = found.ids;
        if ids.len() < limit && found.trimmed {
            let older_than = ids.last().map(|id| id.0).or(before).unwrap_or(ID_MAX + 1);
            ids.extend(videos::before(&self.archive, older_than, limit - ids.len()).await?);
        }
        Ok(ids)
    }

    /// Keeps the order unless a later one is there; gives it back.
    fn keep(&self, order: Order) -> Arc<Order> {
        let order = Arc::new(order);
        self.order.rcu(|kept| match kept {
            Some(kept) if kept.stamp.is_later_than(&order.stamp) => Some(kept.clone()),
            _ => Some(order.clone()),
        });
        order
    }

    /// The page of exactly these videos: reads what the cards lack, in one trip for the videos and the authors that are
    /// known, and one more for others.
    pub(super) async fn complete(&self, wanted: &[VideoId], mut sight: Sight<'_>) -> Result<Arc<Page>> {
        sight.see(shown(wanted), &[]).await?;
        Page::of(wanted, &sight, &self.media_base).map(Arc::new)
    }
}

/// To be the only one who does something, until this is dropped: also where a client hangs up.
struct Turn<'a>(&'a AtomicBool);

impl Turn<'_> {
    fn take(taken: &AtomicBool) -> Option<Turn<'_>> {
        (!taken.swap(true, Ordering::Acquire)).then(|| Turn(taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
