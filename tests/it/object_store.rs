//! Media in an object store, ours or a real server: players read from the store itself, and nothing else of it is open.

use serde_json::Value;

use crate::harness::{Client, Policies, Reply, Server, World, clip, eventually, head, run};

/// GET of a whole address, with no token.
pub async fn get(url: &str, headers: &[(&str, &str)]) -> Reply {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    Client::to(host.parse().unwrap()).request(head("GET", &format!("/{path}"), headers).as_bytes()).await
}

pub async fn newest(client: Client) -> Value {
    client.get_json("/douyin/feed/").await["video_list"][0].clone()
}

pub fn text<'a>(video: &'a Value, key: &str) -> &'a str {
    video[key].as_str().unwrap()
}

/// A clip of the wanted length: players skip the box behind it.
pub fn padded_clip(bytes: usize) -> Vec<u8> {
    let free = bytes - clip().len();
    [clip(), &(free as u32).to_be_bytes(), b"free", &vec![0; free - 8]].concat()
}

pub const SEVERAL_PARTS: usize = 6 << 20;

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
    eventually("the copy that the cover was made of to go", async || {
        world.media_files("incoming").is_empty().then_some(())
    })
    .await;
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
