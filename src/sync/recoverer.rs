//! Who brings Redis in order: one task of each server, and the commands that are asked to.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tracing::{info, warn};

use super::admission::{Gate, Verdict, answering};
use super::load::Pace;
use super::recovery::{Clearing, Scene};
use crate::archive::buckets;
use crate::archive::load as rows;
use crate::error::{Error, Result};
use crate::id::Bucket;
use crate::model::Scope;
use crate::store::recovery as redis;
use crate::store::{Run, cluster};

const RETRY_DELAY_MIN: Duration = Duration::from_millis(100);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);
/// The buckets of so many videos are loaded first: the first pages of the feed.
const NEWEST_VIDEOS: usize = 30;
/// Groups are small enough that none is closed for long, and few: each waits for all that is decided elsewhere.
const GROUPS_MAX: u64 = 8;
const GROUP_BYTES_MIN: u64 = 4 << 20;

/// Recovers whenever it is wanted, for ever.
pub async fn work(gate: Arc<Gate>) {
    loop {
        gate.recovery_wanted.notified().await;
        let mut delay = RETRY_DELAY_MIN;
        while let Err(error) = recover(&gate, Arc::new(Pace::new(None)), false).await {
            warn!("Redis was not brought in order: {error}");
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(RETRY_DELAY_MAX);
        }
    }
}

/// Brings in order what is not, and loads what is closed. `replace`: also what is refused otherwise; foreign keys go.
pub(super) async fn recover(gate: &Gate, pace: Arc<Pace>, replace: bool) -> Result<()> {
    in_order(gate, &pace, replace).await.map(drop)
}

/// Loads all of Redis anew, group by group, while the rest is served. Gives connections to what it became.
pub(super) async fn reload(gate: &Gate) -> Result<Arc<Run>> {
    let (mut scene, _) = in_order(gate, &Arc::new(Pace::new(None)), false).await?;
    let all: Vec<Bucket> = Bucket::all().collect();
    for group in groups(&scene, &all).await? {
        scene.reload(group, &Scope::ALL, Clearing::Everything).await?;
        gate.announce().await;
    }
    gate.admit().await
}

/// A scene in which all is in order and open, and the buckets that were loaded to make it so.
pub(super) async fn in_order(gate: &Gate, pace: &Arc<Pace>, replace: bool) -> Result<(Scene, Vec<Bucket>)> {
    let mut scene = open(gate, pace).await?;
    let rows = buckets::all(&scene.session).await?;
    let nodes = scene.nodes.iter();
    let inspections = try_join_all(nodes.map(|node| redis::inspect(&node.client, &node.buckets))).await?;
    let mut unsettled = Vec::new();
    let mut anew = replace;
    for (place, inspection) in inspections.iter().enumerate() {
        let node = &scene.nodes[place];
        let mut verdict = gate.compare(&scene.session, node, inspection, &rows).await?;
        if let Verdict::Damaged = verdict
            && let Some(key) = redis::foreign_key(&node.client).await?
        {
            let why = "Redis has to be loaded anew, but holds a key that is not riffle's";
            verdict = Verdict::foreign(format!("{why}: {key:?}; it was not touched"));
        }
        match verdict {
            Verdict::InOrder => continue,
            Verdict::Restarted | Verdict::Damaged => {}
            Verdict::Outdated => {
                info!("Redis was loaded by an earlier riffle, and is loaded anew");
                anew = true;
            }
            Verdict::Refuse("redis foreign", why) if replace => {
                warn!("{why}; replaced as asked");
                redis::empty(&node.client).await?;
            }
            Verdict::Refuse("postgres put back" | "redis newer", why) if replace => warn!("{why}; replaced as asked"),
            Verdict::Refuse(state, why) => {
                gate.set_obstacle(Some(state));
                return Err(Error::unavailable(why));
            }
        }
        unsettled.push(place);
    }
    gate.set_obstacle(None);
    let mut settled = None;
    if !unsettled.is_empty() {
        settled = scene.settle(&unsettled, anew).await?;
        gate.announce().await;
    }
    let loaded = load_closed(gate, &mut scene, settled).await?;
    Ok((scene, loaded))
}

/// Waits until no other recovery is under way.
async fn open(gate: &Gate, pace: &Arc<Pace>) -> Result<Scene> {
    let session = gate.archive.session().await?;
    buckets::lock_recovery(&session).await?;
    let readers = [gate.archive.session().await?, gate.archive.session().await?];
    let (nodes, inspections) = answering(cluster::connect(&gate.redis, gate.redis_timeout, &[]).await?).await?;
    let run_ids = inspections.into_iter().map(|inspection| inspection.run_id).collect();
    let installation = buckets::installation(&session).await?;
    let feed_window = gate.feed_window;
    let pace = pace.clone();
    Ok(Scene { session, readers, all: nodes.all, nodes: nodes.reached, run_ids, installation, feed_window, pace })
}

/// Loads all closed buckets of the nodes that can be reached, and gives them. `settled`: what was left empty just now,
/// and its epoch.
async fn load_closed(gate: &Gate, scene: &mut Scene, settled: Option<(u64, Vec<Bucket>)>) -> Result<Vec<Bucket>> {
    let rows = buckets::all(&scene.session).await?;
    let reached = scene.nodes.iter().flat_map(|node| node.buckets.iter().copied());
    let closed: Vec<Bucket> = reached.filter(|bucket| !rows[bucket.index()].open).collect();
    let (epoch, empty) = settled.unzip();
    let is_empty = |bucket: &Bucket| empty.as_ref().is_some_and(|empty| empty.contains(bucket));
    for group in groups(scene, &closed).await? {
        let (empty, begun): (Vec<Bucket>, Vec<Bucket>) = group.iter().partition(|bucket| is_empty(bucket));
        let clearing = epoch.map_or(Clearing::Everything, Clearing::Settled);
        for (part, clearing) in [(empty, clearing), (begun, Clearing::Everything)] {
            if part.is_empty() {
                continue;
            }
            let count = part.len();
            scene.reload(part, &Scope::ALL, clearing).await?;
            info!(buckets = count, rows = scene.pace.total(), "loaded");
            gate.announce().await;
        }
    }
    Ok(closed)
}

/// In which portions buckets are loaded: the feed and the newest videos first.
pub(super) async fn groups(scene: &Scene, buckets: &[Bucket]) -> Result<Vec<Vec<Bucket>>> {
    let newest = rows::newest_buckets(&scene.session, NEWEST_VIDEOS).await?;
    let is_first = |bucket: &Bucket| *bucket == Bucket::FEED || newest.contains(bucket);
    let (first, rest): (Vec<Bucket>, Vec<Bucket>) = buckets.iter().partition(|bucket| is_first(bucket));
    let count = (rows::size(&scene.session).await? / GROUP_BYTES_MIN).clamp(1, GROUPS_MAX) as usize;
    let size = rest.len().div_ceil(count).max(1);
    let rest = rest.chunks(size).map(<[Bucket]>::to_vec);
    Ok([first].into_iter().chain(rest).filter(|group| !group.is_empty()).collect())
}
