//! Admission: no request reads or writes a run of Redis (one life of its process) before that run has been compared
//! with Postgres.
//!
//! Each thread has a supervisor that connects, has the run admitted, publishes the connection to the thread's
//! requests, and takes it back when it ends or when a head was not what it should be. A lost connection is never
//! silently reopened, so whoever has an admitted one speaks to the run that was checked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::Client as Session;
use tracing::{info, warn};

use super::recovery::{self, Data};
use crate::archive::buckets::{self, BucketRow};
use crate::archive::{Archive, migrate};
use crate::config::RedisUnsafe;
use crate::error::{Error, Result};
use crate::id::Bucket;
use crate::store::recovery::{self as redis, Inspection};
use crate::store::{Admission, Client, Head, Run, Slot, load_scripts};

const RETRY_DELAY_MIN: Duration = Duration::from_millis(50);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);

/// What a supervisor needs; one for all threads.
pub struct Gate {
    pub redis_url: String,
    pub redis_timeout: Duration,
    pub archive: Archive,
    pub feed_window: u64,
    redis_unsafe: RedisUnsafe,
    /// The admission that all threads share; held while a run is compared or recovered.
    present: Mutex<Option<Arc<Admission>>>,
}

impl Gate {
    pub fn new(
        redis_url: String,
        redis_timeout: Duration,
        archive: Archive,
        feed_window: u64,
        redis_unsafe: RedisUnsafe,
    ) -> Gate {
        Gate { redis_url, redis_timeout, archive, feed_window, redis_unsafe, present: Mutex::new(None) }
    }

    /// Connects once, and has the run admitted; `set_state` hears a word on what is in the way.
    async fn enter(&self, set_state: impl Fn(&'static str)) -> Result<Arc<Run>> {
        // Said once it is known: a state that is tried again keeps its word meanwhile.
        let no_redis = |_: &Error| set_state("redis unreachable");
        let no_postgres = |_: &Error| set_state("postgres unreachable");
        let client = Client::connect(&self.redis_url, self.redis_timeout).await.inspect_err(no_redis)?;
        let client = Arc::new(client);
        load_scripts(&client).await.inspect_err(no_redis)?;
        let mut present = self.present.lock().await;
        let inspection = redis::inspect(&client).await.inspect_err(no_redis)?;
        if let Some(danger) = &inspection.danger
            && self.redis_unsafe == RedisUnsafe::Refuse
        {
            set_state("redis unsafe");
            let way_out = "or serve all the same with RIFFLE_REDIS_UNSAFE=allow";
            return Err(Error::unavailable(format!("Redis would lose data: {danger}; {way_out}")));
        }
        if let Some(admission) = present.as_ref()
            && admission.run_id == inspection.run_id
            && !admission.is_doubted()
        {
            return Ok(Arc::new(Run::new(client, admission.clone())));
        }
        if let Some(danger) = &inspection.danger {
            warn!("Redis may lose data: {danger}");
        }
        migrate::check(&self.archive).await.inspect_err(no_postgres)?;
        let mut session = self.archive.session().await.inspect_err(no_postgres)?;
        let rows = buckets::all(&session).await?;
        let mut verdict = compare(&session, &client, rows, inspection).await?;
        if let Verdict::Recover = verdict {
            set_state("redis recovering");
            // Another server may have done it while this one waits. A second time would shut that one out again.
            buckets::lock_recovery(&session).await?;
            // Postgres first: what it knows was in Redis before, so a Redis in use is not taken for one that is behind.
            let rows = buckets::all(&session).await?;
            verdict = compare(&session, &client, rows, redis::inspect(&client).await?).await?;
        }
        let admission = Arc::new(match verdict {
            Verdict::InOrder(admission) => admission,
            Verdict::Recover => recovery::recover(&mut session, &client, self.feed_window, Data::KeptIfInOrder).await?,
            Verdict::Refuse(state, why) => {
                set_state(state);
                return Err(Error::unavailable(why));
            }
        });
        *present = Some(admission.clone());
        Ok(Arc::new(Run::new(client, admission)))
    }

    /// Loads Redis anew from Postgres, once its outboxes are flushed; its requests are answered 503 meanwhile, by every
    /// server. Gives a connection to what it became.
    pub async fn reload(&self) -> Result<Arc<Run>> {
        let client = Arc::new(Client::connect(&self.redis_url, self.redis_timeout).await?);
        load_scripts(&client).await?;
        let mut present = self.present.lock().await;
        let mut session = self.archive.session().await?;
        buckets::lock_recovery(&session).await?;
        let rows = buckets::all(&session).await?;
        if let Verdict::Refuse(_, why) = compare(&session, &client, rows, redis::inspect(&client).await?).await? {
            return Err(Error::unavailable(why));
        }
        let admission = recovery::recover(&mut session, &client, self.feed_window, Data::LoadedAnew).await?;
        let admission = Arc::new(admission);
        if let Some(former) = present.replace(admission.clone()) {
            former.doubt();
        }
        Ok(Arc::new(Run::new(client, admission)))
    }
}

/// Keeps `slot` filled with an admitted connection, for ever. Runs on the thread whose requests use it.
pub async fn supervise(gate: Arc<Gate>, slot: Arc<Slot>) {
    let mut delay = RETRY_DELAY_MIN;
    loop {
        match gate.enter(|state| slot.unpublish(state)).await {
            Ok(run) => {
                delay = RETRY_DELAY_MIN;
                slot.publish(run.clone());
                tokio::select! {
                    () = run.client.ended() => {
                        slot.unpublish("redis unreachable");
                        warn!("the connection to Redis ended");
                    }
                    () = run.admission.doubted() => {
                        slot.unpublish("redis recovering");
                        warn!("Redis is not what it was: comparing it with Postgres");
                    }
                }
                run.client.end();
            }
            Err(error) => {
                warn!("Redis is not admitted: {error}");
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(RETRY_DELAY_MAX);
            }
        }
    }
}

enum Verdict {
    InOrder(Admission),
    Recover,
    /// A word for `/readyz`, and the whole story for the log.
    Refuse(&'static str, String),
}

async fn compare(session: &Session, client: &Client, rows: Vec<BucketRow>, inspection: Inspection) -> Result<Verdict> {
    let installation = buckets::installation(session).await?;
    match &inspection.installation {
        Some(name) if *name != installation => {
            return Ok(Verdict::Refuse(
                "redis foreign",
                "Redis belongs to another installation of riffle; it was not touched".into(),
            ));
        }
        // Closed heads alone are what a recovery leaves whose Redis was emptied as it began.
        None if inspection.keys > inspection.closed_heads() => {
            return Ok(Verdict::Refuse(
                "redis foreign",
                "Redis holds keys that are not riffle's; it was not touched".into(),
            ));
        }
        Some(_) => {}
        None => redis::mark_installation(client, &installation).await?,
    }
    if let Some((bucket, head, row)) = ahead(&rows, &inspection.heads) {
        return Ok(Verdict::Refuse(
            "postgres put back",
            format!(
                "Postgres was put back to an earlier state: bucket {bucket} has epoch {} there and {} in Redis, which is \
             newer; nothing was reloaded",
                row.epoch, head.epoch
            ),
        ));
    }
    let in_order = recovery::in_order(&rows, &inspection.heads);
    if in_order && buckets::is_run_admitted(session, &inspection.run_id).await? {
        let epochs = rows.iter().map(|row| row.epoch).collect();
        return Ok(Verdict::InOrder(Admission::new(inspection.run_id, epochs)));
    }
    if !in_order && let Some(key) = redis::foreign_key(client).await? {
        return Ok(Verdict::Refuse(
            "redis foreign",
            format!("Redis has to be loaded anew, but holds a key that is not riffle's: {key:?}; it was not touched"),
        ));
    }
    info!(in_order, "this run of Redis is not admitted yet");
    Ok(Verdict::Recover)
}

fn ahead(rows: &[BucketRow], heads: &[Option<Head>]) -> Option<(Bucket, Head, BucketRow)> {
    Bucket::all()
        .zip(rows.iter().zip(heads))
        .find_map(|(bucket, (row, head))| head.filter(|head| head.epoch > row.epoch).map(|head| (bucket, head, *row)))
}
