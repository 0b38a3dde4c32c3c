//! Videos in their author's bucket.

use riffle::id::VideoId;
use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, HOME, MINTED, arguments, at, home};
use super::keyspace::{Value, entry, hash, stream, timeline};
use super::users::{MIA, NOAH};

const OLD: VideoId = VideoId(at(HOME, -7, 5));
const NEW: VideoId = VideoId(at(HOME, -6, 7));

fn video_keys(id: VideoId) -> Vec<String> {
    vec![keys::outbox(home()), keys::user(MIA), keys::video(id), keys::works(MIA)]
}

fn video(title: &str, cover: Option<u8>) -> Value {
    let mut fields: Vec<(&str, &dyn ToString)> = vec![("author", &MIA), ("title", &title), ("object", &"object.mp4")];
    if let Some(cover) = &cover {
        fields.push(("cover", cover));
    }
    hash(&fields)
}

fn showing() -> Vec<Case> {
    vec![
        Case {
            title: "a further video becomes visible and is counted",
            keys: video_keys(NEW),
            arguments: arguments![NEW, MIA, "new", "object.mp4"],
            before: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("works", &"1")])),
                (keys::works(MIA), timeline(&[OLD.0])),
                (keys::video(OLD), video("old", None)),
            ],
            reply: format!("OK {MINTED}"),
            after: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("works", &"2")])),
                (keys::works(MIA), timeline(&[OLD.0, NEW.0])),
                (keys::video(NEW), video("new", None)),
                (
                    keys::outbox(home()),
                    stream([entry(
                        MINTED,
                        &[("video", &format!("{NEW} {MIA}")), ("title", &"new"), ("object", &"object.mp4")],
                    )]),
                ),
            ],
            ..Case::of(&script::VIDEO_SHOW)
        },
        Case {
            title: "a visible video stays as it is",
            keys: video_keys(OLD),
            arguments: arguments![OLD, MIA, "another title", "another.mp4"],
            before: vec![
                (keys::user(MIA), hash(&[("name", &"mia"), ("works", &"1")])),
                (keys::works(MIA), timeline(&[OLD.0])),
                (keys::video(OLD), video("old", Some(1))),
            ],
            reply: format!("OK {MINTED}"),
            ..Case::of(&script::VIDEO_SHOW)
        },
        Case {
            title: "an unknown author is refused",
            keys: video_keys(NEW),
            arguments: arguments![NEW, MIA, "new", "object.mp4"],
            reply: "NO_USER".into(),
            ..Case::of(&script::VIDEO_SHOW)
        },
    ]
}

fn covers() -> Vec<Case> {
    let keys = || vec![keys::outbox(home()), keys::video(OLD)];
    vec![
        Case {
            title: "a cover is noted",
            keys: keys(),
            arguments: arguments![OLD],
            before: vec![(keys::video(OLD), video("old", Some(0)))],
            reply: format!("OK {MINTED}"),
            after: vec![
                (keys::video(OLD), video("old", Some(1))),
                (keys::outbox(home()), stream([entry(MINTED, &[("cover", &OLD)])])),
            ],
            ..Case::of(&script::VIDEO_COVER)
        },
        Case {
            title: "a cover that was noted is not noted again",
            keys: keys(),
            arguments: arguments![OLD],
            before: vec![(keys::video(OLD), video("old", Some(1)))],
            reply: format!("OK {MINTED}"),
            ..Case::of(&script::VIDEO_COVER)
        },
        Case {
            title: "an unknown video is refused",
            keys: keys(),
            arguments: arguments![OLD],
            reply: "NO_VIDEO".into(),
            ..Case::of(&script::VIDEO_COVER)
        },
    ]
}

fn loading() -> Vec<Case> {
    vec![Case {
        title: "videos of two authors are loaded and counted",
        keys: vec![
            keys::user(MIA),
            keys::video(OLD),
            keys::works(MIA),
            keys::user(NOAH),
            keys::video(NEW),
            keys::works(NOAH),
        ],
        arguments: arguments![OLD, MIA, "old", "object.mp4", "1", NEW, NOAH, "new", "new.mp4", "0"],
        before: vec![(keys::user(MIA), hash(&[("name", &"mia")])), (keys::user(NOAH), hash(&[("name", &"noah")]))],
        after: vec![
            (keys::user(MIA), hash(&[("name", &"mia"), ("works", &"1")])),
            (keys::works(MIA), timeline(&[OLD.0])),
            (keys::video(OLD), video("old", Some(1))),
            (keys::user(NOAH), hash(&[("name", &"noah"), ("works", &"1")])),
            (keys::works(NOAH), timeline(&[NEW.0])),
            (keys::video(NEW), hash(&[("author", &NOAH), ("title", &"new"), ("object", &"new.mp4"), ("cover", &"0")])),
        ],
        ..Case::of(&script::VIDEOS_LOAD)
    }]
}

pub fn cases() -> Vec<Case> {
    [showing(), covers(), loading()].into_iter().flatten().collect()
}
