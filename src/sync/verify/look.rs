//! One look at a batch of subjects: what Redis holds, and what their counts are of.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Client as Session;

use super::expectation;
use super::report::{Difference, differences};
use super::rows::{self, Rows};
use super::subject::Subject;
use crate::archive::verify as archive;
use crate::error::Result;
use crate::id::{UserId, VideoId};
use crate::store::verify::{self as redis, Place, Question};
use crate::store::{Run, keys};

/// Sizes of sets that are asked for at once.
const SIZES: usize = 10_000;
/// Videos of one user that are read at once.
const WORKS_PAGE: usize = 200;

/// What Redis held of a subject.
pub(super) struct Sight {
    pub subject: Subject,
    places: Vec<Place>,
    held: Vec<Option<String>>,
}

/// What came of comparing one.
pub(super) struct Judgement {
    pub subject: Subject,
    pub differences: Vec<Difference>,
    /// Keys among whose members is to be looked for what Postgres does not have.
    pub to_walk: Vec<String>,
    pub settled: bool,
}

/// What Redis holds of the subjects, in one round trip or two; some more for [`Subject::Favorited`].
pub(super) async fn look(run: &Arc<Run>, subjects: Vec<Subject>) -> Result<Vec<Sight>> {
    let places: Vec<Vec<Place>> = subjects.iter().map(Subject::places).collect();
    let held = redis::look(run, &places).await?;
    let sights = subjects.into_iter().zip(places).zip(held);
    let mut sights: Vec<Sight> = sights.map(|((subject, places), held)| Sight { subject, places, held }).collect();
    add_sums(run, &mut sights).await?;
    Ok(sights)
}

/// Adds the sum of the likes of a user's videos. Where the count has moved meanwhile it is taken for right.
async fn add_sums(run: &Arc<Run>, sights: &mut [Sight]) -> Result<()> {
    let mut counting: Vec<(UserId, &mut Sight)> = Vec::new();
    for sight in sights {
        if let Subject::Favorited(user) = sight.subject {
            counting.push((user, sight));
        }
    }
    let users: Vec<UserId> = counting.iter().map(|(user, _)| *user).collect();
    if users.is_empty() {
        return Ok(());
    }
    let mut sums: HashMap<UserId, u64> = HashMap::new();
    let mut pages = Works::of(users);
    while let Some(works) = pages.next(run).await? {
        for works in works.chunks(SIZES) {
            let places: Vec<Vec<Place>> = works.iter().map(|(video, _)| vec![likers_size(*video)]).collect();
            let sizes = redis::look(run, &places).await?.into_iter().flatten();
            for ((_, author), size) in works.iter().zip(sizes) {
                *sums.entry(*author).or_default() += size.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
            }
        }
    }
    let places: Vec<Vec<Place>> = counting.iter().map(|(_, sight)| sight.places.clone()).collect();
    let after = redis::look(run, &places).await?;
    for ((user, sight), after) in counting.iter_mut().zip(after) {
        let sum = Some(sums.get(user).copied().unwrap_or(0).to_string());
        let has_moved = sight.held[..] != after[..];
        sight.held.push(if has_moved { sight.held[0].clone() } else { sum });
    }
    Ok(())
}

fn likers_size(video: VideoId) -> Place {
    Place { key: keys::likers(video), question: Question::SetSize, argument: String::new(), role: "" }
}

/// The videos in the lists of some users, page by page.
struct Works {
    users: Vec<UserId>,
    start: usize,
}

impl Works {
    fn of(users: Vec<UserId>) -> Works {
        Works { users, start: 0 }
    }

    async fn next(&mut self, run: &Arc<Run>) -> Result<Option<Vec<(VideoId, UserId)>>> {
        if self.users.is_empty() {
            return Ok(None);
        }
        let pages = redis::works(run, &self.users, self.start, WORKS_PAGE).await?;
        self.start += WORKS_PAGE;
        let mut works = Vec::new();
        let mut unfinished = Vec::new();
        for (user, page) in self.users.iter().zip(pages) {
            if page.len() == WORKS_PAGE {
                unfinished.push(*user);
            }
            works.extend(page.into_iter().map(|video| (video, *user)));
        }
        self.users = unfinished;
        Ok(Some(works))
    }
}

/// Entries in the lists of some users that are not their videos.
pub(super) async fn stray_works(run: &Arc<Run>, session: &Session, users: Vec<UserId>) -> Result<Vec<Subject>> {
    let mut strays = Vec::new();
    let mut pages = Works::of(users);
    while let Some(works) = pages.next(run).await? {
        let works: Vec<(u64, u64)> = works.iter().map(|(video, author)| (video.0, author.0)).collect();
        let found = archive::strays(session, &works).await?;
        strays.extend(found.into_iter().map(|(id, author)| Subject::Work { id: VideoId(id), author: UserId(author) }));
    }
    Ok(strays)
}

/// Those keys whose owners Postgres does not have.
pub(super) async fn stray_keys(session: &Session, keys: Vec<Subject>) -> Result<Vec<Subject>> {
    let rows = rows::fetch(session, &keys).await?;
    let is_stray = |subject: &Subject| matches!(subject, Subject::Key(key) if !rows.has_owner(key));
    Ok(keys.into_iter().filter(is_stray).collect())
}

/// Compares what was seen with the rows of now. `marks`: see [`expectation::Expectation::is_settled`].
pub(super) async fn compare(session: &Session, sights: Vec<Sight>, marks: &[u64]) -> Result<Vec<Judgement>> {
    let subjects: Vec<Subject> = sights.iter().map(|sight| sight.subject.clone()).collect();
    let rows = rows::fetch(session, &subjects).await?;
    Ok(sights.into_iter().map(|sight| judge(sight, &rows, marks)).collect())
}

fn judge(sight: Sight, rows: &Rows, marks: &[u64]) -> Judgement {
    let Sight { subject, places, held } = sight;
    let expected = expectation::of(&subject, rows, &held);
    let differences = differences(&subject, &places, &held, &expected.wanted);
    let mut to_walk: Vec<String> = expected.to_walk.iter().map(|at| places[*at].key.clone()).collect();
    // Where a member is missing, another may stand in its place, there or among the older ones, and the sizes agree.
    let mut missing = differences.iter().filter(|difference| difference.redis.is_none());
    if missing.any(|difference| Subject::has_members(&difference.key)) {
        to_walk.extend(places.iter().map(|place| place.key.clone()).filter(|key| Subject::has_members(key)));
    }
    Judgement { settled: expected.is_settled(marks), subject, differences, to_walk }
}
