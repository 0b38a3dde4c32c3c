//! What admission and recovery (`sync/admission.rs`, `sync/recovery.rs`) read and write in Redis: everything here
//! speaks to a connection that is not admitted yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::admitted::Head;
use super::client::{Client, Command};
use super::keys;
use super::reply::Reply;
use super::run::{Home, Run};
use super::script;
use crate::error::{Error, Result};
use crate::id::{Bucket, UserId, VideoId};
use crate::model::Scope;

/// What a Redis looks like before anything is believed of it.
pub struct Inspection {
    /// The present life of the process, and of its data: a replica that takes over goes on with a new one.
    pub run_id: String,
    /// The installations that its buckets say they belong to: one, unless something is wrong.
    pub installations: BTreeSet<String>,
    /// The layouts that its keys say they have ([`keys::LAYOUT`]): one, unless a recovery was cut off.
    pub layouts: BTreeSet<u32>,
    /// Keys beside heads and marks.
    pub has_data: bool,
    /// What of its own settings would lose data, and the fix.
    pub danger: Option<String>,
    /// One for each of the node's buckets; `None` where absent or unreadable.
    pub heads: Vec<Option<Head>>,
    /// Entries of their outboxes below these positions may be gone.
    pub beginnings: Vec<u64>,
}

/// `buckets`: those that the node has.
pub async fn inspect(client: &Client, buckets: &[Bucket]) -> Result<Inspection> {
    let mut commands: Vec<Command> =
        ["server", "memory", "persistence", "replication"].map(|section| Command::new("INFO").arg(section)).into();
    commands.push(Command::new("DBSIZE"));
    commands.extend(buckets.iter().map(|bucket| Command::new("GET").arg(keys::head(*bucket))));
    commands.extend(buckets.iter().map(|bucket| Command::new("GET").arg(keys::installation(*bucket))));
    commands.extend(buckets.iter().map(|bucket| Command::new("GET").arg(keys::trimmed(*bucket))));
    let mut replies = Vec::with_capacity(commands.len());
    for answer in client.pipeline(commands).await {
        replies.push(answer?);
    }
    let [server, memory, persistence, replication, count, of_buckets @ ..] = &replies[..] else {
        return Err(Error::internal("Redis answered too little"));
    };
    if of_buckets.len() != buckets.len() * 3 {
        return Err(Error::internal("Redis answered too little"));
    }
    let (found, rest) = of_buckets.split_at(buckets.len());
    let (marks, beginnings) = rest.split_at(buckets.len());
    let ours = of_buckets.iter().filter(|reply| **reply != Reply::Nil).count() as u64;
    let (mut installations, mut layouts) = (BTreeSet::new(), BTreeSet::new());
    for mark in marks {
        let Some(mark) = mark.text()? else { continue };
        let (name, layout) = mark.split_once(' ').unwrap_or((mark, "1"));
        installations.insert(name.to_owned());
        layouts.insert(layout.parse().map_err(Error::internal)?);
    }
    Ok(Inspection {
        run_id: format!("{} {}", line(server, "run_id")?, line(replication, "master_replid")?),
        installations,
        layouts,
        has_data: count.required_number()? > ours,
        danger: danger(line(memory, "maxmemory_policy")?, line(persistence, "aof_enabled")?),
        heads: parsed(found)?,
        beginnings: beginnings.iter().map(|reply| Ok(reply.number()?.unwrap_or(0))).collect::<Result<_>>()?,
    })
}

/// The heads of some buckets of a node.
pub async fn heads(client: &Client, buckets: &[Bucket]) -> Result<Vec<Option<Head>>> {
    if buckets.is_empty() {
        return Ok(Vec::new());
    }
    let commands = buckets.iter().map(|bucket| Command::new("GET").arg(keys::head(*bucket))).collect();
    let mut replies = Vec::with_capacity(buckets.len());
    for answer in client.pipeline(commands).await {
        replies.push(answer?);
    }
    parsed(&replies)
}

fn parsed(heads: &[Reply]) -> Result<Vec<Option<Head>>> {
    heads.iter().map(|head| Ok(head.text()?.and_then(Head::parse))).collect()
}

/// What a section of INFO says of `name`; empty: nothing.
fn line<'a>(section: &'a Reply, name: &str) -> Result<&'a str> {
    let lines = section.text()?.unwrap_or_default().lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(values.next().unwrap_or_default().trim())
}

/// From INFO, not CONFIG: that is an administrator's.
fn danger(maxmemory_policy: &str, aof_enabled: &str) -> Option<String> {
    let mut dangers = Vec::new();
    if maxmemory_policy != "noeviction" {
        dangers.push(format!(
            "maxmemory-policy is {maxmemory_policy:?}, so a full Redis throws facts away: set it to noeviction"
        ));
    }
    if aof_enabled != "1" {
        dangers.push(
            "appendonly is off, so a Redis that ends takes along what Postgres does not have yet: set it to yes".into(),
        );
    }
    (!dangers.is_empty()).then(|| dangers.join("; "))
}

/// Has Redis write its file anew, in the background. A file that ends in the middle of a script's writes loses these
/// when it is loaded, but not from the file: at the next start a half of them would come back.
pub async fn rewrite_file(client: &Client) -> Result<()> {
    client.call(Command::new("BGREWRITEAOF")).await?;
    Ok(())
}

/// Closes a bucket, and marks it as one of `installation` with the present layout; gives its former head.
pub async fn close(client: &Client, bucket: Bucket, epoch: u64, installation: &str) -> Result<Option<Head>> {
    let mark = format!("{installation} {}", keys::LAYOUT);
    let arguments = [epoch.to_string(), bucket.id_at(0).to_string(), mark].map(Bytes::from);
    let command = script::BUCKET_CLOSE.command(&[keys::head(bucket), keys::installation(bucket)], &arguments);
    let reply = client.call(command).await?;
    match reply.array()? {
        [word, former] if word.text()? == Some("OK") => Ok(former.text()?.and_then(Head::parse)),
        _ => Err(Error::unavailable("another recovery is ahead in Redis")),
    }
}

/// A key that is not riffle's, if there is one.
pub async fn foreign_key(client: &Client) -> Result<Option<String>> {
    let mut cursor = Some(START);
    while let Some(from) = cursor {
        let (keys, next) = scan(client, from).await?;
        if let Some(foreign) = keys.into_iter().find(|key| keys::bucket_of(key).is_none()) {
            return Ok(Some(foreign));
        }
        cursor = next;
    }
    Ok(None)
}

/// Removes all keys of a Redis, whosever they are.
pub async fn empty(client: &Client) -> Result<()> {
    client.call(Command::new("FLUSHALL").arg("ASYNC")).await?;
    Ok(())
}

/// Removes all that a load writes anew from closed buckets, by looking through all keys. Gives how many are gone.
pub async fn clear(run: &Arc<Run>, client: &Client, buckets: &BTreeSet<Bucket>) -> Result<u64> {
    let mut doomed: BTreeMap<Bucket, Vec<String>> = BTreeMap::new();
    let mut waiting = 0;
    let mut removed = 0;
    let mut cursor = Some(START);
    while let Some(from) = cursor {
        let (keys, next) = scan(client, from).await?;
        for key in keys {
            let stays = key.starts_with("head:") || key.starts_with("riffle:");
            let Some(bucket) = keys::bucket_of(&key).filter(|bucket| !stays && buckets.contains(bucket)) else {
                continue;
            };
            waiting += 1;
            doomed.entry(bucket).or_default().push(key);
        }
        cursor = next;
        // Many keys of one bucket in one call, and few in memory.
        if waiting > CLEAR_AT || cursor.is_none() {
            waiting = 0;
            for (bucket, keys) in std::mem::take(&mut doomed) {
                removed += keys.len() as u64;
                Home::new(run, bucket).clear(&keys).await?;
            }
        }
    }
    Ok(removed)
}

const START: Bytes = Bytes::from_static(b"0");
const CLEAR_AT: usize = 50_000;
const CLEAR_BATCH: usize = 1_000;

impl Home {
    /// Removes keys of this bucket, which is closed.
    async fn clear(&self, keys: &[String]) -> Result<()> {
        for keys in keys.chunks(CLEAR_BATCH) {
            self.call(&script::BUCKET_CLEAR, keys.iter().cloned(), []).await?;
        }
        Ok(())
    }

    /// Removes what users have of these scopes; of what they are not loaded with, only the counts.
    pub async fn clear_users(&self, users: &[UserId], scopes: &[Scope]) -> Result<()> {
        let hashes: Vec<String> = users.iter().map(|id| keys::user(*id)).collect();
        let older = users.iter().map(|id| keys::followed_by_older(*id));
        let subsets = self.subsets(older, &hashes, "followed_by_sets").await?;
        let subsets = subsets.into_iter().map(|key| (key, Scope::Follows));
        let parts = users.iter().flat_map(|id| keys::of_user(*id)).chain(subsets);
        self.clear_parts(parts, hashes, keys::USER_FIELDS, scopes).await
    }

    /// The same of videos.
    pub async fn clear_videos(&self, videos: &[VideoId], scopes: &[Scope]) -> Result<()> {
        let hashes: Vec<String> = videos.iter().map(|id| keys::video(*id)).collect();
        let likers = videos.iter().map(|id| keys::likers(*id));
        let subsets = self.subsets(likers, &hashes, "liker_sets").await?;
        let subsets = subsets.into_iter().map(|key| (key, Scope::Favorites));
        let parts = videos.iter().flat_map(|id| keys::of_video(*id)).chain(subsets);
        self.clear_parts(parts, hashes, keys::VIDEO_FIELDS, scopes).await
    }

    pub async fn clear_chats(&self, chats: &[(UserId, UserId)]) -> Result<()> {
        self.clear(&chats.iter().map(|(low, high)| keys::chat(*low, *high)).collect::<Vec<_>>()).await
    }

    pub async fn clear_feed(&self) -> Result<()> {
        self.clear(&[keys::feed(), keys::feed_floor(), keys::feed_inserts()]).await
    }

    /// All but the first of the sub-sets of large sets. `field` of each set's hash says how many there are.
    async fn subsets(
        &self,
        sets: impl Iterator<Item = String>,
        hashes: &[String],
        field: &'static str,
    ) -> Result<Vec<String>> {
        let questions = hashes.iter().map(|hash| Command::new("HGET").arg(hash.clone()).arg(field));
        let mut subsets = Vec::new();
        for (set, count) in sets.zip(self.ask(questions).await?) {
            subsets.extend((1..count.number()?.unwrap_or(1)).map(|place| keys::numbered_subset(&set, place)));
        }
        Ok(subsets)
    }

    async fn clear_parts(
        &self,
        parts: impl Iterator<Item = (String, Scope)>,
        hashes: Vec<String>,
        fields: &[(&'static str, Scope)],
        scopes: &[Scope],
    ) -> Result<()> {
        let whole = scopes.len() == Scope::ALL.len();
        // A hash that is not loaded with all that it counts stays.
        let is_hash = |key: &str| key.starts_with("user:") || key.starts_with("video:");
        let goes = |(key, scope): &(String, Scope)| scopes.contains(scope) && (whole || !is_hash(key));
        let doomed: Vec<String> = parts.filter(goes).map(|(key, _)| key).collect();
        self.clear(&doomed).await?;
        let fields = fields.iter().filter(|(_, scope)| scopes.contains(scope));
        let fields: Vec<Bytes> = fields.map(|(field, _)| Bytes::from_static(field.as_bytes())).collect();
        if !whole && !fields.is_empty() {
            self.call(&script::COUNTS_CLEAR, hashes, fields).await?;
        }
        Ok(())
    }
}

/// Some keys, and where to go on; none after the last.
async fn scan(client: &Client, cursor: Bytes) -> Result<(Vec<String>, Option<Bytes>)> {
    let command = Command::new("SCAN").arg(cursor).arg("COUNT").arg("1000");
    let reply = client.call(command).await?;
    let [next, found] = reply.array()? else {
        return Err(Error::internal("SCAN answered something else"));
    };
    let text = |key: &Reply| String::from_utf8_lossy(key.bytes().map_or(&[], |bytes| &bytes[..])).into_owned();
    let next = next.bytes().cloned().filter(|next| *next != START && !next.is_empty());
    Ok((found.array()?.iter().map(text).collect(), next))
}

/// Raises what the mirror side of an open bucket no longer believes; gives an id that it minted above that.
pub async fn raise_forgotten(run: &Arc<Run>, bucket: Bucket, forgotten: u64) -> Result<u64> {
    Home::new(run, bucket).call_minting(&script::MIRROR_RAISE, [], [Bytes::from(forgotten.to_string())]).await
}

/// Opens a recovered bucket at `base`.
pub async fn open(run: &Arc<Run>, bucket: Bucket, base: u64) -> Result<()> {
    let keys = [keys::outbox(bucket), keys::recent(bucket)];
    Home::new(run, bucket).call(&script::BUCKET_OPEN, keys, [Bytes::from(base.to_string())]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_lose_data_are_named_with_their_fix() {
        assert_eq!(danger("noeviction", "1"), None);
        assert!(
            danger("allkeys-lru", "1").is_some_and(|text| text.contains("\"allkeys-lru\"") && !text.contains("; "))
        );
        assert!(danger("noeviction", "0").is_some_and(|text| text.starts_with("appendonly")));
        assert!(danger("", "").is_some_and(|text| text.contains("noeviction; ") || text.contains("; appendonly")));
    }

    #[test]
    fn a_line_of_info_is_found_by_its_whole_name() {
        let section = Reply::Bytes("# Memory\r\nmaxmemory_policy_old:x\r\nmaxmemory_policy:noeviction\r\n".into());
        assert_eq!(line(&section, "maxmemory_policy").unwrap(), "noeviction");
        assert_eq!(line(&section, "maxmemory").unwrap(), "");
    }
}
