//! What an entry of an outbox says.

use super::reply::Reply;
use crate::error::{Error, Result};
use crate::id::{Bucket, UserId, VideoId};
use crate::model::{Change, EdgeChange, Registered};

#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    pub bucket: Bucket,
    /// Also the version of the change.
    pub position: u64,
    /// As they stand in the stream: the kind and its numbers in words, then the names of its texts and each text.
    pub fields: Vec<String>,
    /// What the fields say; `None` where that cannot be read.
    pub change: Option<Change>,
}

pub(super) fn decode(after: &[(Bucket, u64)], replies: &[Reply]) -> Result<Vec<OutboxEntry>> {
    let mut entries = Vec::new();
    for ((bucket, _), reply) in after.iter().zip(replies) {
        for entry in reply.array()? {
            entries.push(decode_one(*bucket, entry)?);
        }
    }
    Ok(entries)
}

pub(super) fn decode_one(bucket: Bucket, entry: &Reply) -> Result<OutboxEntry> {
    let bad = || Error::internal(format!("outbox {bucket} answered {entry:?}"));
    let [id, fields] = entry.array()? else { return Err(bad()) };
    let position = position(id)?.ok_or_else(bad)?;
    let fields: Vec<String> = fields
        .array()?
        .iter()
        .map(|field| String::from_utf8_lossy(field.bytes().map_or(&[], |bytes| &bytes[..])).into_owned())
        .collect();
    let change = change(&fields);
    Ok(OutboxEntry { bucket, position, fields, change })
}

/// A second part of the id that is not 0 is nothing we write; it sorts behind the same position.
pub(super) fn position(id: &Reply) -> Result<Option<u64>> {
    Ok(id.text()?.and_then(|id| id.split('-').next()?.parse().ok()))
}

/// The kind of an entry and its numbers: the kind is a field, they are its value. Of an entry of before layout 3 each had a
/// field, and the kind one called `kind`.
fn numbers(fields: &[String]) -> Option<(&str, Vec<u64>)> {
    let [first, second, rest @ ..] = fields else { return None };
    if first != "kind" {
        let numbers: Result<_, _> = second.split(' ').map(str::parse).collect();
        return Some((first, numbers.ok()?));
    }
    let names: &[&str] = match &second[..] {
        "video" => &["id", "author"],
        "favorite" | "follow" => &["from", "to", "on"],
        "comment" => &["id", "video", "user"],
        "message" => &["id", "low", "high", "from", "time"],
        _ => &["id"],
    };
    let numbers: Option<_> = names.iter().map(|name| text(rest, name)?.parse().ok()).collect();
    Some((second, numbers?))
}

fn text<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
}

fn change(fields: &[String]) -> Option<Change> {
    let text = |name| text(fields, name).map(str::to_owned);
    let (kind, numbers) = numbers(fields)?;
    Some(match (kind, &numbers[..]) {
        ("user", &[id]) => Change::User {
            id: UserId(id),
            registered: Registered { name: text("name")?, name_key: text("key")?, password_hash: text("hash")? },
        },
        ("video", &[id, author]) => {
            Change::Video { id: VideoId(id), author: UserId(author), title: text("title")?, object: text("object")? }
        }
        ("cover", &[id]) => Change::Cover { id: VideoId(id) },
        ("favorite", &[from, to, on @ 0..=1]) => Change::Favorite(EdgeChange { from, to, on: on == 1 }),
        ("follow", &[from, to, on @ 0..=1]) => Change::Follow(EdgeChange { from, to, on: on == 1 }),
        ("comment", &[id, video, user]) => {
            Change::Comment { id, video: VideoId(video), user: UserId(user), text: text("text")? }
        }
        ("uncomment", &[id]) => Change::Uncomment { id },
        ("message", &[id, low, high, from, time]) => Change::Message {
            id,
            low: UserId(low),
            high: UserId(high),
            from: UserId(from),
            time_ms: time as i64,
            text: text("text")?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_terminator(' ').map(str::to_owned).collect()
    }

    fn read(kind: &str, numbers: &str, texts: &str) -> Option<Change> {
        change(&[vec![kind.to_owned(), numbers.to_owned()], words(texts)].concat())
    }

    #[test]
    fn entries_are_read_or_named_unreadable() {
        let edge = EdgeChange { from: 7, to: 9, on: true };
        assert_eq!(read("favorite", "7 9 1", ""), Some(Change::Favorite(edge)));
        assert_eq!(read("uncomment", "5", ""), Some(Change::Uncomment { id: 5 }));
        for (kind, numbers) in [
            ("", ""),
            ("kind", ""),
            ("nothing", "7"),
            ("favorite", "x 9 1"),
            ("favorite", "7 9"),
            ("favorite", "7  9 1"),
            ("follow", "7 9 2"),
            ("comment", "5 9 7"),
        ] {
            assert_eq!(read(kind, numbers, ""), None, "{kind} {numbers}");
        }
    }

    #[test]
    fn entries_of_earlier_layouts_say_the_same() {
        for (former, kind, numbers, texts) in [
            ("user id 7 name mia key mia hash h", "user", "7", "name mia key mia hash h"),
            ("video id 9 author 7 title one object o", "video", "9 7", "title one object o"),
            ("cover id 9", "cover", "9", ""),
            ("favorite from 7 to 9 on 1", "favorite", "7 9 1", ""),
            ("follow from 7 to 8 on 0", "follow", "7 8 0", ""),
            ("comment id 5 video 9 user 7 text hi", "comment", "5 9 7", "text hi"),
            ("uncomment id 5 video 9", "uncomment", "5", ""),
            ("message id 6 low 7 high 8 from 8 time 1 text hi", "message", "6 7 8 8 1", "text hi"),
        ] {
            let said = change(&words(&format!("kind {former}")));
            assert!(said.is_some() && said == read(kind, numbers, texts), "{former}");
        }
        for unreadable in ["nothing", "favorite from x to 9 on 1", "follow from 7 to 9 on 2"] {
            assert_eq!(change(&words(&format!("kind {unreadable}"))), None, "{unreadable}");
        }
    }
}
