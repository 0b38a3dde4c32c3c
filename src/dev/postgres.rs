//! What is particular to Postgres.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::error::DevError;
use super::log::Log;
use super::places::Places;
use super::programs;
use super::store::{Answer, Durability, StoreOptions, spawn};

/// Makes the cluster where there is none yet. It is made beside its place and moved there whole, so that a start cut
/// short leaves nothing that looks like a cluster.
pub(super) async fn make_cluster(places: &Places, options: StoreOptions, log: &Log) -> Result<(), DevError> {
    let folder = places.postgres_folder();
    if folder.join("PG_VERSION").exists() {
        return Ok(());
    }
    let unfinished = folder.with_extension("new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(DevError::on("remove", &unfinished))?;
    }
    places.make_private(&unfinished)?;
    let mut command = Command::new(programs::postgres_folder(&folder)?.join("initdb"));
    command.current_dir(&unfinished).arg("-D").arg(&unfinished);
    // Trust is safe here: who can enter the socket's folder is the user that owns the data anyway.
    command.args(["-U", "riffle", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]);
    if options.durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    let initdb = spawn(command, places, log, Signal::KILL)?;
    let status = initdb.wait().await.map_err(DevError::when("wait for initdb"))?;
    if !status.success() {
        return Err(DevError::new(format!("initdb failed ({status}){}", log.tail())));
    }
    fs::rename(&unfinished, &folder).map_err(DevError::on("make", &folder))
}

pub(super) fn command(places: &Places, options: StoreOptions) -> Result<Command, DevError> {
    let folder = places.postgres_folder();
    let mut command = Command::new(programs::postgres_folder(&folder)?.join("postgres"));
    command.current_dir(&folder).arg("-D").arg(&folder).arg("-k").arg(places.run_folder());
    command.args(["-h", "", "-p", "5432", "-c", "unix_socket_permissions=0700"]);
    command.arg("-c").arg(format!("max_connections={}", options.postgres_connections_max));
    if options.durability == Durability::Throwaway {
        // Not synchronous_commit, which would let a killed Postgres forget what it had confirmed.
        command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    Ok(command)
}

/// What a probe meets while the database is still made for an earlier one that was given up.
const BEING_MADE: &[SqlState] = &[SqlState::DUPLICATE_DATABASE, SqlState::OBJECT_IN_USE, SqlState::UNIQUE_VIOLATION];

/// Ready means that the database is there, so the first probe of a new cluster makes it.
pub(super) async fn probe(places: &Places) -> Result<Answer, DevError> {
    let Err(error) = tokio_postgres::connect(&places.postgres_url(), NoTls).await else {
        return Ok(Answer::Ready);
    };
    match error.code() {
        Some(&SqlState::INVALID_CATALOG_NAME) => match make_database(places).await {
            Ok(()) => Ok(Answer::Ready),
            Err(error) if error.code().is_some_and(|code| BEING_MADE.contains(code)) => Ok(Answer::Loading),
            Err(error) => Err(DevError::when("make the database")(error)),
        },
        Some(&SqlState::CANNOT_CONNECT_NOW) => Ok(Answer::Loading),
        Some(_) => Err(DevError::when("use the private Postgres")(error)),
        None => Ok(Answer::Silence),
    }
}

async fn make_database(places: &Places) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&places.postgres_url_of("postgres"), NoTls).await?;
    tokio::select! {
        made = client.batch_execute("CREATE DATABASE riffle") => made,
        ended = connection => ended,
    }
}
