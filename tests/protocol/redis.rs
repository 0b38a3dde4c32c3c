//! A Redis process, as far as the protocol knows it: for each bucket a head, the two ends of edges, what its mirror side
//! remembers, an outbox; and the scripts, each of which runs whole or not at all (`lua/`).

use std::collections::VecDeque;

use riffle::id::Bucket;
use riffle::store::Head;

use crate::layout::EDGES;
use crate::rules::{Rule, Rules};

/// How many of its last writes a node can lose.
const TAIL: usize = 60;

/// One end of an edge, or its row. Redis knows `on`; which change made it so, counted through all histories, only the
/// simulation knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct End {
    pub on: bool,
    pub change: u64,
}

/// What a home has decided, as it is told to others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decision {
    pub edge: usize,
    pub version: u64,
    pub end: End,
}

#[derive(Clone, Default)]
pub struct Keys {
    pub head: Option<Head>,
    pub outbox: Vec<Decision>,
    /// Edge → version; 0: not remembered.
    pub recent: [u64; EDGES],
    pub homes: [End; EDGES],
    pub mirrors: [End; EDGES],
}

#[derive(Clone, Debug)]
pub enum Script {
    HomeSet {
        edge: usize,
        on: bool,
    },
    HomeRead {
        edge: usize,
        at_least: u64,
    },
    MirrorApply(Decision),
    MirrorConfirm(Vec<Decision>),
    MirrorForget(Vec<Decision>),
    OutboxTrim {
        position: u64,
    },
    Close,
    Clear,
    LoadHome(Decision),
    LoadMirror(Decision),
    Open {
        base: u64,
    },
    /// From the recovery of another bucket: nothing up to here is believed any more.
    Forget {
        up_to: u64,
    },
    /// From the recovery of the home: an edge that it had not relayed.
    Deliver(Decision),
}

#[derive(Clone, Debug)]
pub enum Answer {
    Done,
    Decided(Decision),
    Stale {
        last: u64,
    },
    Minted(u64),
    /// An id that was minted, and what the mirror does not have.
    Missing(u64, Vec<Decision>),
    Former(Option<Head>),
}

pub struct Node {
    /// Which life of the process this is.
    pub run: u64,
    pub keys: Vec<Keys>,
    /// What undoes its last writes: the end of an append-only file that may be lost.
    undo: VecDeque<(usize, Keys)>,
}

impl Node {
    pub fn new(run: u64, buckets: usize) -> Node {
        Node { run, keys: vec![Keys::default(); buckets], undo: VecDeque::new() }
    }

    /// Loses all keys, and its append-only file.
    pub fn empty(&mut self) {
        self.keys.fill(Keys::default());
        self.undo.clear();
    }

    /// Loses its last writes, as many as it has of these.
    pub fn rewind(&mut self, writes: usize) {
        for (bucket, keys) in self.undo.drain(self.undo.len().saturating_sub(writes)..).rev() {
            self.keys[bucket] = keys;
        }
    }

    /// `None` is the refusal `EPOCH`, before anything is written.
    pub fn run_script(&mut self, bucket: usize, call: &Call) -> Option<Answer> {
        let before = self.keys[bucket].clone();
        let answer = self.keys[bucket].run_script(bucket, call)?;
        self.undo.push_back((bucket, before));
        if self.undo.len() > TAIL {
            self.undo.pop_front();
        }
        Some(answer)
    }
}

/// A script with all that it is told, and what it finds around it.
pub struct Call<'a> {
    pub epoch: u64,
    pub script: &'a Script,
    pub now_ms: u64,
    pub rules: Rules,
    /// The number of the next change.
    pub change: u64,
}

impl Keys {
    fn run_script(&mut self, bucket: usize, call: &Call) -> Option<Answer> {
        if let Script::Close = call.script {
            return self.close(bucket, call);
        }
        let head = self.head.as_mut()?;
        let loads =
            matches!(call.script, Script::Clear | Script::LoadHome(_) | Script::LoadMirror(_) | Script::Open { .. });
        let demanding = !loads || call.rules.keep(Rule::LoadingDemandsItsClosedHead);
        if demanding && (head.epoch != call.epoch || head.open == loads) {
            return None;
        }
        Some(match call.script {
            Script::HomeSet { edge, on } => {
                let version = mint(head, call.now_ms, 0);
                if self.homes[*edge].on != *on {
                    self.homes[*edge] = End { on: *on, change: call.change };
                    self.outbox.push(Decision { edge: *edge, version, end: self.homes[*edge] });
                }
                Answer::Decided(Decision { edge: *edge, version, end: self.homes[*edge] })
            }
            Script::HomeRead { edge, at_least } => {
                let version = mint(head, call.now_ms, *at_least);
                Answer::Decided(Decision { edge: *edge, version, end: self.homes[*edge] })
            }
            Script::MirrorApply(decision) => self.apply(*decision, call.rules),
            Script::MirrorConfirm(edges) => {
                let missing = edges.iter().filter(|asked| self.recent[asked.edge] < asked.version);
                Answer::Missing(mint(head, call.now_ms, 0), missing.copied().collect())
            }
            Script::MirrorForget(edges) => {
                for Decision { edge, version, .. } in edges {
                    if self.recent[*edge] == *version {
                        self.recent[*edge] = 0;
                        head.forgotten = head.forgotten.max(*version);
                    }
                }
                Answer::Minted(mint(head, call.now_ms, head.forgotten))
            }
            Script::OutboxTrim { position } => {
                self.outbox.retain(|entry| entry.version >= *position);
                Answer::Done
            }
            Script::Clear => {
                *self = Keys { head: self.head, ..Keys::default() };
                Answer::Done
            }
            Script::LoadHome(row) => {
                self.homes[row.edge] = row.end;
                Answer::Done
            }
            Script::LoadMirror(row) => {
                self.mirrors[row.edge] = row.end;
                Answer::Done
            }
            Script::Open { base } => {
                let forgotten = if call.rules.keep(Rule::OpeningForgetsAll) { *base } else { head.forgotten };
                self.head = Some(Head { epoch: call.epoch, open: true, last: *base, forgotten });
                self.outbox.clear();
                self.recent = [0; EDGES];
                Answer::Done
            }
            Script::Forget { up_to } => {
                head.forgotten = head.forgotten.max(*up_to);
                // Above it: a home that is asked for more than our last id then answers one we believe.
                Answer::Minted(mint(head, call.now_ms, head.forgotten))
            }
            Script::Deliver(decision) => {
                let minted = mint(head, call.now_ms, 0);
                match self.apply(*decision, call.rules) {
                    Answer::Done => Answer::Minted(minted),
                    stale => stale,
                }
            }
            Script::Close => return None,
        })
    }

    fn close(&mut self, bucket: usize, call: &Call) -> Option<Answer> {
        let former = self.head;
        let is_newer = former.is_none_or(|head| head.epoch < call.epoch);
        if !is_newer && call.rules.keep(Rule::ClosingRespectsTheNewer) {
            return None;
        }
        let (last, forgotten) = former.map_or((bucket_of(bucket).id_at(0), 0), |head| (head.last, head.forgotten));
        self.head = Some(Head { epoch: call.epoch, open: false, last, forgotten });
        Some(Answer::Former(former))
    }

    fn apply(&mut self, Decision { edge, version, end }: Decision, rules: Rules) -> Answer {
        let Some(head) = self.head else { return Answer::Done };
        let is_known = self.recent[edge] >= version;
        let is_judged_first = !is_known || rules.keep(Rule::StaleIsJudgedFirst);
        if version <= head.forgotten && is_judged_first && rules.keep(Rule::TheForgottenIsStale) {
            return Answer::Stale { last: head.last };
        }
        if !is_known {
            self.recent[edge] = version;
            self.mirrors[edge] = end;
        }
        Answer::Done
    }
}

pub fn bucket_of(bucket: usize) -> Bucket {
    Bucket::new(bucket as u16).unwrap()
}

/// As `lua/lib/head.lua` does it.
fn mint(head: &mut Head, now_ms: u64, at_least: u64) -> u64 {
    let bucket = head.last / 32 % 256;
    let next = head.last / 8192 * 32 + head.last % 32 + 1;
    let above = if at_least > 0 { (at_least / 8192 + 1) * 32 } else { 0 };
    let tick = (now_ms * 32).max(next).max(above);
    head.last = tick / 32 * 8192 + bucket * 32 + tick % 32;
    head.last
}
