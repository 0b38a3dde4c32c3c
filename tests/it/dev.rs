//! The private stores: they answer, keep their data, come back, and outlive nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use riffle::dev::{Durability, Places, Process, Stack, StoreKind, StoreOptions, StoreProcess};
use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::NoTls;

use crate::harness::{Redis, THROWAWAY, World, ask_redis, eventually, temporary_folder};

/// As `riffle dev` runs them; where that makes no difference, the tests spare the disk.
const KEPT: StoreOptions = StoreOptions { durability: Durability::Kept, postgres_connections_max: 20, ..THROWAWAY };
/// Names the folder to the test that runs as the owner of a stack.
const OWNED_FOLDER: &str = "RIFFLE_TEST_OWNED_FOLDER";

async fn remember(redis_url: &str, postgres_url: &str, word: &str) {
    ask_redis(redis_url, "SET", &["word", word]).await.unwrap();
    let sql = format!("CREATE TABLE word (word text); INSERT INTO word VALUES ('{word}')");
    postgres(postgres_url).await.unwrap().batch_execute(&sql).await.unwrap();
}

/// What both remember, as soon as both answer.
async fn remembered(redis_url: &str, postgres_url: &str) -> (String, String) {
    let from_redis = async || Some(ask_redis(redis_url, "GET", &["word"]).await.ok()?.text().unwrap()?.to_owned());
    let from_postgres =
        async || Some(postgres(postgres_url).await.ok()?.query_one("SELECT word FROM word", &[]).await.ok()?.get(0));
    (eventually("Redis to answer", from_redis).await, eventually("Postgres to answer", from_postgres).await)
}

fn the_same(word: &str) -> (String, String) {
    (word.to_owned(), word.to_owned())
}

async fn postgres(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn pid_in(file: &Path) -> Pid {
    let text = fs::read_to_string(file).unwrap();
    Pid::from_raw(text.lines().next().unwrap().trim().parse().unwrap()).unwrap()
}

/// One that has ended may still stand in the table, until whoever inherited it asks for its status.
fn runs(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid()));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[tokio::test]
async fn killed_stores_keep_what_they_wrote() {
    let folder = temporary_folder();
    let places = Places::of(folder.path()).unwrap();
    let mut redis = StoreProcess::start(StoreKind::Redis, &places, THROWAWAY).await.unwrap();
    let mut postgres = StoreProcess::start(StoreKind::Postgres, &places, THROWAWAY).await.unwrap();
    remember(&redis.url(), &postgres.url(), "kept").await;
    redis.kill().await.unwrap();
    postgres.kill().await.unwrap();
    redis.start_again().await.unwrap();
    postgres.start_again().await.unwrap();
    assert_eq!(remembered(&redis.url(), &postgres.url()).await, the_same("kept"));
    redis.stop().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn two_worlds_share_nothing() {
    let (one, other) = (World::start().await, World::start().await);
    remember(&one.redis_url, &one.postgres_url, "one").await;
    remember(&other.redis_url, &other.postgres_url, "other").await;
    assert_eq!(remembered(&one.redis_url, &one.postgres_url).await, the_same("one"));
    assert_eq!(remembered(&other.redis_url, &other.postgres_url).await, the_same("other"));
}

#[tokio::test]
async fn a_frozen_store_goes_on_where_it_was() {
    let mut world = World::start_alone_with_own_postgres().await;
    remember(&world.redis_url, &world.postgres_url, "thawed").await;
    world.redis.pause();
    world.postgres().pause();
    world.redis.resume();
    world.postgres().resume();
    assert_eq!(remembered(&world.redis_url, &world.postgres_url).await, the_same("thawed"));
}

#[tokio::test]
async fn a_folder_has_one_owner_and_others_may_attach() {
    let folder = temporary_folder();
    let stack = Stack::start(folder.path(), THROWAWAY).await.unwrap();
    let refusal = Stack::start(folder.path(), THROWAWAY).await.err().unwrap().to_string();
    assert!(refusal.contains(folder.path().to_str().unwrap()), "{refusal}");
    assert!(refusal.contains(&std::process::id().to_string()), "{refusal}");
    remember(&stack.redis_url(), &stack.postgres_url(), "shared").await;

    let attached = Stack::attach_or_start(folder.path(), THROWAWAY).await.unwrap();
    let (redis_url, postgres_url) = (attached.redis_url(), attached.postgres_url());
    attached.stop().await.unwrap();
    assert_eq!(remembered(&redis_url, &postgres_url).await, the_same("shared"));

    stack.stop().await.unwrap();
    let owner = Stack::attach_or_start(folder.path(), THROWAWAY).await.unwrap();
    assert_eq!(remembered(&owner.redis_url(), &owner.postgres_url()).await, the_same("shared"));
    let pids = [folder.path().join("redis/redis.pid"), folder.path().join("postgres/postmaster.pid")];
    let pids = pids.map(|file| pid_in(&file));
    owner.stop().await.unwrap();
    assert!(!pids.into_iter().any(runs));
}

#[tokio::test]
async fn a_store_that_dies_is_started_again() {
    let folder = temporary_folder();
    let stack = Stack::start(folder.path(), THROWAWAY).await.unwrap();
    remember(&stack.redis_url(), &stack.postgres_url(), "back").await;
    for pid_file in ["redis/redis.pid", "postgres/postmaster.pid"] {
        let pid_file = folder.path().join(pid_file);
        let killed = pid_in(&pid_file);
        kill_process(killed, Signal::KILL).unwrap();
        eventually("another process", async || (pid_file.exists() && pid_in(&pid_file) != killed).then_some(())).await;
    }
    assert_eq!(remembered(&stack.redis_url(), &stack.postgres_url()).await, the_same("back"));
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn killing_the_owner_stops_the_stores_and_a_frozen_one_gives_way_to_the_next_owner() {
    let folder = temporary_folder();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "dev::owner_of_a_stack", "--ignored"]).env(OWNED_FOLDER, folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let owner = Process::spawn(command, Signal::KILL).unwrap();
    let ready = folder.path().join("ready");
    eventually("the owner to start its stack", async || ready.exists().then_some(())).await;
    let redis = pid_in(&folder.path().join("redis/redis.pid"));
    let postgres = pid_in(&folder.path().join("postgres/postmaster.pid"));

    kill_process(redis, Signal::STOP).unwrap();
    owner.signal(Signal::KILL);
    owner.wait().await.unwrap();
    eventually("Postgres to stop", async || (!runs(postgres)).then_some(())).await;

    let stack = Stack::start(folder.path(), KEPT).await.unwrap();
    assert!(!runs(redis));
    assert_eq!(remembered(&stack.redis_url(), &stack.postgres_url()).await, the_same("owned"));
    stack.stop().await.unwrap();
}

#[tokio::test]
#[ignore = "no test: the process that the test above kills"]
async fn owner_of_a_stack() {
    let folder = std::env::var_os(OWNED_FOLDER).unwrap();
    let folder = Path::new(&folder);
    let stack = Stack::start(folder, KEPT).await.unwrap();
    remember(&stack.redis_url(), &stack.postgres_url(), "owned").await;
    fs::write(folder.join("ready"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn stores_left_running_are_stopped_cleanly_first() {
    let folder = temporary_folder();
    let places = Places::of(folder.path()).unwrap();
    let redis = StoreProcess::start(StoreKind::Redis, &places, KEPT).await.unwrap();
    let postgres = StoreProcess::start(StoreKind::Postgres, &places, KEPT).await.unwrap();
    remember(&redis.url(), &postgres.url(), "left").await;
    redis.pause();
    let stack = Stack::start(folder.path(), KEPT).await.unwrap();
    assert!(redis.wait().await.unwrap().success());
    assert!(postgres.wait().await.unwrap().success());
    assert_eq!(remembered(&stack.redis_url(), &stack.postgres_url()).await, the_same("left"));
    stack.stop().await.unwrap();
}

/// Removes what a data folder has elsewhere, which links in it name.
struct Outside {
    data_dir: PathBuf,
}

impl Drop for Outside {
    fn drop(&mut self) {
        for outside in
            ["run", "redis", "postgres"].iter().filter_map(|name| fs::read_link(self.data_dir.join(name)).ok())
        {
            let _ = fs::remove_dir_all(&outside);
            // As root they share parents that are there for them alone, and go when they are empty.
            let _ = outside.ancestors().skip(1).take(2).try_for_each(fs::remove_dir);
        }
    }
}

#[tokio::test]
async fn a_path_that_no_socket_can_have_is_no_hindrance() {
    let folder = temporary_folder();
    let odd = folder.path().join("a folder, 100% long ".repeat(8)).join("名");
    let _outside = Outside { data_dir: odd.clone() };
    let stack = Stack::start(&odd, THROWAWAY).await.unwrap();
    remember(&stack.redis_url(), &stack.postgres_url(), "short").await;
    assert_eq!(remembered(&stack.redis_url(), &stack.postgres_url()).await, the_same("short"));
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_store_whose_data_folder_was_removed_is_not_taken_for_a_new_one() {
    let folder = temporary_folder();
    let odd = folder.path().join("a folder, 100% long ".repeat(8));
    let _outside = Outside { data_dir: odd.clone() };
    let stack = Stack::start(&odd, THROWAWAY).await.unwrap();
    remember(&stack.redis_url(), &stack.postgres_url(), "old").await;
    stack.stop().await.unwrap();

    let aside = folder.path().join("aside");
    fs::rename(&odd, &aside).unwrap();
    let again = Stack::start(&odd, THROWAWAY).await;
    // Only root's stores lie elsewhere; others went along with the folder.
    if aside.join("postgres").is_symlink() {
        let refusal = again.err().unwrap().to_string();
        assert!(refusal.contains("To begin anew remove it too: rm -r /"), "{refusal}");
    } else {
        let stack = again.unwrap();
        remember(&stack.redis_url(), &stack.postgres_url(), "new").await;
        stack.stop().await.unwrap();
    }
    fs::remove_dir_all(&odd).unwrap();
    fs::rename(&aside, &odd).unwrap();
    let stack = Stack::start(&odd, THROWAWAY).await.unwrap();
    assert_eq!(remembered(&stack.redis_url(), &stack.postgres_url()).await, the_same("old"));
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_that_has_passed_to_another_process_does_not_keep_postgres_from_starting() {
    let folder = temporary_folder();
    let places = Places::of(folder.path()).unwrap();
    let postgres = StoreProcess::start(StoreKind::Postgres, &places, THROWAWAY).await.unwrap();
    let pid_file = postgres.folder().join("postmaster.pid");
    let left = fs::read_to_string(&pid_file).unwrap();
    postgres.stop().await.unwrap();
    // The user of Postgres owns the other process too, which is what Postgres cannot tell from one of its own.
    let redis = StoreProcess::start(StoreKind::Redis, &places, THROWAWAY).await.unwrap();
    fs::write(&pid_file, left.replacen(&postgres.pid().to_string(), &redis.pid().to_string(), 1)).unwrap();
    let postgres = StoreProcess::start(StoreKind::Postgres, &places, THROWAWAY).await.unwrap();
    postgres.stop().await.unwrap();
    redis.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_one_takes_every_key_and_refuses_to_leave_a_slot() {
    let folder = temporary_folder();
    let mut redis = Redis::start_cluster(folder.path(), 1).await;
    for key in ["a", "b", "c"] {
        ask_redis(&redis.url(), "SET", &[key, "kept"]).await.unwrap();
    }
    redis.kill().await.unwrap();
    redis.start_again().await.unwrap();
    let kept = ask_redis(&redis.url(), "GET", &["b"]).await.unwrap();
    assert_eq!(kept.text().unwrap(), Some("kept"));
    let refusal = ask_redis(&redis.url(), "MGET", &["a", "b"]).await.unwrap_err();
    assert!(refusal.to_string().contains("CROSSSLOT"), "{refusal}");
}
