//! Admission (`sync/admission.rs`, `sync/recoverer.rs`): a server compares runs of Redis with Postgres before it speaks to
//! them, and has recovered what is not in order.

use riffle::archive::buckets::BucketRow;
use riffle::store::Head;
use riffle::sync::rules;

use crate::layout::BUCKETS;
use crate::recovery::Scene;
use crate::rules::Rule;
use crate::world::{Admission, Result, World};

#[derive(Debug, PartialEq)]
enum Verdict {
    /// Open buckets may be used, closed ones are to be loaded.
    InOrder,
    /// New, emptied or behind; or a run that is not admitted yet.
    ToSettle,
    /// Redis is ahead of Postgres, or Postgres was read long ago; it is tried again later.
    Refuse,
}

/// Looks for a node that this server is not (wholly) let to, and does what is to be done about it.
pub async fn gate(world: &World, server: usize, actor: usize) -> Result<()> {
    let node_count = world.layout.nodes().len();
    let first = world.whim(2 * node_count) / 2;
    let wanting =
        world.layout.nodes().map(|node| (node + first) % node_count).find(|node| is_wanting(world, server, *node));
    let an_operator_asks = world.whim(40) == 0;
    let Some(node) = wanting.or(an_operator_asks.then_some(first)) else { return Ok(()) };

    match compare(world, server, node).await? {
        Verdict::Refuse => return Ok(()),
        Verdict::InOrder if !an_operator_asks && !is_wanting(world, server, node) => return Ok(()),
        _ => {}
    }
    take_recovery_lock(world, actor).await?;
    let runs = world.nodes.borrow().iter().map(|node| node.run).collect();
    let scene = Scene { world, server, runs };
    match compare(world, server, node).await? {
        Verdict::Refuse => return Ok(()),
        Verdict::ToSettle => scene.settle(node).await?,
        Verdict::InOrder => {}
    }
    let rows = world.query(|postgres| postgres.buckets).await?;
    let is_wanted = |bucket: &usize| match rows[*bucket].open {
        true => an_operator_asks && bucket % 2 == world.whim(4) % 2,
        false => world.layout.node_of[*bucket] == node,
    };
    let wanted: Vec<usize> = world.layout.buckets().filter(is_wanted).collect();
    let size = [1, BUCKETS][world.whim(2)];
    for group in wanted.chunks(size) {
        scene.reload(group.to_vec()).await?;
    }
    compare(world, server, node).await.map(drop)
}

/// Waits while another one is at it. Whoever is silent for long loses the lock, and may not know.
async fn take_recovery_lock(world: &World, actor: usize) -> Result<()> {
    while world.query(|postgres| postgres.recovery_lock).await?.is_some_and(|holder| holder != actor) {
        if world.whim(32) == 0 {
            break;
        }
    }
    world.postgres.borrow_mut().recovery_lock = Some(actor);
    Ok(())
}

/// Whether a node has to be looked at: it restarted, was doubted, or has buckets that were closed.
fn is_wanting(world: &World, server: usize, node: usize) -> bool {
    let run = world.nodes.borrow()[node].run;
    let admission = world.admissions.borrow()[server][node];
    !admission.is_some_and(|admission| admission.run == run && admission.is_whole)
}

/// Compares a run with Postgres, and lets the server to what is in order.
async fn compare(world: &World, server: usize, node: usize) -> Result<Verdict> {
    let buckets = world.layout.buckets_of(node);
    let run = world.run_of(buckets[0]);
    // Postgres first: what it knows was in Redis before. Who is fenced is looked at after that.
    let before = world.query(|postgres| postgres.buckets).await?;
    let mut heads = Vec::new();
    for bucket in &buckets {
        heads.push(world.peek(*bucket, run, |keys| keys.head).await?);
    }
    let (rows, is_admitted) = world.query(|postgres| (postgres.buckets, postgres.admitted.contains(&run))).await?;
    let row = |bucket: usize| BucketRow { seen: before[bucket].seen, ..rows[bucket] };
    let rows: Vec<BucketRow> = buckets.iter().map(|bucket| row(*bucket)).collect();
    if rows.iter().zip(&heads).any(|(row, head)| head.is_some_and(|head| head.epoch > row.epoch)) {
        return Ok(Verdict::Refuse);
    }
    // What is closed in Postgres waits for its load, whatever its head says by now.
    let mut open = rows.iter().zip(&heads).filter(|(row, _)| row.open);
    if !is_admitted || !open.all(|(row, head)| in_order(world, &[*row], &[*head])) {
        return Ok(Verdict::ToSettle);
    }
    let mut epochs = [None; BUCKETS];
    for (bucket, row) in buckets.iter().zip(&rows) {
        if row.open || !world.keeps(Rule::ClosedBucketsHaveNoEpoch) {
            epochs[*bucket] = Some(row.epoch);
        }
    }
    let is_whole = rows.iter().all(|row| row.open);
    world.admissions.borrow_mut()[server][node] = Some(Admission { run, epochs, is_whole });
    world.say(|| format!("run {run} of node {node} admitted, epochs {epochs:?}"));
    Ok(Verdict::InOrder)
}

pub fn in_order(world: &World, rows: &[BucketRow], heads: &[Option<Head>]) -> bool {
    let seen_matters = world.keeps(Rule::WhatIsBehindIsOutOfOrder);
    let rows: Vec<BucketRow> =
        rows.iter().map(|row| BucketRow { seen: if seen_matters { row.seen } else { 0 }, ..*row }).collect();
    rules::in_order(&rows, heads)
}
