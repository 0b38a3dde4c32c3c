//! A Postgres that was put back to a copy, and clocks that were.

use riffle::id::{self, Bucket, UserId};
use riffle::store::keys;
use serde_json::Value;

use crate::harness::{Account, Client, IDLE, PASSWORD, Server, World, code, eventually, run};

const QUIET: &[(&str, &str)] = &[("ffmpeg", "/nonexistent"), IDLE];

async fn titles(client: &Client) -> Vec<String> {
    let feed = client.get_json("/douyin/feed/").await;
    let titles = feed["video_list"].as_array().unwrap().iter().map(|video| video["title"].as_str().unwrap().to_owned());
    titles.collect()
}

async fn login(client: &Client, name: &str) -> Value {
    let path = format!("/douyin/user/login/?username={name}&password={PASSWORD}");
    let request = format!("POST {path} HTTP/1.1\r\nHost: riffle.test\r\nContent-Length: 0\r\n\r\n");
    client.request(request.as_bytes()).await.json()["user_id"].clone()
}

async fn assert_verified(world: &World) {
    let verified = run(world, &["verify"], &[]).await;
    assert!(verified.status.success(), "{verified:#?}");
}

async fn profile(client: &Client, account: &Account) -> Value {
    client.get_json(&format!("/douyin/user/?token={}", account.token)).await
}

/// What the copy lacks is written anew from the outboxes, accounts with their passwords included.
#[tokio::test]
async fn a_minute_that_postgres_lost_is_written_again() {
    let mut world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    let mia = server.client().register("mia").await;
    server.client().publish(&mia, "one").await;
    assert!(server.terminate().await.success());
    let saved = world.copy_database().await;

    let server = Server::start(&world, QUIET).await;
    let client = server.client();
    let zoe = client.register("zoe").await;
    client.publish(&mia, "two").await;
    let video = client.publish_one(&zoe, "three").await;
    let mut caller = client.caller().await;
    caller.befriend(&mia, &zoe).await;
    assert_eq!(code(&caller.favorite(&mia, video, true).await), 0);
    caller.comment(&mia, video, "nice").await;
    assert_eq!(code(&caller.send(&mia, zoe.id, "hi").await), 0);
    let profiles = (profile(&client, &mia).await, profile(&client, &zoe).await);
    assert!(server.terminate().await.success());

    world.postgres_url = saved;
    let server = Server::start(&world, QUIET).await;
    let client = server.client();
    let rows = async || world.sql_number("select (select count(*) from users) + (select count(*) from videos)").await;
    eventually("Postgres to have all again", async || (rows().await == 5).then_some(())).await;
    assert_eq!((profile(&client, &mia).await, profile(&client, &zoe).await), profiles);
    assert_eq!(titles(&client).await, ["three", "two", "one"]);
    assert_eq!(login(&client, "zoe").await, zoe.id);
    assert_verified(&world).await;
    assert_eq!(world.sql_number("select count(*) from dead_letter").await, 0);
}

#[tokio::test]
async fn what_the_outboxes_no_longer_hold_is_noticed() {
    let world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    let client = server.client();
    let mia = client.register("mia").await;
    // From here on the position stays where it is.
    let flushed = run(&world, &["flush"], &[]).await;
    assert!(flushed.status.success(), "{flushed:?}");
    let bucket = UserId(mia.id).bucket();
    let sql = format!("select position from bucket where bucket = {}", bucket.number());
    let position = world.sql_number(&sql).await;
    world.redis_command("SET", &[&keys::trimmed(bucket), &(position + 1_000_000).to_string()]).await;
    // Whoever flushes next looks whether Postgres is what it was.
    let end_flusher = "select pg_terminate_backend(pid) from pg_locks \
                       where locktype = 'advisory' \
                       and database = (select oid from pg_database where datname = current_database())";
    world.sql(end_flusher).await;
    let said = async || {
        let reply = client.get("/readyz").await;
        (reply.status == 503 && reply.json()["status_msg"] == "postgres put back").then_some(())
    };
    eventually("/readyz to name it", said).await;
    assert_eq!(client.get("/douyin/feed/").await.status, 503);
    world.redis_command("DEL", &[&keys::trimmed(bucket)]).await;
    eventually("the server to serve again", async || client.is_ready().await.then_some(())).await;
    assert_eq!(profile(&client, &mia).await["user"]["name"], "mia");
}

/// What a clock looks like that was an hour ahead and was put right: ids go on from where they were.
#[tokio::test]
async fn a_clock_that_was_an_hour_ahead_leaves_everything_in_order() {
    let mut world = World::start_alone().await;
    let server = Server::start(&world, QUIET).await;
    let mia = server.client().register("mia").await;
    server.client().publish(&mia, "one").await;
    assert!(server.terminate().await.success());
    let an_hour_on =
        id::ms_of(id::lowest_at(1_000 * world.sql_number("select extract(epoch from now())::bigint + 3600").await));
    for bucket in Bucket::all() {
        let head = world.redis_command("GET", &[&keys::head(bucket)]).await.text().unwrap().unwrap().to_owned();
        let [epoch, state, _, forgotten] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("{head}") };
        let head = format!("{epoch} {state} {} {forgotten}", bucket.id_at(an_hour_on));
        world.redis_command("SET", &[&keys::head(bucket), &head]).await;
    }

    let server = Server::start(&world, QUIET).await;
    let client = server.client();
    let zoe = client.register("zoe").await;
    for title in ["two", "three", "four"] {
        client.publish(&zoe, title).await;
    }
    let mut caller = client.caller().await;
    caller.befriend(&mia, &zoe).await;
    assert_eq!(code(&caller.send(&mia, zoe.id, "hi").await), 0);
    let expected = ["four", "three", "two", "one"];
    assert_eq!(titles(&client).await, expected);
    let next = client.get_json("/douyin/feed/").await["next_time"].as_u64().unwrap();
    assert_eq!(client.get_json(&format!("/douyin/feed/?latest_time={next}")).await["video_list"], Value::Array(vec![]));
    assert_verified(&world).await;

    // Kept, then lost: new ids still come behind all old ones.
    world.redis.kill().await.unwrap();
    world.redis.start_again().await.unwrap();
    eventually("the server to serve again", async || client.is_ready().await.then_some(())).await;
    client.publish(&mia, "five").await;
    world.redis_command("FLUSHALL", &[]).await;
    let noticed = async || (client.get("/douyin/feed/").await.status == 200 && client.is_ready().await).then_some(());
    eventually("the server to serve again", noticed).await;
    client.publish(&zoe, "six").await;
    assert_eq!(titles(&client).await, [&["six", "five"], &expected[..]].concat());
    assert_verified(&world).await;
}
