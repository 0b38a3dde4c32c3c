//! What is promised of an answer, and what Redis must be like for it.

use riffle::store::Reply;

use crate::harness::{Account, Caller, Client, Server, World, code, eventually, ids, run};

/// Nothing is flushed but what somebody waits for.
const NEVER_BY_ITSELF: (&str, &str) = ("flush_interval_ms", "600000");
const STRICT: (&str, &str) = ("durability", "strict");
const LRU: [&str; 3] = ["SET", "maxmemory-policy", "allkeys-lru"];
const NO_EVICTION: [&str; 3] = ["SET", "maxmemory-policy", "noeviction"];

async fn until_ready_says(client: &Client, word: &str) {
    let said = async || (client.get("/readyz").await.json()["status_msg"] == word).then_some(());
    eventually(&format!("/readyz to say {word:?}"), said).await;
}

#[tokio::test]
async fn a_redis_whose_settings_lose_data_is_refused_with_the_reason() {
    let world = World::start().await;
    world.redis_command("CONFIG", &LRU).await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    until_ready_says(&client, "redis unsafe").await;
    assert_eq!(client.get("/douyin/feed/").await.status, 503);
    let log = server.stderr();
    assert!(log.contains("maxmemory-policy is \"allkeys-lru\"") && log.contains("set it to noeviction"), "{log}");
    assert!(log.contains("RIFFLE_REDIS_UNSAFE=allow"), "{log}");
    assert_eq!(world.redis_command("DBSIZE", &[]).await, Reply::Integer(0), "it was touched");

    world.redis_command("CONFIG", &NO_EVICTION).await;
    eventually("the server to be ready", async || client.is_ready().await.then_some(())).await;
    client.register("mia").await;

    // The next one to connect looks again.
    world.redis_command("CONFIG", &["SET", "appendonly", "no"]).await;
    world.redis_command("CLIENT", &["KILL", "TYPE", "normal"]).await;
    until_ready_says(&client, "redis unsafe").await;
    let is_said = async || server.stderr().contains("appendonly is off").then_some(());
    eventually("the reason to be in the log", is_said).await;
    world.redis_command("CONFIG", &["SET", "appendonly", "yes"]).await;
    until_ready_says(&client, "success").await;
}

#[tokio::test]
async fn a_redis_whose_settings_lose_data_is_used_where_a_setting_says_so() {
    let world = World::start().await;
    world.redis_command("CONFIG", &LRU).await;
    world.redis_command("CONFIG", &["SET", "appendonly", "no"]).await;
    let server = Server::start(&world, &[("redis_unsafe", "allow")]).await;
    server.client().register("mia").await;
    assert!(server.stderr().contains("Redis may lose data"), "{}", server.stderr());
}

#[tokio::test]
async fn few_rights_in_redis_are_enough() {
    let world = World::start().await;
    let rights = ["-@all", "+@read", "+@write", "+@scripting", "+@connection", "+time", "-@dangerous", "+info"];
    // Where there are several nodes: who has what.
    let of_cluster = ["+cluster|myid", "+cluster|slots"];
    world.redis_command("ACL", &[&["SETUSER", "default"][..], &rights, &of_cluster].concat()).await;
    let server = Server::start(&world, &[]).await;
    let (mia, video) = published(&server.client()).await;
    let mut caller = server.client().caller().await;
    assert_eq!(code(&caller.favorite(&mia, video, true).await), 0);
    let flushed = async || (world.sql_number("select count(*) from favorite").await == 1).then_some(());
    eventually("the like to be flushed", flushed).await;
}

async fn published(client: &Client) -> (Account, u64) {
    let mia = client.register("mia").await;
    let video = client.publish_one(&mia, "one").await;
    (mia, video)
}

async fn assert_all_there(caller: &mut Caller, mia: &Account, leo: &Account, video: u64) {
    let liked = caller.see(leo, "/douyin/favorite/list/", &[]).await;
    assert_eq!(ids(&liked, "video_list"), [video]);
    let friends = caller.see(mia, "/douyin/relation/friend/list/", &[]).await;
    assert_eq!(ids(&friends, "user_list"), [leo.id]);
    let comments = caller.see(mia, "/douyin/comment/list/", &[("video_id", &video)]).await;
    assert_eq!(comments["comment_list"][0]["content"], "kept");
    assert_eq!(comments["comment_list"].as_array().unwrap().len(), 1);
    let chat = caller.chat(leo, mia.id, None).await;
    assert_eq!(chat["message_list"][0]["content"], "hello");
}

#[tokio::test]
async fn a_strict_answer_survives_the_end_of_everything_but_postgres() {
    let mut world = World::start_alone().await;
    let server = Server::start(&world, &[STRICT, NEVER_BY_ITSELF]).await;
    let (mia, video) = published(&server.client()).await;
    let leo = server.client().register("leo").await;
    let mut caller = server.client().caller().await;
    let count = async |query: &str| world.sql_number(&format!("select count(*) from {query}")).await;

    assert_eq!(code(&caller.favorite(&leo, video, true).await), 0);
    assert_eq!(count("favorite where is_on").await, 1);
    // What changes nothing is answered too, and so is what takes a change back.
    for on in [true, false, false, true] {
        assert_eq!(code(&caller.favorite(&leo, video, on).await), 0);
        assert_eq!(count("favorite where is_on").await, i64::from(on));
    }
    caller.befriend(&mia, &leo).await;
    assert_eq!(count("follow where is_on").await, 2);
    let comment = caller.comment(&leo, video, "gone").await["comment"]["id"].as_u64().unwrap();
    assert_eq!(count("comment where is_on").await, 1);
    assert_eq!(code(&caller.uncomment(&leo, video, comment).await), 0);
    assert_eq!(count("comment where is_on").await, 0);
    assert_eq!(code(&caller.comment(&leo, video, "kept").await), 0);
    assert_eq!(count("comment where is_on").await, 1);
    assert_eq!(code(&caller.send(&mia, leo.id, "hello").await), 0);
    assert_eq!(count("message").await, 1);

    server.kill().await;
    world.redis_command("FLUSHALL", &[]).await;
    world.redis.kill().await.unwrap();
    world.redis.start_again().await.unwrap();
    let server = Server::start(&world, &[STRICT]).await;
    assert_all_there(&mut server.client().caller().await, &mia, &leo, video).await;
}

#[tokio::test]
async fn a_strict_answer_of_a_server_that_does_not_flush_is_in_postgres() {
    let world = World::start().await;
    let flushing = Server::start(&world, &[STRICT]).await;
    let (mia, video) = published(&flushing.client()).await;
    let other = Server::start(&world, &[STRICT]).await;
    for server in [&other, &flushing] {
        let mut caller = server.client().caller().await;
        for on in [true, true, false, true, false] {
            assert_eq!(code(&caller.favorite(&mia, video, on).await), 0);
            assert_eq!(world.sql_number("select count(*) from favorite where is_on").await, i64::from(on));
        }
    }
}

#[tokio::test]
async fn strict_without_postgres_refuses_and_reads_go_on() {
    let mut world = World::start_with_own_postgres().await;
    let server = Server::start(&world, &[STRICT]).await;
    let client = server.client();
    let (mia, video) = published(&client).await;
    let flushed = run(&world, &["flush"], &[]).await;
    assert!(flushed.status.success(), "{flushed:?}");
    world.postgres().pause();
    let path = |on| format!("/douyin/favorite/action/?token={}&video_id={video}&action_type={on}", mia.token);
    let refused = client.post(&path(1)).await;
    assert_eq!((refused.status, refused.json()["status_code"].as_u64()), (503, Some(100_014)));
    client.get_json(&format!("/douyin/feed/?token={}", mia.token)).await;
    client.get_json(&format!("/douyin/favorite/list/?token={}", mia.token)).await;
    world.postgres().resume();

    // It was decided, and is answered by a repeat that changes nothing.
    eventually("a strict like to be answered", async || (client.post(&path(1)).await.status == 200).then_some(()))
        .await;
    assert_eq!(world.sql_number("select count(*) from favorite where is_on").await, 1);
}
