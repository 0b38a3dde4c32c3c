//! Follows and friends.

use serde_json::{Value, json};

use crate::harness::{Account, Caller, Client, Server, World, code, entries, ids};

async fn follow(client: &Client, follower: &Account, followed: &Account) -> serde_json::Value {
    let path = "/douyin/relation/action/";
    let followed = followed.id.to_string();
    client.post_form(path, &[("token", &follower.token), ("to_user_id", &followed), ("action_type", "1")]).await.json()
}

/// A mirror remembers nothing of before the restart and sends the first followers back to their homes, whichever of
/// two buckets is the higher.
#[tokio::test]
async fn following_works_right_after_a_restart_between_any_two_buckets() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mut accounts = Vec::new();
    for number in 0..8 {
        accounts.push(client.register(&format!("user{number}")).await);
    }
    server.kill().await;
    world.redis_command("FLUSHALL", &[]).await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    for follower in &accounts {
        for followed in accounts.iter().filter(|followed| followed.id != follower.id) {
            assert_eq!(follow(&client, follower, followed).await["status_code"], 0);
        }
    }
    let user = client.get_json(&format!("/douyin/user/?token={}", accounts[0].token)).await;
    assert_eq!((&user["user"]["follow_count"], &user["user"]["follower_count"]), (&7.into(), &7.into()));
}

async fn list(caller: &mut Caller, viewer: &Account, which: &str, user: u64) -> Value {
    caller.see(viewer, &format!("/douyin/relation/{which}/list/"), &[("user_id", &user)]).await
}

#[tokio::test]
async fn follows_count_once_and_is_follow_is_the_viewers() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let accounts = server.client().register_many("user", 3).await;
    let (star, fan, viewer) = (&accounts[0], &accounts[1], &accounts[2]);
    let mut caller = server.client().caller().await;
    for (on, count) in [(false, 0), (true, 1), (true, 1), (false, 0), (false, 0), (true, 1)] {
        assert_eq!(caller.follow(fan, star.id, on).await, json!({"status_code": 0, "status_msg": "success"}));
        let followers = list(&mut caller, viewer, "follower", star.id).await;
        assert_eq!(ids(&followers, "user_list"), [fan.id][..count]);
        let follows = list(&mut caller, viewer, "follow", fan.id).await;
        assert_eq!(ids(&follows, "user_list"), [star.id][..count]);
        let user = caller.see(fan, "/douyin/user/", &[("user_id", &star.id)]).await["user"].clone();
        assert_eq!((&user["follower_count"], &user["is_follow"]), (&json!(count), &json!(count == 1)));
        let user = caller.see(viewer, "/douyin/user/", &[("user_id", &star.id)]).await["user"].clone();
        assert_eq!((&user["follower_count"], &user["is_follow"]), (&json!(count), &json!(false)));
    }
    // The fan's own list of follows, in the eyes of others: they do not follow the star.
    for (who, follows) in [(fan, true), (viewer, false), (star, false)] {
        let shown = list(&mut caller, who, "follow", fan.id).await;
        assert_eq!(shown["user_list"][0]["is_follow"], follows);
    }
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_in_the_documents_own_words() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let accounts = server.client().register_many("user", 2).await;
    let (one, other) = (&accounts[0], &accounts[1].id);
    let mut caller = server.client().caller().await;
    let refused = json!({"status_code": 100002, "status_msg": "是否关注操作操作错误"});
    for query in [
        format!("to_user_id={other}"),
        format!("to_user_id={other}&action_type="),
        format!("to_user_id={other}&action_type=0"),
        format!("to_user_id={other}&action_type=3"),
        format!("to_user_id={other}&action_type=follow"),
        format!("to_user_id={}&action_type=1", one.id),
        format!("to_user_id={}&action_type=2", one.id),
    ] {
        let answer = caller.post(&format!("/douyin/relation/action/?token={}&{query}", one.token)).await;
        assert_eq!(answer, refused, "{query}");
    }
    assert_eq!(code(&caller.follow(one, 12_345, true).await), 100006);
    assert_eq!(code(&caller.follow(one, 12_345, false).await), 100006);
    let no_id = caller.post(&format!("/douyin/relation/action/?token={}&action_type=1", one.token)).await;
    assert_eq!(code(&no_id), 100001);
    let no_token = caller.post(&format!("/douyin/relation/action/?to_user_id={other}&action_type=1")).await;
    assert_eq!(code(&no_token), 100003);
    for which in ["follow", "follower"] {
        let unknown = list(&mut caller, one, which, 12_345).await;
        assert_eq!((code(&unknown), &unknown["user_list"]), (100006, &json!([])));
        assert_eq!(ids(&list(&mut caller, one, which, one.id).await, "user_list"), [0; 0]);
    }
}

#[tokio::test]
async fn two_are_friends_from_the_second_follow_to_the_first_unfollow() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let accounts = server.client().register_many("user", 8).await;
    let mut caller = server.client().caller().await;
    let friends = async |caller: &mut Caller, account: &Account| {
        ids(&list(caller, account, "friend", account.id).await, "user_list")
    };
    // Any two buckets, either way round.
    for pair in accounts.chunks_exact(2).flat_map(|pair| [[&pair[0], &pair[1]], [&pair[1], &pair[0]]]) {
        let [one, other] = pair;
        caller.follow(one, other.id, true).await;
        assert_eq!(friends(&mut caller, one).await, [0; 0]);
        assert_eq!(friends(&mut caller, other).await, [0; 0]);
        caller.follow(other, one.id, true).await;
        assert_eq!(friends(&mut caller, one).await, [other.id]);
        assert_eq!(friends(&mut caller, other).await, [one.id]);
        assert_eq!(code(&caller.send(one, other.id, "at once").await), 0);
        caller.follow(one, other.id, false).await;
        assert_eq!(friends(&mut caller, one).await, [0; 0]);
        assert_eq!(friends(&mut caller, other).await, [0; 0]);
        assert_eq!(code(&caller.send(other, one.id, "too late").await), 100010);
        caller.follow(other, one.id, false).await;
    }
}

#[tokio::test]
async fn a_friend_list_is_its_owners_with_the_latest_message_of_each() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let accounts = server.client().register_many("user", 4).await;
    let (hub, stranger) = (&accounts[0], &accounts[3]);
    let mut caller = server.client().caller().await;
    for other in &accounts[1..3] {
        caller.befriend(hub, other).await;
    }
    caller.send(hub, accounts[1].id, "old").await;
    caller.send(&accounts[1], hub.id, "received").await;
    let latest = |list: &Value, of: &Account| {
        let friend = entries(list, "user_list").iter().find(|friend| friend["id"] == of.id).unwrap().clone();
        json!([friend["message"], friend["msgType"], friend["is_follow"]])
    };
    // Whatever `user_id` says.
    for user_id in [hub.id, stranger.id, 12_345] {
        let shown = list(&mut caller, hub, "friend", user_id).await;
        assert_eq!(latest(&shown, &accounts[1]), json!(["received", 0, true]));
        assert_eq!(latest(&shown, &accounts[2]), json!(["", 0, true]));
        assert_eq!(entries(&list(&mut caller, stranger, "friend", user_id).await, "user_list").len(), 0);
    }
    caller.send(hub, accounts[1].id, "sent").await;
    assert_eq!(latest(&list(&mut caller, hub, "friend", hub.id).await, &accounts[1]), json!(["sent", 1, true]));
    assert_eq!(latest(&list(&mut caller, &accounts[1], "friend", 0).await, hub), json!(["sent", 0, true]));
}
