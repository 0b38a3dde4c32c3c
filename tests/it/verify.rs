//! `riffle verify`: silent about a sound world however busy, and exact about each damage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use riffle::id::{UserId, VideoId};
use riffle::store::keys;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::harness::{Account, Finished, Server, World, code, eventually, run};

/// Nothing changes behind the tests' back.
const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");

struct Furnished {
    server: Server,
    mia: Account,
    bob: Account,
    eve: Account,
    video: VideoId,
    comment: u64,
}

/// Two friends and a follower, two videos, likes, comments, a chat.
async fn furnished(world: &World, settings: &[(&str, &str)]) -> Furnished {
    let settings: Vec<_> = [NO_COVERS].into_iter().chain(settings.iter().copied()).collect();
    let server = Server::start(world, &settings).await;
    let client = server.client();
    let (mia, bob, eve) = (client.register("mia").await, client.register("bob").await, client.register("eve").await);
    let video = client.publish_one(&mia, "first").await;
    client.publish(&bob, "second").await;
    let mut caller = client.caller().await;
    caller.befriend(&mia, &bob).await;
    caller.follow(&eve, mia.id, true).await;
    for user in [&mia, &bob, &eve] {
        assert_eq!(code(&caller.favorite(user, video, true).await), 0);
    }
    caller.favorite(&eve, video, false).await;
    let comment = caller.comment(&bob, video, "nice").await["comment"]["id"].as_u64().unwrap();
    let deleted = caller.comment(&eve, video, "你好").await["comment"]["id"].as_u64().unwrap();
    caller.uncomment(&eve, video, deleted).await;
    assert_eq!(code(&caller.send(&mia, bob.id, "hi").await), 0);
    assert_eq!(code(&caller.send(&bob, mia.id, "hi mia").await), 0);
    Furnished { server, mia, bob, eve, video: VideoId(video), comment }
}

async fn verify(world: &World, flags: &[&str]) -> Finished {
    run(world, &[&["verify"], flags].concat(), &[]).await
}

#[track_caller]
fn assert_clean(verified: &Finished) {
    assert!(verified.status.success(), "{verified:#?}");
    assert!(verified.stdout.contains(" 0 differences"), "{verified:#?}");
}

#[track_caller]
fn assert_names(verified: &Finished, lines: &[String]) {
    assert_eq!(verified.status.code(), Some(1), "{lines:#?} {verified:#?}");
    let mut wanted: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut named: Vec<&str> = verified.stdout.lines().filter(|line| !line.contains(" things compared: ")).collect();
    wanted.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, wanted, "{verified:#?}");
}

/// A command that does harm, the one that undoes it, and what must be said, all of it.
struct Damage {
    harm: Vec<String>,
    undo: Vec<String>,
    lines: Vec<String>,
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| word.to_string()).collect()
}

/// The name is leaked: that of a command lives for ever.
async fn redis(world: &World, command: &[String]) {
    let name: &'static str = Box::leak(command[0].clone().into_boxed_str());
    let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    world.redis_command(name, &arguments).await;
}

const LACKS: &str = "lacks it: Postgres has what Redis has not";
const HAS: &str = "has it: Redis has what Postgres has not";

fn damages(at: &Furnished, places: &Places) -> Vec<Damage> {
    let (mia, bob, eve, video) = (UserId(at.mia.id), UserId(at.bob.id), UserId(at.eve.id), at.video);
    let damage = |harm: &[&str], undo: &[&str], lines: &[String]| Damage {
        harm: words(harm),
        undo: words(undo),
        lines: lines.to_vec(),
    };
    let (bob_id, eve_id, video_id) = (&bob.to_string()[..], &eve.to_string()[..], &video.to_string()[..]);
    let mia_id = &mia.to_string()[..];
    let (likers, liked, liked_older) = (&keys::likers(video)[..], &keys::liked(bob)[..], &keys::liked_older(bob)[..]);
    let (user, shown, works) = (&keys::user(mia)[..], &keys::video(video)[..], &keys::works(mia)[..]);
    let (followed_by, followed) = (&keys::followed_by(mia)[..], &keys::followed(eve)[..]);
    let friends = &keys::friends(mia)[..];
    let (comments, chat, feed) = (&keys::comments(video)[..], &keys::chat(mia, bob)[..], &keys::feed()[..]);
    // There is such an id, but it is a video's.
    let no_user = &keys::user(UserId(video.0))[..];
    let like = format!("like of video {video} by user {bob}");
    let follow = format!("follow of user {mia} by user {eve}");
    vec![
        damage(
            &["SREM", likers, bob_id],
            &["SADD", likers, bob_id],
            &[
                format!("{like} (home end): {likers} {LACKS}"),
                format!("video {video}: field favorites of {shown} counts 2, what it counts has 1"),
                format!("user {mia}: field favorited of {user} counts 2, what it counts has 1"),
            ],
        ),
        damage(
            &["ZREM", liked, video_id],
            &["ZADD", liked, video_id, video_id],
            &[
                format!("{like} (mirror end): {liked} {LACKS}"),
                format!("user {bob}: field favorites of {} counts 1, what it counts has 0", keys::user(bob)),
            ],
        ),
        // As if it had been trimmed, which the floor denies.
        damage(
            &[
                "EVAL",
                "redis.call('ZREM', KEYS[1], ARGV[1]) redis.call('SADD', KEYS[2], ARGV[1])",
                "2",
                liked,
                liked_older,
                video_id,
            ],
            &[
                "EVAL",
                "redis.call('ZADD', KEYS[1], ARGV[1], ARGV[1]) redis.call('SREM', KEYS[2], ARGV[1])",
                "2",
                liked,
                liked_older,
                video_id,
            ],
            &[
                format!("{like} (mirror end): {liked} {LACKS}"),
                format!("{like} (older ones of the mirror end): {liked_older} {HAS}"),
            ],
        ),
        damage(
            &["HINCRBY", user, "favorited", "3"],
            &["HINCRBY", user, "favorited", "-3"],
            &[format!("user {mia}: field favorited of {user} counts 5, what it counts has 2")],
        ),
        damage(
            &["HINCRBY", user, "followers", "-1"],
            &["HINCRBY", user, "followers", "1"],
            &[format!("user {mia}: field followers of {user} counts 1, what it counts has 2")],
        ),
        damage(
            &["HINCRBY", shown, "comments", "1"],
            &["HINCRBY", shown, "comments", "-1"],
            &[format!("video {video}: field comments of {shown} counts 2, what it counts has 1")],
        ),
        // Of the same size as before.
        damage(
            &[
                "EVAL",
                "redis.call('SREM', KEYS[1], ARGV[1]) redis.call('SADD', KEYS[1], ARGV[2])",
                "1",
                likers,
                mia_id,
                eve_id,
            ],
            &[
                "EVAL",
                "redis.call('SREM', KEYS[1], ARGV[2]) redis.call('SADD', KEYS[1], ARGV[1])",
                "1",
                likers,
                mia_id,
                eve_id,
            ],
            &[
                format!("like of video {video} by user {mia} (home end): {likers} {LACKS}"),
                format!("like of video {video} by user {eve} (home end): {likers} {HAS}"),
            ],
        ),
        damage(
            &["ZADD", followed_by, "7", eve_id],
            &["ZADD", followed_by, &places.follow, eve_id],
            &[format!("{follow} (home end): {followed_by} has it at \"7\", Postgres at {:?}", places.follow)],
        ),
        damage(
            &["ZREM", followed_by, eve_id],
            &["ZADD", followed_by, &places.follow, eve_id],
            &[
                format!("{follow} (home end): {followed_by} {LACKS}"),
                format!("user {mia}: field followers of {user} counts 2, what it counts has 1"),
            ],
        ),
        damage(
            &["ZREM", followed, mia_id],
            &["ZADD", followed, &places.follow, mia_id],
            &[
                format!("{follow} (mirror end): {followed} {LACKS}"),
                format!("user {eve}: field follows of {} counts 1, what it counts has 0", keys::user(eve)),
            ],
        ),
        damage(
            &["ZADD", friends, "9", eve_id],
            &["ZREM", friends, eve_id],
            &[format!("follow of user {eve} by user {mia} (friends): {friends} {HAS}")],
        ),
        damage(
            &["ZREM", comments, &format!("{} {bob} nice", at.comment)],
            &["ZADD", comments, &at.comment.to_string(), &format!("{} {bob} nice", at.comment)],
            &[
                format!("comment {} on video {video}: {comments} {LACKS}", at.comment),
                format!("video {video}: field comments of {shown} counts 1, what it counts has 0"),
            ],
        ),
        damage(
            &["ZREM", chat, &places.message],
            &["ZADD", chat, &places.message_ms, &places.message],
            &[format!("message {} between users {mia} and {bob}: {chat} {LACKS}", places.message_id)],
        ),
        damage(
            &["ZADD", chat, "5", "5 6 never said"],
            &["ZREM", chat, "5 6 never said"],
            &[format!("message 5 between users {mia} and {bob}: {chat} {HAS}")],
        ),
        damage(
            &["HSET", shown, "title", "another"],
            &["HSET", shown, "title", "first"],
            &[format!("video {video}: field title of {shown}: Redis has \"another\", Postgres has \"first\"")],
        ),
        damage(
            &["HSET", user, "name", "nobody"],
            &["HSET", user, "name", "mia"],
            &[format!("user {mia}: field name of {user}: Redis has \"nobody\", Postgres has \"mia\"")],
        ),
        damage(
            &["ZREM", feed, video_id],
            &["ZADD", feed, video_id, video_id],
            &[format!("video {video} (feed): {feed} {LACKS}")],
        ),
        damage(&["ZADD", feed, "6", "6"], &["ZREM", feed, "6"], &[format!("video 6 in the feed: {feed} {HAS}")]),
        damage(
            &["SET", &keys::feed_floor(), video_id],
            &["DEL", &keys::feed_floor()],
            &[format!("feed: 1 videos stand at or below {}, which is {video}", keys::feed_floor())],
        ),
        damage(
            &["ZADD", works, "6", "6"],
            &["ZREM", works, "6"],
            &[
                format!("video 6 in the list of user {mia}: {works} {HAS}"),
                format!("user {mia}: field works of {user} counts 1, what it counts has 2"),
            ],
        ),
        damage(
            &["HSET", "user:{b000}:8192", "name", "ghost"],
            &["DEL", "user:{b000}:8192"],
            &[format!("key user:{{b000}}:8192: user:{{b000}}:8192 {HAS}")],
        ),
        damage(&["HSET", no_user, "name", "ghost"], &["DEL", no_user], &[format!("key {no_user}: {no_user} {HAS}")]),
        damage(
            &["SET", "liked_older:{b000}:8192", "a text"],
            &["DEL", "liked_older:{b000}:8192"],
            &["key liked_older:{b000}:8192: it is a string, which riffle never makes of it; nothing can read it"
                .to_owned()],
        ),
    ]
}

/// What only Postgres can tell.
struct Places {
    follow: String,
    message: String,
    message_id: String,
    message_ms: String,
}

async fn places(world: &World, at: &Furnished) -> Places {
    assert!(run(world, &["flush"], &[]).await.status.success());
    let number = async |sql: String| world.sql_number(&sql).await.to_string();
    let message_id = number("select min(id) from message".to_owned()).await;
    Places {
        follow: number(format!("select version from follow where from_id = {} and to_id = {}", at.eve.id, at.mia.id))
            .await,
        message: format!("{message_id} {} hi", at.mia.id),
        message_ms: number(format!("select sent_ms from message where id = {message_id}")).await,
        message_id,
    }
}

#[tokio::test]
async fn each_damage_is_named_and_nothing_else() {
    let world = World::start().await;
    let at = furnished(&world, &[]).await;
    assert_clean(&verify(&world, &[]).await);
    for damage in damages(&at, &places(&world, &at).await) {
        redis(&world, &damage.harm).await;
        assert_names(&verify(&world, &[]).await, &damage.lines);
        redis(&world, &damage.undo).await;
    }
    assert_clean(&verify(&world, &[]).await);
}

#[tokio::test]
async fn what_postgres_has_lost_is_named_as_what_only_redis_has() {
    let world = World::start().await;
    let at = furnished(&world, &[]).await;
    let flushed = run(&world, &["flush"], &[]).await;
    assert!(flushed.status.success(), "{flushed:#?}");
    let (bob, eve, mia, video) = (UserId(at.bob.id), UserId(at.eve.id), UserId(at.mia.id), at.video);
    world
        .sql(&format!(
            "delete from favorite where from_id = {bob}; delete from follow where from_id = {eve}; delete from comment"
        ))
        .await;
    let (like, follow) =
        (format!("like of video {video} by user {bob}"), format!("follow of user {mia} by user {eve}"));
    let lines = [
        format!("{like} (home end): {} {HAS}", keys::likers(video)),
        format!("{like} (mirror end): {} {HAS}", keys::liked(bob)),
        format!("{follow} (home end): {} {HAS}", keys::followed_by(mia)),
        format!("{follow} (mirror end): {} {HAS}", keys::followed(eve)),
        format!("comment {} on video {video}: {} {HAS}", at.comment, keys::comments(video)),
    ];
    assert_names(&verify(&world, &[]).await, &lines);
}

#[tokio::test]
async fn a_repair_mends_every_damage_under_a_running_server() {
    let world = World::start().await;
    let at = furnished(&world, &[]).await;
    let profile = format!("/douyin/user/?token={}", at.mia.token);
    let before = at.server.client().get_json(&profile).await;
    for damage in damages(&at, &places(&world, &at).await) {
        redis(&world, &damage.harm).await;
    }
    let repaired = verify(&world, &["--repair"]).await;
    assert!(repaired.status.success(), "{repaired:#?}");
    assert!(repaired.stdout.contains(" 0 differences after the repair"), "{repaired:#?}");
    assert_clean(&verify(&world, &[]).await);

    let client = at.server.client();
    eventually("the server to serve again", async || client.is_ready().await.then_some(())).await;
    assert_eq!(client.get_json(&profile).await, before);
    client.publish(&at.bob, "third").await;
    assert_clean(&verify(&world, &[]).await);
}

/// More than is judged at once.
#[tokio::test]
async fn thousands_of_differences_are_named_and_mended() {
    let world = World::start().await;
    let _at = furnished(&world, &[]).await;
    world
        .sql(
            "insert into users (id, name, name_key, password_hash, version) \
             select n * 32, n, n, '', n * 32 from generate_series(1, 1000) n; \
             insert into follow select n * 32, n * 32 + 32, 7, true from generate_series(1, 999) n;",
        )
        .await;
    let named = verify(&world, &[]).await;
    assert_eq!(named.status.code(), Some(1));
    assert!(named.stderr.contains(&format!("differ in {} places", 1000 + 2 * 999)), "{}", named.stderr);
    let repaired = verify(&world, &["--repair"]).await;
    assert!(repaired.stdout.contains(" 0 differences after the repair"), "{}", repaired.stderr);
}

#[tokio::test]
async fn a_sound_world_needs_no_repair() {
    let world = World::start().await;
    let _at = furnished(&world, &[]).await;
    let epoch = world.sql_number("select max(epoch) from bucket").await;
    assert_clean(&verify(&world, &["--repair"]).await);
    assert_eq!(world.sql_number("select max(epoch) from bucket").await, epoch);
}

#[tokio::test]
async fn a_program_reads_differences_and_summary_as_json() {
    let world = World::start().await;
    let at = furnished(&world, &[]).await;
    // The flush puts into the feed what it lacks.
    assert!(run(&world, &["flush"], &[]).await.status.success());
    world.redis_command("HSET", &[&keys::video(at.video), "title", "\"another\""]).await;
    world.redis_command("ZREM", &[&keys::feed(), &at.video.to_string()]).await;
    let verified = verify(&world, &["--json"]).await;
    assert_eq!(verified.status.code(), Some(1), "{verified:#?}");
    let lines: Vec<Value> = verified.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{verified:#?}");
    assert_eq!(lines[0]["key"], keys::video(at.video));
    assert_eq!((&lines[0]["redis"], &lines[0]["wanted"]), (&"\"another\"".into(), &"first".into()));
    assert_eq!((&lines[1]["redis"], &lines[1]["wanted"]), (&Value::Null, &"present".into()));
    assert_eq!(lines[2]["summary"]["differences"], 2);
    assert_eq!(lines[2]["summary"]["repaired"], false);
}

#[tokio::test]
async fn a_feed_that_was_trimmed_is_sound() {
    let world = World::start().await;
    let server = Server::start(&world, &[NO_COVERS, ("feed_window", "30")]).await;
    let mia = server.client().register("mia").await;
    for number in 0..33 {
        server.client().publish(&mia, &format!("video {number}")).await;
    }
    assert_clean(&verify(&world, &[]).await);
}

#[tokio::test]
async fn a_busy_world_raises_no_false_alarm() {
    let world = World::start().await;
    let at = furnished(&world, &[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for (writer, actor) in [&at.mia, &at.bob, &at.eve].into_iter().enumerate() {
        let (client, actor, stop) = (at.server.client(), actor.clone(), stop.clone());
        let (video, others) = (at.video.0, [at.mia.id, at.bob.id].map(|id| (id != actor.id).then_some(id)));
        writers.spawn(async move {
            let mut caller = client.caller().await;
            let mut on = false;
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(code(&caller.favorite(&actor, video, on).await), 0);
                for other in others.into_iter().flatten() {
                    assert_eq!(code(&caller.follow(&actor, other, on).await), 0);
                    // Refused while they are no friends.
                    caller.send(&actor, other, "hello").await;
                }
                let comment = caller.comment(&actor, video, "hm").await["comment"]["id"].as_u64().unwrap();
                if on {
                    assert_eq!(code(&caller.uncomment(&actor, video, comment).await), 0);
                }
                if rounds % 20 == 0 {
                    client.publish(&actor, &format!("{writer} {rounds}")).await;
                }
                on = !on;
                rounds += 1;
            }
            rounds
        });
    }
    // Each waits for what it looks at to rest, again and again.
    let verified = tokio::join!(verify(&world, &[]), verify(&world, &[]), verify(&world, &[]));
    for verified in [verified.0, verified.1, verified.2] {
        assert_clean(&verified);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(rounds) = writers.join_next().await {
        assert!(rounds.unwrap() > 10, "the world was not busy");
    }
    assert_clean(&verify(&world, &[]).await);
}
