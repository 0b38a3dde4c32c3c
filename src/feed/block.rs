//! Texts of neighbours in the order, in one piece: a page of any age is a stretch of two or three blocks, copied. Put together
//! from thirty cards it is as many places of memory, and more to find them, each some waiting where a world is large.
//! (Named after the blocks of the databases: what is next to each other is kept, found and read as one.)

use std::ops::Range;
use std::sync::Arc;

use super::order::Stretch;
use super::writer::{VIDEO_BYTES, Writer};
use super::{text, view};
use crate::error::Result;
use crate::id::VideoId;
use crate::store::cards::{Basis, Kept, Places};
use crate::store::seen::Shape;
use crate::store::{Judge, Sight};

pub(super) struct Block {
    /// Newest first.
    videos: Box<[Written]>,
    /// What is shown of them, a comma between any two.
    text: Box<[u8]>,
}

struct Written {
    basis: Basis,
    /// Where its text begins.
    start: usize,
    places: Places,
}

impl Kept for Block {
    fn bytes(&self) -> usize {
        size_of::<Block>() + size_of_val(&*self.videos) + self.text.len()
    }
}

impl Block {
    /// Of videos of which `sight` has seen those that are lacking, and `known` has the others; `None` where one is not
    /// visible, or ahead of the clock: it is shown with another time later on.
    pub(super) fn of(
        ids: &[VideoId],
        known: Option<&Block>,
        lacking: &[VideoId],
        sight: &Sight<'_>,
        media_base: &str,
    ) -> Result<Option<Block>> {
        if ids.first().is_some_and(|newest| !view::has_come(newest.0)) {
            return Ok(None);
        }
        let mut writer = Writer::bare(ids.len() * VIDEO_BYTES);
        let mut videos = Vec::with_capacity(ids.len());
        for id in ids {
            if !videos.is_empty() {
                writer.raw(",");
            }
            let start = writer.text.len();
            if !lacking.contains(id) {
                let Some((known, place)) = known.and_then(|known| Some((known, known.place(*id)?))) else {
                    return Ok(None);
                };
                let note = |basis, places| videos.push(Written { basis, start, places });
                known.copy(place..place + 1, &mut writer, note);
                continue;
            }
            let Some(seen) = sight.video(*id)? else { return Ok(None) };
            let places = match seen.shape {
                Shape::Written(text) => writer.copy(text),
                Shape::Author(text, author) => writer.copy(&text::by_author(text, author)?),
                Shape::Told(video, author) => writer.copy(&text::video(media_base, video, author)?),
            };
            videos.push(Written { basis: seen.basis, start, places: places.moved(0, start) });
        }
        Ok(Some(Block { videos: videos.into(), text: writer.text.into() }))
    }

    /// Whether it is of exactly these.
    pub(super) fn is_of(&self, ids: &[VideoId]) -> bool {
        self.videos.iter().map(|video| video.basis.id).eq(ids.iter().copied())
    }

    pub(super) fn is_good(&self, range: Range<usize>, judge: &Judge<'_>) -> bool {
        self.videos[range].iter().all(|video| video.basis.is_good(judge))
    }

    /// Whether it has a good text of this one.
    pub(super) fn shows(&self, id: VideoId, judge: &Judge<'_>) -> bool {
        self.place(id).is_some_and(|place| self.is_good(place..place + 1, judge))
    }

    /// By which it is found: new ones come in before it.
    pub(super) fn last(&self) -> Option<VideoId> {
        self.videos.last().map(|video| video.basis.id)
    }

    fn place(&self, id: VideoId) -> Option<usize> {
        self.videos.binary_search_by(|video| id.cmp(&video.basis.id)).ok()
    }

    /// Appends their texts; `note` hears of each where its flags stand now.
    pub(super) fn copy(&self, range: Range<usize>, writer: &mut Writer, mut note: impl FnMut(Basis, Places)) {
        let videos = &self.videos[range.clone()];
        let Some(first) = videos.first() else { return };
        let end = self.videos.get(range.end).map_or(self.text.len(), |next| next.start - 1);
        let now = writer.text.len();
        writer.text.extend_from_slice(&self.text[first.start..end]);
        videos.iter().for_each(|video| note(video.basis, video.places.moved(first.start, now)));
    }
}

/// A stretch in its block.
pub(super) type Filled = (Arc<Block>, Range<usize>);

/// Those of whose blocks none has a good text, as far as they are `known`.
pub(super) fn lacking(stretches: &[Stretch<'_>], known: &[Option<Arc<Block>>], judge: &Judge<'_>) -> Vec<VideoId> {
    let pairs = stretches.iter().zip(known).flat_map(|((ids, _), block)| ids.iter().map(move |id| (*id, block)));
    let shows =
        |(id, block): &(VideoId, &Option<Arc<Block>>)| block.as_ref().is_some_and(|block| block.shows(*id, judge));
    pairs.filter(|pair| !shows(pair)).map(|(id, _)| id).collect()
}
