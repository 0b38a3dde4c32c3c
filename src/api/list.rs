//! What all lists have in common: pages, and the answers of lists of videos and of users.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::Service;
use crate::archive::edges;
use crate::error::Result;
use crate::feed::writer::Writer;
use crate::http::Params;
use crate::model::Order;
use crate::store::{Entries, List, Run, Sight, Timeline, order};

/// The page that is asked for: `limit` entries below `cursor`; without these, the newest `list_max`.
pub(super) struct Page {
    pub before: Option<u64>,
    pub limit: usize,
}

impl Page {
    pub(super) fn of(service: &Service, params: &Params) -> Result<Page> {
        let list_max = service.config.list_max;
        let limit = params.integer("limit")?.map_or(list_max, |limit| limit.clamp(1, list_max as i64) as usize);
        let before = params.integer("cursor")?.and_then(|cursor| u64::try_from(cursor).ok()).filter(|place| *place > 0);
        Ok(Page { before, limit })
    }

    /// What is to be read of a timeline: one entry more than the page holds.
    pub(super) fn list(&self, timeline: Timeline) -> List {
        List { timeline, before: self.before, limit: self.limit + 1 }
    }

    /// From what was read: the page, and whether and where it goes on. `place`: what the entries are ordered by.
    pub(super) fn cut<'a, T>(&self, entries: &'a [T], place: impl Fn(&T) -> u64) -> (&'a [T], More) {
        let has_more = entries.len() > self.limit;
        let entries = &entries[..entries.len().min(self.limit)];
        let next_cursor = if has_more { entries.last().map_or(0, place) } else { 0 };
        (entries, More { has_more, next_cursor })
    }
}

/// A page of an order, which is seen of it. What Redis does not keep of it is read from Postgres: see `store/order.rs` for
/// why there is no seam.
pub(super) async fn entries(
    service: &Service,
    run: &Arc<Run>,
    sight: &mut Sight<'_>,
    order: Order,
    page: &Page,
) -> Result<Entries> {
    let list = &page.list(order.timeline());
    if let Some(kept) = sight.kept(list) {
        return Ok(kept);
    }
    let stamp = sight.stamp_of(list);
    let mut window = order::window(sight, order, list).await?;
    let mut entries = std::mem::take(&mut window.entries);
    let mut below = list.before.unwrap_or(u64::MAX).min(window.floor.saturating_add(1));
    // Whatever stands above `below` is known.
    while window.floor > 0 && entries.get(list.limit - 1).is_none_or(|last| last.place < below) {
        let older = edges::before(&service.archive, order, below, list.limit).await?;
        let Some(last) = older.last() else { break };
        below = last.place;
        let is_last = older.len() < list.limit;
        let present: BTreeSet<u64> = entries.iter().map(|entry| entry.id).collect();
        let members: Vec<u64> = older.iter().map(|entry| entry.id).collect();
        let trimmed = order::are_trimmed(run, order, &mut window, &members).await?;
        let older = older.into_iter().zip(trimmed).filter(|(entry, trimmed)| *trimmed && !present.contains(&entry.id));
        entries.extend(older.map(|(entry, _)| entry));
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.place));
        if is_last {
            break;
        }
    }
    entries.truncate(list.limit);
    Ok(sight.keep(list, Entries::new(stamp, &entries)))
}

/// Whether and where a list goes on.
pub(super) struct More {
    has_more: bool,
    /// Sent back as `cursor` it gives the next page; 0: no more.
    next_cursor: u64,
}

impl More {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.flag(r#","has_more":"#, self.has_more);
        writer.number(r#","next_cursor":"#, self.next_cursor);
    }
}

/// What a failed list of videos shows.
#[derive(Serialize, Default)]
pub(super) struct NoVideos {
    video_list: [(); 0],
    has_more: bool,
    next_cursor: u64,
}

/// What a failed list of users shows.
#[derive(Serialize, Default)]
pub(super) struct NoUsers {
    user_list: [(); 0],
    has_more: bool,
    next_cursor: u64,
}
