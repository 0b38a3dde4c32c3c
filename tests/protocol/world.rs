//! What all actors share: the stores and the ways to them, the clock, the servers' admissions.
//!
//! An actor is an `async fn`. Each call waits for its turn first: between any two steps of one actor, everybody else may
//! go on for as long as luck wants. A call whose answer is lost has run all the same.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::layout::{BUCKETS, Layout};
use crate::postgres::Postgres;
use crate::promises::Promises;
use crate::redis::{Answer, Call, Keys, Node, Script};
use crate::rules::{Rule, Rules};

pub const SERVERS: usize = 2;

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    /// The connection ended, before the call or after it; or Postgres has committed nothing.
    Gone,
    /// Closed, or of another epoch: nothing has run.
    Epoch,
}

pub type Result<T> = std::result::Result<T, Refusal>;

/// How to speak to a bucket: a connection to one run of its node, and an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    pub bucket: usize,
    pub run: u64,
    pub epoch: u64,
}

/// A run of a node as a server was let to it; without an epoch: the bucket is closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Admission {
    pub run: u64,
    pub epochs: [Option<u64>; BUCKETS],
    /// None of its buckets was closed.
    pub is_whole: bool,
}

/// What becomes of the step under way, as the plan says.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub actor: usize,
    /// For what actors choose.
    pub whim: usize,
    /// Whether the answer arrives.
    pub heard: bool,
}

pub struct World {
    pub layout: &'static Layout,
    pub rules: Rules,
    pub nodes: RefCell<Vec<Node>>,
    pub postgres: RefCell<Postgres>,
    /// Of each server, for each node; `None`: it has to be compared (again).
    pub admissions: RefCell<[[Option<Admission>; 2]; SERVERS]>,
    pub promises: RefCell<Promises>,
    pub turn: Cell<Turn>,
    pub now_ms: Cell<u64>,
    /// By how much the clocks of nodes and servers are fast: less than the margin of a recovery.
    skews_ms: [u64; 4],
    runs: Cell<u64>,
    /// Somebody has just heard of an id, or written one down: a fault hurts most now.
    pub relied_on: Cell<bool>,
    pub story: RefCell<Option<Vec<String>>>,
}

impl World {
    pub fn new(layout: &'static Layout, rules: Rules, skews_ms: [u64; 4], told: bool) -> World {
        let node_count = layout.nodes().len();
        World {
            layout,
            rules,
            nodes: RefCell::new((0..node_count).map(|node| Node::new(node as u64, layout.node_of.len())).collect()),
            postgres: RefCell::new(Postgres::new(rules)),
            admissions: RefCell::default(),
            promises: RefCell::default(),
            turn: Cell::new(Turn { actor: 0, whim: 1, heard: true }),
            now_ms: Cell::new(1_000),
            skews_ms,
            runs: Cell::new(node_count as u64),
            relied_on: Cell::new(false),
            story: RefCell::new(told.then(Vec::new)),
        }
    }

    pub fn keeps(&self, rule: Rule) -> bool {
        self.rules.keep(rule)
    }

    /// A choice of the actor whose turn it is.
    pub fn whim(&self, choices: usize) -> usize {
        self.turn.get().whim % choices
    }

    pub fn server_ms(&self, server: usize) -> u64 {
        self.now_ms.get() + self.skews_ms[2 + server]
    }

    pub fn say(&self, words: impl FnOnce() -> String) {
        if let Some(story) = &mut *self.story.borrow_mut() {
            story.push(format!("{:<9} {}", crate::simulation::name(self.turn.get().actor), words()));
        }
    }

    /// A script call over a connection to a run.
    pub async fn call(&self, link: Link, script: Script) -> Result<Answer> {
        NextTurn::default().await;
        let node = self.layout.node_of[link.bucket];
        let mut nodes = self.nodes.borrow_mut();
        if nodes[node].run != link.run {
            return Err(Refusal::Gone);
        }
        let before = nodes[node].keys[link.bucket].head;
        let mut promises = self.promises.borrow_mut();
        let call = Call {
            epoch: link.epoch,
            script: &script,
            now_ms: self.now_ms.get() + self.skews_ms[node],
            rules: self.rules,
            change: promises.next_change(),
        };
        let answer = nodes[node].run_script(link.bucket, &call);
        let Link { bucket, epoch, .. } = link;
        self.say(|| format!("b{bucket} e{epoch} {script:?} -> {}", shown(&answer)));
        let after = nodes[node].keys[bucket].head;
        if !matches!(script, Script::Open { .. } | Script::Close) {
            promises.minted(bucket, before, after);
        }
        self.relied_on.set(self.relied_on.get() | matches!(answer, Some(Answer::Missing(..) | Answer::Minted(_))));
        self.heard(answer.ok_or(Refusal::Epoch))
    }

    /// As a server calls: a refusal makes it doubt the admission.
    pub async fn call_admitted(&self, server: usize, link: Option<Link>, script: Script) -> Result<Answer> {
        let link = link.ok_or(Refusal::Gone)?;
        let answer = self.call(link, script).await;
        if answer.as_ref().err() == Some(&Refusal::Epoch) {
            self.doubt(server, link);
        }
        answer
    }

    /// A plain read of the keys of a bucket, whatever the head says.
    pub async fn peek<T>(&self, bucket: usize, run: u64, read: impl FnOnce(&Keys) -> T) -> Result<T> {
        NextTurn::default().await;
        let nodes = self.nodes.borrow();
        let node = &nodes[self.layout.node_of[bucket]];
        let answer = if node.run == run { Ok(read(&node.keys[bucket])) } else { Err(Refusal::Gone) };
        self.heard(answer)
    }

    /// A read pipeline: the data, then the head, which must be open and of the epoch.
    pub async fn read<T>(&self, server: usize, link: Option<Link>, read: impl FnOnce(&Keys) -> T) -> Result<T> {
        let link = link.ok_or(Refusal::Gone)?;
        let Link { bucket, run, epoch } = link;
        let is_good = |keys: &Keys| keys.head.is_some_and(|head| head.open && head.epoch == epoch);
        let (data, good) = if self.keeps(Rule::HeadsAreReadLast) {
            let data = self.peek(bucket, run, read).await?;
            (data, self.peek(bucket, run, is_good).await?)
        } else {
            let good = self.peek(bucket, run, is_good).await?;
            (self.peek(bucket, run, read).await?, good)
        };
        if good {
            return Ok(data);
        }
        self.doubt(server, link);
        Err(Refusal::Epoch)
    }

    /// One transaction of Postgres; `None`: nothing was committed.
    pub async fn commit<T: std::fmt::Debug>(
        &self,
        what: &str,
        work: impl FnOnce(&mut Postgres) -> Option<T>,
    ) -> Result<T> {
        NextTurn::default().await;
        let done = work(&mut self.postgres.borrow_mut());
        self.say(|| format!("Postgres: {what} -> {}", shown(&done)));
        self.relied_on.set(self.relied_on.get() | done.is_some());
        self.heard(done.ok_or(Refusal::Gone))
    }

    pub async fn query<T>(&self, query: impl FnOnce(&Postgres) -> T) -> Result<T> {
        NextTurn::default().await;
        let answer = query(&self.postgres.borrow());
        self.heard(Ok(answer))
    }

    fn heard<T>(&self, answer: Result<T>) -> Result<T> {
        if self.turn.get().heard { answer } else { Err(Refusal::Gone) }
    }

    /// How the requests of a server reach a bucket.
    pub fn link(&self, server: usize, bucket: usize) -> Option<Link> {
        let admission = self.admissions.borrow()[server][self.layout.node_of[bucket]]?;
        Some(Link { bucket, run: admission.run, epoch: admission.epochs[bucket]? })
    }

    /// A head was not what it should be: the node is compared anew, unless that has happened since.
    pub fn doubt(&self, server: usize, link: Link) {
        if self.link(server, link.bucket) == Some(link) {
            self.admissions.borrow_mut()[server][self.layout.node_of[link.bucket]] = None;
        }
    }

    pub fn run_of(&self, bucket: usize) -> u64 {
        self.nodes.borrow()[self.layout.node_of[bucket]].run
    }

    pub fn restart(&self, node: usize, lost_writes: usize) {
        let mut nodes = self.nodes.borrow_mut();
        nodes[node].rewind(lost_writes);
        nodes[node].run = self.runs.get();
        self.runs.set(self.runs.get() + 1);
    }

    pub fn empty(&self, node: usize) {
        self.nodes.borrow_mut()[node].empty();
    }
}

fn shown(answer: &Option<impl std::fmt::Debug>) -> String {
    answer.as_ref().map_or("refused".into(), |answer| format!("{answer:?}"))
}

#[derive(Default)]
struct NextTurn {
    has_come: bool,
}

impl Future for NextTurn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.has_come, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Does several things at once: at each turn of the actor one of them, as luck wants, takes its next step. If one fails,
/// the others are given up, but what they have sent may still arrive.
pub struct Together<'a, const COUNT: usize> {
    world: &'a World,
    parts: [Option<Part<'a>>; COUNT],
    has_begun: bool,
}

pub type Part<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

impl<'a, const COUNT: usize> Together<'a, COUNT> {
    pub fn new(world: &'a World, parts: [Part<'a>; COUNT]) -> Together<'a, COUNT> {
        Together { world, parts: parts.map(Some), has_begun: false }
    }
}

impl<const COUNT: usize> Future for Together<'_, COUNT> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Together { world, parts, has_begun } = &mut *self;
        // Up to the first call of each, which waits for its turn.
        let is_first = !std::mem::replace(has_begun, true);
        let chosen = world.whim(960) / 4;
        let under_way: Vec<usize> = (0..COUNT).filter(|part| parts[*part].is_some()).collect();
        for (order, part) in under_way.iter().enumerate() {
            if !is_first && order != chosen % under_way.len() {
                continue;
            }
            let Some(future) = &mut parts[*part] else { continue };
            let Poll::Ready(done) = future.as_mut().poll(context) else { continue };
            parts[*part] = None;
            if done.is_err() {
                if chosen.is_multiple_of(2) {
                    for part in parts.iter_mut().flatten() {
                        let _ = part.as_mut().poll(context);
                    }
                }
                return Poll::Ready(done);
            }
        }
        if parts.iter().all(Option::is_none) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
