//! The feed: everyone's videos, newest first.

use futures_util::FutureExt;
use serde::Serialize;

use super::{Service, failed};
use crate::error::Result;
use crate::feed::Page;
use crate::http::{FeedTime, Params, Request, Response, answer};
use crate::id;
use crate::store::Sight;

/// What a failed answer shows.
#[derive(Serialize, Default)]
struct NoPage {
    video_list: [(); 0],
    next_time: u64,
}

pub(super) async fn answered(service: &Service, request: &mut Request) -> Response {
    feed(service, request).await.unwrap_or_else(|fault| failed::<NoPage>(&fault))
}

async fn feed(service: &Service, request: &mut Request) -> Result<Response> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token()).ok();
    let run = service.slot.run()?;
    let page = service.feed.page(&run, before(service, &params)).await?;
    match viewer {
        Some(viewer) => {
            let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
            Ok(answer::whole(page.text_for(&mut sight).boxed().await?))
        }
        // A token that is no good is still no business of a cache's.
        None if params.token().is_some() => Ok(answer::whole(page.text().clone())),
        None => Ok(open_to_all(request, &page)),
    }
}

fn open_to_all(request: &Request, page: &Page) -> Response {
    answer::revalidated(&request.head.headers, page.etag(), page.text(), || page.gzip().clone())
}

/// The lowest id that is not wanted.
fn before(service: &Service, params: &Params) -> Option<u64> {
    match params.latest_time("latest_time", service.config.utc_offset)? {
        FeedTime::Ms(ms) => Some(id::lowest_at(ms)),
        FeedTime::Id(id) => Some(id),
    }
}
