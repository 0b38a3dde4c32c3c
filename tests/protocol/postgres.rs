//! Postgres, as far as the protocol knows it: a row for each edge, a row for each bucket, the runs that were admitted.
//! Each function is one transaction, and says whether it was committed.

use std::collections::BTreeSet;

use riffle::archive::buckets::BucketRow;
use riffle::archive::flush::Move;

use crate::layout::{BUCKETS, EDGES};
use crate::redis::Decision;
use crate::rules::{Rule, Rules};

pub struct Postgres {
    pub rows: [Decision; EDGES],
    pub buckets: [BucketRow; BUCKETS],
    pub admitted: BTreeSet<u64>,
    /// The actor that may recover.
    pub recovery_lock: Option<usize>,
    pub rules: Rules,
    /// Set when a newer version carried an older change.
    pub broken: Option<String>,
}

/// What a fence found and left.
#[derive(Debug)]
pub struct Fenced {
    /// Some of the buckets were open until now.
    pub were_open: bool,
    /// Of all buckets.
    pub epochs: Epochs,
}

/// A bucket, the epoch it is believed to have, and an id.
pub type Noted = (usize, u64, u64);

pub type Epochs = [u64; BUCKETS];

impl Postgres {
    pub fn new(rules: Rules) -> Postgres {
        Postgres {
            rows: std::array::from_fn(|edge| Decision { edge, ..Decision::default() }),
            buckets: [BucketRow { epoch: 0, open: false, position: 0, relayed: 0, seen: 0 }; BUCKETS],
            admitted: BTreeSet::new(),
            recovery_lock: None,
            rules,
            broken: None,
        }
    }

    pub fn epochs(&self) -> Epochs {
        self.buckets.map(|row| row.epoch)
    }

    /// Writes entries and moves positions. `open`: whether the buckets are, or closed for recovery.
    pub fn flush(&mut self, entries: &[Decision], moves: &[Move], open: bool) -> bool {
        let epoch_matters = self.rules.keep(Rule::AFlushDemandsItsEpoch);
        let position_matters = self.rules.keep(Rule::AFlushDemandsItsPosition);
        let agrees = |step: &Move| {
            let row = self.buckets[step.bucket.index()];
            (!epoch_matters || (row.open == open && row.epoch == step.epoch))
                && (!position_matters || row.position == step.old)
        };
        if !moves.iter().all(agrees) {
            return false;
        }
        for entry in entries {
            self.upsert(*entry, Rule::NewerRowsWin);
        }
        for step in moves {
            let row = &mut self.buckets[step.bucket.index()];
            row.position = step.new;
            row.seen = row.seen.max(step.new);
        }
        true
    }

    fn upsert(&mut self, incoming: Decision, rule: Rule) {
        let stored = &mut self.rows[incoming.edge];
        if incoming.version <= stored.version && self.rules.keep(rule) {
            return;
        }
        if incoming.end.change < stored.end.change {
            self.broken = Some(format!("{stored:?} in Postgres gave way to the older {incoming:?}"));
        }
        *stored = incoming;
    }

    /// Notes up to where both ends have everything, and the ids that were minted when that was confirmed.
    pub fn relayed(&mut self, relayed: &[Noted], seen: &[Noted]) -> bool {
        let is_current =
            |(bucket, epoch, _): &Noted| self.buckets[*bucket].open && self.buckets[*bucket].epoch == *epoch;
        if !relayed.iter().chain(seen).all(is_current) && self.rules.keep(Rule::ARelayDemandsItsEpochs) {
            return false;
        }
        for (bucket, _, id) in relayed {
            let row = &mut self.buckets[*bucket];
            row.relayed = row.relayed.max(*id);
        }
        self.raise_seen(seen.iter().map(|(bucket, _, id)| (*bucket, *id)));
        true
    }

    fn raise_seen(&mut self, seen: impl Iterator<Item = (usize, u64)>) {
        for (bucket, id) in seen {
            let row = &mut self.buckets[bucket];
            row.seen = row.seen.max(id);
        }
    }

    /// Begins a recovery: no step of an earlier epoch commits after this. `runs`: of the nodes of the buckets. Whoever
    /// closes a bucket that was open takes the admission of its run away, until it is drained: else, should this recovery
    /// end here, it would be taken for drained.
    pub fn fence(&mut self, set: &[usize], epoch: u64, runs: &[u64]) -> Option<Fenced> {
        if set.iter().any(|bucket| self.buckets[*bucket].epoch >= epoch) {
            return None;
        }
        if self.rules.keep(Rule::ClosingTakesTheAdmissionAway) {
            for (_, run) in set.iter().zip(runs).filter(|(bucket, _)| self.buckets[**bucket].open) {
                self.admitted.remove(run);
            }
        }
        let were_open = set.iter().any(|bucket| self.buckets[*bucket].open);
        for bucket in set {
            let row = &mut self.buckets[*bucket];
            (row.epoch, row.open) = (epoch, false);
        }
        Some(Fenced { were_open, epochs: self.epochs() })
    }

    /// The same, of runs that are admitted.
    pub fn fence_admitted(&mut self, set: &[usize], epoch: u64, runs: &[u64]) -> Option<Fenced> {
        if runs.iter().all(|run| self.admitted.contains(run)) { self.fence(set, epoch, runs) } else { None }
    }

    /// What was closed is drained. `epochs`: of all buckets, as the fence left them.
    pub fn admit_again(&mut self, runs: &[u64], epochs: Epochs) -> bool {
        let agrees = self.epochs() == epochs;
        if agrees {
            self.admitted.extend(runs);
        }
        agrees
    }

    fn are_closed(&self, bases: &[(usize, u64)], epoch: u64) -> bool {
        bases.iter().map(|(bucket, _)| self.buckets[*bucket]).all(|row| row.epoch == epoch && !row.open)
    }

    /// Notes from where closed buckets will mint, before anyone else hears of it.
    pub fn note_bases(&mut self, bases: &[(usize, u64)], epoch: u64) -> bool {
        let agrees = self.are_closed(bases, epoch);
        if agrees {
            self.raise_seen(bases.iter().copied());
        }
        agrees
    }

    /// What mirrors remember is a proof of what was decided.
    pub fn adopt(&mut self, proofs: &[Decision], epochs: Epochs) -> bool {
        if self.epochs() != epochs && self.rules.keep(Rule::AdoptingDemandsAllEpochs) {
            return false;
        }
        for proof in proofs {
            self.upsert(*proof, Rule::AdoptingRespectsTheNewer);
        }
        true
    }

    /// Admits a run whose buckets stay closed, to be loaded. What was lost of them lies below their bases.
    pub fn admit_closed(&mut self, bases: &[(usize, u64)], epoch: u64, run: u64) -> bool {
        let agrees = self.note_bases(bases, epoch);
        if agrees {
            self.admitted.insert(run);
        }
        agrees
    }

    /// Ends a recovery, and admits a run that was settled. `epochs`: of all buckets, as they were when it began.
    pub fn open(&mut self, bases: &[(usize, u64)], epochs: Epochs, seen: &[(usize, u64)], run: Option<u64>) -> bool {
        let are_mine = bases.iter().all(|(bucket, _)| self.are_closed(bases, epochs[*bucket]));
        if !are_mine || (self.epochs() != epochs && self.rules.keep(Rule::OpeningDemandsAllEpochs)) {
            return false;
        }
        for (bucket, base) in bases {
            let row = &mut self.buckets[*bucket];
            (row.open, row.position, row.relayed) = (true, *base, *base);
        }
        if self.rules.keep(Rule::OpeningRaisesSeen) {
            self.raise_seen(bases.iter().copied());
        }
        self.raise_seen(seen.iter().copied());
        self.admitted.extend(run);
        true
    }
}
