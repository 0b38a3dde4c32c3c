use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::store::{Admission, Marks};

/// The feed as Redis keeps it: ids come in anywhere, and leave at the old end.
#[derive(Default)]
struct Kept {
    ids: BTreeSet<u64>,
    floor: u64,
}

impl Kept {
    fn insert(&mut self, id: u64, window: usize) {
        if id <= self.floor {
            return;
        }
        self.ids.insert(id);
        while self.ids.len() > window {
            self.floor = self.ids.pop_first().unwrap();
        }
    }

    fn answer(&self, asked: OrderAsked) -> OrderTold {
        OrderTold {
            epoch: 1,
            newest: self.ids.iter().rev().take(asked.newest).map(|id| VideoId(*id)).collect(),
            count: self.ids.range(asked.counted_from..).count(),
            floor: self.floor,
        }
    }

    fn page(&self, before: u64, limit: usize) -> Vec<VideoId> {
        self.ids.range(..before).rev().take(limit).map(|id| VideoId(*id)).collect()
    }
}

fn stamp() -> Stamp {
    static MARKS: LazyLock<Marks> = LazyLock::new(|| Marks::new(Duration::ZERO));
    MARKS.stamp(Marks::ORDER, &Admission::new(Vec::new(), Vec::new()))
}

fn anew(kept: &Kept, snapshot: usize) -> Order {
    Order::told_anew(kept.answer(Order::asked_anew(snapshot)), stamp())
}

proptest! {
    #[test]
    fn what_an_order_says_is_what_redis_says(
        batches in prop::collection::vec(prop::collection::vec(1_u64..600, 0..80), 1..12),
        window in 30_usize..300,
        part in 31_usize..100,
        most in 31_usize..400,
        before in 1_u64..620,
        growing in any::<u16>(),
    ) {
        let mut kept = Kept::default();
        let part = part.min(most);
        let mut order = anew(&kept, part);
        for (number, batch) in batches.into_iter().enumerate() {
            // A part that is read in the middle, while another request brings the order up to date.
            let known = Order { ids: order.ids.clone(), ..order };
            let (first, second) = batch.split_at(batch.len() / 2);
            first.iter().for_each(|id| kept.insert(*id, window));
            let read = known.lacks(part, most).map(|(below, limit)| (kept.page(below, limit), limit, kept.floor > 0));
            second.iter().for_each(|id| kept.insert(*id, window));
            order = brought_up_to_date(order, &kept, part, most);
            if growing >> number & 1 == 1 && let Some((ids, limit, is_trimmed)) = read {
                order = order.grown(&known, &ids, ids.len() < limit, is_trimmed, most).unwrap_or(order);
                // Its stamp is the old one.
                order = brought_up_to_date(order, &kept, part, most);
            }
            for before in [before, 620] {
                match order.place(Some(before)) {
                    Place::At(wanted) => {
                        prop_assert_eq!(wanted, kept.page(before, WANTED));
                        prop_assert!(wanted.len() == WANTED || kept.floor == 0);
                    }
                    Place::Past => prop_assert!(kept.floor > 0 || order.ids.len() < kept.ids.len()),
                }
            }
        }
        // Left alone it grows to its end.
        while let Some((below, limit)) = order.lacks(part, most) {
            let ids = kept.page(below, limit);
            order = order.grown(&order, &ids, ids.len() < limit, kept.floor > 0, most).unwrap();
        }
        prop_assert_eq!(&order.ids[..], kept.page(u64::MAX, most));
        // One that is just full may not know that nothing follows.
        if order.end == End::Part {
            prop_assert!(order.ids.len() == most && kept.ids.len() >= most);
        } else {
            prop_assert_eq!(order.ids.len(), kept.ids.len());
        }
    }
}

fn brought_up_to_date(order: Order, kept: &Kept, part: usize, most: usize) -> Order {
    order.told(&kept.answer(order.asked()), most, stamp()).unwrap_or_else(|| anew(kept, part))
}

#[test]
fn a_video_more_is_no_reason_to_read_all_anew() {
    let mut kept = Kept::default();
    (1..=200).for_each(|id| kept.insert(id, 1_000));
    let order = anew(&kept, 100);
    kept.insert(201, 1_000);
    let order = order.told(&kept.answer(order.asked()), 100, stamp()).unwrap();
    assert_eq!((order.ids[0], order.ids.len(), order.end), (VideoId(201), 100, End::Part));
}

#[test]
fn a_full_window_that_moves_on_is_no_reason_either() {
    let mut kept = Kept::default();
    (1..=200).for_each(|id| kept.insert(id, 150));
    let mut order = anew(&kept, 150);
    for id in 201..=400 {
        kept.insert(id, 150);
        order = order.told(&kept.answer(order.asked()), 150, stamp()).unwrap();
        assert_eq!((order.ids[0], order.ids.len(), order.end), (VideoId(id), 150, End::Redis));
    }
}

#[test]
fn another_epoch_makes_all_be_read_anew() {
    let order = anew(&Kept::default(), 100);
    let told = OrderTold { epoch: 2, ..Kept::default().answer(order.asked()) };
    assert!(order.told(&told, 100, stamp()).is_none());
}
