//! Recovery: one program for every fault of Redis. What its outboxes still hold is flushed first; then a node that
//! restarted without loss keeps what it has, and one that is new, emptied or behind is loaded anew from Postgres.
//!
//! In two steps, so that nobody waits longer than he must:
//!
//! 1. *Settle* a node whose run is not admitted or whose heads are out of order, whole: all its buckets get a new epoch,
//!    are closed and drained. Nothing was lost: what may be missing is loaded and they are opened. Else the run is
//!    admitted with its buckets closed: they answer 503, and all else is served from here on.
//! 2. *Load* what is closed, group by group, the feed and the buckets of the newest videos first. Whoever goes on where
//!    another stopped closes a group once more, under an epoch of its own, so that one who froze on the way is refused
//!    when he wakes. `riffle warmup` loads open buckets in the same way.
//!
//! Within a group: what the closed buckets and all open ones had decided is in Postgres before the rows are read (an
//! acknowledged like may have its home in an open bucket and its mirror in the group); the other ends of what was not
//! relayed are told.
//!
//! With one node nothing is adopted: what a mirror remembers has its home's outbox entry earlier in the same
//! append-only file, so draining proves as much. With several, all of them have to be there: one that is away may prove
//! what another lost.
//!
//! Any refusal on the way ends it, and it starts from the top; a recoverer that was frozen and wakes is refused at
//! every step by the epochs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::try_join_all;
use tokio_postgres::Client as Session;
use tracing::{info, warn};

use super::load::{self, Pace, Part, READERS};
use super::{flush, neighbors, rules};
use crate::archive::buckets::{self, BucketRow, Former};
use crate::crash;
use crate::error::{Code, Error, Result};
use crate::id::{self, Bucket};
use crate::model::Scope;
use crate::store::cluster::Node;
use crate::store::recovery as redis;
use crate::store::{Admission, Admitted, Client, Head, NodeRun, Run};

/// What a recovery works with.
pub(super) struct Scene {
    /// Holds the recovery lock ([`buckets::lock_recovery`]).
    pub session: Session,
    /// Read rows together with it.
    pub readers: [Session; READERS],
    /// Those that can be reached.
    pub nodes: Vec<Node>,
    /// Whether these have all buckets.
    pub all: bool,
    /// One for each node.
    pub run_ids: Vec<String>,
    pub installation: String,
    pub feed_window: u64,
    pub pace: Arc<Pace>,
}

/// Buckets that are closed, and what is known of them.
struct Closed {
    buckets: Vec<Bucket>,
    epoch: u64,
    /// What Postgres had them be.
    former: BTreeMap<Bucket, Former>,
    /// The heads they had.
    heads: BTreeMap<Bucket, Option<Head>>,
    /// All heads behind the closing.
    others: Vec<Option<Head>>,
    /// All rows, read after the closing: one may have been written between a comparison and the closing.
    rows: Vec<BucketRow>,
    run: Arc<Run>,
}

/// What is in the way of a load.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clearing {
    /// Nothing: the buckets were left closed and empty under this epoch just now.
    Settled(u64),
    /// What Postgres knows of.
    Known,
    /// Also what nobody knows of: all keys are looked through, and all scopes are loaded.
    Everything,
}

impl Scene {
    /// Brings whole nodes in order, or empties them to be loaded: gives the epoch under which their buckets stay closed.
    /// All nodes that are not admitted, at once: no script may run on one that nobody has compared. `anew`: load even
    /// what lost nothing.
    pub(super) async fn settle(&mut self, places: &[usize], anew: bool) -> Result<Option<(u64, Vec<Bucket>)>> {
        if !self.all {
            // What they lost, another one may prove, even where what anyone relied on is there.
            return Err(Error::unavailable("a node can be brought in order once all others are there"));
        }
        // Until they are settled these runs are not admitted: what is found closed then has been drained.
        let closed = self.close(self.buckets_of(places), &self.run_ids_of(places)).await?;
        let in_order = |place: &usize| closed.had_lost_nothing(&self.nodes[*place].buckets);
        let (kept, lost): (Vec<usize>, Vec<usize>) = places.iter().partition(|place| !anew && in_order(place));
        let (kept_runs, lost_runs) = (self.run_ids_of(&kept), self.run_ids_of(&lost));
        let (kept, lost_buckets) = (self.buckets_of(&kept), self.buckets_of(&lost));

        // One whose recoverer died before it closed them would go on to acknowledge.
        for (bucket, row) in Bucket::all().zip(&closed.rows).filter(|(bucket, row)| !row.open && !closed.has(*bucket)) {
            if let Ok(client) = self.client(bucket) {
                redis::close(client, bucket, row.epoch, &self.installation).await.map(drop).or_else(unless_ahead)?;
            }
        }
        let drained = self.drain(&closed).await?;
        crash::point("recovery_drained");
        let base_ms = rules::base_ms(closed.highest(), now_ms());
        if self.nodes.len() > 1 {
            self.adopt(&closed, base_ms).await?;
        }
        for place in places {
            if let Err(error) = redis::rewrite_file(&self.nodes[*place].client).await {
                // It is being rewritten already, or the operator keeps the command for himself.
                warn!("Redis does not write its file anew: {error}");
            }
        }
        if !kept.is_empty() {
            self.deliver(&closed, &kept, base_ms).await?;
            let after = closed.rows.iter().map(|row| row.relayed).min().unwrap_or(0);
            let part = Part { buckets: &kept, scopes: &Scope::ALL, after, feed_window: self.feed_window };
            load::load(&self.session, &self.readers, &closed.run, &part, &self.pace).await?;
            crash::point("recovery_loaded");
            self.open(&closed, &kept, base_ms, &kept_runs).await?;
            info!(epoch = closed.epoch, drained, "Redis kept what it had, and is in order");
        }
        if lost.is_empty() {
            return Ok(None);
        }
        let set: BTreeSet<Bucket> = lost_buckets.iter().copied().collect();
        let mut removed = 0;
        for place in lost {
            removed += redis::clear(&closed.run, &self.nodes[place].client, &set).await?;
            crash::point("recovery_cleared");
        }
        let bases = bases(&lost_buckets, base_ms);
        buckets::admit_closed(&mut self.session, closed.epoch, &bases, &lost_runs).await?;
        crash::point("recovery_settled");
        info!(epoch = closed.epoch, drained, removed, "Redis is loaded anew from Postgres");
        Ok(Some((closed.epoch, lost_buckets)))
    }

    fn buckets_of(&self, places: &[usize]) -> Vec<Bucket> {
        places.iter().flat_map(|place| self.nodes[*place].buckets.iter().copied()).collect()
    }

    fn run_ids_of(&self, places: &[usize]) -> Vec<String> {
        places.iter().map(|place| self.run_ids[*place].clone()).collect()
    }

    /// Of the nodes that have any of these.
    fn run_ids_with(&self, buckets: &[Bucket]) -> Vec<String> {
        let has_some = |node: &Node| node.buckets.iter().any(|bucket| buckets.contains(bucket));
        let nodes = self.nodes.iter().zip(&self.run_ids).filter(|(node, _)| has_some(node));
        nodes.map(|(_, run_id)| run_id.clone()).collect()
    }

    /// Loads buckets anew and opens them.
    pub(super) async fn reload(&mut self, buckets: Vec<Bucket>, scopes: &[Scope], clearing: Clearing) -> Result<()> {
        if !self.all {
            return Err(Error::unavailable("buckets can be loaded once all nodes of Redis are there"));
        }
        let run_ids = self.run_ids_with(&buckets);
        let closed = match clearing {
            Clearing::Settled(epoch) => self.still_closed(buckets, epoch).await?,
            _ => self.close(buckets, &run_ids).await?,
        };
        if !closed.had_lost_nothing(&closed.were_open()) {
            return Err(Error::unavailable("Redis lost something just now: its node has to be settled first"));
        }
        self.drain(&closed).await?;
        // What is found closed of an admitted run has been drained.
        buckets::admit(&mut self.session, &run_ids, &closed.rows).await?;
        let set: BTreeSet<Bucket> = closed.buckets.iter().copied().collect();
        let open = neighbors::open_beside(&closed.run, &closed.rows, &set);
        neighbors::drain(&mut self.session, &closed.run, &open).await?;
        // Above all that exists now. What may have been lost before lies below what was noted as `seen` when the node
        // was settled.
        let base_ms = now_ms().max(id::ms_of(closed.highest()) + 1);
        self.deliver(&closed, &closed.buckets, base_ms).await?;
        crash::point("recovery_delivered");
        match clearing {
            Clearing::Settled(_) => {}
            Clearing::Known => load::clear(&self.session, &closed.run, &closed.buckets, scopes).await?,
            Clearing::Everything => {
                for node in self.nodes.iter().filter(|node| node.buckets.iter().any(|bucket| set.contains(bucket))) {
                    redis::clear(&closed.run, &node.client, &set).await?;
                }
            }
        }
        let part = Part { buckets: &closed.buckets, scopes, after: 0, feed_window: self.feed_window };
        load::load(&self.session, &self.readers, &closed.run, &part, &self.pace).await?;
        crash::point("recovery_loaded");
        self.open(&closed, &closed.buckets, base_ms, &[]).await
    }

    /// Fence in Postgres, then close in Redis: from here on nothing of the old epochs is answered or committed. The runs
    /// are no longer admitted.
    async fn close(&mut self, closing: Vec<Bucket>, run_ids: &[String]) -> Result<Closed> {
        let before = buckets::all(&self.session).await?;
        let heads = self.heads().await?;
        let met = before.iter().map(|row| row.epoch).chain(heads.iter().flatten().map(|head| head.epoch));
        let epoch = met.max().unwrap_or(0) + 1;
        let former = buckets::fence(&mut self.session, epoch, &closing, run_ids).await?;
        crash::point("recovery_fenced");
        let run = self.run(&before, epoch, &closing);
        let heads = try_join_all(closing.iter().map(|bucket| self.close_one(*bucket, epoch))).await?;
        crash::point("recovery_closed");
        let heads = closing.iter().copied().zip(heads).collect();
        let rows = buckets::all(&self.session).await?;
        Ok(Closed { buckets: closing, epoch, former, heads, others: self.heads().await?, rows, run })
    }

    /// Flushes what closed buckets had decided; gives how many entries there were. They are still what was closed then: not
    /// emptied in between.
    async fn drain(&mut self, closed: &Closed) -> Result<usize> {
        let drained = flush::drain_closed(&mut self.session, &closed.run, &closed.buckets, &closed.rows).await?;
        let heads = self.heads_of(&closed.buckets).await?;
        match heads.iter().all(|head| head.is_some_and(|head| !head.open && head.epoch == closed.epoch)) {
            true => Ok(drained),
            false => Err(Error::unavailable("Redis changed while it was drained")),
        }
    }

    /// Who closed them holds the lock since; should another have come between, the epochs will tell.
    async fn still_closed(&self, buckets: Vec<Bucket>, epoch: u64) -> Result<Closed> {
        let rows = buckets::all(&self.session).await?;
        let run = self.run(&rows, epoch, &buckets);
        let (former, heads) = Default::default();
        Ok(Closed { buckets, epoch, former, heads, others: self.heads().await?, rows, run })
    }

    async fn close_one(&self, bucket: Bucket, epoch: u64) -> Result<Option<Head>> {
        let former = redis::close(self.client(bucket)?, bucket, epoch, &self.installation).await?;
        crash::point("recovery_closing");
        Ok(former)
    }

    /// Connections under the epochs of Postgres, the closed buckets under theirs.
    fn run(&self, rows: &[BucketRow], epoch: u64, closed: &[Bucket]) -> Arc<Run> {
        let runs = self.nodes.iter().zip(&self.run_ids);
        let runs = runs.map(|(node, run_id)| NodeRun { address: node.address.clone(), run_id: run_id.clone() });
        let admitted = Bucket::all().zip(rows).map(|(bucket, row)| Admitted {
            node: self.node_of(bucket),
            epoch: if closed.contains(&bucket) { epoch } else { row.epoch },
            loading: false,
        });
        let admission = Admission::new(runs.collect(), admitted.collect());
        let clients = self.nodes.iter().map(|node| Some(node.client.clone())).collect();
        Arc::new(Run::new(clients, Arc::new(admission)))
    }

    fn node_of(&self, bucket: Bucket) -> Option<usize> {
        self.nodes.iter().position(|node| node.buckets.contains(&bucket))
    }

    fn client(&self, bucket: Bucket) -> Result<&Client> {
        let node = self.node_of(bucket).map(|place| &*self.nodes[place].client);
        node.ok_or_else(|| Error::unavailable(format!("bucket {bucket}: its node cannot be reached")))
    }

    /// Of all buckets that can be reached.
    async fn heads(&self) -> Result<Vec<Option<Head>>> {
        let of_nodes = try_join_all(self.nodes.iter().map(|node| redis::heads(&node.client, &node.buckets))).await?;
        Ok(of_nodes.into_iter().flatten().collect())
    }

    async fn heads_of(&self, buckets: &[Bucket]) -> Result<Vec<Option<Head>>> {
        let of = |node: &Node| -> Vec<Bucket> {
            node.buckets.iter().copied().filter(|bucket| buckets.contains(bucket)).collect()
        };
        let of_nodes = self.nodes.iter().map(async |node| redis::heads(&node.client, &of(node)).await);
        Ok(try_join_all(of_nodes).await?.into_iter().flatten().collect())
    }

    /// Takes up what mirrors prove of the closed buckets: those elsewhere, and the closed ones, whose memory goes when they
    /// open. A node that is kept may have lost a tail that nobody had noted, too.
    async fn adopt(&mut self, closed: &Closed, base_ms: u64) -> Result<()> {
        let set: BTreeSet<Bucket> = closed.buckets.iter().copied().collect();
        let open = neighbors::open_beside(&closed.run, &closed.rows, &set);
        neighbors::drain(&mut self.session, &closed.run, &open).await?;
        // Noted before others mint above it: should they be lost, too, they will not mint the same again. And late: each
        // time that this fails behind it, ids run ahead of the clock by some seconds more.
        buckets::note_bases(&mut self.session, closed.epoch, &bases(&closed.buckets, base_ms)).await?;
        neighbors::end_history(&mut self.session, &closed.run, &open, base_ms).await?;
        neighbors::adopt(&mut self.session, &closed.run, &open, &set, &closed.rows).await?;
        neighbors::adopt(&mut self.session, &closed.run, &closed.buckets, &set, &closed.rows).await?;
        crash::point("recovery_adopted");
        Ok(())
    }

    async fn deliver(&mut self, closed: &Closed, homes: &[Bucket], base_ms: u64) -> Result<()> {
        neighbors::deliver(&mut self.session, &closed.run, homes, base_ms, self.feed_window).await
    }

    async fn open(&mut self, closed: &Closed, opening: &[Bucket], base_ms: u64, run_ids: &[String]) -> Result<()> {
        let ahead_ms = base_ms.saturating_sub(now_ms());
        if ahead_ms <= rules::MARGIN_MS {
            tokio::time::sleep(Duration::from_millis(ahead_ms)).await;
        }
        let bases = bases(opening, base_ms);
        try_join_all(bases.iter().map(|(bucket, base)| open_one(&closed.run, *bucket, *base))).await?;
        crash::point("recovery_opened");
        buckets::open(&mut self.session, closed.epoch, &bases, run_ids, &closed.rows).await?;
        crash::point("recovery_admitted");
        Ok(())
    }
}

impl Closed {
    /// The highest id that is known.
    fn highest(&self) -> u64 {
        let heads = self.heads.values().chain(&self.others).flatten().map(|head| head.last);
        heads.chain(self.rows.iter().map(|row| row.seen)).max().unwrap_or(0)
    }

    /// Whether these had lost nothing: open, of Postgres's epoch, with all that is known now to have been relied on. (A step
    /// may have been committed for them until they were fenced.)
    fn had_lost_nothing(&self, buckets: &[Bucket]) -> bool {
        let closed = buckets.iter().map(|bucket| self.rows[bucket.index()]);
        let before = buckets.iter().zip(closed.clone()).map(|(bucket, closed)| {
            let Former { epoch, open } = *self.former.get(bucket)?;
            Some(BucketRow { epoch, open, ..closed })
        });
        let heads: Vec<Option<Head>> = buckets.iter().map(|bucket| self.heads.get(bucket).copied().flatten()).collect();
        let before: Option<Vec<BucketRow>> = before.collect();
        before.is_some_and(|before| rules::may_keep(&before, &closed.collect::<Vec<_>>(), &heads))
    }

    fn were_open(&self) -> Vec<Bucket> {
        self.former.iter().filter(|(_, former)| former.open).map(|(bucket, _)| *bucket).collect()
    }

    fn has(&self, bucket: Bucket) -> bool {
        self.buckets.contains(&bucket)
    }
}

/// Somebody with a higher epoch was there.
fn unless_ahead(error: Error) -> Result<()> {
    if error.code == Code::Unavailable { Ok(()) } else { Err(error) }
}

fn bases(buckets: &[Bucket], base_ms: u64) -> Vec<(Bucket, u64)> {
    buckets.iter().map(|bucket| (*bucket, bucket.id_at(base_ms))).collect()
}

async fn open_one(run: &Arc<Run>, bucket: Bucket, base: u64) -> Result<()> {
    redis::open(run, bucket, base).await?;
    crash::point("recovery_opening");
    Ok(())
}

/// By the clock of ids.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
    id::ms_of(id::lowest_at(now))
}
