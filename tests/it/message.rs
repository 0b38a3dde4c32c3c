//! Chats: who may write, what a reader gets, and that he gets it once.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use riffle::http::format_date;
use riffle::id::UserId;
use riffle::store::keys;
use serde_json::Value;
use time::UtcOffset;

use crate::harness::{Account, Caller, Client, Server, Shown, World, code, entries};

/// A server, and that many accounts of which the first is a friend of all others.
async fn friends(count: usize) -> (World, Server, Vec<Account>) {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let accounts = server.client().register_many("friend", count).await;
    let mut caller = server.client().caller().await;
    for other in &accounts[1..] {
        caller.befriend(&accounts[0], other).await;
    }
    (world, server, accounts)
}

fn texts(chat: &Value) -> Vec<String> {
    entries(chat, "message_list").iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// Reads as a client does: from nothing, then after the last time it saw, until it has so many.
async fn poll(client: Client, viewer: &Account, other: &Account, count: usize) -> Vec<String> {
    let mut caller = client.caller().await;
    let (mut seen, mut last_time) = (Vec::new(), 0);
    while seen.len() < count {
        let chat = caller.chat(viewer, other.id, Some(&last_time)).await;
        for message in entries(&chat, "message_list") {
            let time = message["create_time"].as_u64().unwrap();
            assert!(time > last_time, "{message} after {last_time}");
            last_time = time;
        }
        seen.extend(texts(&chat));
    }
    let chat = caller.chat(viewer, other.id, Some(&last_time)).await;
    assert_eq!(texts(&chat), [""; 0], "more than was sent");
    seen
}

async fn write(client: Client, from: &Account, to: &Account, writer: &str, count: usize) {
    let mut caller = client.caller().await;
    for number in 0..count {
        let sent = caller.send(from, to.id, &format!("{writer} {number}")).await;
        assert_eq!(code(&sent), 0, "{sent}");
    }
}

/// Each writer's messages, which come in the order of their numbers or not at all.
fn per_writer(seen: &[String]) -> BTreeMap<&str, Vec<usize>> {
    let mut writers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for text in seen {
        let (writer, number) = text.rsplit_once(' ').unwrap();
        writers.entry(writer).or_default().push(number.parse().unwrap());
    }
    writers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_gets_every_message_once_and_in_order_while_ten_write() {
    const EACH: usize = 40;
    let (_world, server, accounts) = friends(6).await;
    let client = server.client();
    let (hub, others) = accounts.split_first().unwrap();
    let writers = join_all(
        others
            .iter()
            .map(|other| join(write(client, hub, other, "hub", EACH), write(client, other, hub, "other", EACH))),
    );
    let readers = join_all(
        others.iter().map(|other| join(poll(client, hub, other, 2 * EACH), poll(client, other, hub, 2 * EACH))),
    );
    let (_, seen) = join(writers, readers).await;
    let mut caller = client.caller().await;
    for (other, (by_hub, by_other)) in others.iter().zip(seen) {
        assert_eq!(by_hub, by_other);
        assert_eq!(by_hub, texts(&caller.chat(hub, other.id, None).await));
        let numbers: Vec<usize> = (0..EACH).collect();
        assert_eq!(per_writer(&by_hub), [("hub", numbers.clone()), ("other", numbers)].into());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_gets_every_message_once_when_ten_write_into_one_chat() {
    const EACH: usize = 40;
    let (_world, server, accounts) = friends(2).await;
    let (client, one, other) = (server.client(), &accounts[0], &accounts[1]);
    let names: Vec<String> = (0..10).map(|number| format!("writer{number}")).collect();
    let writers = join_all(names.iter().enumerate().map(|(number, name)| {
        let (from, to) = if number % 2 == 0 { (one, other) } else { (other, one) };
        write(client, from, to, name, EACH)
    }));
    let readers = join(poll(client, one, other, 10 * EACH), poll(client, other, one, 10 * EACH));
    let (_, (by_one, by_other)) = join(writers, readers).await;
    assert_eq!(by_one, by_other);
    assert!(per_writer(&by_one).values().all(|numbers| numbers.iter().copied().eq(0..EACH)), "{by_one:?}");
}

/// The clock stands still for a chat whose newest message is ahead of it: all that is sent shares its millisecond.
#[tokio::test]
async fn messages_of_one_millisecond_get_times_of_their_own() {
    let (world, server, accounts) = friends(2).await;
    let mut caller = server.client().caller().await;
    let (one, other) = (&accounts[0], &accounts[1]);
    let (low, high) = (UserId(one.id.min(other.id)), UserId(one.id.max(other.id)));
    let ahead: u64 = 4_000_000_000_000;
    let planted = format!("{} {} from the future", low.0, low.0);
    world.redis_command("ZADD", &[&keys::chat(low, high), &ahead.to_string(), &planted]).await;
    for number in 0..20 {
        caller
            .send(
                if number % 2 == 0 { one } else { other },
                if number % 2 == 0 { other.id } else { one.id },
                &number.to_string(),
            )
            .await;
    }
    for (viewer, with) in [(one, other), (other, one)] {
        for number in 0..20 {
            let chat = caller.chat(viewer, with.id, Some(&(ahead + number))).await;
            assert_eq!(texts(&chat), (number..20).map(|number| number.to_string()).collect::<Vec<_>>());
            assert_eq!(chat["message_list"][0]["create_time"], ahead + number + 1);
        }
    }
}

#[tokio::test]
async fn messages_survive_a_restart_of_the_server() {
    let (world, server, accounts) = friends(2).await;
    let (one, other) = (&accounts[0], &accounts[1]);
    let mut caller = server.client().caller().await;
    caller.send(one, other.id, "read before").await;
    let chat = caller.chat(other, one.id, Some(&0)).await;
    let last_time = chat["message_list"][0]["create_time"].as_u64().unwrap();
    caller.send(one, other.id, "unread").await;
    server.kill().await;

    let server = Server::start(&world, &[]).await;
    let mut caller = server.client().caller().await;
    assert_eq!(code(&caller.send(other, one.id, "and on").await), 0);
    assert_eq!(texts(&caller.chat(other, one.id, Some(&last_time)).await), ["unread", "and on"]);
    assert_eq!(texts(&caller.chat(one, other.id, None).await), ["read before", "unread", "and on"]);
}

#[tokio::test]
async fn pre_msg_time_is_taken_in_every_dialect() {
    let (_world, server, accounts) = friends(2).await;
    let (one, other) = (&accounts[0], &accounts[1]);
    let mut caller = server.client().caller().await;
    let mut times = Vec::new();
    for text in ["a", "b", "c"] {
        caller.send(one, other.id, text).await;
        let chat = caller.chat(one, other.id, Some(&0)).await;
        times.push(entries(&chat, "message_list").last().unwrap()["create_time"].as_u64().unwrap());
    }
    let dates: Vec<Value> =
        times.iter().map(|ms| format_date(*ms as i64, UtcOffset::from_hms(8, 0, 0).unwrap()).into()).collect();
    let times: Vec<Value> = times.into_iter().map(Value::from).collect();
    let ms = |place: usize| times[place].as_u64().unwrap();
    let shown = |chat: &Value| -> Vec<Value> {
        entries(chat, "message_list").iter().map(|message| message["create_time"].clone()).collect()
    };

    assert_eq!(shown(&caller.chat(other, one.id, None).await), dates);
    assert_eq!(shown(&caller.chat(other, one.id, Some(&"")).await), dates);
    let a_date_before = format_date(ms(0) as i64 - 2_000, UtcOffset::from_hms(8, 0, 0).unwrap());
    let seconds_before = ms(0) / 1_000 - 2;
    let all: [Shown<'_>; 6] =
        [&0, &"soon", &seconds_before, &(ms(0) - 1), &a_date_before, &format!("{:e}", seconds_before as f64)];
    for dialect in all {
        assert_eq!(shown(&caller.chat(other, one.id, Some(dialect)).await), times, "{dialect}");
    }
    assert_eq!(shown(&caller.chat(other, one.id, Some(&ms(0))).await), times[1..]);
    assert_eq!(shown(&caller.chat(other, one.id, Some(&ms(2))).await), [0; 0]);
    assert_eq!(shown(&caller.chat(other, one.id, Some(&(ms(2) / 1_000 + 1))).await), [0; 0]);
    // A date repeats what shares its second, and loses nothing.
    let repeated = shown(&caller.chat(other, one.id, Some(&dates[2].as_str().unwrap())).await);
    assert_eq!(repeated.last(), times.last());
}

#[tokio::test]
async fn the_settings_of_chats_do_what_they_say() {
    let (world, server, accounts) = friends(3).await;
    let (one, other, stranger) = (&accounts[0], &accounts[1], &accounts[2]);
    let mut caller = server.client().caller().await;
    caller.send(one, other.id, "sent").await;
    caller.send(other, one.id, "received").await;

    let texts_server = Server::start(&world, &[("message_time", "text"), ("chat", "anyone")]).await;
    let mut caller = texts_server.client().caller().await;
    for pre_msg_time in [None, Some(&0 as Shown<'_>), Some(&1)] {
        let chat = caller.chat(one, other.id, pre_msg_time).await;
        assert!(chat["message_list"][0]["create_time"].is_string(), "{chat}");
    }
    assert_eq!(code(&caller.send(stranger, other.id, "hello").await), 0);
    assert_eq!(texts(&caller.chat(other, stranger.id, None).await), ["hello"]);
    let friends = caller.see(stranger, "/douyin/relation/friend/list/", &[]).await;
    assert_eq!(entries(&friends, "user_list").len(), 1, "writing makes no friends: {friends}");

    let received =
        Server::start(&world, &[("message_time", "millis"), ("chat_poll", "received"), ("list_max", "2")]).await;
    let mut caller = received.client().caller().await;
    let chat = caller.chat(one, other.id, None).await;
    assert_eq!(texts(&chat), ["sent", "received"]);
    let first = chat["message_list"][0]["create_time"].as_u64().unwrap();
    assert_eq!(texts(&caller.chat(one, other.id, Some(&(first - 1))).await), ["received"]);
    assert_eq!(texts(&caller.chat(other, one.id, Some(&(first - 1))).await), ["sent"]);
    // Pages full of one's own messages do not stop the clock of the reader.
    for number in 0..5 {
        caller.send(one, other.id, &format!("more {number}")).await;
    }
    caller.send(other, one.id, "at last").await;
    let second = entries(&chat, "message_list")[1]["create_time"].as_u64().unwrap();
    assert_eq!(texts(&caller.chat(one, other.id, Some(&second)).await), ["at last"]);
}

#[tokio::test]
async fn only_friends_write_and_history_stays_readable() {
    let (_world, server, accounts) = friends(3).await;
    let (one, friend, third) = (&accounts[0], &accounts[1], &accounts[2]);
    let mut caller = server.client().caller().await;
    let refused = async |caller: &mut Caller, from: &Account, to: u64, expected: u64| {
        let answer = caller.send(from, to, "refused").await;
        assert_eq!(code(&answer), expected, "{answer}");
    };
    refused(&mut caller, friend, third.id, 100010).await;
    caller.follow(friend, third.id, true).await;
    refused(&mut caller, friend, third.id, 100010).await;
    refused(&mut caller, third, friend.id, 100010).await;
    refused(&mut caller, one, one.id, 100001).await;
    refused(&mut caller, one, 12_345, 100006).await;
    assert_eq!(code(&caller.chat(one, 12_345, None).await), 100006);
    assert_eq!(caller.chat(one, 12_345, None).await["message_list"], Value::Array(vec![]));
    assert_eq!(code(&caller.chat(one, one.id, None).await), 100001);
    let to = [("to_user_id", &friend.id as Shown<'_>), ("content", &"which action?")];
    assert_eq!(code(&caller.act(one, "/douyin/message/action/", &to).await), 100001);

    assert_eq!(code(&caller.send(one, friend.id, "while we were friends").await), 0);
    caller.follow(friend, one.id, false).await;
    refused(&mut caller, one, friend.id, 100010).await;
    refused(&mut caller, friend, one.id, 100010).await;
    for (viewer, other) in [(one, friend), (friend, one)] {
        assert_eq!(texts(&caller.chat(viewer, other.id, None).await), ["while we were friends"]);
    }
    caller.follow(friend, one.id, true).await;
    assert_eq!(code(&caller.send(friend, one.id, "again").await), 0);
}

#[tokio::test]
async fn nobody_reads_the_messages_of_others() {
    let (_world, server, accounts) = friends(3).await;
    let (hub, friend, stranger) = (&accounts[0], &accounts[1], &accounts[2]);
    let mut caller = server.client().caller().await;
    caller.send(hub, friend.id, "between us").await;
    // Whoever one claims to be, the token says who reads.
    for (key, value) in [("user_id", hub.id), ("from_user_id", hub.id), ("to_user_id", friend.id)] {
        for other in [hub.id, friend.id] {
            let params: [(&str, Shown<'_>); 2] = [("to_user_id", &other), (key, &value)];
            let chat = caller.see(stranger, "/douyin/message/chat/", &params).await;
            assert_eq!(texts(&chat), [""; 0], "{chat}");
        }
    }
    let forged = Account { token: format!("{}x", hub.token), ..hub.clone() };
    assert_eq!(code(&caller.chat(&forged, friend.id, None).await), 100003);
    let friends = caller.see(stranger, "/douyin/relation/friend/list/", &[("user_id", &friend.id)]).await;
    assert_eq!(entries(&friends, "user_list").len(), 1);
    assert_eq!(friends["user_list"][0]["message"], "", "{friends}");
}
