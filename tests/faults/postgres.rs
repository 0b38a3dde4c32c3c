//! Postgres that dies under load, and stays away for a while.

use crate::harness::World;
use crate::rounds::{let_pass_between, rounds};
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_dies_and_stays_away_loses_nothing() {
    rounds(async |random| {
        let mut scene = Scene::begin(World::start_with_own_postgres().await, random, 1).await;
        scene.world.postgres().kill().await.unwrap();
        // What needs Redis alone goes on meanwhile.
        scene.load.goes_well().await;
        let_pass_between(&mut scene.random, 500, 2_500).await;
        scene.world.postgres().start_again().await.unwrap();
        scene.end().await;
    })
    .await;
}
