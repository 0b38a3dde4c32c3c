//! What admission and recovery (`sync/admission.rs`, `sync/recovery.rs`) read and write in Redis: everything here
//! speaks to a connection that is not admitted yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::client::{Client, Command};
use super::keys;
use super::reply::Reply;
use super::run::{Head, Home, Run};
use super::script;
use crate::error::{Error, Result};
use crate::id::Bucket;

/// What a Redis looks like before anything is believed of it.
pub struct Inspection {
    pub run_id: String,
    /// The installation it says it belongs to.
    pub installation: Option<String>,
    pub keys: u64,
    /// What of its own settings would lose data, and the fix.
    pub danger: Option<String>,
    /// One for each of [`Bucket::all`]; `None` where absent or unreadable.
    pub heads: Vec<Option<Head>>,
}

impl Inspection {
    pub fn closed_heads(&self) -> u64 {
        self.heads.iter().flatten().filter(|head| !head.open).count() as u64
    }
}

pub async fn inspect(client: &Client) -> Result<Inspection> {
    let mut commands: Vec<Command> =
        ["server", "memory", "persistence"].map(|section| Command::new("INFO").arg(section)).into();
    commands.extend([Command::new("GET").arg(keys::installation()), Command::new("DBSIZE")]);
    commands.extend(Bucket::all().map(|bucket| Command::new("GET").arg(keys::head(bucket))));
    let mut replies = Vec::with_capacity(commands.len());
    for answer in client.pipeline(commands).await {
        replies.push(answer?);
    }
    let [server, memory, persistence, installation, keys, heads @ ..] = &replies[..] else {
        return Err(Error::internal("Redis answered too little"));
    };
    let mut parsed = Vec::with_capacity(heads.len());
    for head in heads {
        parsed.push(head.text()?.and_then(Head::parse));
    }
    Ok(Inspection {
        run_id: line(server, "run_id")?.to_owned(),
        installation: installation.text()?.map(str::to_owned),
        keys: keys.required_number()?,
        danger: danger(line(memory, "maxmemory_policy")?, line(persistence, "aof_enabled")?),
        heads: parsed,
    })
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

/// Marks an empty Redis as ours, unless somebody was faster.
pub async fn mark_installation(client: &Client, name: &str) -> Result<()> {
    let command = Command::new("SET").arg(keys::installation()).arg(name.to_owned()).arg("NX");
    match client.call(command).await? {
        Reply::Nil => Err(Error::unavailable("another server marked this Redis meanwhile")),
        _ => Ok(()),
    }
}

/// Whether the mark is still there.
pub async fn is_marked(client: &Client) -> Result<bool> {
    let reply = client.call(Command::new("EXISTS").arg(keys::installation())).await?;
    Ok(reply.number()? == Some(1))
}

/// Has Redis write its file anew, in the background. A file that ends in the middle of a script's writes loses these
/// when it is loaded, but not from the file: at the next start a half of them would come back.
pub async fn rewrite_file(client: &Client) -> Result<()> {
    client.call(Command::new("BGREWRITEAOF")).await?;
    Ok(())
}

/// Closes a bucket; gives its former head.
pub async fn close(client: &Client, bucket: Bucket, epoch: u64) -> Result<Option<Head>> {
    let command = script::BUCKET_CLOSE
        .command(&[keys::head(bucket)], &[epoch.to_string().into(), bucket.id_at(0).to_string().into()]);
    let reply = client.call(command).await?;
    match reply.array()? {
        [word, former] if word.text()? == Some("OK") => Ok(former.text()?.and_then(Head::parse)),
        _ => Err(Error::unavailable("another recovery is ahead in Redis")),
    }
}

/// A key that is not riffle's, if there is one.
pub async fn foreign_key(client: &Client) -> Result<Option<String>> {
    let mut foreign = None;
    scan(client, |bucket, key| {
        if bucket.is_none() && foreign.is_none() {
            foreign = Some(key.to_owned());
        }
    })
    .await?;
    Ok(foreign)
}

/// Removes all that a reload writes anew: every key of riffle's but the heads and the name of the installation.
pub async fn clear(run: &Arc<Run>) -> Result<u64> {
    let mut doomed: BTreeMap<Bucket, Vec<String>> = BTreeMap::new();
    scan(&run.client, |bucket, key| {
        if let Some(bucket) = bucket
            && !key.starts_with("head:")
            && !key.starts_with("riffle:")
        {
            doomed.entry(bucket).or_default().push(key.to_owned());
        }
    })
    .await?;
    let mut removed = 0;
    for (bucket, keys) in doomed {
        for keys in keys.chunks(500) {
            removed += keys.len() as u64;
            Home::new(run, bucket).call(&script::BUCKET_CLEAR, keys.iter().cloned(), []).await?;
        }
    }
    Ok(removed)
}

async fn scan(client: &Client, mut each: impl FnMut(Option<Bucket>, &str)) -> Result<()> {
    let mut cursor = Bytes::from_static(b"0");
    loop {
        let command = Command::new("SCAN").arg(cursor).arg("COUNT").arg("1000");
        let reply = client.call(command).await?;
        let [next, found] = reply.array()? else {
            return Err(Error::internal("SCAN answered something else"));
        };
        for key in found.array()? {
            let key = key.bytes().cloned().unwrap_or_default();
            let key = String::from_utf8_lossy(&key);
            each(keys::bucket_of(&key), &key);
        }
        cursor = next.bytes().cloned().unwrap_or_default();
        if cursor == "0" || cursor.is_empty() {
            return Ok(());
        }
    }
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
