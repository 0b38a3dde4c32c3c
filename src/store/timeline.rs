//! Reading timelines: sorted sets whose members and scores are ids.

use super::client::Command;

/// The newest `limit` members below `before`.
pub(super) fn newest_below(key: String, before: Option<u64>, limit: usize) -> Command {
    let below = before.map_or_else(|| "+inf".to_owned(), |before| format!("({before}"));
    let command = Command::new("ZRANGE").arg(key).arg(below).arg("-inf").arg("BYSCORE").arg("REV");
    command.arg("LIMIT").arg("0").arg(limit.to_string())
}
