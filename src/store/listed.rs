//! Pages of lists that are kept: what they hold of a timeline, in one piece, and how much room that takes.

use std::ops::Deref;

use triomphe::ThinArc;

use super::cards::{CacheOf, Cards, Kept, THIN_BYTES};
use super::marks::Stamp;
use super::timeline::List;
use crate::model::Entry;

/// Of a short page.
pub(super) const PAGE_BYTES: u64 = 500;

pub type ListCache<P> = CacheOf<List, P>;

/// A page of a list.
pub trait ListPage: Kept + Clone + Send + Sync + 'static {
    /// Taken before it was asked for.
    fn stamp(&self) -> &Stamp;

    /// The videos or the users that have to be shown with it.
    fn named(&self) -> impl Iterator<Item = u64>;

    fn cache(cards: &Cards) -> &ListCache<Self>;
}

/// Of a list of videos or users.
#[derive(Clone)]
pub struct Entries(ThinArc<Stamp, Entry>);

impl Entries {
    pub fn new(stamp: Stamp, entries: &[Entry]) -> Entries {
        Entries(ThinArc::from_header_and_slice(stamp, entries))
    }
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.0.slice
    }
}

impl Kept for Entries {
    fn bytes(&self) -> usize {
        THIN_BYTES + size_of::<Stamp>() + size_of_val(&**self)
    }
}

impl ListPage for Entries {
    fn stamp(&self) -> &Stamp {
        &self.0.header.header
    }

    fn named(&self) -> impl Iterator<Item = u64> {
        self.iter().map(|entry| entry.id)
    }

    fn cache(cards: &Cards) -> &ListCache<Entries> {
        &cards.entries
    }
}
