//! Chats, in the bucket of the lower of two users.

use riffle::id::UserId;
use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, HOME, MINTED, MINTED_NEXT, Repeat, arguments, at, home};
use super::keyspace::{Entry, Value, entry, sorted, stream, timeline};
use super::users::MIA;

const ZOE: UserId = UserId(at(200, -6, 31));
const YAN: UserId = UserId(at(200, -5, 2));
/// The newest message is of a time that the clock has not reached, so that the next one is known beforehand.
const OLD: u64 = at(HOME, -5, 17);
const NEW: u64 = at(HOME, -4, 2);
const NEWEST_MS: u64 = 9_000_000_000_000;

fn chat(ids: &[u64]) -> (String, Value) {
    let members: Vec<(String, u64)> =
        ids.iter().zip(NEWEST_MS..).map(|(id, time_ms)| (format!("{id} {ZOE} hello"), time_ms)).collect();
    (keys::chat(MIA, ZOE), sorted(&members))
}

fn send(title: &'static str, who_may: &str) -> Case {
    let entry = |id, time_ms: u64| -> Entry {
        entry(id, &[("message", &format!("{id} {MIA} {ZOE} {ZOE} {time_ms}")), ("text", &"hello")])
    };
    let first = entry(MINTED, NEWEST_MS + 1);
    let second = entry(MINTED_NEXT, NEWEST_MS + 2);
    Case {
        title,
        keys: vec![keys::outbox(home()), keys::friends(MIA), keys::chat(MIA, ZOE)],
        arguments: arguments![MIA, ZOE, ZOE, "hello", who_may],
        before: vec![chat(&[OLD])],
        reply: format!("OK {MINTED}"),
        after: vec![chat(&[OLD, MINTED]), (keys::outbox(home()), stream([first.clone()]))],
        repeat: Repeat::Again(
            format!("OK {MINTED_NEXT}"),
            vec![chat(&[OLD, MINTED, MINTED_NEXT]), (keys::outbox(home()), stream([first, second]))],
        ),
        ..Case::of(&script::MESSAGE_SEND)
    }
}

fn loading() -> Case {
    let far = (keys::chat(MIA, YAN), sorted(&[(format!("{NEW} {MIA} hi"), NEWEST_MS + 1)]));
    Case {
        title: "messages of two chats are loaded beside what is there",
        keys: vec![keys::chat(MIA, ZOE), keys::chat(MIA, ZOE), keys::chat(MIA, YAN)],
        arguments: arguments![
            NEWEST_MS,
            format!("{OLD} {ZOE} hello"),
            NEWEST_MS + 1,
            format!("{NEW} {ZOE} hello"),
            NEWEST_MS + 1,
            format!("{NEW} {MIA} hi"),
        ],
        before: vec![chat(&[OLD])],
        after: vec![chat(&[OLD, NEW]), far],
        ..Case::of(&script::MESSAGES_LOAD)
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        loading(),
        Case {
            before: vec![chat(&[OLD]), (keys::friends(MIA), timeline(&[ZOE.0]))],
            ..send("a message to a friend has a time of its own, and every call is one", "friends")
        },
        Case { any_type: vec![keys::friends(MIA)], ..send("a message to a stranger, where anyone may", "anyone") },
        Case {
            reply: "NOT_FRIENDS".into(),
            after: vec![],
            repeat: Repeat::ChangesNothing,
            ..send("a message to a stranger is refused", "friends")
        },
    ]
}
