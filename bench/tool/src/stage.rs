//! The processes of a run: riffle with stores of its own, and the limit with a copy of its Redis.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use riffle::archive::{Archive, migrate};
use riffle::dev::{Durability, Places, Process, StoreKind, StoreOptions, StoreProcess};
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::Result;
use crate::cpu::{Pids, Used};
use crate::data::{self, World};
use crate::http;
use crate::limit::Plan;

pub const TOKEN_SECRET: &str = "the secret of a bench, known to all";
const OPTIONS: StoreOptions =
    StoreOptions { durability: Durability::Kept, postgres_connections_max: 60, redis_cluster: false };
const START_MAX: Duration = Duration::from_secs(60);
/// Redis is loaded from Postgres as the server starts.
const LOAD_MAX: Duration = Duration::from_secs(3_600);
const STOP_MAX_S: i64 = 60;
const REMOVE_MAX: Duration = Duration::from_secs(10);

/// A temporary folder, and what Postgres as another user keeps elsewhere for it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Result<Folder> {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new().prefix("riffle-bench.").tempdir()?;
        // The stores' user must be able to enter.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711))?;
        Ok(Folder(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for data in ["riffle", "limit"] {
            for entry in fs::read_dir(self.path().join(data)).into_iter().flatten().flatten() {
                if let Ok(outside) = fs::read_link(entry.path()) {
                    remove(&outside);
                    // Gone with the last of the stores in it.
                    let _ = outside.parent().map(fs::remove_dir);
                }
            }
        }
    }
}

/// After an interrupted run a store may still be about to stop, and write.
fn remove(folder: &Path) {
    let begun = Instant::now();
    while folder.exists() && begun.elapsed() < REMOVE_MAX {
        if fs::remove_dir_all(folder).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub struct Server {
    process: Process,
    /// `127.0.0.1:8080`
    pub address: String,
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn stop(self) -> Result<()> {
        if self.process.end_and_wait(Signal::TERM, STOP_MAX_S) {
            return Ok(());
        }
        self.process.kill_and_wait();
        Err("a server did not stop in time and was killed".into())
    }
}

/// riffle and its stores.
pub struct Stage {
    folder: PathBuf,
    riffle: PathBuf,
    redis: StoreProcess,
    postgres: StoreProcess,
    server: Option<Server>,
}

impl Stage {
    /// Both stores, with empty tables.
    pub async fn set(folder: &Path, riffle: &Path) -> Result<Stage> {
        let data = folder.join("riffle");
        open_folder(&data)?;
        let places = Places::of(&data)?;
        let (redis, postgres) = tokio::try_join!(
            StoreProcess::start(StoreKind::Redis, &places, OPTIONS),
            StoreProcess::start(StoreKind::Postgres, &places, OPTIONS)
        )?;
        Ok(Stage { folder: folder.to_owned(), riffle: riffle.to_owned(), redis, postgres, server: None })
    }

    pub async fn fill(&self, world: &World, say: impl FnMut(&data::Written)) -> Result<Vec<data::Written>> {
        let archive = Archive::new(&self.postgres.url(), 2, START_MAX)?;
        migrate::migrate(&archive).await?;
        data::write(&archive.session().await?, world, say).await
    }

    /// Starts riffle; gives how many seconds it took until it was ready.
    pub async fn start_server(&mut self) -> Result<f64> {
        self.start_server_with(&[]).await
    }

    async fn start_server_with(&mut self, settings: &[(&str, &str)]) -> Result<f64> {
        let begun = Instant::now();
        let mut command = self.riffle();
        command.arg("serve").envs(settings.iter().copied());
        self.server = Some(start(command, &self.folder.join("riffle.log")).await?);
        self.until_whole().await?;
        Ok(begun.elapsed().as_secs_f64())
    }

    pub async fn restart_server(&mut self, settings: &[(&str, &str)]) -> Result<f64> {
        self.stop_server()?;
        self.start_server_with(settings).await
    }

    /// Where one runs.
    pub fn stop_server(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), Server::stop)
    }

    /// riffle on these stores, still without a command.
    pub fn riffle(&self) -> Command {
        let mut command = Command::new(&self.riffle);
        for (name, _) in std::env::vars_os() {
            // A setting of the caller's could point the service at stores that are not its own.
            if name.to_string_lossy().starts_with("RIFFLE_") {
                command.env_remove(name);
            }
        }
        command.env("RIFFLE_LISTEN", "127.0.0.1:0").env("RIFFLE_DATA_DIR", self.folder.join("riffle"));
        command.env("RIFFLE_REDIS_URL", self.redis.url()).env("RIFFLE_POSTGRES_URL", self.postgres.url());
        command.env("RIFFLE_TOKEN_SECRET", TOKEN_SECRET).env("RIFFLE_LOG", "warn");
        // Covers come later than the answer, at their own pace, and would take the cores from what is measured next.
        command.env("RIFFLE_FFMPEG", "no-covers-while-measuring");
        command
    }

    /// Waits until the server serves everything.
    pub async fn until_whole(&self) -> Result<()> {
        let address = &self.server()?.address;
        let whole = async {
            loop {
                let answer = http::ask(address, "GET", "/readyz", &[], None).await;
                let json = answer.ok().filter(|answer| answer.status == 200).and_then(|answer| answer.json().ok());
                if json.is_some_and(|json| json["closed_buckets"] == 0) {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        Ok(timeout(LOAD_MAX, whole).await.map_err(|_| "riffle was not ready in time")?)
    }

    pub fn redis_url(&self) -> String {
        self.redis.url()
    }

    pub fn postgres(&self) -> &StoreProcess {
        &self.postgres
    }

    /// What the stores have used.
    pub fn stores_used(&self) -> Used {
        Used::now(&Pids { server: 0, redis: self.redis.pid(), postgres: Some(self.postgres.pid()) })
    }

    pub fn server(&self) -> Result<&Server> {
        self.server.as_ref().ok_or_else(|| "riffle does not run".into())
    }

    pub fn pids(&self) -> Result<Pids> {
        let server = self.server()?.pid();
        Ok(Pids { server, redis: self.redis.pid(), postgres: Some(self.postgres.pid()) })
    }

    /// The limit's Redis: a copy of riffle's. Stops riffle, and Redis for a moment.
    pub async fn copy_redis(&mut self) -> Result<StoreProcess> {
        self.stop_server()?;
        let data = self.folder.join("limit");
        open_folder(&data)?;
        let places = Places::of(&data)?;
        // Once for its folders, with their owner.
        let mut copy = StoreProcess::start(StoreKind::Redis, &places, OPTIONS).await?;
        tokio::try_join!(copy.stop(), self.redis.stop())?;
        fs::remove_dir_all(copy.folder().join("appendonlydir"))?;
        let copied =
            Command::new("cp").arg("-a").arg(self.redis.folder().join("appendonlydir")).arg(copy.folder()).status()?;
        if !copied.success() {
            return Err("Redis's file could not be copied".into());
        }
        self.redis.start_again().await?;
        copy.start_again().await?;
        Ok(copy)
    }

    pub async fn stop(mut self) -> Result<()> {
        self.stop_server()?;
        tokio::try_join!(self.redis.stop(), self.postgres.stop())?;
        Ok(())
    }
}

/// Other users may pass through, so that the stores' user can.
fn open_folder(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(folder)?;
    Ok(fs::set_permissions(folder, PermissionsExt::from_mode(0o711))?)
}

/// The limit: this program again, as a process of its own.
pub async fn start_limit(folder: &Path, plan: &Plan) -> Result<Server> {
    let path = folder.join("plan.json");
    fs::write(&path, serde_json::to_vec(plan)?)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("limit").arg(path);
    start(command, &folder.join("limit.log")).await
}

/// Starts a server and waits for its line `… listening on http://<address>`.
async fn start(mut command: Command, log: &Path) -> Result<Server> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(log)?);
    let process = Process::spawn(command, Signal::KILL)?;
    let stdout = process.take_output().0.ok_or("no output")?;
    let line = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(stdout).lines();
        let line = lines.by_ref().map_while(std::result::Result::ok).find(|line| line.contains("listening on http://"));
        // Read to the end, so that the server never meets a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        line
    });
    let line = timeout(START_MAX, line).await.map_err(|_| "a server did not start in time")??;
    let address = line.as_deref().and_then(|line| line.split_once("http://")).map(|(_, rest)| rest);
    let Some(address) = address.and_then(|rest| rest.split(['/', ' ']).next()) else {
        return Err(format!("a server did not start: {}", fs::read_to_string(log).unwrap_or_default()).into());
    };
    Ok(Server { process, address: address.to_owned() })
}
