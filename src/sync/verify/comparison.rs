//! The passes over rows and keys, and the judging of what they suspect.

use std::collections::HashSet;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, TryStreamExt, stream};
use serde::Serialize;
use tokio_postgres::Client as Session;

use super::json;
use super::look::{Judgement, compare, look, stray_keys, stray_works};
use super::report::Difference;
use super::subject::Subject;
use crate::archive::{load, verify as archive};
use crate::error::{Error, Result};
use crate::id::{Bucket, UserId, VideoId};
use crate::progress::{Progress, progress};
use crate::store::verify as redis;
use crate::store::{Run, keys};
use crate::sync::flush;

/// Subjects in one look.
const BATCH: usize = 1_000;
/// Looks under way at once.
const CONCURRENCY: usize = 4;
/// Suspects that are judged together, and keys that wait to be walked.
const WAITING_MAX: usize = 1_000;
/// How often a suspect is looked at before it is named.
const LOOKS: usize = 4;
/// Entries of one page of a scan.
const SCAN_PAGE: usize = 1_000;
/// What is remembered of what was named or walked; beyond it something may be named twice.
const REMEMBERED_MAX: usize = 100_000;
/// The longest wait for the outbox to pass a mark.
const WRITTEN_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Counts {
    pub compared: u64,
    pub differences: u64,
    /// What had changed at every look.
    pub changing: u64,
}

pub(super) struct Comparison {
    run: Arc<Run>,
    /// For first looks.
    session: Arc<Session>,
    /// For judging and walking, which do not wait behind looks under way.
    judging: Arc<Session>,
    json: bool,
    counts: Counts,
    suspects: Vec<Subject>,
    /// Keys whose members are to be looked up in Postgres.
    to_walk: Vec<String>,
    named: HashSet<Subject>,
    walked: HashSet<String>,
}

impl Comparison {
    pub(super) fn new(run: Arc<Run>, [looking, judging]: [Session; 2], json: bool) -> Comparison {
        Comparison {
            run,
            session: Arc::new(looking),
            judging: Arc::new(judging),
            json,
            counts: Counts::default(),
            suspects: Vec::new(),
            to_walk: Vec::new(),
            named: HashSet::new(),
            walked: HashSet::new(),
        }
    }

    /// `rows`: a session for the streams of rows.
    pub(super) async fn all(mut self, rows: &Session) -> Result<Counts> {
        if self.keys().await? {
            self.rows(rows).await?;
            self.feed().await?;
            // Together, as each waits for the outbox.
            let progress = progress("suspects", self.suspects.len());
            progress.inc(self.suspects.len() as u64);
            self.settle(&progress).await?;
            progress.done();
        }
        Ok(self.counts)
    }

    /// Keys of users and videos that Postgres does not have, chats of another length, and keys that are not of the types
    /// they should be. Whether there are none of these: no command can read one, so nothing else is compared then.
    async fn keys(&mut self) -> Result<bool> {
        let progress = progress("keys", redis::key_count(&self.run).await? as usize);
        let (run, session) = (self.run.clone(), self.session.clone());
        let pages = stream::try_unfold(Some(redis::KEYS_BEGIN.to_owned()), |cursor| async {
            let Some(cursor) = cursor else { return Ok(None) };
            let page = redis::scan_keys(&run, &cursor, SCAN_PAGE).await?;
            Ok::<_, Error>(Some((page.entries, page.next)))
        });
        let looks = pages.map_ok(|names| apart(suspect_keys(run.clone(), session.clone(), names)));
        let mut looks = pin!(looks.try_buffered(CONCURRENCY));
        let mut are_right = true;
        while let Some((wrong, suspicion)) = looks.try_next().await? {
            for (key, found) in wrong {
                are_right = false;
                let line = format!("key {key}: it is a {found}, which riffle never makes of it; nothing can read it");
                self.print(&progress, &Difference::of_key(key, found, line))?;
            }
            self.take(suspicion, &progress).await?;
        }
        progress.done();
        Ok(are_right)
    }

    async fn rows(&mut self, rows: &Session) -> Result<()> {
        let totals = archive::totals(rows).await?;
        let everything = &load::Selection::everything();
        let users = load::users(rows, everything).await?;
        let users = users.map_ok(|(id, _)| stream::iter([Subject::User(id), Subject::Favorited(id)].map(Ok)));
        self.pass("users", totals.users * 2, users.try_flatten()).await?;
        let videos =
            load::videos(rows, everything).await?.map_ok(|video| Subject::Video { id: video.id, author: video.author });
        self.pass("videos", totals.videos, videos).await?;
        let likes = load::favorite_mirrors(rows, everything).await?;
        let likes = likes.map_ok(|row| Subject::Like { user: UserId(row.edge.from), video: VideoId(row.edge.to) });
        self.pass("likes", totals.likes, likes).await?;
        let follows = load::follows(rows, everything).await?;
        let follows = follows.map_ok(|row| Subject::Follow { from: UserId(row.edge.from), to: UserId(row.edge.to) });
        self.pass("follows", totals.follows, follows).await?;
        let comments =
            load::comments(rows, everything).await?.map_ok(|(video, record, _)| Subject::comment(video, &record));
        self.pass("comments", totals.comments, comments).await?;
        let messages = load::messages(rows, everything).await?.map_ok(|record| Subject::message(&record));
        self.pass("messages", totals.messages, messages).await
    }

    /// What the feed has and Postgres has not; the other direction came with the videos.
    async fn feed(&mut self) -> Result<()> {
        let (floor, below, size) = redis::feed(&self.run).await?;
        let progress = progress("feed", size as usize);
        let key = keys::feed_floor();
        if floor > 0 && size == 0 {
            let line = format!("feed: {key} is {floor}, but the feed is empty: nothing can have been trimmed from it");
            self.print(&progress, &Difference::of_key(key, floor.to_string(), line))?;
        } else if floor > 0 && below > 0 {
            let line = format!("feed: {below} videos stand at or below {key}, which is {floor}");
            self.print(&progress, &Difference::of_key(key, floor.to_string(), line))?;
        }
        self.to_walk.push(keys::feed());
        progress.inc(size);
        progress.done();
        Ok(())
    }

    /// Looks at all subjects of a stream. What is suspected is judged when there is much of it.
    async fn pass(
        &mut self,
        what: &'static str,
        total: u64,
        subjects: impl Stream<Item = Result<Subject>>,
    ) -> Result<()> {
        let progress = progress(what, total as usize);
        let (run, session) = (self.run.clone(), self.session.clone());
        let looks = subjects
            .try_chunks(BATCH)
            .map_err(|stopped| stopped.1)
            .map_ok(|subjects| apart(suspect(run.clone(), session.clone(), subjects)))
            .try_buffered(CONCURRENCY);
        let mut looks = pin!(looks);
        while let Some(suspicion) = looks.try_next().await? {
            self.take(suspicion, &progress).await?;
        }
        progress.done();
        Ok(())
    }

    async fn take(&mut self, suspicion: Suspicion, progress: &Progress) -> Result<()> {
        progress.inc(suspicion.compared);
        self.suspects.extend(suspicion.suspects);
        self.to_walk.extend(suspicion.to_walk);
        self.counts.compared += suspicion.compared;
        if self.suspects.len().max(self.to_walk.len()) >= WAITING_MAX {
            self.settle(progress).await?;
        }
        Ok(())
    }

    /// Judges all that is suspected, and walks all that is to be walked, until nothing is left.
    async fn settle(&mut self, progress: &Progress) -> Result<()> {
        loop {
            if !self.suspects.is_empty() {
                let suspects = std::mem::take(&mut self.suspects);
                self.judge(suspects, progress).await?;
            } else if let Some(key) = self.to_walk.pop() {
                if remember(&mut self.walked, key.clone()) {
                    self.walk(&key, progress).await?;
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Looks up every member of a set or an order in Postgres.
    async fn walk(&mut self, key: &str, progress: &Progress) -> Result<()> {
        for key in redis::subsets(&self.run, key).await? {
            let mut cursor = Some("0".to_owned());
            while let Some(from) = cursor {
                let page = redis::scan_members(&self.run, &key, &from, SCAN_PAGE).await?;
                let subjects = page.entries.into_iter().filter_map(|member| Subject::of_member(&key, member)).collect();
                let suspicion = suspect(self.run.clone(), self.judging.clone(), subjects).await?;
                self.counts.compared += suspicion.compared;
                self.judge(suspicion.suspects, progress).await?;
                cursor = page.next;
            }
        }
        Ok(())
    }

    /// See the module's text for the order of steps.
    async fn judge(&mut self, suspects: Vec<Subject>, progress: &Progress) -> Result<()> {
        let mut suspects: Vec<Subject> = suspects.into_iter().filter(|one| !self.named.contains(one)).collect();
        suspects.sort_unstable();
        suspects.dedup();
        if suspects.is_empty() {
            return Ok(());
        }
        let mut marks = self.marks().await?;
        let mut differing: Vec<Judgement> = Vec::new();
        let mut at_rest_before = HashSet::new();
        for _ in 0..LOOKS {
            at_rest_before = differing.drain(..).filter(|one| one.settled).map(|one| one.subject).collect();
            let sights = look(&self.run, suspects).await?;
            let next = self.marks().await?;
            differing = compare(&self.judging, sights, &marks).await?;
            differing.retain(|judgement| !judgement.differences.is_empty());
            if differing.is_empty() {
                return Ok(());
            }
            suspects = differing.iter().map(|judgement| judgement.subject.clone()).collect();
            marks = next;
        }
        // At rest and different at two looks in a row: what stood still for one of them may have been on its way.
        differing.into_iter().try_for_each(|mut judgement| {
            judgement.settled &= at_rest_before.contains(&judgement.subject);
            self.name(judgement, progress)
        })
    }

    fn name(&mut self, judgement: Judgement, progress: &Progress) -> Result<()> {
        if !judgement.settled {
            self.counts.changing += 1;
            return Ok(());
        }
        self.to_walk.extend(judgement.to_walk);
        if remember(&mut self.named, judgement.subject) {
            for difference in judgement.differences {
                self.print(progress, &difference)?;
            }
        }
        Ok(())
    }

    fn print(&mut self, progress: &Progress, difference: &Difference) -> Result<()> {
        self.counts.differences += 1;
        let line = if self.json { json(difference)? } else { difference.line.clone() };
        progress.say(&line);
        Ok(())
    }

    /// The ids up to which Redis and Postgres have all that was decided.
    async fn marks(&self) -> Result<Vec<u64>> {
        let written = flush::wait_until_written(&self.run, &self.judging);
        match tokio::time::timeout(WRITTEN_MAX, written).await {
            Ok(marks) => marks,
            Err(_) => {
                Err(Error::unavailable("what was decided in Redis does not get to Postgres: see the server's log"))
            }
        }
    }
}

/// What one look found to be judged.
struct Suspicion {
    compared: u64,
    suspects: Vec<Subject>,
    to_walk: Vec<String>,
}

async fn suspect(run: Arc<Run>, session: Arc<Session>, subjects: Vec<Subject>) -> Result<Suspicion> {
    let compared = subjects.len() as u64;
    let users = subjects.iter().filter_map(|subject| match subject {
        Subject::Favorited(user) => Some(*user),
        _ => None,
    });
    let mut suspects = stray_works(&run, &session, users.collect()).await?;
    let mut to_walk = Vec::new();
    let no_marks = [0; Bucket::COUNT];
    for judgement in compare(&session, look(&run, subjects).await?, &no_marks).await? {
        to_walk.extend(judgement.to_walk);
        if !judgement.differences.is_empty() {
            suspects.push(judgement.subject);
        }
    }
    Ok(Suspicion { compared, suspects, to_walk })
}

/// First looks at some keys: those of wrong types with the types they have, and what is to be judged of the others.
async fn suspect_keys(
    run: Arc<Run>,
    session: Arc<Session>,
    names: Vec<String>,
) -> Result<(Vec<(String, String)>, Suspicion)> {
    let wrong = redis::wrong_types(&run, &names).await?;
    let is_right = |name: &String| wrong.iter().all(|(key, _)| key != name);
    let subjects = names.into_iter().filter(is_right).filter_map(Subject::of_key);
    // They were there a moment ago, so only Postgres is to be asked.
    let (keys, chats): (Vec<Subject>, Vec<Subject>) = subjects.partition(|one| matches!(one, Subject::Key(_)));
    let compared = keys.len() as u64;
    let strays = stray_keys(&session, keys).await?;
    let mut suspicion = suspect(run, session, chats).await?;
    suspicion.compared += compared;
    suspicion.suspects.extend(strays);
    Ok((wrong, suspicion))
}

/// On any thread, and under way while nobody asks for it.
async fn apart<T: Send + 'static>(look: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(look).await.map_err(Error::internal)?
}

/// Whether it is new.
fn remember<T: Eq + Hash>(known: &mut HashSet<T>, one: T) -> bool {
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    known.insert(one)
}
