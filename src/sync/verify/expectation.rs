//! What should stand at the places of a subject.

use super::rows::Rows;
use super::subject::Subject;
use crate::id::{Bucket, bucket_of};
use crate::model::{EdgeRow, MessageRecord};
use crate::store::verify::PRESENT;
use crate::store::{comment, message};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    /// What Postgres says.
    Row(Option<String>),
    /// A count: the size of its own set.
    Size(Option<String>),
    /// Not judged here.
    Anything,
}

/// What the places of a subject should hold, one for each.
#[derive(Default)]
pub(super) struct Expectation {
    pub wanted: Vec<Wanted>,
    /// The changes that it rests on: bucket and version, 0 for a row that Redis may not show yet.
    pub versions: Vec<(Bucket, u64)>,
    /// Which places have another size than Postgres says: what it does not have is to be looked for among the members.
    pub to_walk: Vec<usize>,
}

impl Expectation {
    /// Whether nothing that it rests on has changed after the marks: all of it was in Redis by then.
    pub(super) fn is_settled(&self, marks: &[u64]) -> bool {
        self.versions.iter().all(|(bucket, version)| *version > 0 && *version <= marks[bucket.index()])
    }

    /// Compares sizes from place `first` on.
    fn walk_differing(&mut self, held: &[Option<String>], first: usize, sizes: &[u64]) {
        let differs = |at: &usize| number(&held[*at]) != sizes[*at - first];
        self.to_walk.extend((first..first + sizes.len()).filter(differs));
    }
}

/// By the rows of Postgres and, for counts, by what the places themselves hold.
pub(super) fn of(subject: &Subject, rows: &Rows, held: &[Option<String>]) -> Expectation {
    let mut expected = Expectation::default();
    expected.wanted = match subject {
        Subject::User(id) => {
            let row = rows.users.get(&id.0);
            expected.versions.extend(row.map(|row| (id.bucket(), row.version)));
            // Four counts, whose orders are the four places behind them; of three the older ones stand four further on.
            let works = Wanted::Size(held[5].clone());
            let sizes = [6, 7, 8].map(|order| number(&held[order]) + number(&held[order + OLDER]));
            if let Some(row) = row {
                let wanted = [row.likes, row.follows, row.followers];
                let differing = (6..).zip(sizes.iter().zip(wanted)).filter(|(_, (size, wanted))| **size != *wanted);
                expected.to_walk.extend(differing.flat_map(|(order, _)| [order, order + OLDER]));
                expected.walk_differing(held, Subject::USER_FRIENDS, &[row.friends]);
            }
            let name = Wanted::Row(row.map(|row| row.name.clone()));
            let counts = sizes.map(|size| Wanted::Size(Some(size.to_string())));
            [name, works].into_iter().chain(counts).chain(held[5..].iter().map(|_| Wanted::Anything)).collect()
        }
        // Behind its one place stands the sum.
        Subject::Favorited(_) => vec![Wanted::Size(held[1].clone())],
        Subject::Video { id, author } => match rows.videos.get(&id.0) {
            // What is left of it is found by its keys.
            None => held.iter().map(|_| Wanted::Anything).collect(),
            Some(row) => {
                expected.versions.push((id.bucket(), row.version));
                expected.walk_differing(held, Subject::VIDEO_SETS, &[row.likes, row.comments]);
                let record = &row.record;
                let cover = match (record.cover, held[3].as_deref()) {
                    (true, _) => Wanted::Row(Some("1".to_owned())),
                    (false, Some("0")) => Wanted::Anything,
                    (false, _) => Wanted::Row(None),
                };
                let is_below_floor = id.0 <= number(&held[10]);
                let in_feed = if is_below_floor { Wanted::Anything } else { Wanted::Row(present(true)) };
                let facts = [record.author.to_string(), record.title.clone(), record.object.clone()];
                let mut wanted: Vec<Wanted> = facts.into_iter().map(|fact| Wanted::Row(Some(fact))).collect();
                wanted.push(cover);
                wanted.extend(held[6..8].iter().map(|size| Wanted::Size(size.clone())));
                wanted.extend([Wanted::Anything, Wanted::Anything]);
                wanted.push(Wanted::Row((record.author == *author).then(|| id.to_string())));
                wanted.extend([in_feed, Wanted::Anything]);
                wanted
            }
        },
        Subject::Work { id, author } => {
            let row = rows.videos.get(&id.0).filter(|row| row.record.author == *author);
            vec![Wanted::Row(row.map(|_| id.to_string()))]
        }
        Subject::Fed(id) => vec![Wanted::Row(present(rows.videos.contains_key(&id.0)))],
        Subject::Like { user, video } => {
            let row = rows.favorites.get(&(user.0, video.0));
            expected.versions.extend(row.map(|row| (video.bucket(), row.version)));
            let row = row.filter(|row| row.edge.on);
            let on = present(row.is_some());
            [vec![Wanted::Row(on.clone())], placed(row, on, &held[1..4])].concat()
        }
        Subject::Follow { from, to } => {
            let (row, back) = (rows.follows.get(&(from.0, to.0)), rows.follows.get(&(to.0, from.0)));
            let both = [row, back].into_iter().flatten();
            expected.versions.extend(both.map(|row| (bucket_of(row.edge.to), row.version)));
            let row = row.filter(|row| row.edge.on);
            let on = present(row.is_some());
            let friends = present(row.is_some() && back.is_some_and(|back| back.edge.on));
            let place = row.map(|row| row.version.to_string());
            let (home, mirror) = (placed(row, place, &held[..3]), placed(row, on, &held[3..6]));
            [home, mirror, vec![Wanted::Row(friends)]].concat()
        }
        Subject::Comment { video, id, member } => {
            let row = rows.comments.get(id);
            expected.versions.extend(row.map(|row| (video.bucket(), row.3)));
            let row = row.filter(|(of, record, on, _)| *on && of == video && comment::member(record) == *member);
            vec![Wanted::Row(row.map(|_| id.to_string()))]
        }
        Subject::Message { low, high, id, member } => {
            let row = rows.messages.get(id);
            expected.versions.extend(row.map(|_| (low.bucket(), *id)));
            let is_this = |row: &&MessageRecord| {
                message::pair(row.from, row.to) == (*low, *high) && message::member(row) == *member
            };
            vec![Wanted::Row(row.filter(is_this).map(|row| row.time_ms.to_string()))]
        }
        Subject::Chat { low, high } => {
            let messages = rows.chats.get(&(low.0, high.0)).copied().unwrap_or(0);
            expected.walk_differing(held, 0, &[messages]);
            vec![Wanted::Anything]
        }
        // Of somebody who is there it may go by itself: an emptied set is no key.
        Subject::Key(key) if rows.has_owner(key) => vec![Wanted::Anything],
        Subject::Key(_) => vec![Wanted::Row(None)],
    };
    expected
}

/// How far behind the size of an order of a user stands that of its older ones.
const OLDER: usize = 4;

/// What should stand at three places of an edge that is there: its order, the older ones, and the floor of the order. It was
/// trimmed where the order lacks it and the floor allows that.
fn placed(row: Option<&EdgeRow>, in_order: Option<String>, held: &[Option<String>]) -> Vec<Wanted> {
    let is_trimmed = row.is_some_and(|row| held[0].is_none() && row.version <= number(&held[2]));
    let (order, older) = if is_trimmed { (None, present(true)) } else { (in_order, None) };
    vec![Wanted::Row(order), Wanted::Row(older), Wanted::Anything]
}

fn present(yes: bool) -> Option<String> {
    yes.then(|| PRESENT.to_owned())
}

fn number(held: &Option<String>) -> u64 {
    held.as_ref().and_then(|held| held.parse().ok()).unwrap_or(0)
}
