//! What a server keeps because Redis tells of every change: shown without asking while nothing changes, and never older
//! than it may be, whatever becomes of the connection on which Redis tells.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Account, Client, Server, World, code, entries, eventually, query};

/// No covers, no flush, no relay: Redis is asked for requests only.
const QUIET: [(&str, &str); 3] =
    [("ffmpeg", "/nonexistent"), ("flush_interval_ms", "600000"), ("pending_after_ms", "600000")];
const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");
/// The setting's default.
const AGE_MAX: Duration = Duration::from_millis(250);

async fn calls(world: &World, command: &str) -> u64 {
    let stats = world.redis_command("INFO", &["commandstats"]).await;
    let stats = stats.text().unwrap().unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

fn publish_list(viewer: &Account, author: &Account) -> String {
    query(viewer, "/douyin/publish/list/", &[("user_id", &author.id)])
}

#[tokio::test]
async fn what_nobody_changes_is_not_asked_for_again() {
    let world = World::start_alone().await;
    let server = Server::start(&world, &QUIET).await;
    let client = server.client();
    let author = client.register("mia").await;
    client.publish_one(&author, "one").await;
    let mut caller = client.caller().await;
    let list = publish_list(&author, &author);
    eventually("four times its age without a question for a video or a user", async || {
        let before = calls(&world, "hmget").await;
        let begun = Instant::now();
        while begun.elapsed() < AGE_MAX * 4 {
            for path in ["/douyin/feed/", &list] {
                let page = caller.get(path).await;
                assert_eq!(entries(&page, "video_list").len(), 1, "{page}");
            }
        }
        (calls(&world, "hmget").await == before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_who_does_not_read_costs_redis_anything() {
    let world = World::start_alone().await;
    let _server = Server::start(&world, &QUIET).await;
    eventually("four times the age without a question", async || {
        let before = calls(&world, "get").await;
        let begun = Instant::now();
        eventually("time to pass", async || (begun.elapsed() > AGE_MAX * 4).then_some(())).await;
        (calls(&world, "get").await == before).then_some(())
    })
    .await;
}

/// Comments that one server has answered, each with the time of its answer.
#[derive(Default)]
struct Answered(Mutex<Vec<Instant>>);

impl Answered {
    /// How many of them a request that begins now has to show on another server.
    fn due(&self) -> u64 {
        let begun = Instant::now();
        self.0.lock().unwrap().iter().filter(|answered| **answered + AGE_MAX < begun).count() as u64
    }
}

/// Asks `path` until it is told to stop; gives how often it was answered.
async fn read_on(client: Client, path: String, answered: Arc<Answered>, done: Arc<AtomicBool>) -> u64 {
    let mut answers = 0;
    while !done.load(Ordering::Relaxed) {
        let due = answered.due();
        let page = client.get(&path).await.json();
        if code(&page) == 0 {
            let shown = entries(&page, "video_list")[0]["comment_count"].as_u64().unwrap();
            assert!(shown >= due, "{path}: {shown} comments where {due} were answered long before");
            answers += 1;
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_older_than_it_may_be_is_shown_whatever_becomes_of_the_watch() {
    let world = World::start().await;
    let (one, other) = tokio::join!(Server::start(&world, &[NO_COVERS]), Server::start(&world, &[NO_COVERS]));
    let author = one.client().register("mia").await;
    let video = one.client().publish_one(&author, "one").await;
    let list = publish_list(&author, &author);
    let client = other.client();
    let is_there = async |path: &str| {
        let page = client.get(path).await.json();
        (code(&page) == 0 && entries(&page, "video_list").len() == 1).then_some(())
    };
    eventually("the video", async || is_there("/douyin/feed/").await).await;
    eventually("the video", async || is_there(&list).await).await;

    let (answered, done) = (Arc::new(Answered::default()), Arc::new(AtomicBool::new(false)));
    let mut readers = Vec::new();
    for path in ["/douyin/feed/".to_owned(), list.clone(), format!("/douyin/feed/?token={}", author.token)] {
        readers.push(tokio::spawn(read_on(client, path, answered.clone(), done.clone())));
    }
    let comment = query(
        &author,
        "/douyin/comment/action/",
        &[("video_id", &video), ("action_type", &1), ("comment_text", &"again")],
    );
    let writer = one.client();
    let written = AtomicU64::new(0);
    for round in 0..24 {
        match round % 4 {
            // Connections that are told of changes, of both servers.
            1 => _ = world.redis_command("CLIENT", &["KILL", "TYPE", "pubsub"]).await,
            2 => _ = world.redis_command("CLIENT", &["PAUSE", "400", "ALL"]).await,
            // All of them.
            3 if round % 8 == 3 => _ = world.redis_command("CLIENT", &["KILL", "TYPE", "normal"]).await,
            _ => {}
        }
        let begun = Instant::now();
        eventually("comments for longer than the age", async || {
            if writer.post(&comment).await.code() == 0 {
                answered.0.lock().unwrap().push(Instant::now());
                written.fetch_add(1, Ordering::Relaxed);
            }
            (begun.elapsed() > AGE_MAX * 2).then_some(())
        })
        .await;
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 24, "a reader that hardly ever was answered");
    }
    assert!(written.load(Ordering::Relaxed) > 24);
}

/// Postgres has another title, as nobody but a test would write it there: who shows it has read Redis after its load.
#[tokio::test]
async fn an_emptied_redis_leaves_nothing_that_is_kept() {
    let world = World::start_alone().await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    let client = server.client();
    let author = client.register("mia").await;
    client.publish_one(&author, "before").await;
    let paths = ["/douyin/feed/".to_owned(), publish_list(&author, &author)];
    let title = |page: &Value| entries(page, "video_list")[0]["title"].as_str().unwrap().to_owned();
    for path in &paths {
        assert_eq!(title(&client.get_json(path).await), "before");
    }
    world.sql("update videos set title = 'after'").await;
    world.redis_command("FLUSHALL", &[]).await;
    for path in &paths {
        eventually("what was loaded", async || {
            let page = client.get(path).await.json();
            // Meanwhile refused, or what it was: never nothing.
            (code(&page) == 0 && title(&page) == "after").then_some(())
        })
        .await;
    }
}
