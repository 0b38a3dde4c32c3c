//! Publishing: what goes in comes out, in the list, in the feed, and byte for byte; what is refused leaves nothing.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;

use crate::harness::{
    Account, BOUNDARY, Client, Connection, IDLE, Part, Reply, Server, World, ask_postgres, clip, eventually, head,
    multipart, urlencoded,
};

#[path = "../../src/media/clips.rs"]
#[allow(dead_code)]
mod clips;

const PUBLISH: &str = "/douyin/publish/action/";

fn data(bytes: &[u8]) -> Part<'_> {
    Part::File { name: "data", file_name: "clip.mp4", bytes }
}

fn field<'a>(name: &'a str, value: &'a str) -> Part<'a> {
    Part::Field { name, value }
}

async fn videos_of(client: Client, account: &Account) -> Vec<Value> {
    let list = client.get_json(&format!("/douyin/publish/list/?token={}", account.token)).await;
    list["video_list"].as_array().unwrap().clone()
}

async fn fetch(server: &Server, url: &Value) -> Reply {
    server.client().get(url.as_str().unwrap().strip_prefix(&server.base_url()).unwrap()).await
}

/// The beginning of an upload whose end is up to the test: token in the query, then the file.
struct Upload {
    connection: Connection,
}

impl Upload {
    /// `framing` is `Content-Length: …` or `Transfer-Encoding: chunked`.
    async fn begin(client: Client, token: &str, framing: (&str, &str)) -> Upload {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let path = format!("{PUBLISH}?title=a+film&token={token}");
        let mut connection = client.connect().await;
        connection.send(head("POST", &path, &[("Content-Type", &kind), framing]).as_bytes()).await;
        Upload { connection }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.connection.send(bytes).await;
    }

    async fn send_chunk(&mut self, bytes: &[u8]) {
        self.send(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()).await;
    }

    async fn reply(&mut self) -> Reply {
        self.connection.reply().await
    }
}

/// What stands around the file in the body of an [`Upload`].
fn around() -> (Vec<u8>, Vec<u8>) {
    let whole = multipart(&[data(b"")]);
    let seam = whole.len() - format!("\r\n--{BOUNDARY}--\r\n").len();
    (whole[..seam].to_vec(), whole[seam..].to_vec())
}

/// Waits until nothing of an upload is left on disk.
async fn nothing_is_left(world: &World) {
    eventually("the unfinished upload to go", async || world.media_files("incoming").is_empty().then_some(())).await;
    assert_eq!(world.media_files("video"), Vec::<String>::new());
    assert_eq!(ask_postgres(&world.postgres_url, "select count(*)::text from videos").await, "0");
}

#[tokio::test]
async fn a_video_goes_in_and_the_feed_comes_out() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    client.publish(&mia, "你好").await;

    let feed = client.get_json("/douyin/feed/").await;
    let video = &feed["video_list"][0];
    assert_eq!(video["title"], "你好");
    assert_eq!(video["author"]["id"], mia.id);
    assert_eq!(video["author"]["work_count"], 1);
    let list = client.get_json(&format!("/douyin/publish/list/?token={}", mia.token)).await;
    assert_eq!(list["video_list"][0]["id"], video["id"]);

    let play_url = video["play_url"].as_str().unwrap().strip_prefix(&server.base_url()).unwrap();
    let played = client.get(play_url).await;
    assert_eq!((played.status, played.header("content-type")), (200, Some("video/mp4")));
    assert!(played.body == clip(), "other bytes came out than went in");
}

#[tokio::test]
async fn the_parts_come_in_any_order_and_parameters_from_anywhere() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let (file, token) = (|| data(clip()), || field("token", &mia.token));
    let title = |text| field("title", text);
    let query = |title| urlencoded(&[("title", title), ("token", &mia.token)]);
    let bearer = format!("Bearer {}", mia.token);
    for (path, parts) in [
        (PUBLISH.to_owned(), vec![file(), token(), title("0")]),
        (PUBLISH.to_owned(), vec![file(), title("1"), token()]),
        (PUBLISH.to_owned(), vec![token(), file(), title("2")]),
        (PUBLISH.to_owned(), vec![title("3"), token(), file()]),
        (format!("{PUBLISH}?title=4"), vec![title("not this one"), file(), token()]),
        (format!("{PUBLISH}?title=&token="), vec![file(), token(), title("5"), title("not this one")]),
        (format!("{PUBLISH}?{}", query("6")), vec![file()]),
        (format!("/douyin/publish/action?{}", query("7")), vec![file(), data(b"a second file is not looked at")]),
    ] {
        let reply = client.post_multipart(&path, &parts).await.json();
        assert_eq!(reply, serde_json::json!({ "status_code": 0, "status_msg": "success" }), "{path}");
    }
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("Content-Type", kind.as_str()), ("Authorization", &bearer)];
    let reply = client.post_body(&format!("{PUBLISH}?title=8"), &headers, &multipart(&[file()])).await;
    assert_eq!(reply.code(), 0, "{}", reply.text());

    let videos = videos_of(client, &mia).await;
    let titles: Vec<&str> = videos.iter().map(|video| video["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["8", "7", "6", "5", "4", "3", "2", "1", "0"], "newest first");
    for video in &videos {
        assert!(fetch(&server, &video["play_url"]).await.body == clip());
    }
}

#[tokio::test]
async fn a_list_is_paged_by_its_cursor() {
    let world = World::start().await;
    let server = Server::start(&world, &[("list_max", "2")]).await;
    let client = server.client();
    let (mia, ben) = (client.register("mia").await, client.register("ben").await);
    for title in ["1", "2", "3", "4", "5"] {
        client.publish(&mia, title).await;
    }
    // Another's list shows the same, and a limit above the largest is the largest.
    for (token, limit, pages) in [(&mia.token, "", vec![2, 2, 1]), (&ben.token, "&limit=1e3", vec![2, 2, 1])] {
        let (mut cursor, mut titles, mut sizes) = (0, Vec::new(), Vec::new());
        loop {
            let path = format!("/douyin/publish/list?user_id={}&token={token}&cursor={cursor}{limit}", mia.id);
            let page = client.get_json(&path).await;
            let videos = page["video_list"].as_array().unwrap();
            sizes.push(videos.len());
            titles.extend(videos.iter().map(|video| video["title"].as_str().unwrap().to_owned()));
            cursor = page["next_cursor"].as_u64().unwrap();
            assert_eq!(page["has_more"], cursor != 0);
            if cursor == 0 {
                break;
            }
        }
        assert_eq!((titles.concat().as_str(), sizes), ("54321", pages));
    }
    let one = client.get_json(&format!("/douyin/publish/list/?token={}&limit=-7", mia.token)).await;
    assert_eq!((one["video_list"].as_array().unwrap().len(), &one["has_more"]), (1, &Value::Bool(true)));
}

#[tokio::test]
async fn what_lacks_a_part_is_refused_and_leaves_nothing() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let before = world.state().await;
    let (file, token) = (|| data(clip()), || field("token", &mia.token));
    let long = "长".repeat(129);
    for (code, named, parts) in [
        (100003, "", vec![]),
        (100003, "", vec![file(), field("title", "a")]),
        (100003, "", vec![field("token", "forged"), file(), field("title", "a")]),
        (100003, "", vec![file(), field("token", "forged"), field("title", "")]),
        (100001, "title", vec![token()]),
        (100001, "title", vec![file(), token()]),
        (100001, "title", vec![file(), token(), field("title", "")]),
        (100001, "title", vec![file(), token(), field("title", &long)]),
        (100001, "title", vec![file(), token(), field("title", "a\0b")]),
        (100001, "title", vec![file(), token(), field("title", "a\u{1B}b")]),
        (100001, "data", vec![token(), field("title", "a")]),
        (
            100001,
            "data",
            vec![token(), field("title", "a"), Part::File { name: "film", file_name: "a", bytes: clip() }],
        ),
    ] {
        let reply = client.post_multipart(PUBLISH, &parts).await;
        assert_eq!((reply.status, reply.code()), (200, code), "{}", reply.text());
        assert!(reply.json()["status_msg"].as_str().unwrap().starts_with(named), "{named}: {}", reply.text());
    }
    assert_eq!(world.state().await, before);

    for title in [&"长".repeat(128), "<script>\n\t'\"&", "👨\u{200D}👩\u{200D}👧"] {
        client.publish(&mia, title).await;
        assert_eq!(videos_of(client, &mia).await[0]["title"], title);
    }
}

#[tokio::test]
async fn what_is_no_video_is_refused_and_leaves_nothing() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let before = world.state().await;
    let noise: Vec<u8> = (0..100_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
    for bytes in [
        &b""[..],
        b"a text",
        &playlist[..],
        b"PK\x03\x04\x14\0\x08\0\x08\0a zip archive",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        &noise,
        &clip()[..clip().len() / 2],
        &clip()[..clip().len() - 1],
        &clip()[1..],
        &clips::clip("audio.mp4"),
        &clips::clip("audio.mkv"),
        &[b"\0\0\0\x14ftypisom\0\0\x02\0isom", &noise[..]].concat(),
        &[&[0x1A, 0x45, 0xDF, 0xA3], &noise[..]].concat(),
    ] {
        let reply = client.try_publish(&mia, "no video", bytes).await;
        assert_eq!((reply.status, reply.code()), (200, 100011), "{}", bytes[..bytes.len().min(40)].escape_ascii());
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn every_kind_of_video_is_served_as_what_it_is_and_gets_a_cover() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let kinds = [
        ("plain.mp4", "video/mp4"),
        ("fragmented.mp4", "video/mp4"),
        ("plain.mov", "video/quicktime"),
        ("vp8.webm", "video/webm"),
        ("h264.mkv", "video/x-matroska"),
    ];
    for (name, content_type) in kinds {
        let file = Part::File { name: "data", file_name: "../../../tmp/evil.html", bytes: &clips::clip(name) };
        let parts = [file, field("token", &mia.token), field("title", name)];
        assert_eq!(client.post_multipart(PUBLISH, &parts).await.code(), 0, "{name}");
        let video = &videos_of(client, &mia).await[0];
        assert!(!video["play_url"].as_str().unwrap().contains("evil"), "{video}");
        let played = fetch(&server, &video["play_url"]).await;
        assert_eq!((played.status, played.header("content-type")), (200, Some(content_type)), "{name}");
        assert!(played.body == clips::clip(name)[..], "{name}");
        assert_is_jpeg(&fetch(&server, &video["cover_url"]).await);
    }
    let covered = eventually("every cover to be made", async || {
        let videos = videos_of(client, &mia).await;
        videos.iter().all(has_its_own_cover).then_some(videos)
    });
    for video in covered.await {
        assert_is_jpeg(&fetch(&server, &video["cover_url"]).await);
    }
}

fn assert_is_jpeg(reply: &Reply) {
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/jpeg")));
    assert!(reply.body.starts_with(&[0xFF, 0xD8, 0xFF]));
}

fn has_its_own_cover(video: &Value) -> bool {
    video["cover_url"].as_str().unwrap().contains("/media/cover/")
}

#[tokio::test]
async fn without_ffmpeg_a_placeholder_stays_and_a_restart_with_it_makes_the_cover() {
    let world = World::start().await;
    let without = Server::start(&world, &[("ffmpeg", "/nonexistent/ffmpeg")]).await;
    let mia = without.client().register("mia").await;
    without.client().publish(&mia, "uncovered").await;
    eventually("ffmpeg to be missed", async || without.stderr().contains("ffmpeg was not found").then_some(())).await;
    let video = &videos_of(without.client(), &mia).await[0];
    assert!(!has_its_own_cover(video));
    assert_is_jpeg(&fetch(&without, &video["cover_url"]).await);
    without.terminate().await;

    let with = Server::start(&world, &[]).await;
    eventually("the cover to be made", async || {
        has_its_own_cover(&videos_of(with.client(), &mia).await[0]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_dies_on_the_way_leaves_no_row_and_no_file() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let mia = server.client().register("mia").await;
    let (before, _) = around();
    for framing in [("Content-Length", "1000000"), ("Transfer-Encoding", "chunked")] {
        let mut upload = Upload::begin(server.client(), &mia.token, framing).await;
        let begun = [&before, clip()].concat();
        if framing.1 == "chunked" {
            upload.send_chunk(&begun).await;
        } else {
            upload.send(&begun).await;
        }
        eventually("the upload to begin", async || (!world.media_files("incoming").is_empty()).then_some(())).await;
        drop(upload);
        nothing_is_left(&world).await;
    }
    assert_eq!(videos_of(server.client(), &mia).await.len(), 0);
}

#[tokio::test]
async fn a_token_known_to_be_bad_is_refused_before_the_bytes_come() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let mut upload = Upload::begin(server.client(), "forged", ("Content-Length", "100000000")).await;
    upload.send(&around().0).await;
    upload.send(b"the first bytes of many").await;
    assert_eq!(upload.reply().await.code(), 100003);
    nothing_is_left(&world).await;
}

#[tokio::test]
async fn too_large_an_upload_is_refused_and_leaves_nothing() {
    let world = World::start().await;
    let server = Server::start(&world, &[("publish_bytes_max", "100000")]).await;
    let client = server.client();
    let mia = client.register("mia").await;

    // Said in advance: not a byte of the body is needed.
    let mut declared = Upload::begin(client, &mia.token, ("Content-Length", "100001")).await;
    let reply = declared.reply().await;
    assert_eq!((reply.status, reply.code()), (413, 100012));

    let mut chunked = Upload::begin(client, &mia.token, ("Transfer-Encoding", "chunked")).await;
    chunked.send_chunk(&around().0).await;
    for _ in 0..11 {
        chunked.send_chunk(&[0; 10_000]).await;
    }
    let reply = chunked.reply().await;
    assert_eq!((reply.status, reply.code()), (413, 100012));
    nothing_is_left(&world).await;

    client.publish(&mia, "small enough").await;
}

#[tokio::test]
async fn uploads_beyond_the_bound_are_refused_until_there_is_room() {
    let world = World::start().await;
    let server = Server::start(&world, &[("uploads_max", "1")]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let (before, after) = around();
    let length = (before.len() + clip().len() + after.len()).to_string();
    let mut first = Upload::begin(client, &mia.token, ("Content-Length", &length)).await;
    first.send(&before).await;
    first.send(&clip()[..100]).await;
    eventually("the upload to begin", async || (!world.media_files("incoming").is_empty()).then_some(())).await;

    let refused = client.try_publish(&mia, "one too many", clip()).await;
    assert_eq!((refused.status, refused.code()), (429, 100013));
    assert!(refused.header("retry-after").is_some());

    first.send(&[&clip()[100..], &after].concat()).await;
    assert_eq!(first.reply().await.code(), 0);
    client.publish(&mia, "room again").await;
    assert_eq!(videos_of(client, &mia).await.len(), 2);
}

/// A limit on the size of files fails a write where a full disk would, and needs no disk of its own.
#[tokio::test]
async fn a_disk_that_takes_no_more_is_told_and_the_feed_goes_on() {
    let world = World::start().await;
    let server = Server::start(&world, &[("ffmpeg", "/nonexistent/ffmpeg")]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let limit = |bytes| {
        let pid = Pid::from_raw(server.pid().cast_signed());
        prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    };
    limit(Some(1_000));
    let reply = client.try_publish(&mia, "no room", clip()).await;
    assert_eq!((reply.status, reply.code()), (503, 100014), "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    nothing_is_left(&world).await;
    assert_eq!(client.get_json("/douyin/feed/").await["video_list"], serde_json::json!([]));
    limit(None);
    client.publish(&mia, "room again").await;
}

/// As when the database was made anew and the key that signs tokens was kept.
#[tokio::test]
async fn a_user_that_does_not_exist_cannot_publish() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let ghost = riffle::auth::token::Tokens::new(
        &std::fs::read(world.data_dir().join("token_secret")).unwrap(),
        std::time::Duration::from_secs(600),
    );
    let ghost = Account { id: 7, token: ghost.issue(riffle::id::UserId(7)).unwrap() };
    assert_eq!(server.client().try_publish(&ghost, "a ghost's", clip()).await.code(), 100006);
    nothing_is_left(&world).await;
}
