//! Redis that dies, forgets, hangs or is full.
//!
//! The Redis of these tests writes its file before it answers (`appendfsync no`): what it acknowledged survives its
//! death. With `everysec` it may hold a write back while its disk is slow, which is then as a tail that is cut off.

use std::fs::OpenOptions;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use riffle::dev::StoreProcess;
use tokio::time::{MissedTickBehavior, interval};

use crate::harness::World;
use crate::loss::flushed;
use crate::proxy::Proxy;
use crate::rounds::{let_pass, let_pass_between, rounds};
use crate::scene::Scene;
use crate::tail::newest_file;

const KILLS: usize = 3;
const FLUSHES: usize = 3;
const CUT_BYTES_MAX: u64 = 300_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_again_and_again_loses_nothing() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_alone().await, random, 1).await;
        for _ in 0..KILLS {
            let_pass_between(&mut scene.random, 50, 600).await;
            scene.world.redis.kill().await.unwrap();
            let_pass_between(&mut scene.random, 0, 300).await;
            scene.world.redis.start_again().await.unwrap();
        }
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_emptied_under_load_keeps_what_was_flushed() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start().await, random, 2).await;
        let mark = flushed(&scene.world).await;
        scene.shared().ledger.lock().unwrap().begin_loss(mark);
        // Later ones meet servers that are loading it anew.
        for _ in 0..FLUSHES {
            scene.world.redis_command("FLUSHALL", &[]).await;
            let_pass_between(&mut scene.random, 0, 400).await;
        }
        scene.world.redis_command("FLUSHALL", &[]).await;
        scene.shared().ledger.lock().unwrap().end_loss();
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_whose_file_lost_its_tail_keeps_what_was_flushed() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_alone().await, random, 2).await;
        for _ in 0..2 {
            let mark = flushed(&scene.world).await;
            let_pass_between(&mut scene.random, 0, 400).await;
            scene.shared().ledger.lock().unwrap().begin_loss(mark);
            scene.world.redis.kill().await.unwrap();
            scene.shared().ledger.lock().unwrap().end_loss();
            cut_tail(&scene.world.redis, cut_bytes(&mut scene.random));
            scene.world.redis.start_again().await.unwrap();
            scene.load.goes_well().await;
        }
        scene.end().await;
    })
    .await;
}

/// Small cuts leave nothing amiss that anyone relied on, large ones reach behind what Postgres has.
pub fn cut_bytes(random: &mut StdRng) -> u64 {
    let bytes = 1 << random.random_range(0..=CUT_BYTES_MAX.ilog2());
    random.random_range(0..=bytes)
}

/// Takes bytes off the end of what Redis wrote last.
pub fn cut_tail(redis: &StoreProcess, bytes: u64) {
    let file = OpenOptions::new().write(true).open(newest_file(redis)).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(bytes)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_forgets_its_scripts_all_the_time_is_not_noticed() {
    rounds(async |random| {
        let scene = Scene::begin(World::start().await, random, 1).await;
        let unknown_before = scene.shared().ledger.lock().unwrap().unknown;
        let mut pace = interval(Duration::from_millis(100));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..20 {
            pace.tick().await;
            scene.world.redis_command("SCRIPT", &["FLUSH"]).await;
        }
        assert_eq!(scene.shared().ledger.lock().unwrap().unknown, unknown_before);
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_loses_nothing() {
    rounds(async |random| {
        let scene = Scene::begin(World::start_alone().await, random, 1).await;
        scene.world.redis.pause();
        let_pass(Duration::from_secs(3)).await;
        scene.world.redis.resume();
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_full_refuses_whole_changes() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start().await, random, 1).await;
        for _ in 0..3 {
            // Full at once, so that the changes under way meet it at any of their steps.
            scene.world.redis_command("CONFIG", &["SET", "maxmemory", "1"]).await;
            let_pass_between(&mut scene.random, 50, 500).await;
            scene.world.redis_command("CONFIG", &["SET", "maxmemory", "0"]).await;
            scene.load.goes_well().await;
        }
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_redis_that_are_late_or_cut_short_are_not_guessed() {
    rounds(async |random| {
        let world = World::start_alone().await;
        let proxy = Proxy::start(&world.redis_url).await;
        let mut scene = Scene::begin_with(world, random, 1, &[("redis_url", &proxy.url)]).await;
        for _ in 0..4 {
            proxy.cut_after(scene.random.random_range(1..20_000));
            let_pass_between(&mut scene.random, 100, 500).await;
        }
        // Once so that all come late, once so that none comes in time.
        for delay_ms in [200, 1_200] {
            proxy.delay(Duration::from_millis(delay_ms));
            let_pass_between(&mut scene.random, 500, 1_500).await;
            proxy.delay(Duration::ZERO);
            scene.load.goes_well().await;
        }
        scene.end().await;
    })
    .await;
}
