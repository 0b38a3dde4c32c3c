//! The end of Redis's file cut off at chosen places: after a change that others relied on, and in the middle of one.

use std::fs;
use std::path::{Path, PathBuf};

use riffle::dev::StoreProcess;

use crate::harness::{Account, Caller, Server, World, code, eventually};

const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");
/// Nothing reaches Postgres behind the answers.
const IDLE: &[(&str, &str)] = &[NO_COVERS, ("flush_interval_ms", "600000"), ("pending_after_ms", "600000")];
/// Where Redis begins to write down what one script changed.
const SCRIPT_BEGINS: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";

/// What Redis is writing to.
pub fn newest_file(redis: &StoreProcess) -> PathBuf {
    newest_file_in(&redis.folder())
}

pub fn newest_file_in(redis_folder: &Path) -> PathBuf {
    let files = fs::read_dir(redis_folder.join("appendonlydir")).unwrap().map(|entry| entry.unwrap().path());
    let number = |path: &PathBuf| path.to_string_lossy().split('.').rev().nth(2)?.parse::<u64>().ok();
    files.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).max_by_key(number).unwrap()
}

/// Kills Redis, keeps what `keep` says of its file, and starts it.
async fn restart_redis(world: &mut World, keep: impl FnOnce(&[u8]) -> usize) {
    world.redis.kill().await.unwrap();
    let path = newest_file(&world.redis);
    let kept = keep(&fs::read(&path).unwrap()) as u64;
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(kept).unwrap();
    world.redis.start_again().await.unwrap();
}

/// Where the last but `before` of the scripts begins.
fn script_from_end(file: &[u8], before: usize) -> usize {
    let begins = (0..file.len()).rev().filter(|place| file[*place..].starts_with(SCRIPT_BEGINS));
    begins.into_iter().nth(before).unwrap()
}

/// A server, and a user of it with one video.
async fn furnished(world: &World, settings: &[(&str, &str)]) -> (Server, Caller, Account, u64) {
    let server = Server::start(world, settings).await;
    let mia = server.client().register("mia").await;
    let video = server.client().publish_one(&mia, "one").await;
    let caller = server.client().caller().await;
    (server, caller, mia, video)
}

async fn restarted(world: &World, server: Server, settings: &[(&str, &str)]) -> (Server, Caller) {
    server.kill().await;
    let server = Server::start(world, settings).await;
    let caller = server.client().caller().await;
    (server, caller)
}

async fn favorite_count(caller: &mut Caller, user: &Account) -> u64 {
    let shown = caller.see(user, "/douyin/user/", &[]).await;
    shown["user"]["favorite_count"].as_u64().unwrap_or_else(|| panic!("{shown}"))
}

#[tokio::test]
async fn a_change_that_was_cut_in_half_does_not_come_back_at_a_later_start() {
    let mut world = World::start_alone().await;
    let (server, mut caller, mia, video) = furnished(&world, IDLE).await;
    assert_eq!(code(&caller.favorite(&mia, video, true).await), 0);
    // The last to be written was the mirror end.
    restart_redis(&mut world, |file| file.len() - SCRIPT_BEGINS.len() - 5).await;
    let (server, mut caller) = restarted(&world, server, IDLE).await;
    assert_eq!(favorite_count(&mut caller, &mia).await, 1);

    let rewritten = async || {
        let info = world.redis_command("INFO", &["persistence"]).await;
        let info = info.text().unwrap().unwrap().to_owned();
        info.contains("aof_rewrite_in_progress:0").then_some(())
    };
    eventually("Redis to have written its file anew", rewritten).await;
    restart_redis(&mut world, <[u8]>::len).await;
    let (_server, mut caller) = restarted(&world, server, IDLE).await;
    assert_eq!(favorite_count(&mut caller, &mia).await, 1);
}

#[tokio::test]
async fn a_mirror_that_lost_what_the_relay_brought_is_noticed() {
    let mut world = World::start_alone().await;
    let (server, _, mia, video) = furnished(&world, &[NO_COVERS]).await;
    server.kill().await;
    let server = Server::start(&world, &[NO_COVERS, ("CRASH_AT", "edge_decided")]).await;
    let mut connection = server.client().connect().await;
    let path = format!("/douyin/favorite/action/?token={}&video_id={video}&action_type=1", mia.token);
    connection.send(crate::harness::head("POST", &path, &[("Content-Length", "0")]).as_bytes()).await;
    server.wait().await;

    // The video's bucket is its author's, so the relay is asked of another Redis key, not of another bucket.
    let server = Server::start(&world, &[NO_COVERS]).await;
    let sql = "select count(*) from favorite join bucket on bucket.bucket = (to_id >> 5) & 255
               where relayed >= favorite.version";
    eventually("the relay", async || (world.sql_number(sql).await == 1).then_some(())).await;
    server.kill().await;
    restart_redis(&mut world, |file| script_from_end(file, 0)).await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    assert_eq!(favorite_count(&mut server.client().caller().await, &mia).await, 1);
}

#[tokio::test]
async fn a_published_video_that_redis_forgot_before_it_was_noted_is_there_at_once() {
    let mut world = World::start_alone().await;
    let (server, _, mia, video) = furnished(&world, IDLE).await;
    server.kill().await;
    // As if something else of its bucket had been relayed between the two steps of the publishing.
    world.sql(&format!("update bucket set relayed = {video} where bucket = ({video} >> 5) & 255")).await;
    // The last two are its place in the feed and its showing.
    restart_redis(&mut world, |file| script_from_end(file, 1)).await;
    let server = Server::start(&world, IDLE).await;
    let shown = server.client().caller().await.see(&mia, "/douyin/publish/list/", &[]).await;
    assert_eq!(shown["video_list"][0]["id"], video, "{shown}");
}

#[tokio::test]
async fn a_redis_that_was_emptied_while_it_was_closed_is_loaded_anew() {
    let world = World::start().await;
    world.redis_command("SET", &["head:{b007}", "0 closed 8192224 0"]).await;
    let server = Server::start(&world, &[NO_COVERS]).await;
    server.client().register("mia").await;
}
