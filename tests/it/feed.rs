//! Paging through the feed and through a user's videos: everything exactly once, newest first, without a seam.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::harness::{Account, Client, Server, World, id_at};

const PAGE: usize = 30;
/// 2024-03-01 00:00:00 UTC.
const LONG_AGO_MS: i64 = 1_709_251_200_000;
/// No covers: nothing changes behind the tests' back.
const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");

fn ids(answer: &Value) -> Vec<u64> {
    answer["video_list"].as_array().unwrap().iter().map(|video| video["id"].as_u64().unwrap()).collect()
}

/// Follows `next_time` from the newest video to the end. All pages but the last are full.
async fn walk(client: &Client) -> Vec<Value> {
    let mut videos = Vec::new();
    let mut latest_time = String::new();
    loop {
        let page = client.get_json(&format!("/douyin/feed/?latest_time={latest_time}")).await;
        let Value::Array(list) = &page["video_list"] else { panic!("{page}") };
        videos.extend(list.iter().cloned());
        let next_time = page["next_time"].as_u64().unwrap();
        assert_eq!(next_time == 0, list.is_empty(), "{page}");
        if list.is_empty() {
            return videos;
        }
        assert!(list.len() == PAGE || videos.len() % PAGE != 0, "a page in the middle has {} videos", list.len());
        latest_time = next_time.to_string();
    }
}

async fn walk_ids(client: &Client) -> Vec<u64> {
    walk(client).await.iter().map(|video| video["id"].as_u64().unwrap()).collect()
}

fn newest_first(ids: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let ids: BTreeSet<u64> = ids.into_iter().collect();
    ids.into_iter().rev().collect()
}

/// Four users with 25 videos each, all of one millisecond.
async fn plant_a_hundred_videos_of_one_millisecond(world: &World) -> Vec<u64> {
    let mut planted = Vec::new();
    for bucket in [0, 3, 77, 255] {
        let author = id_at(LONG_AGO_MS - 1_000, bucket, 0);
        let videos: Vec<u64> = (0..25).map(|sequence| id_at(LONG_AGO_MS, bucket, sequence)).collect();
        world.plant_user(author).await;
        world.plant_videos(author, &videos).await;
        planted.extend(videos);
    }
    planted
}

/// One user with a video every `step_ms`, oldest first.
async fn plant_user_with_videos(
    world: &World,
    bucket: u16,
    first_ms: i64,
    step_ms: i64,
    count: i64,
) -> (u64, Vec<u64>) {
    let author = id_at(first_ms - 1_000, bucket, 0);
    let videos: Vec<u64> = (0..count).map(|number| id_at(first_ms + number * step_ms, bucket, 0)).collect();
    world.plant_user(author).await;
    world.plant_videos(author, &videos).await;
    (author, videos)
}

/// The oracle: while eight publish, three walk again and again, and each walk must show what was there when it began
/// exactly once, among whatever came in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_videos_of_eight_publishers_are_paged_exactly_once_newest_first() {
    const PUBLISHED: usize = 200;
    let world = World::start().await;
    let mut planted = plant_a_hundred_videos_of_one_millisecond(&world).await;
    // Around that millisecond, and with many videos to a second.
    for (bucket, first_ms) in [(9, LONG_AGO_MS - 5_000), (10, LONG_AGO_MS + 1)] {
        planted.extend(plant_user_with_videos(&world, bucket, first_ms, 40, 100).await.1);
    }
    let server = Server::start(&world, &[NO_COVERS]).await;
    let client = server.client();

    let acknowledged: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let mut publishers = JoinSet::new();
    for publisher in 0..8 {
        let acknowledged = acknowledged.clone();
        publishers.spawn(async move {
            let account = client.register(&format!("publisher {publisher}")).await;
            for number in 0..PUBLISHED / 8 {
                let title = format!("{publisher}/{number}");
                client.publish(&account, &title).await;
                acknowledged.lock().unwrap().insert(title);
            }
        });
    }
    while !publishers.is_empty() {
        let before = acknowledged.lock().unwrap().clone();
        let videos = walk(&client).await;
        let ids: Vec<u64> = videos.iter().map(|video| video["id"].as_u64().unwrap()).collect();
        assert!(ids.is_sorted_by(|newer, older| newer > older), "not newest first, or twice: {ids:?}");
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for video in &videos {
            *seen.entry(video["title"].as_str().unwrap()).or_default() += 1;
        }
        assert_eq!(seen["planted"], planted.len());
        for title in before {
            assert_eq!(seen.get(title.as_str()), Some(&1), "{title}");
        }
        while let Some(done) = publishers.try_join_next() {
            done.unwrap();
        }
    }

    let videos = walk(&client).await;
    let ids: Vec<u64> = videos.iter().map(|video| video["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), planted.len() + PUBLISHED);
    assert_eq!(ids, newest_first(ids.iter().copied()));
    assert!(planted.iter().all(|id| ids.contains(id)));
    let titles: BTreeSet<String> = videos.iter().map(|video| video["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(titles.len(), PUBLISHED + 1);
    for video in &videos[..PUBLISHED] {
        assert_eq!(video["author"]["work_count"], PUBLISHED / 8);
    }
}

#[tokio::test]
async fn pages_past_the_window_come_from_postgres_without_a_seam() {
    let world = World::start().await;
    let mut planted = plant_a_hundred_videos_of_one_millisecond(&world).await;
    planted.extend(plant_user_with_videos(&world, 9, LONG_AGO_MS + 1, 1_000, 25).await.1);
    let server = Server::start(&world, &[NO_COVERS, ("feed_window", "30")]).await;
    let client = server.client();
    assert_eq!(walk_ids(&client).await, newest_first(planted.iter().copied()));

    // The window moves as videos come in.
    let mia = client.register("mia").await;
    for number in 0..40 {
        client.publish(&mia, &number.to_string()).await;
    }
    let published = ids(&client.get_json(&format!("/douyin/publish/list/?token={}", mia.token)).await);
    assert_eq!(published.len(), 40);
    let all = newest_first(planted.iter().chain(&published).copied());
    assert_eq!(walk_ids(&client).await, all);
    assert_eq!(world.redis_command("ZCARD", &["latest:{feed}"]).await.required_number().unwrap(), 30);

    // And is another one in every new server.
    for window in ["50", "30", "100000"] {
        server.kill().await;
        let server = Server::start(&world, &[NO_COVERS, ("feed_window", window)]).await;
        assert_eq!(walk_ids(&server.client()).await, all, "window {window}");
    }
}

/// More rows than the window holds wait for a Redis that has lost nothing.
#[tokio::test]
async fn what_is_pending_at_a_restart_of_redis_leaves_no_hole_in_the_window() {
    let mut world = World::start_alone().await;
    let (author, mut videos) = plant_user_with_videos(&world, 9, LONG_AGO_MS, 1_000, 45).await;
    let settings = [NO_COVERS, ("feed_window", "30"), ("pending_after_ms", "600000")];
    let server = Server::start(&world, &settings).await;
    assert_eq!(walk_ids(&server.client()).await, newest_first(videos.iter().copied()));
    server.kill().await;

    let head = world.redis_command("GET", &["head:{b009}"]).await;
    let last: u64 = head.text().unwrap().unwrap().split(' ').nth(2).unwrap().parse().unwrap();
    let minted: Vec<u64> = (1..=31).map(|number| last + number * 8192).collect();
    let newest = minted.last().unwrap();
    let head = head.text().unwrap().unwrap().replace(&last.to_string(), &newest.to_string());
    world.redis_command("SET", &["head:{b009}", &head]).await;
    world.plant_pending_videos(author, &minted).await;
    videos.extend(minted);
    world.redis.start_again().await.unwrap();
    let server = Server::start(&world, &settings).await;
    assert_eq!(walk_ids(&server.client()).await, newest_first(videos));
}

#[tokio::test]
async fn latest_time_is_taken_in_every_form() {
    let world = World::start().await;
    // Two in each second: at .000 and at .500.
    let (_, videos) = plant_user_with_videos(&world, 9, LONG_AGO_MS, 500, 6).await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    let client = server.client();
    let count_older_than = async |latest_time: &str| {
        let found = ids(&client.get_json(&format!("/douyin/feed?latest_time={latest_time}")).await);
        let oldest = newest_first(videos[..found.len()].iter().copied());
        assert_eq!(found, oldest, "latest_time={latest_time}");
        found.len()
    };

    assert_eq!(ids(&client.get_json("/douyin/feed/").await).len(), 6);
    for newest in [
        "",
        "0",
        "-1",
        "garbage",
        "1.5",
        "NaN",
        "%00",
        "2024-03-01",
        "2024-13-01+00:00:00", // no time
        "99999999999",
        "99999999999999",
        "2093-04-05+22:08:33", // the future
        "9007199254740991",
        "9007199254740992",
        "99999999999999999999999999", // ids, and what is too large for one
    ] {
        assert_eq!(count_older_than(newest).await, 6, "{newest}");
    }
    for (latest_time, count) in [
        ("1709251202", 4),
        ("1.709251202e%2B09", 4),
        ("1709251202.0", 4),
        ("1709251202000", 4),
        ("1709251202001", 5),
        ("1709251201500", 3),
        ("2024-03-01+08:00:02", 4), // in the offset of the setting
        ("2024-03-01%2008:00:02", 4),
        ("1709251200", 0),
        ("1", 0),
    ] {
        assert_eq!(count_older_than(latest_time).await, count, "{latest_time}");
    }
    for (number, id) in videos.iter().enumerate() {
        assert_eq!(count_older_than(&id.to_string()).await, number);
        assert_eq!(count_older_than(&(id + 1).to_string()).await, number + 1);
    }
}

#[tokio::test]
async fn past_the_end_the_feed_is_empty_and_starts_over() {
    let world = World::start().await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    let client = server.client();
    let empty = client.get_json("/douyin/feed/").await;
    assert_eq!((ids(&empty).len(), empty["next_time"].as_u64()), (0, Some(0)));

    let mia = client.register("mia").await;
    client.publish(&mia, "one").await;
    let page = client.get_json("/douyin/feed/").await;
    let past = client.get_json(&format!("/douyin/feed/?latest_time={}", page["next_time"])).await;
    assert_eq!((ids(&past).len(), past["next_time"].as_u64()), (0, Some(0)));
    let again = client.get_json(&format!("/douyin/feed/?latest_time={}", past["next_time"])).await;
    assert_eq!(ids(&again), ids(&page));
}

#[tokio::test]
async fn a_page_that_ends_on_a_whole_millisecond_gives_a_time() {
    let world = World::start().await;
    let (_, videos) = plant_user_with_videos(&world, 9, LONG_AGO_MS, 1_000, 31).await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    let page = server.client().get_json("/douyin/feed/").await;
    assert_eq!(ids(&page).last(), Some(&videos[1]));
    assert_eq!(page["next_time"], LONG_AGO_MS + 1_000);
    assert_eq!(page["video_list"][29]["create_time"], LONG_AGO_MS + 1_000);
}

async fn list(client: &Client, viewer: &Account, user: u64, query: &str) -> Value {
    client.get_json(&format!("/douyin/publish/list/?token={}&user_id={user}{query}", viewer.token)).await
}

#[tokio::test]
async fn a_users_videos_are_paged_exactly_once() {
    let world = World::start().await;
    let (author, videos) = plant_user_with_videos(&world, 9, LONG_AGO_MS, 1_000, 45).await;
    let server = Server::start(&world, &[NO_COVERS, ("list_max", "20")]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let all = newest_first(videos.iter().copied());

    for limit in [1, 7, 15, 20] {
        let mut found = Vec::new();
        let mut cursor = 0;
        loop {
            let page = list(&client, &mia, author, &format!("&limit={limit}&cursor={cursor}")).await;
            found.extend(ids(&page));
            cursor = page["next_cursor"].as_u64().unwrap();
            assert_eq!(page["has_more"], cursor != 0);
            if cursor == 0 {
                break;
            }
            assert_eq!(ids(&page).len(), limit);
        }
        assert_eq!(found, all, "limit {limit}");
    }
    for (query, length) in [("", 20), ("&limit=1000", 20), ("&limit=0", 1), ("&limit=-3", 1), ("&limit=20", 20)] {
        let page = list(&client, &mia, author, query).await;
        assert_eq!((ids(&page), page["has_more"].as_bool()), (all[..length].to_vec(), Some(true)), "{query}");
    }
    let last = list(&client, &mia, author, &format!("&cursor={}", all[43])).await;
    assert_eq!((ids(&last), &last["next_cursor"]), (vec![all[44]], &Value::from(0)));
    let past = list(&client, &mia, author, &format!("&cursor={}", all[44])).await;
    assert_eq!((ids(&past), &past["has_more"]), (vec![], &Value::from(false)));
    for bad in ["cursor=x", "cursor=1.5", "limit=x", "limit=1.5", "cursor=99999999999999999999"] {
        let path = format!("/douyin/publish/list/?token={}&{bad}", mia.token);
        let reply = client.get(&path).await.json();
        assert_eq!((&reply["status_code"], ids(&reply).len()), (&Value::from(100_001), 0), "{bad}: {reply}");
    }
}

#[tokio::test]
async fn a_video_published_on_one_server_is_in_the_feed_of_the_other() {
    let world = World::start().await;
    let (one, other) = tokio::join!(Server::start(&world, &[NO_COVERS]), Server::start(&world, &[NO_COVERS]));
    let mia = one.client().register("mia").await;
    for (server, title) in [(&one, "one"), (&other, "two"), (&one, "three")] {
        server.client().publish(&mia, title).await;
    }
    for server in [&one, &other] {
        let feed = server.client().get_json("/douyin/feed/").await;
        let titles: Vec<&str> =
            feed["video_list"].as_array().unwrap().iter().map(|video| video["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["three", "two", "one"]);
    }
}
