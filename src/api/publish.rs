//! Publishing a video, and a user's videos.

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::list::Page;
use super::{Service, view};
use crate::error::{Code, Error, Result};
use crate::http::{FileSink, Params, Request, TextKind, answer, check_text, read_upload};
use crate::id::UserId;
use crate::media::Draft;
use crate::store::{Marks, Sight, Timeline};
use crate::sync::publish as sync;

/// Takes the bytes of the part `data`, once the sender is known or there is room for one who is not.
struct Incoming<'a> {
    service: &'a Service,
    draft: Option<(Draft, OwnedSemaphorePermit)>,
}

impl FileSink for Incoming<'_> {
    async fn begin(&mut self, params_so_far: &Params) -> Result<()> {
        // Many clients send the file before the token: then the bytes are taken first.
        if params_so_far.token().is_some() {
            self.service.tokens.verify(params_so_far.token())?;
        }
        self.service.run_to_write()?;
        let permit = self.service.uploads.clone().try_acquire_owned().map_err(|_| Error::from(Code::TooMany))?;
        self.draft = Some((self.service.media.create_draft().await?, permit));
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        match &mut self.draft {
            Some((draft, _)) => draft.write(chunk).await,
            None => Err(Error::internal("a piece of a file before its beginning")),
        }
    }
}

pub(super) async fn action(service: &Service, request: &mut Request) -> Result<answer::Empty> {
    let mut incoming = Incoming { service, draft: None };
    let params = read_upload(request, service.config.publish_bytes_max, "data", &mut incoming).await?;
    let author = service.tokens.verify(params.token())?;
    let title = params.required_text("title")?;
    check_text("title", title, 1..=128, TextKind::Text)?;
    let Some((mut draft, _permit)) = incoming.draft else {
        return Err(Error::parameter("data: a video file is needed"));
    };
    let facts = service.prober.probe(draft.written_path().await?).await?;

    let run = service.run_to_write()?;
    let (archive, media) = (service.archive.clone(), service.media.clone());
    let draft = sync::Upload { draft, kind: facts.kind, title: title.to_owned() };
    let published = sync::publish(run, archive, media, service.config.feed_window, author, draft).await;
    service.marks.changed([author.0, Marks::ORDER]);
    published?;
    service.published.notify_one();
    Ok(answer::Empty {})
}

pub(super) async fn list(service: &Service, request: &mut Request) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let user = params.id("user_id")?.map_or(viewer, UserId);
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    let works = sight.list(&page.list(Timeline::Works(user))).await?;
    let (works, more) = page.cut(&works, |entry| entry.place);
    view::videos(service, &mut sight, works, more).await
}
