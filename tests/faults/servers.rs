//! Servers that die, and servers that are frozen and wake.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::World;
use crate::rounds::{let_pass, let_pass_between, rounds};
use crate::scene::{Scene, until_it_flushes};

/// How long a flusher may be silent before another one takes over.
const FLUSHER_SILENCE_MAX: Duration = Duration::from_secs(3);
const KILLS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_loses_nothing() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start().await, random, 1).await;
        for _ in 0..KILLS {
            let_pass_between(&mut scene.random, 50, 600).await;
            scene.replace_server(0).await;
        }
        scene.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_that_is_killed_or_frozen_is_followed_by_another() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start().await, random, 2).await;
        scene.servers[0].kill().await;
        until_it_flushes(&scene.servers[1]).await;
        scene.start_server(0).await;
        scene.load.goes_well().await;

        scene.servers[1].signal(Signal::STOP);
        let_pass(FLUSHER_SILENCE_MAX).await;
        until_it_flushes(&scene.servers[0]).await;
        let_pass_between(&mut scene.random, 0, 500).await;
        scene.servers[1].signal(Signal::CONT);
        scene.end().await;
    })
    .await;
}
