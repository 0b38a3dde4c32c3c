//! What Redis spends on what: for `riffle doctor`, and for whoever plans a machine.

use std::collections::BTreeMap;

use super::client::{Client, Command};
use super::verify::kind_and_owners;
use crate::error::{Error, Result};

const SCAN_COUNT: &str = "1000";

/// The keys of one kind: `user`, `likers`... `foreign` for keys that are not riffle's. Estimates where only some were looked
/// at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Kind {
    pub keys: u64,
    /// Members, fields, entries.
    pub entries: u64,
    /// As `MEMORY USAGE` says, the keys' own names and places included.
    pub bytes: u64,
    /// Bytes of keys that Redis keeps in a compact form: an intset, a listpack.
    pub compact_bytes: u64,
}

impl Kind {
    pub fn add(&mut self, other: Kind, times: u64) {
        self.keys += other.keys * times;
        self.entries += other.entries * times;
        self.bytes += other.bytes * times;
        self.compact_bytes += other.compact_bytes * times;
    }
}

/// Looks at every `step`th key of a node. `looked`: is told how many keys were passed.
pub async fn survey(client: &Client, step: usize, mut looked: impl FnMut(u64)) -> Result<BTreeMap<String, Kind>> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let mut passed = 0;
    let mut cursor = "0".to_owned();
    loop {
        let scan = Command::new("SCAN").arg(cursor).arg("COUNT").arg(SCAN_COUNT);
        let reply = client.call(scan).await?;
        let [next, found] = reply.array()? else { return Err(Error::internal("SCAN answered something else")) };
        let name = |key: &super::Reply| String::from_utf8_lossy(key.bytes().map_or(&[], |key| &key[..])).into_owned();
        let found: Vec<String> = found.array()?.iter().map(name).collect();
        let sample: Vec<&String> =
            (passed..).zip(&found).filter(|(place, _)| place % step == 0).map(|one| one.1).collect();
        for (key, kind) in sample.iter().zip(look(client, &sample).await?) {
            let name = kind_and_owners(key).map_or("foreign", |(name, _)| name);
            kinds.entry(name.to_owned()).or_default().add(kind, step as u64);
        }
        passed += found.len();
        looked(found.len() as u64);
        cursor = next.text()?.unwrap_or("0").to_owned();
        if cursor == "0" {
            return Ok(kinds);
        }
    }
}

async fn look(client: &Client, keys: &[&String]) -> Result<Vec<Kind>> {
    let mut commands = Vec::with_capacity(keys.len() * 3);
    for key in keys {
        commands.push(Command::new("MEMORY").arg("USAGE").arg((*key).clone()).arg("SAMPLES").arg("20"));
        commands.push(Command::new("OBJECT").arg("ENCODING").arg((*key).clone()));
        let size = match kind_and_owners(key).map(|(kind, _)| kind) {
            Some("user" | "video") => "HLEN",
            Some("likers" | "liked_older" | "followed_older" | "followed_by_older" | "long") => "SCARD",
            Some("outbox") => "XLEN",
            Some("head" | "riffle" | "trimmed" | "latest_floor" | "latest_inserts") | None => "EXISTS",
            Some(_) => "ZCARD",
        };
        commands.push(Command::new(size).arg((*key).clone()));
    }
    let mut answers = client.pipeline(commands).await.into_iter();
    let mut kinds = Vec::with_capacity(keys.len());
    while let (Some(bytes), Some(encoding), Some(entries)) = (answers.next(), answers.next(), answers.next()) {
        let bytes = bytes?.number()?.unwrap_or(0);
        let is_compact = ["intset", "listpack", "ziplist"].contains(&encoding?.text()?.unwrap_or_default());
        // One that is gone since, or of a type of its own, counts as nothing.
        let entries = entries.ok().and_then(|entries| entries.number().ok().flatten()).unwrap_or(0);
        kinds.push(Kind { keys: 1, entries, bytes, compact_bytes: if is_compact { bytes } else { 0 } });
    }
    Ok(kinds)
}

/// What a node says of itself.
#[derive(Debug, Default)]
pub struct Settings {
    /// Lines of `INFO`, by name.
    pub info: BTreeMap<String, String>,
    /// `CONFIG GET`; empty where this is not allowed.
    pub config: BTreeMap<String, String>,
}

pub async fn settings(client: &Client) -> Result<Settings> {
    let mut settings = Settings::default();
    for section in ["server", "memory", "persistence", "keyspace"] {
        let info = client.call(Command::new("INFO").arg(section)).await?;
        let lines = info.text()?.unwrap_or_default().lines().filter_map(|line| line.split_once(':'));
        settings.info.extend(lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
    }
    for pattern in ["set-max-*", "zset-max-*", "hash-max-*", "auto-aof-*"] {
        // Often an administrator's only.
        let Ok(found) = client.call(Command::new("CONFIG").arg("GET").arg(pattern)).await else { continue };
        for pair in found.array()?.chunks_exact(2) {
            let text = |place: usize| Ok::<_, Error>(pair[place].text()?.unwrap_or_default().to_owned());
            settings.config.insert(text(0)?, text(1)?);
        }
    }
    Ok(settings)
}

pub async fn key_count(client: &Client) -> Result<u64> {
    client.call(Command::new("DBSIZE")).await?.required_number()
}
