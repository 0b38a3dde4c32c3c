//! A Redis Cluster of three nodes: what one of them loses, or does not answer while it is away.

mod scene;
mod takeover;

use std::path::PathBuf;

use futures_util::future::join_all;
use riffle::dev::StoreProcess;
use riffle::id::UserId;
use riffle::store::{Reply, keys};
use scene::{IDLE, NO_COVERS, Scene};

use crate::harness::{Client, Server, ask_redis, eventually, ids, run};

/// Where Redis begins to write down what one script changed.
const SCRIPT_BEGINS: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";

/// What a node is writing to.
fn newest_file(node: &StoreProcess) -> PathBuf {
    let files = std::fs::read_dir(node.folder().join("appendonlydir")).unwrap().map(|entry| entry.unwrap().path());
    let number = |path: &PathBuf| path.to_string_lossy().split('.').rev().nth(2)?.parse::<u64>().ok();
    files.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).max_by_key(number).unwrap()
}

/// Kills a node, takes the last script off its file, and starts it.
async fn lose_last_script(node: &mut StoreProcess) {
    node.kill().await.unwrap();
    let path = newest_file(node);
    let file = std::fs::read(&path).unwrap();
    let begins = (0..file.len()).rev().find(|place| file[*place..].starts_with(SCRIPT_BEGINS)).unwrap();
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(begins as u64).unwrap();
    node.start_again().await.unwrap();
}

#[tokio::test]
async fn keys_lie_on_all_nodes_and_flush_and_verify_see_them() {
    let (scene, server) = Scene::set(&[NO_COVERS]).await;
    scene.like_all(&mut server.client().caller().await).await;
    for keys in scene.world.redis.everywhere("DBSIZE", &[]).await {
        assert!(keys.required_number().unwrap() > 100, "{keys:?}");
    }
    scene.until_flushed().await;
    assert_eq!(scene.world.sql_number("select count(*) from favorite where is_on").await, 9);
    scene.assert_verified().await;

    for (user, _) in &scene.people {
        scene.world.redis_command("HSET", &[&keys::user(UserId(user.id)), "favorites", "7"]).await;
    }
    let verified = run(&scene.world, &["verify"], &[]).await;
    assert_eq!(verified.status.code(), Some(1), "{verified:#?}");
    let repaired = run(&scene.world, &["verify", "--repair"], &[]).await;
    assert!(scene.people.iter().all(|(user, _)| repaired.stdout.contains(&user.id.to_string())), "{repaired:#?}");
    scene.assert_verified().await;
    scene.until_likes_are(&server.client(), [(3, 3); 3]).await;
}

#[tokio::test]
async fn while_a_node_is_away_its_users_are_refused_and_all_others_served() {
    let (mut scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    scene.like_all(&mut client.caller().await).await;
    for away in 0..3 {
        let (one, other) = ((away + 1) % 3, (away + 2) % 3);
        scene.world.redis.node(away).kill().await.unwrap();
        let others_only = async |client: &Client| {
            eventually("the others to be served", async || {
                let seen = scene.likes(client, one).await.is_some() && scene.likes(client, other).await.is_some();
                (seen && scene.likes(client, away).await.is_none()).then_some(())
            })
            .await;
        };
        others_only(&client).await;
        let mut caller = client.caller().await;
        scene.like(&mut caller, one, other, false).await;
        scene.like(&mut caller, other, other, false).await;
        // What the others do reaches Postgres meanwhile, and their mirrors.
        let sql = "select count(*) from favorite where not is_on";
        eventually("the flush", async || (scene.world.sql_number(sql).await == 2).then_some(())).await;
        // One that starts now finds its way by the other addresses.
        let late = Server::start_in_part(&scene.world, &[NO_COVERS]).await;
        others_only(&late.client()).await;

        scene.world.redis.node(away).start_again().await.unwrap();
        let mut expected = [(3, 3); 3];
        (expected[one].0, expected[other]) = (2, (2, 1));
        scene.until_likes_are(&client, expected).await;
        scene.until_likes_are(&late.client(), expected).await;
        scene.like_all(&mut caller).await;
        scene.until_flushed().await;
        scene.assert_verified().await;
    }
}

#[tokio::test]
async fn a_frozen_node_holds_nobody_else_up() {
    let (mut scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    scene.like_all(&mut client.caller().await).await;
    for away in 0..3 {
        scene.world.redis.node(away).pause();
        eventually("the others to be served", async || {
            let mut served = 0;
            for place in 0..3 {
                served += usize::from(scene.likes(&client, place).await.is_some());
            }
            (served == 2).then_some(())
        })
        .await;
        scene.world.redis.node(away).resume();
        scene.until_likes_are(&client, [(3, 3); 3]).await;
    }
    scene.assert_verified().await;
}

#[tokio::test]
async fn an_emptied_node_is_loaded_anew_and_shows_no_wrong_zero() {
    let (scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    scene.like_all(&mut client.caller().await).await;
    scene.until_flushed().await;
    for (place, node) in scene.world.redis.nodes().iter().enumerate() {
        ask_redis(&node.url(), "FLUSHALL", &[]).await.unwrap();
        for _ in 0..20 {
            let seen = join_all((0..3).map(|place| scene.likes(&client, place))).await;
            assert!(seen.iter().flatten().all(|likes| *likes == (3, 3)), "node {place}: {seen:?}");
        }
        scene.until_likes_are(&client, [(3, 3); 3]).await;
    }
    scene.like(&mut client.caller().await, 0, 1, false).await;
    scene.assert_verified().await;
}

#[tokio::test]
async fn a_node_that_lost_its_files_is_loaded_anew() {
    let (mut scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    scene.like_all(&mut client.caller().await).await;
    scene.until_flushed().await;
    for place in 0..3 {
        let node = scene.world.redis.node(place);
        node.kill().await.unwrap();
        std::fs::remove_dir_all(node.folder().join("appendonlydir")).unwrap();
        node.start_again().await.unwrap();
        scene.until_likes_are(&client, [(3, 3); 3]).await;
        scene.assert_verified().await;
    }
}

/// The home end was lost before anything relied on it: only the mirror on another node still knows.
#[tokio::test]
async fn a_like_that_its_home_lost_and_its_mirror_has_is_adopted() {
    let (mut scene, server) = Scene::set(IDLE).await;
    let client = server.client();
    let mut caller = client.caller().await;
    scene.like(&mut caller, 1, 0, true).await;
    lose_last_script(scene.world.redis.node(0)).await;
    scene.until_likes_are(&client, [(0, 1), (1, 0), (0, 0)]).await;

    scene.like(&mut caller, 1, 0, false).await;
    lose_last_script(scene.world.redis.node(0)).await;
    scene.until_likes_are(&client, [(0, 0), (0, 0), (0, 0)]).await;
    server.kill().await;
    let server = Server::start(&scene.world, &[NO_COVERS]).await;
    scene.assert_verified().await;
    scene.until_likes_are(&server.client(), [(0, 0), (0, 0), (0, 0)]).await;
}

#[tokio::test]
async fn a_like_that_its_mirror_lost_and_its_home_has_comes_back() {
    let (mut scene, server) = Scene::set(IDLE).await;
    let client = server.client();
    let mut caller = client.caller().await;
    scene.like(&mut caller, 1, 0, true).await;
    lose_last_script(scene.world.redis.node(1)).await;
    scene.until_likes_are(&client, [(0, 1), (1, 0), (0, 0)]).await;

    scene.like(&mut caller, 1, 0, false).await;
    lose_last_script(scene.world.redis.node(1)).await;
    scene.until_likes_are(&client, [(0, 0), (0, 0), (0, 0)]).await;
    server.kill().await;
    let _server = Server::start(&scene.world, &[NO_COVERS]).await;
    scene.assert_verified().await;
}

#[tokio::test]
async fn a_node_put_back_to_before_what_was_flushed_misses_nothing() {
    let (mut scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    let mut caller = client.caller().await;
    for place in 0..3 {
        let node = scene.world.redis.node(place);
        let (files, saved) = (node.folder().join("appendonlydir"), node.folder().join("saved"));
        let copy = |from: &PathBuf, to: &PathBuf| {
            assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
        };
        copy(&files, &saved);
        scene.like_all(&mut caller).await;
        scene.until_flushed().await;
        let node = scene.world.redis.node(place);
        node.kill().await.unwrap();
        std::fs::remove_dir_all(&files).unwrap();
        copy(&saved, &files);
        node.start_again().await.unwrap();
        scene.until_likes_are(&client, [(3, 3); 3]).await;
        scene.assert_verified().await;
        for (from, to) in [(0, 0), (1, 0), (2, 1)] {
            scene.like(&mut caller, from, to, false).await;
        }
    }
}

#[tokio::test]
async fn nodes_that_restart_together_keep_what_they_have() {
    let (mut scene, server) = Scene::set(IDLE).await;
    let client = server.client();
    scene.like_all(&mut client.caller().await).await;
    join_all(scene.world.redis.nodes()[1..].iter().map(StoreProcess::kill)).await;
    scene.world.redis.start_again_from(1).await;
    scene.until_likes_are(&client, [(3, 3); 3]).await;
    scene.world.redis.start_again_all().await;
    scene.until_likes_are(&client, [(3, 3); 3]).await;
    scene.assert_verified().await;
}

/// All keys of a slot go from one node to another while users of the slot are served, or refused.
#[tokio::test]
async fn a_bucket_that_moves_to_another_node_is_served_there() {
    let (scene, server) = Scene::set(&[NO_COVERS]).await;
    let client = server.client();
    scene.like_all(&mut client.caller().await).await;
    let [from, to, third] = scene.world.redis.nodes() else { panic!("three nodes") };
    let ask = async |node: &StoreProcess, words: &[&str]| ask_redis(&node.url(), "CLUSTER", words).await.unwrap();
    let text = |reply: Reply| reply.text().unwrap().unwrap().to_owned();
    let (from_id, to_id) = (text(ask(from, &["MYID"]).await), text(ask(to, &["MYID"]).await));
    let key = keys::user(UserId(scene.user(0).id));
    let slot = ask(from, &["KEYSLOT", &key]).await.required_number().unwrap().to_string();
    ask(to, &["SETSLOT", &slot, "IMPORTING", &from_id]).await;
    ask(from, &["SETSLOT", &slot, "MIGRATING", &to_id]).await;
    let address = to.node_address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    loop {
        let keys = ask(from, &["GETKEYSINSLOT", &slot, "3"]).await;
        let keys: Vec<String> = keys.array().unwrap().iter().map(|key| text(key.clone())).collect();
        if keys.is_empty() {
            break;
        }
        let mut arguments = vec![host.as_str(), port.as_str(), "", "0", "5000", "KEYS"];
        arguments.extend(keys.iter().map(String::as_str));
        ask_redis(&from.url(), "MIGRATE", &arguments).await.unwrap();
        let seen = scene.likes(&client, 0).await;
        assert!(seen.is_none_or(|likes| likes == (3, 3)), "{seen:?}");
        scene.like(&mut client.caller().await, 1, 2, true).await;
    }
    for node in [to, from, third] {
        ask(node, &["SETSLOT", &slot, "NODE", &to_id]).await;
    }
    scene.until_likes_are(&client, [(3, 3); 3]).await;
    assert_eq!(scene.world.redis.place_of(&key).await, 1);
    scene.like(&mut client.caller().await, 0, 0, false).await;
    let liked = client.caller().await.see(scene.user(0), "/douyin/favorite/list/", &[]).await;
    assert_eq!(ids(&liked, "video_list").len(), 2);
    scene.assert_verified().await;
}
