//! A watch over Redis: connections on which each node tells of every change of a user, a video or the feed, by anyone
//! (`CLIENT TRACKING` in broadcast mode, for which Redis remembers nothing of what we read).
//!
//! Redis puts what a turn of its loop changed on these connections before it answers those who changed it. So whatever
//! was answered before a question is sent here stands in the same stream before the answer to that question: once it has
//! come and all before it is marked, nothing of that is missed. The question is for the heads of all the node's buckets,
//! as every read asks for those that it touches: where one is not as it was admitted nothing is confirmed, and what is
//! kept ends with its age. That covers an emptied Redis, too, of which the library does not tell us.
//!
//! A watch is kept for one admission. One that is lost vouches for nothing that was read before the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};
use tracing::{debug, info};

use super::admitted::{Admission, Doubt};
use super::client::{Address, Changes, Client, Told};
use super::keys::{self, Watched};
use super::marks::{Marks, Vigil};
use super::recovery::{heads, inspect};
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::id::Bucket;

const RETRY_DELAY_MIN: Duration = Duration::from_millis(50);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);
/// How often the nodes are asked while somebody reads. What is kept is shown for `feed_age_ms` after the last answer.
const CONFIRM_INTERVAL_MIN: Duration = Duration::from_millis(10);
const CONFIRM_INTERVAL_MAX: Duration = Duration::from_millis(100);
/// So many intervals in that time: one that is late loses nothing.
const CONFIRMED_IN_AGE: u32 = 3;
/// Redis tells of each turn of its loop, thousands of times a second: to wake up for each of them would cost a quarter of
/// what serving does. Where it tells of one soon after another, what comes in this time waits in the socket.
const GATHERED: Duration = Duration::from_millis(2);

/// Keeps a watch over what `slot` has, for ever. `timeout`: longest wait for an answer. To be run on a thread of its own,
/// which is put to sleep.
pub async fn keep(redis: &Address, timeout: Duration, slot: &Slot, marks: &Marks) {
    let mut delay = RETRY_DELAY_MIN;
    loop {
        slot.ready().await;
        if let Ok(run) = slot.run() {
            let begun = Instant::now();
            let ended = watch(redis, timeout, &run.admission, slot, marks).await;
            marks.watched_by(None);
            if ended.is_ok() || begun.elapsed() > RETRY_DELAY_MAX {
                delay = RETRY_DELAY_MIN;
            }
            match ended {
                Ok(()) => debug!("another admission: a new watch over Redis"),
                // Where tracking is not allowed, this is all that is ever said.
                Err(error) if delay == RETRY_DELAY_MIN => info!("no watch over Redis: {error}"),
                Err(error) => debug!("no watch over Redis: {error}"),
            }
        }
        sleep(delay).await;
        delay = (delay * 2).min(RETRY_DELAY_MAX);
    }
}

struct Watcher {
    /// Its node's, among those of the admission.
    place: usize,
    client: Client,
    changes: Changes,
    buckets: Vec<Bucket>,
}

/// Until the slot has another admission; an error: a node is lost, or does not tell.
async fn watch(
    redis: &Address,
    timeout: Duration,
    admission: &Arc<Admission>,
    slot: &Slot,
    marks: &Marks,
) -> Result<()> {
    let places = 0..admission.nodes.len();
    let watchers = try_join_all(places.map(|place| Watcher::connect(redis, timeout, admission, place))).await?;
    let vigil = Arc::new(Vigil::begin(admission));
    marks.watched_by(Some(vigil.clone()));
    let is_present = || slot.run().is_ok_and(|run| Arc::ptr_eq(&run.admission, admission));
    let watching = watchers.into_iter().map(|watcher| watcher.work(admission, &vigil, marks, is_present));
    tokio::select! {
        ended = try_join_all(watching) => ended.map(drop),
        _ = admission.doubted_more(Doubt::None) => Ok(()),
    }
}

impl Watcher {
    async fn connect(redis: &Address, timeout: Duration, admission: &Admission, place: usize) -> Result<Watcher> {
        let node = &admission.nodes[place];
        let address = redis.of(&node.address)?;
        let (client, changes) = Client::connect_watching(&address, timeout, keys::WATCHED_PREFIXES).await?;
        if inspect(&client, &[]).await?.run_id != node.run_id {
            return Err(Error::unavailable(format!("{} is not the Redis that was admitted", node.address)));
        }
        let buckets = Bucket::all().filter(|bucket| admission.node(*bucket) == Some(place)).collect();
        Ok(Watcher { place, client, changes, buckets })
    }

    async fn work(
        self,
        admission: &Admission,
        vigil: &Vigil,
        marks: &Marks,
        is_present: impl Fn() -> bool,
    ) -> Result<()> {
        let Watcher { place, client, mut changes, buckets } = self;
        let mut ticks =
            interval((marks.age_max() / CONFIRMED_IN_AGE).clamp(CONFIRM_INTERVAL_MIN, CONFIRM_INTERVAL_MAX));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked_at = Instant::now();
        while is_present() {
            // The first of many who come after a pause does not wait for the next turn: until then all of them ask Redis.
            let due = async {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = vigil.lapsed(place) => sleep_until((asked_at + CONFIRM_INTERVAL_MIN).into()).await,
                }
            };
            take_until(&mut changes, due, vigil, marks).await?;
            if client.has_ended() {
                return Err(Error::unavailable("its connection ended"));
            }
            // Nobody reads: nothing is asked.
            if !vigil.is_wanted(place) {
                continue;
            }
            asked_at = Instant::now();
            let floors: Vec<u64> = buckets.iter().map(|bucket| admission.floor(*bucket)).collect();
            let heads = take_until(&mut changes, heads(&client, &buckets), vigil, marks).await??;
            // What stood before the answer has come, but may not have been taken.
            mark_waiting(&mut changes, vigil, marks)?;
            let mut heads = buckets.iter().zip(floors).zip(heads);
            if heads.all(|((bucket, floor), head)| admission.is_as_admitted(*bucket, floor, head)) {
                vigil.confirm(place, asked_at);
            }
        }
        Ok(())
    }
}

/// Marks what is told until `done` is.
async fn take_until<T>(
    changes: &mut Changes,
    done: impl Future<Output = T>,
    vigil: &Vigil,
    marks: &Marks,
) -> Result<T> {
    tokio::pin!(done);
    let mut told_at: Option<Instant> = None;
    loop {
        tokio::select! {
            done = &mut done => return Ok(done),
            told = changes.next() => {
                mark(told?, vigil, marks);
                mark_waiting(changes, vigil, marks)?;
                if told_at.is_some_and(|at| at.elapsed() < GATHERED) {
                    std::thread::sleep(GATHERED);
                }
                told_at = Some(Instant::now());
            }
        }
    }
}

fn mark_waiting(changes: &mut Changes, vigil: &Vigil, marks: &Marks) -> Result<()> {
    while let Some(told) = changes.at_once()? {
        mark(told, vigil, marks);
    }
    Ok(())
}

fn mark(told: Told, vigil: &Vigil, marks: &Marks) {
    match told {
        Told::Changed(keys) => {
            for key in keys {
                match Watched::of(&key) {
                    Some(Watched::Entity(id)) => marks.tell(id),
                    Some(Watched::Order) => marks.tell(Marks::ORDER),
                    None => {}
                }
            }
        }
        Told::TooMuch => vigil.missed(),
    }
}
