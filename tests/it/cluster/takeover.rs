//! A replica that becomes the primary.

use super::scene::{IDLE, NO_COVERS, Scene};
use crate::harness::{World, ask_redis, eventually};

/// Nodes that soon take another one for dead.
async fn make_impatient(world: &World) {
    world.redis.everywhere("CONFIG", &["SET", "cluster-node-timeout", "1000"]).await;
}

#[tokio::test]
async fn a_replica_that_takes_over_serves_what_its_primary_had() {
    let (mut scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    scene.like_all(&mut client.caller().await).await;
    let replica = scene.world.redis.add_replica(0).await;
    make_impatient(&scene.world).await;
    scene.world.redis.node(0).kill().await.unwrap();
    let took_over = async || scene.world.redis.is_primary(replica).await.then_some(());
    eventually("the replica to take over", took_over).await;
    scene.until_likes_are(&client, [(3, 3); 3]).await;
    scene.like(&mut client.caller().await, 1, 0, false).await;
    scene.until_flushed().await;

    // The old one follows, and takes over again by hand: no process ends, so no connection says that it did.
    scene.world.redis.node(0).start_again().await.unwrap();
    let follows = async || (!scene.world.redis.is_primary(0).await).then_some(());
    eventually("the old primary to follow the new one", follows).await;
    scene.world.redis.until_linked(0).await;
    ask_redis(&scene.world.redis.nodes()[0].url(), "CLUSTER", &["FAILOVER", "TAKEOVER"]).await.unwrap();
    assert!(scene.world.redis.is_primary(0).await);
    scene.until_likes_are(&client, [(3, 2), (2, 3), (3, 3)]).await;
    // Whoever meets the change first is refused.
    let again = async || {
        let path = "/douyin/favorite/action/?action_type=1";
        let (token, video) = (&scene.user(1).token, scene.people[0].1);
        let reply = client.post(&format!("{path}&token={token}&video_id={video}")).await;
        (reply.status == 200).then_some(())
    };
    eventually("changes to succeed", again).await;
    scene.until_likes_are(&client, [(3, 3); 3]).await;
    scene.assert_verified().await;
}

#[tokio::test]
async fn a_replica_that_takes_over_without_the_tail_gets_what_was_flushed() {
    let (mut scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    let replica = scene.world.redis.add_replica(0).await;
    make_impatient(&scene.world).await;
    scene.world.redis.node(replica).pause();
    scene.like_all(&mut client.caller().await).await;
    scene.until_flushed().await;
    scene.world.redis.node(0).kill().await.unwrap();
    scene.world.redis.node(replica).resume();
    scene.until_likes_are(&client, [(3, 3); 3]).await;
    scene.assert_verified().await;
}

/// Both processes live on, and each was the primary before: only that it became it anew tells that a tail may be missing.
#[tokio::test]
async fn a_primary_that_became_it_again_without_the_tail_is_compared_anew() {
    let (mut scene, server) = Scene::set(IDLE).await;
    let client = server.client();
    let replica = scene.world.redis.add_replica(0).await;
    let take_over = ["FAILOVER", "TAKEOVER"];
    ask_redis(&scene.world.redis.nodes()[replica].url(), "CLUSTER", &take_over).await.unwrap();
    eventually("the old primary to follow", async || (!scene.world.redis.is_primary(0).await).then_some(())).await;
    scene.world.redis.until_linked(0).await;
    let liked_by = async |place: usize| {
        let (token, video) = (&scene.user(place).token, scene.people[0].1);
        let path = format!("/douyin/favorite/action/?action_type=1&token={token}&video_id={video}");
        eventually("changes to succeed", async || (client.post(&path).await.status == 200).then_some(())).await;
    };
    liked_by(2).await;
    let offset = async |place: usize| {
        let info = ask_redis(&scene.world.redis.nodes()[place].url(), "INFO", &["replication"]).await.unwrap();
        let info = info.text().unwrap().unwrap().to_owned();
        info.lines().find_map(|line| line.strip_prefix("master_repl_offset:")).unwrap().to_owned()
    };
    let caught_up = async || (offset(0).await == offset(replica).await).then_some(());
    eventually("the old primary to have all of this", caught_up).await;
    scene.world.redis.nodes()[0].pause();
    ask_redis(&scene.world.redis.nodes()[replica].url(), "CLIENT", &["KILL", "TYPE", "replica"]).await.unwrap();
    liked_by(1).await;

    scene.world.redis.node(replica).pause();
    scene.world.redis.node(0).resume();
    ask_redis(&scene.world.redis.nodes()[0].url(), "CLUSTER", &take_over).await.unwrap();
    scene.world.redis.node(replica).resume();
    scene.until_likes_are(&client, [(0, 2), (1, 0), (1, 0)]).await;
}
