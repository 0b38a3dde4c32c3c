//! What one test has to itself: a Redis, a database, a data folder.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use riffle::dev::{Durability, Places, StoreKind, StoreOptions, StoreProcess};
use riffle::media::Media;
use rustix::process::geteuid;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::object_store::{ObjectStore, Policies};
use super::postgres::new_database;
use super::redis::Redis;
use super::server::migrate;

pub const THROWAWAY: StoreOptions =
    StoreOptions { durability: Durability::Throwaway, postgres_connections_max: 300, redis_cluster: false };

/// With `cluster`, every world's Redis is a cluster of three nodes, which refuse to leave the slot of a call. Without it,
/// or with `alone`, it runs as most installations do.
const REDIS_MODE: &str = "TEST_REDIS";
const NODES: usize = 3;

/// With `s3`, every world's media lie in an object store that lets nobody read but its owner, so that they are served
/// through riffle; without it, or with `folder`, in the data folder.
const MEDIA: &str = "TEST_MEDIA";

pub struct World {
    pub redis: Redis,
    /// Only where the test asked for one of its own; else all tests share one.
    postgres: Option<StoreProcess>,
    pub redis_url: String,
    pub postgres_url: String,
    /// None: media lie in the data folder.
    pub object_store: Option<ObjectStore>,
    folder: TempDir,
}

impl World {
    pub async fn start() -> World {
        World::on_redis(NODES).await
    }

    /// For tests that kill, freeze or cut the process that is Redis: it is one, if need be a cluster of one.
    pub async fn start_alone() -> World {
        World::on_redis(1).await
    }

    /// For tests of what only a cluster of several nodes does.
    pub async fn start_cluster() -> World {
        let folder = temporary_folder();
        let (redis, postgres_url) = tokio::join!(Redis::start_cluster(folder.path(), NODES), new_database());
        World::of(redis, None, postgres_url, folder).await
    }

    async fn on_redis(nodes: usize) -> World {
        let folder = temporary_folder();
        let (redis, postgres_url) = tokio::join!(redis_in(folder.path(), nodes), new_database());
        World::of(redis, None, postgres_url, folder).await
    }

    async fn of(redis: Redis, postgres: Option<StoreProcess>, postgres_url: String, folder: TempDir) -> World {
        plant_placeholders(&folder.path().join("media/placeholder")).await;
        let object_store = object_store_wanted().then(|| ObjectStore::start(Policies::Refused));
        World { redis_url: redis.url(), redis, postgres, postgres_url, object_store, folder }
    }

    /// Media lie in an object store of its own.
    pub async fn start_with_object_store(policies: Policies) -> World {
        let mut world = World::start().await;
        world.object_store = Some(ObjectStore::start(policies));
        world
    }

    /// Media lie in the data folder, whatever the other tests use.
    pub async fn start_with_media_folder() -> World {
        let mut world = World::start().await;
        world.object_store = None;
        world
    }

    /// For tests that stop or freeze Postgres; costs most of a second.
    pub async fn start_with_own_postgres() -> World {
        World::on_own_postgres(NODES).await
    }

    /// For tests that do so to both.
    pub async fn start_alone_with_own_postgres() -> World {
        World::on_own_postgres(1).await
    }

    async fn on_own_postgres(nodes: usize) -> World {
        let folder = temporary_folder();
        let redis = redis_in(folder.path(), nodes).await;
        let places = Places::of(folder.path()).unwrap();
        let postgres = StoreProcess::start(StoreKind::Postgres, &places, THROWAWAY).await.unwrap();
        let postgres_url = postgres.url();
        migrate(&postgres_url, folder.path()).await;
        World::of(redis, Some(postgres), postgres_url, folder).await
    }

    /// Panics unless the world was started with its own.
    pub fn postgres(&mut self) -> &mut StoreProcess {
        self.postgres.as_mut().expect("this test shares its Postgres: World::start_with_own_postgres()")
    }

    /// `RIFFLE_DATA_DIR` of the servers of this world.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Where files of a kind lie: `video`, `cover`, or `incoming` for uploads under way.
    pub fn media_folder(&self, kind: &str) -> PathBuf {
        match &self.object_store {
            Some(store) if kind != "incoming" => store.folder().join(kind),
            _ => self.data_dir().join("media").join(kind),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.redis.kill_and_wait();
        if let Some(postgres) = &self.postgres {
            postgres.kill_and_wait();
        }
    }
}

/// Puts the placeholder covers there that a first server would draw: that is a second of work for a build that is not
/// optimised. Servers of [`super::Server::start_command`] draw their own.
async fn plant_placeholders(folder: &Path) {
    static DRAWN: OnceCell<Vec<(OsString, Vec<u8>)>> = OnceCell::const_new();
    let draw = async || {
        let drawn = temporary_folder();
        Media::in_folder(drawn.path().to_owned()).unwrap().prepare().await.unwrap();
        let files = fs::read_dir(drawn.path().join("placeholder")).unwrap().map(Result::unwrap);
        files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect()
    };
    fs::create_dir_all(folder).unwrap();
    for (name, jpeg) in DRAWN.get_or_init(draw).await {
        fs::write(folder.join(name), jpeg).unwrap();
    }
}

fn object_store_wanted() -> bool {
    match std::env::var(MEDIA).as_deref() {
        Ok("s3") => true,
        Ok("folder") | Err(_) => false,
        Ok(other) => panic!("{MEDIA}={other}: give `s3` or `folder`"),
    }
}

/// For tests that need nothing else: a Redis, and the folder it lives in.
pub async fn start_redis() -> (Redis, TempDir) {
    let folder = temporary_folder();
    (redis_in(folder.path(), 1).await, folder)
}

/// `nodes`: where this is to be a cluster at all.
async fn redis_in(folder: &Path, nodes: usize) -> Redis {
    match std::env::var(REDIS_MODE).as_deref() {
        Ok("cluster") => Redis::start_cluster(folder, nodes).await,
        Ok("alone") | Err(_) => Redis::start(folder).await,
        Ok(other) => panic!("{REDIS_MODE}={other}: give `cluster` or `alone`"),
    }
}

/// A folder that goes when it is dropped. As root the stores run as another user, who must be able to enter it; where
/// he cannot, they would live in a place that nobody tidies up.
pub fn temporary_folder() -> TempDir {
    if geteuid().is_root() {
        let temporary = std::env::temp_dir();
        let closed = temporary.ancestors().find(|folder| !everyone_may_enter(folder));
        assert_eq!(closed, None, "is not open to other users; set TMPDIR to a folder that is");
    }
    tempfile::Builder::new().prefix("riffle-").permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

fn everyone_may_enter(folder: &Path) -> bool {
    folder.metadata().is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
}
