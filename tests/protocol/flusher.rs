//! The flusher of a server with its relay (`sync/flush.rs`, `sync/relay.rs`). Any number may be at it: nothing relies on
//! there being one.

use std::collections::BTreeMap;

use riffle::archive::buckets::BucketRow;
use riffle::id::Bucket;
use riffle::sync::rules;

use crate::handler::bring_mirror;
use crate::layout::BUCKETS;
use crate::postgres::Noted;
use crate::redis::{Answer, Decision, Script, bucket_of};
use crate::rules::Rule;
use crate::world::{Link, Refusal, Result, World};

type Rows = [BucketRow; BUCKETS];
type Links = [Option<Link>; BUCKETS];
type HeldBack = BTreeMap<Bucket, u64>;

/// One pass: write what lies behind `position`, bring the mirrors after it, note `relayed`; now and then tidy up.
pub async fn pass(world: &World, server: usize) -> Result<()> {
    let rows = world.query(|postgres| postgres.buckets).await?;
    let links = open_links(world, server, &rows)?;
    let count = [1, 3, 100][world.whim(3)];

    let unflushed = entries(world, server, &links, |bucket| rows[bucket].position, count).await?;
    if !unflushed.is_empty() {
        let moves = rules::moves(positions(world, &unflushed), &rows);
        let what = format!("flush {unflushed:?}");
        world.commit(&what, |postgres| postgres.flush(&unflushed, &moves, true).then_some(())).await?;
    }

    // What an earlier relay left comes first: what was just flushed waits then, or it would be noted as relayed over
    // the heads of what is not read yet.
    let waiting: Links = links.map(|link| link.filter(|link| rows[link.bucket].relayed < rows[link.bucket].position));
    let mut to_relay = entries(world, server, &waiting, |bucket| rows[bucket].relayed, count).await?;
    let home_of = |entry: &Decision| world.layout.edges[entry.edge].home;
    to_relay.retain(|entry| entry.version <= rows[home_of(entry)].position);
    let must_wait: Vec<usize> = to_relay.iter().map(home_of).collect();
    to_relay.extend(unflushed.into_iter().filter(|entry| !must_wait.contains(&home_of(entry))));

    if !to_relay.is_empty() {
        relay(world, server, &links, &to_relay).await?;
    }
    match world.whim(4) {
        0 => forget(world, server).await,
        1 => trim(world, server).await,
        _ => Ok(()),
    }
}

/// The buckets that may be flushed: open, and of the epoch that this server was admitted with. A server that nobody asks
/// anything would else never hear of a recovery.
fn open_links(world: &World, server: usize, rows: &Rows) -> Result<Links> {
    let mut links: Links = [None; BUCKETS];
    for bucket in world.layout.buckets() {
        let Some(link) = world.link(server, bucket) else { continue };
        if rows[bucket].epoch > link.epoch {
            world.doubt(server, link);
        }
        links[bucket] = Some(link).filter(|link| rows[bucket].open && rows[bucket].epoch == link.epoch);
    }
    Ok(links)
}

async fn entries(
    world: &World,
    server: usize,
    links: &Links,
    after: impl Fn(usize) -> u64,
    count: usize,
) -> Result<Vec<Decision>> {
    let mut entries = Vec::new();
    for link in links.iter().flatten() {
        let after = after(link.bucket);
        let read = |keys: &crate::redis::Keys| -> Vec<Decision> {
            keys.outbox.iter().filter(|entry| entry.version > after).take(count).copied().collect()
        };
        entries.extend(world.read(server, Some(*link), read).await?);
    }
    Ok(entries)
}

/// Bucket and position of each entry.
pub fn positions(world: &World, entries: &[Decision]) -> Vec<(Bucket, u64)> {
    entries.iter().map(|entry| (bucket_of(world.layout.edges[entry.edge].home), entry.version)).collect()
}

/// Brings the mirrors of flushed entries after their homes, and notes how far both ends have everything.
async fn relay(world: &World, server: usize, links: &Links, entries: &[Decision]) -> Result<()> {
    let mut seen: BTreeMap<usize, Noted> = BTreeMap::new();
    let mut held_back = HeldBack::new();
    for mirror in world.layout.buckets() {
        let of_mirror = entries.iter().filter(|entry| world.layout.edges[entry.edge].mirror == mirror);
        let asked: Vec<Decision> = of_mirror.copied().collect();
        if asked.is_empty() {
            continue;
        }
        let Ok(missing) = confirm(world, server, links[mirror], &asked, &mut seen).await else {
            hold_back(world, &asked, &mut held_back);
            continue;
        };
        let mut brought = Vec::new();
        for entry in missing {
            match bring_mirror(world, server, entry.edge).await {
                Ok(()) => brought.push(entry),
                Err(_) => hold_back(world, &[entry], &mut held_back),
            }
        }
        if !brought.is_empty() && world.keeps(Rule::WhatWasBroughtIsConfirmed) {
            let missing = confirm(world, server, links[mirror], &brought, &mut seen).await?;
            hold_back(world, &missing, &mut held_back);
        }
    }
    let epoch_of = |bucket: Bucket| links[bucket.index()].map(|link| link.epoch);
    let relayed: Vec<Noted> = rules::relayed_positions(positions(world, entries), &held_back)
        .into_iter()
        .filter_map(|(bucket, id)| Some((bucket.index(), epoch_of(bucket)?, id)))
        .collect();
    let seen: Vec<Noted> = seen.into_values().collect();
    let what = format!("relayed {relayed:?}, seen {seen:?}");
    world.commit(&what, |postgres| postgres.relayed(&relayed, &seen).then_some(())).await
}

/// What a mirror misses. What it minted for the answer is noted as seen.
async fn confirm(
    world: &World,
    server: usize,
    mirror: Option<Link>,
    asked: &[Decision],
    seen: &mut BTreeMap<usize, Noted>,
) -> Result<Vec<Decision>> {
    let answer = world.call_admitted(server, mirror, Script::MirrorConfirm(asked.to_vec())).await?;
    let (Answer::Missing(minted, missing), Some(mirror)) = (answer, mirror) else { return Err(Refusal::Epoch) };
    seen.insert(mirror.bucket, (mirror.bucket, mirror.epoch, minted));
    Ok(missing)
}

fn hold_back(world: &World, entries: &[Decision], held_back: &mut HeldBack) {
    if world.keeps(Rule::WhatIsMissingIsHeldBack) {
        for (bucket, position) in positions(world, entries) {
            let first = held_back.entry(bucket).or_insert(position);
            *first = position.min(*first);
        }
    }
}

/// Has the mirrors forget what their homes have relayed.
async fn forget(world: &World, server: usize) -> Result<()> {
    let rows = world.query(|postgres| postgres.buckets).await?;
    let mut seen = Vec::new();
    for mirror in world.layout.buckets() {
        let link = world.link(server, mirror);
        let recent = world.read(server, link, |keys| keys.recent).await?;
        let remembered = recent.into_iter().enumerate().filter(|(_, version)| *version > 0);
        let may_go = |edge: usize, version: u64| {
            let home = world.layout.edges[edge].home;
            world.link(server, home).is_some_and(|link| rules::may_forget(version, &rows[home], link.epoch))
                || !world.keeps(Rule::OnlyWhatIsRelayedIsForgotten)
        };
        let edges: Vec<Decision> = remembered
            .filter(|(edge, version)| may_go(*edge, *version))
            .map(|(edge, version)| Decision { edge, version, ..Decision::default() })
            .collect();
        if edges.is_empty() {
            continue;
        }
        let answer = world.call_admitted(server, link, Script::MirrorForget(edges)).await?;
        let (Answer::Minted(id), Some(link)) = (answer, link) else { return Err(Refusal::Epoch) };
        seen.push((mirror, link.epoch, id));
    }
    world.commit(&format!("seen {seen:?}"), |postgres| postgres.relayed(&[], &seen).then_some(())).await
}

async fn trim(world: &World, server: usize) -> Result<()> {
    let rows = world.query(|postgres| postgres.buckets).await?;
    let is_patient = world.keeps(Rule::TrimmingWaitsForTheRelay);
    for link in open_links(world, server, &rows)?.iter().flatten() {
        let row = rows[link.bucket];
        let script = Script::OutboxTrim { position: if is_patient { row.relayed } else { row.position } };
        world.call_admitted(server, Some(*link), script).await?;
    }
    Ok(())
}
