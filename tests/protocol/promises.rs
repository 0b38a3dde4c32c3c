//! What must be true, whatever happens: what has been acknowledged, shown and minted.

use riffle::id::ms_of;
use riffle::store::Head;

use crate::layout::{BUCKETS, EDGES, Ends};
use crate::world::World;

#[derive(Default)]
pub struct Promises {
    pub broken: Option<String>,
    /// The newest change of each edge that must not be lost.
    pub required: [u64; EDGES],
    changes: u64,
    highest_minted: [u64; BUCKETS],
}

impl Promises {
    pub fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    pub fn break_one(&mut self, how: impl FnOnce() -> String) {
        if self.broken.is_none() {
            self.broken = Some(how());
        }
    }

    /// No id of a bucket is minted twice.
    pub fn minted(&mut self, bucket: usize, before: Option<Head>, after: Option<Head>) {
        let Some(last) = after.map(|head| head.last).filter(|last| before.is_none_or(|head| head.last != *last)) else {
            return;
        };
        if last <= self.highest_minted[bucket] {
            self.break_one(|| format!("bucket {bucket} minted {last} again ({} ms)", ms_of(last)));
        }
        self.highest_minted[bucket] = last;
    }
}

/// A client has heard that its change is made.
pub fn acknowledge(world: &World, edge: usize, change: u64) {
    let mut promises = world.promises.borrow_mut();
    promises.required[edge] = promises.required[edge].max(change);
    world.say(|| format!("ACKNOWLEDGED edge {edge}, change {change}"));
}

/// No read that began after an acknowledgement shows older; unless Redis has lost it since.
pub fn check_shown(world: &World, edge: usize, required: u64, found: u64) {
    let mut promises = world.promises.borrow_mut();
    let required = required.min(promises.required[edge]);
    if found < required {
        promises
            .break_one(|| format!("a read of edge {edge} shows change {found}, {required} was acknowledged before"));
    }
}

/// A node has lost something: what nobody has any more can't be asked for.
pub fn forgive(world: &World) {
    let nodes = world.nodes.borrow();
    let postgres = world.postgres.borrow();
    let mut promises = world.promises.borrow_mut();
    for (edge, Ends { home, mirror }) in world.layout.edges.iter().enumerate() {
        let at_home = nodes[world.layout.node_of[*home]].keys[*home].homes[edge].change;
        let mirror = &nodes[world.layout.node_of[*mirror]].keys[*mirror];
        let at_mirror = if mirror.recent[edge] > 0 { mirror.mirrors[edge].change } else { 0 };
        let proved = postgres.rows[edge].end.change.max(at_home).max(at_mirror);
        promises.required[edge] = promises.required[edge].min(proved);
    }
}

/// When nothing is under way, both ends and Postgres agree, and nothing that was acknowledged is lost.
pub fn check_quiet(world: &World) {
    let nodes = world.nodes.borrow();
    let postgres = world.postgres.borrow();
    let mut promises = world.promises.borrow_mut();
    for (edge, Ends { home, mirror }) in world.layout.edges.iter().enumerate() {
        let at_home = nodes[world.layout.node_of[*home]].keys[*home].homes[edge];
        let at_mirror = nodes[world.layout.node_of[*mirror]].keys[*mirror].mirrors[edge];
        let row = postgres.rows[edge];
        let required = promises.required[edge];
        let told = || format!("edge {edge}: home {at_home:?}, mirror {at_mirror:?}, {row:?}, acknowledged {required}");
        if at_home.on != at_mirror.on || at_home.on != row.end.on {
            promises.break_one(|| format!("the ends differ at quiet: {}", told()));
        }
        if row.end.change < required || at_home.change < required {
            promises.break_one(|| format!("what was acknowledged is lost: {}", told()));
        }
    }
}
