//! Follows: the followed user's bucket decides and counts, the follower's bucket follows. Both keep friends.

use riffle::id::UserId;
use riffle::store::keys;
use riffle::store::script;

mod loading;

use super::case::{Case, EPOCH, HOME, LAST, MINTED, Repeat, arguments, at, head, home};
use super::keyspace::{Keys, Value, entry, gone, hash, set, sorted, stream, text};
use super::users::MIA;

/// Lives elsewhere, as do the versions of what he decides.
const ZOE: UserId = UserId(at(200, -6, 31));
const OLD_VERSION: u64 = at(200, -5, 1);
/// What a mirror judges by may be of a later question than the change, which gives the place in the order.
const PLACE: u64 = at(200, -4, 2);
const VERSION: u64 = at(200, -4, 3);

fn mia(followers: u8, follows: u8) -> (String, Value) {
    (keys::user(MIA), hash(&[("name", &"mia"), ("followers", &followers), ("follows", &follows)]))
}

/// [`ZOE`] follows [`MIA`], or no longer does.
fn set_follow(title: &'static str, state: u8) -> Case {
    Case {
        title,
        keys: vec![
            keys::outbox(home()),
            keys::user(MIA),
            keys::followed_by(MIA),
            keys::followed_by_older(MIA),
            keys::followed(MIA),
            keys::followed_older(MIA),
            keys::friends(MIA),
            keys::long(home()),
        ],
        any_type: vec![keys::long(home())],
        arguments: arguments![ZOE, MIA, state],
        before: vec![mia(0, 0)],
        reply: format!("OK {MINTED}"),
        ..Case::of(&script::FOLLOW_SET)
    }
}

fn followed_since(version: u64) -> Keys {
    vec![(keys::followed_by(MIA), sorted(&[(ZOE, version)]))]
}

/// What a call does not look into that finds a member in these orders.
fn of_orders(older: &[fn(UserId) -> String]) -> Vec<String> {
    older.iter().map(|key| key(MIA)).chain([keys::long(home())]).collect()
}

fn deciding() -> Vec<Case> {
    let outbox = |state: u8| {
        let stream = stream([entry(MINTED, &[("follow", &format!("{ZOE} {MIA} {state}"))])]);
        vec![(keys::outbox(home()), stream)]
    };
    let follows_back = || (keys::followed(MIA), sorted(&[(ZOE, OLD_VERSION)]));
    let friends = |version| (keys::friends(MIA), sorted(&[(ZOE, version)]));
    vec![
        Case {
            after: [vec![mia(1, 0)], followed_since(MINTED), outbox(1)].concat(),
            ..set_follow("a follower is counted", 1)
        },
        Case {
            before: vec![mia(0, 1), follows_back()],
            after: [vec![mia(1, 1), friends(MINTED)], followed_since(MINTED), outbox(1)].concat(),
            any_type: of_orders(&[keys::followed_older]),
            ..set_follow("who is followed and follows back is a friend", 1)
        },
        Case {
            before: vec![mia(0, 1), (keys::followed_older(MIA), set(&[ZOE]))],
            after: [vec![mia(1, 1), friends(MINTED)], followed_since(MINTED), outbox(1)].concat(),
            ..set_follow("who follows back since long is a friend", 1)
        },
        Case {
            before: vec![mia(1, 0), (keys::followed_by_older(MIA), set(&[ZOE]))],
            ..set_follow("a follower whose place was trimmed is not counted again", 1)
        },
        Case {
            before: vec![mia(1, 0), (keys::followed_by_older(MIA), set(&[ZOE]))],
            after: [vec![mia(0, 0), (keys::followed_by_older(MIA), gone())], outbox(0)].concat(),
            ..set_follow("a follower whose place was trimmed leaves", 0)
        },
        {
            // Which sub-set is known from how many there are.
            let older = keys::subset(&keys::followed_by_older(MIA), 3, ZOE.0);
            let mia = |followers: u8| {
                (keys::user(MIA), hash(&[("name", &"mia"), ("followers", &followers), ("followed_by_sets", &3)]))
            };
            Case {
                before: vec![mia(201), (older.clone(), set(&[ZOE]))],
                after: [vec![mia(200), (older, gone())], outbox(0)].concat(),
                any_type: of_orders(&[keys::followed_by_older]),
                ..set_follow("a follower in a sub-set leaves", 0)
            }
        },
        Case {
            before: [vec![mia(1, 0)], followed_since(OLD_VERSION)].concat(),
            any_type: of_orders(&[keys::followed_by_older]),
            ..set_follow("a follower who is there is not counted again", 1)
        },
        Case {
            before: [vec![mia(1, 1), follows_back(), friends(OLD_VERSION)], followed_since(OLD_VERSION)].concat(),
            after: [vec![mia(0, 1), (keys::followed_by(MIA), gone())], vec![(keys::friends(MIA), gone())], outbox(0)]
                .concat(),
            any_type: of_orders(&[keys::followed_by_older, keys::followed_older]),
            ..set_follow("a follower who leaves is no friend any more", 0)
        },
        set_follow("who does not follow cannot leave", 0),
        Case { before: vec![], reply: "NO_USER".into(), ..set_follow("an unknown user is refused", 1) },
        Case { arguments: arguments![MIA, MIA, 1], reply: "SELF".into(), ..set_follow("nobody follows himself", 1) },
    ]
}

fn reading() -> Vec<Case> {
    let case = Case {
        keys: vec![keys::user(MIA), keys::followed_by(MIA), keys::followed_by_older(MIA)],
        arguments: arguments![ZOE, 0],
        before: vec![(keys::followed_by_older(MIA), set(&[ZOE]))],
        reply: format!("OK {MINTED} :1"),
        ..Case::of(&script::FOLLOW_READ)
    };
    let ahead = at(HOME - 1, 8, 31);
    let (above, above_again) = (at(HOME, 9, 0), at(HOME, 9, 1));
    vec![
        Case { title: "a user who follows since long", ..case.clone() },
        Case {
            title: "a user who follows",
            before: followed_since(OLD_VERSION),
            any_type: of_orders(&[keys::followed_by_older]),
            ..case.clone()
        },
        Case { title: "a user who does not", before: vec![], reply: format!("OK {MINTED} :0"), ..case.clone() },
        Case {
            title: "the version is a whole millisecond above what was seen elsewhere",
            arguments: arguments![ZOE, ahead],
            reply: format!("OK {above} :1"),
            head_after: Some(head(EPOCH, "open", above)),
            repeat: Repeat::Again(
                format!("OK {above_again} :1"),
                vec![(keys::head(home()), text(head(EPOCH, "open", above_again)))],
            ),
            ..case
        },
    ]
}

/// [`MIA`] follows [`ZOE`], or no longer does.
fn mirror(title: &'static str, state: u8) -> Case {
    Case {
        title,
        keys: vec![
            keys::recent(home()),
            keys::user(MIA),
            keys::followed(MIA),
            keys::followed_older(MIA),
            keys::followed_by(MIA),
            keys::followed_by_older(MIA),
            keys::friends(MIA),
            keys::long(home()),
        ],
        any_type: vec![keys::long(home())],
        arguments: arguments![MIA, ZOE, state, VERSION, PLACE],
        before: vec![mia(0, 0)],
        reply: format!("OK {LAST}"),
        ..Case::of(&script::FOLLOW_MIRROR)
    }
}

fn recent(version: u64) -> Keys {
    vec![(keys::recent(home()), sorted(&[(format!("follow:{MIA}:{ZOE}"), version)]))]
}

fn follows_since(version: u64) -> Keys {
    vec![(keys::followed(MIA), sorted(&[(ZOE, version)]))]
}

fn following() -> Vec<Case> {
    let follower = || (keys::followed_by(MIA), sorted(&[(ZOE, OLD_VERSION)]));
    let friends = |version| (keys::friends(MIA), sorted(&[(ZOE, version)]));
    vec![
        Case {
            after: [vec![mia(0, 1)], follows_since(PLACE), recent(VERSION)].concat(),
            ..mirror("a follow is counted, in its place", 1)
        },
        Case { after: recent(VERSION), ..mirror("what is not followed is remembered and not counted", 0) },
        Case {
            before: [vec![mia(0, 0)], recent(OLD_VERSION)].concat(),
            after: [vec![mia(0, 1)], follows_since(PLACE), recent(VERSION)].concat(),
            head: Some(format!("{EPOCH} open {LAST} {OLD_VERSION}")),
            ..mirror("a newer version above what was forgotten counts", 1)
        },
        Case {
            before: vec![mia(1, 0), follower()],
            after: [vec![mia(1, 1), friends(PLACE)], follows_since(PLACE), recent(VERSION)].concat(),
            any_type: of_orders(&[keys::followed_by_older]),
            ..mirror("who follows a follower has a friend", 1)
        },
        Case {
            before: vec![mia(1, 0), (keys::followed_by_older(MIA), set(&[ZOE]))],
            after: [vec![mia(1, 1), friends(PLACE)], follows_since(PLACE), recent(VERSION)].concat(),
            ..mirror("who follows somebody that follows since long has a friend", 1)
        },
        Case {
            before: vec![mia(0, 1), (keys::followed_older(MIA), set(&[ZOE]))],
            after: [vec![mia(0, 0), (keys::followed_older(MIA), gone())], recent(VERSION)].concat(),
            ..mirror("who follows since long leaves", 0)
        },
        Case {
            before: [vec![mia(1, 1), follower(), friends(OLD_VERSION)], follows_since(OLD_VERSION)].concat(),
            after: [
                vec![mia(1, 0), (keys::followed(MIA), gone())],
                vec![(keys::friends(MIA), gone())],
                recent(VERSION),
            ]
            .concat(),
            any_type: of_orders(&[keys::followed_older, keys::followed_by_older]),
            ..mirror("who leaves has a friend less", 0)
        },
        Case {
            before: [vec![mia(0, 1)], follows_since(OLD_VERSION), recent(OLD_VERSION)].concat(),
            after: recent(VERSION),
            any_type: of_orders(&[keys::followed_older]),
            ..mirror("a newer version of the same keeps the place in the order", 1)
        },
        Case {
            before: [vec![mia(0, 1)], follows_since(OLD_VERSION), recent(VERSION + 1)].concat(),
            ..mirror("a version older than what is known is ignored", 0)
        },
        Case {
            before: [vec![mia(0, 1)], follows_since(OLD_VERSION), recent(VERSION)].concat(),
            ..mirror("a version that is known is ignored, whatever it says", 0)
        },
        Case {
            before: [vec![mia(0, 0)], recent(VERSION)].concat(),
            head: Some(format!("{EPOCH} open {LAST} {VERSION}")),
            reply: format!("STALE {LAST}"),
            ..mirror("a version at what was forgotten sends back to the home, also when it is remembered", 1)
        },
        Case {
            before: [vec![mia(0, 1)], follows_since(OLD_VERSION)].concat(),
            head: Some(format!("{EPOCH} open {LAST} {}", VERSION + 1)),
            reply: format!("STALE {LAST}"),
            ..mirror("a version below what was forgotten takes nothing back", 0)
        },
        Case { before: vec![], reply: "NO_USER".into(), ..mirror("an unknown user is refused", 1) },
    ]
}

pub fn cases() -> Vec<Case> {
    [deciding(), reading(), following(), loading::cases()].into_iter().flatten().collect()
}
