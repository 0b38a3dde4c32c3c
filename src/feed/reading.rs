//! Bringing the order and the pages up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::order::{Order, Place};
use super::page::{Page, Parts};
use super::{Feed, PAGE};
use crate::error::{Error, Result};
use crate::id::{UserId, VideoId};
use crate::store::snapshot::{self, OrderAsked, OrderTold};
use crate::store::user::UserRecord;
use crate::store::video::{CountedVideo, know_author, known_author};
use crate::store::{Marks, Run};

/// A page under way: what has been read of it so far, and the generations from before it was asked for.
struct Draft {
    videos: BTreeMap<VideoId, Option<CountedVideo>>,
    users: BTreeMap<UserId, Option<UserRecord>>,
    generations: BTreeMap<u64, u64>,
    age_from: Instant,
    asked_at: Instant,
}

impl Feed {
    /// The page of videos older than `before`, read now, with the order as far as that is old; `None`: it lies past the
    /// newest.
    pub(super) async fn read_newest(&self, run: &Arc<Run>, before: Option<u64>) -> Result<Option<Arc<Page>>> {
        let asked_at = Instant::now();
        let Some(known) = self.order.load_full() else {
            let order = self.read_order(run).await?;
            return self.read_at(run, &order, before, self.draft(&[])).await;
        };
        if self.is_order_current(&known, asked_at) {
            let draft = self.draft(first_guess(&known, before));
            return self.read_at(run, &known, before, draft).await;
        }
        let generation = self.marks.generation(Marks::ORDER);
        let guess = first_guess(&known, before);
        let mut draft = self.draft(guess);
        let told = self.ask(run, Some(known.asked()), guess, &mut draft).await?;
        let told = told.ok_or_else(|| Error::internal("the order was asked for and not told"))?;
        let order = match known.told(&told, self.snapshot, asked_at, generation) {
            Some(order) => self.keep(order),
            None => self.read_order(run).await?,
        };
        self.read_at(run, &order, before, draft).await
    }

    /// The page of exactly these videos, read now.
    pub(super) async fn read(&self, run: &Arc<Run>, wanted: &[VideoId]) -> Result<Arc<Page>> {
        let draft = self.draft(wanted);
        self.complete(run, wanted, draft).await
    }

    async fn read_at(
        &self,
        run: &Arc<Run>,
        order: &Order,
        before: Option<u64>,
        draft: Draft,
    ) -> Result<Option<Arc<Page>>> {
        match order.place(before) {
            Place::At(wanted) => self.complete(run, wanted, draft).await.map(Some),
            Place::Past => Ok(None),
        }
    }

    async fn read_order(&self, run: &Arc<Run>) -> Result<Arc<Order>> {
        let (asked_at, generation) = (Instant::now(), self.marks.generation(Marks::ORDER));
        let told = snapshot::read(run, Some(Order::asked_anew(self.snapshot)), &[], &[]).await?;
        let told = told.order.ok_or_else(|| Error::internal("the order was asked for and not told"))?;
        Ok(self.keep(Order::told_anew(told, asked_at, generation)))
    }

    /// Keeps the order unless a later one is there; gives it back.
    fn keep(&self, order: Order) -> Arc<Order> {
        let order = Arc::new(order);
        self.order.rcu(|kept| match kept {
            Some(kept) if kept.asked_at > order.asked_at => Some(kept.clone()),
            _ => Some(order.clone()),
        });
        order
    }

    /// What is kept of a page and has neither aged nor been marked.
    fn draft(&self, wanted: &[VideoId]) -> Draft {
        let asked_at = Instant::now();
        let mut draft = Draft {
            videos: BTreeMap::new(),
            users: BTreeMap::new(),
            generations: BTreeMap::new(),
            age_from: asked_at,
            asked_at,
        };
        let page = wanted.first().and_then(|first| self.pages.get(first));
        let Some(page) = page.filter(|page| page.age_from + self.age_max >= asked_at) else { return draft };
        draft.age_from = page.age_from;
        draft.generations = page.generations.clone();
        draft.generations.retain(|id, generation| self.marks.generation(*id) == *generation);
        for video in page.videos.iter().filter(|video| draft.generations.contains_key(&video.record.id.0)) {
            draft.videos.insert(video.record.id, Some(video.clone()));
        }
        for author in page.authors.values().filter(|author| draft.generations.contains_key(&author.id.0)) {
            draft.users.insert(author.id, Some(author.clone()));
        }
        draft
    }

    /// Reads what a draft lacks, in one trip for the videos and the authors that are known, and one more for others.
    async fn complete(&self, run: &Arc<Run>, wanted: &[VideoId], mut draft: Draft) -> Result<Arc<Page>> {
        while draft.lacks_anything(wanted) {
            self.ask(run, None, wanted, &mut draft).await?;
        }
        let shown = wanted.iter().take(PAGE);
        let videos: Vec<CountedVideo> = shown.filter_map(|id| draft.videos.remove(id).flatten()).collect();
        let authors: BTreeSet<UserId> = videos.iter().map(|video| video.record.author).collect();
        let authors: BTreeMap<UserId, UserRecord> =
            authors.into_iter().filter_map(|id| Some((id, draft.users.remove(&id)??))).collect();
        let shown: BTreeSet<u64> = wanted.iter().map(|id| id.0).chain(authors.keys().map(|id| id.0)).collect();
        draft.generations.retain(|id, _| shown.contains(id));
        let parts = Parts {
            wanted: wanted.to_vec(),
            videos,
            authors,
            generations: draft.generations,
            age_from: draft.age_from,
            asked_at: draft.asked_at,
        };
        let page = Arc::new(Page::new(parts, &self.media_base)?);
        if let Some(first) = wanted.first() {
            self.pages.insert(*first, page.clone());
        }
        Ok(page)
    }

    /// One trip, with whatever a page lacks as far as it is known by now.
    async fn ask(
        &self,
        run: &Arc<Run>,
        order: Option<OrderAsked>,
        wanted: &[VideoId],
        draft: &mut Draft,
    ) -> Result<Option<OrderTold>> {
        let (videos, users) = (draft.lacking_videos(wanted), draft.lacking_authors(wanted));
        let ids = videos.iter().map(|id| id.0).chain(users.iter().map(|id| id.0));
        draft.generations.extend(ids.map(|id| (id, self.marks.generation(id))));
        let told = snapshot::read(run, order, &videos, &users).await?;
        for (id, video) in videos.into_iter().zip(told.videos) {
            if let Some(video) = &video {
                know_author(id, video.record.author);
            }
            draft.videos.insert(id, video);
        }
        draft.users.extend(users.into_iter().zip(told.users));
        Ok(told.order)
    }
}

impl Draft {
    fn lacks_anything(&self, wanted: &[VideoId]) -> bool {
        !self.lacking_videos(wanted).is_empty() || !self.lacking_authors(wanted).is_empty()
    }

    fn lacking_videos(&self, wanted: &[VideoId]) -> Vec<VideoId> {
        wanted.iter().take(PAGE).filter(|id| !self.videos.contains_key(id)).copied().collect()
    }

    fn lacking_authors(&self, wanted: &[VideoId]) -> Vec<UserId> {
        let authors = wanted.iter().take(PAGE).filter_map(|id| match self.videos.get(id) {
            Some(video) => video.as_ref().map(|video| video.record.author),
            None => known_author(*id),
        });
        let authors: BTreeSet<UserId> = authors.filter(|author| !self.users.contains_key(author)).collect();
        authors.into_iter().collect()
    }
}

/// The page as the order was when it was last looked at.
fn first_guess(order: &Order, before: Option<u64>) -> &[VideoId] {
    match order.place(before) {
        Place::At(wanted) => wanted,
        Place::Past => &[],
    }
}
