//! Follows and friends.

use crate::harness::{Account, Client, Server, World};

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
