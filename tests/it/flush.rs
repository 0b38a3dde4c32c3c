//! What was answered is soon in Postgres, and Redis can be thrown away.

use serde_json::Value;

use crate::harness::{Account, Client, Server, World, eventually, run};

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
    let mut world = World::start().await;
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
