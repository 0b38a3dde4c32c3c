use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::store::{Admission, Marks};

/// The feed as Redis keeps it, in front of all that Postgres has: ids come in anywhere, and leave Redis at its old end.
#[derive(Default)]
struct Kept {
    ids: BTreeSet<u64>,
    of_postgres: BTreeSet<u64>,
    floor: u64,
    inserts: u64,
}

impl Kept {
    fn insert(&mut self, id: u64, window: usize) {
        self.of_postgres.insert(id);
        if self.ids.contains(&id) {
            return;
        }
        self.inserts += 1;
        if id <= self.floor {
            return;
        }
        self.ids.insert(id);
        while self.ids.len() > window {
            self.floor = self.ids.pop_first().unwrap();
        }
    }

    fn answer(&self, newest: usize) -> OrderTold {
        OrderTold {
            epoch: 7,
            inserts: self.inserts,
            newest: self.ids.iter().rev().take(newest).map(|id| VideoId(*id)).collect(),
            is_trimmed: self.floor > 0,
        }
    }

    fn below(&self, before: Option<u64>, limit: usize) -> Vec<VideoId> {
        let all = self.of_postgres.range(..before.unwrap_or(u64::MAX));
        all.rev().take(limit).map(|id| VideoId(*id)).collect()
    }
}

fn stamp() -> Stamp {
    static MARKS: LazyLock<Marks> = LazyLock::new(|| Marks::new(Duration::ZERO));
    static ADMISSION: LazyLock<Admission> = LazyLock::new(|| Admission::new(Vec::new(), Vec::new()));
    MARKS.stamp(Marks::ORDER, &ADMISSION)
}

fn anew(kept: &Kept, most: usize) -> Order {
    let asked = PART.min(most);
    Order::begun(kept.answer(asked), asked, stamp())
}

fn brought_up_to_date(order: Order, kept: &Kept, most: usize) -> Order {
    order.told(&kept.answer(COMPARED), most, stamp()).unwrap_or_else(|| anew(kept, most))
}

fn grown(order: Order, below: &Below, part: &[VideoId], most: usize) -> Order {
    order.grown(below, part, most).unwrap_or(order)
}

fn read(below: &Below, kept: &Kept) -> Vec<VideoId> {
    kept.below(below.oldest.map(|oldest| oldest.0), below.limit)
}

fn grown_to_its_end(mut order: Order, kept: &Kept, most: usize) -> Order {
    while let Some(below) = order.lacks(most) {
        order = order.grown(&below, &read(&below, kept), most).unwrap();
    }
    order
}

proptest! {
    #[test]
    fn what_an_order_says_is_what_redis_and_postgres_say(
        batches in prop::collection::vec(prop::collection::vec(1_u64..600, 0..60), 1..12),
        window in 30_usize..300,
        most in 31_usize..600,
        before in 1_u64..620,
        growing in any::<u16>(),
    ) {
        let mut kept = Kept::default();
        let mut order = anew(&kept, most);
        for (number, batch) in batches.into_iter().enumerate() {
            // A part that is read while another request brings the order up to date.
            let lacks = order.lacks(most);
            let mut batch = batch.chunks(20);
            batch.next().into_iter().flatten().for_each(|id| kept.insert(*id, window));
            let part = lacks.as_ref().map(|below| read(below, &kept));
            batch.next().into_iter().flatten().for_each(|id| kept.insert(*id, window));
            order = brought_up_to_date(order, &kept, most);
            batch.next().into_iter().flatten().for_each(|id| kept.insert(*id, window));
            if growing >> number & 1 == 1 && let (Some(below), Some(part)) = (lacks, part) {
                order = grown(order, &below, &part, most);
            }
            order = brought_up_to_date(order, &kept, most);
            prop_assert!(order.len <= most && order.len == order.ids().count());
            prop_assert!(!order.is_whole || order.len == kept.of_postgres.len());
            for before in [before, 620] {
                match order.place(Some(before)) {
                    Place::At(wanted) => {
                        prop_assert_eq!(&wanted[..], kept.below(Some(before), WANTED));
                        let stretches = order.stretches(Some(before));
                        prop_assert!(stretches.iter().all(|stretch| stretch.ids.len() <= BLOCK));
                        let shown = stretches.into_iter().flat_map(|stretch| &stretch.ids[stretch.range]);
                        prop_assert!(shown.eq(wanted.iter().take(PAGE)));
                    }
                    // One that has all there is may not know it yet.
                    Place::Past => prop_assert!(!order.is_whole),
                }
            }
        }
        // Left alone it grows to its end.
        let order = grown_to_its_end(order, &kept, most);
        prop_assert_eq!(order.ids().collect::<Vec<_>>(), kept.below(None, most));
        // One that is just full may not know that nothing follows.
        prop_assert!(order.is_whole || order.len == most);
    }
}

#[test]
fn a_video_more_is_no_reason_to_read_all_anew() {
    let mut kept = Kept::default();
    (1..=200).for_each(|id| kept.insert(id, 1_000));
    let order = grown_to_its_end(anew(&kept, 100), &kept, 100);
    kept.insert(201, 1_000);
    let order = order.told(&kept.answer(COMPARED), 100, stamp()).unwrap();
    assert_eq!((order.ids().next(), order.len, order.is_whole), (Some(VideoId(201)), 100, false));
}

#[test]
fn a_video_more_leaves_all_blocks_but_the_newest_as_they_are() {
    let mut kept = Kept::default();
    (1..=100).for_each(|id| kept.insert(id, 1_000));
    let order = grown_to_its_end(anew(&kept, 1_000), &kept, 1_000);
    kept.insert(101, 1_000);
    let later = order.told(&kept.answer(COMPARED), 1_000, stamp()).unwrap();
    let blocks = |order: &Order, before: Option<u64>| {
        order.stretches(before).into_iter().map(|stretch| stretch.ids.to_vec()).collect::<Vec<_>>()
    };
    let (before, after) = (blocks(&order, None), blocks(&later, None));
    assert_eq!((&after[0][..], &after[1..PAGE / BLOCK]), (&[VideoId(101)][..], &before[..PAGE / BLOCK - 1]));
    assert_eq!(blocks(&order, Some(60)), blocks(&later, Some(60)));
}

#[test]
fn what_redis_keeps_no_more_stays() {
    let mut kept = Kept::default();
    (1..=200).for_each(|id| kept.insert(id, 150));
    let mut order = grown_to_its_end(anew(&kept, 1_000), &kept, 1_000);
    for id in 201..=400 {
        kept.insert(id, 150);
        order = order.told(&kept.answer(COMPARED), 1_000, stamp()).unwrap();
        assert_eq!((order.ids().next(), order.len, order.is_whole), (Some(VideoId(id)), id as usize, true));
    }
    assert!(order.parts.iter().all(|part| (1..=2 * PART).contains(&part.ids.len())) && order.parts.len() < 20);
}

#[test]
fn a_late_video_makes_all_be_read_anew_also_where_redis_ignores_it() {
    for late in [5, 115] {
        let mut kept = Kept::default();
        (11..=110).chain(120..=300).for_each(|id| kept.insert(id, 200));
        let order = grown_to_its_end(anew(&kept, 1_000), &kept, 1_000);
        kept.insert(late, 200);
        assert!(order.told(&kept.answer(COMPARED), 1_000, stamp()).is_none(), "{late}");
    }
}

#[test]
fn what_was_removed_by_hand_is_noticed() {
    let mut kept = Kept::default();
    (1..=200).for_each(|id| kept.insert(id, 1_000));
    let order = anew(&kept, 1_000);
    kept.ids.remove(&190);
    assert!(order.told(&kept.answer(COMPARED), 1_000, stamp()).is_none());
}

#[test]
fn what_another_load_counted_makes_all_be_read_anew() {
    let kept = Kept::default();
    let of_next_epoch = OrderTold { epoch: 8, ..kept.answer(COMPARED) };
    assert!(anew(&kept, 100).told(&of_next_epoch, 100, stamp()).is_none());
}

#[test]
fn another_admission_is_no_reason_to_read_all_anew() {
    let kept = Kept::default();
    let elsewhere = Marks::new(Duration::ZERO).stamp(Marks::ORDER, &Admission::new(Vec::new(), Vec::new()));
    assert!(anew(&kept, 100).told(&kept.answer(COMPARED), 100, elsewhere).is_some());
}
