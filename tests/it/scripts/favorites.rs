//! Likes: the video's bucket decides and counts, the user's bucket follows.

use riffle::id::{UserId, VideoId};
use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, EPOCH, HOME, LAST, MINTED, Repeat, arguments, at, head, home};
use super::keyspace::{Keys, entry, gone, hash, set, sorted, stream, text};
use super::users::MIA;

/// A video of [`MIA`]'s, and a user who lives elsewhere.
const VIDEO: VideoId = VideoId(at(HOME, -7, 5));
const ZOE: UserId = UserId(at(200, -6, 31));
/// A video that lives elsewhere, for [`MIA`] to like, and the versions of his doing so.
const FAR_VIDEO: VideoId = VideoId(at(201, -7, 30));
const OLD_VERSION: u64 = at(201, -5, 1);
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
    let outbox =
        |state: u8| stream([entry(MINTED, &[("kind", &"favorite"), ("from", &ZOE), ("to", &VIDEO), ("on", &state)])]);
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
        Case { before: vec![], reply: "NO_VIDEO".into(), ..set_like("an unknown video is refused", 1) },
    ]
}

fn reading() -> Vec<Case> {
    let case = Case {
        keys: vec![keys::likers(VIDEO)],
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
        keys: vec![keys::recent(home()), keys::user(MIA), keys::likes(MIA), keys::liked(MIA)],
        arguments: arguments![MIA, FAR_VIDEO, state, VERSION],
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
        (keys::likes(MIA), set(&[FAR_VIDEO])),
        (keys::liked(MIA), sorted(&[(FAR_VIDEO, version)])),
    ]
}

fn following() -> Vec<Case> {
    let stale = || format!("STALE {LAST}");
    vec![
        Case { after: [likes(VERSION), recent(VERSION)].concat(), ..mirror("a like is counted", 1) },
        Case {
            before: [likes(OLD_VERSION), recent(OLD_VERSION)].concat(),
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("favorites", &0)])),
                (keys::likes(MIA), gone()),
                (keys::liked(MIA), gone()),
                recent(VERSION).remove(0),
            ],
            ..mirror("a newer version takes the like back", 0)
        },
        Case {
            before: [likes(OLD_VERSION), recent(OLD_VERSION)].concat(),
            after: recent(VERSION),
            ..mirror("a newer version of the same keeps the place in the order", 1)
        },
        Case {
            before: [likes(OLD_VERSION), recent(VERSION + 1)].concat(),
            ..mirror("a version that is not newer is ignored", 0)
        },
        Case {
            before: [mirror("", 1).before, recent(VERSION)].concat(),
            head: Some(format!("{EPOCH} open {LAST} {VERSION}")),
            reply: stale(),
            ..mirror("a version at what was forgotten sends back to the home, also when it is remembered", 1)
        },
        Case { before: vec![], reply: "NO_USER".into(), ..mirror("an unknown user is refused", 1) },
    ]
}

pub fn cases() -> Vec<Case> {
    [deciding(), reading(), following()].into_iter().flatten().collect()
}
