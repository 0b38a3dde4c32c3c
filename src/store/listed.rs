//! Pages of lists that are kept: what they hold of a timeline, and how much room that takes.

use std::sync::Arc;

use super::cards::{CacheOf, Card, Cards, Kept};
use super::reply::Reply;
use super::timeline::List;
use crate::error::Result;
use crate::model::Entry;

/// Of a short page.
pub(super) const PAGE_BYTES: u64 = 500;

/// An entry of a list.
pub trait Listed: Sized + Clone + Send + Sync + 'static {
    /// From what Redis told of a page.
    fn all(list: &List, told: &Reply) -> Result<Vec<Self>>;

    /// The video or the user that has to be shown with it.
    fn named(&self) -> u64;

    /// What it takes beside its own size.
    fn text_bytes(&self) -> usize {
        0
    }

    fn cache(cards: &Cards) -> &ListCache<Self>;
}

impl Listed for Entry {
    fn all(list: &List, told: &Reply) -> Result<Vec<Entry>> {
        list.entries(told)
    }

    fn named(&self) -> u64 {
        self.id
    }

    fn cache(cards: &Cards) -> &ListCache<Entry> {
        &cards.entries
    }
}

pub type ListCard<T> = Card<Arc<[T]>>;
pub type ListCache<T> = CacheOf<List, ListCard<T>>;

impl<T: Listed> Kept for ListCard<T> {
    fn bytes(&self) -> usize {
        let entries = self.value.iter().map(|entry| size_of::<T>() + entry.text_bytes());
        size_of::<ListCard<T>>() + entries.sum::<usize>()
    }
}
