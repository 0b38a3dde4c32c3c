//! Reading timelines: sorted sets whose scores are ids.

use super::client::Command;
use super::reply::Reply;
use crate::error::Result;
use crate::model::Entry;

/// The newest `limit` members with scores below `before`.
pub(super) fn newest_below(key: String, before: Option<u64>, limit: usize) -> Command {
    let below = before.map_or_else(|| "+inf".to_owned(), |before| format!("({before}"));
    let command = Command::new("ZRANGE").arg(key).arg(below).arg("-inf").arg("BYSCORE").arg("REV");
    command.arg("LIMIT").arg("0").arg(limit.to_string())
}

/// From an answer with scores.
pub(super) fn entries(reply: &Reply) -> Result<Vec<Entry>> {
    let numbers = reply.numbers()?;
    Ok(numbers.chunks_exact(2).map(|pair| Entry { id: pair[0], place: pair[1] }).collect())
}
