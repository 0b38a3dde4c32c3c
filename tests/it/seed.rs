//! The demo world: it is filled as asked, and filling it again adds nothing.

use serde_json::Value;

use crate::harness::{Client, Server, World, run};

const USERS: &str = "/douyin/user/";

/// The users and the videos, as the API shows them, from the authors of the feed.
async fn seen(client: &Client) -> (Vec<Value>, Vec<Value>) {
    let feed = client.get_json("/douyin/feed/").await;
    let videos = feed["video_list"].as_array().unwrap().clone();
    let login = [("username", videos[0]["author"]["name"].as_str().unwrap()), ("password", "riffle-demo")];
    let login = client.post_form("/douyin/user/login/", &login).await.json();
    assert_eq!(login["status_code"], 0, "{login}");
    let token = login["token"].as_str().unwrap();
    let mut users = Vec::new();
    for video in &videos {
        let id = &video["author"]["id"];
        users.push(client.get_json(&format!("{USERS}?token={token}&user_id={id}")).await["user"].clone());
        let path = format!("/douyin/relation/follower/list/?token={token}&user_id={id}");
        users.extend(client.get_json(&path).await["user_list"].as_array().unwrap().clone());
    }
    users.sort_by_key(|user| user["id"].as_u64());
    users.dedup_by_key(|user| user["id"].clone());
    (users, videos)
}

fn sum(of: &[Value], field: &str) -> u64 {
    of.iter().map(|entry| entry[field].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_seeded_world_is_as_asked_and_filling_it_again_adds_nothing() {
    let world = World::start().await;
    let asked = ["seed", "--users", "8", "--videos", "2", "--follows", "56", "--likes", "9", "--comments", "7"];
    let asked = [&asked[..], &["--messages", "11"]].concat();
    let first = run(&world, &asked, &[]).await;
    assert!(first.status.success(), "{first:#?}");
    let added = "8 users; added: 2 videos, 56 follows, 9 likes, 7 comments, 11 messages";
    assert!(first.stdout.contains(added), "{first:#?}");
    let again = run(&world, &asked, &[]).await;
    let nothing = "8 users; added: 0 videos, 0 follows, 0 likes, 0 comments, 0 messages";
    assert!(again.stdout.contains(nothing), "{again:#?}");

    let server = Server::start(&world, &[]).await;
    let (users, videos) = seen(&server.client()).await;
    assert_eq!((users.len(), videos.len()), (8, 2));
    assert_eq!((sum(&users, "follow_count"), sum(&users, "favorite_count")), (56, 9));
    assert_eq!((sum(&videos, "favorite_count"), sum(&videos, "comment_count")), (9, 7));
}

#[tokio::test]
async fn an_unfinished_world_is_completed() {
    let world = World::start().await;
    let asked = |messages: &'static str, comments: &'static str| {
        let sizes = ["seed", "--users", "6", "--videos", "1", "--follows", "30", "--messages", messages];
        [&sizes[..], &["--comments", comments]].concat()
    };
    let part = run(&world, &asked("5", "3"), &[]).await;
    assert!(part.stdout.contains("3 comments, 5 messages"), "{part:#?}");
    let whole = run(&world, &asked("9", "8"), &[]).await;
    assert!(whole.stdout.contains("added: 0 videos, 0 follows, 0 likes, 5 comments, 4 messages"), "{whole:#?}");
}
