//! One throwaway Postgres for the whole run, and in it a database for each test, copied from a migrated one.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use riffle::dev::{Places, StoreKind, StoreProcess};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use super::eventually::eventually;
use super::server::migrate;
use super::world::{THROWAWAY, World, temporary_folder};

struct SharedPostgres {
    store: StoreProcess,
    places: Places,
    folder: PathBuf,
}

static SHARED: OnceLock<SharedPostgres> = OnceLock::new();
static STARTED: OnceCell<()> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of a new database with every migration in it.
pub async fn new_database() -> String {
    STARTED.get_or_init(start).await;
    let shared = SHARED.get().unwrap();
    let name = format!("riffle_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    execute(&shared.places, &format!("CREATE DATABASE {name} TEMPLATE riffle_template")).await;
    shared.places.postgres_url_of(&name)
}

async fn start() {
    let folder: TempDir = temporary_folder();
    let places = Places::of(folder.path()).unwrap();
    let store = StoreProcess::start(StoreKind::Postgres, &places, THROWAWAY).await.unwrap();
    let folder = folder.keep();
    assert!(SHARED.set(SharedPostgres { store, places, folder }).is_ok());
    // SAFETY: the handler touches one static, which is never dropped, and panics nowhere.
    unsafe { libc::atexit(end) };
    let places = &SHARED.get().unwrap().places;
    execute(places, "CREATE DATABASE riffle_template").await;
    migrate(&places.postgres_url_of("riffle_template"), places.data_dir()).await;
}

/// A static is never dropped, so the end of the process is the place to tidy up.
extern "C" fn end() {
    if let Some(shared) = SHARED.get() {
        shared.store.kill_and_wait();
        let _ = std::fs::remove_dir_all(&shared.folder);
    }
}

impl World {
    /// A look past the server, into its Postgres: any number of statements.
    pub async fn sql(&self, statements: &str) {
        self.postgres_client().await.batch_execute(statements).await.unwrap();
    }

    /// Waits until Redis shows all rows, and both ends and timelines have all that was flushed.
    pub async fn until_nothing_is_pending(&self) {
        let sql = "select (select count(*) from users where version = 0) \
                   + (select count(*) from videos where version = 0) \
                   + (select count(*) from bucket where relayed < position)";
        let none = async || (self.sql_number(sql).await == 0).then_some(());
        eventually("the relay to note all rows", none).await;
    }

    /// The one number that the query gives.
    pub async fn sql_number(&self, query: &str) -> i64 {
        self.postgres_client().await.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Gives the address of a copy of its database as it is now; nobody may be connected to it.
    pub async fn copy_database(&self) -> String {
        let shared = SHARED.get().unwrap();
        let original = self.postgres_url.rsplit('/').next().unwrap();
        let name = format!("riffle_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        execute(&shared.places, &format!("CREATE DATABASE {name} TEMPLATE {original}")).await;
        shared.places.postgres_url_of(&name)
    }

    async fn postgres_client(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.postgres_url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

async fn execute(places: &Places, sql: &str) {
    let (client, connection) = tokio_postgres::connect(&places.postgres_url(), NoTls).await.unwrap();
    tokio::select! {
        done = client.batch_execute(sql) => done.unwrap(),
        ended = connection => panic!("Postgres ended the connection: {ended:?}"),
    }
}

/// The text that a query of one column and one row gives.
pub async fn ask_postgres(url: &str, sql: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::select! {
        row = client.query_one(sql, &[]) => row.unwrap().get(0),
        ended = connection => panic!("Postgres ended the connection: {ended:?}"),
    }
}
