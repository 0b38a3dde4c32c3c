//! Loading follows from Postgres: either side, in any order, once or again.

use riffle::id::UserId;
use riffle::store::keys;
use riffle::store::script;

use super::super::case::{Case, arguments, at, home, twice};
use super::super::keyspace::{Keys, gone, hash, set, sorted};
use super::super::users::MIA;
use super::{OLD_VERSION, VERSION, ZOE, followed_since, follows_since, mia};

const YAN: UserId = UserId(at(200, -5, 2));

/// Two rows of [`MIA`]'s: her followers, or whom she follows.
fn load(title: &'static str, count: &str, rows: [(UserId, u8, u64); 2]) -> Case {
    let followers = [keys::followed_by(MIA), keys::followed_by_older(MIA)];
    let follows = [keys::followed(MIA), keys::followed_older(MIA)];
    let sides = if count == "followers" { [followers, follows] } else { [follows, followers] };
    let keys = [&[keys::user(MIA)], &sides.concat()[..], &[keys::friends(MIA)]].concat();
    let rows = rows.iter().flat_map(|(other, state, version)| arguments![other, state, version]);
    Case {
        title,
        keys: [vec![keys::long(home())], twice(keys)].concat(),
        any_type: vec![keys::long(home())],
        arguments: std::iter::once(count.to_owned()).chain(rows).collect(),
        ..Case::of(&script::FOLLOWS_LOAD)
    }
}

fn friends(version: u64) -> Keys {
    vec![(keys::friends(MIA), sorted(&[(ZOE, version)]))]
}

/// [`ZOE`] follows, and is followed, since these versions.
fn mutual(followed_by: u64, followed: u64) -> Keys {
    [vec![mia(1, 1)], followed_since(followed_by), follows_since(followed), friends(followed_by.max(followed))].concat()
}

fn no_followers() -> Keys {
    vec![(keys::followed_by(MIA), gone())]
}

fn no_follows() -> Keys {
    vec![(keys::followed(MIA), gone())]
}

/// Who is no follower, or not followed, has no business with friends: the key is not looked into.
fn of_no_friends(case: Case) -> Case {
    Case { any_type: vec![keys::friends(MIA), keys::long(home())], ..case }
}

/// Whoever stands in the order of the other direction is not looked for among its older ones.
fn of_friends(case: Case) -> Case {
    let any_type = [case.any_type, vec![case.keys[5].clone()]].concat();
    Case { any_type, ..case }
}

fn followers() -> Vec<Case> {
    let load = |title, rows| load(title, "followers", rows);
    vec![
        of_no_friends(Case {
            before: vec![(keys::user(MIA), hash(&[("name", &"mia")]))],
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("followers", &2)])),
                (keys::followed_by(MIA), sorted(&[(YAN, OLD_VERSION), (ZOE, VERSION)])),
            ],
            ..load("followers are loaded in their order", [(ZOE, 1, VERSION), (YAN, 1, OLD_VERSION)])
        }),
        of_friends(Case {
            before: [vec![mia(0, 1)], follows_since(OLD_VERSION)].concat(),
            after: mutual(VERSION, OLD_VERSION),
            ..load("who is followed and follows later is a friend since then", [(ZOE, 1, VERSION), (YAN, 0, VERSION)])
        }),
        of_friends(Case {
            before: [vec![mia(0, 1)], follows_since(VERSION)].concat(),
            after: mutual(OLD_VERSION, VERSION),
            ..load("who followed first is a friend since the later", [(ZOE, 1, OLD_VERSION), (YAN, 0, VERSION)])
        }),
        Case {
            before: vec![mia(0, 1), (keys::followed_older(MIA), set(&[ZOE]))],
            after: [vec![mia(1, 1)], followed_since(VERSION), friends(VERSION)].concat(),
            ..load("who is followed since long and follows is a friend", [(ZOE, 1, VERSION), (YAN, 0, VERSION)])
        },
        Case {
            before: vec![mia(2, 0), (keys::followed_by_older(MIA), set(&[YAN, ZOE]))],
            after: [vec![mia(1, 0), (keys::followed_by_older(MIA), gone())], followed_since(VERSION)].concat(),
            any_type: vec![keys::long(home())],
            ..load(
                "of those who follow since long one is placed anew, one leaves",
                [(ZOE, 1, VERSION), (YAN, 0, VERSION)],
            )
        },
        of_friends(Case {
            before: mutual(OLD_VERSION, OLD_VERSION),
            after: mutual(VERSION, OLD_VERSION),
            any_type: vec![keys::long(home()), keys::user(MIA)],
            ..load("a newer version moves follower and friend", [(ZOE, 1, VERSION), (YAN, 0, VERSION)])
        }),
        Case {
            before: mutual(OLD_VERSION, VERSION),
            after: [vec![mia(0, 1), (keys::friends(MIA), gone())], no_followers()].concat(),
            any_type: vec![keys::long(home()), keys::followed(MIA), keys::followed_older(MIA)],
            ..load("a follower who left is no friend", [(ZOE, 0, VERSION), (YAN, 0, VERSION)])
        },
    ]
}

fn follows() -> Vec<Case> {
    let load = |title, rows| load(title, "follows", rows);
    vec![
        of_no_friends(Case {
            before: vec![(keys::user(MIA), hash(&[("name", &"mia")]))],
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("follows", &2)])),
                (keys::followed(MIA), sorted(&[(YAN, OLD_VERSION), (ZOE, VERSION)])),
            ],
            ..load("follows are loaded in their order", [(ZOE, 1, VERSION), (YAN, 1, OLD_VERSION)])
        }),
        of_friends(Case {
            before: [vec![mia(1, 0)], followed_since(OLD_VERSION)].concat(),
            after: mutual(OLD_VERSION, VERSION),
            ..load("who follows a follower has a friend since then", [(ZOE, 1, VERSION), (YAN, 0, VERSION)])
        }),
        of_friends(Case {
            before: [vec![mia(1, 0)], followed_since(VERSION)].concat(),
            after: mutual(VERSION, OLD_VERSION),
            ..load("who was followed later has a friend since then", [(ZOE, 1, OLD_VERSION), (YAN, 0, VERSION)])
        }),
        Case {
            before: mutual(VERSION, OLD_VERSION),
            after: [vec![mia(1, 0), (keys::friends(MIA), gone())], no_follows()].concat(),
            any_type: vec![keys::long(home()), keys::followed_by(MIA), keys::followed_by_older(MIA)],
            ..load("who left has a friend less", [(ZOE, 0, VERSION), (YAN, 0, VERSION)])
        },
        of_friends(Case {
            before: mutual(VERSION, OLD_VERSION),
            ..load("what is so already is not counted again", [(ZOE, 1, OLD_VERSION), (YAN, 0, VERSION)])
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [followers(), follows()].into_iter().flatten().collect()
}
