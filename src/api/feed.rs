//! The feed: everyone's videos, newest first.

use serde::Serialize;

use super::{Service, view};
use crate::archive::videos;
use crate::error::Result;
use crate::http::{FeedTime, Params, Request};
use crate::id::{self, ID_MAX, VideoId};
use crate::model::Video;
use crate::store::feed;

/// The document's own page size.
const PAGE: usize = 30;
/// A time this near is given as an id: sent back to a server whose clock is behind, it would count as the future.
const CLOCK_SKEW_MS: i64 = 5_000;

#[derive(Serialize, Default)]
pub(super) struct FeedAnswer {
    video_list: Vec<Video>,
    /// Sent back as `latest_time` it gives the next page; 0 past the end.
    next_time: u64,
}

pub(super) async fn feed(service: &Service, request: &mut Request) -> Result<FeedAnswer> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token()).ok();
    let before = before(service, &params);
    let run = service.slot.run()?;

    // One more than a page shows: whether the next video shares the last one's millisecond decides `next_time`.
    let wanted = PAGE + 1;
    let page = feed::page(&run, before, wanted).await?;
    let mut ids = page.ids;
    if ids.len() < wanted && page.trimmed {
        let older_than = ids.last().map(|id| id.0).or(before).unwrap_or(ID_MAX + 1);
        ids.extend(videos::before(&service.archive, older_than, wanted - ids.len()).await?);
    }
    let following = ids.get(PAGE).copied();
    ids.truncate(PAGE);
    Ok(FeedAnswer {
        video_list: view::videos(service, &run, &ids, viewer).await?,
        next_time: ids.last().map_or(0, |last| next_time(*last, following, view::now_ms())),
    })
}

/// The lowest id that is not wanted.
fn before(service: &Service, params: &Params) -> Option<u64> {
    match params.latest_time("latest_time", service.config.utc_offset)? {
        FeedTime::Ms(ms) => Some(id::lowest_at(ms)),
        FeedTime::Id(id) => Some(id),
    }
}

/// Milliseconds where the page ends on a whole one, else the last id itself.
fn next_time(last: VideoId, following: Option<VideoId>, now_ms: i64) -> u64 {
    let ms = id::unix_ms_of(last.0);
    let shared = following.is_some_and(|following| id::unix_ms_of(following.0) == ms);
    if shared || ms > now_ms - CLOCK_SKEW_MS { last.0 } else { ms as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Bucket, EPOCH_MS};

    #[test]
    fn next_time_is_a_time_unless_the_millisecond_is_shared_or_too_new() {
        let bucket = Bucket::new(3).unwrap();
        let last = VideoId(bucket.id_at(10_000) + 1);
        let same_ms = VideoId(bucket.id_at(10_000));
        let older = VideoId(bucket.id_at(9_999));
        let later = EPOCH_MS + 20_000;
        assert_eq!(next_time(last, None, later), (EPOCH_MS + 10_000) as u64);
        assert_eq!(next_time(last, Some(older), later), (EPOCH_MS + 10_000) as u64);
        assert_eq!(next_time(last, Some(same_ms), later), last.0);
        assert_eq!(next_time(last, Some(older), EPOCH_MS + 12_000), last.0);
        assert_eq!(next_time(last, Some(older), EPOCH_MS + 5_000), last.0);
    }
}
