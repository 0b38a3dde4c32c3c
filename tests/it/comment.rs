//! Comments.

use futures_util::future::join;
use riffle::feed::view::now_ms;
use riffle::http::format_date;
use riffle::id::{VideoId, lowest_at, unix_ms_of};
use riffle::store::keys;
use serde_json::{Value, json};
use time::UtcOffset;

use crate::harness::{Account, Client, Server, Shown, World, code, entries, eventually, ids};

const LIST: &str = "/douyin/comment/list/";

async fn start() -> (World, Server, [Account; 3], u64) {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let accounts =
        [client.register("author").await, client.register("writer").await, client.register("stranger").await];
    let video = client.publish_one(&accounts[0], "one").await;
    (world, server, accounts, video)
}

async fn comment_count(client: &Client) -> Value {
    client.get_json("/douyin/feed/").await["video_list"].as_array().unwrap().last().unwrap()["comment_count"].clone()
}

#[tokio::test]
async fn a_comment_is_shown_as_it_was_written_newest_first() {
    let (_world, server, [author, writer, _], video) = start().await;
    let client = server.client();
    let mut caller = client.caller().await;
    caller.follow(&author, writer.id, true).await;
    let texts = ["你好", "<b>&amp; 'quotes' \"double\"\n%41+", "last"];
    let mut made = Vec::new();
    for text in texts {
        let answer = caller.comment(&writer, video, text).await;
        let comment = answer["comment"].clone();
        assert_eq!((code(&answer), &comment["content"]), (0, &json!(text)));
        assert_eq!((&comment["user"]["id"], &comment["user"]["is_follow"]), (&json!(writer.id), &json!(false)));
        assert_eq!(comment["create_date"].as_str().unwrap().len(), "2023-04-05 22:29:01".len());
        made.push(comment);
    }
    made.reverse();
    let signed_out = caller.get(&format!("{LIST}?video_id={video}")).await;
    assert_eq!(entries(&signed_out, "comment_list"), made);
    let expired = caller.get(&format!("{LIST}?video_id={video}&token=no.real.token")).await;
    assert_eq!(entries(&expired, "comment_list"), made);
    let by_author = caller.see(&author, LIST, &[("video_id", &video)]).await;
    assert!(entries(&by_author, "comment_list").iter().all(|comment| comment["user"]["is_follow"] == true));
    assert_eq!(comment_count(&client).await, 3);
}

/// Ids run ahead of the clock after a recovery: the time shown stays behind until the clock has come to it.
#[tokio::test]
async fn a_comment_from_ahead_of_the_clock_has_its_own_time_in_the_end() {
    let (world, server, [_, writer, _], video) = start().await;
    let mut caller = server.client().caller().await;
    let comment = lowest_at(now_ms() + 5_000);
    let planted = format!("{comment} {} from the future", writer.id);
    world.redis_command("ZADD", &[&keys::comments(VideoId(video)), &comment.to_string(), &planted]).await;
    let its_own = format_date(unix_ms_of(comment), UtcOffset::from_hms(8, 0, 0).unwrap());
    let list = format!("{LIST}?video_id={video}");
    let mut shown = async || caller.get(&list).await["comment_list"][0]["create_date"].as_str().unwrap().to_owned();
    assert!(shown().await < its_own);
    eventually("the clock has come to the comment", async || (shown().await == its_own).then_some(())).await;
}

#[tokio::test]
async fn its_author_and_the_author_of_the_video_may_delete_it_and_nobody_else() {
    let (_world, server, [author, writer, stranger], video) = start().await;
    let client = server.client();
    let other_video = client.publish_one(&stranger, "another").await;
    let mut caller = client.caller().await;
    let mut comments = Vec::new();
    for text in ["first", "second", "third"] {
        comments.push(caller.comment(&writer, video, text).await["comment"]["id"].as_u64().unwrap());
    }
    for (actor, of, comment, expected) in [
        (&stranger, video, comments[0], 100009),
        (&stranger, other_video, comments[0], 100008),
        (&writer, other_video, comments[0], 100008),
        (&writer, video, 12_345, 100008),
        (&writer, 12_345, comments[0], 100007),
    ] {
        let answer = caller.uncomment(actor, of, comment).await;
        assert_eq!((code(&answer), &answer["comment"]), (expected, &Value::Null), "{answer}");
    }
    assert_eq!(comment_count(&client).await, 3);

    let deleted = caller.uncomment(&writer, video, comments[0]).await;
    assert_eq!((code(&deleted), &deleted["comment"]["content"]), (0, &json!("first")));
    assert_eq!(deleted["comment"]["user"]["id"], writer.id);
    let deleted = caller.uncomment(&author, video, comments[1]).await;
    assert_eq!((code(&deleted), &deleted["comment"]["user"]["id"]), (0, &json!(writer.id)));
    for gone in &comments[..2] {
        assert_eq!(code(&caller.uncomment(&writer, video, *gone).await), 100008);
    }
    assert_eq!(comment_count(&client).await, 1);
    let list = caller.see(&writer, LIST, &[("video_id", &video)]).await;
    assert_eq!(ids(&list, "comment_list"), comments[2..]);
}

#[tokio::test]
async fn what_is_no_comment_is_refused_and_counts_nothing() {
    let (_world, server, [author, ..], video) = start().await;
    let client = server.client();
    let mut caller = client.caller().await;
    let long = "长".repeat(513);
    for (query, expected) in [
        (format!("video_id={video}&action_type=1"), 100001),
        (format!("video_id={video}&action_type=1&comment_text="), 100001),
        (format!("video_id={video}&action_type=1&comment_text={}", "a".repeat(513)), 100001),
        (format!("video_id={video}&action_type=1&comment_text=a%00b"), 100001),
        (format!("video_id={video}&action_type=0&comment_text=a"), 100001),
        (format!("video_id={video}&comment_text=a"), 100001),
        (format!("video_id={video}&action_type=2"), 100001),
        (format!("video_id={video}&action_type=2&comment_id=-1"), 100001),
        ("video_id=12345&action_type=1&comment_text=a".to_owned(), 100007),
        ("action_type=1&comment_text=a".to_owned(), 100001),
    ] {
        let answer = caller.post(&format!("/douyin/comment/action/?token={}&{query}", author.token)).await;
        assert_eq!((code(&answer), answer.get("comment")), (expected, Some(&Value::Null)), "{query}: {answer}");
    }
    assert_eq!(code(&caller.comment(&author, video, &long).await), 100001);
    assert_eq!(code(&caller.comment(&author, video, &long[3..]).await), 0);
    let answer = caller.post(&format!("/douyin/comment/action/?video_id={video}&action_type=1&comment_text=a")).await;
    assert_eq!((code(&answer), &answer["comment"]), (100003, &Value::Null));
    let unknown = caller.get(&format!("{LIST}?video_id=12345")).await;
    assert_eq!((code(&unknown), &unknown["comment_list"]), (100007, &json!([])));
    assert_eq!(comment_count(&client).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_show_what_was_there_all_the_while_exactly_once() {
    let (_world, server, [author, writer, stranger], video) = start().await;
    let mut caller = server.client().caller().await;
    let mut kept = Vec::new();
    for number in 0..50 {
        kept.push(caller.comment(&author, video, &number.to_string()).await["comment"]["id"].as_u64().unwrap());
    }
    let mut fleeting = Vec::new();
    for number in 0..50 {
        fleeting.push(caller.comment(&writer, video, &number.to_string()).await["comment"]["id"].as_u64().unwrap());
    }
    kept.reverse();
    let writes = async {
        let mut caller = server.client().caller().await;
        for comment in &fleeting {
            caller.uncomment(&writer, video, *comment).await;
            caller.comment(&stranger, video, "new").await;
        }
    };
    let reads = async {
        for _ in 0..4 {
            let (mut seen, mut cursor) = (Vec::new(), 0);
            loop {
                let params: [(&str, Shown<'_>); 3] = [("video_id", &video), ("limit", &7), ("cursor", &cursor)];
                let page = caller.see(&author, LIST, &params).await;
                assert!(ids(&page, "comment_list").len() <= 7);
                seen.extend(ids(&page, "comment_list"));
                cursor = page["next_cursor"].as_u64().unwrap();
                if cursor == 0 {
                    break;
                }
            }
            assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
            seen.retain(|id| kept.contains(id));
            assert_eq!(seen, kept);
        }
    };
    join(writes, reads).await;
}
