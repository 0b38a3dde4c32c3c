//! Likes and follows: edges between two entities, kept at both ends.
//!
//! The home end decides and counts; the mirror end follows it. Success is answered when both have answered. Anything
//! else is "unknown" to the client, who may repeat: a repeat brings a mirror that missed the first try.

use std::sync::Arc;

use bytes::Bytes;

use super::run::{Home, Run};
use super::script::Script;
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
    pub set: &'static Script,
    pub set_keys: Vec<String>,
    pub read: &'static Script,
    pub read_keys: Vec<String>,
    pub apply: &'static Script,
    pub apply_keys: Vec<String>,
}

/// Brings an edge to a state, at both ends. Once begun it goes on though the client leaves.
pub(super) async fn set(run: Arc<Run>, edge: Edge, on: bool) -> Result<()> {
    tokio::spawn(async move { both_ends(&run, &edge, on).await }).await.map_err(Error::internal)?
}

async fn both_ends(run: &Arc<Run>, edge: &Edge, wanted: bool) -> Result<()> {
    let home = Home::new(run, edge.home);
    let mirror = Home::new(run, edge.mirror);
    let (from, to) = (Bytes::from(edge.from.to_string()), Bytes::from(edge.to.to_string()));

    let arguments = [from.clone(), to.clone(), state(wanted)];
    let mut version = home.call_minting(edge.set, edge.set_keys.clone(), arguments).await?;
    let mut on = wanted;
    for _ in 0..ROUNDS_MAX {
        let arguments = [from.clone(), to.clone(), state(on), Bytes::from(version.to_string())];
        let applied = mirror.call_seeing(edge.apply, edge.apply_keys.clone(), arguments).await?;
        if !applied.stale {
            return Ok(());
        }
        let arguments = [from.clone(), Bytes::from(applied.value(0).required_number()?.to_string())];
        let decided = home.call_seeing(edge.read, edge.read_keys.clone(), arguments).await?;
        version = decided.value(0).required_number()?;
        on = decided.value(1).required_number()? == 1;
    }
    Err(Error::unavailable(format!("the mirror {} of an edge stays ahead of its home {}", edge.mirror, edge.home)))
}

fn state(on: bool) -> Bytes {
    Bytes::from_static(if on { b"1" } else { b"0" })
}
