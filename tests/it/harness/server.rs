//! The real program as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use riffle::dev::Process;
use rustix::process::Signal;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::client::Client;
use super::eventually::eventually;
use super::object_store::ObjectStore;
use super::world::World;

const READY: &str = "riffle listening on http://";
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);
const COMMAND_MAX: Duration = Duration::from_secs(120);

pub struct Server {
    process: Process,
    address: SocketAddr,
    stderr: Arc<Mutex<String>>,
}

/// A server that is not ready says so behind its address.
fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

impl Server {
    /// Runs `riffle serve` on the stores of the world and returns when it is ready, or says why it cannot be.
    /// `settings` are names of the settings table with their values: `("list_max", "2")`.
    pub async fn start(world: &World, settings: &[(&str, &str)]) -> Server {
        Server::start_command(&["serve"], &world.data_dir(), &in_world(world, settings)).await
    }

    /// The same, where it is not to be ready: a part of its Redis is away.
    pub async fn start_in_part(world: &World, settings: &[(&str, &str)]) -> Server {
        let all: Vec<_> = [("listen", "127.0.0.1:0")].into_iter().chain(in_world(world, settings)).collect();
        Server::start_listening(&["serve"], &world.data_dir(), &all).await
    }

    /// The same with other arguments (`dev`) and with no settings but those given.
    pub async fn start_command(arguments: &[&str], data_dir: &Path, settings: &[(&str, &str)]) -> Server {
        let mut all = vec![("listen", "127.0.0.1:0")];
        all.extend(settings);
        let server = Server::start_listening(arguments, data_dir, &all).await;
        // On a busy machine it listens before Redis is admitted.
        let settled = async || {
            let reply = server.client().get("/readyz").await.json();
            let unsettled = ["starting", "redis recovering"].iter().any(|word| reply["status_msg"] == *word);
            (!unsettled && reply["closed_buckets"] == 0).then_some(())
        };
        eventually("the server to be ready, or to say what is in the way", settled).await;
        server
    }

    async fn start_listening(arguments: &[&str], data_dir: &Path, settings: &[(&str, &str)]) -> Server {
        let process = spawn(arguments, data_dir, settings);
        let (stdout, stderr) = process.take_output();
        let (stderr, stderr_end) = captured(stderr.unwrap());
        let (found, address) = oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout.unwrap()).lines().map_while(Result::ok);
            if let Some(ready) = lines.find_map(|line| line.strip_prefix(READY).map(str::to_owned)) {
                let _ = found.send(ready);
            }
            // A full pipe would stop the server.
            lines.for_each(drop);
        });
        match timeout(START_MAX, address).await {
            Ok(Ok(address)) => Server { process, address: first_word(&address).parse().unwrap(), stderr },
            failed => {
                process.kill_and_wait();
                stderr_end.join().unwrap();
                let stderr = stderr.lock().unwrap().clone();
                let how = if failed.is_ok() { "ended" } else { "still runs" };
                panic!("`riffle {}` {how} without saying that it listens; it wrote:\n{stderr}", arguments.join(" "));
            }
        }
    }

    pub fn client(&self) -> Client {
        Client::to(self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// SIGKILL; returns when the process is gone.
    pub async fn kill(&self) {
        self.signal(Signal::KILL);
        self.wait().await;
    }

    /// SIGTERM, then waits for its end.
    pub async fn terminate(&self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait().await
    }

    pub async fn wait(&self) -> ExitStatus {
        timeout(STOP_MAX, self.process.wait()).await.expect("the server does not stop").unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill_and_wait();
        if std::thread::panicking() {
            eprintln!("the server at {} wrote:\n{}", self.address, self.stderr.lock().unwrap());
        }
    }
}

/// A command that has run to its end.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs another command of the program, such as `["verify", "--repair"]`, on the stores of the world.
pub async fn run(world: &World, arguments: &[&str], settings: &[(&str, &str)]) -> Finished {
    run_command(arguments, &world.data_dir(), &in_world(world, settings)).await
}

pub async fn migrate(postgres_url: &str, data_dir: &Path) {
    let migrated = run_command(&["migrate"], data_dir, &[("postgres_url", postgres_url)]).await;
    assert!(migrated.status.success(), "{migrated:#?}");
}

/// Resident memory of a process.
pub fn rss_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// The same with no settings but those given.
pub async fn run_command(arguments: &[&str], data_dir: &Path, settings: &[(&str, &str)]) -> Finished {
    let process = spawn(arguments, data_dir, settings);
    let (stdout, stderr) = process.take_output();
    let (stdout, stdout_end) = captured(stdout.unwrap());
    let (stderr, stderr_end) = captured(stderr.unwrap());
    let status = timeout(COMMAND_MAX, process.wait()).await.expect("the command does not end").unwrap();
    stdout_end.join().unwrap();
    stderr_end.join().unwrap();
    let text = |captured: Arc<Mutex<String>>| captured.lock().unwrap().clone();
    Finished { status, stdout: text(stdout), stderr: text(stderr) }
}

fn in_world<'a>(world: &'a World, settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let stores = [("redis_url", world.redis_url.as_str()), ("postgres_url", world.postgres_url.as_str())];
    let object_store = world.object_store.iter().flat_map(ObjectStore::settings);
    stores.into_iter().chain(object_store).chain(settings.iter().copied()).collect()
}

/// No setting of the person who runs the tests gets through. Later settings win over earlier ones; `CRASH_AT`, which
/// is none, may stand among them.
fn spawn(arguments: &[&str], data_dir: &Path, settings: &[(&str, &str)]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riffle"));
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("RIFFLE_")) {
        command.env_remove(name);
    }
    command.env("RIFFLE_DATA_DIR", data_dir).current_dir(data_dir);
    for (name, value) in settings {
        match *name {
            "CRASH_AT" => command.env(name, value),
            _ => command.env(format!("RIFFLE_{}", name.to_uppercase()), value),
        };
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process::spawn(command, Signal::KILL).unwrap()
}

/// Collects what comes, as it comes, until the other end closes.
fn captured(source: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&text);
    let end = std::thread::spawn(move || {
        for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
            let mut collected = collected.lock().unwrap();
            collected.push_str(&String::from_utf8_lossy(&line));
            collected.push('\n');
        }
    });
    (text, end)
}
