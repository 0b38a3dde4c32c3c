//! Texts of neighbours in the order, in one piece: a page of any age is stretches of two or three blocks, copied. Put together
//! from thirty cards it is as many places of memory, and more to find them, each some waiting where a world is large.
//! (Named after the blocks of the databases: what is next to each other is kept, found and read as one.)

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::order::Stretch;
use super::writer::{VIDEO_BYTES, Writer};
use super::{text, view};
use crate::error::Result;
use crate::id::VideoId;
use crate::store::cards::{Basis, Brief, Kept, Places};
use crate::store::seen::Shape;
use crate::store::{Common, Judge, Sight};

pub(super) struct Block {
    /// Newest first.
    outlines: Box<[Outline]>,
    /// `None` where they have too little in common: each is looked at closely then.
    common: Option<Common>,
    videos: Box<[(Basis, Places)]>,
    /// What is shown of them, a comma between any two.
    text: Box<[u8]>,
    /// How often it was found by its place in the order.
    finds: AtomicU32,
}

/// Of so many finds the cache hears of one.
const FINDS: u32 = 8;

/// What of a video is looked at for each page.
struct Outline {
    brief: Brief,
    /// Where its text begins.
    start: usize,
}

impl Kept for Block {
    fn bytes(&self) -> usize {
        size_of::<Block>() + size_of_val(&*self.outlines) + size_of_val(&*self.videos) + self.text.len()
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
        let (mut outlines, mut videos) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
        let mut note = |start, basis, places| {
            outlines.push(Outline { brief: Brief::of(&basis), start });
            videos.push((basis, places));
        };
        for id in ids {
            writer.raw(if writer.text.is_empty() { "" } else { "," });
            let start = writer.text.len();
            if !lacking.contains(id) {
                let Some((known, place)) = known.and_then(|known| Some((known, known.place(*id)?))) else {
                    return Ok(None);
                };
                let stretch = place..place + 1;
                writer.text.extend_from_slice(known.text(stretch.clone()));
                known.videos(stretch, start).for_each(|(basis, places)| note(start, basis, places));
                continue;
            }
            let Some(seen) = sight.video(*id)? else { return Ok(None) };
            let places = match seen.shape {
                Shape::Written(text) => writer.copy(&text),
                Shape::Author(text, author) => writer.copy(&text::by_author(&text, author)?),
                Shape::Told(video, author) => writer.copy(&text::video(media_base, video, author)?),
            };
            note(start, seen.basis, places.moved(0, start));
        }
        let common = Basis::common(videos.iter().map(|(basis, _)| basis));
        Ok(Some(Block {
            outlines: outlines.into(),
            common,
            videos: videos.into(),
            text: writer.text.into(),
            finds: AtomicU32::new(0),
        }))
    }

    /// Counts a find; whether it is one that the cache is to hear of.
    pub(super) fn is_noted_find(&self) -> bool {
        self.finds.fetch_add(1, Ordering::Relaxed) % FINDS == FINDS - 1
    }

    /// Whether it is of exactly these.
    pub(super) fn is_of(&self, ids: &[VideoId]) -> bool {
        self.outlines.iter().map(|video| video.brief.id).eq(ids.iter().copied())
    }

    pub(super) fn is_good(&self, stretch: Range<usize>, judge: &Judge<'_>) -> bool {
        self.all(stretch, judge, |basis| basis.is_good(judge))
    }

    /// The same, where it was good for a request of `looked_at`.
    pub(super) fn is_good_at(&self, stretch: Range<usize>, judge: &Judge<'_>, looked_at: Instant) -> bool {
        self.all(stretch, judge, |basis| basis.is_good_at(judge, looked_at))
    }

    /// Whether all of a stretch are good: where nothing happened to one, or else by a closer look.
    fn all(&self, mut stretch: Range<usize>, judge: &Judge<'_>, is_good: impl Fn(&Basis) -> bool) -> bool {
        let is_vouched_for = self.common.is_some_and(|common| judge.vouches_for(&common));
        let is_untouched = |place: usize| is_vouched_for && self.outlines[place].brief.is_untouched(judge);
        stretch.all(|place| is_untouched(place) || is_good(&self.videos[place].0))
    }

    /// Whether it has a good text of this one.
    pub(super) fn shows(&self, id: VideoId, judge: &Judge<'_>) -> bool {
        self.place(id).is_some_and(|place| self.is_good(place..place + 1, judge))
    }

    /// By which it is found: new ones come in before it.
    pub(super) fn last(&self) -> Option<VideoId> {
        self.outlines.last().map(|video| video.brief.id)
    }

    fn place(&self, id: VideoId) -> Option<usize> {
        self.outlines.binary_search_by(|video| id.cmp(&video.brief.id)).ok()
    }

    /// The text of a stretch, without a comma around it.
    pub(super) fn text(&self, stretch: Range<usize>) -> &[u8] {
        let start = |place: usize| self.outlines.get(place).map(|video| video.start);
        let end = start(stretch.end).map_or(self.text.len(), |next| next - 1);
        start(stretch.start).map_or(&[], |start| &self.text[start..end])
    }

    /// Where the flags of a stretch stand, if its text stands at `at`.
    pub(super) fn videos(&self, stretch: Range<usize>, at: usize) -> impl Iterator<Item = (Basis, Places)> {
        let start = self.outlines.get(stretch.start).map_or(0, |first| first.start);
        self.videos[stretch].iter().map(move |(basis, places)| (*basis, places.moved(start, at)))
    }
}

/// A stretch in its block.
pub(super) type Filled = (Arc<Block>, Range<usize>);

/// Those of whose blocks none has a good text, as far as they are `known`.
pub(super) fn lacking(stretches: &[Stretch<'_>], known: &[Option<Arc<Block>>], judge: &Judge<'_>) -> Vec<VideoId> {
    let pairs = stretches.iter().zip(known).flat_map(|(of, block)| of.ids.iter().map(move |id| (*id, block)));
    let shows =
        |(id, block): &(VideoId, &Option<Arc<Block>>)| block.as_ref().is_some_and(|block| block.shows(*id, judge));
    pairs.filter(|pair| !shows(pair)).map(|(id, _)| id).collect()
}
