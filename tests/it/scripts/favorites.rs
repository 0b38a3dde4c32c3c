//! Likes: the video's bucket decides and counts, the user's bucket follows.

use std::collections::BTreeMap;

use riffle::id::{UserId, VideoId};
use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, EPOCH, HOME, LAST, MINTED, Repeat, arguments, at, head, home, twice};
use super::keyspace::{Keys, Value, entry, gone, hash, set, sorted, stream, text};
use super::users::MIA;

/// A video of [`MIA`]'s, and a user who lives elsewhere.
const VIDEO: VideoId = VideoId(at(HOME, -7, 5));
const ZOE: UserId = UserId(at(200, -6, 31));
/// A video that lives elsewhere, for [`MIA`] to like, and the versions of his doing so. What a mirror judges by may be
/// of a later question than the change, which gives the place in the order.
const FAR_VIDEO: VideoId = VideoId(at(201, -7, 30));
const OLD_VERSION: u64 = at(201, -5, 1);
const PLACE: u64 = at(201, -4, 2);
const VERSION: u64 = at(201, -4, 3);

fn set_like(title: &'static str, state: u8) -> Case {
    Case {
        title,
        keys: vec![keys::outbox(home()), keys::video(VIDEO), keys::user(MIA), keys::likers(VIDEO)],
        arguments: arguments![ZOE, VIDEO, state],
        before: vec![
            (keys::user(MIA), hash(&[("name", &"mia"), ("favorited", &5)])),
            (keys::video(VIDEO), hash(&[("author", &MIA), ("favorites", &1)])),
            (keys::likers(VIDEO), set(&[MIA])),
        ],
        reply: format!("OK {MINTED}"),
        ..Case::of(&script::FAVORITE_SET)
    }
}

fn deciding() -> Vec<Case> {
    let outbox = |state: u8| stream([entry(MINTED, &[("favorite", &format!("{ZOE} {VIDEO} {state}"))])]);
    let liked_by_both = || {
        vec![
            (keys::user(MIA), hash(&[("name", &"mia"), ("favorited", &6)])),
            (keys::video(VIDEO), hash(&[("author", &MIA), ("favorites", &2)])),
            (keys::likers(VIDEO), set(&[MIA, ZOE])),
        ]
    };
    vec![
        Case {
            after: [liked_by_both(), vec![(keys::outbox(home()), outbox(1))]].concat(),
            ..set_like("a like is counted", 1)
        },
        Case { before: liked_by_both(), ..set_like("a like that is there is not counted again", 1) },
        Case {
            before: liked_by_both(),
            after: [set_like("", 0).before, vec![(keys::outbox(home()), outbox(0))]].concat(),
            ..set_like("a like is taken back", 0)
        },
        set_like("a like that is not there is not taken back", 0),
        Case {
            before: likers_in(4, &others(500)),
            after: [likers_in(4, &[others(500), vec![ZOE]].concat()), vec![(keys::outbox(home()), outbox(1))]].concat(),
            any_type: vec![keys::likers(VIDEO)],
            ..set_like("a like goes into the sub-set of its user", 1)
        },
        Case {
            before: likers_in(3, &others(600)),
            after: [likers_in(4, &[others(600), vec![ZOE]].concat()), vec![(keys::outbox(home()), outbox(1))]].concat(),
            any_type: vec![keys::likers(VIDEO)],
            ..set_like("more members than sub-sets are meant for split one", 1)
        },
        Case {
            before: likers_in(4, &[others(500), vec![ZOE]].concat()),
            after: [likers_in(4, &others(500)), vec![(keys::outbox(home()), outbox(0))]].concat(),
            any_type: vec![keys::likers(VIDEO)],
            ..set_like("a like is taken back out of its sub-set", 0)
        },
        Case { before: vec![], reply: "NO_VIDEO".into(), ..set_like("an unknown video is refused", 1) },
    ]
}

/// So many users of other buckets.
fn others(count: u64) -> Vec<UserId> {
    (0..count).map(|number| UserId(at((number % 199) as u16, -8 - number as i64, number % 32))).collect()
}

/// [`VIDEO`] with so many sub-sets of likers, and what it and its author count.
fn likers_in(count: u64, likers: &[UserId]) -> Keys {
    let mut subsets: BTreeMap<String, Vec<UserId>> = BTreeMap::new();
    for liker in likers {
        subsets.entry(keys::subset(&keys::likers(VIDEO), count, liker.0)).or_default().push(*liker);
    }
    let favorites = likers.len();
    let counts = vec![
        (keys::user(MIA), hash(&[("name", &"mia"), ("favorited", &favorites)])),
        (keys::video(VIDEO), hash(&[("author", &MIA), ("favorites", &favorites), ("liker_sets", &count)])),
    ];
    [counts, subsets.into_iter().map(|(key, likers)| (key, set(&likers))).collect()].concat()
}

fn reading() -> Vec<Case> {
    let case = Case {
        keys: vec![keys::video(VIDEO), keys::likers(VIDEO)],
        arguments: arguments![ZOE, 0],
        before: vec![(keys::likers(VIDEO), set(&[ZOE]))],
        reply: format!("OK {MINTED} :1"),
        ..Case::of(&script::FAVORITE_READ)
    };
    let ahead = at(255, 8, 31);
    let (above, above_again) = (at(HOME, 9, 0), at(HOME, 9, 1));
    vec![
        Case { title: "a user who likes", ..case.clone() },
        Case { title: "a user who does not", before: vec![], reply: format!("OK {MINTED} :0"), ..case.clone() },
        Case {
            title: "a user in a sub-set",
            before: likers_in(5, &[others(900), vec![ZOE]].concat()),
            any_type: vec![keys::likers(VIDEO)],
            ..case.clone()
        },
        Case {
            title: "the version is above what was seen elsewhere",
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

fn mirror(title: &'static str, state: u8) -> Case {
    Case {
        title,
        keys: vec![keys::recent(home()), keys::user(MIA), keys::liked(MIA), keys::liked_older(MIA), keys::long(home())],
        any_type: vec![keys::long(home())],
        arguments: arguments![MIA, FAR_VIDEO, state, VERSION, PLACE],
        before: vec![(keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &0)]))],
        reply: format!("OK {LAST}"),
        ..Case::of(&script::FAVORITE_MIRROR)
    }
}

fn recent(version: u64) -> Keys {
    vec![(keys::recent(home()), sorted(&[(format!("favorite:{MIA}:{FAR_VIDEO}"), version)]))]
}

fn likes(version: u64) -> Keys {
    vec![
        (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &1)])),
        (keys::liked(MIA), sorted(&[(FAR_VIDEO, version)])),
    ]
}

/// The same like, whose place was trimmed.
fn likes_since_long() -> Keys {
    vec![
        (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &1), ("liked_floor", &OLD_VERSION)])),
        (keys::liked_older(MIA), set(&[FAR_VIDEO])),
    ]
}

/// What a call does not look into that finds the member in its order.
fn of_order() -> Vec<String> {
    vec![keys::long(home()), keys::liked_older(MIA)]
}

fn following() -> Vec<Case> {
    let stale = || format!("STALE {LAST}");
    vec![
        Case { after: [likes(PLACE), recent(VERSION)].concat(), ..mirror("a like is counted, in its place", 1) },
        Case { after: recent(VERSION), ..mirror("what is not liked is remembered and not counted", 0) },
        Case {
            before: [mirror("", 1).before, recent(OLD_VERSION)].concat(),
            after: [likes(PLACE), recent(VERSION)].concat(),
            head: Some(format!("{EPOCH} open {LAST} {OLD_VERSION}")),
            ..mirror("a newer version above what was forgotten counts", 1)
        },
        Case {
            before: [likes(OLD_VERSION), recent(OLD_VERSION)].concat(),
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &0)])),
                (keys::liked(MIA), gone()),
                recent(VERSION).remove(0),
            ],
            any_type: of_order(),
            ..mirror("a newer version takes the like back", 0)
        },
        Case {
            before: likes_since_long(),
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &0), ("liked_floor", &OLD_VERSION)])),
                (keys::liked_older(MIA), gone()),
                recent(VERSION).remove(0),
            ],
            ..mirror("a like whose place was trimmed is taken back", 0)
        },
        Case {
            before: likes_since_long(),
            after: recent(VERSION),
            ..mirror("a like whose place was trimmed is not counted again", 1)
        },
        Case {
            before: [likes(OLD_VERSION), recent(OLD_VERSION)].concat(),
            after: recent(VERSION),
            any_type: of_order(),
            ..mirror("a newer version of the same keeps the place in the order", 1)
        },
        Case {
            before: [likes(OLD_VERSION), recent(VERSION + 1)].concat(),
            ..mirror("a version older than what is known is ignored", 0)
        },
        Case {
            before: [likes(OLD_VERSION), recent(VERSION)].concat(),
            ..mirror("a version that is known is ignored, whatever it says", 0)
        },
        Case {
            before: [mirror("", 1).before, recent(VERSION)].concat(),
            head: Some(format!("{EPOCH} open {LAST} {VERSION}")),
            reply: stale(),
            ..mirror("a version at what was forgotten sends back to the home, also when it is remembered", 1)
        },
        Case {
            before: likes(OLD_VERSION),
            head: Some(format!("{EPOCH} open {LAST} {}", VERSION + 1)),
            reply: stale(),
            ..mirror("a version below what was forgotten takes nothing back", 0)
        },
        Case { before: vec![], reply: "NO_USER".into(), ..mirror("an unknown user is refused", 1) },
        Case {
            before: long_order(96),
            after: [
                vec![(keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &97)]))],
                vec![(keys::liked(MIA), ordered(&[ids(96), vec![FAR_VIDEO.0]].concat(), PLACE))],
                recent(VERSION),
                vec![(keys::long(home()), set(&[keys::liked(MIA)]))],
            ]
            .concat(),
            any_type: vec![],
            ..mirror("an order that has become long is noted", 1)
        },
    ]
}

/// Videos of another bucket, and their places below [`OLD_VERSION`].
fn ids(count: u64) -> Vec<u64> {
    (0..count).map(|number| at(201, -900 + number as i64, 1)).collect()
}

/// Each video at its own place, the last one at `last`.
fn ordered(videos: &[u64], last: u64) -> Value {
    let places = videos.iter().map(|video| if *video == FAR_VIDEO.0 { last } else { *video });
    sorted(&videos.iter().copied().zip(places).collect::<Vec<_>>())
}

fn long_order(count: u64) -> Keys {
    vec![
        (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &count)])),
        (keys::liked(MIA), ordered(&ids(count), 0)),
    ]
}

fn trimming() -> Vec<Case> {
    let noted = || (keys::long(home()), set(&[keys::liked(MIA)]));
    let trim = |title, places: &[(u64, u64)]| Case {
        title,
        keys: vec![keys::long(home()), keys::user(MIA), keys::liked(MIA), keys::liked_older(MIA)],
        arguments: ["liked".to_owned()]
            .into_iter()
            .chain(places.iter().flat_map(|(place, member)| arguments![place, member]))
            .collect(),
        before: [long_order(98), vec![noted()]].concat(),
        ..Case::of(&script::ORDER_TRIM)
    };
    let all = ids(98);
    let pairs = |range: std::ops::Range<usize>| all[range].iter().map(|id| (*id, *id)).collect::<Vec<_>>();
    let user = |floor: u64| hash(&[("name", &"mia"), ("favorites", &98), ("liked_floor", &floor)]);
    let moved = || (keys::liked(MIA), ordered(&all[1..], 0));
    vec![
        Case {
            after: vec![
                (keys::user(MIA), user(all[33])),
                (keys::liked(MIA), ordered(&all[34..], 0)),
                (keys::liked_older(MIA), set(&all[..34])),
                (keys::long(home()), gone()),
            ],
            ..trim("the oldest places go", &pairs(0..34))
        },
        Case {
            after: vec![(keys::user(MIA), user(all[0])), moved(), (keys::liked_older(MIA), set(&all[..1]))],
            ..trim("an order that stays long stays noted", &pairs(0..1))
        },
        trim("what was placed anew stays", &[(all[0] - 1, all[0])]),
        trim("what has an older one before it stays", &pairs(2..3)),
        Case {
            before: [long_order(98), vec![noted(), (keys::user(MIA), user(all[50]))]].concat(),
            after: vec![moved(), (keys::liked_older(MIA), set(&all[..1]))],
            ..trim("the floor never sinks", &pairs(0..1))
        },
        Case { before: vec![], reply: "NO_USER".into(), ..trim("of an unknown user nothing is removed", &[]) },
    ]
}

/// What a video and its author count.
fn counted(favorites: u8, favorited: u8) -> Keys {
    vec![
        (keys::video(VIDEO), hash(&[("author", &MIA), ("favorites", &favorites)])),
        (keys::user(MIA), hash(&[("name", &"mia"), ("favorited", &favorited)])),
    ]
}

fn loading() -> Vec<Case> {
    let load = |title, arguments| Case {
        title,
        keys: twice([keys::video(VIDEO), keys::user(MIA), keys::likers(VIDEO)]),
        arguments,
        ..Case::of(&script::FAVORITES_LOAD)
    };
    let likers = |users: &[UserId]| (keys::likers(VIDEO), set(users));
    vec![
        Case {
            before: vec![
                (keys::video(VIDEO), hash(&[("author", &MIA)])),
                (keys::user(MIA), hash(&[("name", &"mia"), ("favorited", &5)])),
            ],
            after: [counted(2, 7), vec![likers(&[MIA, ZOE])]].concat(),
            ..load("likes are loaded and counted", arguments![MIA, 1, ZOE, 1])
        },
        Case {
            before: [counted(1, 5), vec![likers(&[MIA])]].concat(),
            after: [counted(1, 5), vec![likers(&[ZOE])]].concat(),
            any_type: vec![keys::user(MIA)],
            ..load("one likes it and one does no more", arguments![MIA, 0, ZOE, 1])
        },
        Case {
            before: [counted(2, 5), vec![likers(&[MIA, ZOE])]].concat(),
            after: [counted(0, 3), vec![(keys::likers(VIDEO), gone())]].concat(),
            ..load("the last likes go", arguments![MIA, 0, ZOE, 0])
        },
        Case {
            before: [counted(1, 5), vec![likers(&[ZOE])]].concat(),
            ..load("what is so already is not counted again", arguments![MIA, 0, ZOE, 1])
        },
    ]
}

fn loading_mirrors() -> Vec<Case> {
    let load = |title, arguments| Case {
        title,
        keys: [vec![keys::long(home())], twice([keys::user(MIA), keys::liked(MIA), keys::liked_older(MIA)])].concat(),
        arguments,
        any_type: vec![keys::long(home())],
        ..Case::of(&script::FAVORITE_MIRRORS_LOAD)
    };
    let count = |favorites: u8| (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &favorites)]));
    vec![
        Case {
            before: vec![(keys::user(MIA), hash(&[("name", &"mia")]))],
            after: vec![count(2), (keys::liked(MIA), sorted(&[(FAR_VIDEO, OLD_VERSION), (VIDEO, VERSION)]))],
            ..load("likes are loaded in their order", arguments![VIDEO, 1, VERSION, FAR_VIDEO, 1, OLD_VERSION])
        },
        Case {
            before: likes(OLD_VERSION),
            after: vec![(keys::liked(MIA), sorted(&[(VIDEO, VERSION)]))],
            any_type: vec![keys::long(home()), keys::user(MIA)],
            ..load("a like comes and one goes", arguments![FAR_VIDEO, 0, VERSION, VIDEO, 1, VERSION])
        },
        Case {
            before: likes_since_long(),
            after: vec![(keys::liked(MIA), sorted(&[(FAR_VIDEO, VERSION)])), (keys::liked_older(MIA), gone())],
            any_type: vec![keys::long(home()), keys::user(MIA)],
            ..load(
                "a like whose place was trimmed is placed anew",
                arguments![FAR_VIDEO, 1, VERSION, VIDEO, 0, VERSION],
            )
        },
        Case {
            before: likes_since_long(),
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &0), ("liked_floor", &OLD_VERSION)])),
                (keys::liked_older(MIA), gone()),
            ],
            any_type: vec![keys::long(home())],
            ..load("a like whose place was trimmed goes", arguments![FAR_VIDEO, 0, VERSION, VIDEO, 0, VERSION])
        },
        Case {
            before: likes(OLD_VERSION),
            after: vec![(keys::liked(MIA), sorted(&[(FAR_VIDEO, VERSION)]))],
            any_type: vec![keys::long(home()), keys::user(MIA)],
            ..load("a like of a newer version moves", arguments![FAR_VIDEO, 1, VERSION, VIDEO, 0, VERSION])
        },
    ]
}

pub fn cases() -> Vec<Case> {
    [deciding(), reading(), following(), trimming(), loading(), loading_mirrors()].into_iter().flatten().collect()
}
