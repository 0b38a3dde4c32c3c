//! What was answered is soon in Postgres, and Redis can be thrown away.

use serde_json::Value;

use crate::harness::{Account, Client, Server, World, eventually, head, run, urlencoded};

async fn act(client: &Client, path: &str, account: &Account, fields: &[(&str, &str)]) -> Value {
    let fields: Vec<(&str, &str)> =
        [("token", account.token.as_str())].into_iter().chain(fields.iter().copied()).collect();
    let reply = client.post_form(path, &fields).await.json();
    assert_eq!(reply["status_code"], 0, "{path} {fields:?}: {reply}");
    reply
}

/// All that the API shows of a few users, to each of them.
async fn everything(client: &Client, accounts: &[Account], video: &str) -> Option<Vec<Value>> {
    let mut shown = Vec::new();
    for viewer in accounts {
        let token = &viewer.token;
        let mut paths = vec![
            format!("/douyin/feed/?token={token}"),
            format!("/douyin/comment/list/?token={token}&video_id={video}"),
            format!("/douyin/relation/friend/list/?token={token}"),
        ];
        for user in accounts {
            let id = user.id;
            for path in ["user", "publish/list", "favorite/list", "relation/follow/list", "relation/follower/list"] {
                paths.push(format!("/douyin/{path}/?token={token}&user_id={id}"));
            }
            if id != viewer.id {
                paths.push(format!("/douyin/message/chat/?token={token}&to_user_id={id}"));
            }
        }
        for path in paths {
            let reply = client.get(&path).await;
            if reply.status != 200 {
                return None;
            }
            let mut json = reply.json();
            assert_eq!(json["status_code"], 0, "{path}: {json}");
            forget_times(&mut json);
            shown.push(json);
        }
    }
    Some(shown)
}

/// A time shown is never later than now, so one of ids that run ahead of the clock moves while they do; a cover
/// comes when it is made, and every server has a port of its own.
fn forget_times(json: &mut Value) {
    const MOVING: [&str; 5] = ["create_time", "create_date", "next_time", "cover_url", "play_url"];
    match json {
        Value::Object(fields) => {
            fields.retain(|name, _| !MOVING.contains(&name.as_str()));
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

fn assert_same(before: &[Value], after: &[Value]) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after);
    }
    assert_eq!(before.len(), after.len());
}

async fn small_world(client: &Client) -> (Vec<Account>, String) {
    let mut accounts = Vec::new();
    for name in ["mia", "bob", "eve", "dan"] {
        accounts.push(client.register(name).await);
    }
    client.publish(&accounts[0], "first").await;
    client.publish(&accounts[1], "second").await;
    let feed = client.get_json("/douyin/feed/").await;
    let video = feed["video_list"][1]["id"].to_string();
    let second = feed["video_list"][0]["id"].to_string();
    for account in &accounts {
        act(client, "/douyin/favorite/action/", account, &[("video_id", &video), ("action_type", "1")]).await;
        act(client, "/douyin/favorite/action/", account, &[("video_id", &second), ("action_type", "1")]).await;
        for other in accounts.iter().filter(|other| other.id != account.id) {
            let other = other.id.to_string();
            act(client, "/douyin/relation/action/", account, &[("to_user_id", &other), ("action_type", "1")]).await;
        }
    }
    let mut comment = Value::Null;
    for text in ["nice", "你好", "a second line\nof text"] {
        let fields = [("video_id", video.as_str()), ("action_type", "1"), ("comment_text", text)];
        comment = act(client, "/douyin/comment/action/", &accounts[1], &fields).await["comment"]["id"].clone();
    }
    let id = comment.to_string();
    let fields = [("video_id", video.as_str()), ("action_type", "2"), ("comment_id", id.as_str())];
    act(client, "/douyin/comment/action/", &accounts[1], &fields).await;
    let (mia, bob) = (&accounts[0], &accounts[1]);
    for (from, to) in [(mia, bob), (bob, mia), (mia, bob)] {
        let to = to.id.to_string();
        act(client, "/douyin/message/action/", from, &[("to_user_id", &to), ("action_type", "1"), ("content", "hi")])
            .await;
    }
    act(client, "/douyin/favorite/action/", &accounts[2], &[("video_id", &video), ("action_type", "2")]).await;
    let bob_id = bob.id.to_string();
    act(client, "/douyin/relation/action/", &accounts[3], &[("to_user_id", &bob_id), ("action_type", "2")]).await;
    (accounts, video)
}

#[tokio::test]
async fn a_redis_that_is_emptied_comes_back_whole() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let (accounts, video) = small_world(&client).await;
    let before = everything(&client, &accounts, &video).await.unwrap();
    let flushed = run(&world, &["flush"], &[]).await;
    assert!(flushed.status.success(), "{flushed:?}");

    world.redis_command("FLUSHALL", &[]).await;
    let after = eventually("the server to be whole again", async || everything(&client, &accounts, &video).await).await;
    assert_same(&before, &after);
}

#[tokio::test]
async fn what_was_answered_before_a_crash_of_everything_is_there_after_it() {
    let mut world = World::start_alone().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let (accounts, video) = small_world(&client).await;
    let before = everything(&client, &accounts, &video).await.unwrap();
    server.kill().await;
    world.redis.kill().await.unwrap();
    world.redis.start_again().await.unwrap();

    let server = Server::start(&world, &[]).await;
    let after = everything(&server.client(), &accounts, &video).await.unwrap();
    assert_same(&before, &after);
}

/// The profile that a like of its owner shows in.
async fn favorites_of(client: &Client, account: &Account) -> Option<u64> {
    let reply = client.get(&format!("/douyin/user/?token={}", account.token)).await;
    (reply.status == 200).then(|| reply.json()["user"]["favorite_count"].as_u64().unwrap())
}

/// Has a server die at a point while it takes a like by `account`.
async fn die_while_liking(world: &World, point: &str, account: &Account, video: &str) {
    let server = Server::start(world, &[("CRASH_AT", point)]).await;
    let fields = urlencoded(&[("token", &account.token), ("video_id", video), ("action_type", "1")]);
    let length = fields.len().to_string();
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", length.as_str())];
    let mut connection = server.client().connect().await;
    connection.send(head("POST", "/douyin/favorite/action/", &headers).as_bytes()).await;
    connection.send(fields.as_bytes()).await;
    server.wait().await;
}

async fn mia_and_her_video(world: &World) -> (Account, String) {
    let server = Server::start(world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    client.publish(&mia, "first").await;
    let video = client.get_json("/douyin/feed/").await["video_list"][0]["id"].to_string();
    assert!(server.terminate().await.success());
    (mia, video)
}

#[tokio::test]
async fn a_like_whose_server_died_between_its_ends_is_completed_by_the_next() {
    let world = World::start().await;
    let (mia, video) = mia_and_her_video(&world).await;
    for point in ["edge_decided", "flush_written", "flush_relayed"] {
        die_while_liking(&world, point, &mia, &video).await;
        let server = Server::start(&world, &[]).await;
        let client = server.client();
        // None of this was answered by this server: it may show one end a little before the other.
        eventually("the like at both ends", async || {
            let count = favorites_of(&client, &mia).await;
            let shown = client.get_json(&format!("/douyin/feed/?token={}", mia.token)).await["video_list"][0].take();
            let is_whole = count == Some(1) && shown["favorite_count"] == 1 && shown["is_favorite"] == true;
            is_whole.then_some(())
        })
        .await;
        act(&client, "/douyin/favorite/action/", &mia, &[("video_id", &video), ("action_type", "2")]).await;
        assert!(server.terminate().await.success());
    }
}

#[tokio::test]
async fn a_like_whose_server_died_between_its_ends_is_completed_by_another_server() {
    let world = World::start().await;
    let (mia, video) = mia_and_her_video(&world).await;
    let other = Server::start(&world, &[]).await;
    die_while_liking(&world, "edge_decided", &mia, &video).await;
    let client = other.client();
    eventually("the relay", async || (favorites_of(&client, &mia).await == Some(1)).then_some(())).await;
}

/// Ends the append-only file of a Redis that is down before the first command that names `word`.
fn cut_append_only_file(world: &World, word: &str) {
    let files = std::fs::read_dir(world.redis.folder().join("appendonlydir")).unwrap();
    let path =
        files.map(|file| file.unwrap().path()).find(|path| path.to_str().unwrap().ends_with(".incr.aof")).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let named = bytes.windows(word.len()).position(|window| window == word.as_bytes()).unwrap();
    let multi = b"*1\r\n$5\r\nMULTI\r\n";
    let script_begins = bytes[..named].windows(multi.len()).rposition(|window| window == multi).unwrap();
    std::fs::write(&path, &bytes[..script_begins]).unwrap();
}

/// The id that the mirror minted when it was first asked is still there.
#[tokio::test]
async fn what_the_relay_brought_and_redis_lost_comes_back() {
    let mut world = World::start_alone().await;
    let (_, video) = mia_and_her_video(&world).await;
    let server = Server::start(&world, &[]).await;
    let ben = server.client().register("ben").await;
    assert!(server.terminate().await.success());
    die_while_liking(&world, "edge_decided", &ben, &video).await;

    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let is_liked = async || (favorites_of(&client, &ben).await == Some(1)).then_some(());
    eventually("the relay", is_liked).await;
    let relayed = format!(
        "select count(*) from favorite join bucket on bucket.bucket = (to_id >> 5) & 255
         where from_id = {} and relayed >= version",
        ben.id
    );
    eventually("the relay to be noted", async || (world.sql_number(&relayed).await == 1).then_some(())).await;

    world.redis.kill().await.unwrap();
    cut_append_only_file(&world, &format!("favorite:{}:{video}", ben.id));
    world.redis.start_again().await.unwrap();
    eventually("the like to come back", is_liked).await;
}

#[tokio::test]
async fn a_server_goes_on_flushing_when_the_one_that_did_is_killed() {
    let world = World::start().await;
    let first = Server::start(&world, &[]).await;
    let second = Server::start(&world, &[]).await;
    let mia = first.client().register("mia").await;
    first.client().publish(&mia, "first").await;
    let video = first.client().get_json("/douyin/feed/").await["video_list"][0]["id"].to_string();
    first.kill().await;
    act(&second.client(), "/douyin/favorite/action/", &mia, &[("video_id", &video), ("action_type", "1")]).await;
    let rows = async || (world.sql_number("select count(*) from favorite where is_on").await == 1).then_some(());
    eventually("the like in Postgres", rows).await;
}

#[tokio::test]
async fn poison_in_an_outbox_is_put_aside_and_stops_nothing() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let (accounts, video) = small_world(&client).await;
    let bucket = riffle::id::UserId(accounts[0].id).bucket();
    let outbox = riffle::store::keys::outbox(bucket);
    // What Postgres refuses, what nobody can read, and what is no number.
    let comment = ["kind", "comment", "id", "9007199254740000", "video", &video, "user", "1", "text", "a\0b"];
    for poison in [&comment[..], &["kind", "nothing"], &["favorite", "x 1 1"]] {
        // Ids of streams are positions of ours, so the next one is not the clock's.
        let last = world.redis_command("XREVRANGE", &[&outbox, "+", "-", "COUNT", "1"]).await;
        let last = last.array().unwrap()[0].array().unwrap()[0].text().unwrap().unwrap().to_owned();
        let next = format!("{}-0", last.split('-').next().unwrap().parse::<u64>().unwrap() + 1);
        let arguments: Vec<&str> = [outbox.as_str(), &next].into_iter().chain(poison.iter().copied()).collect();
        world.redis_command("XADD", &arguments).await;
    }
    let buried = async || (world.sql_number("select count(*) from dead_letter").await == 3).then_some(());
    eventually("three dead letters", buried).await;

    act(&client, "/douyin/favorite/action/", &accounts[2], &[("video_id", &video), ("action_type", "1")]).await;
    let liked =
        format!("select count(*) from favorite where from_id = {} and to_id = {video} and is_on", accounts[2].id);
    eventually("what came later", async || (world.sql_number(&liked).await == 1).then_some(())).await;
}

#[tokio::test]
async fn a_mirror_that_cannot_be_brought_keeps_nothing_from_postgres() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    client.publish(&mia, "first").await;
    let video = client.get_json("/douyin/feed/").await["video_list"][0]["id"].to_string();
    let liked = riffle::store::keys::liked(riffle::id::UserId(mia.id));
    world.redis_command("SET", &[&liked, "of the wrong type"]).await;
    let path = "/douyin/favorite/action/";
    let fields = [("token", mia.token.as_str()), ("video_id", &video), ("action_type", "1")];
    assert_eq!(client.post_form(path, &fields).await.status, 500, "the home decides, the mirror cannot follow");

    // More than one pass reads.
    for number in 0..300 {
        let fields = [("video_id", video.as_str()), ("action_type", "1"), ("comment_text", &format!("{number}"))];
        act(&client, "/douyin/comment/action/", &mia, &fields).await;
    }
    let written = async || (world.sql_number("select count(*) from comment").await == 300).then_some(());
    eventually("all comments in Postgres", written).await;

    world.redis_command("DEL", &[&liked]).await;
    eventually("the like at both ends", async || (favorites_of(&client, &mia).await == Some(1)).then_some(())).await;
}
