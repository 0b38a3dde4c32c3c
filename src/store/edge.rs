//! Likes and follows: edges between two entities, kept at both ends.
//!
//! The home end decides and counts; the mirror end follows it. Success is answered when both have answered. Anything
//! else is "unknown" to the client, who may repeat: a repeat brings a mirror that missed the first try.

use std::sync::Arc;

use bytes::Bytes;

use super::run::{Answer, Home, Run};
use super::script::Script;
use crate::crash;
use crate::error::{Error, Result};
use crate::id::Bucket;

/// How often a mirror may send us back to the home before we give up. Each round takes the mirror's clock along, so
/// the second settles it unless a recovery comes between.
const ROUNDS_MAX: usize = 4;

/// One edge, and the scripts and keys of its kind.
pub(super) struct Edge {
    pub from: u64,
    pub to: u64,
    pub home: Bucket,
    pub mirror: Bucket,
    pub read: &'static Script,
    pub read_keys: Vec<String>,
    pub apply: &'static Script,
    pub apply_keys: Vec<String>,
}

/// Brings an edge to a state, at both ends. `script` decides at the home, with `keys`. Once begun it goes on though the
/// client leaves. Gives the version of the decision.
pub(super) async fn set(
    run: Arc<Run>,
    edge: Edge,
    script: &'static Script,
    keys: Vec<String>,
    on: bool,
) -> Result<u64> {
    let steps = async move {
        let arguments = [Bytes::from(edge.from.to_string()), Bytes::from(edge.to.to_string()), state(on)];
        let version = Home::new(&run, edge.home).call_minting(script, keys, arguments).await?;
        crash::point("edge_decided");
        follow_home(&run, &edge, version, version, on).await?;
        Ok(version)
    };
    tokio::spawn(steps).await.map_err(Error::internal)?
}

/// Brings the mirror of an edge after its home, whatever that has decided. `place`: the version of the edge's change.
pub(super) async fn bring_mirror(run: &Arc<Run>, edge: &Edge, place: u64) -> Result<()> {
    let (version, on) = read_home(run, edge, 0).await?;
    follow_home(run, edge, place, version, on).await
}

/// Tells the mirror of an edge what its home is known to have decided, while the home is closed. `version` is above all
/// that the home had minted.
pub(super) async fn deliver(run: &Arc<Run>, edge: &Edge, place: u64, version: u64, on: bool) -> Result<()> {
    match apply(run, edge, place, version, on).await?.stale {
        false => Ok(()),
        true => Err(Error::unavailable(format!("the mirror {} is ahead of a recovery", edge.mirror))),
    }
}

async fn apply(run: &Arc<Run>, edge: &Edge, place: u64, version: u64, on: bool) -> Result<Answer> {
    let ids = [edge.from, edge.to].map(|id| Bytes::from(id.to_string()));
    let arguments = ids.into_iter().chain([state(on)]);
    let arguments = arguments.chain([version, place].map(|number| Bytes::from(number.to_string())));
    Home::new(run, edge.mirror).call_seeing(edge.apply, edge.apply_keys.clone(), arguments).await
}

/// `version` is what the mirror judges by, and may be of a later question than the change; `place` is where the edge
/// stands in an order, which a reload from Postgres must give again.
async fn follow_home(run: &Arc<Run>, edge: &Edge, place: u64, mut version: u64, mut on: bool) -> Result<()> {
    for _ in 0..ROUNDS_MAX {
        let applied = apply(run, edge, place, version, on).await?;
        if !applied.stale {
            return Ok(());
        }
        (version, on) = read_home(run, edge, applied.value(0).required_number()?).await?;
    }
    Err(Error::unavailable(format!("the mirror {} of an edge stays ahead of its home {}", edge.mirror, edge.home)))
}

/// A version above `at_least`, and the state that the home has decided.
async fn read_home(run: &Arc<Run>, edge: &Edge, at_least: u64) -> Result<(u64, bool)> {
    let arguments = [edge.from, at_least].map(|number| Bytes::from(number.to_string()));
    let decided = Home::new(run, edge.home).call_seeing(edge.read, edge.read_keys.clone(), arguments).await?;
    Ok((decided.value(0).required_number()?, decided.value(1).required_number()? == 1))
}

fn state(on: bool) -> Bytes {
    Bytes::from_static(if on { b"1" } else { b"0" })
}
