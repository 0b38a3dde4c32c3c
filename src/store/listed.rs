//! Pages of lists that are kept: what they hold of a timeline, and how much room that may take.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::cards::{Card, Cards};
use super::reply::Reply;
use super::timeline::List;
use crate::error::Result;
use crate::model::Entry;

/// Of all pages of one kind.
const BYTES_MAX: u64 = 16 << 20;
/// What a page takes beside its entries.
const PAGE_BYTES: usize = 256;
/// A guess, from which the cache takes the size of its tables.
const PAGES_EXPECTED: usize = 10_000;

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
pub type ListCache<T> = Cache<List, Arc<ListCard<T>>, Weight>;

pub(super) fn cache<T: Listed>() -> ListCache<T> {
    Cache::with_weighter(PAGES_EXPECTED, BYTES_MAX, Weight)
}

/// Weighs a page by the memory that it takes.
#[derive(Clone)]
pub struct Weight;

impl<T: Listed> Weighter<List, Arc<ListCard<T>>> for Weight {
    fn weight(&self, _list: &List, page: &Arc<ListCard<T>>) -> u64 {
        let entries = page.value.iter().map(|entry| size_of::<T>() + entry.text_bytes());
        (PAGE_BYTES + entries.sum::<usize>()) as u64
    }
}
