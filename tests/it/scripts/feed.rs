//! The window of the newest videos, and the floor below it.

use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, FEED_LAST, FEED_MINTED, Repeat, arguments, at};
use super::keyspace::{text, timeline};

const OLD: u64 = at(3, -9, 1);
const LATE: u64 = at(2, -8, 0);
const MIDDLE: u64 = at(1, -7, 31);
const NEW: u64 = at(0, -6, 9);

/// Two of a window of two, and one that was trimmed before: three in all.
fn full_window(title: &'static str, id: u64) -> Case {
    Case {
        title,
        keys: vec![keys::feed(), keys::feed_floor(), keys::feed_inserts()],
        arguments: arguments![id, 2],
        before: vec![
            (keys::feed(), timeline(&[LATE, NEW])),
            (keys::feed_floor(), text(OLD)),
            (keys::feed_inserts(), text(3)),
        ],
        reply: format!("OK {FEED_MINTED}"),
        repeat: Repeat::Answers(format!("OK {FEED_MINTED}")),
        ..Case::of_feed(&script::FEED_INSERT)
    }
}

/// Mints nothing.
fn ignored(case: Case) -> Case {
    let reply = || format!("OK {FEED_LAST}");
    Case { reply: reply(), repeat: Repeat::Answers(reply()), ..case }
}

/// Below the floor: all that changes is the count, each time.
fn late(title: &'static str, id: u64) -> Case {
    let counted = |count| vec![(keys::feed_inserts(), text(count))];
    Case {
        after: counted(4),
        repeat: Repeat::Again(format!("OK {FEED_LAST}"), counted(5)),
        ..ignored(full_window(title, id))
    }
}

fn inserting() -> Vec<Case> {
    let many: Vec<u64> = (0..1_500).map(|sequence| at(0, -5_000 + sequence, 0)).collect();
    let newest = at(0, -6, 9);
    vec![
        Case {
            title: "the first video of all",
            before: vec![],
            after: vec![(keys::feed(), timeline(&[NEW])), (keys::feed_inserts(), text(1))],
            ..full_window("", NEW)
        },
        Case {
            after: vec![
                (keys::feed(), timeline(&[MIDDLE, NEW])),
                (keys::feed_floor(), text(LATE)),
                (keys::feed_inserts(), text(4)),
            ],
            ..full_window("a video into a full window trims the oldest, which is the floor then", MIDDLE)
        },
        Case {
            before: vec![(keys::feed(), timeline(&[MIDDLE, NEW])), (keys::feed_floor(), text(OLD))],
            after: vec![(keys::feed_floor(), text(LATE)), (keys::feed_inserts(), text(1))],
            repeat: Repeat::Again(format!("OK {FEED_MINTED}"), vec![(keys::feed_inserts(), text(2))]),
            ..full_window("a late video older than a full window is trimmed at once", LATE)
        },
        ignored(full_window("a video that is there already changes nothing", LATE)),
        late("a late video at the floor is counted, no more", OLD),
        late("a late video below the floor is counted, no more", OLD - 1),
        Case {
            before: vec![(keys::feed(), timeline(&many))],
            after: vec![
                (keys::feed(), timeline(&[&many[1_000..], &[newest]].concat())),
                (keys::feed_floor(), text(many[999])),
                (keys::feed_inserts(), text(1)),
            ],
            ..full_window("a window that was made smaller is reached a thousand at a time", newest)
        },
    ]
}

fn loading() -> Vec<Case> {
    vec![
        Case {
            title: "the window is loaded above what is left out",
            keys: vec![keys::feed(), keys::feed_floor()],
            arguments: arguments![LATE, OLD, LATE, MIDDLE, NEW],
            before: vec![(keys::feed(), timeline(&[NEW]))],
            after: vec![(keys::feed(), timeline(&[MIDDLE, NEW])), (keys::feed_floor(), text(LATE))],
            ..Case::of_feed(&script::FEED_LOAD)
        },
        Case {
            title: "what was kept from before below the floor would stand behind a hole",
            keys: vec![keys::feed(), keys::feed_floor()],
            arguments: arguments![LATE, NEW],
            before: vec![(keys::feed(), timeline(&[OLD, LATE, MIDDLE])), (keys::feed_floor(), text(OLD - 1))],
            after: vec![(keys::feed(), timeline(&[MIDDLE, NEW])), (keys::feed_floor(), text(LATE))],
            ..Case::of_feed(&script::FEED_LOAD)
        },
        Case {
            title: "a feed that leaves nothing out",
            keys: vec![keys::feed(), keys::feed_floor()],
            arguments: arguments![0, OLD, NEW],
            after: vec![(keys::feed(), timeline(&[OLD, NEW])), (keys::feed_floor(), text(0))],
            ..Case::of_feed(&script::FEED_LOAD)
        },
        Case {
            title: "the floor never sinks",
            keys: vec![keys::feed(), keys::feed_floor()],
            arguments: arguments![0, MIDDLE],
            before: vec![(keys::feed_floor(), text(LATE))],
            after: vec![(keys::feed(), timeline(&[MIDDLE]))],
            ..Case::of_feed(&script::FEED_LOAD)
        },
    ]
}

pub fn cases() -> Vec<Case> {
    [inserting(), loading()].into_iter().flatten().collect()
}
