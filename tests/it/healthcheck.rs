//! `riffle healthcheck`: what an image asks of its server.

use std::net::TcpListener;

use crate::harness::{Server, World, eventually, run};

#[tokio::test]
async fn a_server_that_serves_is_healthy_and_one_that_cannot_is_not() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let address = server.address().to_string();
    let everywhere = format!("0.0.0.0:{}", server.address().port());
    for listen in [&address, &everywhere] {
        let healthy = run(&world, &["healthcheck"], &[("listen", listen)]).await;
        assert!(healthy.status.success(), "{healthy:#?}");
    }
    world.redis.kill_and_wait();
    eventually("the server to miss Redis", async || (server.client().get("/readyz").await.status == 503).then_some(()))
        .await;
    let sick = run(&world, &["healthcheck"], &[("listen", &address)]).await;
    assert_eq!(sick.status.code(), Some(1));
    assert!(sick.stderr.contains("redis"), "{sick:#?}");
    server.kill().await;
    assert_eq!(run(&world, &["healthcheck"], &[("listen", &address)]).await.status.code(), Some(1));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_healthy() {
    let world = World::start().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let sick = run(&world, &["healthcheck"], &[("listen", &address)]).await;
    assert_eq!(sick.status.code(), Some(1));
    assert!(sick.stderr.contains("does not answer"), "{sick:#?}");
}
