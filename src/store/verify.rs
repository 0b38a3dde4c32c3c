//! What `sync/verify.rs` asks of Redis: single facts, sizes, and pages of keys and members. Nothing here changes
//! anything, and no answer is larger than what was asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::client::Command;
use super::keys;
use super::reply::Reply;
use super::run::{Read, Run};
use crate::error::{Error, Result};
use crate::id::{Bucket, UserId, VideoId};

/// What is asked of a key. Each question has one short text as its answer, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// Whether the set has the member.
    Member,
    /// Whether the order has the member.
    Ranked,
    /// Where in the order the member stands.
    Score,
    Field,
    /// A field that counts: 0 where it is absent.
    Count,
    SetSize,
    OrderSize,
    Exists,
    /// The value of a plain key.
    Value,
}

/// One fact that Redis holds, or does not.
#[derive(Debug, Clone)]
pub struct Place {
    pub key: String,
    pub question: Question,
    /// A member or the name of a field; empty where the question needs none.
    pub argument: String,
    /// A word on what it is to the subject: "home end".
    pub role: &'static str,
}

/// The answer where something is there and no more is asked.
pub const PRESENT: &str = "present";

impl Question {
    fn command_name(self) -> &'static str {
        match self {
            Question::Member => "SMISMEMBER",
            Question::Ranked | Question::Score => "ZMSCORE",
            Question::Field | Question::Count => "HMGET",
            Question::SetSize => "SCARD",
            Question::OrderSize => "ZCARD",
            Question::Exists => "EXISTS",
            Question::Value => "GET",
        }
    }

    fn answer(self, reply: &Reply) -> Result<Option<String>> {
        let present = |yes: bool| yes.then(|| PRESENT.to_owned());
        Ok(match self {
            Question::Member | Question::Exists => present(reply.required_number()? == 1),
            Question::Ranked => present(*reply != Reply::Nil),
            Question::Count => Some(reply.text()?.unwrap_or("0").to_owned()),
            Question::SetSize | Question::OrderSize => Some(reply.required_number()?.to_string()),
            Question::Score | Question::Field | Question::Value => reply.text()?.map(str::to_owned),
        })
    }

    fn takes_many(self) -> bool {
        !matches!(self, Question::SetSize | Question::OrderSize | Question::Exists | Question::Value)
    }
}

/// Questions that go in one round trip: all of one kind to one key in one command.
#[derive(Default)]
struct Trip<'a> {
    groups: Vec<Group<'a>>,
    group_of: HashMap<(Cow<'a, str>, Question), usize>,
}

struct Group<'a> {
    bucket: Bucket,
    key: Cow<'a, str>,
    question: Question,
    arguments: Vec<&'a str>,
}

/// Where an answer is among those of a trip: its group, and the place within that.
type Spot = (usize, usize);

impl<'a> Trip<'a> {
    fn ask(&mut self, key: Cow<'a, str>, question: Question, argument: &'a str) -> Result<Spot> {
        // Names and counts of one hash come from one look at it.
        let question = if question == Question::Count { Question::Field } else { question };
        let group = match self.group_of.get(&(Cow::Borrowed(&key), question)) {
            Some(group) => *group,
            None => {
                let bucket = keys::bucket_of(&key).ok_or_else(|| Error::internal(format!("no key: {key}")))?;
                self.group_of.insert((key.clone(), question), self.groups.len());
                self.groups.push(Group { bucket, key, question, arguments: Vec::new() });
                self.groups.len() - 1
            }
        };
        let arguments = &mut self.groups[group].arguments;
        if question.takes_many() {
            arguments.push(argument);
        }
        Ok((group, arguments.len().saturating_sub(1)))
    }

    async fn send(self, run: &Arc<Run>) -> Result<Vec<Reply>> {
        let mut read = Read::new(run);
        for group in &self.groups {
            let texts = std::iter::once(&*group.key).chain(group.arguments.iter().copied());
            read.push(group.bucket, Command::new(group.question.command_name()).texts(texts));
        }
        read.send().await
    }
}

fn answer(place: &Place, replies: &[Reply], (group, within): Spot) -> Result<Option<String>> {
    let reply = replies.get(group).unwrap_or(&Reply::Nil);
    let reply = if place.question.takes_many() { reply.array()?.get(within).unwrap_or(&Reply::Nil) } else { reply };
    place.question.answer(reply)
}

/// One answer for each place of each subject. The places of one subject are read side by side.
///
/// Into how many sub-sets a set is split is asked beside it; the few that are split are asked again.
pub async fn look(run: &Arc<Run>, subjects: &[Vec<Place>]) -> Result<Vec<Vec<Option<String>>>> {
    let mut trip = Trip::default();
    let mut splits: Vec<(usize, usize, Spot)> = Vec::new();
    let mut spots: Vec<Spot> = Vec::new();
    for (subject, places) in subjects.iter().enumerate() {
        for (at, place) in places.iter().enumerate() {
            if let Some((hash, field)) = place.split() {
                splits.push((subject, at, trip.ask(Cow::Owned(hash), Question::Field, field)?));
            }
            spots.push(trip.ask(Cow::Borrowed(&place.key), place.question, &place.argument)?);
        }
    }
    let replies = trip.send(run).await?;
    let mut spots = spots.into_iter();
    let mut answers = Vec::with_capacity(subjects.len());
    for places in subjects {
        let held = places.iter().zip(spots.by_ref()).map(|(place, spot)| answer(place, &replies, spot));
        answers.push(held.collect::<Result<Vec<_>>>()?);
    }

    let mut again: Vec<Again> = Vec::new();
    for (subject, at, (group, within)) in splits {
        let count = replies[group].array()?.get(within).unwrap_or(&Reply::Nil).number()?;
        if let Some(count) = count.filter(|count| *count != 1) {
            again.push(Again { subject, at, count });
        }
    }
    look_into_subsets(run, subjects, again, &mut answers).await?;
    Ok(answers)
}

/// A place of a subject that asks for a set that is split into so many sub-sets.
struct Again {
    subject: usize,
    at: usize,
    count: u64,
}

/// Asks for sets that are split. A size is compared with a count, which is read anew beside it, with all of the subject.
async fn look_into_subsets(
    run: &Arc<Run>,
    subjects: &[Vec<Place>],
    again: Vec<Again>,
    answers: &mut [Vec<Option<String>>],
) -> Result<()> {
    let mut trip = Trip::default();
    let mut spots: Vec<(usize, usize, Vec<Spot>)> = Vec::new();
    for of_subject in again.chunk_by(|one, next| one.subject == next.subject) {
        let subject = of_subject[0].subject;
        let asks_a_size = |again: &Again| subjects[subject][again.at].question == Question::SetSize;
        let all_of_it = of_subject.iter().any(asks_a_size);
        for (at, place) in subjects[subject].iter().enumerate() {
            let count = of_subject.iter().find(|again| again.at == at).map(|again| again.count);
            let keys: Vec<Cow<str>> = match (count, place.question) {
                (None, _) if !all_of_it => continue,
                (None, _) => vec![Cow::Borrowed(&place.key)],
                (Some(count), Question::SetSize) => {
                    (0..count).map(|number| Cow::Owned(keys::numbered_subset(&place.key, number))).collect()
                }
                (Some(count), _) => {
                    let id = place.argument.parse().unwrap_or(0);
                    vec![Cow::Owned(keys::subset(&place.key, count, id))]
                }
            };
            let asked = keys.into_iter().map(|key| trip.ask(key, place.question, &place.argument));
            spots.push((subject, at, asked.collect::<Result<_>>()?));
        }
    }
    let replies = trip.send(run).await?;
    for (subject, at, spots) in spots {
        answers[subject][at] = match &spots[..] {
            [spot] => answer(&subjects[subject][at], &replies, *spot)?,
            _ => {
                let sizes = spots.iter().map(|(group, _)| replies[*group].required_number());
                Some(sizes.sum::<Result<u64>>()?.to_string())
            }
        };
    }
    Ok(())
}

impl Place {
    /// The field that says into how many sub-sets the set is split that is asked for; where it is absent, into one.
    fn split(&self) -> Option<(String, &'static str)> {
        if !matches!(self.question, Question::Member | Question::SetSize) {
            return None;
        }
        match kind_and_owners(&self.key)? {
            ("likers", owners) => Some((keys::video(VideoId(*owners.first()?)), "liker_sets")),
            ("followed_by_older", owners) => Some((keys::user(UserId(*owners.first()?)), "followed_by_sets")),
            _ => None,
        }
    }
}

/// The keys that a set lies in.
pub async fn subsets(run: &Arc<Run>, key: &str) -> Result<Vec<String>> {
    let place = Place { key: key.to_owned(), question: Question::SetSize, argument: String::new(), role: "" };
    let Some((hash, field)) = place.split() else { return Ok(vec![place.key]) };
    let mut read = Read::new(run);
    read.push(keys::bucket_of(key).unwrap_or(Bucket::FEED), Command::new("HGET").arg(hash).arg(field));
    let count = read.send().await?.first().unwrap_or(&Reply::Nil).number()?.unwrap_or(1);
    Ok((0..count).map(|number| keys::numbered_subset(key, number)).collect())
}

/// Pages of each user's videos, by place in his list from `start`: at most `count` of each.
pub async fn works(run: &Arc<Run>, users: &[UserId], start: usize, count: usize) -> Result<Vec<Vec<VideoId>>> {
    let mut read = Read::new(run);
    for user in users {
        let range = Command::new("ZRANGE").arg(keys::works(*user)).arg(start.to_string());
        read.push(user.bucket(), range.arg((start + count - 1).to_string()));
    }
    let pages = read.send().await?;
    pages.iter().map(|page| Ok(page.numbers()?.into_iter().map(VideoId).collect())).collect()
}

/// The floor of the feed (0 for none), how many entries stand at or below it, and how many there are.
pub async fn feed(run: &Arc<Run>) -> Result<(u64, u64, u64)> {
    let mut read = Read::new(run);
    read.push(Bucket::FEED, Command::new("GET").arg(keys::feed_floor()));
    let floor = read.send().await?.first().unwrap_or(&Reply::Nil).number()?.unwrap_or(0);
    // The floor only rises, and what is below it goes first.
    let mut read = Read::new(run);
    let below = Command::new("ZCOUNT").arg(keys::feed()).arg("-inf").arg(floor.to_string());
    read.push(Bucket::FEED, below);
    read.push(Bucket::FEED, Command::new("ZCARD").arg(keys::feed()));
    match &read.send().await?[..] {
        [below, size] => Ok((floor, below.required_number()?, size.required_number()?)),
        _ => Err(Error::internal("Redis answered too little")),
    }
}

/// How many keys Redis holds.
pub async fn key_count(run: &Arc<Run>) -> Result<u64> {
    let mut count = 0;
    for client in run.clients() {
        count += client.call(Command::new("DBSIZE")).await?.required_number()?;
    }
    Ok(count)
}

/// What kind of key it is, and whose: the ids in its name, without the number of a sub-set.
pub fn kind_and_owners(key: &str) -> Option<(&str, Vec<u64>)> {
    keys::bucket_of(key)?;
    let (kind, rest) = key.split_once(":{")?;
    let (_, ids) = rest.split_once('}')?;
    let owners_max = if kind == "chat" { 2 } else { 1 };
    Some((kind, ids.split(':').filter_map(|id| id.parse().ok()).take(owners_max).collect()))
}

/// Whether a key of this kind, if it is of a user or a video, is of a video.
pub fn is_of_video(kind: &str) -> bool {
    matches!(kind, "video" | "likers" | "comments")
}

/// The type that Redis should name for a key of ours.
fn type_of(kind: &str) -> &'static str {
    match kind {
        "head" | "riffle" | "trimmed" | "latest_floor" | "latest_inserts" => "string",
        "outbox" => "stream",
        "user" | "video" => "hash",
        "likers" | "liked_older" | "followed_older" | "followed_by_older" | "long" => "set",
        _ => "zset",
    }
}

/// Keys of ours whose type is another than it should be: their names and the types they have.
pub async fn wrong_types(run: &Arc<Run>, names: &[String]) -> Result<Vec<(String, String)>> {
    let mut read = Read::new(run);
    let ours = names.iter().filter_map(|key| Some((key, keys::bucket_of(key)?, kind_and_owners(key)?.0)));
    let ours: Vec<_> = ours.collect();
    for (key, bucket, _) in &ours {
        read.push(*bucket, Command::new("TYPE").arg((*key).clone()));
    }
    let replies = read.send().await?;
    let mut wrong = Vec::new();
    for ((key, _, kind), reply) in ours.iter().zip(&replies) {
        // A key may be gone since.
        let found = reply.text()?.unwrap_or_default();
        if found != type_of(kind) && found != "none" {
            wrong.push(((*key).clone(), found.to_owned()));
        }
    }
    Ok(wrong)
}

/// One page of a scan, and where the next begins; none after the last. An entry may come more than once.
pub struct Page {
    pub entries: Vec<String>,
    pub next: Option<String>,
}

/// Where a scan of keys begins: place of the node, cursor.
pub const KEYS_BEGIN: &str = "0 0";

/// Some of the keys of Redis, foreign ones included, node by node.
pub async fn scan_keys(run: &Arc<Run>, from: &str, count: usize) -> Result<Page> {
    let (place, cursor) = from.split_once(' ').unwrap_or(("0", "0"));
    let place: usize = place.parse().unwrap_or(0);
    let Some(client) = run.clients().nth(place) else { return Ok(Page { entries: Vec::new(), next: None }) };
    let scan = Command::new("SCAN").arg(cursor.to_owned()).arg("COUNT").arg(count.to_string());
    let mut page = page(&client.call(scan).await?, 1)?;
    page.next = match page.next {
        Some(cursor) => Some(format!("{place} {cursor}")),
        None => run.clients().nth(place + 1).map(|_| format!("{} 0", place + 1)),
    };
    Ok(page)
}

/// Some of the members of a set or an order.
pub async fn scan_members(run: &Arc<Run>, key: &str, cursor: &str, count: usize) -> Result<Page> {
    let is_set = kind_and_owners(key).is_some_and(|(kind, _)| type_of(kind) == "set");
    let scan = Command::new(if is_set { "SSCAN" } else { "ZSCAN" }).arg(key.to_owned()).arg(cursor.to_owned());
    let mut read = Read::new(run);
    read.push(keys::bucket_of(key).unwrap_or(Bucket::FEED), scan.arg("COUNT").arg(count.to_string()));
    page(read.send().await?.first().unwrap_or(&Reply::Nil), if is_set { 1 } else { 2 })
}

/// `step`: 2 where each entry is followed by its score.
fn page(reply: &Reply, step: usize) -> Result<Page> {
    let [next, found] = reply.array()? else { return Err(Error::internal("a scan answered something else")) };
    let text = |reply: &Reply| String::from_utf8_lossy(reply.bytes().map_or(&[], |bytes| &bytes[..])).into_owned();
    let next = Some(text(next)).filter(|next| next != "0" && !next.is_empty());
    Ok(Page { entries: found.array()?.iter().step_by(step).map(text).collect(), next })
}
