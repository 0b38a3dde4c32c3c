//! Admission: no request reads or writes a run of Redis (one life of its process) before that run has been compared
//! with Postgres.
//!
//! Each thread has a supervisor that connects, has the runs admitted, publishes the connections to the thread's requests,
//! and takes them back when a head was not what it should be. A lost connection is never silently reopened, so whoever
//! has an admitted one speaks to the run that was checked. What is not in order is not admitted: one task of the process
//! ([`super::recoverer`]) brings it in order, whoever finds it, and tells the supervisors.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join_all, select_all, try_join_all};
use tokio::sync::{Mutex, Notify, watch};
use tokio_postgres::Client as Session;
use tracing::{debug, info, warn};

use super::rules;
use crate::archive::buckets::{self, BucketRow};
use crate::archive::{Archive, migrate};
use crate::config::RedisUnsafe;
use crate::error::{Error, Result};
use crate::id::Bucket;
use crate::store::cluster::{self, Node, Nodes};
use crate::store::keys::LAYOUT;
use crate::store::recovery::{self as redis, Inspection};
use crate::store::{self, Address, Admission, Admitted, Client, Doubt, Marks, NodeRun, Run, Slot};

const RETRY_DELAY_MIN: Duration = Duration::from_millis(50);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);
/// How often a server looks for what was away or closed.
const PARTIAL_INTERVAL: Duration = Duration::from_millis(500);

/// What supervisors need; one for all threads.
pub struct Gate {
    pub(super) redis: Address,
    pub(super) redis_timeout: Duration,
    pub(super) archive: Archive,
    pub(super) feed_window: u64,
    redis_unsafe: RedisUnsafe,
    /// The admission that all threads share; held while runs are compared.
    present: Mutex<Option<Arc<Admission>>>,
    /// Tells the recoverer that something is to be brought in order.
    pub(super) recovery_wanted: Notify,
    /// Counts what the recoverer brought in order.
    recovered: watch::Sender<u64>,
    /// A word or two on why the recoverer cannot; `None` while nothing stands in its way.
    pub(super) obstacle: StdMutex<Option<&'static str>>,
}

impl Gate {
    pub fn new(
        redis: Address,
        redis_timeout: Duration,
        archive: Archive,
        feed_window: u64,
        redis_unsafe: RedisUnsafe,
    ) -> Gate {
        Gate {
            redis,
            redis_timeout,
            archive,
            feed_window,
            redis_unsafe,
            present: Mutex::new(None),
            recovery_wanted: Notify::new(),
            recovered: watch::channel(0).0,
            obstacle: StdMutex::new(None),
        }
    }

    /// Connects where `former` has no living connection, and has the runs admitted; `set_state` hears a word on what is
    /// in the way. What is not in order is left out, and brought in order behind.
    async fn enter(&self, former: Option<&Run>, set_state: impl Fn(&'static str)) -> Result<Arc<Run>> {
        // Said once it is known: a state that is tried again keeps its word meanwhile.
        let no_redis = |fault: &Error| set_state(what_ails_redis(fault));
        let no_postgres = |_: &Error| set_state("postgres unreachable");
        let known = former.map(Run::connections).unwrap_or_default();
        let nodes = cluster::connect(&self.redis, self.redis_timeout, &known).await.inspect_err(no_redis)?;
        let mut present = self.present.lock().await;
        if let Some(admission) = present.as_ref()
            && admission.doubted() == Doubt::None
            && admission.closed() == 0
            && nodes.all
            && self.are_admitted(&nodes, admission).await
        {
            return Ok(connected(&nodes, admission.clone()));
        }
        migrate::check(&self.archive).await.inspect_err(no_postgres)?;
        let session = self.archive.session().await.inspect_err(no_postgres)?;
        // What a committed step relied on before Redis is looked at; who is fenced after that.
        let before = buckets::all(&session).await?;
        let (nodes, inspections) = answering(nodes).await.inspect_err(no_redis)?;
        let mut rows = buckets::all(&session).await?;
        rows.iter_mut().zip(before).for_each(|(row, before)| row.seen = before.seen);

        let mut admitted = Vec::new();
        let mut refused = None;
        for (place, (node, inspection)) in nodes.reached.iter().zip(&inspections).enumerate() {
            match self.compare(&session, node, inspection, &rows).await? {
                Verdict::InOrder => admitted.push(place),
                Verdict::Restarted | Verdict::Damaged | Verdict::Outdated => self.recovery_wanted.notify_one(),
                Verdict::Refuse(state, why) => refused = Some((state, why)),
            }
        }
        if let Some((state, why)) = refused {
            set_state(state);
            // A part of the data of another installation: nothing here can be trusted.
            return Err(Error::unavailable(why));
        }
        if admitted.is_empty() {
            set_state(self.obstacle().unwrap_or("redis recovering"));
            return Err(Error::unavailable("this run of Redis is not in order yet"));
        }
        let compared = admission(&nodes, &admitted, &inspections, &rows);
        if compared.closed() > 0 && nodes.all {
            self.recovery_wanted.notify_one();
        }
        let same = present.take().filter(|known| known.doubted() == Doubt::None && known.equals(&compared));
        let admission = same.unwrap_or_else(|| Arc::new(compared));
        *present = Some(admission.clone());
        Ok(connected(&nodes, admission))
    }

    /// Whether these are the runs that were admitted, and are still safe: nothing of this needs Postgres.
    async fn are_admitted(&self, nodes: &Nodes, admission: &Admission) -> bool {
        let looks = try_join_all(nodes.reached.iter().map(|node| redis::inspect(&node.client, &[]))).await;
        let is_admitted = |(node, look): (&Node, Inspection)| {
            let is_safe = look.danger.is_none() || matches!(self.redis_unsafe, RedisUnsafe::Allow);
            is_safe && admission.nodes.contains(&node_run(node, look.run_id))
        };
        looks.is_ok_and(|looks| nodes.reached.iter().zip(looks).all(is_admitted))
    }

    /// Connections of their own to all that is in order.
    pub(super) async fn admit(&self) -> Result<Arc<Run>> {
        self.enter(None, |_| {}).await
    }

    /// Whether a node may be used as it is. Asks Postgres only for what the rows do not say.
    pub(super) async fn compare(
        &self,
        session: &Session,
        node: &Node,
        inspection: &Inspection,
        rows: &[BucketRow],
    ) -> Result<Verdict> {
        if let Some(danger) = &inspection.danger {
            match self.redis_unsafe {
                RedisUnsafe::Allow => warn!("Redis may lose data: {danger}"),
                RedisUnsafe::Refuse => {
                    let way_out = "or serve all the same with RIFFLE_REDIS_UNSAFE=allow";
                    let why = format!("Redis would lose data: {danger}; {way_out}");
                    return Ok(Verdict::Refuse("redis unsafe", why));
                }
            }
        }
        let installation = buckets::installation(session).await?;
        if inspection.installations.iter().any(|name| *name != installation) {
            return Ok(Verdict::foreign("Redis belongs to another installation of riffle; it was not touched".into()));
        }
        if inspection.installations.is_empty() && inspection.has_data {
            return Ok(Verdict::foreign("Redis holds keys that are not riffle's; it was not touched".into()));
        }
        if inspection.layouts.iter().any(|layout| *layout > LAYOUT) {
            let why = "Redis was loaded by a later riffle, whose keys this one does not know; it was not touched";
            return Ok(Verdict::Refuse("redis newer", why.into()));
        }
        let of_node: Vec<BucketRow> = node.buckets.iter().map(|bucket| rows[bucket.index()]).collect();
        let mut ahead = node.buckets.iter().zip(of_node.iter().zip(&inspection.heads));
        let ahead =
            ahead.find_map(|(bucket, (row, head))| head.filter(|head| head.epoch > row.epoch).zip(Some((bucket, row))));
        if let Some((head, (bucket, row))) = ahead {
            let why = format!(
                "Postgres was put back to an earlier state: bucket {bucket} has epoch {} there and {} in Redis, which is \
                 newer; nothing was reloaded",
                row.epoch, head.epoch
            );
            return Ok(Verdict::Refuse("postgres put back", why));
        }
        let mut lost = node.buckets.iter().zip(of_node.iter().zip(&inspection.beginnings));
        if let Some((bucket, (row, beginning))) =
            lost.find(|(_, (row, beginning))| row.open && row.position < **beginning)
        {
            let why = format!(
                "Postgres was put back to before what the outbox of bucket {bucket} still holds (position {}, it begins \
                 at {beginning}); nothing was reloaded",
                row.position
            );
            return Ok(Verdict::Refuse("postgres put back", why));
        }
        if inspection.layouts.iter().any(|layout| *layout < LAYOUT) {
            return Ok(Verdict::Outdated);
        }
        // What is closed in Postgres waits for its load, whatever its head says by now.
        let open = || of_node.iter().zip(&inspection.heads).filter(|(row, _)| row.open);
        let (rows, heads): (Vec<_>, Vec<_>) = open().map(|(row, head)| (*row, *head)).unzip();
        if !rules::in_order(&rows, &heads) {
            return Ok(Verdict::Damaged);
        }
        let known = buckets::is_run_admitted(session, &inspection.run_id).await?;
        Ok(if known { Verdict::InOrder } else { Verdict::Restarted })
    }

    fn obstacle(&self) -> Option<&'static str> {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_obstacle(&self, state: Option<&'static str>) {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Keeps a watch over what `slot` has, for ever, on a thread of its own.
    pub async fn watch(self: Arc<Gate>, slot: Arc<Slot>, marks: Arc<Marks>) {
        store::watch::keep(&self.redis, self.redis_timeout, &slot, &marks).await;
    }

    /// Has all supervisors look anew.
    pub(super) async fn announce(&self) {
        *self.present.lock().await = None;
        self.recovered.send_modify(|count| *count += 1);
    }
}

pub(super) enum Verdict {
    /// Open buckets may be used, closed ones are to be loaded.
    InOrder,
    /// The same of a run that is not admitted yet.
    Restarted,
    /// New, emptied or behind.
    Damaged,
    /// Loaded by an earlier riffle, with keys that hold something else.
    Outdated,
    /// A word for `/readyz`, and the whole story for the log.
    Refuse(&'static str, String),
}

impl Verdict {
    pub(super) fn foreign(why: String) -> Verdict {
        Verdict::Refuse("redis foreign", why)
    }
}

/// While it loads its file Redis is there, and refuses nearly everything.
fn what_ails_redis(fault: &Error) -> &'static str {
    let is_loading = fault.detail.as_ref().is_some_and(|detail| detail.contains("LOADING"));
    if is_loading { "redis starting" } else { "redis unreachable" }
}

fn node_run(node: &Node, run_id: String) -> NodeRun {
    NodeRun { address: node.address.clone(), run_id }
}

/// Looks at all nodes. One that gives no answer, or says that it is cut off from its cluster, is as good as away; an error:
/// all are.
pub(super) async fn answering(nodes: Nodes) -> Result<(Nodes, Vec<Inspection>)> {
    let inspections = join_all(nodes.reached.iter().map(|node| redis::inspect(&node.client, &node.buckets))).await;
    let mut answering = (Nodes { reached: Vec::new(), all: nodes.all }, Vec::new());
    let mut last_fault = None;
    for (node, inspection) in nodes.reached.into_iter().zip(inspections) {
        match inspection {
            Ok(inspection) => {
                answering.0.reached.push(node);
                answering.1.push(inspection);
            }
            Err(fault) => {
                debug!("a node of Redis is away: {fault}");
                answering.0.all = false;
                last_fault = Some(fault);
            }
        }
    }
    match last_fault {
        Some(fault) if answering.1.is_empty() => Err(fault),
        _ => Ok(answering),
    }
}

/// `admitted`: the places of the nodes that may be used.
fn admission(nodes: &Nodes, admitted: &[usize], inspections: &[Inspection], rows: &[BucketRow]) -> Admission {
    let runs = nodes.reached.iter().zip(inspections);
    let runs = runs.map(|(node, inspection)| node_run(node, inspection.run_id.clone())).collect();
    let node_of = |bucket: Bucket| {
        let place = nodes.reached.iter().position(|node| node.buckets.contains(&bucket));
        place.filter(|place| admitted.contains(place))
    };
    let buckets = Bucket::all().zip(rows);
    let buckets = buckets.map(|(bucket, row)| Admitted { node: node_of(bucket), epoch: row.epoch, loading: !row.open });
    Admission::new(runs, buckets.collect())
}

fn connected(nodes: &Nodes, admission: Arc<Admission>) -> Arc<Run> {
    let client = |run: &NodeRun| nodes.reached.iter().find(|node| node.address == run.address);
    let clients = admission.nodes.iter().map(|run| client(run).map(|node| node.client.clone())).collect();
    Arc::new(Run::new(clients, admission))
}

/// Keeps `slot` filled with admitted connections, for ever. Runs on the thread whose requests use them.
pub async fn supervise(gate: Arc<Gate>, slot: Arc<Slot>) {
    let mut recovered = gate.recovered.subscribe();
    let mut former: Option<Arc<Run>> = None;
    let mut delay = RETRY_DELAY_MIN;
    loop {
        recovered.mark_unchanged();
        let state = StdMutex::new("redis unreachable");
        let set_state = |word| *state.lock().unwrap_or_else(PoisonError::into_inner) = word;
        match gate.enter(former.as_deref(), set_state).await {
            Ok(run) => {
                delay = RETRY_DELAY_MIN;
                slot.publish(run.clone());
                former = Some(run.clone());
                wait_for_change(&run, &mut recovered).await;
            }
            Err(error) => {
                if former.is_none() {
                    slot.unpublish(*state.lock().unwrap_or_else(PoisonError::into_inner));
                }
                if delay == RETRY_DELAY_MIN {
                    debug!("Redis is not admitted: {error}");
                } else {
                    warn!("Redis is not admitted: {error}");
                }
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    _ = recovered.changed() => {}
                }
                delay = (delay * 2).min(RETRY_DELAY_MAX);
            }
        }
        // What is still good serves on while it is looked at anew.
        if let Some(run) = &former {
            if run.clients().all(|client| client.has_ended()) {
                slot.unpublish("redis unreachable");
                former = None;
            } else if run.admission.doubted() == Doubt::Broken {
                slot.unpublish("redis recovering");
                former = None;
            }
        }
    }
}

async fn wait_for_change(run: &Run, recovered: &mut watch::Receiver<u64>) {
    let ended = select_all(run.clients().map(|client| Client::ended(client).boxed()));
    tokio::select! {
        _ = ended => warn!("a connection to Redis ended"),
        doubt = run.admission.doubted_more(Doubt::None) => {
            info!(?doubt, "Redis is not what it was: comparing it with Postgres");
        }
        _ = recovered.changed() => {}
        () = tokio::time::sleep(PARTIAL_INTERVAL), if !run.is_whole() => {}
    }
}
