//! Postgres: every fact, for good. One function for each file of `sql/queries`.

pub mod buckets;
pub mod edges;
pub mod flush;
pub mod load;
pub mod migrate;
pub mod users;
pub mod verify;
pub mod videos;
pub mod warmup;

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config as PostgresConfig, NoTls, Row};

use crate::error::{Error, Result};

pub type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The pool that requests share. No wait for it or in it is longer than `postgres_timeout_ms`.
#[derive(Clone)]
pub struct Archive {
    pool: Pool,
    config: PostgresConfig,
    timeout: Duration,
}

impl Archive {
    pub fn new(url: &str, connections_max: usize, timeout: Duration) -> Result<Archive> {
        let mut config: PostgresConfig =
            url.parse().map_err(|error| Error::unavailable(format!("Postgres address: {error}")))?;
        config.application_name("riffle").connect_timeout(timeout).keepalives_idle(Duration::from_secs(30));
        let mut pooled = config.clone();
        // The server ends what we no longer wait for.
        let milliseconds = timeout.as_millis();
        pooled.options(format!(
            "-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} \
             -c idle_in_transaction_session_timeout={}",
            milliseconds * 5
        ));
        let manager = Manager::from_config(pooled, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(connections_max)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .build()
            .map_err(Error::internal)?;
        Ok(Archive { pool, config, timeout })
    }

    /// A pooled connection for one request; it and all that is asked on it must be done in time.
    pub async fn connection(&self) -> Result<Connection> {
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.pool.get()).await {
            Ok(Ok(object)) => Ok(Connection { object: Some(object), deadline }),
            Ok(Err(error)) => Err(Error::unavailable(format!("Postgres: {error}"))),
            Err(_) => Err(Error::unavailable("Postgres: no connection in time")),
        }
    }

    /// A session of its own for long work: without the requests' time limits, ended by dropping it.
    pub async fn session(&self) -> Result<tokio_postgres::Client> {
        let connecting = tokio::time::timeout(self.timeout, self.config.connect(NoTls)).await;
        let (client, connection) =
            connecting.map_err(|_| Error::unavailable("Postgres: no connection in time"))?.map_err(fault)?;
        tokio::spawn(async move {
            // Its fault reaches whoever waits for an answer; without one there is nobody to tell.
            let _ = connection.await;
        });
        Ok(client)
    }
}

/// See [`Archive::connection`].
pub struct Connection {
    /// Absent once an answer did not come in time: the connection is then out of step and not given back.
    object: Option<Object>,
    deadline: Instant,
}

impl Connection {
    pub async fn query(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        let client = self.object.as_ref().ok_or_else(|| Error::unavailable("Postgres: given up"))?;
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        };
        match timeout_at(self.deadline, work).await {
            Ok(answer) => answer.map_err(fault),
            Err(_) => {
                drop(self.object.take().map(Object::take));
                Err(Error::unavailable("Postgres: no answer in time"))
            }
        }
    }

    /// Gives how many rows were changed.
    pub async fn execute(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<u64> {
        let client = self.object.as_ref().ok_or_else(|| Error::unavailable("Postgres: given up"))?;
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, parameters).await
        };
        match timeout_at(self.deadline, work).await {
            Ok(answer) => answer.map_err(fault),
            Err(_) => {
                drop(self.object.take().map(Object::take));
                Err(Error::unavailable("Postgres: no answer in time"))
            }
        }
    }
}

/// What passes by itself (connection, resources, operator, conflict) against what is a bug of ours.
pub fn fault(error: tokio_postgres::Error) -> Error {
    // The library's own text hides the cause.
    let detail = match std::error::Error::source(&error) {
        Some(cause) => format!("Postgres: {error}: {cause}"),
        None => format!("Postgres: {error}"),
    };
    let passing = |state: &SqlState| ["08", "40", "53", "55", "57", "58"].contains(&&state.code()[..2]);
    match error.code() {
        Some(state) if !passing(state) => Error::internal(detail),
        _ => Error::unavailable(detail),
    }
}
