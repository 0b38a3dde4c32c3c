//! What is promised of an answer, and what Redis must be like for it.

use riffle::store::Reply;

use crate::harness::{Account, Client, Server, World, code, eventually};

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
    until_ready_says(&client, "success").await;
    client.register("mia").await;

    // The next one to connect looks again.
    world.redis_command("CONFIG", &["SET", "appendonly", "no"]).await;
    world.redis_command("CLIENT", &["KILL", "TYPE", "normal"]).await;
    until_ready_says(&client, "redis unsafe").await;
    assert!(server.stderr().contains("appendonly is off"), "{}", server.stderr());
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
    let rights =
        ["-@all", "+@read", "+@write", "+@scripting", "+@connection", "+time", "+info", "-@dangerous", "+info"];
    world.redis_command("ACL", &[&["SETUSER", "default"][..], &rights].concat()).await;
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
