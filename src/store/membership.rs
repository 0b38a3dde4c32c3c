//! Asking whether many ids are members of one set.

use super::client::Command;
use super::reply::Reply;
use crate::error::Result;

/// [`flags`] decodes the answer. `ids` must not be empty: Redis takes that for a mistake.
pub(super) fn command(key: String, ids: impl IntoIterator<Item = u64>) -> Command {
    Command::new("SMISMEMBER").arg(key).numbers(ids)
}

/// One flag for each id that was asked for.
pub(super) fn flags(reply: &Reply) -> Result<Vec<bool>> {
    Ok(reply.numbers()?.into_iter().map(|flag| flag == 1).collect())
}
