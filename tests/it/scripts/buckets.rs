//! What recovery does with a bucket as a whole.

use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, EPOCH, HOME, LAST, Repeat, arguments, at, head, home};
use super::keyspace::{entry, gone, hash, sorted, stream, text, timeline};
use super::users::{MIA, NOAH};

const LOWEST: u64 = (HOME as u64) << 5;
const BASE: u64 = at(HOME, 60, 0);
const AHEAD: u64 = at(HOME, 5, 3);
const ABOVE: u64 = at(HOME, 6, 0);
const ABOVE_AGAIN: u64 = at(HOME, 6, 1);

fn raise(title: &'static str) -> Case {
    Case { title, arguments: arguments![AHEAD], ..Case::of(&script::MIRROR_RAISE) }
}

fn close(title: &'static str) -> Case {
    Case {
        title,
        keys: vec![keys::installation(home())],
        arguments: arguments![EPOCH, LOWEST, "ours"],
        after: vec![(keys::installation(home()), text("ours"))],
        repeat: Repeat::Answers("EPOCH".into()),
        any_type: vec![keys::installation(home())],
        ..Case::of(&script::BUCKET_CLOSE)
    }
}

fn close_behind(title: &'static str) -> Case {
    Case { reply: "EPOCH".into(), after: vec![], ..close(title) }
}

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            head: Some(format!("{} open {LAST} 8192", EPOCH - 1)),
            reply: format!("OK {} open {LAST} 8192", EPOCH - 1),
            head_after: Some(format!("{EPOCH} closed {LAST} 8192")),
            ..close("a head of an earlier epoch keeps its ids")
        },
        Case {
            head: None,
            reply: "OK \"\"".into(),
            head_after: Some(head(EPOCH, "closed", LOWEST)),
            ..close("an absent head is made")
        },
        Case {
            head: Some("not a head".into()),
            reply: "OK not a head".into(),
            head_after: Some(head(EPOCH, "closed", LOWEST)),
            ..close("an unreadable head is made anew")
        },
        Case { head: Some(head(EPOCH, "closed", LAST)), ..close_behind("another recovery of the same epoch was here") },
        Case { head: Some(head(EPOCH + 1, "open", LAST)), ..close_behind("a later recovery was here") },
        Case {
            title: "keys are removed, whatever they are",
            keys: vec![keys::user(MIA), keys::works(MIA)],
            before: vec![(keys::user(MIA), hash(&[("name", &"mia")])), (keys::works(MIA), timeline(&[BASE]))],
            after: vec![(keys::user(MIA), gone()), (keys::works(MIA), gone())],
            any_type: vec![keys::user(MIA), keys::works(MIA)],
            ..Case::of(&script::BUCKET_CLEAR)
        },
        Case {
            title: "a closed bucket opens, and believes nothing of an earlier history",
            keys: vec![keys::outbox(home()), keys::recent(home())],
            arguments: arguments![BASE],
            before: vec![
                (keys::outbox(home()), stream([entry(LAST, &[("cover", &LAST)])])),
                (keys::recent(home()), sorted(&[("favorite:7:9", LAST)])),
            ],
            after: vec![(keys::outbox(home()), gone()), (keys::recent(home()), gone())],
            any_type: vec![keys::outbox(home()), keys::recent(home())],
            head_after: Some(format!("{EPOCH} open {BASE} {BASE}")),
            repeat: Repeat::Answers(format!("EPOCH {EPOCH} open {BASE} {BASE}")),
            ..Case::of(&script::BUCKET_OPEN)
        },
        Case {
            title: "counts that are loaded anew go, all else stays",
            keys: vec![keys::user(MIA), keys::user(NOAH)],
            arguments: arguments!["follows", "followers"],
            before: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("works", &"3"), ("follows", &"2")])),
                (keys::user(NOAH), hash(&[("name", &"noah"), ("follows", &"1"), ("followers", &"9")])),
            ],
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("works", &"3")])),
                (keys::user(NOAH), hash(&[("name", &"noah")])),
            ],
            ..Case::of(&script::COUNTS_CLEAR)
        },
        Case {
            head: Some(format!("{EPOCH} open {LAST} {}", AHEAD - 1)),
            reply: format!("OK {ABOVE}"),
            head_after: Some(format!("{EPOCH} open {ABOVE} {AHEAD}")),
            repeat: Repeat::Again(
                format!("OK {ABOVE_AGAIN}"),
                vec![(keys::head(home()), text(format!("{EPOCH} open {ABOVE_AGAIN} {AHEAD}")))],
            ),
            ..raise("what a lost history had told is believed no more, and ids go on above it")
        },
        Case {
            head: Some(format!("{EPOCH} open {LAST} {}", AHEAD + 1)),
            reply: format!("OK {ABOVE}"),
            head_after: Some(format!("{EPOCH} open {ABOVE} {}", AHEAD + 1)),
            repeat: Repeat::Again(
                format!("OK {ABOVE_AGAIN}"),
                vec![(keys::head(home()), text(format!("{EPOCH} open {ABOVE_AGAIN} {}", AHEAD + 1)))],
            ),
            ..raise("what is forgotten never comes back")
        },
    ]
}
