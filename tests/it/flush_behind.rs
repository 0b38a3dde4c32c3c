//! More waits for Postgres than one pass takes: reading, writing and relaying then go on at once.

use std::os::unix::process::ExitStatusExt;

use riffle::id::{UserId, VideoId};
use riffle::store::keys;
use rustix::process::Signal;

use crate::harness::{Account, Caller, Server, World, code, eventually, run};

const COMMENTS: usize = 20;
const LIKES: usize = 10;
/// More than two passes take of a bucket.
const MANY: usize = 3_000;
/// Deletions of a comment that never was, behind the newest entry of an outbox.
const FILL: &str = "local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1] \
    local position = tonumber(string.match(newest, '^%d+')) \
    for step = 1, tonumber(ARGV[1]) do \
      local id = string.format('%.0f-0', position + step) \
      redis.call('XADD', KEYS[1], id, 'uncomment', '1') \
    end";

/// Changes of a video, with a long row of deletions in between.
async fn change(world: &World, caller: &mut Caller, user: &Account, video: u64, deletions: usize) {
    for number in 0..LIKES {
        assert_eq!(code(&caller.favorite(user, video, number % 2 == 0).await), 0);
    }
    let outbox = keys::outbox(VideoId(video).bucket());
    world.redis_command("EVAL", &[FILL, "1", &outbox, &deletions.to_string()]).await;
    for number in 0..COMMENTS {
        assert_eq!(code(&caller.comment(user, video, &number.to_string()).await), 0);
    }
}

async fn comments_written(world: &World) -> i64 {
    world.sql_number("select count(*) from comment").await
}

#[tokio::test]
async fn what_a_mirror_held_back_is_not_taken_for_relayed_however_much_comes_behind_it() {
    let mut world = World::start_with_own_postgres().await;
    let server = Server::start(&world, &[("ffmpeg", "/nonexistent"), ("header_timeout_ms", "600000")]).await;
    let client = server.client();
    let (mia, ben) = (client.register("mia").await, client.register("ben").await);
    let (video, other) = (client.publish_one(&mia, "one").await, client.publish_one(&mia, "two").await);
    let mut caller = client.caller().await;
    // Or there would be nothing to put aside.
    assert_eq!(code(&caller.favorite(&mia, other, true).await), 0);
    world.until_nothing_is_pending().await;
    let liked = keys::liked(UserId(mia.id));
    // Two passes take all of it, or four.
    for (deletions, action) in [(200, "1"), (MANY, "2")] {
        world.redis_command("RENAME", &[&liked, &format!("{liked}:aside")]).await;
        world.redis_command("SET", &[&liked, "of the wrong type"]).await;
        let before = comments_written(&world).await;
        world.postgres().pause();
        let like = [("token", &*mia.token), ("video_id", &*video.to_string()), ("action_type", action)];
        let refused = client.post_form("/douyin/favorite/action/", &like).await;
        assert_eq!(refused.status, 500, "the home decides, the mirror cannot follow");
        change(&world, &mut caller, &ben, video, deletions).await;
        world.postgres().resume();
        // The last one is a further pass, with the whole of the others behind it.
        for more in 0..=1 {
            let written = async || (comments_written(&world).await == before + (COMMENTS + more) as i64).then_some(());
            eventually("all comments in Postgres", written).await;
            let passed_over = format!(
                "select count(*) from favorite join bucket on bucket.bucket = (to_id >> 5) & 255
                 where relayed >= favorite.version and from_id = {} and to_id = {video}",
                mia.id
            );
            assert_eq!(world.sql_number(&passed_over).await, 0);
            assert_eq!(code(&caller.comment(&ben, video, "more").await), 0);
        }
        world.redis_command("DEL", &[&liked]).await;
        world.redis_command("RENAME", &[&format!("{liked}:aside"), &liked]).await;
        world.until_nothing_is_pending().await;
    }
    let verified = run(&world, &["verify"], &[]).await;
    assert!(verified.status.success(), "{verified:#?}");
    let shown = caller.see(&mia, "/douyin/user/", &[]).await;
    assert_eq!(shown["user"]["favorite_count"], 1, "{shown}");
}

#[tokio::test]
async fn a_flusher_that_dies_far_behind_is_followed_by_another() {
    let world = World::start().await;
    let idle = [("ffmpeg", "/nonexistent"), ("flush_interval_ms", "600000")];
    let server = Server::start(&world, &idle).await;
    let ben = server.client().register("ben").await;
    let video = server.client().publish_one(&ben, "one").await;
    change(&world, &mut server.client().caller().await, &ben, video, MANY).await;
    server.kill().await;
    for point in ["flush_written", "flush_relayed"] {
        let died = run(&world, &["serve"], &[("CRASH_AT", point), ("listen", "127.0.0.1:0")]).await;
        assert_eq!(died.status.signal(), Some(Signal::KILL.as_raw()), "{point}");
    }
    assert_eq!(comments_written(&world).await, 0);
    let server = Server::start(&world, &[]).await;
    world.until_nothing_is_pending().await;
    let written = async || (comments_written(&world).await == COMMENTS as i64).then_some(());
    eventually("all comments in Postgres", written).await;
    let verified = run(&world, &["verify"], &[]).await;
    assert!(verified.status.success(), "{verified:#?}");
    let shown = server.client().caller().await.see(&ben, "/douyin/user/", &[]).await;
    assert_eq!(shown["user"]["favorite_count"], 0, "{shown}");
}
