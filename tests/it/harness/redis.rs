//! The Redis of a test, one process or the nodes of a cluster, and a look past the server into it.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use riffle::dev::{Places, StoreKind, StoreOptions, StoreProcess};
use riffle::store::{Address, Client, Command, Reply};

use super::eventually::eventually;
use super::world::{THROWAWAY, World};

const SLOTS: usize = 16_384;
/// A node that moved a key to another one says so; a cluster that still changes may send us on again.
const MOVES_MAX: usize = 5;

/// As a single process (what it dereferences to), or as several, each with the same share of the slots.
pub struct Redis {
    folder: PathBuf,
    options: StoreOptions,
    nodes: Vec<StoreProcess>,
}

/// Where there is one, tests kill, freeze and cut it by itself.
impl Deref for Redis {
    type Target = StoreProcess;

    fn deref(&self) -> &StoreProcess {
        assert_eq!(self.nodes.len(), 1, "this Redis has several nodes: ask for World::start_alone()");
        &self.nodes[0]
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut StoreProcess {
        assert_eq!(self.nodes.len(), 1, "this Redis has several nodes: ask for World::start_alone()");
        &mut self.nodes[0]
    }
}

impl Redis {
    /// An ordinary Redis, which is no cluster.
    pub async fn start(folder: &Path) -> Redis {
        Redis { folder: folder.to_owned(), options: THROWAWAY, nodes: vec![node(folder, THROWAWAY).await] }
    }

    /// A cluster of so many primaries.
    pub async fn start_cluster(folder: &Path, nodes: usize) -> Redis {
        let options = StoreOptions { redis_cluster: true, ..THROWAWAY };
        let folders = (0..nodes).map(|place| folder.join(format!("node{place}")));
        let nodes = join_all(folders.map(async |folder| node(&folder, options).await)).await;
        let redis = Redis { folder: folder.to_owned(), options, nodes };
        redis.form().await;
        redis
    }

    /// One node's socket, or where all nodes listen.
    pub fn url(&self) -> String {
        if let [alone] = &self.nodes[..] {
            return alone.url();
        }
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.node_address().to_string()).collect();
        let others: Vec<String> = addresses[1..].iter().map(|address| format!("node={address}")).collect();
        format!("redis-cluster://{}?{}", addresses[0], others.join("&"))
    }

    pub fn nodes(&self) -> &[StoreProcess] {
        &self.nodes
    }

    pub fn node(&mut self, place: usize) -> &mut StoreProcess {
        &mut self.nodes[place]
    }

    /// Together: none of them is ready before enough of the others are there.
    pub async fn start_again_all(&mut self) {
        self.start_again_from(0).await;
    }

    /// All from a place on.
    pub async fn start_again_from(&mut self, place: usize) {
        for started in join_all(self.nodes[place..].iter_mut().map(StoreProcess::start_again)).await {
            started.unwrap();
        }
    }

    pub fn kill_and_wait(&self) {
        self.nodes.iter().for_each(StoreProcess::kill_and_wait);
    }

    async fn form(&self) {
        let clients = join_all(self.nodes.iter().map(async |node| connect(&node.url()).await)).await;
        let count = self.nodes.len();
        for (place, client) in clients.iter().enumerate() {
            let (first, last) = (place * SLOTS / count, (place + 1) * SLOTS / count - 1);
            cluster(client, &format!("ADDSLOTSRANGE {first} {last}")).await;
            cluster(client, &format!("SET-CONFIG-EPOCH {}", place + 1)).await;
        }
        for (place, client) in clients.iter().enumerate() {
            for other in &self.nodes[..place] {
                meet(client, other).await;
            }
        }
        let signs = ["cluster_state:ok", "cluster_slots_assigned:16384", &format!("cluster_known_nodes:{count}\r\n")];
        for client in &clients {
            let formed = async || {
                let info = cluster(client, "INFO").await;
                let info = info.text().unwrap().unwrap();
                signs.iter().all(|sign| info.contains(sign)).then_some(())
            };
            eventually("the nodes of a cluster to know each other", formed).await;
        }
    }

    /// A further process that follows a primary; returns when it has everything.
    pub async fn add_replica(&mut self, of: usize) -> usize {
        let place = self.nodes.len();
        let replica = node(&self.folder.join(format!("node{place}")), self.options).await;
        let client = connect(&replica.url()).await;
        let primary_id = cluster(&connect(&self.nodes[of].url()).await, "MYID").await;
        let primary_id = primary_id.text().unwrap().unwrap();
        for other in &self.nodes {
            meet(&client, other).await;
        }
        let follow = Command::new("CLUSTER").arg("REPLICATE").arg(primary_id.to_owned());
        eventually("a replica to know its primary", async || client.call(follow.clone()).await.ok()).await;
        let knows = async || {
            let info = cluster(&client, "INFO").await;
            info.text().unwrap().unwrap().contains("cluster_slots_assigned:16384").then_some(())
        };
        eventually("a replica to know who has what", knows).await;
        // Or nobody would vote for it.
        let is_known = async || {
            let seen = self.everywhere("CLUSTER", &["REPLICAS", primary_id]).await;
            seen.iter().all(|replicas| replicas.array().unwrap().len() == 1).then_some(())
        };
        eventually("all nodes to know a replica", is_known).await;
        self.nodes.push(replica);
        self.until_linked(place).await;
        place
    }

    /// Waits until a replica has all that its primary had.
    pub async fn until_linked(&self, place: usize) {
        let is_linked = async || {
            let info = ask_redis(&self.nodes[place].url(), "INFO", &["replication"]).await.ok()?;
            info.text().unwrap().unwrap().contains("master_link_status:up").then_some(())
        };
        eventually("a replica to have everything", is_linked).await;
    }

    pub async fn is_primary(&self, place: usize) -> bool {
        let role = ask_redis(&self.nodes[place].url(), "ROLE", &[]).await.unwrap();
        role.array().unwrap()[0].text().unwrap() == Some("master")
    }

    /// The place of the node that has a key.
    pub async fn place_of(&self, key: &str) -> usize {
        let (address, _) = self.at_key(key, "EXISTS", &[key]).await;
        address
    }

    /// Asks the node that has the key.
    async fn at_key(&self, key: &str, name: &'static str, arguments: &[&str]) -> (usize, Reply) {
        let mut place = 0;
        for _ in 0..MOVES_MAX {
            match ask_redis(&self.nodes[place].url(), name, arguments).await {
                Ok(reply) => return (place, reply),
                Err(error) => {
                    let text = error.to_string();
                    let moved = text.split_once("MOVED ").and_then(|(_, rest)| rest.split([' ', ')']).nth(1));
                    let moved = moved.unwrap_or_else(|| panic!("{name} {arguments:?}: {text}"));
                    let is_there = |node: &StoreProcess| node.node_address().to_string() == moved;
                    place = self.nodes.iter().position(is_there).unwrap();
                }
            }
        }
        panic!("nobody has {key}");
    }

    /// Asks every node.
    pub async fn everywhere(&self, name: &'static str, arguments: &[&str]) -> Vec<Reply> {
        try_join_all(self.nodes.iter().map(async |node| ask_redis(&node.url(), name, arguments).await)).await.unwrap()
    }
}

async fn node(folder: &Path, options: StoreOptions) -> StoreProcess {
    let places = Places::of(folder).unwrap();
    StoreProcess::start(StoreKind::Redis, &places, options).await.unwrap()
}

async fn connect(url: &str) -> Client {
    Client::connect(&Address::parse(url).unwrap(), Duration::from_secs(5)).await.unwrap()
}

async fn cluster(client: &Client, words: &str) -> Reply {
    let words = words.split(' ').map(|word| Bytes::from(word.to_owned()));
    client.call(Command::new("CLUSTER").args(words)).await.unwrap()
}

async fn meet(client: &Client, other: &StoreProcess) {
    let address = other.node_address();
    cluster(client, &format!("MEET {} {}", address.ip(), address.port())).await;
}

/// One command on a connection of its own.
pub async fn ask_redis(url: &str, name: &'static str, arguments: &[&str]) -> riffle::error::Result<Reply> {
    let client = Client::connect(&Address::parse(url)?, Duration::from_secs(5)).await?;
    let arguments = arguments.iter().map(|argument| Bytes::copy_from_slice(argument.as_bytes()));
    Ok(client.call(Command::new(name).args(arguments)).await?)
}

/// Commands whose first argument is no key: every node does them.
const OF_NODES: &[&str] = &["FLUSHALL", "DBSIZE", "SCRIPT", "CONFIG", "CLIENT", "ACL", "INFO"];

impl World {
    /// Asks the node that has the key; or every node, and gives the first answer, numbers summed.
    pub async fn redis_command(&self, name: &'static str, arguments: &[&str]) -> Reply {
        if !OF_NODES.contains(&name) {
            return self.redis.at_key(arguments[0], name, arguments).await.1;
        }
        let mut replies = self.redis.everywhere(name, arguments).await;
        match replies[0] {
            Reply::Integer(_) => {
                Reply::Integer(replies.iter().filter_map(|reply| reply.number().unwrap()).sum::<u64>() as i64)
            }
            _ => replies.swap_remove(0),
        }
    }

    /// Runs a script without keys on every primary: the texts it answers.
    pub async fn redis_eval(&self, script: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (place, node) in self.redis.nodes().iter().enumerate() {
            if self.redis.is_primary(place).await {
                let reply = ask_redis(&node.url(), "EVAL", &[script, "0"]).await.unwrap();
                texts.push(reply.text().unwrap().unwrap().to_owned());
            }
        }
        texts
    }
}
