//! Users, and the ids of all that is born in a bucket.

use riffle::id::UserId;
use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, HOME, MINTED, MINTED_NEXT, Repeat, arguments, at, home};
use super::keyspace::{entry, hash, stream};

pub const MIA: UserId = UserId(at(HOME, -9, 1));
pub const NOAH: UserId = UserId(at(HOME, -8, 3));

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            title: "an id is minted",
            reply: format!("OK {MINTED}"),
            repeat: Repeat::Again(format!("OK {MINTED_NEXT}"), vec![]),
            ..Case::of(&script::ID_MINT)
        },
        Case {
            title: "an absent user becomes visible",
            keys: vec![keys::outbox(home()), keys::user(MIA)],
            arguments: arguments![MIA, "Mia", "mia", "hash"],
            reply: format!("OK {MINTED}"),
            after: vec![
                (keys::user(MIA), hash(&[("name", &"Mia")])),
                (
                    keys::outbox(home()),
                    stream([entry(MINTED, &[("user", &MIA), ("name", &"Mia"), ("key", &"mia"), ("hash", &"hash")])]),
                ),
            ],
            ..Case::of(&script::USER_SHOW)
        },
        Case {
            title: "a visible user stays as he is",
            keys: vec![keys::outbox(home()), keys::user(MIA)],
            arguments: arguments![MIA, "another name", "another name", "hash"],
            before: vec![(keys::user(MIA), hash(&[("name", &"mia"), ("works", &"3")]))],
            reply: format!("OK {MINTED}"),
            ..Case::of(&script::USER_SHOW)
        },
        Case {
            title: "absent users are loaded, present ones keep their counts",
            keys: vec![keys::user(MIA), keys::user(NOAH)],
            arguments: arguments!["mia", "noah"],
            before: vec![(keys::user(MIA), hash(&[("name", &"mia"), ("works", &"3")]))],
            after: vec![(keys::user(NOAH), hash(&[("name", &"noah")]))],
            ..Case::of(&script::USERS_LOAD)
        },
    ]
}
