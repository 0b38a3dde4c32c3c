//! What all lists have in common: pages, and the answers of lists of videos and of users.

use serde::Serialize;

use super::Service;
use crate::error::Result;
use crate::http::Params;
use crate::model::{User, Video};

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

    /// From one entry more than the page holds: the page, and whether and where it goes on. `place`: what the entries
    /// are ordered by.
    pub(super) fn cut<T>(&self, mut entries: Vec<T>, place: impl Fn(&T) -> u64) -> (Vec<T>, More) {
        let has_more = entries.len() > self.limit;
        entries.truncate(self.limit);
        let next_cursor = if has_more { entries.last().map_or(0, place) } else { 0 };
        (entries, More { has_more, next_cursor })
    }
}

#[derive(Serialize, Default)]
pub(super) struct More {
    pub has_more: bool,
    /// Sent back as `cursor` it gives the next page; 0: no more.
    pub next_cursor: u64,
}

#[derive(Serialize, Default)]
pub(super) struct VideosAnswer {
    pub video_list: Vec<Video>,
    #[serde(flatten)]
    pub more: More,
}

#[derive(Serialize, Default)]
pub(super) struct UsersAnswer {
    pub user_list: Vec<User>,
    #[serde(flatten)]
    pub more: More,
}
