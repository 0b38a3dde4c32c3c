//! Which node has which bucket: one Redis has them all, the primaries of a Redis Cluster share them.
//!
//! The library's own clustered client is not used: it reconnects and sends again by itself, and its pipelines ask one
//! node after the other. So there is one client for each primary, and this map.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tracing::debug;

use super::client::{Address, Client, Command, slot_of};
use super::keys;
use super::reply::Reply;
use super::script::load_all;
use crate::error::{Error, Result};
use crate::id::Bucket;

pub struct Node {
    pub address: String,
    pub client: Arc<Client>,
    pub buckets: Vec<Bucket>,
}

pub struct Nodes {
    /// Those that could be reached, with at least one bucket each.
    pub reached: Vec<Node>,
    /// Whether these have all buckets.
    pub all: bool,
}

/// Connects to all nodes that have buckets, and has them know the scripts. `known`: connections to use again while they
/// live, with the addresses of their nodes. An error: none can be reached.
pub async fn connect(url: &Address, timeout: Duration, known: &[(String, Arc<Client>)]) -> Result<Nodes> {
    let (address, seed) = seed(url, timeout, known).await?;
    let primaries = primaries(&seed).await?;
    let Some(primaries) = primaries else {
        let node = Node { address, client: seed, buckets: Bucket::all().collect() };
        return Ok(Nodes { reached: enter(vec![node], known).await?, all: true });
    };
    // Together: one that is frozen takes its time to say nothing.
    let clients = join_all(primaries.iter().map(async |primary| match primary.is_seed {
        true => Ok(seed.clone()),
        false => connect_one(&url.at(&primary.host, primary.port), &primary.address(), timeout, known).await,
    }));
    let mut nodes = Vec::new();
    let mut first_fault = None;
    for (primary, client) in primaries.iter().zip(clients.await) {
        match client {
            Ok(client) => nodes.push(Node { address: primary.address(), client, buckets: primary.buckets.clone() }),
            Err(error) => {
                debug!("a node of Redis is away: {error}");
                first_fault.get_or_insert(error);
            }
        }
    }
    let reached = enter(nodes, known).await?;
    if reached.is_empty() {
        return Err(first_fault.unwrap_or_else(|| Error::unavailable("Redis: no node of the cluster has any bucket")));
    }
    let all = reached.iter().map(|node| node.buckets.len()).sum::<usize>() == Bucket::COUNT;
    Ok(Nodes { reached, all })
}

/// Whoever can be asked where the buckets are: a connection there is, or else a host that was named or known.
async fn seed(url: &Address, timeout: Duration, known: &[(String, Arc<Client>)]) -> Result<(String, Arc<Client>)> {
    if let Some((address, client)) = known.iter().find(|(_, client)| !client.has_ended()) {
        return Ok((address.clone(), client.clone()));
    }
    let known_hosts = known.iter().filter_map(|(address, _)| {
        let (host, port) = address.rsplit_once(':')?;
        Some(url.at(host, port.parse().ok()?))
    });
    let mut fault = Error::unavailable("Redis: no address");
    for host in url.hosts().into_iter().chain(known_hosts) {
        match Client::connect(&host, timeout).await {
            Ok(client) => return Ok((host.to_string(), Arc::new(client))),
            Err(error) => fault = error,
        }
    }
    Err(fault)
}

async fn connect_one(
    address: &Address,
    name: &str,
    timeout: Duration,
    known: &[(String, Arc<Client>)],
) -> Result<Arc<Client>> {
    match known.iter().find(|(known, client)| known == name && !client.has_ended()) {
        Some((_, client)) => Ok(client.clone()),
        None => Client::connect(address, timeout).await.map(Arc::new),
    }
}

/// Leaves out who does not take the scripts: it went away just now.
async fn enter(nodes: Vec<Node>, known: &[(String, Arc<Client>)]) -> Result<Vec<Node>> {
    let mut entered = Vec::with_capacity(nodes.len());
    let alone = nodes.len() == 1;
    for node in nodes {
        let is_known = known.iter().any(|(_, client)| Arc::ptr_eq(client, &node.client));
        match if is_known { Ok(()) } else { load_all(&node.client).await } {
            Ok(()) => entered.push(node),
            Err(fault) if alone => return Err(fault.into()),
            Err(fault) => debug!("a node of Redis is away: {fault:?}"),
        }
    }
    Ok(entered)
}

struct Primary {
    host: String,
    port: u16,
    buckets: Vec<Bucket>,
    /// It is the very node that was asked.
    is_seed: bool,
}

impl Primary {
    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The primaries that have buckets; `None` where Redis is not a cluster.
async fn primaries(client: &Client) -> Result<Option<Vec<Primary>>> {
    let info = client.call(Command::new("INFO").arg("cluster")).await?;
    if !info.text()?.unwrap_or_default().contains("cluster_enabled:1") {
        return Ok(None);
    }
    let own_id = client.call(Command::new("CLUSTER").arg("MYID")).await?;
    let slots = client.call(Command::new("CLUSTER").arg("SLOTS")).await?;
    parse(&slots, own_id.text()?.unwrap_or_default()).map(Some)
}

/// `slots`: an array of `[first slot, last slot, [host, port, id, …], replicas…]`.
fn parse(slots: &Reply, own_id: &str) -> Result<Vec<Primary>> {
    let mut of_slot: BTreeMap<u16, Vec<Bucket>> = BTreeMap::new();
    for bucket in Bucket::all() {
        of_slot.entry(slot_of(&keys::head(bucket))).or_default().push(bucket);
    }
    let mut primaries: BTreeMap<String, Primary> = BTreeMap::new();
    for range in slots.array()? {
        let [first, last, primary, ..] = range.array()? else { continue };
        let [host, port, id, ..] = primary.array()? else { continue };
        let (first, last) = (first.required_number()? as u16, last.required_number()? as u16);
        let id = id.text()?.unwrap_or_default();
        let buckets = of_slot.range(first..=last).flat_map(|(_, buckets)| buckets);
        let known = primaries.entry(id.to_owned()).or_insert(Primary {
            host: host.text()?.unwrap_or_default().to_owned(),
            port: port.required_number()? as u16,
            buckets: Vec::new(),
            is_seed: id == own_id,
        });
        known.buckets.extend(buckets);
    }
    let mut primaries: Vec<Primary> = primaries.into_values().filter(|primary| !primary.buckets.is_empty()).collect();
    primaries.iter_mut().for_each(|primary| primary.buckets.sort_unstable());
    Ok(primaries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Reply {
        Reply::Bytes(text.into())
    }

    #[test]
    fn every_bucket_belongs_to_the_primary_of_its_slot() {
        let node =
            |host, port, id| Reply::Array(vec![text(host), Reply::Integer(port), text(id), Reply::Array(vec![])]);
        let range = |first, last, node| Reply::Array(vec![Reply::Integer(first), Reply::Integer(last), node]);
        let replica = node("10.0.0.9", 6379, "r");
        let mut with_replica = range(0, 5_460, node("10.0.0.1", 6379, "a"));
        if let Reply::Array(parts) = &mut with_replica {
            parts.push(replica);
        }
        let slots = Reply::Array(vec![
            with_replica,
            range(5_461, 10_922, node("10.0.0.2", 6379, "b")),
            range(10_923, 16_000, node("10.0.0.3", 6379, "c")),
            range(16_001, 16_383, node("10.0.0.1", 6379, "a")),
        ]);
        let primaries = parse(&slots, "b").unwrap();
        let shown: Vec<_> = primaries.iter().map(|primary| (primary.address(), primary.is_seed)).collect();
        let expected = [("10.0.0.1:6379", false), ("10.0.0.2:6379", true), ("10.0.0.3:6379", false)];
        assert_eq!(shown, expected.map(|(address, is_seed)| (address.to_owned(), is_seed)));
        let mut buckets: Vec<Bucket> = primaries.iter().flat_map(|primary| primary.buckets.clone()).collect();
        buckets.sort();
        assert_eq!(buckets, Bucket::all().collect::<Vec<_>>());
        assert!(primaries.iter().all(|primary| primary.buckets.len() > 40));
    }
}
