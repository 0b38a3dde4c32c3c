//! Comments in their video's bucket.

use riffle::id::{UserId, VideoId};
use riffle::store::keys;
use riffle::store::script;

use super::case::{Case, HOME, MINTED, MINTED_NEXT, Repeat, arguments, at, home, twice};
use super::keyspace::{Entry, Value, entry, gone, hash, sorted, stream};
use super::users::{MIA, NOAH};

const VIDEO: VideoId = VideoId(at(HOME, -7, 5));
const ZOE: UserId = UserId(at(200, -6, 31));
const COMMENT: u64 = at(HOME, -5, 17);
const NEWER_COMMENT: u64 = at(HOME, -4, 2);

fn video(comments: u8) -> (String, Value) {
    (keys::video(VIDEO), hash(&[("author", &MIA), ("comments", &comments)]))
}

fn comments(ids: &[u64]) -> (String, Value) {
    let members: Vec<(String, u64)> = ids.iter().map(|id| (format!("{id} {ZOE} hello"), *id)).collect();
    (keys::comments(VIDEO), sorted(&members))
}

fn adding() -> Vec<Case> {
    let entry = |id| -> Entry { entry(id, &[("comment", &format!("{id} {VIDEO} {ZOE}")), ("text", &"hello")]) };
    let case = Case {
        title: "a comment is counted, and every call is one",
        keys: vec![keys::outbox(home()), keys::video(VIDEO), keys::comments(VIDEO)],
        arguments: arguments![VIDEO, ZOE, "hello"],
        before: vec![video(1), comments(&[COMMENT])],
        reply: format!("OK {MINTED}"),
        after: vec![video(2), comments(&[COMMENT, MINTED]), (keys::outbox(home()), stream([entry(MINTED)]))],
        repeat: Repeat::Again(
            format!("OK {MINTED_NEXT}"),
            vec![
                video(3),
                comments(&[COMMENT, MINTED, MINTED_NEXT]),
                (keys::outbox(home()), stream([entry(MINTED), entry(MINTED_NEXT)])),
            ],
        ),
        ..Case::of(&script::COMMENT_ADD)
    };
    let refused = Case {
        title: "an unknown video is refused",
        before: vec![],
        reply: "NO_VIDEO".into(),
        after: vec![],
        repeat: Repeat::ChangesNothing,
        ..case.clone()
    };
    vec![case, refused]
}

fn deleting() -> Vec<Case> {
    let delete = |title, user: UserId| Case {
        title,
        keys: vec![keys::outbox(home()), keys::video(VIDEO), keys::comments(VIDEO)],
        arguments: arguments![VIDEO, COMMENT, user],
        before: vec![video(1), comments(&[COMMENT])],
        reply: format!("OK {MINTED} {COMMENT} {ZOE} hello"),
        after: vec![
            video(0),
            (keys::comments(VIDEO), gone()),
            (keys::outbox(home()), stream([entry(MINTED, &[("uncomment", &COMMENT)])])),
        ],
        repeat: Repeat::Answers("NO_COMMENT".into()),
        ..Case::of(&script::COMMENT_DELETE)
    };
    let refuse = |title, user, before, reply: &str| Case {
        before,
        reply: reply.to_owned(),
        after: vec![],
        repeat: Repeat::ChangesNothing,
        ..delete(title, user)
    };
    vec![
        delete("its author deletes a comment", ZOE),
        delete("the author of the video deletes a comment", MIA),
        refuse("anyone else may not", NOAH, vec![video(1), comments(&[COMMENT])], "NOT_YOURS"),
        refuse("an unknown comment is refused", ZOE, vec![video(1), comments(&[COMMENT + 1])], "NO_COMMENT"),
        refuse("an unknown video is refused", ZOE, vec![], "NO_VIDEO"),
    ]
}

fn loading() -> Vec<Case> {
    let load = |title, [first, second]: [u8; 2], before: &[u64], after: &[u64]| Case {
        title,
        keys: twice([keys::video(VIDEO), keys::comments(VIDEO)]),
        arguments: arguments![
            COMMENT,
            format!("{COMMENT} {ZOE} hello"),
            first,
            NEWER_COMMENT,
            format!("{NEWER_COMMENT} {ZOE} hello"),
            second
        ],
        before: vec![video(before.len() as u8), comments(before)],
        after: vec![video(after.len() as u8), if after.is_empty() { gone_comments() } else { comments(after) }],
        // Counted once for all rows.
        any_type: if before.len() == after.len() { vec![keys::video(VIDEO)] } else { vec![] },
        ..Case::of(&script::COMMENTS_LOAD)
    };
    vec![
        Case {
            before: vec![(keys::video(VIDEO), hash(&[("author", &MIA)]))],
            ..load("comments are loaded and counted", [1, 1], &[], &[COMMENT, NEWER_COMMENT])
        },
        load("a comment that is there is not counted again", [1, 1], &[COMMENT], &[COMMENT, NEWER_COMMENT]),
        load("a comment that was deleted goes", [0, 1], &[COMMENT], &[NEWER_COMMENT]),
        load("the last comments go", [0, 0], &[COMMENT, NEWER_COMMENT], &[]),
        load("a deleted comment that is not there is not counted", [1, 0], &[COMMENT], &[COMMENT]),
    ]
}

fn gone_comments() -> (String, Value) {
    (keys::comments(VIDEO), gone())
}

pub fn cases() -> Vec<Case> {
    [adding(), deleting(), loading()].into_iter().flatten().collect()
}
