//! Publishing: what goes in comes out, in the list, in the feed, and byte for byte.

use crate::harness::{Server, World, clip};

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
