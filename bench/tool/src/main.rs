//! Measures riffle against the raw limits of its machine.
//!
//! | file | its part |
//! | --- | --- |
//! | `scenario`, `requests` | the table of what is measured, and what it is made of |
//! | `limit` | the raw limit of each: a bare server that does only what cannot be left out |
//! | `data` | a skewed world of any size, written straight to Postgres |
//! | `stage` | the processes: stores, riffle, the limit with a copy of riffle's Redis |
//! | `measure`, `oha`, `cpu` | riffle and limit by turns; the load; what the processes used |
//! | `check`, `http` | whether the answers are right |
//! | `results`, `picture`, `compare`, `machine` | what is kept, shown, and held against an older run |
//! | `run` | all of it in order |
//! | `stores` | what the stores' upkeep costs |
//! | `memory` | what Redis spends on each thing |
//! | `idle` | what connections cost that say nothing |

mod check;
mod clip;
mod compare;
mod cpu;
mod data;
mod http;
mod idle;
mod limit;
mod machine;
mod measure;
mod memory;
mod oha;
mod picture;
mod requests;
mod results;
mod run;
mod scenario;
mod scripts;
mod stage;
mod stores;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use riffle::archive::{Archive, migrate};
use riffle::dev::{Durability, Stack, StoreOptions};
use time::OffsetDateTime;

use crate::data::{Scale, Sizes, World, Written};
use crate::machine::Machine;
use crate::measure::Options;
use crate::scenario::SCENARIOS;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about, after_help = scenarios_help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What every measurement needs.
#[derive(clap::Args)]
pub struct Tools {
    /// The program that is measured
    #[arg(long)]
    pub riffle: PathBuf,
    #[arg(long)]
    pub oha: PathBuf,
    /// What the results are named after
    #[arg(long)]
    pub commit: String,
    /// Folder of the results
    #[arg(long)]
    pub results: PathBuf,
}

impl Tools {
    /// The first lines of what is kept as text.
    fn heading(&self, of: &str) -> Result<Vec<String>> {
        let today = OffsetDateTime::now_utc().date();
        Ok(vec![format!("commit {}, {today}; {of}", self.commit), serde_json::to_string(&Machine::look(&self.oha))?])
    }

    /// Keeps lines in the folder of results.
    fn keep(&self, what: &str, lines: &[String]) -> Result<()> {
        std::fs::create_dir_all(&self.results)?;
        let name = format!("{}-{}-{what}.txt", OffsetDateTime::now_utc().date(), self.commit);
        let path = self.results.join(name);
        std::fs::write(&path, lines.join("\n") + "\n")?;
        eprintln!("» kept in {}", path.display());
        Ok(())
    }
}

#[derive(Subcommand)]
enum Command {
    /// Measure scenarios, all or the named ones, against their raw limits
    Run {
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(SCENARIOS.iter().map(|scenario| scenario.name)))]
        scenarios: Vec<String>,
        #[arg(long, value_enum, default_value = "medium")]
        scale: Scale,
        /// Rounds of riffle and limit by turns
        #[arg(long, default_value = "3", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        rounds: u16,
        /// Length of each run
        #[arg(long, default_value = "5", value_parser = clap::value_parser!(u16).range(1..=3_600))]
        seconds: u16,
        /// Length of what goes before the first run of each: what nobody has asked for yet is not kept yet
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u16).range(1..=3_600))]
        warm_up_seconds: u16,
        #[arg(long, default_value = "1,64,256", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=10_000))]
        connections: Vec<u16>,
        /// Which world
        #[arg(long, default_value = "1")]
        seed: u64,
        #[command(flatten)]
        tools: Tools,
    },
    /// Say what became slower between two results; exit code 1 if anything did
    Compare { old: PathBuf, new: PathBuf },
    /// Write a skewed world straight to an empty Postgres
    Data {
        /// Address of the database, or the data folder of `riffle dev`
        #[arg(long)]
        into: String,
        #[arg(long, default_value = "20000", value_parser = size)]
        users: usize,
        #[arg(long, default_value = "50000", value_parser = size)]
        videos: usize,
        /// [default: 10 a video]
        #[arg(long)]
        likes: Option<usize>,
        /// [default: 10 a user]
        #[arg(long)]
        follows: Option<usize>,
        /// [default: 4 a video]
        #[arg(long)]
        comments: Option<usize>,
        /// [default: 5 a user]
        #[arg(long)]
        messages: Option<usize>,
        #[arg(long, default_value = "1")]
        seed: u64,
    },
    /// Measure the upkeep of the stores: loading, comparing, flushing
    Stores {
        #[arg(long, default_value = "100000", value_parser = size)]
        users: usize,
        #[arg(long, default_value = "200000", value_parser = size)]
        videos: usize,
        #[arg(long, default_value = "700000", value_parser = size)]
        likes: usize,
        #[arg(long, default_value = "300000", value_parser = size)]
        follows: usize,
        #[arg(long, default_value = "200000", value_parser = size)]
        comments: usize,
        #[arg(long, default_value = "100000", value_parser = size)]
        messages: usize,
        #[arg(long, default_value = "1")]
        seed: u64,
        #[arg(long, default_value = "3", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        rounds: u16,
        /// Length of each run
        #[arg(long, default_value = "5", value_parser = clap::value_parser!(u16).range(1..=3_600))]
        seconds: u16,
        /// How long Postgres is away
        #[arg(long, default_value = "20", value_parser = clap::value_parser!(u16).range(1..=3_600))]
        outage_seconds: u16,
        #[command(flatten)]
        tools: Tools,
    },
    /// Measure what Redis spends on a user, a video, a like
    Memory {
        #[arg(long, value_enum, default_value = "medium")]
        scale: Scale,
        #[arg(long, default_value = "1")]
        seed: u64,
        #[command(flatten)]
        tools: Tools,
    },
    /// Measure what connections cost that are kept open and say nothing
    Idle {
        #[arg(long, default_value = "10000")]
        connections: usize,
        #[arg(long, default_value = "3", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        rounds: u16,
        /// Length of each run
        #[arg(long, default_value = "5", value_parser = clap::value_parser!(u16).range(1..=3_600))]
        seconds: u16,
        #[command(flatten)]
        tools: Tools,
    },
    /// Measure what the scripts of a like, a follow, a comment and a message cost Redis
    Scripts {
        #[arg(long, value_enum, default_value = "medium")]
        scale: Scale,
        #[arg(long, default_value = "3", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        rounds: u16,
        #[arg(long, default_value = "1")]
        seed: u64,
        #[command(flatten)]
        tools: Tools,
    },
    /// Be the raw limit; started by `run`
    #[command(hide = true)]
    Limit { plan: PathBuf },
}

fn scenarios_help() -> String {
    let lines = SCENARIOS.iter().map(|scenario| format!("  {:<15} {}", scenario.name, scenario.about));
    format!("Scenarios:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

fn size(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(size @ 2..=100_000_000) => Ok(size),
        _ => Err("a whole number from 2 to 100000000".to_owned()),
    }
}

fn main() -> ExitCode {
    match work(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// False: done, and it found something to complain of.
fn work(command: Command) -> Result<bool> {
    if let Command::Limit { plan } = &command {
        return limit::serve(plan).map(|()| true);
    }
    if let Command::Compare { old, new } = &command {
        return compare::compare(old, new);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = long_work(command) => done,
            stopped = stop_signal() => Err(stopped?.into()),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    done.map(|()| true)
}

async fn long_work(command: Command) -> Result<()> {
    match command {
        Command::Run { scenarios, scale, rounds, seconds, warm_up_seconds, connections, seed, tools } => {
            let connections = connections.into_iter().map(usize::from).collect();
            let (seconds, warm_up_s) = (seconds.into(), warm_up_seconds.into());
            let options = Options { rounds: rounds.into(), seconds, warm_up_s, connections, seed };
            run::run(&run::Call { scenarios, scale, options, tools }).await
        }
        Command::Data { into, users, videos, likes, follows, comments, messages, seed } => {
            let sizes = Sizes {
                users,
                videos,
                likes: likes.unwrap_or(videos * 10),
                follows: follows.unwrap_or(users * 10),
                comments: comments.unwrap_or(videos * 4),
                messages: messages.unwrap_or(users * 5),
            };
            fill(&into, &World::plan(sizes, seed)).await
        }
        Command::Stores {
            users,
            videos,
            likes,
            follows,
            comments,
            messages,
            seed,
            rounds,
            seconds,
            outage_seconds,
            tools,
        } => {
            let sizes = Sizes { users, videos, likes, follows, comments, messages };
            stores::stores(&stores::Call { sizes, seed, rounds, seconds, outage_seconds, tools }).await
        }
        Command::Memory { scale, seed, tools } => {
            memory::memory(&memory::Call { sizes: scale.sizes(), seed, tools }).await
        }
        Command::Scripts { scale, rounds, seed, tools } => {
            scripts::scripts(&scripts::Call { sizes: scale.sizes(), seed, rounds, tools }).await
        }
        Command::Idle { connections, rounds, seconds, tools } => {
            idle::idle(&idle::Call { connections, rounds, seconds, tools }).await
        }
        Command::Compare { .. } | Command::Limit { .. } => Ok(()),
    }
}

async fn fill(into: &str, world: &World) -> Result<()> {
    if into.starts_with("postgres://") || into.starts_with("postgresql://") {
        return fill_database(into, world).await;
    }
    let options = StoreOptions { durability: Durability::Kept, postgres_connections_max: 52, redis_cluster: false };
    let stack = Stack::attach_or_start(Path::new(into), options).await?;
    let done = fill_database(&stack.postgres_url(), world).await;
    stack.stop().await?;
    done
}

async fn fill_database(url: &str, world: &World) -> Result<()> {
    let archive = Archive::new(url, 2, Duration::from_secs(10))?;
    migrate::migrate(&archive).await?;
    let say = |written: &Written| println!("{written}");
    let written = data::write(&archive.session().await?, world, say).await?;
    // The last one is the indexes of the others.
    let rows = written.iter().rev().skip(1).map(|written| written.rows).sum();
    let seconds = written.iter().map(|written| written.seconds).sum();
    println!("{}", Written { what: "all".to_owned(), rows, seconds });
    Ok(())
}

/// Waits for a signal that asks us to end; what runs is dropped then, and ends with us.
async fn stop_signal() -> Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok("interrupted"),
        _ = terminate.recv() => Ok("ended by a signal"),
    }
}
