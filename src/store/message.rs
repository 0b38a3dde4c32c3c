//! Chats in Redis. A chat lives in the bucket of the lower of its two users' ids.

use std::sync::Arc;

use bytes::Bytes;

use super::client::Command;
use super::keys;
use super::reply::Reply;
use super::run::{Home, Read, Run};
use super::script;
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::model::MessageRecord;

/// How a message is stored: `<id> <sender id> <text>`.
pub fn member(message: &MessageRecord) -> String {
    format!("{} {} {}", message.id, message.from, message.text)
}

/// Two users in the order in which their chat is stored.
pub fn pair(one: UserId, other: UserId) -> (UserId, UserId) {
    if one < other { (one, other) } else { (other, one) }
}

/// Messages of a chat from an answer with scores: `<id> <sender id> <text>`, time, …
fn records(one: UserId, other: UserId, reply: &Reply) -> Result<Vec<MessageRecord>> {
    let bad = || Error::internal("a member that is no message");
    let mut messages = Vec::new();
    for entry in reply.array()?.chunks(2) {
        let [member, time] = entry else { return Err(bad()) };
        let mut words = member.text()?.unwrap_or_default().splitn(3, ' ');
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(id), Some(from), Some(text)) = (number(), number(), words.next()) else { return Err(bad()) };
        let from = UserId(from);
        let to = if from == one { other } else { one };
        let time_ms = time.required_number()? as i64;
        messages.push(MessageRecord { id, from, to, text: text.to_owned(), time_ms });
    }
    Ok(messages)
}

/// Sends a message; gives its id. `anyone`: also between users who are not friends, else that is 100010.
pub async fn send(run: &Arc<Run>, from: UserId, to: UserId, text: &str, anyone: bool) -> Result<u64> {
    let (low, high) = pair(from, to);
    let keys = [keys::outbox(low.bucket()), keys::friends(low), keys::chat(low, high)];
    let arguments = [
        Bytes::from(low.to_string()),
        Bytes::from(high.to_string()),
        Bytes::from(from.to_string()),
        Bytes::copy_from_slice(text.as_bytes()),
        Bytes::from_static(if anyone { b"anyone" } else { b"friends" }),
    ];
    Home::new(run, low.bucket()).call_minting(&script::MESSAGE_SEND, keys, arguments).await
}

/// At most `limit` messages between two users, in the order of their time: the oldest after `after_ms`, or without it
/// the newest. 100006 where `other` is unknown.
pub async fn list(
    run: &Arc<Run>,
    viewer: UserId,
    other: UserId,
    after_ms: Option<i64>,
    limit: usize,
) -> Result<Vec<MessageRecord>> {
    let (low, high) = pair(viewer, other);
    let chat = Command::new("ZRANGE").arg(keys::chat(low, high));
    let chat = match after_ms {
        Some(after_ms) => chat.arg(format!("({after_ms}")).arg("+inf").arg("BYSCORE"),
        None => chat.arg("+inf").arg("-inf").arg("BYSCORE").arg("REV"),
    };
    let mut read = Read::new(run);
    read.push(other.bucket(), Command::new("EXISTS").arg(keys::user(other)));
    read.push(low.bucket(), chat.arg("LIMIT").arg("0").arg(limit.to_string()).arg("WITHSCORES"));
    let mut messages = match &read.send().await?[..] {
        [exists, messages] if exists.number()? == Some(1) => records(viewer, other, messages)?,
        _ => return Err(Code::NoUser.into()),
    };
    if after_ms.is_none() {
        messages.reverse();
    }
    Ok(messages)
}

/// The newest message with each of `others`, in one round trip.
pub async fn newest(run: &Arc<Run>, viewer: UserId, others: &[UserId]) -> Result<Vec<Option<MessageRecord>>> {
    let mut read = Read::new(run);
    for other in others {
        let (low, high) = pair(viewer, *other);
        let newest = Command::new("ZRANGE").arg(keys::chat(low, high)).arg("-1").arg("-1").arg("WITHSCORES");
        read.push(low.bucket(), newest);
    }
    let replies = read.send().await?;
    others.iter().zip(replies).map(|(other, reply)| Ok(records(viewer, *other, &reply)?.pop())).collect()
}
