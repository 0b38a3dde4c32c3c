//! What the relay asks of outboxes and mirrors.

use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, EPOCH, HOME, LAST, MINTED, Repeat, arguments, at, home};
use super::keyspace::{Entry, Keys, entry, gone, sorted, stream, text};

/// Edges that the mirror side of the bucket remembers, and versions of their homes.
const LIKE: &str = "favorite:7:9";
const OTHER_LIKE: &str = "favorite:7:10";
const FOLLOW: &str = "follow:7:8";
const OLD: u64 = at(200, -5, 1);
const MIDDLE: u64 = at(3, -4, 0);
const NEW: u64 = at(201, -3, 31);

fn recent(edges: &[(&str, u64)]) -> Keys {
    vec![(keys::recent(home()), sorted(edges))]
}

fn head(last: u64, forgotten: u64) -> String {
    format!("{EPOCH} open {last} {forgotten}")
}

fn trimming() -> Vec<Case> {
    let cover = |version| -> Entry { entry(version, &[("cover", &OLD)]) };
    let (first, second, third) = (at(HOME, -5, 0), at(HOME, -5, 1), at(HOME, -4, 0));
    let outbox = |versions: &[u64]| {
        let entries: Vec<Entry> = versions.iter().map(|version| cover(*version)).collect();
        vec![(keys::outbox(home()), stream(entries))]
    };
    let trim = |title, position: u64, after| Case {
        title,
        keys: vec![keys::outbox(home()), keys::trimmed(home())],
        arguments: arguments![position],
        before: outbox(&[first, second, third]),
        reply: format!("OK {LAST}"),
        after: [after, vec![(keys::trimmed(home()), text(position))]].concat(),
        ..Case::of(&script::OUTBOX_TRIM)
    };
    vec![
        trim("entries below the position go", second, outbox(&[second, third])),
        trim("the position need not be an entry's", second + 1, outbox(&[third])),
        trim("nothing lies below the position", first, vec![]),
        trim("all lies below the position", LAST, vec![(keys::outbox(home()), stream(vec![]))]),
        Case { before: vec![], ..trim("an absent outbox stays so", LAST, vec![]) },
        Case {
            before: [outbox(&[second, third]), vec![(keys::trimmed(home()), text(second))]].concat(),
            after: vec![],
            ..trim("where it begins never goes back", first, vec![])
        },
    ]
}

fn confirming() -> Vec<Case> {
    let confirm = |title, before: Keys, missing: &str| Case {
        title,
        keys: vec![keys::recent(home())],
        arguments: arguments![LIKE, MIDDLE, FOLLOW, MIDDLE, OTHER_LIKE, MIDDLE],
        before,
        reply: format!("OK {MINTED}{missing}"),
        ..Case::of(&script::MIRROR_CONFIRM)
    };
    vec![
        confirm("all are there, one newer", recent(&[(OTHER_LIKE, MIDDLE), (FOLLOW, MIDDLE), (LIKE, NEW)]), ""),
        confirm("one is older, one is not there", recent(&[(LIKE, OLD), (OTHER_LIKE, MIDDLE)]), " :0 :1"),
        confirm(
            "the last is one version older",
            recent(&[(OTHER_LIKE, MIDDLE - 1), (FOLLOW, MIDDLE), (LIKE, NEW)]),
            " :2",
        ),
        confirm("nothing is there", vec![], " :0 :1 :2"),
        Case { arguments: vec![], any_type: vec![keys::recent(home())], ..confirm("no edge is asked for", vec![], "") },
    ]
}

fn forgetting() -> Vec<Case> {
    let forget = |title, arguments, after, forgotten| Case {
        title,
        keys: vec![keys::recent(home())],
        arguments,
        before: recent(&[(LIKE, OLD), (FOLLOW, MIDDLE), (OTHER_LIKE, NEW)]),
        reply: format!("OK {MINTED}"),
        after,
        head_after: Some(head(MINTED, forgotten)),
        ..Case::of(&script::MIRROR_FORGET)
    };
    let ahead = at(255, 8, 31);
    let (above, above_again) = (at(HOME, 9, 0), at(HOME, 9, 1));
    vec![
        forget(
            "the highest of what goes is forgotten",
            arguments![FOLLOW, MIDDLE, LIKE, OLD],
            recent(&[(OTHER_LIKE, NEW)]),
            MIDDLE,
        ),
        forget(
            "an edge that has moved on stays, and its version is not forgotten",
            arguments![LIKE, OLD, OTHER_LIKE, NEW - 1],
            recent(&[(FOLLOW, MIDDLE), (OTHER_LIKE, NEW)]),
            OLD,
        ),
        forget("an edge that is not there is not forgotten", arguments!["follow:1:2", NEW], vec![], 0),
        Case {
            head: Some(head(LAST, NEW)),
            ..forget(
                "what is forgotten never comes back",
                arguments![LIKE, OLD],
                recent(&[(FOLLOW, MIDDLE), (OTHER_LIKE, NEW)]),
                NEW,
            )
        },
        Case {
            before: recent(&[(LIKE, ahead)]),
            reply: format!("OK {above}"),
            head_after: Some(head(above, ahead)),
            repeat: Repeat::Again(
                format!("OK {above_again}"),
                vec![(keys::head(home()), text(head(above_again, ahead)))],
            ),
            ..forget(
                "the bucket's own ids go above what it forgets, for the homes to be asked above it",
                arguments![LIKE, ahead],
                vec![(keys::recent(home()), gone())],
                ahead,
            )
        },
    ]
}

pub fn cases() -> Vec<Case> {
    [trimming(), confirming(), forgetting()].into_iter().flatten().collect()
}
