//! What may be, for everything that a client can change.
//!
//! Each fact is changed by one client only, one call after another. While a call is under way, and after one of which
//! nobody knows what became of it, the fact may be either way; an acknowledgement makes it certain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// One thing that is there or not. Users and videos by id; what has no id before the answer by the number of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Like { user: u64, video: u64 },
    Follow { from: u64, to: u64 },
    Comment { video: u64, user: u64, number: u64 },
    Message { from: u64, to: u64, number: u64 },
    Video { author: u64, number: u64 },
    User { number: u64 },
}

impl Key {
    /// Whether it is in Postgres before it is acknowledged.
    fn is_written_first(self) -> bool {
        matches!(self, Key::Video { .. } | Key::User { .. })
    }
}

#[derive(Debug, Clone, Copy)]
struct Fact {
    may_be: bool,
    may_not_be: bool,
    /// Changes with every call.
    revision: u64,
    /// When it was last acknowledged.
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The answer says that nothing happened.
    Refused,
    Unknown,
}

/// A call under way.
#[derive(Debug)]
pub struct Attempt {
    key: Key,
    wanted: bool,
    before: (bool, bool),
    revision: u64,
    losses: u64,
}

impl Attempt {
    /// Whether it may have been so before the call.
    pub fn may_have_been(&self, there: bool) -> bool {
        if there { self.before.0 } else { self.before.1 }
    }
}

#[derive(Debug)]
pub struct Ledger {
    facts: BTreeMap<Key, Fact>,
    revision: u64,
    /// Beginnings and ends of losses, so odd while Redis may lose what was acknowledged.
    losses: u64,
    pub done: u64,
    pub unknown: u64,
}

/// What is certain when a look begins, by the revision it has; `true`: it is there.
pub struct Certain(BTreeMap<Key, (u64, bool)>);

/// What a look has to show and what it may show.
#[derive(Debug)]
pub struct Bounds {
    pub must: BTreeSet<Key>,
    pub may: BTreeSet<Key>,
}

impl Ledger {
    pub fn new() -> Ledger {
        Ledger { facts: BTreeMap::new(), revision: 0, losses: 0, done: 0, unknown: 0 }
    }

    /// Something that was there before the first call.
    pub fn plant(&mut self, key: Key) {
        self.facts.insert(key, Fact { may_be: true, may_not_be: false, revision: 0, since: Instant::now() });
    }

    pub fn begin(&mut self, key: Key, wanted: bool) -> Attempt {
        self.revision += 1;
        let unknown = Fact { may_be: false, may_not_be: true, revision: 0, since: Instant::now() };
        let fact = self.facts.entry(key).or_insert(unknown);
        let before = (fact.may_be, fact.may_not_be);
        fact.may_be |= wanted;
        fact.may_not_be |= !wanted;
        fact.revision = self.revision;
        Attempt { key, wanted, before, revision: self.revision, losses: self.losses }
    }

    /// Whether nothing may have been lost since the call began.
    pub fn is_undisturbed(&self, attempt: &Attempt) -> bool {
        self.losses == attempt.losses && self.losses.is_multiple_of(2)
    }

    pub fn settle(&mut self, attempt: &Attempt, outcome: Outcome) {
        let undisturbed = self.is_undisturbed(attempt);
        let fact = self.facts.get_mut(&attempt.key).unwrap();
        fact.since = Instant::now();
        match outcome {
            Outcome::Done => {
                self.done += 1;
                if undisturbed || attempt.key.is_written_first() {
                    (fact.may_be, fact.may_not_be) = (attempt.wanted, !attempt.wanted);
                }
            }
            Outcome::Refused if fact.revision == attempt.revision => (fact.may_be, fact.may_not_be) = attempt.before,
            Outcome::Refused => {}
            Outcome::Unknown => self.unknown += 1,
        }
    }

    /// From now on Redis may lose what was acknowledged after `flushed`, and what will be until [`Ledger::end_loss`].
    pub fn begin_loss(&mut self, flushed: Instant) {
        self.losses += 1;
        for (key, fact) in &mut self.facts {
            if fact.since > flushed && !key.is_written_first() {
                self.revision += 1;
                *fact = Fact { may_be: true, may_not_be: true, revision: self.revision, since: fact.since };
            }
        }
    }

    pub fn end_loss(&mut self) {
        self.losses += 1;
    }

    pub fn may_be(&self, key: Key) -> bool {
        self.facts.get(&key).is_some_and(|fact| fact.may_be)
    }

    /// What is certain among the facts of a kind, and has been for `lag`: the time that a server may take to show what
    /// was done through another one.
    pub fn certain(&self, lag: Duration, of_kind: impl Fn(Key) -> bool) -> Certain {
        let certain = self
            .facts
            .iter()
            .filter(|(key, fact)| of_kind(**key) && fact.may_be != fact.may_not_be && (fact.since.elapsed() >= lag));
        Certain(certain.map(|(key, fact)| (*key, (fact.revision, fact.may_be))).collect())
    }

    /// The bounds of a look that began when `certain` was taken and has just been answered.
    pub fn bounds(&self, certain: &Certain, of_kind: impl Fn(Key) -> bool) -> Bounds {
        let mut bounds = Bounds { must: BTreeSet::new(), may: BTreeSet::new() };
        for (key, fact) in self.facts.iter().filter(|(key, _)| of_kind(**key)) {
            match certain.0.get(key) {
                Some((revision, true)) if *revision == fact.revision => {
                    bounds.must.insert(*key);
                    bounds.may.insert(*key);
                }
                Some((revision, false)) if *revision == fact.revision => {}
                _ => drop(bounds.may.insert(*key)),
            }
        }
        bounds
    }
}

impl Bounds {
    /// Why a list is wrong.
    pub fn judge_list(&self, shown: &[Key]) -> Result<(), String> {
        let set: BTreeSet<Key> = shown.iter().copied().collect();
        if set.len() < shown.len() {
            let twice = shown.iter().enumerate().find(|(place, key)| shown[..*place].contains(key));
            return Err(format!("shown twice: {:?}", twice.unwrap().1));
        }
        let missing: Vec<&Key> = self.must.difference(&set).take(5).collect();
        let surplus: Vec<&Key> = set.difference(&self.may).take(5).collect();
        if missing.is_empty() && surplus.is_empty() {
            return Ok(());
        }
        Err(format!("{} shown, missing {missing:?}, surplus {surplus:?}", shown.len()))
    }

    pub fn judge_count(&self, shown: u64) -> Result<(), String> {
        let (least, most) = (self.must.len() as u64, self.may.len() as u64);
        if (least..=most).contains(&shown) { Ok(()) } else { Err(format!("{shown}, must be {least} to {most}")) }
    }
}
