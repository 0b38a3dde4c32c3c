//! What each command does.

mod commands;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::archive::{Archive, migrate};
use crate::config::Config;
use crate::dev::{Durability, Stack, StoreOptions};
use crate::doctor;
use crate::error::{Error, Result};
use crate::healthcheck;
use crate::media_command;
use crate::seed::{self, Sizes};
use crate::server;
use crate::store::Slot;
use crate::sync::{World, flush, verify, warmup};

/// The description of the API; a test holds it against the running server.
const OPENAPI: &str = include_str!("../docs/openapi.json");

/// Exit codes: 0 done, 1 failed or differences found, 2 usage.
pub fn main() -> ExitCode {
    // Before the commands are put together, with all settings for each: that takes longer than a look at a file.
    if let Some(code) = crate::media::child_main(std::env::args_os().skip(1)) {
        return code;
    }
    let matches = commands::command().get_matches();
    let Some((name, matches)) = matches.subcommand() else { return ExitCode::from(2) };
    if name == "openapi" {
        // Whoever reads it may have read enough: `riffle openapi | head`.
        let _ = std::io::stdout().write_all(OPENAPI.as_bytes());
        return ExitCode::SUCCESS;
    }
    let config = match Config::load(|setting| matches.get_one::<String>(setting).cloned(), std::env::vars_os()) {
        Ok(config) => Arc::new(config),
        Err(problems) => {
            eprintln!("riffle: these settings cannot be used\n{problems}");
            return ExitCode::from(2);
        }
    };
    log_to_stderr(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let done = runtime.block_on(async {
        match name {
            "dev" => dev(config).await,
            "serve" => serve(config).await,
            "migrate" => match &config.postgres_url {
                Some(postgres_url) => migrate_database(postgres_url).await,
                None => with_stores(&config, async |stores| migrate_database(&stores.postgres_url).await).await,
            },
            "doctor" => {
                with_stores(&config, async |stores| doctor::run(&config, &stores.redis_url, matches).await).await
            }
            "healthcheck" => healthcheck::run(&config).await,
            "media" => media_command::run(&config, matches).await,
            "flush" => with_stores(&config, async |stores| flush_outbox(&config, stores).await).await,
            "verify" => {
                let options = verify::Options { json: matches.get_flag("json"), repair: matches.get_flag("repair") };
                with_stores(&config, async |stores| verify_world(&config, stores, &options).await).await
            }
            "warmup" => {
                let options = commands::warmup(matches);
                with_stores(&config, async |stores| warm_up(&config, stores, &options).await).await
            }
            "seed" => {
                let sizes = commands::sizes(matches);
                with_stores(&config, async |stores| seed_world(&config, stores, &sizes).await).await
            }
            _ => Err(Error::internal(format!("no command {name}"))),
        }
    });
    // Whatever still runs in the background may be cut at any point.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.detail.as_deref().unwrap_or(&error.message)),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("riffle: {why}");
    ExitCode::FAILURE
}

fn log_to_stderr(config: &Config) {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(&config.log))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Where the stores of a command are.
struct Stores {
    redis_url: String,
    postgres_url: String,
}

/// Runs `work` on the stores of the settings, or on the private ones of the data folder: those of a running `dev`,
/// else started for this work alone.
async fn with_stores(config: &Config, work: impl AsyncFnOnce(Stores) -> Result<()>) -> Result<()> {
    match (&config.redis_url, &config.postgres_url) {
        (Some(redis_url), Some(postgres_url)) => {
            work(Stores { redis_url: redis_url.clone(), postgres_url: postgres_url.clone() }).await
        }
        (None, None) => {
            let stack =
                Stack::attach_or_start(&config.data_dir, store_options(config)).await.map_err(Error::unavailable)?;
            let stores = Stores { redis_url: stack.redis_url(), postgres_url: stack.postgres_url() };
            let done = work(stores).await;
            stack.stop().await.map_err(Error::unavailable)?;
            done
        }
        _ => Err(Error::unavailable("set both RIFFLE_REDIS_URL and RIFFLE_POSTGRES_URL, or neither")),
    }
}

fn store_options(config: &Config) -> StoreOptions {
    // Beside the pool: sessions of recovery and relay, of other commands, and a person's psql.
    let postgres_connections_max = config.postgres_connections_max * 2 + 20;
    StoreOptions { durability: Durability::Kept, postgres_connections_max, redis_cluster: false }
}

async fn migrate_database(postgres_url: &str) -> Result<()> {
    let archive = Archive::new(postgres_url, 2, std::time::Duration::from_secs(10))?;
    match migrate::migrate(&archive).await? {
        0 => println!("Postgres is up to date"),
        count => println!("{count} migrations applied"),
    }
    Ok(())
}

async fn serve(config: Arc<Config>) -> Result<()> {
    let stop = stop_on_signal()?;
    with_stores(&config, async |stores| {
        let world = World::open(&config, &stores.redis_url, &stores.postgres_url)?;
        server::serve(world, &token_secret(&config)?, stop).await
    })
    .await
}

async fn dev(config: Arc<Config>) -> Result<()> {
    if config.redis_url.is_some() || config.postgres_url.is_some() {
        return Err(Error::unavailable(
            "dev has its own Redis and Postgres: unset RIFFLE_REDIS_URL and RIFFLE_POSTGRES_URL, or use `riffle serve`",
        ));
    }
    let stop = stop_on_signal()?;
    let stack = Stack::start(&config.data_dir, store_options(&config)).await.map_err(Error::unavailable)?;
    let served = async {
        let world = World::open(&config, &stack.redis_url(), &stack.postgres_url())?;
        migrate::migrate(&world.archive).await?;
        server::serve(world, &token_secret(&config)?, stop).await
    }
    .await;
    stack.stop().await.map_err(Error::unavailable)?;
    served
}

async fn flush_outbox(config: &Arc<Config>, stores: Stores) -> Result<()> {
    let world = World::open(config, &stores.redis_url, &stores.postgres_url)?;
    let slot = Arc::new(Slot::default());
    let flusher = tokio::spawn(world.flusher(slot.clone()).work());
    let tasks = world.admit(slot.clone());
    slot.whole().await;
    flush::wait_until_written(&slot.run()?, &world.archive.session().await?).await?;
    println!("Postgres has all that was decided before this call");
    tasks.iter().chain([&flusher]).for_each(JoinHandle::abort);
    Ok(())
}

async fn verify_world(config: &Arc<Config>, stores: Stores, options: &verify::Options) -> Result<()> {
    let world = World::open(config, &stores.redis_url, &stores.postgres_url)?;
    verify::verify(&world, options).await
}

async fn warm_up(config: &Arc<Config>, stores: Stores, options: &warmup::Options) -> Result<()> {
    let world = World::open(config, &stores.redis_url, &stores.postgres_url)?;
    migrate::migrate(&world.archive).await?;
    warmup::warm_up(&world, options).await
}

async fn seed_world(config: &Arc<Config>, stores: Stores, sizes: &Sizes) -> Result<()> {
    let world = World::open(config, &stores.redis_url, &stores.postgres_url)?;
    migrate::migrate(&world.archive).await?;
    seed::fill(world, sizes).await
}

/// The first SIGINT or SIGTERM is told to the receiver, the second ends the process.
fn stop_on_signal() -> Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    // Unheard it would end the process: an upload above the system's limit on files should only fail its write.
    drop(signal(SignalKind::from_raw(libc::SIGXFSZ)).map_err(Error::internal)?);
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if sender.send_replace(true) {
                warn!("stopped at once by a second signal");
                std::process::exit(1);
            }
        }
    });
    Ok(receiver)
}

/// The key that signs tokens: of the settings, else made once and kept in the data folder, readable by its owner.
fn token_secret(config: &Config) -> Result<Vec<u8>> {
    match &config.token_secret {
        Some(secret) => Ok(secret.clone().into_bytes()),
        None => kept_secret(&config.data_dir.join("token_secret")),
    }
}

fn kept_secret(path: &Path) -> Result<Vec<u8>> {
    let cannot = |error: std::io::Error| Error::unavailable(format!("{}: {error}", path.display()));
    if !path.exists() {
        make_secret(path).map_err(cannot)?;
    }
    let secret = std::fs::read(path).map_err(cannot)?;
    match secret.len() {
        32.. => Ok(secret),
        _ => Err(Error::unavailable(format!("{} is damaged: remove it to get a new one", path.display()))),
    }
}

/// Appears whole, and only once, however many servers start together.
fn make_secret(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let made = file
        .write_all(&rand::random::<[u8; 32]>())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_start_together_have_one_secret() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("token_secret");
            let starting: Vec<_> = (0..8)
                .map(|_| {
                    let path = path.clone();
                    std::thread::spawn(move || kept_secret(&path).unwrap())
                })
                .collect();
            let secrets: Vec<Vec<u8>> = starting.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(secrets.iter().all(|secret| *secret == secrets[0]));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
