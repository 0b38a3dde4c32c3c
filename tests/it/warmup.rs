//! `riffle warmup`: Redis is loaded from Postgres, and nobody is told anything wrong meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use riffle::id::{UserId, VideoId};
use riffle::store::keys;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Account, Client, Finished, IDLE, Server, World, code, eventually, ids, run};

/// Nothing changes behind the tests' back.
const QUIET: &[(&str, &str)] = &[("ffmpeg", "/nonexistent"), IDLE];

struct Furnished {
    mia: Account,
    bob: Account,
    eve: Account,
    video: u64,
}

/// Two friends and a follower, two videos, likes, a comment, a chat.
async fn furnish(client: Client) -> Furnished {
    let (mia, bob, eve) = (client.register("mia").await, client.register("bob").await, client.register("eve").await);
    let video = client.publish_one(&mia, "first").await;
    client.publish(&bob, "second").await;
    let mut caller = client.caller().await;
    caller.befriend(&mia, &bob).await;
    caller.follow(&eve, mia.id, true).await;
    for user in [&mia, &bob, &eve] {
        assert_eq!(code(&caller.favorite(user, video, true).await), 0);
    }
    caller.comment(&bob, video, "nice").await;
    assert_eq!(code(&caller.send(&mia, bob.id, "hi").await), 0);
    Furnished { mia, bob, eve, video }
}

async fn warmup(world: &World, flags: &[&str]) -> Finished {
    run(world, &[&["warmup"], flags].concat(), &[]).await
}

#[track_caller]
fn assert_done(finished: &Finished) {
    assert!(finished.status.success(), "{finished:#?}");
}

async fn assert_verified(world: &World) {
    let verified = run(world, &["verify"], &[]).await;
    assert!(verified.status.success() && verified.stdout.contains(" 0 differences"), "{verified:#?}");
}

/// What the three of them see.
async fn shown(client: &Client, at: &Furnished) -> Vec<Value> {
    let mut shown = Vec::new();
    for path in [
        format!("/douyin/user/?user_id={}&token={}", at.mia.id, at.bob.token),
        format!("/douyin/favorite/list/?token={}", at.eve.token),
        format!("/douyin/comment/list/?video_id={}", at.video),
        format!("/douyin/relation/friend/list/?token={}", at.mia.token),
        format!("/douyin/message/chat/?to_user_id={}&token={}", at.mia.id, at.bob.token),
        "/douyin/feed/".to_owned(),
    ] {
        // The first to meet what was loaded anew may be refused.
        let answered = async || Some(client.get(&path).await).filter(|reply| reply.status == 200);
        let mut answer = eventually("an answer", answered).await.json();
        if let Some(next_time) = answer.get_mut("next_time") {
            // Depends on the clock.
            next_time.take();
        }
        let text = answer.to_string();
        // Another server has another address.
        shown.push(
            text.split("http://127.0.0.1:").map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect(),
        );
    }
    shown
}

#[tokio::test]
async fn an_emptied_redis_is_loaded_before_a_server_starts() {
    let world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    let at = furnish(server.client()).await;
    let before = shown(&server.client(), &at).await;
    assert!(server.terminate().await.success());
    world.redis_command("FLUSHALL", &[]).await;
    let finished = warmup(&world, &[]).await;
    assert_done(&finished);
    assert!(finished.stdout.contains("257 buckets loaded"), "{finished:#?}");
    let epoch = world.sql_number("select max(epoch) from bucket").await;
    let server = Server::start(&world, QUIET).await;
    assert_eq!(shown(&server.client(), &at).await, before);
    assert_eq!(world.sql_number("select max(epoch) from bucket").await, epoch, "the server found nothing to do");
    assert_verified(&world).await;
}

/// Readers hammer on while all is loaded anew twice; a like is given and taken all the time.
#[tokio::test]
async fn a_running_system_is_loaded_anew_without_a_wrong_answer() {
    let world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    let client = server.client();
    let at = furnish(client).await;
    let over = Arc::new(AtomicBool::new(false));

    let reader = {
        let (over, mia, video) = (over.clone(), at.mia.clone(), at.video);
        let paths = [
            (format!("/douyin/user/?token={}", mia.token), "/user/follower_count", 2),
            (format!("/douyin/user/?token={}", mia.token), "/user/total_favorited", 3),
            (format!("/douyin/comment/list/?video_id={video}"), "/comment_list/0/user/follow_count", 1),
            ("/douyin/feed/".to_owned(), "/video_list/1/comment_count", 1),
        ];
        tokio::spawn(async move {
            let mut right = 0;
            while !over.load(Ordering::Relaxed) {
                for (path, pointer, value) in &paths {
                    let reply = client.get(path).await;
                    if reply.status != 503 {
                        assert_eq!(
                            reply.json().pointer(pointer),
                            Some(&Value::from(*value)),
                            "{path}: {}",
                            reply.json()
                        );
                        right += 1;
                    }
                }
            }
            right
        })
    };
    let writer = {
        let (over, bob) = (over.clone(), at.bob.clone());
        let second = client.get_json("/douyin/feed/").await["video_list"][0]["id"].as_u64().unwrap();
        tokio::spawn(async move {
            let like = async |on: bool| {
                let action = if on { "1" } else { "2" };
                let (video, token) = (second, &bob.token);
                let path = format!("/douyin/favorite/action/?video_id={video}&action_type={action}&token={token}");
                let request = format!("POST {path} HTTP/1.1\r\nHost: riffle.test\r\nContent-Length: 0\r\n\r\n");
                client.request(request.as_bytes()).await.status == 200
            };
            let mut on = false;
            let mut acknowledged = 0;
            while !over.load(Ordering::Relaxed) {
                on = !on;
                // Refused or unknown: asked again until it is known.
                while !like(on).await {}
                acknowledged += 1;
                // What was acknowledged is seen by whoever asks later and is answered.
                let reply = client.get(&format!("/douyin/favorite/list/?token={}", bob.token)).await;
                if reply.status == 200 {
                    assert_eq!(ids(&reply.json(), "video_list").contains(&second), on);
                }
            }
            acknowledged
        })
    };
    for _ in 0..2 {
        assert_done(&warmup(&world, &[]).await);
    }
    over.store(true, Ordering::Relaxed);
    let (right, acknowledged) = (reader.await.unwrap(), writer.await.unwrap());
    assert!(right > 50 && acknowledged > 10, "{right} reads, {acknowledged} writes");
    assert_verified(&world).await;
}

/// Nothing tells the server before somebody asks it.
#[tokio::test]
async fn the_first_to_read_what_was_loaded_anew_is_answered() {
    let world = World::start().await;
    let settings = [QUIET, &[("flush_interval_ms", "60000")]].concat();
    let server = Server::start(&world, &settings).await;
    let client = server.client();
    let at = furnish(client).await;
    let paths = [
        format!("/douyin/user/?user_id={}&token={}", at.mia.id, at.bob.token),
        format!("/douyin/favorite/list/?token={}", at.eve.token),
        format!("/douyin/comment/list/?video_id={}", at.video),
        format!("/douyin/relation/friend/list/?token={}", at.mia.token),
        format!("/douyin/message/chat/?to_user_id={}&token={}", at.mia.id, at.bob.token),
        format!("/douyin/feed/?token={}", at.bob.token),
    ];
    for path in &paths {
        assert_done(&warmup(&world, &[]).await);
        let reply = client.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.json());
    }
}

#[tokio::test]
async fn one_that_was_killed_is_gone_on_with() {
    let world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    let client = server.client();
    let at = furnish(client).await;
    let before = shown(&client, &at).await;

    // With a group behind it.
    let died = run(&world, &["warmup"], &[("CRASH_AT", "warmup_group_done")]).await;
    assert_eq!(died.status.signal(), Some(Signal::KILL.as_raw()), "{died:#?}");
    let finished = warmup(&world, &[]).await;
    assert_done(&finished);
    assert!(finished.stdout.contains("going on behind"), "{finished:#?}");
    assert!(!warmup(&world, &[]).await.stdout.contains("going on behind"));

    // In the middle of one, which the server then loads.
    for point in ["recovery_fenced", "recovery_closed", "recovery_delivered", "recovery_loaded", "recovery_opened"] {
        let died = run(&world, &["warmup"], &[("CRASH_AT", point)]).await;
        assert_eq!(died.status.signal(), Some(Signal::KILL.as_raw()), "{died:#?}");
        eventually("the server to load it", async || client.is_ready().await.then_some(())).await;
        assert_eq!(shown(&client, &at).await, before, "{point}");
    }
    assert_verified(&world).await;
}

/// A command and its arguments.
type Harm<'a> = (&'static str, &'a [&'a str]);

#[tokio::test]
async fn parts_are_loaded_alone() {
    let world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    let client = server.client();
    let at = furnish(client).await;
    assert_done(&run(&world, &["flush"], &[]).await);
    let before = shown(&client, &at).await;
    let (mia, bob, video) = (UserId(at.mia.id), UserId(at.bob.id), VideoId(at.video));
    let harms: [(&str, &[Harm<'_>]); 7] = [
        ("feed", &[("DEL", &[&keys::feed()])]),
        ("users", &[("HSET", &[&keys::user(mia), "name", "somebody"])]),
        ("videos", &[("DEL", &[&keys::works(mia)]), ("HSET", &[&keys::video(video), "title", "another"])]),
        ("favorites", &[("DEL", &[&keys::likers(video)]), ("HSET", &[&keys::user(mia), "favorited", "77"])]),
        ("follows", &[("DEL", &[&keys::followed(bob)]), ("HINCRBY", &[&keys::user(bob), "follows", "5"])]),
        ("comments", &[("DEL", &[&keys::comments(video)])]),
        ("messages", &[("DEL", &[&keys::chat(mia.min(bob), mia.max(bob))])]),
    ];
    for (scope, harm) in harms {
        for (command, arguments) in harm {
            world.redis_command(command, arguments).await;
        }
        let finished = warmup(&world, &["--only", scope]).await;
        assert_done(&finished);
        eventually("the server to be whole", async || client.is_ready().await.then_some(())).await;
        assert_eq!(shown(&client, &at).await, before, "{scope}");
    }
    world.redis_command("DEL", &[&keys::likers(video)]).await;
    let finished = warmup(&world, &["--bucket", &video.bucket().to_string(), "--rate", "100000"]).await;
    assert!(finished.stdout.contains("1 buckets loaded"), "{finished:#?}");
    assert_verified(&world).await;
}

#[tokio::test]
async fn a_part_of_a_redis_that_is_not_in_order_is_refused() {
    let world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    furnish(server.client()).await;
    server.kill().await;
    world.redis_command("FLUSHALL", &[]).await;
    let finished = warmup(&world, &["--only", "feed"]).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:#?}");
    assert!(finished.stderr.contains("warm up all"), "{finished:#?}");
    assert_eq!(world.redis_command("DBSIZE", &[]).await.number().unwrap(), Some(0));
    for wrong in [&["--only", "likes"][..], &["--bucket", "b256"], &["--rate", "0"]] {
        assert_eq!(warmup(&world, wrong).await.status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_touches_nothing() {
    let world = World::start().await;
    let server = Server::start(&world, QUIET).await;
    furnish(server.client()).await;
    assert!(server.terminate().await.success());
    let before = world.state().await;
    let finished = warmup(&world, &["--dry-run"]).await;
    assert_done(&finished);
    for line in ["users: 3 rows", "videos: 2 rows", "favorites: 6 rows", "follows: 6 rows", "comments: 1 rows"] {
        assert!(finished.stdout.contains(line), "{line} {finished:#?}");
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn what_is_refused_is_replaced_when_asked_to() {
    let mut world = World::start_alone().await;
    let server = Server::start(&world, QUIET).await;
    let at = furnish(server.client()).await;
    let before = shown(&server.client(), &at).await;
    assert!(server.terminate().await.success());

    world.redis_command("FLUSHALL", &[]).await;
    world.redis_command("SET", &["session:1", "theirs"]).await;
    let refused = warmup(&world, &[]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:#?}");
    assert!(refused.stderr.contains("not riffle's"), "{refused:#?}");
    assert_done(&warmup(&world, &["--replace"]).await);
    assert_eq!(world.redis_command("EXISTS", &["session:1"]).await.number().unwrap(), Some(0));

    // A Postgres that was put back knows fewer epochs than Redis.
    let saved = world.copy_database().await;
    world.redis.start_again().await.unwrap();
    let server = Server::start(&world, QUIET).await;
    server.client().register("zoe").await;
    assert!(server.terminate().await.success());
    world.postgres_url = saved;
    let refused = warmup(&world, &[]).await;
    assert!(refused.stderr.contains("put back"), "{refused:#?}");
    assert_done(&warmup(&world, &["--replace"]).await);
    let server = Server::start(&world, QUIET).await;
    assert_eq!(shown(&server.client(), &at).await, before);
    assert_verified(&world).await;
}
