//! Requests: one that sets an edge at both ends, and one that looks at an end (`store/edge.rs`).

use crate::promises::{acknowledge, check_shown};
use crate::redis::{Answer, Decision, Script};
use crate::rules::Rule;
use crate::world::{Link, Refusal, Result, World};

/// How often a mirror may send us back to the home.
const ROUNDS_MAX: usize = 4;

/// An edge in the eyes of one request of a server.
pub struct Request<'w> {
    world: &'w World,
    server: usize,
    edge: usize,
    home: Option<Link>,
}

pub async fn set_edge(world: &World, server: usize, edge: usize, on: bool) -> Result<()> {
    let request = Request::new(world, server, edge);
    let decision = request.call_home(Script::HomeSet { edge, on }).await?;
    request.follow_home(decision).await?;
    acknowledge(world, edge, decision.end.change);
    Ok(())
}

/// Brings the mirror of an edge after its home, whatever that has decided.
pub async fn bring_mirror(world: &World, server: usize, edge: usize) -> Result<()> {
    let request = Request::new(world, server, edge);
    let decision = request.call_home(Script::HomeRead { edge, at_least: 0 }).await?;
    request.follow_home(decision).await
}

pub async fn look(world: &World, server: usize, edge: usize, at_home: bool) -> Result<()> {
    let ends = world.layout.edges[edge];
    let link = world.link(server, if at_home { ends.home } else { ends.mirror });
    let required = world.promises.borrow().required[edge];
    let found = world.read(server, link, |keys| if at_home { keys.homes[edge] } else { keys.mirrors[edge] }).await?;
    check_shown(world, edge, required, found.change);
    Ok(())
}

impl<'w> Request<'w> {
    fn new(world: &'w World, server: usize, edge: usize) -> Request<'w> {
        Request { world, server, edge, home: world.link(server, world.layout.edges[edge].home) }
    }

    async fn call_home(&self, script: Script) -> Result<Decision> {
        let home = if self.world.keeps(Rule::OneRequestHasOneEpoch) {
            self.home
        } else {
            self.world.link(self.server, self.world.layout.edges[self.edge].home)
        };
        match self.world.call_admitted(self.server, home, script).await? {
            Answer::Decided(decision) => Ok(decision),
            other => panic!("{other:?}"),
        }
    }

    /// The epoch of the mirror may be a newer one: what is said to it carries its version.
    async fn follow_home(&self, mut decision: Decision) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let mirror = self.world.link(self.server, self.world.layout.edges[self.edge].mirror);
            match self.world.call_admitted(self.server, mirror, Script::MirrorApply(decision)).await? {
                Answer::Stale { last } => {
                    let read = Script::HomeRead { edge: self.edge, at_least: last };
                    decision = self.call_home(read).await?;
                }
                _ => return Ok(()),
            }
        }
        Err(Refusal::Epoch)
    }
}
