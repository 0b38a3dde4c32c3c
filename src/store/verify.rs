//! What `sync/verify.rs` asks of Redis: single facts, sizes, and pages of keys and members. Nothing here changes
//! anything, and no answer is larger than what was asked for.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

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
    /// Of several arguments at once, where Redis can.
    fn command(self, key: &str, arguments: &[&str]) -> Command {
        let name = match self {
            Question::Member => "SMISMEMBER",
            Question::Ranked | Question::Score => "ZMSCORE",
            Question::Field | Question::Count => "HMGET",
            Question::SetSize => "SCARD",
            Question::OrderSize => "ZCARD",
            Question::Exists => "EXISTS",
            Question::Value => "GET",
        };
        let arguments = arguments.iter().filter(|argument| !argument.is_empty());
        Command::new(name).arg(key.to_owned()).args(arguments.map(|argument| Bytes::from(argument.to_string())))
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

/// One answer for each place. The places of one subject, given side by side, are read side by side.
pub async fn look(run: &Arc<Run>, places: &[&Place]) -> Result<Vec<Option<String>>> {
    let counts = subset_counts(run, places).await?;
    let mut asked: Vec<(usize, Place)> = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let count = counts.get(&place.key[..]).copied().unwrap_or(1);
        if count == 1 {
            asked.push((at, (*place).clone()));
        } else if place.question == Question::SetSize {
            let subsets = (0..count).map(|number| keys::numbered_subset(&place.key, number));
            asked.extend(subsets.map(|key| (at, Place { key, ..(*place).clone() })));
        } else {
            let id = place.argument.parse().unwrap_or(0);
            asked.push((at, Place { key: keys::subset(&place.key, count, id), ..(*place).clone() }));
        }
    }
    let found = look_once(run, &asked.iter().map(|(_, place)| place).collect::<Vec<_>>()).await?;
    let mut answers: Vec<Option<String>> = vec![None; places.len()];
    for ((at, place), found) in asked.into_iter().zip(found) {
        let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        answers[at] = match (place.question, &answers[at]) {
            (Question::SetSize, Some(_)) => Some((number(&answers[at]) + number(&found)).to_string()),
            _ => found,
        };
    }
    Ok(answers)
}

/// Into how many sub-sets the sets are split that are asked for; absent: one.
async fn subset_counts<'a>(run: &Arc<Run>, places: &[&'a Place]) -> Result<HashMap<&'a str, u64>> {
    let asks_a_set = |place: &&&Place| matches!(place.question, Question::Member | Question::SetSize);
    let mut hashes: Vec<(&str, String, &str)> = Vec::new();
    for place in places.iter().filter(asks_a_set) {
        match kind_and_owners(&place.key) {
            Some(("likers", owners)) if owners.len() == 1 => {
                hashes.push((&place.key, keys::video(VideoId(owners[0])), "liker_sets"))
            }
            Some(("followers", owners)) if owners.len() == 1 => {
                hashes.push((&place.key, keys::user(UserId(owners[0])), "follower_sets"))
            }
            _ => {}
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    let mut read = Read::new(run);
    for (set, hash, field) in &hashes {
        read.push(keys::bucket_of(set).unwrap_or(Bucket::FEED), Command::new("HGET").arg(hash.clone()).arg(*field));
    }
    let mut counts = HashMap::new();
    for ((set, ..), reply) in hashes.iter().zip(read.send().await?) {
        counts.extend(reply.number()?.map(|count| (*set, count)));
    }
    Ok(counts)
}

/// The keys that a set lies in.
pub async fn subsets(run: &Arc<Run>, key: &str) -> Result<Vec<String>> {
    let place = Place { key: key.to_owned(), question: Question::SetSize, argument: String::new(), role: "" };
    let count = subset_counts(run, &[&place]).await?.get(key).copied().unwrap_or(1);
    Ok((0..count).map(|number| keys::numbered_subset(key, number)).collect())
}

/// One answer for each place, in one round trip.
async fn look_once(run: &Arc<Run>, places: &[&Place]) -> Result<Vec<Option<String>>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: HashMap<(&str, Question), usize> = HashMap::new();
    for (at, place) in places.iter().enumerate() {
        // Names and counts of one hash come from one look at it.
        let question = if place.question == Question::Count { Question::Field } else { place.question };
        let group = *group_of.entry((&place.key, question)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(at);
    }
    let mut read = Read::new(run);
    for group in &groups {
        let first = places[group[0]];
        let bucket = keys::bucket_of(&first.key).ok_or_else(|| Error::internal(format!("no key: {}", first.key)))?;
        let arguments: Vec<&str> = group.iter().map(|at| places[*at].argument.as_str()).collect();
        read.push(bucket, first.question.command(&first.key, &arguments));
    }
    let replies = read.send().await?;
    let mut answers = vec![None; places.len()];
    for (group, reply) in groups.iter().zip(&replies) {
        for (within, at) in group.iter().enumerate() {
            let place = places[*at];
            let reply = if place.question.takes_many() { reply.array()?.get(within) } else { Some(reply) };
            answers[*at] = place.question.answer(reply.unwrap_or(&Reply::Nil))?;
        }
    }
    Ok(answers)
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

/// The type that Redis should name for a key of ours.
fn type_of(kind: &str) -> &'static str {
    match kind {
        "head" | "riffle" | "trimmed" | "latest_floor" => "string",
        "outbox" => "stream",
        "user" | "video" => "hash",
        "likers" | "likes" | "followers" | "follows" | "long" => "set",
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
