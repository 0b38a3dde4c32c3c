//! Faults of Redis and Postgres under a running server: each answer is right or 503, and all comes back by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use riffle::id::UserId;
use riffle::store::keys;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{
    Account, Client, PASSWORD, Reply, Server, World, clip, eventually, ids, publishing, registering, run,
};

/// Nothing changes behind the tests' back.
const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");
/// The bound of the contract is 2 s; a busy machine gets one more.
const REFUSAL_MAX: Duration = Duration::from_secs(3);

/// What must be seen of a user and his videos for as long as nobody changes them.
struct Facts {
    paths: Vec<String>,
    answers: Vec<Value>,
}

/// Takes out what depends on the clock.
fn timeless(mut answer: Value) -> Value {
    for video in answer["video_list"].as_array_mut().into_iter().flatten() {
        video["create_time"].take();
    }
    if answer.get("next_time").is_some() {
        answer["next_time"].take();
    }
    answer
}

fn assert_is_refusal(reply: &Reply) {
    let json = reply.json();
    assert_eq!((reply.status, &json["status_code"]), (503, &json!(100_014)), "{json}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    for (field, zero) in [("video_list", json!([])), ("user", json!(null)), ("user_id", json!(0)), ("token", json!(""))]
    {
        assert!(json.get(field).is_none_or(|value| *value == zero), "{json}");
    }
}

impl Facts {
    async fn of(client: &Client, account: &Account) -> Facts {
        let paths = vec![
            "/douyin/feed/".to_owned(),
            format!("/douyin/user/?token={}", account.token),
            format!("/douyin/publish/list/?token={}", account.token),
        ];
        let mut answers = Vec::new();
        for path in &paths {
            answers.push(timeless(client.get_json(path).await));
        }
        Facts { paths, answers }
    }

    /// Whether all are seen now. Anything but the facts or a 503 fails the test.
    async fn are_seen(&self, client: &Client) -> bool {
        let mut seen = true;
        for (path, answer) in self.paths.iter().zip(&self.answers) {
            let reply = client.get(path).await;
            if reply.status == 503 {
                assert_is_refusal(&reply);
                seen = false;
            } else {
                assert_eq!(timeless(reply.json()), *answer);
            }
        }
        seen
    }

    async fn come_back(&self, client: &Client) {
        let back = async || (client.is_ready().await && self.are_seen(client).await).then_some(());
        eventually("all facts to be seen again", back).await;
    }
}

async fn ready_state(client: &Client) -> (u16, String) {
    let reply = client.get("/readyz").await;
    (reply.status, reply.json()["status_msg"].as_str().unwrap().to_owned())
}

async fn until_ready_says(client: &Client, word: &str) {
    let said = async || (ready_state(client).await == (503, word.to_owned())).then_some(());
    eventually(&format!("/readyz to say {word:?}"), said).await;
}

/// Nothing that was read before a fault is shown after it.
const NOTHING_KEPT: (&str, &str) = ("feed_age_ms", "0");

/// A server with a user and three videos.
async fn furnished(world: &World, settings: &[(&str, &str)]) -> (Server, Account, Facts) {
    let settings: Vec<_> = [NO_COVERS, NOTHING_KEPT].into_iter().chain(settings.iter().copied()).collect();
    let server = Server::start(world, &settings).await;
    let mia = server.client().register("mia").await;
    for title in ["one", "two", "three"] {
        server.client().publish(&mia, title).await;
    }
    let facts = Facts::of(&server.client(), &mia).await;
    (server, mia, facts)
}

fn user_key(account: &Account) -> String {
    keys::user(UserId(account.id))
}

/// A field that only a Redis which was not loaded anew still has.
async fn leave_a_mark(world: &World, account: &Account) {
    world.redis_command("HSET", &[&user_key(account), "mark", "1"]).await;
}

async fn is_marked(world: &World, account: &Account) -> bool {
    world.redis_command("HEXISTS", &[&user_key(account), "mark"]).await.number().unwrap() == Some(1)
}

/// With owners and rights, which are another user's when the tests run as root.
fn copy_folder(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// What Redis has on disk; it writes there before it answers.
fn redis_files(world: &World) -> PathBuf {
    world.redis.folder().join("appendonlydir")
}

async fn restart_redis_with(world: &mut World, files: Option<&Path>) {
    world.redis.kill().await.unwrap();
    std::fs::remove_dir_all(redis_files(world)).unwrap();
    if let Some(files) = files {
        copy_folder(files, &redis_files(world));
    }
    world.redis.start_again().await.unwrap();
}

async fn epoch(world: &World) -> i64 {
    world.sql_number("select max(epoch) from bucket").await
}

#[tokio::test]
async fn an_emptied_redis_is_loaded_anew_and_shows_no_wrong_zero() {
    let world = World::start().await;
    let (server, mia, facts) = furnished(&world, &[]).await;
    let client = server.client();
    for _ in 0..3 {
        let mut readers = JoinSet::new();
        let facts = std::sync::Arc::new(Facts { paths: facts.paths.clone(), answers: facts.answers.clone() });
        for _ in 0..4 {
            let facts = facts.clone();
            readers.spawn(async move {
                for _ in 0..20 {
                    facts.are_seen(&client).await;
                }
            });
        }
        world.redis_command("FLUSHALL", &[]).await;
        while let Some(done) = readers.join_next().await {
            done.unwrap();
        }
        facts.come_back(&client).await;
    }
    client.publish(&mia, "four").await;
    assert_eq!(client.get_json(&facts.paths[1]).await["user"]["work_count"], 4);
    client.register("ben").await;
}

#[tokio::test]
async fn a_redis_that_restarts_with_its_data_keeps_it() {
    let mut world = World::start_alone().await;
    let (server, mia, facts) = furnished(&world, &[]).await;
    leave_a_mark(&world, &mia).await;
    world.redis.kill().await.unwrap();
    until_ready_says(&server.client(), "redis unreachable").await;
    assert!(!facts.are_seen(&server.client()).await);
    world.redis.start_again().await.unwrap();
    facts.come_back(&server.client()).await;
    assert!(is_marked(&world, &mia).await);
    server.client().publish(&mia, "four").await;
}

#[tokio::test]
async fn a_redis_that_is_kept_gets_what_postgres_has_and_it_misses() {
    let mut world = World::start_alone().await;
    let (server, mia, _) = furnished(&world, &[]).await;
    let client = server.client();
    let video = client.publish_one(&mia, "four").await;
    let mut caller = client.caller().await;
    let mut comments = Vec::new();
    for text in ["stays", "goes"] {
        comments.push(caller.comment(&mia, video, text).await["comment"]["id"].as_u64().unwrap());
    }
    leave_a_mark(&world, &mia).await;
    let ready = async || client.is_ready().await.then_some(());
    // From here on all of it is older than what had been relayed.
    world.redis.kill().await.unwrap();
    until_ready_says(&client, "redis unreachable").await;
    world.redis.start_again().await.unwrap();
    eventually("Redis to be kept", ready).await;

    world.redis.kill().await.unwrap();
    let newest = format!("(select relayed + 1 from bucket where bucket = {})", UserId(mia.id).bucket().number());
    world
        .sql(&format!(
            "update comment set is_on = false, version = {newest} where id = {};
             insert into favorite values ({}, {video}, {newest}, true)",
            comments[1], mia.id
        ))
        .await;
    until_ready_says(&client, "redis unreachable").await;
    world.redis.start_again().await.unwrap();
    eventually("Redis to be kept again", ready).await;
    assert!(is_marked(&world, &mia).await);
    let shown = client.get_json(&format!("/douyin/comment/list/?video_id={video}")).await;
    assert_eq!(ids(&shown, "comment_list"), comments[..1]);
    let liked = client.get_json(&format!("/douyin/favorite/list/?token={}&user_id={}", mia.token, mia.id)).await;
    assert_eq!(ids(&liked, "video_list"), [video]);
    let shown = &liked["video_list"][0];
    assert_eq!((&shown["favorite_count"], &shown["comment_count"]), (&json!(1), &json!(1)));
    assert_eq!(shown["author"]["total_favorited"], json!(1));
}

#[tokio::test]
async fn a_redis_that_lost_its_files_is_loaded_anew() {
    let mut world = World::start_alone().await;
    let (server, mia, facts) = furnished(&world, &[]).await;
    leave_a_mark(&world, &mia).await;
    restart_redis_with(&mut world, None).await;
    facts.come_back(&server.client()).await;
    assert!(!is_marked(&world, &mia).await);
    server.client().publish(&mia, "four").await;
}

#[tokio::test]
async fn a_rewound_redis_misses_nothing_that_was_acknowledged() {
    let mut world = World::start_alone().await;
    let (server, mia, _) = furnished(&world, &[]).await;
    let client = server.client();
    let saved = world.data_dir().join("saved");
    copy_folder(&redis_files(&world), &saved);
    client.publish(&mia, "four").await;
    let ben = client.register("ben").await;
    client.publish(&ben, "five").await;
    let (facts, bens_facts) = (Facts::of(&client, &mia).await, Facts::of(&client, &ben).await);

    restart_redis_with(&mut world, Some(&saved)).await;
    facts.come_back(&client).await;
    bens_facts.come_back(&client).await;
    client.publish(&ben, "six").await;
    assert_eq!(client.get_json("/douyin/feed/").await["video_list"].as_array().unwrap().len(), 6);
    // Once more, now to an earlier epoch.
    let (facts, bens_facts) = (Facts::of(&client, &mia).await, Facts::of(&client, &ben).await);
    restart_redis_with(&mut world, Some(&saved)).await;
    facts.come_back(&client).await;
    bens_facts.come_back(&client).await;
}

/// Nothing but the covers was lost; that they were flushed tells that Redis is behind.
#[tokio::test]
async fn a_rewound_redis_gets_covers_back() {
    let mut world = World::start_alone().await;
    let (server, _, facts) = furnished(&world, &[("pending_after_ms", "100")]).await;
    world.redis.kill().await.unwrap();
    world.redis.start_again().await.unwrap();
    facts.come_back(&server.client()).await;
    world.until_nothing_is_pending().await;
    let saved = world.data_dir().join("saved");
    copy_folder(&redis_files(&world), &saved);
    server.kill().await;

    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let covers = async |client: &Client| {
        let reply = client.get(&facts.paths[2]).await.json();
        let urls = reply["video_list"].as_array().unwrap().iter().map(|video| video["cover_url"].as_str().unwrap());
        urls.filter(|url| url.contains("/media/cover/")).count()
    };
    eventually("the covers", async || (covers(&client).await == 3).then_some(())).await;
    let noted = async || (world.sql_number("select count(*) from videos where cover = 0").await == 0).then_some(());
    eventually("the covers to be noted", noted).await;
    restart_redis_with(&mut world, Some(&saved)).await;
    eventually("the covers to come back", async || (covers(&client).await == 3).then_some(())).await;
}

#[tokio::test]
async fn a_redis_with_somebody_elses_keys_is_refused_and_left_alone() {
    let world = World::start().await;
    world.redis_command("SET", &["session:1", "theirs"]).await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    let client = server.client();
    until_ready_says(&client, "redis foreign").await;
    assert_is_refusal(&client.get("/douyin/feed/").await);
    assert_is_refusal(&client.request(&registering("mia")).await);
    assert_eq!(world.redis_command("DBSIZE", &[]).await.number().unwrap(), Some(1));
    assert_eq!(world.redis_command("GET", &["session:1"]).await.text().unwrap(), Some("theirs"));

    world.redis_command("DEL", &["session:1"]).await;
    eventually("the server to take the empty Redis", async || client.is_ready().await.then_some(())).await;
    client.register("mia").await;
}

#[tokio::test]
async fn a_foreign_key_in_a_redis_that_has_to_be_loaded_anew_is_never_touched() {
    let world = World::start_alone().await;
    let (server, mia, facts) = furnished(&world, &[]).await;
    let client = server.client();
    world.redis_command("SET", &["session:1", "theirs"]).await;
    assert!(facts.are_seen(&client).await);
    leave_a_mark(&world, &mia).await;
    let epoch_before = epoch(&world).await;
    world.redis_command("DEL", &["head:{feed}"]).await;
    assert!(!facts.are_seen(&client).await);
    until_ready_says(&client, "redis foreign").await;
    assert!(is_marked(&world, &mia).await);
    assert_eq!(epoch(&world).await, epoch_before);
    assert_eq!(world.redis_command("GET", &["session:1"]).await.text().unwrap(), Some("theirs"));
    world.redis_command("DEL", &["session:1"]).await;
    facts.come_back(&client).await;
}

#[tokio::test]
async fn a_redis_of_another_installation_is_refused_and_left_alone() {
    let (mut world, other) = (World::start().await, World::start().await);
    let (server, _, facts) = furnished(&other, &[]).await;
    world.redis_url = other.redis_url.clone();
    // The databases of the tests are copies of one.
    world.sql("update installation set name = 'another'").await;
    let stranger = Server::start(&world, &[NO_COVERS]).await;
    until_ready_says(&stranger.client(), "redis foreign").await;
    assert_is_refusal(&stranger.client().get("/douyin/feed/").await);
    assert!(facts.are_seen(&server.client()).await);
}

/// For what is compared between two servers.
const SAME_MEDIA_URL: (&str, &str) = ("media_url", "http://media.example");

/// What every bucket says of its layout: `" 1"`, or nothing as long as nobody counted them.
async fn say_layout(world: &World, said: &str) {
    let script = "for _, mark in ipairs(redis.call('KEYS', 'riffle:*')) do
        redis.call('SET', mark, string.match(redis.call('GET', mark), '^%S+') .. ARGV[1])
    end";
    world.redis_command("EVAL", &[script, "0", said]).await;
}

#[tokio::test]
async fn a_redis_of_an_earlier_layout_is_loaded_anew() {
    let world = World::start_alone().await;
    let (mut server, mia, facts) = furnished(&world, &[SAME_MEDIA_URL]).await;
    let bucket = UserId(mia.id).bucket();
    for (earlier, name) in [("", "ada"), (" 1", "bob"), (" 2", "cleo")] {
        server.kill().await;
        leave_a_mark(&world, &mia).await;
        world.redis_command("SADD", &["likes:{b042}:42", "43"]).await;
        // Decided, and not flushed yet.
        let head = world.redis_command("GET", &[&keys::head(bucket)]).await;
        let last = head.text().unwrap().unwrap().split(' ').nth(2).unwrap().parse::<u64>().unwrap();
        let (outbox, id) = (keys::outbox(bucket), (last + 1).to_string());
        let entry = ["kind", "user", "id", &id, "name", name, "key", name, "hash", ""];
        world.redis_command("XADD", &[&[&outbox[..], &format!("{id}-0")], &entry[..]].concat()).await;
        say_layout(&world, earlier).await;
        server = Server::start(&world, &[NO_COVERS, NOTHING_KEPT, SAME_MEDIA_URL]).await;
        assert!(facts.are_seen(&server.client()).await);
        assert!(!is_marked(&world, &mia).await);
        let rows = format!("select count(*) from users where name = '{name}'");
        assert_eq!(world.sql_number(&rows).await, 1);
        assert_eq!(world.redis_command("EXISTS", &["likes:{b042}:42"]).await.number().unwrap(), Some(0));
    }
    server.kill().await;
    leave_a_mark(&world, &mia).await;
    let server = Server::start(&world, &[NO_COVERS, NOTHING_KEPT, SAME_MEDIA_URL]).await;
    assert!(facts.are_seen(&server.client()).await);
    assert!(is_marked(&world, &mia).await);
}

#[tokio::test]
async fn a_redis_of_a_later_layout_is_refused_and_replaced_when_asked_to() {
    let world = World::start_alone().await;
    let (server, mia, facts) = furnished(&world, &[SAME_MEDIA_URL]).await;
    server.kill().await;
    leave_a_mark(&world, &mia).await;
    say_layout(&world, " 4000000000").await;
    let server = Server::start(&world, &[NO_COVERS, NOTHING_KEPT, SAME_MEDIA_URL]).await;
    until_ready_says(&server.client(), "redis newer").await;
    assert!(!facts.are_seen(&server.client()).await);
    assert!(is_marked(&world, &mia).await);
    let replaced = run(&world, &["warmup", "--replace"], &[]).await;
    assert!(replaced.status.success(), "{replaced:#?}");
    facts.come_back(&server.client()).await;
    assert!(!is_marked(&world, &mia).await);
}

#[tokio::test]
async fn a_postgres_that_was_put_back_is_noticed_and_redis_is_left_alone() {
    let mut world = World::start_alone().await;
    let (server, mia, facts) = furnished(&world, &[]).await;
    server.kill().await;
    let saved = world.copy_database().await;
    // One more life of Redis: a higher epoch than the copy knows.
    world.redis.start_again().await.unwrap();
    let server = Server::start(&world, &[NO_COVERS]).await;
    server.client().publish(&mia, "four").await;
    server.kill().await;
    leave_a_mark(&world, &mia).await;
    let right = std::mem::replace(&mut world.postgres_url, saved);
    let server = Server::start(&world, &[NO_COVERS]).await;
    until_ready_says(&server.client(), "postgres put back").await;
    assert!(!facts.are_seen(&server.client()).await);
    assert!(server.stderr().contains("Postgres was put back to an earlier state"), "{}", server.stderr());
    server.kill().await;
    assert!(is_marked(&world, &mia).await);
    world.postgres_url = right;
    let server = Server::start(&world, &[NO_COVERS]).await;
    assert_eq!(server.client().get_json(&facts.paths[1]).await["user"]["work_count"], 4);
}

async fn assert_refused_in_time(client: &Client, request: &[u8]) {
    let asked = Instant::now();
    let reply = client.request(request).await;
    assert_is_refusal(&reply);
    assert!(asked.elapsed() < REFUSAL_MAX, "{:?}: {reply:?}", asked.elapsed());
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: riffle.test\r\n\r\n").into_bytes()
}

fn login(name: &str) -> Vec<u8> {
    let path = format!("/douyin/user/login/?username={name}&password={PASSWORD}");
    format!("POST {path} HTTP/1.1\r\nHost: riffle.test\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn with_a_frozen_redis_every_answer_comes_in_time_and_all_comes_back() {
    let world = World::start_alone().await;
    let (server, mia, facts) = furnished(&world, &[("pending_after_ms", "100")]).await;
    let client = server.client();
    world.until_nothing_is_pending().await;
    let requests: Vec<Vec<u8>> = facts
        .paths
        .iter()
        .map(|path| get(path))
        .chain([registering("ben"), publishing(&mia, "four", clip())])
        .collect();
    for request in &requests {
        world.redis.pause();
        // The first meets a connection that hangs; then there is none, and the answer comes at once.
        assert_refused_in_time(&client, request).await;
        for request in &requests {
            assert_refused_in_time(&client, request).await;
        }
        assert_ne!(ready_state(&client).await.0, 200);
        // An account that Redis is known to have needs no Redis to sign in.
        assert_eq!(client.request(&login("mia")).await.json()["user_id"], mia.id);
        world.redis.resume();
        facts.come_back(&client).await;
    }
    client.publish(&mia, "four").await;
    client.register("ben").await;
}

/// What needs Redis alone goes on, what is acknowledged only with a row in Postgres does not.
async fn assert_works_without_postgres(client: &Client, mia: &Account, facts: &Facts) {
    for request in [registering("ben"), login("mia"), publishing(mia, "four", clip())] {
        assert_refused_in_time(client, &request).await;
        assert!(facts.are_seen(client).await);
    }
    assert_eq!(ready_state(client).await.0, 200);
}

async fn assert_all_works(client: &Client, mia: &Account, title: &str) {
    let request = login("mia");
    let back = async || (client.request(&request).await.json()["user_id"] == mia.id).then_some(());
    eventually("login to work again", back).await;
    client.publish(mia, title).await;
    client.register(title).await;
}

#[tokio::test]
async fn without_postgres_reads_go_on_and_writes_wait_for_it() {
    let mut world = World::start_alone_with_own_postgres().await;
    let (server, mia, facts) = furnished(&world, &[]).await;
    let client = server.client();
    world.postgres().pause();
    assert_works_without_postgres(&client, &mia, &facts).await;
    world.postgres().resume();
    assert_all_works(&client, &mia, "thawed").await;

    // What was asked of the frozen one may have been done when it woke: the client was told that nobody knows.
    let facts = settled(&client, &mia).await;
    world.postgres().stop().await.unwrap();
    assert_works_without_postgres(&client, &mia, &facts).await;
    // A new connection to Redis needs no Postgres while the run is the one that was admitted.
    world.redis_command("CLIENT", &["KILL", "TYPE", "normal"]).await;
    facts.come_back(&client).await;
    world.postgres().start_again().await.unwrap();
    assert_all_works(&client, &mia, "started").await;

    // Without Postgres nobody can tell whether a new run of Redis is in order.
    let facts = settled(&client, &mia).await;
    world.postgres().stop().await.unwrap();
    world.redis.start_again().await.unwrap();
    until_ready_says(&client, "postgres unreachable").await;
    assert!(!facts.are_seen(&client).await);
    world.postgres().start_again().await.unwrap();
    facts.come_back(&client).await;
}

/// The facts once the relay has completed what may have been left pending.
async fn settled(client: &Client, mia: &Account) -> Facts {
    let facts = eventually("two looks to agree", async || {
        let one = Facts::of(client, mia).await;
        one.are_seen(client).await.then_some(one)
    });
    facts.await
}

#[tokio::test]
async fn nobody_notices_that_redis_forgot_its_scripts() {
    let world = World::start().await;
    let (server, mia, _) = furnished(&world, &[]).await;
    let client = server.client();
    let mut publishers = JoinSet::new();
    for publisher in 0..4 {
        let mia = mia.clone();
        publishers.spawn(async move {
            for number in 0..5 {
                client.publish(&mia, &format!("{publisher}/{number}")).await;
            }
        });
    }
    // One flush for each publisher that is done, and one for each look in between.
    while !publishers.is_empty() {
        world.redis_command("SCRIPT", &["FLUSH"]).await;
        client.get_json("/douyin/feed/").await;
        client.register(&format!("user {}", rand::random::<u32>())).await;
        while let Some(done) = publishers.try_join_next() {
            done.unwrap();
        }
    }
    let user = client.get_json(&format!("/douyin/user/?token={}", mia.token)).await;
    assert_eq!(user["user"]["work_count"], 23);
}

#[tokio::test]
async fn servers_that_start_together_recover_once() {
    let world = World::start().await;
    let servers = tokio::join!(
        Server::start(&world, &[NO_COVERS]),
        Server::start(&world, &[NO_COVERS]),
        Server::start(&world, &[NO_COVERS])
    );
    for server in [&servers.0, &servers.1, &servers.2] {
        assert_eq!(ready_state(&server.client()).await.0, 200);
    }
    assert_eq!(epoch(&world).await, 1);
}

#[tokio::test]
async fn a_server_survives_the_recovery_that_another_one_made() {
    let world = World::start().await;
    // The flush would meet the new epoch before the requests do.
    let (server, mia, facts) = furnished(&world, &[("flush_interval_ms", "600000")]).await;
    let client = server.client();
    for _ in 0..3 {
        let epoch_before = epoch(&world).await;
        world.sql("delete from admitted").await;
        let other = Server::start(&world, &[NO_COVERS]).await;
        assert!(epoch(&world).await > epoch_before);
        // The first request may be the one that meets it, and be refused.
        facts.are_seen(&client).await;
        facts.come_back(&client).await;
        assert!(facts.are_seen_through(&other, &server).await);
        other.kill().await;
    }
    client.publish(&mia, "four").await;
}

impl Facts {
    /// The same facts, asked of another server, whose media have another address.
    async fn are_seen_through(&self, other: &Server, server: &Server) -> bool {
        let answers = self.answers.iter().map(|answer| {
            serde_json::from_str(&answer.to_string().replace(&server.base_url(), &other.base_url())).unwrap()
        });
        Facts { paths: self.paths.clone(), answers: answers.collect() }.are_seen(&other.client()).await
    }
}

#[tokio::test]
async fn a_key_of_the_wrong_type_is_an_internal_error_and_keeps_nobody_else_waiting() {
    let world = World::start().await;
    let (server, mia, facts) = furnished(&world, &[("pending_after_ms", "100")]).await;
    let client = server.client();
    let ben = client.register("ben").await;
    let works = keys::works(UserId(ben.id));
    world.redis_command("SET", &[&works, "planted"]).await;

    let reply = client.try_publish(&ben, "poison", clip()).await;
    assert_eq!((reply.status, &reply.json()["status_code"]), (500, &json!(100_015)));
    let reply = client.get(&format!("/douyin/publish/list/?token={}", ben.token)).await;
    assert_eq!((reply.status, &reply.json()["status_code"]), (500, &json!(100_015)));
    assert!(facts.are_seen(&client).await);
    let user = client.get_json(&format!("/douyin/user/?token={}", ben.token)).await;
    assert_eq!(user["user"]["work_count"], 0);

    // The row that cannot be shown keeps no other one from being noted.
    client.publish(&mia, "four").await;
    let pending = async || world.sql_number("select count(*) from videos where version = 0").await;
    eventually("the relay to note the others", async || (pending().await == 1).then_some(())).await;
    world.redis_command("DEL", &[&works]).await;
    eventually("the relay to complete it", async || (pending().await == 0).then_some(())).await;
    let feed = client.get_json("/douyin/feed/").await;
    assert_eq!(feed["video_list"].as_array().unwrap().len(), 5);
    assert!(feed["video_list"].as_array().unwrap().iter().any(|video| video["title"] == "poison"));
    let user = client.get_json(&format!("/douyin/user/?token={}", ben.token)).await;
    assert_eq!(user["user"]["work_count"], 1);
}

#[tokio::test]
async fn a_clean_stop_finishes_the_upload_under_way() {
    let world = World::start().await;
    let (server, mia, _) = furnished(&world, &[]).await;
    let request = publishing(&mia, "four", clip());
    let (begun, rest) = request.split_at(request.len() / 2);
    let mut connection = server.client().connect().await;
    connection.send(begun).await;
    let incoming = world.data_dir().join("media/incoming");
    eventually("the upload to begin", async || (std::fs::read_dir(&incoming).unwrap().count() > 0).then_some(())).await;
    server.signal(Signal::TERM);
    eventually("the server to take nobody new", async || {
        tokio::net::TcpStream::connect(server.address()).await.is_err().then_some(())
    })
    .await;
    connection.send(rest).await;
    assert_eq!(connection.reply().await.json()["status_code"], 0);
    assert_eq!(server.wait().await.code(), Some(0));

    let epoch_before = epoch(&world).await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    assert_eq!(ready_state(&server.client()).await.0, 200);
    assert_eq!(epoch(&world).await, epoch_before);
    let user = server.client().get_json(&format!("/douyin/user/?token={}", mia.token)).await;
    assert_eq!(user["user"]["work_count"], 4);
}
