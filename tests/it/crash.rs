//! Crashes between any two steps: afterwards a user or video is fully there, or nowhere.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{
    Account, Client, PASSWORD, Server, World, clip, eventually, publishing, registering, run, temporary_folder,
};

const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");
/// What another server did shows at once.
const FRESH: (&str, &str) = ("feed_age_ms", "0");
/// The relay has something to do at once.
const IMPATIENT: &[(&str, &str)] = &[NO_COVERS, FRESH, ("pending_after_ms", "100")];
/// It leaves everything to the restart.
const PATIENT: &[(&str, &str)] = &[NO_COVERS, FRESH, ("pending_after_ms", "600000")];

async fn start_crashing(world: &World, point: &str, settings: &[(&str, &str)]) -> Server {
    let settings: Vec<_> = [("CRASH_AT", point)].into_iter().chain(settings.iter().copied()).collect();
    Server::start(world, &settings).await
}

async fn assert_was_killed(server: &Server) {
    assert_eq!(server.wait().await.signal(), Some(Signal::KILL.as_raw()));
}

/// Sends a request on which the server dies.
async fn crash_on(server: &Server, request: &[u8]) {
    let mut connection = server.client().connect().await;
    connection.send(request).await;
    assert_eq!(connection.read_to_end().await, b"");
    assert_was_killed(server).await;
}

async fn login(client: &Client, name: &str) -> Value {
    client.post_form("/douyin/user/login/", &[("username", name), ("password", PASSWORD)]).await.json()
}

/// Either the name is free, or its account is whole.
async fn assert_is_user_or_free_name(client: &Client, name: &str, registered: bool) {
    let signed_in = login(client, name).await;
    if registered {
        assert_eq!(signed_in["status_code"], 0, "{signed_in}");
        let token = signed_in["token"].as_str().unwrap();
        let user = client.get_json(&format!("/douyin/user/?token={token}")).await;
        assert_eq!(user["user"]["name"], name);
        let again = client.request(&registering(name)).await.json();
        assert_eq!(again["status_code"], 100_005, "{again}");
        let account = Account { id: signed_in["user_id"].as_u64().unwrap(), token: token.to_owned() };
        client.publish(&account, "first").await;
    } else {
        assert_eq!(signed_in["status_code"], 100_004, "{signed_in}");
        client.register(name).await;
    }
}

fn titles(answer: &Value) -> Vec<&str> {
    answer["video_list"].as_array().unwrap().iter().map(|video| video["title"].as_str().unwrap()).collect()
}

/// The titles wherever they can be seen, which must be the same everywhere: list, count, feed, and each with its file.
async fn videos_of_one_user(client: &Client, account: &Account) -> Vec<String> {
    let list = client.get_json(&format!("/douyin/publish/list/?token={}", account.token)).await;
    let feed = client.get_json("/douyin/feed/").await;
    let user = client.get_json(&format!("/douyin/user/?token={}", account.token)).await;
    assert_eq!(titles(&list), titles(&feed));
    assert_eq!(user["user"]["work_count"], titles(&list).len());
    for video in feed["video_list"].as_array().unwrap() {
        for (url, kind) in [(&video["play_url"], "video/mp4"), (&video["cover_url"], "image/jpeg")] {
            let path = url.as_str().unwrap().splitn(4, '/').nth(3).unwrap();
            let reply = client.get(&format!("/{path}")).await;
            assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)), "{url}");
        }
    }
    titles(&list).into_iter().map(str::to_owned).collect()
}

/// As if an hour had passed.
fn age_media_files(world: &World) {
    for folder in ["video", "incoming"] {
        for file in world.media_files(folder) {
            let path = world.media_folder(folder).join(Path::new(&file).file_name().unwrap());
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(7_200)).unwrap();
        }
    }
}

const REGISTERING: &[(&str, bool)] =
    &[("register_minted", false), ("register_written", true), ("register_shown", true)];

/// The point, whether the video is there afterwards, whether its file is.
const PUBLISHING: &[(&str, bool)] = &[
    ("publish_minted", false),
    ("publish_kept", false),
    ("publish_written", true),
    ("publish_shown", true),
    ("publish_fed", true),
];

#[tokio::test]
async fn a_registration_that_died_anywhere_is_whole_or_nothing_after_a_restart() {
    let world = World::start().await;
    for (point, registered) in REGISTERING {
        let server = start_crashing(&world, point, PATIENT).await;
        crash_on(&server, &registering(point)).await;
        let server = Server::start(&world, PATIENT).await;
        assert_is_user_or_free_name(&server.client(), point, *registered).await;
        server.kill().await;
    }
    let server = Server::start(&world, IMPATIENT).await;
    world.until_nothing_is_pending().await;
    server.client().get_json("/douyin/feed/").await;
}

#[tokio::test]
async fn another_server_completes_a_registration_that_died_anywhere() {
    let world = World::start().await;
    let other = Server::start(&world, IMPATIENT).await;
    for (point, registered) in REGISTERING {
        let server = start_crashing(&world, point, PATIENT).await;
        crash_on(&server, &registering(point)).await;
        world.until_nothing_is_pending().await;
        assert_is_user_or_free_name(&other.client(), point, *registered).await;
    }
}

#[tokio::test]
async fn an_upload_that_died_anywhere_is_whole_or_nothing_after_a_restart() {
    let world = World::start().await;
    let server = Server::start(&world, PATIENT).await;
    let mia = server.client().register("mia").await;
    server.kill().await;
    let mut expected: Vec<String> = Vec::new();
    for (point, published) in PUBLISHING {
        let server = start_crashing(&world, point, PATIENT).await;
        crash_on(&server, &publishing(&mia, point, clip())).await;
        if *published {
            expected.insert(0, (*point).to_owned());
        }
        age_media_files(&world);
        let server = Server::start(&world, &[PATIENT, &[("orphan_age_s", "1")]].concat()).await;
        // Redis goes on as it is, so the rest is the relay's; nothing of the video may be seen before.
        let seen = videos_seen_so_far(&server.client(), &mia).await;
        assert!(expected.ends_with(&seen) || expected == seen, "{point}: {seen:?}");
        let swept = async || {
            let (kept, begun) = (world.media_files("video").len(), world.media_files("incoming").len());
            (kept == expected.len() && begun == 0).then_some(())
        };
        eventually("the files without a row to be swept", swept).await;
        server.kill().await;

        let server = Server::start(&world, IMPATIENT).await;
        world.until_nothing_is_pending().await;
        assert_eq!(videos_of_one_user(&server.client(), &mia).await, expected, "{point}");
        server.client().publish(&mia, "after").await;
        expected.insert(0, "after".to_owned());
        assert_eq!(videos_of_one_user(&server.client(), &mia).await, expected, "{point}");
        server.kill().await;
    }
}

/// As the list has it; the feed may not have all of it yet.
async fn videos_seen_so_far(client: &Client, account: &Account) -> Vec<String> {
    let list = client.get_json(&format!("/douyin/publish/list/?token={}", account.token)).await;
    let feed = client.get_json("/douyin/feed/").await;
    assert!(titles(&list).ends_with(&titles(&feed)));
    titles(&list).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn another_server_completes_an_upload_that_died_anywhere() {
    let world = World::start().await;
    let other = Server::start(&world, IMPATIENT).await;
    let mia = other.client().register("mia").await;
    let mut expected: Vec<String> = Vec::new();
    for (point, published) in PUBLISHING {
        let server = start_crashing(&world, point, PATIENT).await;
        crash_on(&server, &publishing(&mia, point, clip())).await;
        if *published {
            expected.insert(0, (*point).to_owned());
        }
        world.until_nothing_is_pending().await;
        assert_eq!(videos_of_one_user(&other.client(), &mia).await, expected, "{point}");
    }
}

#[tokio::test]
async fn a_relay_that_died_anywhere_is_followed_by_another() {
    for point in ["pending_video_shown", "pending_shown", "pending_noted"] {
        let world = World::start().await;
        let server = start_crashing(&world, "publish_written", PATIENT).await;
        let mia = server.client().register("mia").await;
        crash_on(&server, &publishing(&mia, "one", clip())).await;
        assert_was_killed(&start_crashing(&world, point, IMPATIENT).await).await;
        let server = Server::start(&world, IMPATIENT).await;
        world.until_nothing_is_pending().await;
        assert_eq!(videos_of_one_user(&server.client(), &mia).await, ["one"], "{point}");
    }
}

#[tokio::test]
async fn a_cover_whose_maker_died_anywhere_is_made_by_the_next() {
    let world = World::start().await;
    let server = Server::start(&world, PATIENT).await;
    let mia = server.client().register("mia").await;
    server.client().publish(&mia, "one").await;
    server.kill().await;
    for point in ["cover_kept", "cover_shown", "cover_noted"] {
        world.sql("update videos set cover = 0").await;
        assert_was_killed(&start_crashing(&world, point, &[]).await).await;
        let server = Server::start(&world, &[]).await;
        let covered = async || {
            assert_eq!(videos_of_one_user(&server.client(), &mia).await, ["one"]);
            let feed = server.client().get_json("/douyin/feed/").await;
            let covered = feed["video_list"][0]["cover_url"].as_str().unwrap().contains("/media/cover/");
            (covered && world.sql_number("select count(*) from videos where cover = 1").await == 1).then_some(())
        };
        eventually("the cover", covered).await;
        // Else the next server may flush that it was made before it makes it.
        assert!(run(&world, &["flush"], &[]).await.status.success());
        server.kill().await;
    }
}

/// Whatever a recoverer left, the next one recovers from it: from a Redis that was emptied, and from one that kept all.
#[tokio::test]
async fn a_recovery_that_died_anywhere_is_followed_by_another() {
    let mut world = World::start_alone().await;
    let server = Server::start(&world, PATIENT).await;
    let mia = server.client().register("mia").await;
    for title in ["one", "two", "three"] {
        server.client().publish(&mia, title).await;
    }
    server.kill().await;
    for point in [
        "recovery_fenced",
        "recovery_closing",
        "recovery_closed",
        "recovery_drained",
        "recovery_cleared",
        "recovery_settled",
        "recovery_delivered",
        "recovery_loading",
        "recovery_loaded",
        "recovery_opening",
        "recovery_opened",
        "recovery_admitted",
    ] {
        for emptied in [true, false] {
            if emptied {
                world.redis_command("FLUSHALL", &[]).await;
            } else if ["recovery_cleared", "recovery_settled", "recovery_delivered", "recovery_loading"]
                .contains(&point)
            {
                // Not on the way of a recovery that keeps everything.
                continue;
            } else {
                world.redis.kill().await.unwrap();
                world.redis.start_again().await.unwrap();
            }
            let settings = [&[("CRASH_AT", point), ("listen", "127.0.0.1:0")], PATIENT].concat();
            let died = run(&world, &["serve"], &settings).await;
            assert_eq!(died.status.signal(), Some(Signal::KILL.as_raw()), "{point}");
            let server = Server::start(&world, PATIENT).await;
            assert_eq!(videos_of_one_user(&server.client(), &mia).await, ["three", "two", "one"], "{point}");
            server.kill().await;
        }
    }
}

/// The stores die with the server, none of them having heard a word before.
#[tokio::test]
async fn everything_outlives_a_kill_of_the_whole_process_tree() {
    let folder = temporary_folder();
    let server = Server::start_command(&["dev"], folder.path(), &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    for title in ["one", "two"] {
        client.publish(&mia, title).await;
    }
    let covered = async || {
        let feed = client.get_json("/douyin/feed/").await;
        let videos = feed["video_list"].as_array().unwrap().clone();
        videos.iter().all(|video| video["cover_url"].as_str().unwrap().contains("/media/cover/")).then_some(videos)
    };
    let before = eventually("the covers", covered).await;
    client.publish(&mia, "three").await;
    client.register("ben").await;
    kill_tree(&server).await;

    let server = Server::start_command(&["dev"], folder.path(), &[]).await;
    let client = server.client();
    assert_eq!(client.get("/readyz").await.status, 200);
    let signed_in = login(&client, "mia").await;
    assert_eq!((&signed_in["status_code"], &signed_in["user_id"]), (&Value::from(0), &Value::from(mia.id)));
    assert_eq!(login(&client, "ben").await["status_code"], 0);
    assert_eq!(videos_of_one_user(&client, &mia).await, ["three", "two", "one"]);
    let feed = client.get_json("/douyin/feed/").await;
    for (video, before) in feed["video_list"].as_array().unwrap()[1..].iter().zip(&before) {
        assert_eq!(video["id"], before["id"]);
        for url in ["play_url", "cover_url"] {
            assert_eq!(path_of(&video[url]), path_of(&before[url]));
        }
        assert!(client.get(path_of(&video["play_url"])).await.body == clip());
    }
    client.publish(&mia, "four").await;
    assert_eq!(server.terminate().await.code(), Some(0));
    let server = Server::start_command(&["dev"], folder.path(), &[]).await;
    assert_eq!(server.client().get("/readyz").await.status, 200);
    assert_eq!(videos_of_one_user(&server.client(), &mia).await, ["four", "three", "two", "one"]);
    assert_eq!(server.terminate().await.code(), Some(0));
}

/// Without the address of the server, which is another one after each start.
fn path_of(url: &Value) -> &str {
    let url = url.as_str().unwrap();
    &url[url.find("/media/").unwrap()..]
}

/// SIGKILL for the server and all that it started. It is frozen first, lest it start a store again.
async fn kill_tree(server: &Server) {
    server.signal(Signal::STOP);
    let tree = descendants(server.pid());
    assert!(tree.len() >= 2, "no stores were found: {tree:?}");
    for pid in &tree {
        // It may have ended along with its parent.
        let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL);
    }
    server.kill().await;
    // What has ended may stand in the table for as long as the system's first process takes to ask for its status.
    let runs = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status"));
        status.is_ok_and(|status| !status.contains("State:\tZ") && !status.contains("State:\tX"))
    };
    eventually("all to end", async || (!tree.iter().any(runs)).then_some(())).await;
}

fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut unvisited = vec![pid];
    while let Some(pid) = unvisited.pop() {
        for thread in fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")).into_iter().flatten() {
            let children = fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default();
            unvisited.extend(children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
        }
        found.push(pid);
    }
    found.split_off(1)
}
