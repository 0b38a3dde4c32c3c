//! Bringing the order and the pages up to date.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::order::{Order, Place};
use super::page::Page;
use super::{Feed, ORDER_PART, PAGE};
use crate::error::Result;
use crate::id::VideoId;
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
                let guess = shown(first_guess(&known, before));
                let told = order_told(&sight.ask(order_asked(known.asked()), guess, &[]).await?)?;
                match known.told(&told, self.snapshot, stamp) {
                    Some(order) => self.keep(order),
                    None => self.read_order(&mut sight).await?,
                }
            }
        };
        match order.place(before) {
            Place::At(wanted) => {
                let page = self.complete(wanted, sight).await?;
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
        let replies = sight.ask(order_asked(Order::asked_anew(ORDER_PART.min(self.snapshot))), &[], &[]).await?;
        Ok(self.keep(Order::told_anew(order_told(&replies)?, stamp)))
    }

    /// Reads the next part of the order, unless somebody is at it. Who fails leaves it to the next one.
    pub(super) async fn grow_order(&self, run: &Arc<Run>) {
        let Some(known) = self.order.load_full() else { return };
        let Some((below, limit)) = known.lacks(ORDER_PART, self.snapshot) else { return };
        let Some(_turn) = Turn::take(&self.is_growing) else { return };
        let Ok(part) = feed::page(run, Some(below), limit).await else { return };
        let has_all = part.ids.len() < limit;
        self.order.rcu(|kept| {
            let grown =
                kept.as_ref().and_then(|kept| kept.grown(&known, &part.ids, has_all, part.trimmed, self.snapshot));
            grown.map(Arc::new).or_else(|| kept.clone())
        });
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
        let videos: Vec<_> = shown(wanted).iter().filter_map(|id| sight.video_card(*id).cloned()).collect();
        let authors = videos.iter().map(|video| video.value.record.author);
        let authors: BTreeMap<_, _> = authors.filter_map(|id| Some((id, sight.user_card(id)?.clone()))).collect();
        Page::new(wanted, videos, authors, sight.begun(), &self.media_base).map(Arc::new)
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

fn shown(wanted: &[VideoId]) -> &[VideoId] {
    &wanted[..wanted.len().min(PAGE)]
}

/// The page as the order was when it was last looked at.
fn first_guess(order: &Order, before: Option<u64>) -> &[VideoId] {
    match order.place(before) {
        Place::At(wanted) => wanted,
        Place::Past => &[],
    }
}
