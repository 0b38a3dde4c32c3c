//! `riffle doctor`: what Redis spends on a user, a video, a like, and whether that is what it should be.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::progress::progress;
use crate::store::memory::{self, Kind, Settings};
use crate::store::{Address, cluster};

/// Keys that are looked at unless all are wanted.
const SAMPLE_KEYS: u64 = 300_000;
/// Sets of older likes and follows up to this size are to stay compact.
const INTSET_ENTRIES: u64 = 4_096;
const LISTPACK_ENTRIES: u64 = 128;
/// Comments and messages up to this many bytes are to stay compact.
const LISTPACK_VALUE_BYTES: u64 = 256;

/// An append-only file that is smaller is not to be written anew.
const AOF_REWRITE_MIN_BYTES: u64 = 256 << 20;

/// Something that is counted: the kinds of keys that are spent on it, and those whose keys or entries count it.
struct Thing {
    name: &'static str,
    kinds: &'static [&'static str],
    counted_by: &'static [&'static str],
    by_entries: bool,
    /// What `bench/memory` measures on a skewed world, with some room. Below [`JUDGED_FROM`] of them it says nothing.
    bytes_max: Option<f64>,
}

const JUDGED_FROM: u64 = 1_000;

const THINGS: &[Thing] = &[
    Thing { name: "user", kinds: &["user"], counted_by: &["user"], by_entries: false, bytes_max: Some(220.0) },
    Thing {
        name: "video",
        kinds: &["video", "works"],
        counted_by: &["video"],
        by_entries: false,
        bytes_max: Some(400.0),
    },
    Thing {
        name: "like",
        kinds: &["likers", "liked", "liked_older"],
        counted_by: &["likers"],
        by_entries: true,
        bytes_max: Some(50.0),
    },
    Thing {
        name: "follow",
        kinds: &["followed_by", "followed_by_older", "followed", "followed_older", "friends"],
        counted_by: &["followed", "followed_older"],
        by_entries: true,
        bytes_max: Some(85.0),
    },
    Thing { name: "comment", kinds: &["comments"], counted_by: &["comments"], by_entries: true, bytes_max: None },
    Thing { name: "message", kinds: &["chat"], counted_by: &["chat"], by_entries: true, bytes_max: None },
    Thing { name: "place in the feed", kinds: &["latest"], counted_by: &["latest"], by_entries: true, bytes_max: None },
    Thing {
        name: "change in the outbox",
        kinds: &["outbox"],
        counted_by: &["outbox"],
        by_entries: true,
        bytes_max: None,
    },
    Thing { name: "remembered edge", kinds: &["recent"], counted_by: &["recent"], by_entries: true, bytes_max: None },
];

/// All that belongs to users.
const OF_USERS: &[&str] = &[
    "user",
    "works",
    "liked",
    "liked_older",
    "followed_by",
    "followed_by_older",
    "followed",
    "followed_older",
    "friends",
    "chat",
];

#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    count: u64,
    bytes: u64,
    bytes_each: f64,
    /// The part of the bytes that lies in compact forms.
    compact: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
    keys: u64,
    keys_looked_at: u64,
    used_memory: u64,
    /// What the keys together explain of it.
    key_bytes: u64,
    advice: Vec<String>,
}

pub fn command() -> clap::Command {
    use clap::{Arg, ArgAction};
    clap::Command::new("doctor")
        .about("Say what Redis spends on a user, a video, a like, and what could be better")
        .long_about(
            "Looks at the keys of a live Redis (SCAN, MEMORY USAGE; of more than 300 000 at a part of them) and at its \
             settings, says what each user, video, like, follow, comment and message takes, and what to change.\n\n\
             Exit code: 0 nothing to change, 1 there is advice, or Redis cannot be asked.",
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print one JSON object"))
        .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Look at every key"))
}

pub async fn run(config: &Config, redis_url: &str, matches: &clap::ArgMatches) -> Result<()> {
    let nodes = cluster::connect(&Address::parse(redis_url)?, config.redis_timeout_ms, &[]).await?;
    let mut keys = 0;
    for node in &nodes.reached {
        keys += memory::key_count(&node.client).await?;
    }
    let step = if matches.get_flag("all") { 1 } else { keys.div_ceil(SAMPLE_KEYS).max(1) };
    let bar = progress("keys", keys as usize);
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let mut advice = Vec::new();
    let mut used_memory = 0;
    for node in &nodes.reached {
        let settings = memory::settings(&node.client).await?;
        used_memory += number(&settings.info, "used_memory").unwrap_or(0);
        advice.extend(settings_advice(&settings).into_iter().map(|line| format!("{}: {line}", node.address)));
        for (name, kind) in memory::survey(&node.client, step as usize, |count| bar.inc(count)).await? {
            kinds.entry(name).or_default().add(kind, 1);
        }
    }
    bar.done();
    let rows = rows(&kinds);
    advice.extend(memory_advice(&rows));
    if let Some(foreign) = kinds.get("foreign") {
        advice.push(format!("{} keys are not riffle's: give it a Redis of its own", foreign.keys));
    }
    let key_bytes = kinds.values().map(|kind| kind.bytes).sum();
    let report = Report { rows, keys, keys_looked_at: keys / step, used_memory, key_bytes, advice };
    print(&report, matches.get_flag("json"))?;
    match report.advice.len() {
        0 => Ok(()),
        count => Err(Error::unavailable(format!("{count} things to change"))),
    }
}

fn rows(kinds: &BTreeMap<String, Kind>) -> Vec<Row> {
    let kind = |name: &str| kinds.get(name).copied().unwrap_or_default();
    let row = |what, names: &[&str], count: u64| {
        let bytes: u64 = names.iter().map(|name| kind(name).bytes).sum();
        let compact: u64 = names.iter().map(|name| kind(name).compact_bytes).sum();
        let part = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        Row { what, count, bytes, bytes_each: part(bytes, count), compact: part(compact, bytes) }
    };
    let counted = |thing: &Thing| {
        let count = |by: Kind| if thing.by_entries { by.entries } else { by.keys };
        thing.counted_by.iter().map(|name| count(kind(name))).sum()
    };
    let things = THINGS.iter().map(|thing| row(thing.name, thing.kinds, counted(thing)));
    things.chain([row("user, all in", OF_USERS, kind("user").keys)]).collect()
}

fn memory_advice(rows: &[Row]) -> Vec<String> {
    let judged = THINGS.iter().zip(rows).filter(|(_, row)| row.count >= JUDGED_FROM);
    let above = judged
        .filter_map(|(thing, row)| Some((thing, row, thing.bytes_max?)))
        .filter(|(_, row, max)| row.bytes_each > *max);
    above
        .map(|(thing, row, max)| {
            format!(
                "a {} takes {:.0} bytes where {max:.0} are usual; {:.0} % of them lie in compact forms: is Redis an older one, \
                 or are its limits on compact forms low?",
                thing.name,
                row.bytes_each,
                row.compact * 100.0
            )
        })
        .collect()
}

fn number(of: &BTreeMap<String, String>, name: &str) -> Option<u64> {
    of.get(name)?.parse().ok()
}

fn settings_advice(Settings { info, config }: &Settings) -> Vec<String> {
    let mut advice = Vec::new();
    let below = |name: &str, least: u64| number(config, name).filter(|found| *found < least);
    if let Some(found) = below("set-max-intset-entries", INTSET_ENTRIES) {
        advice.push(format!(
            "set-max-intset-entries is {found}: with {INTSET_ENTRIES}, the older likes and follows of users who have many \
             take 8 bytes each there instead of 70"
        ));
    }
    if let Some(found) = below("zset-max-listpack-entries", LISTPACK_ENTRIES) {
        advice.push(format!(
            "zset-max-listpack-entries is {found}: orders keep up to 96 places, so leave it at {LISTPACK_ENTRIES}"
        ));
    }
    if let Some(found) = below("zset-max-listpack-value", LISTPACK_VALUE_BYTES) {
        advice.push(format!(
            "zset-max-listpack-value is {found}: with {LISTPACK_VALUE_BYTES}, the comments on a video and the messages of a \
             chat take half as much, up to {LISTPACK_ENTRIES} of them"
        ));
    }
    if let Some(found) = below("auto-aof-rewrite-min-size", AOF_REWRITE_MIN_BYTES) {
        advice.push(format!(
            "auto-aof-rewrite-min-size is {found}: with {AOF_REWRITE_MIN_BYTES}, a file that is still small is not written anew \
             every few seconds while many write, which holds up everybody for some ten milliseconds"
        ));
    }
    if info.get("maxmemory_policy").is_some_and(|policy| policy != "noeviction") {
        advice.push("maxmemory-policy is not noeviction: a full Redis throws facts away".into());
    }
    if info.get("aof_enabled").is_some_and(|enabled| enabled != "1") {
        advice.push("appendonly is off: a Redis that ends takes along what Postgres does not have yet".into());
    }
    let (used, most) = (number(info, "used_memory").unwrap_or(0), number(info, "maxmemory").unwrap_or(0));
    if most > 0 && used * 100 > most * 85 {
        advice.push(format!("{used} bytes of maxmemory {most} are used: writes will answer 503 before it is full"));
    }
    advice
}

fn print(report: &Report, json: bool) -> Result<()> {
    if json {
        println!("{}", simd_json::to_string(report).map_err(Error::internal)?);
        return Ok(());
    }
    println!("{:<22}{:>12}{:>16}{:>12}{:>10}", "what", "count", "bytes", "bytes each", "compact");
    for row in &report.rows {
        let (bytes, each) = (row.bytes, row.bytes_each);
        println!("{:<22}{:>12}{bytes:>16}{each:>12.1}{:>9.0}%", row.what, row.count, row.compact * 100.0);
    }
    let Report { keys, keys_looked_at, used_memory, key_bytes, .. } = report;
    println!("{keys} keys, {keys_looked_at} looked at: {key_bytes} bytes; used_memory of Redis: {used_memory}");
    report.advice.iter().for_each(|line| println!("advice: {line}"));
    Ok(())
}
