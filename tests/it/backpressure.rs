//! Without Postgres, and with a full Redis: what can go on goes on, the rest is refused cleanly, and all ends by itself.

use serde_json::Value;

use crate::harness::{
    Account, Client, Reply, Server, World, clip, code, eventually, id_at, publishing, registering, run,
};

fn assert_refused(reply: &Reply) {
    let json = reply.json();
    assert_eq!((reply.status, json["status_code"].as_u64()), (503, Some(100_014)), "{json}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
}

struct Scene {
    mia: Account,
    leo: Account,
    video: u64,
}

impl Scene {
    /// Two friends and a video.
    async fn set(client: &Client) -> Scene {
        let (mia, leo) = (client.register("mia").await, client.register("leo").await);
        client.caller().await.befriend(&mia, &leo).await;
        let video = client.publish_one(&mia, "one").await;
        Scene { mia, leo, video }
    }

    fn comment(&self) -> String {
        let (token, video) = (&self.leo.token, self.video);
        format!("/douyin/comment/action/?token={token}&video_id={video}&action_type=1&comment_text=more")
    }

    /// Every kind of change that Redis decides.
    fn changes(&self) -> Vec<String> {
        let (token, video, mia) = (&self.leo.token, self.video, self.mia.id);
        vec![
            format!("/douyin/favorite/action/?token={token}&video_id={video}&action_type=1"),
            format!("/douyin/relation/action/?token={token}&to_user_id={mia}&action_type=1"),
            self.comment(),
            format!("/douyin/message/action/?token={token}&to_user_id={mia}&action_type=1&content=hi"),
        ]
    }

    /// Those that wait for Postgres themselves.
    fn new_rows(&self) -> [Vec<u8>; 2] {
        [registering("ben"), publishing(&self.mia, "two", clip())]
    }

    async fn assert_reads_go_on(&self, client: &Client) {
        let (token, video, mia) = (&self.leo.token, self.video, self.mia.id);
        for path in [
            format!("/douyin/feed/?token={token}"),
            format!("/douyin/user/?token={token}&user_id={mia}"),
            format!("/douyin/publish/list/?token={token}&user_id={mia}"),
            format!("/douyin/favorite/list/?token={token}"),
            format!("/douyin/comment/list/?token={token}&video_id={video}"),
            format!("/douyin/relation/friend/list/?token={token}"),
            format!("/douyin/message/chat/?token={token}&to_user_id={mia}"),
        ] {
            client.get_json(&path).await;
        }
    }

    /// The video, and how the one who likes it is shown.
    async fn seen(&self, client: &Client) -> (Value, Value) {
        let token = &self.leo.token;
        let mut feed = client.get_json(&format!("/douyin/feed/?token={token}")).await;
        feed["video_list"][0]["create_time"].take();
        let user = client.get_json(&format!("/douyin/user/?token={token}")).await;
        (feed["video_list"][0].take(), user)
    }
}

#[tokio::test]
async fn without_postgres_changes_go_on_until_too_many_wait_and_all_of_them_arrive() {
    let mut world = World::start_with_own_postgres().await;
    let old: Vec<u64> = (0..40).map(|number| id_at(1_700_000_000_000 + number, 7, 0)).collect();
    let author = id_at(1_690_000_000_000, 7, 0);
    world.plant_user(author).await;
    world.plant_videos(author, &old).await;
    let settings =
        [("outbox_entries_max", "60"), ("feed_window", "35"), ("feed_snapshot", "35"), ("ffmpeg", "/nonexistent")];
    let server = Server::start(&world, &settings).await;
    let client = server.client();
    let scene = Scene::set(&client).await;
    let deep = "/douyin/feed/?latest_time=1700000000005";
    client.get_json(deep).await;
    let flushed = run(&world, &["flush"], &[]).await;
    assert!(flushed.status.success(), "{flushed:?}");

    world.postgres().kill().await.unwrap();
    for change in scene.changes() {
        assert_eq!(code(&client.post(&change).await.json()), 0, "{change}");
    }
    let login = "/douyin/user/login/?username=mia&password=12345";
    for refused in [client.get(deep).await, client.post(login).await] {
        assert_refused(&refused);
    }
    for request in scene.new_rows() {
        assert_refused(&client.request(&request).await);
    }
    scene.assert_reads_go_on(&client).await;

    let mut comments = 1;
    loop {
        let reply = client.post(&scene.comment()).await;
        if reply.status == 503 {
            assert_refused(&reply);
            break;
        }
        assert_eq!(code(&reply.json()), 0);
        comments += 1;
    }
    // Some of what was flushed last may still be counted.
    assert!(comments > 30, "refused after {comments}");
    for change in scene.changes() {
        assert_refused(&client.post(&change).await);
    }
    for request in scene.new_rows() {
        assert_refused(&client.request(&request).await);
    }
    scene.assert_reads_go_on(&client).await;

    world.postgres().start_again().await.unwrap();
    let taken = async || (client.post(&scene.changes()[0]).await.status == 200).then_some(());
    eventually("writes to be taken again", taken).await;
    let flushed = run(&world, &["flush"], &[]).await;
    assert!(flushed.status.success(), "{flushed:?}");
    assert_eq!(world.sql_number("select count(*) from comment where is_on").await, comments);
    assert_eq!(world.sql_number("select count(*) from favorite where is_on").await, 1);
    assert_eq!(world.sql_number("select count(*) from message").await, 1);
    client.register("ben").await;
}

#[tokio::test]
async fn a_full_redis_refuses_changes_whole_and_takes_them_again_once_there_is_room() {
    let world = World::start().await;
    let server = Server::start(&world, &[("ffmpeg", "/nonexistent"), ("flush_interval_ms", "500")]).await;
    let client = server.client();
    let scene = Scene::set(&client).await;
    let [like, ..] = &scene.changes()[..] else { panic!() };
    assert_eq!(code(&client.post(like).await.json()), 0);
    let before = scene.seen(&client).await;

    world.redis_command("CONFIG", &["SET", "maxmemory", "1"]).await;
    for change in scene.changes() {
        assert_refused(&client.post(&change.replace("action_type=1&", "action_type=1&again=1&")).await);
    }
    for request in scene.new_rows() {
        assert_refused(&client.request(&request).await);
    }
    scene.assert_reads_go_on(&client).await;
    assert_eq!(scene.seen(&client).await, before);
    // What was decided while there was room is completed: flushed, and confirmed at its other end.
    let completed = async || {
        let behind = world.sql_number("select count(*) from bucket where relayed < position").await;
        let likes = world.sql_number("select count(*) from favorite where is_on").await;
        (behind == 0 && likes == 1).then_some(())
    };
    eventually("the like to be flushed and relayed", completed).await;

    world.redis_command("CONFIG", &["SET", "maxmemory", "0"]).await;
    for change in scene.changes() {
        assert_eq!(code(&client.post(&change).await.json()), 0, "{change}");
    }
    let seen = scene.seen(&client).await;
    assert_eq!((&seen.0["favorite_count"], &seen.0["comment_count"]), (&1.into(), &1.into()));
    client.register("ben").await;
}

#[tokio::test]
async fn how_far_the_flush_is_behind_is_known_at_any_time() {
    let mut world = World::start_with_own_postgres().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let scene = Scene::set(&client).await;
    let metric = async |name: &str| -> f64 {
        let reply = client.get("/metrics").await;
        assert_eq!(reply.status, 200);
        let text = reply.text().to_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{text} has no {name}")).parse().unwrap()
    };
    let until = async |name: &str, wanted: &dyn Fn(f64) -> bool| {
        eventually(name, async || wanted(metric(name).await).then_some(())).await;
    };
    until("riffle_flushed_total", &|entries| entries >= 5.0).await;
    until("riffle_outbox_entries", &|entries| entries == 0.0).await;
    assert_eq!(metric("riffle_redis_admitted").await, 1.0);
    until("riffle_connections", &|open| open == 1.0).await;

    world.postgres().pause();
    for change in scene.changes() {
        assert_eq!(code(&client.post(&change).await.json()), 0, "{change}");
    }
    // The follow was there already.
    until("riffle_outbox_entries", &|entries| entries >= 3.0).await;
    until("riffle_outbox_seconds", &|seconds| seconds > 0.0).await;
    world.postgres().resume();
    until("riffle_outbox_entries", &|entries| entries == 0.0).await;
    until("riffle_outbox_seconds", &|seconds| seconds == 0.0).await;

    world.redis_command("XADD", &["outbox:{b000}", "9007199254740000-0", "kind", "nothing"]).await;
    until("riffle_dead_letters_total", &|dead| dead == 1.0).await;
}
