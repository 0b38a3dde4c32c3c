//! Redis that loads a large file when it starts, and says so to everyone meanwhile.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use riffle::dev::Places;
use rustix::process::{Pid, Signal, kill_process};

use crate::cast::TOKEN_SECRET;
use crate::harness::{Client, Server, World, ask_redis, eventually, temporary_folder};
use crate::rounds::rounds;
use crate::scene::Scene;
use crate::tail::{newest_file, newest_file_in};

/// Changes nothing and takes a moment each time: so many keep Redis busy for some seconds at its start, with pauses in
/// between in which it refuses whoever asks.
const SLOW_COMMAND: &str = "local sum = 0 for number = 1, 20000 do sum = sum + number end return sum";
const SLOW_COMMANDS: usize = 15_000;
const KEPT: &str = "Redis kept what it had";
const LOADED_ANEW: &str = "Redis is loaded anew";
const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent/ffmpeg");

/// Redis only ever appends to the file, so that this may be done while it runs and is not writing.
fn make_slow(file: &Path) {
    let command = format!("*3\r\n$4\r\nEVAL\r\n${}\r\n{SLOW_COMMAND}\r\n$1\r\n0\r\n", SLOW_COMMAND.len());
    OpenOptions::new().append(true).open(file).unwrap().write_all(command.repeat(SLOW_COMMANDS).as_bytes()).unwrap();
}

async fn is_loading(redis_url: &str) -> bool {
    let answer = ask_redis(redis_url, "DBSIZE", &[]).await;
    answer.is_err_and(|error| error.to_string().contains("LOADING"))
}

/// Asks again and again until Redis has loaded its file: whatever is answered before is a 503.
async fn is_refused_until_loaded(redis_url: &str, client: &Client) {
    eventually("Redis to begin to load its file", async || is_loading(redis_url).await.then_some(())).await;
    let mut reasons = Vec::new();
    loop {
        let answers = [client.get("/readyz").await, client.get("/douyin/feed/?latest_time=1").await];
        if !is_loading(redis_url).await {
            break;
        }
        reasons.push(answers[0].json()["status_msg"].to_string());
        for answer in answers {
            assert_eq!((answer.status, &answer.json()["status_code"]), (503, &100_014.into()), "{answer:?}");
        }
    }
    assert!(reasons.iter().any(|reason| reason.contains("redis starting")), "{reasons:?}");
}

/// A new Redis was empty and is loaded; the one that was killed had everything.
fn is_kept(log: &str) {
    assert_eq!((log.matches(KEPT).count(), log.matches(LOADED_ANEW).count()), (1, 1), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_loads_a_large_file_is_waited_for() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_alone().await, random, 1).await;
        scene.world.redis.kill().await.unwrap();
        make_slow(&newest_file(&scene.world.redis));
        let (redis_url, client) = (scene.world.redis_url.clone(), scene.servers[0].client());
        let (started, ()) = tokio::join!(scene.world.redis.start_again(), is_refused_until_loaded(&redis_url, &client));
        started.unwrap();
        scene.until_ready().await;
        is_kept(&scene.servers[0].stderr());
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_starts_while_redis_loads_its_file_waits_and_dev_leaves_redis_alone() {
    let folder = temporary_folder();
    let places = Places::of(folder.path()).unwrap();
    let dev = Server::start_command(&["dev"], folder.path(), &[NO_COVERS]).await;
    let mia = dev.client().register("mia").await;
    let pid = || fs::read_to_string(folder.path().join("redis/redis.pid")).unwrap().trim().parse::<i32>().unwrap();
    let killed = pid();
    make_slow(&newest_file_in(&folder.path().join("redis")));
    kill_process(Pid::from_raw(killed).unwrap(), Signal::KILL).unwrap();
    let begun = async || is_loading(&places.redis_url()).await.then_some(());
    eventually("Redis to begin to load its file", begun).await;
    let restarted = pid();
    assert_ne!(restarted, killed);

    let (redis_url, postgres_url, client) = (places.redis_url(), places.postgres_url(), dev.client());
    let stores = [("redis_url", &*redis_url), ("postgres_url", &*postgres_url)];
    let settings = [stores[0], stores[1], NO_COVERS, ("token_secret", TOKEN_SECRET)];
    let (server, ()) = tokio::join!(
        Server::start_command(&["serve"], folder.path(), &settings),
        is_refused_until_loaded(&redis_url, &client),
    );
    for server in [&dev, &server] {
        eventually("a server to be ready", async || server.client().is_ready().await.then_some(())).await;
    }
    assert_eq!(pid(), restarted);
    let (dev_log, log) = (dev.stderr(), server.stderr());
    assert_eq!(dev_log.matches("starting it again").count(), 1, "{dev_log}");
    assert!(log.contains("LOADING"), "{log}");
    is_kept(&(dev_log + &log));
    let shown = dev.client().caller().await.see(&mia, "/douyin/user/", &[]).await;
    assert_eq!(shown["user"]["name"], "mia", "{shown}");
}
