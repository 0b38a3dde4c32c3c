//! Both stores of a data folder, under its lock.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::DevError;
use super::places::Places;
use super::store::{Answer, StoreKind, StoreOptions, StoreProcess};
use super::supervisor::Supervisor;
use super::{postgres, redis};

const ATTACH_POLL: Duration = Duration::from_millis(20);
const ATTACH_MAX: Duration = Duration::from_secs(60);

/// The private stores, started here or found running.
pub struct Stack {
    places: Places,
    /// `None`: they are someone else's.
    owned: Option<Owned>,
}

struct Owned {
    redis: Supervisor,
    postgres: Supervisor,
    /// Held until both have stopped; the system lets go of it when we die.
    _lock: File,
}

impl Stack {
    /// Takes the lock of the data folder and starts both stores; returns when both answer. Refuses a folder that
    /// another process holds. Until [`Stack::stop`], a store that dies is started again.
    pub async fn start(data_dir: &Path, options: StoreOptions) -> Result<Stack, DevError> {
        let places = Places::of(data_dir)?;
        match take_lock(&places)? {
            Lock::Taken(lock) => start_stores(places, options, lock).await,
            Lock::Held { by } => Err(DevError::new(format!(
                "the data folder {} is in use by process {by}, likely another `riffle dev`. Stop that one, or choose \
                 another folder with --data-dir",
                places.data_dir().display()
            ))),
        }
    }

    /// For every command but `dev`: the stores of the process that holds the folder (they live as long as it does),
    /// else started here.
    pub async fn attach_or_start(data_dir: &Path, options: StoreOptions) -> Result<Stack, DevError> {
        let places = Places::of(data_dir)?;
        let mut heard_last = Instant::now();
        loop {
            let by = match take_lock(&places)? {
                Lock::Taken(lock) => return start_stores(places, options, lock).await,
                Lock::Held { by } => by,
            };
            match answer(&places).await {
                Answer::Ready => return Ok(Stack { places, owned: None }),
                // A large file may take any time.
                Answer::Loading => heard_last = Instant::now(),
                Answer::Silence => {}
            }
            // It is just starting, or just stopping, or one of its stores is being started again.
            if heard_last.elapsed() > ATTACH_MAX {
                return Err(DevError::new(format!(
                    "process {by} holds the data folder {}, but its stores do not answer",
                    places.data_dir().display()
                )));
            }
            sleep(ATTACH_POLL).await;
        }
    }

    pub fn redis_url(&self) -> String {
        self.places.redis_url()
    }

    pub fn postgres_url(&self) -> String {
        self.places.postgres_url()
    }

    /// Stops Redis, then Postgres, cleanly, and lets go of the folder. Stores of another process are left alone.
    pub async fn stop(self) -> Result<(), DevError> {
        let Some(owned) = self.owned else { return Ok(()) };
        let redis = owned.redis.stop().await;
        let postgres = owned.postgres.stop().await;
        redis.and(postgres)
    }
}

async fn start_stores(places: Places, options: StoreOptions, lock: File) -> Result<Stack, DevError> {
    let (redis, postgres) = tokio::try_join!(
        StoreProcess::start(StoreKind::Redis, &places, options),
        StoreProcess::start(StoreKind::Postgres, &places, options),
    )?;
    let owned = Owned { redis: Supervisor::over(redis), postgres: Supervisor::over(postgres), _lock: lock };
    Ok(Stack { places, owned: Some(owned) })
}

/// What both stores say together.
async fn answer(places: &Places) -> Answer {
    match tokio::join!(redis::probe(places), postgres::probe(places)) {
        (Ok(Answer::Ready), Ok(Answer::Ready)) => Answer::Ready,
        (Ok(Answer::Loading), _) | (_, Ok(Answer::Loading)) => Answer::Loading,
        _ => Answer::Silence,
    }
}

enum Lock {
    Taken(File),
    Held { by: String },
}

/// The file names its holder for the message; what counts is the lock on it.
fn take_lock(places: &Places) -> Result<Lock, DevError> {
    let path = places.data_dir().join("lock");
    let cannot = || DevError::on("lock", &path);
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(cannot())?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(cannot())?;
            writeln!(file, "{}", std::process::id()).map_err(cannot())?;
            Ok(Lock::Taken(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut by = String::new();
            file.read_to_string(&mut by).map_err(cannot())?;
            Ok(Lock::Held { by: by.trim().to_owned() })
        }
        Err(TryLockError::Error(error)) => Err(cannot()(error)),
    }
}
