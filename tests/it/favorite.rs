//! Likes.

use serde_json::{Value, json};

use crate::harness::{Account, Caller, Client, Server, Shown, World, code, entries, ids};

/// `[like count of the video, likes its author has, videos the viewer likes, whether he likes this one]`
async fn counts(caller: &mut Caller, viewer: &Account, video: u64) -> Value {
    let feed = caller.see(viewer, "/douyin/feed/", &[]).await;
    let shown = entries(&feed, "video_list").iter().find(|shown| shown["id"] == video).unwrap();
    let user = &caller.see(viewer, "/douyin/user/", &[]).await["user"];
    let author = &shown["author"];
    json!([shown["favorite_count"], author["total_favorited"], user["favorite_count"], shown["is_favorite"]])
}

#[tokio::test]
async fn likes_count_once_however_often_they_are_repeated() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let [author, fan] = [client.register("author").await, client.register("fan").await];
    let video = client.publish_one(&author, "one").await;
    let mut caller = client.caller().await;

    assert_eq!(counts(&mut caller, &fan, video).await, json!([0, 0, 0, false]));
    for (on, expected) in [
        (false, json!([0, 0, 0, false])),
        (true, json!([1, 1, 1, true])),
        (true, json!([1, 1, 1, true])),
        (false, json!([0, 0, 0, false])),
        (false, json!([0, 0, 0, false])),
        (true, json!([1, 1, 1, true])),
    ] {
        assert_eq!(caller.favorite(&fan, video, on).await, json!({"status_code": 0, "status_msg": "success"}));
        assert_eq!(counts(&mut caller, &fan, video).await, expected);
    }
    // One's own video too; and whether it is liked is a matter of who looks.
    assert_eq!(counts(&mut caller, &author, video).await, json!([1, 1, 0, false]));
    caller.favorite(&author, video, true).await;
    assert_eq!(counts(&mut caller, &author, video).await, json!([2, 2, 1, true]));
    let signed_out = client.get_json("/douyin/feed/").await;
    assert_eq!(signed_out["video_list"][0]["is_favorite"], false);
}

#[tokio::test]
async fn what_cannot_be_liked_is_refused_with_its_code() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let author = client.register("author").await;
    let video = client.publish_one(&author, "one").await;
    let mut caller = client.caller().await;
    let path = "/douyin/favorite/action/";
    for (query, expected) in [
        (format!("video_id={video}"), 100001),
        (format!("video_id={video}&action_type=0"), 100001),
        (format!("video_id={video}&action_type=3"), 100001),
        (format!("video_id={video}&action_type=like"), 100001),
        ("action_type=1".to_owned(), 100001),
        ("action_type=1&video_id=-1".to_owned(), 100001),
        ("action_type=1&video_id=x".to_owned(), 100001),
        ("action_type=1&video_id=12345".to_owned(), 100007),
        (format!("action_type=2&video_id={}", author.id), 100007),
        (format!("action_type=1&video_id={}", (1_u64 << 53) - 1), 100007),
    ] {
        let answer = caller.post(&format!("{path}?token={}&{query}", author.token)).await;
        assert_eq!(code(&answer), expected, "{query}: {answer}");
        assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    }
    let answer = caller.post(&format!("{path}?video_id={video}&action_type=1")).await;
    assert_eq!(code(&answer), 100003);
    let list = caller.see(&author, "/douyin/favorite/list/", &[("user_id", &12_345)]).await;
    assert_eq!((code(&list), &list["video_list"]), (100006, &json!([])));
    assert_eq!(counts(&mut caller, &author, video).await, json!([0, 0, 0, false]));
}

async fn publish_by_many(client: &Client, count: usize) -> (Vec<Account>, Vec<u64>) {
    let authors = client.register_many("author", count).await;
    let mut videos = Vec::new();
    for author in &authors {
        videos.push(client.publish_one(author, "one of many").await);
    }
    (authors, videos)
}

#[tokio::test]
async fn the_list_is_last_liked_first_and_pages_exactly_while_likes_come_and_go() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let (accounts, videos) = publish_by_many(&client, 8).await;
    let (fan, viewer) = (&accounts[0], &accounts[1]);
    let mut caller = client.caller().await;
    let path = "/douyin/favorite/list/";
    for video in &videos {
        caller.favorite(fan, *video, true).await;
        // The next like is one of a later millisecond, to which the order is exact.
        client.register(&format!("time passes {video}")).await;
    }
    caller.favorite(viewer, videos[3], true).await;

    let whole = caller.see(viewer, path, &[("user_id", &fan.id)]).await;
    let newest_first: Vec<u64> = videos.iter().rev().copied().collect();
    assert_eq!(ids(&whole, "video_list"), newest_first);
    assert_eq!((&whole["has_more"], &whole["next_cursor"]), (&json!(false), &json!(0)));
    let liked_by_viewer: Vec<bool> =
        entries(&whole, "video_list").iter().map(|video| video["is_favorite"].as_bool().unwrap()).collect();
    assert_eq!(liked_by_viewer, newest_first.iter().map(|video| *video == videos[3]).collect::<Vec<_>>());

    let (mut seen, mut cursor) = (Vec::new(), 0);
    loop {
        let params: [(&str, Shown<'_>); 3] = [("user_id", &fan.id), ("limit", &3), ("cursor", &cursor)];
        let page = caller.see(viewer, path, &params).await;
        seen.extend(ids(&page, "video_list"));
        cursor = page["next_cursor"].as_u64().unwrap();
        assert_eq!(page["has_more"], cursor != 0);
        if cursor == 0 {
            break;
        }
        // The first of all leaves and comes back between two pages: it was not there all the while.
        caller.favorite(fan, videos[7], false).await;
        caller.favorite(fan, videos[7], true).await;
    }
    assert_eq!(seen, newest_first);
}

/// After a recovery ids are ahead of the clock; order is not to suffer from that.
#[tokio::test]
async fn what_is_published_right_after_a_recovery_stands_in_its_order() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let authors = server.client().register_many("author", 8).await;
    server.kill().await;
    world.redis_command("FLUSHALL", &[]).await;

    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mut published = Vec::new();
    for author in authors.iter().chain(authors.iter().rev()) {
        published.push(client.publish_one(author, "in order").await);
    }
    published.reverse();
    assert_eq!(ids(&client.get_json("/douyin/feed/").await, "video_list"), published);
    let mut caller = client.caller().await;
    for video in published.iter().take(8) {
        caller.favorite(&authors[0], *video, true).await;
        client.publish(&authors[0], "time passes").await;
    }
    let list = caller.see(&authors[0], "/douyin/favorite/list/", &[]).await;
    assert_eq!(ids(&list, "video_list"), published[..8].iter().rev().copied().collect::<Vec<_>>());
}
