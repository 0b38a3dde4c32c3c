//! Asking who are members: of one set, or of an order and the set of those that were trimmed from it.

use super::client::Command;
use super::reply::Reply;
use crate::error::Result;
use crate::model::Order;

/// Whether ids are in a set; [`flags`] decodes the answer. `ids` must not be empty: Redis takes that for a mistake.
pub(super) fn command(key: String, ids: impl IntoIterator<Item = u64>) -> Command {
    Command::new("SMISMEMBER").arg(key).numbers(ids)
}

/// One flag for each id that was asked for.
pub(super) fn flags(reply: &Reply) -> Result<Vec<bool>> {
    Ok(reply.numbers()?.into_iter().map(|flag| flag == 1).collect())
}

impl Order {
    /// Whether ids are members; [`placed_flags`] decodes the two answers. The order is asked first: whoever is trimmed from
    /// it meanwhile is then seen in both places, not in none. Not for followers, whose older ones lie in sub-sets.
    pub(super) fn asks_members(self, ids: impl Iterator<Item = u64> + Clone) -> [Command; 2] {
        [Command::new("ZMSCORE").arg(self.key()).numbers(ids.clone()), command(self.older(), ids)]
    }

    /// All members; [`placed_members`] decodes the two answers.
    pub(super) fn asks_all_members(self) -> [Command; 2] {
        [Command::new("ZRANGE").arg(self.key()).arg("0").arg("-1"), Command::new("SMEMBERS").arg(self.older())]
    }
}

pub(super) fn placed_flags(places: &Reply, older: &Reply) -> Result<Vec<bool>> {
    let places = places.array()?.iter().map(|place| *place != Reply::Nil);
    Ok(places.zip(flags(older)?).map(|(is_placed, is_older)| is_placed || is_older).collect())
}

/// Sorted.
pub(super) fn placed_members(order: &Reply, older: &Reply) -> Result<Box<[u64]>> {
    let mut members = order.numbers()?;
    members.extend(older.numbers()?);
    members.sort_unstable();
    members.dedup();
    Ok(members.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(numbers: &[i64]) -> Reply {
        Reply::Array(numbers.iter().copied().map(Reply::Integer).collect())
    }

    #[test]
    fn members_are_found_in_the_order_and_among_the_older_ones() {
        let places =
            Reply::Array(vec![Reply::Bytes("8192003".into()), Reply::Nil, Reply::Nil, Reply::Bytes("1".into())]);
        assert_eq!(placed_flags(&places, &numbers(&[0, 1, 0, 1])).unwrap(), [true, true, false, true]);
        assert_eq!(*placed_members(&numbers(&[9, 3]), &numbers(&[7, 3])).unwrap(), [3, 7, 9]);
    }
}
