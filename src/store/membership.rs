//! Asking whether many ids are members of one set.

use std::collections::HashSet;

use super::client::Command;
use super::reply::Reply;
use crate::error::Result;

/// From so many ids on it is worth knowing how large the set is.
pub(super) const MANY: usize = 64;

/// [`flags`] decodes the answer. `ids` must not be empty: Redis takes that for a mistake.
pub(super) fn command(key: String, ids: impl IntoIterator<Item = u64>) -> Command {
    Command::new("SMISMEMBER").arg(key).numbers(ids)
}

/// One flag for each id that was asked for.
pub(super) fn flags(reply: &Reply) -> Result<Vec<bool>> {
    Ok(reply.numbers()?.into_iter().map(|flag| flag == 1).collect())
}

/// Where there are many more ids than members, these are asked for instead; `members`: how many there are, as far as that
/// is known.
pub(super) enum Asked {
    Members,
    Flags,
}

impl Asked {
    pub(super) fn of(ids: usize, members: Option<u64>) -> Asked {
        match members {
            Some(members) if ids >= MANY && members <= ids as u64 / 2 => Asked::Members,
            _ => Asked::Flags,
        }
    }

    pub(super) fn command(&self, key: String, ids: impl IntoIterator<Item = u64>) -> Command {
        match self {
            Asked::Members => Command::new("SMEMBERS").arg(key),
            Asked::Flags => command(key, ids),
        }
    }

    /// One flag for each of the same ids.
    pub(super) fn flags(&self, reply: &Reply, ids: impl IntoIterator<Item = u64>) -> Result<Vec<bool>> {
        match self {
            Asked::Members => {
                let members: HashSet<u64> = reply.numbers()?.into_iter().collect();
                Ok(ids.into_iter().map(|id| members.contains(&id)).collect())
            }
            Asked::Flags => flags(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_asked_for_where_there_are_few() {
        let is_of_members = |ids, members| matches!(Asked::of(ids, members), Asked::Members);
        let asked = [(1_000, Some(10)), (1_000, Some(501)), (1_000, None), (20, Some(1))];
        assert_eq!(asked.map(|(ids, members)| is_of_members(ids, members)), [true, false, false, false]);
        let members = Reply::Array(vec![Reply::Bytes("7".into()), Reply::Bytes("3".into())]);
        assert_eq!(Asked::Members.flags(&members, [3, 4, 7]).unwrap(), [true, false, true]);
        let flags = Reply::Array([1, 0, 1].map(Reply::Integer).into());
        assert_eq!(Asked::Flags.flags(&flags, [3, 4, 7]).unwrap(), [true, false, true]);
    }
}
