//! One node of a Redis Cluster that dies, forgets, is rewound, or is followed by its replica.

use std::time::Duration;

use rand::Rng;
use riffle::dev::StoreProcess;

use crate::harness::{World, ask_redis, eventually};
use crate::loss::flushed;
use crate::redis::{cut_bytes, cut_tail};
use crate::rounds::{let_pass, let_pass_between, rounds};
use crate::scene::Scene;

const KILLS: usize = 3;
const FLUSHES: usize = 3;
const NODES: usize = 3;

impl Scene {
    fn any_node(&mut self) -> &mut StoreProcess {
        let place = self.random.random_range(0..NODES);
        self.world.redis.node(place)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_killed_again_and_again_lose_nothing() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_cluster().await, random, 2).await;
        for kill in 0..KILLS {
            let_pass_between(&mut scene.random, 50, 600).await;
            let place = scene.random.random_range(0..NODES);
            scene.world.redis.node(place).kill().await.unwrap();
            let_pass_between(&mut scene.random, 0, 300).await;
            if kill == 0 {
                // Another one before the first is back.
                let other = (place + 1) % NODES;
                scene.world.redis.node(other).kill().await.unwrap();
                scene.world.redis.start_again_all().await;
                scene.until_ready().await;
            } else {
                // What the others have is changed meanwhile.
                scene.load.goes_well().await;
                let_pass_between(&mut scene.random, 0, 1_000).await;
                scene.world.redis.node(place).start_again().await.unwrap();
                // A node is brought in order while all are there.
                scene.until_ready().await;
            }
        }
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_loses_nothing() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_cluster().await, random, 2).await;
        let place = scene.random.random_range(0..NODES);
        scene.world.redis.node(place).pause();
        let_pass(Duration::from_secs(3)).await;
        scene.world.redis.node(place).resume();
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_emptied_under_load_gets_back_what_was_flushed() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_cluster().await, random, 2).await;
        let mark = flushed(&scene.world).await;
        scene.shared().ledger.lock().unwrap().begin_loss(mark);
        // Later ones meet servers that are loading the first anew.
        for _ in 0..FLUSHES {
            let url = scene.any_node().url();
            ask_redis(&url, "FLUSHALL", &[]).await.unwrap();
            let_pass_between(&mut scene.random, 0, 400).await;
        }
        let url = scene.any_node().url();
        ask_redis(&url, "FLUSHALL", &[]).await.unwrap();
        scene.shared().ledger.lock().unwrap().end_loss();
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_file_lost_its_tail_gets_back_what_was_flushed() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_cluster().await, random, 2).await;
        for _ in 0..2 {
            let mark = flushed(&scene.world).await;
            let_pass_between(&mut scene.random, 0, 400).await;
            let place = scene.random.random_range(0..NODES);
            scene.shared().ledger.lock().unwrap().begin_loss(mark);
            scene.world.redis.node(place).kill().await.unwrap();
            scene.shared().ledger.lock().unwrap().end_loss();
            let bytes = cut_bytes(&mut scene.random);
            let node = scene.world.redis.node(place);
            cut_tail(node, bytes);
            node.start_again().await.unwrap();
            scene.load.goes_well().await;
        }
        scene.end().await;
    })
    .await;
}

/// Replicas follow asynchronously: what was acknowledged last may be missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_under_load_has_what_was_flushed() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_cluster().await, random, 2).await;
        let first = scene.random.random_range(0..NODES);
        let replica = scene.world.redis.add_replica(first).await;
        scene.world.redis.everywhere("CONFIG", &["SET", "cluster-node-timeout", "1000"]).await;
        for (primary, follower) in [(first, replica), (replica, first)] {
            let mark = flushed(&scene.world).await;
            // Or it follows too well to lose anything.
            let lags = scene.random.random_bool(0.5);
            if lags {
                scene.world.redis.node(follower).pause();
                let_pass_between(&mut scene.random, 0, 500).await;
            }
            scene.shared().ledger.lock().unwrap().begin_loss(mark);
            scene.world.redis.node(primary).kill().await.unwrap();
            scene.shared().ledger.lock().unwrap().end_loss();
            scene.world.redis.node(follower).resume();
            eventually("a replica to take over", async || scene.world.redis.is_primary(follower).await.then_some(()))
                .await;
            scene.load.goes_well().await;
            scene.world.redis.node(primary).start_again().await.unwrap();
            scene.world.redis.until_linked(primary).await;
        }
        scene.end().await;
    })
    .await;
}
