//! The feed's pages as they are kept in the process: never older than they may be, and never anyone else's.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::GzDecoder;
use riffle::id::UserId;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::harness::{Account, Client, Server, World, code, entries, eventually, head, id_at, ids, query, run};

/// No covers: nothing changes behind the tests' back.
const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");
/// Age alone brings nothing up to date here.
const NEVER_OLD: (&str, &str) = ("feed_age_ms", "60000");
/// 2024-03-01 00:00:00 UTC.
const LONG_AGO_MS: i64 = 1_709_251_200_000;

async fn feed(client: &Client, query: &str) -> Value {
    client.get_json(&format!("/douyin/feed/?{query}")).await
}

fn video(page: &Value, id: u64) -> Value {
    entries(page, "video_list").iter().find(|video| video["id"] == id).unwrap_or_else(|| panic!("{page}")).clone()
}

/// So old that nothing in their page depends on the time of day.
async fn plant_old_videos(world: &World) -> u64 {
    let author = id_at(LONG_AGO_MS - 1_000, 9, 0);
    world.plant_user(author).await;
    world.plant_videos(author, &[1, 2, 3].map(|ms| id_at(LONG_AGO_MS + ms, 9, 0))).await;
    id_at(LONG_AGO_MS + 3, 9, 0)
}

async fn publish(client: &Client, name: &str, count: usize) -> (Account, Vec<u64>) {
    let author = client.register(name).await;
    let mut videos = Vec::new();
    for number in 0..count {
        videos.push(client.publish_one(&author, &format!("{name} {number}")).await);
    }
    (author, videos)
}

/// Every request has a connection of its own, and so any of the threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_shows_in_every_later_page_of_the_server() {
    let world = World::start().await;
    let server = Server::start(&world, &[NO_COVERS, NEVER_OLD, ("threads", "4")]).await;
    let client = server.client();
    let (author, videos) = publish(&client, "mia", 3).await;
    let viewer = client.register("noa").await;

    // Reads are always under way while something changes.
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for token in ["", &viewer.token, ""] {
        let (done, query) = (done.clone(), format!("token={token}"));
        readers.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                feed(&client, &query).await;
            }
        });
    }
    let mut caller = client.caller().await;
    let mut comments = 0;
    for round in 0..40 {
        let on = round % 2 == 0;
        let chosen = videos[round % 3];
        assert_eq!(code(&caller.favorite(&viewer, chosen, on).await), 0);
        let seen = video(&feed(&client, "").await, chosen);
        assert_eq!(
            (&seen["favorite_count"], &seen["author"]["total_favorited"]),
            (&u64::from(on).into(), &u64::from(on).into()),
            "{round}"
        );
        let seen = video(&feed(&client, &format!("token={}", viewer.token)).await, chosen);
        assert_eq!(
            (&seen["is_favorite"], &seen["favorite_count"]),
            (&Value::from(on), &u64::from(on).into()),
            "{round}"
        );
        // Off again, or the other videos would count too.
        assert_eq!(code(&caller.favorite(&viewer, chosen, false).await), 0);

        assert_eq!(code(&caller.follow(&viewer, author.id, on).await), 0);
        assert_eq!(video(&feed(&client, "").await, chosen)["author"]["follower_count"], u64::from(on), "{round}");
        assert_eq!(code(&caller.comment(&viewer, chosen, "again").await), 0);
        comments += 1;
        let page = feed(&client, "").await;
        let sum: u64 = videos.iter().map(|id| video(&page, *id)["comment_count"].as_u64().unwrap()).sum();
        assert_eq!(sum, comments, "{round}");
    }
    done.store(true, Ordering::Relaxed);
    readers.join_all().await;
}

#[tokio::test]
async fn a_video_is_in_the_feed_when_its_publishing_is_answered() {
    let world = World::start().await;
    let server = Server::start(&world, &[NO_COVERS, NEVER_OLD, ("threads", "3")]).await;
    let client = server.client();
    let author = client.register("mia").await;
    for number in 0..35 {
        let before = feed(&client, "").await;
        client.publish(&author, &number.to_string()).await;
        let page = feed(&client, "").await;
        let newest = &entries(&page, "video_list")[0];
        assert_eq!(
            (&newest["title"], &newest["author"]["work_count"]),
            (&number.to_string().into(), &(number + 1).into())
        );
        let kept = ids(&before, "video_list");
        assert_eq!(ids(&page, "video_list")[1..], kept[..kept.len().min(29)]);
    }
}

#[tokio::test]
async fn what_another_server_changed_shows_a_little_later() {
    let world = World::start().await;
    let (one, other) = tokio::join!(Server::start(&world, &[NO_COVERS]), Server::start(&world, &[NO_COVERS]));
    let (_, videos) = publish(&one.client(), "mia", 1).await;
    let viewer = one.client().register("noa").await;
    let client = other.client();
    eventually("the video", async || entries(&feed(&client, "").await, "video_list").first().cloned()).await;
    let mut caller = one.client().caller().await;
    for on in [true, false, true] {
        assert_eq!(code(&caller.favorite(&viewer, videos[0], on).await), 0);
        eventually("the like", async || {
            (video(&feed(&client, "").await, videos[0])["favorite_count"] == u64::from(on)).then_some(())
        })
        .await;
    }
    publish(&one.client(), "lea", 2).await;
    eventually("all videos", async || (entries(&feed(&client, "").await, "video_list").len() == 3).then_some(())).await;
}

#[tokio::test]
async fn lists_show_what_another_server_changed_a_little_later() {
    let world = World::start().await;
    let (one, other) = tokio::join!(Server::start(&world, &[NO_COVERS]), Server::start(&world, &[NO_COVERS]));
    let (author, videos) = publish(&one.client(), "mia", 1).await;
    let viewer = one.client().register("noa").await;
    let (author_token, token, client) = (&author.token, &viewer.token, other.client());
    let lists = [
        (format!("publish/list/?user_id={}&token={token}", author.id), "video_list"),
        (format!("favorite/list/?token={token}"), "video_list"),
        (format!("relation/follow/list/?token={token}"), "user_list"),
        (format!("relation/follower/list/?token={author_token}"), "user_list"),
        (format!("relation/friend/list/?token={token}"), "user_list"),
        (format!("relation/friend/list/?token={author_token}"), "user_list"),
        (format!("comment/list/?video_id={}", videos[0]), "comment_list"),
    ];
    let counts_become = async |wanted: [usize; 7]| {
        eventually("all lists", async || {
            let mut counts = [0; 7];
            for ((path, list), count) in lists.iter().zip(&mut counts) {
                *count = entries(&client.get_json(&format!("/douyin/{path}")).await, list).len();
            }
            (counts == wanted).then_some(())
        })
        .await;
    };
    counts_become([1, 0, 0, 0, 0, 0, 0]).await;
    let mut caller = one.client().caller().await;
    caller.befriend(&viewer, &author).await;
    assert_eq!(code(&caller.favorite(&viewer, videos[0], true).await), 0);
    assert_eq!(code(&caller.comment(&viewer, videos[0], "seen").await), 0);
    one.client().publish(&author, "one more").await;
    counts_become([2, 1, 1, 1, 1, 1, 1]).await;
    assert_eq!(code(&caller.favorite(&viewer, videos[0], false).await), 0);
    assert_eq!(code(&caller.follow(&viewer, author.id, false).await), 0);
    counts_become([2, 0, 0, 0, 0, 0, 1]).await;
}

#[tokio::test]
async fn flags_are_those_of_the_viewer_only() {
    let world = World::start().await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    let client = server.client();
    let (mia, of_mia) = publish(&client, "mia", 2).await;
    let (_, of_lea) = publish(&client, r#"lea","is_follow":false"#, 2).await;
    let mut caller = client.caller().await;
    let viewer = client.register("noa").await;
    assert_eq!(code(&caller.favorite(&viewer, of_lea[0], true).await), 0);
    assert_eq!(code(&caller.follow(&viewer, mia.id, true).await), 0);

    let mut page = feed(&client, &format!("token={}", viewer.token)).await;
    for (id, liked, followed) in
        [(of_mia[0], false, true), (of_mia[1], false, true), (of_lea[0], true, false), (of_lea[1], false, false)]
    {
        let seen = video(&page, id);
        assert_eq!((&seen["is_favorite"], &seen["author"]["is_follow"]), (&liked.into(), &followed.into()), "{seen}");
    }
    for query in ["", "token=", "token=x", &format!("token={}", mia.token)] {
        let others = feed(&client, query).await;
        for seen in entries(&others, "video_list") {
            assert_eq!((&seen["is_favorite"], &seen["author"]["is_follow"]), (&false.into(), &false.into()), "{seen}");
        }
    }
    // And nothing else differs, but for what the page may be followed by: that depends on the time.
    for seen in page["video_list"].as_array_mut().unwrap() {
        seen["is_favorite"] = false.into();
        seen["author"]["is_follow"] = false.into();
    }
    assert_eq!(page["video_list"], feed(&client, "").await["video_list"]);
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_refused_and_not_served_old() {
    let world = World::start().await;
    let server = Server::start(&world, &[NO_COVERS, ("feed_age_ms", "1")]).await;
    let client = server.client();
    let (author, _) = publish(&client, "mia", 1).await;
    assert_eq!(entries(&feed(&client, "").await, "video_list").len(), 1);

    let key = format!("head:{{b{:03}}}", author.id >> 5 & 255);
    let head = world.redis_command("GET", &[&key]).await.text().unwrap().unwrap().to_owned();
    world.redis_command("SET", &[&key, &head.replace("open", "closed")]).await;
    let refused = client.get("/douyin/feed/").await;
    assert_eq!((refused.status, refused.code()), (503, 100_014), "{}", refused.text());
    assert_eq!(refused.json()["video_list"], serde_json::json!([]));
    eventually("the bucket is loaded again", async || {
        let page = client.get("/douyin/feed/").await;
        (page.status == 200).then(|| assert_eq!(entries(&page.json(), "video_list").len(), 1))
    })
    .await;
}

#[tokio::test]
async fn without_redis_not_even_a_kept_page_is_served() {
    let mut world = World::start_alone().await;
    let server = Server::start(&world, &[NO_COVERS, NEVER_OLD]).await;
    let client = server.client();
    publish(&client, "mia", 2).await;
    assert_eq!(entries(&feed(&client, "").await, "video_list").len(), 2);
    world.redis.kill_and_wait();
    eventually("503", async || (client.get("/douyin/feed/").await.status == 503).then_some(())).await;
    world.redis.start_again().await.unwrap();
    // Each request has a connection of its own, and each thread its own admission.
    eventually("every thread to serve again", async || client.is_ready().await.then_some(())).await;
    assert_eq!(entries(&feed(&client, "").await, "video_list").len(), 2);
}

/// Two in each millisecond, of one author.
async fn plant_many_old_videos(world: &World) -> Vec<u64> {
    let author = id_at(LONG_AGO_MS - 1_000, 9, 0);
    let planted: Vec<u64> = (0..150).map(|number| id_at(LONG_AGO_MS + number / 2, 9, (number % 2) as u64)).collect();
    world.plant_user(author).await;
    world.plant_videos(author, &planted).await;
    planted
}

/// All videos below `latest_time`, page after page, in the eyes of whoever has the token.
async fn walk(client: &Client, token: &str, mut latest_time: u64) -> Vec<u64> {
    let mut found = Vec::new();
    loop {
        let page = feed(client, &format!("token={token}&latest_time={latest_time}")).await;
        assert_eq!(code(&page), 0, "{page}");
        latest_time = page["next_time"].as_u64().unwrap();
        if latest_time == 0 {
            return found;
        }
        found.extend(ids(&page, "video_list"));
    }
}

#[tokio::test]
async fn snapshot_redis_and_postgres_follow_each_other_without_a_seam() {
    let world = World::start().await;
    let planted = plant_many_old_videos(&world).await;
    // An order that ends before that of Redis, and one that goes on below it.
    for snapshot in ["40", "1000000"] {
        let settings = [NO_COVERS, ("feed_snapshot", snapshot), ("feed_window", "80")];
        let server = Server::start(&world, &settings).await;
        let client = server.client();
        let viewer = client.register(&format!("noa{snapshot}")).await;
        for (skipped, token) in (0..35).map(|skipped| (skipped, if skipped % 2 == 0 { "" } else { &viewer.token })) {
            let mut found: Vec<u64> = planted.iter().rev().take(skipped).copied().collect();
            found.extend(walk(&client, token, found.last().copied().unwrap_or(0)).await);
            assert!(found.iter().eq(planted.iter().rev()), "{snapshot}, beginning at {skipped}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_video_that_comes_late_stands_in_its_place_on_every_server_also_below_what_redis_keeps() {
    let world = World::start().await;
    let mut expected = plant_many_old_videos(&world).await;
    let settings = [NO_COVERS, ("feed_window", "80"), ("pending_after_ms", "100")];
    let servers = [Server::start(&world, &settings).await, Server::start(&world, &settings).await];
    let clients = servers.each_ref().map(Server::client);
    // In the middle of what Postgres alone has, of what Redis has, and at the very end.
    for (ms, sequence) in [(20, 7), (55, 7), (0, 7)] {
        for client in &clients {
            // Twice: the second time each server has the whole order by itself.
            for _ in 0..2 {
                assert!(walk(client, "", 0).await.iter().eq(expected.iter().rev()));
            }
        }
        let late = id_at(LONG_AGO_MS - 1 + ms, 9, sequence);
        world.plant_pending_videos(id_at(LONG_AGO_MS - 1_000, 9, 0), &[late]).await;
        expected.push(late);
        expected.sort_unstable();
        for client in &clients {
            eventually("the late one", async || {
                walk(client, "", 0).await.iter().eq(expected.iter().rev()).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn pages_of_any_age_go_on_without_postgres_once_their_order_is_known() {
    let mut world = World::start_with_own_postgres().await;
    let planted = plant_many_old_videos(&world).await;
    let server = Server::start(&world, &[NO_COVERS, ("feed_window", "80")]).await;
    let client = server.client();
    let noa = client.register("noa").await;
    for _ in 0..2 {
        assert!(walk(&client, "", 0).await.iter().eq(planted.iter().rev()));
    }
    // What is loaded anew elsewhere changes nothing of it.
    let loaded = run(&world, &["warmup", "--bucket", &UserId(noa.id).bucket().to_string()], &[]).await;
    assert!(loaded.status.success(), "{loaded:#?}");
    let like = query(&noa, "/douyin/favorite/action/", &[("video_id", &planted[0]), ("action_type", &1)]);
    let like = head("POST", &like, &[("Content-Length", "0")]);
    let likes = async || (client.request(like.as_bytes()).await.status == 200).then_some(());
    eventually("the server to have noticed", likes).await;
    world.postgres().kill().await.unwrap();
    assert!(walk(&client, "", 0).await.iter().eq(planted.iter().rev()));
}

/// A page is copied out of longer stretches of text, and each of its videos is what the list of its author shows.
#[tokio::test]
async fn a_video_looks_the_same_wherever_its_page_begins() {
    let world = World::start().await;
    let authors = [8, 9].map(|bucket| id_at(LONG_AGO_MS - 1_000, bucket, 0));
    let mut planted = Vec::new();
    for (author, bucket) in authors.into_iter().zip([8, 9]) {
        let videos: Vec<u64> = (0..40).map(|number| id_at(LONG_AGO_MS + number, bucket, number as u64 % 3)).collect();
        world.plant_user(author).await;
        world.plant_videos(author, &videos).await;
        planted.extend(videos);
    }
    planted.sort_unstable();
    let server = Server::start(&world, &[NO_COVERS, NEVER_OLD]).await;
    let client = server.client();
    let (viewer, stranger) = (client.register("noa").await, client.register("zoe").await);
    assert!(walk(&client, "", 0).await.iter().eq(planted.iter().rev()));

    let mut caller = client.caller().await;
    for round in 0..3 {
        for video in planted.iter().skip(round).step_by(7) {
            assert_eq!(code(&caller.favorite(&viewer, *video, true).await), 0);
            caller.comment(&viewer, *video, "nice").await;
        }
        assert_eq!(code(&caller.follow(&viewer, authors[round % 2], round < 2).await), 0);
        // Signed out all flags are those of somebody who likes nothing.
        for (token, lister) in [("", &stranger), (&viewer.token, &viewer)] {
            let mut expected = HashMap::new();
            for author in authors {
                let list = format!("/douyin/publish/list/?user_id={author}&token={}", lister.token);
                let list = client.get_json(&list).await;
                expected.extend(entries(&list, "video_list").iter().map(|video| (video["id"].clone(), video.clone())));
            }
            assert_eq!(expected.len(), planted.len());
            for (place, first) in planted.iter().enumerate() {
                let page = feed(&client, &format!("token={token}&latest_time={}", first + 1)).await;
                assert!(ids(&page, "video_list").iter().eq(planted[..=place].iter().rev().take(30)), "{page}");
                for video in entries(&page, "video_list") {
                    assert_eq!(*video, expected[&video["id"]], "{round}, from {place}, {token:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn who_has_the_page_already_is_told_so_until_it_changes() {
    let world = World::start().await;
    let newest = plant_old_videos(&world).await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    let client = server.client();
    let viewer = client.register("noa").await;
    let page = client.get("/douyin/feed/").await;
    let etag = page.header("etag").unwrap().to_owned();
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-cache")));
    for known in [etag.as_str(), "\"x\", *", &format!("\"x\", {etag}")] {
        let known = client.get_with("/douyin/feed/", &[("If-None-Match", known)]).await;
        assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(etag.as_str())));
    }
    assert_eq!(client.get_with("/douyin/feed/", &[("If-None-Match", "\"x\"")]).await.status, 200);

    // Whoever is signed in, or tries to be, has a page of his own.
    for token in [&viewer.token, "bad"] {
        let path = format!("/douyin/feed/?token={token}");
        let page = client.get_with(&path, &[("If-None-Match", "*")]).await;
        let (etag, cache_control) = (page.header("etag"), page.header("cache-control"));
        assert_eq!((page.status, etag, cache_control), (200, None, Some("no-store")));
    }
    let bearer = format!("Bearer {}", viewer.token);
    let page = client.get_with("/douyin/feed/", &[("If-None-Match", &etag), ("Authorization", &bearer)]).await;
    assert_eq!((page.status, page.header("etag")), (200, None));

    let mut caller = client.caller().await;
    assert_eq!(code(&caller.favorite(&viewer, newest, true).await), 0);
    let page = client.get_with("/douyin/feed/", &[("If-None-Match", &etag)]).await;
    assert_eq!((page.status, &page.json()["video_list"][0]["favorite_count"]), (200, &Value::from(1)));
    assert_ne!(page.header("etag"), Some(etag.as_str()));
}

#[tokio::test]
async fn the_page_is_compressed_for_who_takes_that() {
    let world = World::start().await;
    plant_old_videos(&world).await;
    let server = Server::start(&world, &[NO_COVERS, ("cors_origins", "https://a.example")]).await;
    let client = server.client();
    let plain = client.get("/douyin/feed/").await;
    assert_eq!(plain.header("content-encoding"), None);
    let varies: Vec<&str> =
        plain.headers.iter().filter(|(name, _)| name == "vary").map(|(_, value)| value.as_str()).collect();
    assert_eq!(varies, ["Accept-Encoding, Authorization", "Origin"]);
    for accepted in ["gzip", "br, gzip;q=0.5", "*"] {
        let reply = client.get_with("/douyin/feed/", &[("Accept-Encoding", accepted)]).await;
        assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")));
        let mut text = Vec::new();
        GzDecoder::new(&reply.body[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.body);
        assert_eq!(reply.header("etag"), plain.header("etag"));
    }
    for refused in ["gzip;q=0", "identity", "*;q=0"] {
        let reply = client.get_with("/douyin/feed/", &[("Accept-Encoding", refused)]).await;
        assert_eq!((reply.header("content-encoding"), &reply.body), (None, &plain.body), "{refused}");
    }
}
