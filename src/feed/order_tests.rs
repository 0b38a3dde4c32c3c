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

    fn below(&self, before: u64) -> Vec<VideoId> {
        self.ids.range(..before).rev().take(WANTED).map(|id| VideoId(*id)).collect()
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
        snapshot in 31_usize..300,
        before in 1_u64..620,
    ) {
        let mut kept = Kept::default();
        let mut order = anew(&kept, snapshot);
        for batch in batches {
            for id in batch {
                kept.insert(id, window);
            }
            let told = kept.answer(order.asked());
            order = order.told(&told, snapshot, stamp()).unwrap_or_else(|| anew(&kept, snapshot));
            for before in [before, 620] {
                match order.place(Some(before)) {
                    Place::At(wanted) => {
                        prop_assert_eq!(wanted, kept.below(before));
                        prop_assert!(wanted.len() == WANTED || kept.floor == 0);
                    }
                    Place::Past => prop_assert!(kept.floor > 0 || kept.ids.len() > snapshot),
                }
            }
        }
    }
}

#[test]
fn a_video_more_is_no_reason_to_read_all_anew() {
    let mut kept = Kept::default();
    (1..=200).for_each(|id| kept.insert(id, 1_000));
    let order = anew(&kept, 100);
    kept.insert(201, 1_000);
    let order = order.told(&kept.answer(order.asked()), 100, stamp()).unwrap();
    assert_eq!((order.ids[0], order.ids.len(), order.whole), (VideoId(201), 100, false));
}

#[test]
fn another_epoch_makes_all_be_read_anew() {
    let order = anew(&Kept::default(), 100);
    let told = OrderTold { epoch: 2, ..Kept::default().answer(order.asked()) };
    assert!(order.told(&told, 100, stamp()).is_none());
}
