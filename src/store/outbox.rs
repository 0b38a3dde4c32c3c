//! Reading and trimming the outboxes, and what the relay asks of the mirrors.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::admitted::Head;
use super::client::Command;
pub use super::entry::OutboxEntry;
use super::entry::{decode, decode_one, position};
use super::fault::Fault;
use super::keys;
use super::reply::Reply;
use super::run::{Home, Read, Run};
use super::script;
use crate::error::Result;
use crate::id::{Bucket, UserId};
use crate::model::{Change, EdgeChange};

/// Redis answers what comes in one piece in one piece: between two of these others have their turn.
const OUTBOXES_AT_ONCE: usize = 64;

/// Entries behind a position of each bucket, at most `count` of each, in the order of the stream.
pub async fn entries(run: &Arc<Run>, after: &[(Bucket, u64)], count: usize) -> Result<Vec<OutboxEntry>> {
    let mut entries = Vec::new();
    for after in after.chunks(OUTBOXES_AT_ONCE) {
        let mut read = Read::new(run);
        for (bucket, position) in after {
            read.push(*bucket, range(*bucket, *position, count));
        }
        entries.extend(decode(after, &read.send().await?)?);
    }
    Ok(entries)
}

/// The same for buckets that are closed for recovery.
pub async fn closed_entries(run: &Run, after: &[(Bucket, u64)], count: usize) -> Result<Vec<OutboxEntry>> {
    let commands = after.iter().map(|(bucket, position)| (*bucket, range(*bucket, *position, count))).collect();
    let mut replies = Vec::with_capacity(after.len());
    for answer in run.pipeline(commands).await? {
        replies.push(answer?);
    }
    decode(after, &replies)
}

/// How far the buckets are, one for each of [`Bucket::all`]: the highest ids minted, and the positions of the newest
/// entries (0 for none), read in this order.
pub async fn marks(run: &Arc<Run>) -> Result<(Vec<u64>, Vec<u64>)> {
    let mut read = Read::new(run);
    let buckets: Vec<Bucket> = Bucket::all().collect();
    for bucket in &buckets {
        read.push(*bucket, Command::new("GET").arg(keys::head(*bucket)));
    }
    push_newest(&mut read, &buckets);
    let replies = read.send().await?;
    let (heads, newest) = replies.split_at(Bucket::COUNT);
    let last = |head: &Reply| Ok(head.text()?.and_then(Head::parse).map_or(0, |head| head.last));
    Ok((heads.iter().map(last).collect::<Result<_>>()?, decode_newest(&buckets, newest)?))
}

/// The positions of the newest entries of some buckets, 0 for none.
pub async fn newest(run: &Arc<Run>, buckets: &[Bucket]) -> Result<Vec<u64>> {
    let mut read = Read::new(run);
    push_newest(&mut read, buckets);
    decode_newest(buckets, &read.send().await?)
}

fn push_newest(read: &mut Read, buckets: &[Bucket]) {
    for bucket in buckets {
        let newest = Command::new("XREVRANGE").arg(keys::outbox(*bucket)).arg("+").arg("-");
        read.push(*bucket, newest.arg("COUNT").arg("1"));
    }
}

fn decode_newest(buckets: &[Bucket], replies: &[Reply]) -> Result<Vec<u64>> {
    let newest = |(bucket, reply): (&Bucket, &Reply)| match reply.array()?.first() {
        Some(entry) => Ok(decode_one(*bucket, entry)?.position),
        None => Ok(0),
    };
    buckets.iter().zip(replies).map(newest).collect()
}

/// How many entries all outboxes hold.
pub async fn length(run: &Arc<Run>) -> Result<u64> {
    let mut read = Read::new(run);
    for bucket in run.open_buckets() {
        read.push(bucket, Command::new("XLEN").arg(keys::outbox(bucket)));
    }
    read.send().await?.iter().map(Reply::required_number).sum()
}

/// The end of a stream: its last entry, and how many it ever had. Both are 0 while there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stream {
    pub last: u64,
    pub added: u64,
}

/// How the outbox of each of [`Bucket::all`] stands; a bucket that is away has none. No head is looked at: good for a measure, not for a decision.
pub async fn streams(run: &Arc<Run>) -> Result<Vec<Stream>> {
    let info = |bucket| (bucket, Command::new("XINFO").arg("STREAM").arg(keys::outbox(bucket)));
    let present: Vec<Bucket> = Bucket::all().filter(|bucket| run.has(*bucket)).collect();
    let mut streams = vec![Stream::default(); Bucket::COUNT];
    for (bucket, answer) in present.iter().zip(run.pipeline(present.iter().copied().map(info).collect()).await?) {
        streams[bucket.index()] = match answer {
            Ok(reply) => stream(&reply)?,
            Err(Fault::Refused(detail)) if detail.contains("no such key") => Stream::default(),
            Err(fault) => return Err(fault.into()),
        };
    }
    Ok(streams)
}

/// Name, value, name, value…
fn stream(reply: &Reply) -> Result<Stream> {
    let mut stream = Stream::default();
    for pair in reply.array()?.chunks_exact(2) {
        match pair[0].text()?.unwrap_or_default() {
            "last-generated-id" => stream.last = position(&pair[1])?.unwrap_or_default(),
            "entries-added" => stream.added = pair[1].required_number()?,
            _ => {}
        }
    }
    Ok(stream)
}

fn range(bucket: Bucket, after: u64, count: usize) -> Command {
    let range = Command::new("XRANGE").arg(keys::outbox(bucket)).arg(format!("({after}-0")).arg("+");
    range.arg("COUNT").arg(count.to_string())
}

/// An edge as the mirror side of a bucket remembers it, with a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// `favorite:<from>:<to>` or `follow:<from>:<to>`
    pub name: String,
    pub version: u64,
}

impl Remembered {
    pub fn favorite(edge: &EdgeChange, version: u64) -> Remembered {
        Remembered { name: format!("favorite:{}:{}", edge.from, edge.to), version }
    }

    pub fn follow(edge: &EdgeChange, version: u64) -> Remembered {
        Remembered { name: format!("follow:{}:{}", edge.from, edge.to), version }
    }

    /// Where the edge was decided.
    pub fn home(&self) -> Option<Bucket> {
        Some(crate::id::bucket_of(self.name.rsplit_once(':')?.1.parse().ok()?))
    }
}

fn pairs(edges: &[Remembered]) -> impl Iterator<Item = Bytes> {
    edges.iter().flat_map(|edge| [Bytes::from(edge.name.clone()), Bytes::from(edge.version.to_string())])
}

/// Which of these edges (by place) the mirror side of a bucket misses, and an id that it minted.
pub async fn missing_mirrors(run: &Arc<Run>, mirror: Bucket, edges: &[Remembered]) -> Result<(u64, HashSet<usize>)> {
    let home = Home::new(run, mirror);
    let answer = home.call_seeing(&script::MIRROR_CONFIRM, [keys::recent(mirror)], pairs(edges)).await?;
    let missing = (1..).map(|place| answer.value(place)).take_while(|value| **value != Reply::Nil);
    let missing: Result<HashSet<usize>> = missing.map(|place| Ok(place.required_number()? as usize)).collect();
    Ok((answer.value(0).required_number()?, missing?))
}

/// The oldest edges that the mirror sides of some buckets remember from before `before`: at most `count` of each.
pub async fn remembered_before(
    run: &Arc<Run>,
    mirrors: &[Bucket],
    before: u64,
    count: usize,
) -> Result<Vec<(Bucket, Vec<Remembered>)>> {
    let mut read = Read::new(run);
    for bucket in mirrors.iter().copied() {
        let range = Command::new("ZRANGE").arg(keys::recent(bucket)).arg("-inf").arg(format!("({before}"));
        let range = range.arg("BYSCORE").arg("LIMIT").arg("0").arg(count.to_string()).arg("WITHSCORES");
        read.push(bucket, range);
    }
    let replies = read.send().await?;
    let mut remembered = Vec::new();
    for (bucket, reply) in mirrors.iter().zip(&replies) {
        let edges = decode_remembered(reply)?;
        if !edges.is_empty() {
            remembered.push((*bucket, edges));
        }
    }
    Ok(remembered)
}

/// A page of what the mirror side of a bucket remembers, open or closed: `count` from a place on.
pub async fn remembered(run: &Run, mirror: Bucket, from: usize, count: usize) -> Result<Vec<Remembered>> {
    let range = Command::new("ZRANGE").arg(keys::recent(mirror)).arg(from.to_string());
    let range = range.arg((from + count - 1).to_string()).arg("WITHSCORES");
    match run.pipeline(vec![(mirror, range)]).await?.pop() {
        Some(answer) => decode_remembered(&answer?),
        None => Ok(Vec::new()),
    }
}

fn decode_remembered(reply: &Reply) -> Result<Vec<Remembered>> {
    let mut edges = Vec::new();
    for pair in reply.array()?.chunks_exact(2) {
        let name = pair[0].text()?.unwrap_or_default().to_owned();
        edges.push(Remembered { name, version: pair[1].required_number()? });
    }
    Ok(edges)
}

/// The present states of edges at their mirror side, in a bucket that nobody changes them in. Gives them as changes, with
/// the versions of these: that of what is there stands in its order, while what is remembered may be of a later question.
pub async fn mirror_states(run: &Run, mirror: Bucket, edges: &[Remembered]) -> Result<Vec<(Change, u64)>> {
    let parts = |edge: &Remembered| {
        let mut words = edge.name.split(':');
        let kind = words.next()?.to_owned();
        Some((kind, words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?))
    };
    let known: Vec<_> = edges.iter().filter_map(|edge| Some((parts(edge)?, edge.version))).collect();
    let asked = known.iter().flat_map(|((kind, from, to), _)| {
        let user = UserId(*from);
        let (order, older) = match &kind[..] {
            "favorite" => (keys::liked(user), keys::liked_older(user)),
            _ => (keys::followed(user), keys::followed_older(user)),
        };
        let questions = [Command::new("ZSCORE").arg(order), Command::new("SISMEMBER").arg(older)];
        questions.map(|question| (mirror, question.arg(to.to_string())))
    });
    let mut answers = run.pipeline(asked.collect()).await?.into_iter();
    let mut answer = || answers.next().unwrap_or_else(|| Ok(Reply::Nil));
    let mut states = Vec::with_capacity(known.len());
    for ((kind, from, to), remembered) in known {
        let place = answer()?.number()?;
        let is_older = answer()?.required_number()? == 1;
        let on = place.is_some() || is_older;
        let edge = EdgeChange { from, to, on };
        let change = if kind == "favorite" { Change::Favorite(edge) } else { Change::Follow(edge) };
        states.push((change, place.unwrap_or(remembered)));
    }
    Ok(states)
}

/// Forgets edges that are flushed and that their mirror has; gives an id that the bucket minted.
pub async fn forget(run: &Arc<Run>, mirror: Bucket, edges: &[Remembered]) -> Result<u64> {
    let home = Home::new(run, mirror);
    home.call_minting(&script::MIRROR_FORGET, [keys::recent(mirror)], pairs(edges)).await
}

/// Removes entries below a position.
pub async fn trim(run: &Arc<Run>, bucket: Bucket, position: u64) -> Result<()> {
    let arguments = [Bytes::from(position.to_string())];
    let keys = [keys::outbox(bucket), keys::trimmed(bucket)];
    Home::new(run, bucket).call(&script::OUTBOX_TRIM, keys, arguments).await.map(drop)
}

/// Where the outboxes of some buckets begin: entries below these positions may be gone.
pub async fn beginnings(run: &Arc<Run>, buckets: &[Bucket]) -> Result<Vec<u64>> {
    let mut read = Read::new(run);
    for bucket in buckets {
        read.push(*bucket, Command::new("GET").arg(keys::trimmed(*bucket)));
    }
    read.send().await?.iter().map(|reply| Ok(reply.number()?.unwrap_or(0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_edge_knows_its_home() {
        let to = Bucket::new(42).unwrap().id_at(1_000);
        let edge = Remembered::favorite(&EdgeChange { from: 7, to, on: true }, 1);
        assert_eq!(edge.home(), Bucket::new(42));
    }
}
