//! One store as a child process.

use std::fs;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::{Instant, sleep, timeout};

use super::error::DevError;
use super::log::Log;
use super::places::Places;
use super::process::{Handle, Process};
use super::{leftover, postgres, redis};

const POLL: Duration = Duration::from_millis(5);
const PROBE_MAX: Duration = Duration::from_secs(1);
/// How long a store may say nothing at all while it starts. While it says that it loads, it may take any time.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// A clean stop may write for as long as this before it is cut short.
const CLEAN_STOP_MAX: Duration = Duration::from_secs(30);
const HARD_STOP_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    Redis,
    Postgres,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What the stores promise of themselves: Redis syncs every second, Postgres at every commit.
    Kept,
    /// Nothing waits for the disk. A killed store still keeps what it wrote; a power failure is another matter.
    Throwaway,
}

#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    pub durability: Durability,
    /// Connections that Postgres takes at once.
    pub postgres_connections_max: usize,
    /// Redis runs as a node of a cluster, which listens on a loopback address of its own, too. A new one has no slots and
    /// knows no other; one that was started again is ready when its cluster is.
    pub redis_cluster: bool,
}

/// What a store says when asked whether it is there.
pub(super) enum Answer {
    Ready,
    Loading,
    Silence,
}

/// A running (or killed) store. Dropping it asks it to stop and does not wait.
pub struct StoreProcess {
    kind: StoreKind,
    places: Places,
    options: StoreOptions,
    process: Process,
}

impl StoreKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            StoreKind::Redis => "redis",
            StoreKind::Postgres => "postgres",
        }
    }

    pub(super) fn pid_file(self) -> &'static str {
        match self {
            StoreKind::Redis => "redis.pid",
            StoreKind::Postgres => "postmaster.pid",
        }
    }

    pub(super) fn folder(self, places: &Places) -> PathBuf {
        match self {
            StoreKind::Redis => places.redis_folder(),
            StoreKind::Postgres => places.postgres_folder(),
        }
    }

    /// Files that name its pid.
    pub(super) fn lock_files(self, places: &Places) -> Vec<PathBuf> {
        let pid_file = self.folder(places).join(self.pid_file());
        match self {
            StoreKind::Redis => vec![pid_file],
            StoreKind::Postgres => vec![pid_file, places.postgres_socket_lock()],
        }
    }

    /// Stops it with everything written; Postgres ends its sessions.
    fn clean_signal(self) -> Signal {
        match self {
            StoreKind::Redis => Signal::TERM,
            StoreKind::Postgres => Signal::INT,
        }
    }

    /// Stops it on the spot. Postgres gets its "immediate", which takes the server processes along and leaves no
    /// shared memory behind; for the data it is the same as SIGKILL.
    fn hard_signal(self) -> Signal {
        match self {
            StoreKind::Redis => Signal::KILL,
            StoreKind::Postgres => Signal::QUIT,
        }
    }
}

impl StoreProcess {
    /// Starts the store and returns when it answers. Making a new Postgres cluster is part of it. A store that still
    /// runs on the same folder is stopped first: the caller owns the folder.
    pub async fn start(kind: StoreKind, places: &Places, options: StoreOptions) -> Result<StoreProcess, DevError> {
        places.prepare()?;
        leftover::stop(kind, places).await?;
        let log = Log::open(places.log_file(kind.name()))?;
        let command = match kind {
            StoreKind::Redis => redis::command(places, options)?,
            StoreKind::Postgres => {
                postgres::make_cluster(places, options, &log).await?;
                postgres::command(places, options)?
            }
        };
        let at_death = match options.durability {
            Durability::Kept => kind.clean_signal(),
            Durability::Throwaway => kind.hard_signal(),
        };
        let process = spawn(command, places, &log, at_death)?;
        let store = StoreProcess { kind, places: places.clone(), options, process };
        tokio::select! {
            status = store.wait() => Err(DevError::new(format!("{} ended as it started ({}){}", kind.name(), status?, log.tail()))),
            answer = store.answers() => answer.map(|()| store),
        }
    }

    /// The same store again, on the same folder; stopped cleanly first if it still runs.
    pub async fn start_again(&mut self) -> Result<(), DevError> {
        self.stop().await?;
        *self = StoreProcess::start(self.kind, &self.places, self.options).await?;
        Ok(())
    }

    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    pub fn url(&self) -> String {
        match self.kind {
            StoreKind::Redis => self.places.redis_url(),
            StoreKind::Postgres => self.places.postgres_url(),
        }
    }

    /// Where a node of a Redis Cluster listens beside its socket.
    pub fn node_address(&self) -> SocketAddrV4 {
        self.places.redis_node_address()
    }

    /// Where its data lies.
    pub fn folder(&self) -> PathBuf {
        self.kind.folder(&self.places)
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits for its end, whoever caused it.
    pub async fn wait(&self) -> Result<ExitStatus, DevError> {
        self.process.wait().await.map_err(DevError::when("wait for a store"))
    }

    /// Stops it cleanly, with everything written.
    pub async fn stop(&self) -> Result<(), DevError> {
        self.resume();
        end(self.kind, self.process.handle()).await?;
        self.wait().await.map(drop)
    }

    /// Ends it on the spot, as a crash would, and waits until it is gone.
    pub async fn kill(&self) -> Result<(), DevError> {
        self.process.signal(self.kind.hard_signal());
        self.resume();
        self.wait().await.map(drop)
    }

    /// The same where no runtime runs: at the end of tests.
    pub fn kill_and_wait(&self) {
        self.signal_children(Signal::CONT);
        if !self.process.end_and_wait(self.kind.hard_signal(), HARD_STOP_MAX.as_secs().cast_signed()) {
            self.process.kill_and_wait();
        }
    }

    /// Freezes it: connections stay open, nothing is answered.
    pub fn pause(&self) {
        // Postgres first stops making processes, then those it has made stop.
        self.process.signal(Signal::STOP);
        self.signal_children(Signal::STOP);
    }

    pub fn resume(&self) {
        self.signal_children(Signal::CONT);
        self.process.signal(Signal::CONT);
    }

    fn signal_children(&self, signal: Signal) {
        if self.process.handle().has_ended() {
            return;
        }
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw) {
            if let Ok(child) = Handle::of(child) {
                child.signal(signal);
            }
        }
    }

    async fn answers(&self) -> Result<(), DevError> {
        let mut heard_last = Instant::now();
        loop {
            let probe = async {
                match self.kind {
                    StoreKind::Redis => redis::probe(&self.places).await,
                    StoreKind::Postgres => postgres::probe(&self.places).await,
                }
            };
            match timeout(PROBE_MAX, probe).await.unwrap_or(Ok(Answer::Silence))? {
                Answer::Ready => return Ok(()),
                Answer::Loading => heard_last = Instant::now(),
                Answer::Silence if heard_last.elapsed() < SILENCE_MAX => {}
                Answer::Silence => {
                    let log = self.places.log_file(self.kind.name());
                    let text = format!("{} does not answer; its log is {}", self.kind.name(), log.display());
                    return Err(DevError::new(text));
                }
            }
            sleep(POLL).await;
        }
    }
}

impl Drop for StoreProcess {
    fn drop(&mut self) {
        self.resume();
    }
}

/// Stops a store cleanly, or hard when that takes too long.
pub(super) async fn end(kind: StoreKind, handle: &Handle) -> Result<(), DevError> {
    let steps =
        [(kind.clean_signal(), CLEAN_STOP_MAX), (kind.hard_signal(), HARD_STOP_MAX), (Signal::KILL, HARD_STOP_MAX)];
    for (signal, patience) in steps {
        handle.signal(signal);
        handle.signal(Signal::CONT);
        if let Ok(ended) = timeout(patience, handle.ended()).await {
            return ended.map_err(DevError::when("wait for a store"));
        }
    }
    Err(DevError::new(format!("{} {} does not stop", kind.name(), handle.pid())))
}

/// Runs a store's program as the stores' user, with its output in the log and nothing of our environment.
pub(super) fn spawn(mut command: Command, places: &Places, log: &Log, at_death: Signal) -> Result<Process, DevError> {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(log.output()?).stderr(log.output()?);
    if let Some(user) = places.user() {
        user.runs(&mut command);
    }
    let program = PathBuf::from(command.get_program());
    Process::spawn(command, at_death).map_err(DevError::on("run", &program))
}
