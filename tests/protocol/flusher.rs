//! The flusher of a server with its relay (`sync/flush.rs`, `sync/relay.rs`). Any number may be at it: nothing relies on
//! there being one.

use std::collections::BTreeMap;

use riffle::archive::buckets::BucketRow;
use riffle::id::Bucket;
use riffle::sync::rules;

use crate::handler::bring_mirror;
use crate::layout::BUCKETS;
use crate::postgres::Noted;
use crate::redis::{Answer, Decision, Keys, Script, bucket_of};
use crate::rules::Rule;
use crate::world::{Link, Refusal, Result, Together, World};

type Rows = [BucketRow; BUCKETS];
type Links = [Option<Link>; BUCKETS];
type HeldBack = BTreeMap<Bucket, u64>;

/// What a pass leaves to the next.
#[derive(Default)]
struct Ahead {
    /// To be relayed.
    written: Batch,
    /// To be written, where there was more than the pass could take.
    read: Batch,
}

/// What lies behind a position of each bucket, at most so many entries of each.
#[derive(Default)]
struct Batch {
    entries: Vec<Decision>,
    after: BTreeMap<usize, u64>,
    is_full: bool,
}

/// Passes until one fails; now and then it tidies up.
pub async fn serve(world: &World, server: usize) -> Result<()> {
    let mut ahead = Ahead::default();
    loop {
        pass(world, server, &mut ahead).await?;
        match world.whim(4) {
            0 => forget(world, server).await?,
            1 => trim(world, server).await?,
            _ => {}
        }
    }
}

/// Writes what lies behind `position`; brings the mirrors after it and notes `relayed`, or leaves that to a later pass. Where
/// more waits, what the last pass wrote is relayed and what the next one will write is read meanwhile.
async fn pass(world: &World, server: usize, ahead: &mut Ahead) -> Result<()> {
    let rows = world.query(|postgres| postgres.buckets).await?;
    let links = open_links(world, server, &rows)?;

    let Ahead { mut written, read } = std::mem::take(ahead);
    let positions: BTreeMap<usize, u64> =
        links.iter().flatten().map(|link| (link.bucket, rows[link.bucket].position)).collect();
    let is_next = read.after == positions || (!read.entries.is_empty() && !world.keeps(Rule::WhatWasReadAheadIsNext));
    let batch = if is_next { read } else { Batch::read(world, server, &links, positions, share(world)).await? };
    let left_over = left_over(world, server, &links, &rows, &written).await?;
    if batch.is_full {
        let to_relay = to_relay(world, &left_over, &written, &rows);
        let mut relayed = Relayed::default();
        let mut next = Batch::default();
        let relaying = async {
            relayed = relay(world, server, &links, &to_relay).await?;
            Ok(())
        };
        let reading = async {
            next = Batch::read(world, server, &links, batch.ends(world), share(world)).await?;
            Ok(())
        };
        Together::new(world, [Box::pin(relaying), Box::pin(write(world, &batch, &rows)), Box::pin(reading)]).await?;
        relayed.note(world, &links).await?;
        *ahead = Ahead { written: batch, read: next };
        return Ok(());
    }

    write(world, &batch, &rows).await?;
    written.append(world, batch);
    if left_over.is_empty() && world.whim(2) == 0 {
        *ahead = Ahead { written, ..Ahead::default() };
        return Ok(());
    }
    let to_relay = to_relay(world, &left_over, &written, &rows);
    relay(world, server, &links, &to_relay).await?.note(world, &links).await
}

/// What was left over, and of what was written that which comes next: the rest is left over next time.
fn to_relay(world: &World, left_over: &[Decision], written: &Batch, rows: &Rows) -> Vec<Decision> {
    let in_turn = written.entries.iter().filter(|entry| written.is_next_to_relay(world, home_of(world, entry), rows));
    left_over.iter().chain(in_turn).copied().collect()
}

async fn write(world: &World, batch: &Batch, rows: &Rows) -> Result<()> {
    let entries = &batch.entries;
    if entries.is_empty() {
        return Ok(());
    }
    let moves = rules::moves(positions(world, entries), rows);
    let what = format!("flush {entries:?}");
    world.commit(&what, |postgres| postgres.flush(entries, &moves, true).then_some(())).await
}

/// What a relay that died or was held back left. `written` is relayed in its turn.
async fn left_over(world: &World, server: usize, links: &Links, rows: &Rows, written: &Batch) -> Result<Vec<Decision>> {
    let is_left_over =
        |bucket: usize| rows[bucket].relayed < rows[bucket].position && !written.is_next_to_relay(world, bucket, rows);
    let unrelayed = links.iter().flatten().map(|link| link.bucket).filter(|bucket| is_left_over(*bucket));
    let after = unrelayed.map(|bucket| (bucket, rows[bucket].relayed)).collect();
    let mut entries = Batch::read(world, server, links, after, share(world)).await?.entries;
    entries.retain(|entry| entry.version <= rows[home_of(world, entry)].position);
    Ok(entries)
}

/// At most so many entries of each bucket.
fn share(world: &World) -> usize {
    [1, 2, 100][world.whim(3)]
}

fn home_of(world: &World, entry: &Decision) -> usize {
    world.layout.edges[entry.edge].home
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

impl Batch {
    async fn read(
        world: &World,
        server: usize,
        links: &Links,
        after: BTreeMap<usize, u64>,
        count: usize,
    ) -> Result<Batch> {
        let mut batch = Batch { after, ..Batch::default() };
        for (bucket, after) in &batch.after {
            let Some(link) = links[*bucket] else { continue };
            let read = |keys: &Keys| -> Vec<Decision> {
                keys.outbox.iter().filter(|entry| entry.version > *after).take(count).copied().collect()
            };
            let entries = world.read(server, Some(link), read).await?;
            batch.is_full |= entries.len() >= count;
            batch.entries.extend(entries);
        }
        Ok(batch)
    }

    /// Takes along what comes behind it. Of a bucket whose outbox another one has flushed in between, nothing.
    fn append(&mut self, world: &World, next: Batch) {
        let ends = self.ends(world);
        let keeps_order = world.keeps(Rule::WhatIsRelayedTogetherLiesTogether);
        let is_next = |bucket: usize| match ends.get(&bucket) {
            Some(end) => next.after.get(&bucket) == Some(end) || !keeps_order,
            None => true,
        };
        self.entries.extend(next.entries.iter().copied().filter(|entry| is_next(home_of(world, entry))));
        for (bucket, after) in next.after {
            self.after.entry(bucket).or_insert(after);
        }
    }

    /// Where it ends in each bucket.
    fn ends(&self, world: &World) -> BTreeMap<usize, u64> {
        let mut ends = self.after.clone();
        ends.extend(self.entries.iter().map(|entry| (home_of(world, entry), entry.version)));
        ends
    }

    /// Whether all of a bucket before this batch is relayed.
    fn is_next_to_relay(&self, world: &World, bucket: usize, rows: &Rows) -> bool {
        let keeps_order = world.keeps(Rule::WhatWasWrittenIsRelayedInTurn);
        self.after.get(&bucket).is_some_and(|after| rules::is_next_to_relay(*after, &rows[bucket]) || !keeps_order)
    }
}

/// What a relay brought.
#[derive(Default)]
struct Relayed {
    positions: BTreeMap<Bucket, u64>,
    /// Ids that mirrors minted behind it.
    seen: BTreeMap<usize, Noted>,
    /// The first entry of a bucket that its mirror does not have.
    held_back: HeldBack,
}

impl Relayed {
    async fn note(&self, world: &World, links: &Links) -> Result<()> {
        if self.positions.is_empty() && self.seen.is_empty() {
            return Ok(());
        }
        let with_epoch = |(bucket, id): (&Bucket, &u64)| Some((bucket.index(), links[bucket.index()]?.epoch, *id));
        let relayed: Vec<Noted> = self.positions.iter().filter_map(with_epoch).collect();
        let seen: Vec<Noted> = self.seen.values().copied().collect();
        let what = format!("relayed {relayed:?}, seen {seen:?}");
        world.commit(&what, |postgres| postgres.relayed(&relayed, &seen).then_some(())).await
    }
}

/// Bucket and position of each entry.
pub fn positions(world: &World, entries: &[Decision]) -> Vec<(Bucket, u64)> {
    entries.iter().map(|entry| (bucket_of(world.layout.edges[entry.edge].home), entry.version)).collect()
}

/// Brings the mirrors of flushed entries after their homes.
async fn relay(world: &World, server: usize, links: &Links, entries: &[Decision]) -> Result<Relayed> {
    let mut relayed = Relayed::default();
    let Relayed { seen, held_back, .. } = &mut relayed;
    for mirror in world.layout.buckets() {
        let of_mirror = entries.iter().filter(|entry| world.layout.edges[entry.edge].mirror == mirror);
        let asked: Vec<Decision> = of_mirror.copied().collect();
        if asked.is_empty() {
            continue;
        }
        let Ok(missing) = confirm(world, server, links[mirror], &asked, seen).await else {
            hold_back(world, &asked, held_back);
            continue;
        };
        let mut brought = Vec::new();
        for entry in missing {
            match bring_mirror(world, server, entry.edge).await {
                Ok(()) => brought.push(entry),
                Err(_) => hold_back(world, &[entry], held_back),
            }
        }
        if !brought.is_empty() && world.keeps(Rule::WhatWasBroughtIsConfirmed) {
            let missing = confirm(world, server, links[mirror], &brought, seen).await?;
            hold_back(world, &missing, held_back);
        }
    }
    relayed.positions = rules::relayed_positions(positions(world, entries), &relayed.held_back);
    Ok(relayed)
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
