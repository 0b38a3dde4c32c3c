//! Media in an object store that is away, silent or full: nothing half-done appears, and the rest goes on.

use crate::harness::{Account, IDLE, ObjectStore, Policies, Server, World, ask_postgres, clip, eventually};
use crate::object_store::{SEVERAL_PARTS, get, newest, padded_clip, text};

async fn assert_publishing_is_refused(world: &World, server: &Server, account: &Account) {
    for bytes in [clip(), &padded_clip(SEVERAL_PARTS)] {
        let reply = server.client().try_publish(account, "no", bytes).await;
        assert_eq!((reply.status, reply.code()), (503, 100014), "{}", reply.text());
        assert!(!reply.text().contains("s3"), "{}", reply.text());
    }
    assert_eq!(server.client().get_json("/douyin/feed/").await["video_list"], serde_json::json!([]));
    assert_eq!(world.media_files("incoming"), Vec::<String>::new());
    assert_eq!(ask_postgres(&world.postgres_url, "select count(*)::text from videos").await, "0");
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_published_and_the_feed_goes_on() {
    let mut world = World::start_with_object_store(Policies::Obeyed).await;
    let server = Server::start(&world, &[IDLE]).await;
    let mia = server.client().register("mia").await;
    world.object_store.as_mut().unwrap().stop();
    assert_publishing_is_refused(&world, &server, &mia).await;
    world.object_store.as_mut().unwrap().start_again();
    server.client().publish(&mia, "a film").await;
    assert_eq!(world.media_files("video").len(), 1);
}

#[tokio::test]
async fn a_store_that_answers_nothing_is_not_waited_for() {
    let world = World::start_with_object_store(Policies::Obeyed).await;
    let server = Server::start(&world, &[IDLE, ("s3_timeout_ms", "100")]).await;
    let mia = server.client().register("mia").await;
    let store = world.object_store.as_ref().unwrap();
    store.hang(true);
    assert_publishing_is_refused(&world, &server, &mia).await;
    store.hang(false);
    server.client().publish(&mia, "a film").await;
}

#[tokio::test]
async fn an_upload_that_the_store_gives_up_leaves_nothing() {
    let world = World::start_with_object_store(Policies::Obeyed).await;
    let server = Server::start(&world, &[IDLE]).await;
    let mia = server.client().register("mia").await;
    let store = world.object_store.as_ref().unwrap();
    store.refuse_parts(true);
    let reply = server.client().try_publish(&mia, "no", &padded_clip(SEVERAL_PARTS)).await;
    assert_eq!((reply.status, reply.code()), (503, 100014), "{}", reply.text());
    assert_eq!((world.media_files("incoming"), world.media_files("video")), (vec![], vec![]));
    assert_eq!(store.unfinished(), 0);
}

#[tokio::test]
async fn a_server_that_starts_before_its_store_finds_it_later() {
    let mut world = World::start_with_object_store(Policies::Obeyed).await;
    world.object_store.as_mut().unwrap().stop();
    let server = Server::start(&world, &[]).await;
    let mia = server.client().register("mia").await;
    assert_publishing_is_refused(&world, &server, &mia).await;
    world.object_store.as_mut().unwrap().start_again();
    eventually("the bucket to be made", async || {
        (server.client().try_publish(&mia, "a film", clip()).await.code() == 0).then_some(())
    })
    .await;
    // Through riffle until the next start; both addresses give the same bytes.
    let video = newest(server.client()).await;
    assert!(get(text(&video, "play_url"), &[]).await.body == clip());
}

/// A server that is killed in the middle of sending its parts leaves them; the next one removes them when they are old.
#[tokio::test]
async fn parts_of_a_server_that_died_are_swept() {
    let world = World::start_with_object_store(Policies::Obeyed).await;
    let dying = Server::start(&world, &[IDLE, ("s3_timeout_ms", "60000")]).await;
    let client = dying.client();
    let mia = client.register("mia").await;
    let store: &ObjectStore = world.object_store.as_ref().unwrap();
    store.hold_parts(true);
    let upload = tokio::spawn(async move { client.try_publish(&mia, "no", &padded_clip(SEVERAL_PARTS)).await });
    eventually("the upload to begin", async || (store.unfinished() == 1).then_some(())).await;
    dying.kill().await;
    assert!(upload.await.is_err());
    store.hold_parts(false);
    eventually("the parts to be old, and removed by a start", async || {
        Server::start(&world, &[IDLE, ("orphan_age_s", "1")]).await.terminate().await;
        (store.unfinished() == 0).then_some(())
    })
    .await;
}
