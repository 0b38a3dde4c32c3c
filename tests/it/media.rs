//! Media files over HTTP: known states are not sent again, parts are sent in part, and nothing else is reachable.

use crate::harness::{Client, Server, World, clip};

/// A server with one video, and the path that plays it.
async fn one_video(world: &World) -> (Server, String) {
    let server = Server::start(world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    client.publish(&mia, "a film").await;
    let feed = client.get_json("/douyin/feed/").await;
    let play_url = feed["video_list"][0]["play_url"].as_str().unwrap();
    let path = play_url.strip_prefix(&server.base_url()).unwrap().to_owned();
    (server, path)
}

async fn etag(client: Client, path: &str) -> String {
    client.head(path, &[]).await.header("etag").unwrap().to_owned()
}

#[tokio::test]
async fn a_file_is_sent_whole_or_not_again_and_needs_no_token() {
    let world = World::start().await;
    let (server, path) = one_video(&world).await;
    let client = server.client();
    let whole = client.get(&path).await;
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, Some("bytes")));
    assert_eq!(whole.header("content-disposition"), Some("inline"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(whole.header("cache-control").unwrap().contains("immutable"));
    assert!(whole.body == clip());

    let headed = client.head(&path, &[]).await;
    let without_date =
        |headers: &[(String, String)]| headers.iter().filter(|(name, _)| name != "date").cloned().collect::<Vec<_>>();
    assert_eq!(without_date(&headed.headers), without_date(&whole.headers));
    assert_eq!(client.get(&format!("{path}?token=any")).await.body.len(), clip().len());

    let (etag, modified) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
    for known in [("If-None-Match", etag), ("If-None-Match", "*"), ("If-Modified-Since", modified)] {
        let reply = client.get_with(&path, &[known]).await;
        assert_eq!((reply.status, reply.header("etag"), reply.body.len()), (304, Some(etag), 0), "{known:?}");
    }
    assert_eq!(client.get_with(&path, &[("If-None-Match", "\"another\"")]).await.status, 200);
}

#[tokio::test]
async fn a_range_is_sent_in_part() {
    let world = World::start().await;
    let (server, path) = one_video(&world).await;
    let client = server.client();
    let all = clip().len();
    for (range, first, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, all),
        ("bytes=-100", all - 100, all),
        ("bytes=0-99999999999", 0, all),
        ("bytes=-99999999999", 0, all),
    ] {
        let reply = client.get_with(&path, &[("Range", range)]).await;
        let told = format!("bytes {first}-{}/{all}", end - 1);
        assert_eq!((reply.status, reply.header("content-range")), (206, Some(told.as_str())), "{range}");
        assert!(reply.body == clip()[first..end], "{range}");
    }
    for range in [format!("bytes={all}-"), "bytes=99999999999-".to_owned(), "bytes=-0".to_owned()] {
        let reply = client.get_with(&path, &[("Range", &range)]).await;
        let told = format!("bytes */{all}");
        assert_eq!((reply.status, reply.header("content-range")), (416, Some(told.as_str())), "{range}");
    }
    for range in ["bytes=5-1", "bytes=a-b", "lines=0-1", "bytes=0-1,3-4", ""] {
        assert_eq!(client.get_with(&path, &[("Range", range)]).await.status, 200, "{range}");
    }
    let etag = etag(client, &path).await;
    for (state, status) in [(etag.as_str(), 206), ("\"another\"", 200)] {
        let reply = client.get_with(&path, &[("Range", "bytes=0-9"), ("If-Range", state)]).await;
        assert_eq!(reply.status, status, "{state}");
    }
    assert_eq!(client.head(&path, &[("Range", "bytes=0-9")]).await.status, 200);
}

#[tokio::test]
async fn nothing_else_is_reachable() {
    let world = World::start().await;
    let (server, path) = one_video(&world).await;
    let client = server.client();
    let name = path.strip_prefix("/media/video/").unwrap();
    assert!(world.data_dir().join("token_secret").exists());
    std::fs::write(world.media_folder("incoming").join("0123456789abcdef0123456789abcdef"), "a secret").unwrap();
    std::fs::write(world.media_folder("video").join("note.txt"), "a secret").unwrap();
    for path in [
        "/media",
        "/media/",
        "/media/video",
        "/media/video/",
        "/media/cover/",
        "/media/incoming/",
        "/media/../token_secret",
        "/media/%2e%2e/token_secret",
        "/media/%2E%2E%2Ftoken_secret",
        "/media/..%5ctoken_secret",
        "/media/video/../../token_secret",
        "/media//token_secret",
        "/media/video/../video/x",
        "/media/./video/x",
        "//media/video/x",
        "/media/video/note.txt",
        "/media/cover/0123456789abcdef0123456789abcdef.jpg",
        "/media/incoming/0123456789abcdef0123456789abcdef",
        "/media/video/0123456789abcdef0123456789abcdef.mp4",
        "/media/placeholder/10.jpg",
        &format!("/media//video/{name}"),
        &format!("/media/video//{name}"),
        &format!("/media/video/{name}/"),
        &format!("/media/video/{name}%00"),
        &format!("/media/video/{}", name.to_uppercase()),
        &format!("/media/video/{name}x"),
        &format!("/MEDIA/video/{name}"),
        &format!("/media/video/%{:02x}{}", name.as_bytes()[0], &name[1..]),
    ] {
        let reply = client.get(path).await;
        assert_eq!((reply.status, reply.code()), (404, 100001), "{path}");
        assert!(!reply.text().contains("secret"), "{path}");
    }
    let posted = client.post(&path).await;
    assert_eq!((posted.status, posted.header("allow"), posted.code()), (405, Some("GET, HEAD"), 100001));
}

#[tokio::test]
async fn links_in_the_folder_are_not_followed() {
    let world = World::start_with_media_folder().await;
    let (server, _) = one_video(&world).await;
    let name = "0123456789abcdef0123456789abcdef.jpg";
    let secret = world.data_dir().join("token_secret");
    assert!(secret.exists());
    std::os::unix::fs::symlink(secret, world.media_folder("cover").join(name)).unwrap();
    assert_ne!(server.client().get(&format!("/media/cover/{name}")).await.status, 200);
}
