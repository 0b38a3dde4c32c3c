//! Media in an object store: players read from the store itself, and nothing else of it is open.

use serde_json::Value;

use crate::harness::{
    Account, Client, IDLE, ObjectStore, Policies, Reply, Server, World, ask_postgres, clip, eventually, head, run,
};

/// GET of a whole address, with no token.
async fn get(url: &str, headers: &[(&str, &str)]) -> Reply {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    Client::to(host.parse().unwrap()).request(head("GET", &format!("/{path}"), headers).as_bytes()).await
}

async fn newest(client: Client) -> Value {
    client.get_json("/douyin/feed/").await["video_list"][0].clone()
}

fn text<'a>(video: &'a Value, key: &str) -> &'a str {
    video[key].as_str().unwrap()
}

/// A clip of the wanted length: players skip the box behind it.
fn padded_clip(bytes: usize) -> Vec<u8> {
    let free = bytes - clip().len();
    [clip(), &(free as u32).to_be_bytes(), b"free", &vec![0; free - 8]].concat()
}

const SEVERAL_PARTS: usize = 6 << 20;

#[tokio::test]
async fn players_read_from_the_store_itself_without_a_token() {
    let world = World::start_with_object_store(Policies::Obeyed).await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    client.publish(&mia, "a film").await;
    let store = world.object_store.as_ref().unwrap();
    let base = format!("{}/{}/media", store.endpoint, store.bucket);

    let video = newest(client).await;
    assert!(text(&video, "play_url").starts_with(&format!("{base}/video/")), "{video}");
    let whole = get(text(&video, "play_url"), &[]).await;
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(whole.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(whole.body == clip());
    let part = get(text(&video, "play_url"), &[("Range", "bytes=5-99")]).await;
    assert_eq!((part.status, &part.body[..]), (206, &clip()[5..100]));

    let placeholder = get(text(&video, "cover_url"), &[]).await;
    assert_eq!((placeholder.status, placeholder.header("content-type")), (200, Some("image/jpeg")));
    let covered = eventually("the cover to be made", async || {
        let video = newest(client).await;
        text(&video, "cover_url").starts_with(&format!("{base}/cover/")).then_some(video)
    })
    .await;
    let cover = get(text(&covered, "cover_url"), &[]).await;
    assert_eq!((cover.status, cover.header("content-type")), (200, Some("image/jpeg")));
    assert_eq!(cover.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(cover.body.starts_with(&[0xFF, 0xD8, 0xFF]));
    assert_eq!(world.media_files("incoming"), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_lists_writes_or_removes_without_a_key() {
    let world = World::start_with_object_store(Policies::Obeyed).await;
    let server = Server::start(&world, &[]).await;
    let mia = server.client().register("mia").await;
    server.client().publish(&mia, "a film").await;
    let store = world.object_store.as_ref().unwrap();
    let host = store.endpoint.strip_prefix("http://").unwrap();
    let client = Client::to(host.parse().unwrap());
    let play_url = text(&newest(server.client()).await, "play_url").to_owned();
    let object = play_url.strip_prefix(&store.endpoint).unwrap();
    let bucket = format!("/{}", store.bucket);
    for (method, path) in [
        ("GET", bucket.clone()),
        ("GET", format!("{bucket}?list-type=2&prefix=media/")),
        ("GET", format!("{bucket}?uploads")),
        ("GET", format!("{bucket}/other/object")),
        ("PUT", format!("{bucket}/media/video/mine.mp4")),
        ("PUT", object.to_owned()),
        ("DELETE", object.to_owned()),
        ("DELETE", bucket.clone()),
    ] {
        let reply = client.request(head(method, &path, &[("Content-Length", "0")]).as_bytes()).await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
    }
    assert!(get(&play_url, &[]).await.body == clip());
}

#[tokio::test]
async fn the_same_files_can_be_read_through_riffle() {
    for policies in [Policies::Obeyed, Policies::Refused] {
        let world = World::start_with_object_store(policies).await;
        let server = Server::start(&world, &[]).await;
        let client = server.client();
        let mia = client.register("mia").await;
        assert_eq!(client.try_publish(&mia, "long", &padded_clip(SEVERAL_PARTS)).await.code(), 0);
        let play_url = text(&newest(client).await, "play_url").to_owned();
        if policies == Policies::Refused {
            assert!(play_url.starts_with(&server.base_url()), "{play_url}");
        }
        let path = format!("/media/video/{}", play_url.rsplit('/').next().unwrap());
        let whole = client.get(&path).await;
        assert_eq!((whole.status, whole.header("accept-ranges")), (200, Some("bytes")));
        assert!(whole.body == padded_clip(SEVERAL_PARTS));
        let part = client.get_with(&path, &[("Range", "bytes=-10")]).await;
        assert_eq!((part.status, part.body.len()), (206, 10));
    }
}

#[tokio::test]
async fn an_address_of_the_settings_wins() {
    let world = World::start_with_object_store(Policies::Obeyed).await;
    let server = Server::start(&world, &[("media_url", "https://cdn.example/films")]).await;
    let mia = server.client().register("mia").await;
    server.client().publish(&mia, "a film").await;
    let video = newest(server.client()).await;
    assert!(text(&video, "play_url").starts_with("https://cdn.example/films/video/"), "{video}");
}

#[tokio::test]
async fn settings_that_lack_a_key_are_named() {
    let world = World::start_with_media_folder().await;
    let finished = run(&world, &["serve"], &[("s3_endpoint", "http://127.0.0.1:1")]).await;
    assert!(!finished.status.success());
    assert!(finished.stderr.contains("RIFFLE_S3_SECRET_KEY"), "{}", finished.stderr);
}

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

#[tokio::test]
async fn two_installations_with_one_bucket_remove_nothing_of_each_other() {
    let ours = World::start_with_object_store(Policies::Refused).await;
    let theirs = World::start_with_media_folder().await;
    // The databases of the tests are copies of one.
    theirs.sql("update installation set name = 'theirs'").await;
    let server = Server::start(&ours, &[]).await;
    let mia = server.client().register("mia").await;
    server.client().publish(&mia, "a film").await;
    // It has looked once: the bucket is ours.
    server.terminate().await;
    let settings = ours.object_store.as_ref().unwrap().settings();
    let settings: Vec<_> = settings.into_iter().chain([("orphan_age_s", "1")]).collect();
    let stranger = Server::start(&theirs, &settings).await;
    eventually("it to see whose bucket it is", async || {
        stranger.stderr().contains("names another installation").then_some(())
    })
    .await;
    assert_eq!(ours.media_files("video").len(), 1);
}
