//! What recovery does with a bucket as a whole.

use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, EPOCH, HOME, LAST, Repeat, arguments, at, head, home};
use super::keyspace::{entry, gone, hash, sorted, stream, timeline};
use super::users::MIA;

const LOWEST: u64 = (HOME as u64) << 5;
const BASE: u64 = at(HOME, 60, 0);

fn close(title: &'static str) -> Case {
    Case {
        title,
        arguments: arguments![EPOCH, LOWEST],
        reply: "EPOCH".into(),
        repeat: Repeat::Answers("EPOCH".into()),
        ..Case::of(&script::BUCKET_CLOSE)
    }
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
        Case { head: Some(head(EPOCH, "closed", LAST)), ..close("another recovery of the same epoch was here") },
        Case { head: Some(head(EPOCH + 1, "open", LAST)), ..close("a later recovery was here") },
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
                (keys::outbox(home()), stream([entry(LAST, &[("kind", &"cover"), ("id", &LAST)])])),
                (keys::recent(home()), sorted(&[("favorite:7:9", LAST)])),
            ],
            after: vec![(keys::outbox(home()), gone()), (keys::recent(home()), gone())],
            any_type: vec![keys::outbox(home()), keys::recent(home())],
            head_after: Some(format!("{EPOCH} open {BASE} {BASE}")),
            repeat: Repeat::Answers("EPOCH".into()),
            ..Case::of(&script::BUCKET_OPEN)
        },
    ]
}
