//! What is believed of Redis, and how long.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::fault::Fault;
use crate::error::Error;
use crate::id::Bucket;

/// How much of an admission is still believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    None,
    /// A recovery went on, or a bucket moved to another node: what the heads do not refuse is as good as before.
    MovedOn,
    /// A head is not what a recovery would have left: the whole is to be compared anew before it is used.
    Broken,
}

/// One life of a Redis process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRun {
    pub address: String,
    pub run_id: String,
}

/// A bucket as it was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Its place among the nodes of the admission; `None` while its node is away or being compared.
    pub node: Option<usize>,
    /// As in Postgres.
    pub epoch: u64,
    /// Postgres has it closed, to be loaded: nothing of it is believed, whatever its head says, before it is admitted anew.
    pub loading: bool,
}

/// Runs of Redis as they were admitted: shared by all threads' connections to them.
pub struct Admission {
    /// No two admissions of a process have the same.
    number: u64,
    pub nodes: Vec<NodeRun>,
    buckets: Vec<Admitted>,
    /// The highest id of each bucket that this process has seen in this run.
    floors: Vec<AtomicU64>,
    doubt: watch::Sender<Doubt>,
}

impl Admission {
    /// `buckets`: one for each of [`Bucket::all`].
    pub fn new(nodes: Vec<NodeRun>, buckets: Vec<Admitted>) -> Admission {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let floors = buckets.iter().map(|_| AtomicU64::new(0)).collect();
        Admission { number, nodes, buckets, floors, doubt: watch::channel(Doubt::None).0 }
    }

    /// No two admissions of a process have the same.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether both say the same, doubts and floors aside.
    pub fn equals(&self, other: &Admission) -> bool {
        self.nodes == other.nodes && self.buckets == other.buckets
    }

    pub fn epoch(&self, bucket: Bucket) -> u64 {
        self.buckets[bucket.index()].epoch
    }

    /// The place of its node among [`Admission::nodes`], where it may be used.
    pub(super) fn node(&self, bucket: Bucket) -> Option<usize> {
        let Admitted { node, loading, .. } = self.buckets[bucket.index()];
        node.filter(|_| !loading)
    }

    /// How many buckets cannot be used yet.
    pub fn closed(&self) -> usize {
        self.buckets.iter().filter(|bucket| bucket.loading || bucket.node.is_none()).count()
    }

    pub(super) fn floor(&self, bucket: Bucket) -> u64 {
        self.floors[bucket.index()].load(Ordering::Acquire)
    }

    pub(super) fn saw(&self, bucket: Bucket, id: u64) {
        self.floors[bucket.index()].fetch_max(id, Ordering::AcqRel);
    }

    /// Has every connection of this admission admitted anew.
    pub fn doubt(&self, doubt: Doubt) {
        self.doubt.send_if_modified(|present| {
            let grows = doubt > *present;
            *present = doubt.max(*present);
            grows
        });
    }

    pub fn doubted(&self) -> Doubt {
        *self.doubt.borrow()
    }

    /// Waits for a doubt above `known`.
    pub async fn doubted_more(&self, known: Doubt) -> Doubt {
        // The sender lives as long as `self`.
        self.doubt.subscribe().wait_for(|doubt| *doubt > known).await.map_or(known, |doubt| *doubt)
    }

    /// Whether a head is what every read believes. `floor`: of before it was asked for.
    pub(super) fn is_as_admitted(&self, bucket: Bucket, floor: u64, head: Option<Head>) -> bool {
        head.is_some_and(|head| head.open && head.epoch == self.epoch(bucket) && head.last >= floor)
    }

    /// What a head says that is not the open one that was expected.
    pub(super) fn judge(&self, bucket: Bucket, head: Option<Head>) -> Error {
        let admitted = self.buckets[bucket.index()];
        match head {
            Some(head) if head.epoch > admitted.epoch => self.doubt(Doubt::MovedOn),
            _ => self.doubt(Doubt::Broken),
        }
        Error::unavailable(format!("bucket {bucket}: head {head:?}, epoch {}", admitted.epoch))
    }

    /// What an answer says of the node rather than of the call.
    pub(super) fn judge_fault(&self, fault: Fault) -> Error {
        if let Fault::Refused(detail) = &fault
            && ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY"].iter().any(|word| detail.starts_with(word))
        {
            self.doubt(Doubt::MovedOn);
        }
        fault.into()
    }
}

/// What `head:{bucket}` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub epoch: u64,
    pub open: bool,
    /// The highest id minted in the bucket.
    pub last: u64,
    /// The highest edge version that the bucket's mirror side no longer remembers.
    pub forgotten: u64,
}

impl Head {
    pub fn parse(text: &str) -> Option<Head> {
        let mut words = text.split(' ');
        let head = Head {
            epoch: words.next()?.parse().ok()?,
            open: match words.next()? {
                "open" => true,
                "closed" => false,
                _ => return None,
            },
            last: words.next()?.parse().ok()?,
            forgotten: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(head)
    }
}
