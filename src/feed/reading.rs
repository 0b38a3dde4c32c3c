//! Bringing the order and the pages up to date.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Feed;
use super::block::{Block, lacking};
use super::order::{COMPARED, Order, PART, Place, Stretch};
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
                let stretches = known.stretches(before);
                let guess = lacking(&stretches, &self.known(&stretches), sight.judge());
                let replies = sight.ask(order_asked(COMPARED), &guess, &[]).await?;
                let told = order_told(sight.epoch(Bucket::FEED), &replies)?;
                match known.told(&told, self.snapshot, stamp) {
                    Some(order) => self.keep(order),
                    None => self.read_order(&mut sight).await?,
                }
            }
        };
        match order.place(before) {
            Place::At(wanted) => {
                let page = self.complete_blocks(&wanted, &order.stretches(before), sight).await?;
                self.keep_page(&order, before, &page);
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

    /// Reads more of the order, as far down as the page below `before`, unless somebody is at it. Who fails leaves it to the
    /// next one.
    pub(super) async fn grow_order(self: &Arc<Feed>, run: &Arc<Run>, before: Option<u64>) {
        let Some(turn) = Turn::take(self) else { return };
        if self.grow(run, before).await.is_some() {
            // The first part may be all. For more nobody waits, and each page that it does not have yet costs a trip.
            let run = run.clone();
            tokio::spawn(async move { while turn.feed.grow(&run, before).await.is_some() {} });
        }
    }

    /// Reads the next part of the order; `None`: there is none, it has the page, or this failed.
    async fn grow(&self, run: &Arc<Run>, before: Option<u64>) -> Option<()> {
        let known = self.order.load_full()?;
        if let Place::At(_) = known.place(before) {
            return None;
        }
        let below = known.lacks(self.snapshot)?;
        let part = self.read_below(run, below.oldest.map(|oldest| oldest.0), below.limit).await.ok()?;
        self.order.rcu(|kept| {
            let grown = kept.as_ref().and_then(|kept| kept.grown(&below, &part, self.snapshot));
            grown.map(Arc::new).or_else(|| kept.clone())
        });
        Some(())
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

    /// The page of exactly these videos, of blocks: reads what these lack.
    async fn complete_blocks(
        &self,
        wanted: &[VideoId],
        stretches: &[Stretch<'_>],
        mut sight: Sight<'_>,
    ) -> Result<Arc<Page>> {
        let known = self.known(stretches);
        let lacking = lacking(stretches, &known, sight.judge());
        sight.see(&lacking, &[]).await?;
        let mut blocks = Vec::new();
        for (stretch, known) in stretches.iter().zip(known) {
            let ids = stretch.ids;
            let is_whole = |block: &Arc<Block>| block.is_of(ids) && !ids.iter().any(|id| lacking.contains(id));
            let block = match known {
                Some(block) if is_whole(&block) => block,
                known => match Block::of(ids, known.as_deref(), &lacking, &sight, &self.media_base)? {
                    Some(block) => self.keep_block(block, stretch),
                    None => return self.complete(wanted, sight).await,
                },
            };
            blocks.push((block, stretch.range.clone()));
        }
        Page::of_blocks(wanted, blocks, sight.begun()).map(Arc::new)
    }

    /// The page of exactly these videos: reads what the cards lack, in one trip for the videos and the authors that are
    /// known, and one more for others.
    pub(super) async fn complete(&self, wanted: &[VideoId], mut sight: Sight<'_>) -> Result<Arc<Page>> {
        sight.see(shown(wanted), &[]).await?;
        Page::of(wanted, &sight, &self.media_base).map(Arc::new)
    }
}

/// To be the only one who reads more of the order, until this is dropped: also where a client hangs up.
struct Turn {
    feed: Arc<Feed>,
}

impl Turn {
    fn take(feed: &Arc<Feed>) -> Option<Turn> {
        (!feed.is_growing.swap(true, Ordering::Acquire)).then(|| Turn { feed: feed.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.feed.is_growing.store(false, Ordering::Release);
    }
}
