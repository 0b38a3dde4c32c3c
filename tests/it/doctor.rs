//! `riffle doctor`: what Redis spends on what, and what to change.

use serde_json::Value;

use crate::harness::{Server, World, run};

const QUIET: (&str, &str) = ("ffmpeg", "/nonexistent");

fn row<'a>(report: &'a Value, what: &str) -> &'a Value {
    let rows = report["rows"].as_array().unwrap();
    rows.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("no {what}: {report}"))
}

#[tokio::test]
async fn it_counts_what_is_there_and_finds_nothing_to_change() {
    let world = World::start().await;
    let server = Server::start(&world, &[QUIET]).await;
    let client = server.client();
    let (mia, bob) = (client.register("mia").await, client.register("bob").await);
    let video = client.publish_one(&mia, "first").await;
    let mut caller = client.caller().await;
    caller.befriend(&mia, &bob).await;
    caller.favorite(&mia, video, true).await;
    caller.favorite(&bob, video, true).await;
    caller.comment(&bob, video, "nice").await;
    caller.send(&mia, bob.id, "hi").await;

    let found = run(&world, &["doctor", "--json"], &[]).await;
    assert!(found.status.success(), "{found:#?}");
    let report: Value = serde_json::from_str(&found.stdout).unwrap();
    for (what, count) in [("user", 2), ("video", 1), ("like", 2), ("follow", 2), ("comment", 1), ("message", 1)] {
        assert_eq!(row(&report, what)["count"], count, "{what}");
        let each = row(&report, what)["bytes_each"].as_f64().unwrap();
        assert!((50.0..2_000.0).contains(&each), "a {what} takes {each} bytes");
    }
    assert_eq!(row(&report, "like")["compact"], 1.0);
    assert_eq!(report["advice"], serde_json::json!([]));
    assert!(report["key_bytes"].as_u64() < report["used_memory"].as_u64(), "{report}");
}

#[tokio::test]
async fn it_says_what_to_change() {
    let world = World::start_alone().await;
    let server = Server::start(&world, &[QUIET]).await;
    server.client().register("mia").await;
    world.redis_command("CONFIG", &["SET", "set-max-intset-entries", "512"]).await;
    world.redis_command("CONFIG", &["SET", "auto-aof-rewrite-min-size", "67108864"]).await;
    world.redis_command("SET", &["session:1", "x"]).await;
    let found = run(&world, &["doctor"], &[]).await;
    assert_eq!(found.status.code(), Some(1), "{found:#?}");
    for advice in ["set-max-intset-entries is 512", "auto-aof-rewrite-min-size is 67108864", "1 keys are not riffle's"]
    {
        assert!(found.stdout.lines().any(|line| line.starts_with("advice: ") && line.contains(advice)), "{found:#?}");
    }
}
