//! What a server holds when it has nothing to do is the same after many faults as after few.

use std::fs;

use crate::harness::{Client, Server, World, ask_postgres, eventually, rss_bytes};
use crate::loss::flushed;
use crate::rounds::{let_pass_between, rounds};
use crate::scene::Scene;

const ROUNDS: usize = 3;
/// The pool of requests, which grows to this by chance and keeps what it has; and the session of the flusher.
const POOLED_MAX: usize = 4;
const POSTGRES_MAX: i64 = POOLED_MAX as i64 + 1;
/// Looks that are the same, one after the other, when nothing moves any more.
const SAME_MIN: usize = 20;
/// Room for what is remembered of videos, tokens and authors, and for the holes that an allocator keeps.
const MEMORY_ROOM_BYTES: u64 = 8 << 20;

#[derive(Debug, Clone, PartialEq)]
struct Held {
    redis: i64,
    /// Those to Postgres are not counted in what follows.
    postgres: i64,
    /// Files and sockets.
    open: i64,
    threads: i64,
    tasks: i64,
}

impl Held {
    fn is_no_more_than(&self, before: &Held) -> bool {
        let parts = |held: &Held| [held.redis, held.open, held.threads, held.tasks];
        self.postgres <= POSTGRES_MAX && parts(self).iter().zip(parts(before)).all(|(now, before)| *now <= before)
    }
}

async fn metric(client: &Client, name: &str) -> i64 {
    let text = client.get("/metrics").await.text().to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{text} has no {name}")).parse().unwrap()
}

async fn look(world: &World, server: &Server) -> Held {
    let info = world.redis_command("INFO", &["clients"]).await;
    let clients = info.text().unwrap().unwrap().lines().find_map(|line| line.strip_prefix("connected_clients:"));
    let sql = "select count(*)::text from pg_stat_activity where application_name = 'riffle'";
    let postgres: i64 = ask_postgres(&world.postgres_url, sql).await.parse().unwrap();
    let count = |folder: &str| fs::read_dir(format!("/proc/{}/{folder}", server.pid())).unwrap().count() as i64;
    Held {
        redis: clients.unwrap().parse().unwrap(),
        postgres,
        open: count("fd") - postgres,
        threads: count("task"),
        tasks: metric(&server.client(), "riffle_tasks").await - postgres,
    }
}

/// Has all clients hang up, and waits until everything is written.
async fn until_idle(scene: &Scene) {
    scene.load.rest(true);
    let is_idle = async || {
        let client = scene.servers[0].client();
        // The one that asks is a client, too.
        let alone = metric(&client, "riffle_connections").await == 1;
        (alone && metric(&client, "riffle_outbox_entries").await == 0).then_some(())
    };
    eventually("all clients to be gone, and everything to be written", is_idle).await;
}

async fn until_still(scene: &Scene) -> Held {
    let mut looks: Vec<Held> = Vec::new();
    let is_still = async || {
        looks.push(look(&scene.world, &scene.servers[0]).await);
        let latest = looks.last_chunk::<SAME_MIN>()?;
        latest.iter().all(|held| *held == latest[0]).then(|| latest[0].clone())
    };
    eventually("nothing to move any more", is_still).await
}

async fn round_of_faults(scene: &mut Scene) {
    scene.load.rest(false);
    scene.load.goes_well().await;
    scene.world.redis.kill().await.unwrap();
    let_pass_between(&mut scene.random, 0, 200).await;
    scene.world.redis.start_again().await.unwrap();
    scene.load.goes_well().await;
    scene.world.postgres().kill().await.unwrap();
    let_pass_between(&mut scene.random, 0, 200).await;
    scene.world.postgres().start_again().await.unwrap();
    scene.until_ready().await;
    scene.load.goes_well().await;
    let mark = flushed(&scene.world).await;
    scene.shared().ledger.lock().unwrap().begin_loss(mark);
    scene.world.redis_command("FLUSHALL", &[]).await;
    scene.shared().ledger.lock().unwrap().end_loss();
    scene.until_ready().await;
    scene.load.goes_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_holds_no_more_after_many_faults_than_after_few() {
    rounds(async |random| {
        let world = World::start_alone_with_own_postgres().await;
        let pool = ("postgres_connections_max", &*POOLED_MAX.to_string());
        // The one that hashes keeps the memory it does that in.
        let mut scene = Scene::begin_with(world, random, 1, &[pool, ("password_threads", "1")]).await;
        scene.servers[0].client().register("warm").await;
        round_of_faults(&mut scene).await;
        until_idle(&scene).await;
        let before = until_still(&scene).await;
        let memory_before = rss_bytes(scene.servers[0].pid());
        for _ in 0..ROUNDS {
            round_of_faults(&mut scene).await;
        }
        until_idle(&scene).await;
        let is_as_little = async || look(&scene.world, &scene.servers[0]).await.is_no_more_than(&before).then_some(());
        eventually(&format!("a server to hold no more than {before:?}"), is_as_little).await;
        let memory = rss_bytes(scene.servers[0].pid());
        assert!(memory <= memory_before + MEMORY_ROOM_BYTES, "{memory} bytes, before {memory_before}");
        scene.load.rest(false);
        scene.end().await;
    })
    .await;
}
