//! One page, ready to be sent.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::xxh3_64;

use super::block::Filled;
use super::writer::{VIDEO_BYTES, VIDEO_LIST, Writer};
use super::{PAGE, view};
use crate::error::Result;
use crate::id::{self, VideoId};
use crate::store::cards::{Basis, Places};
use crate::store::{Judge, Sight};

/// A time this near is given as an id: sent back to a server whose clock is behind, it would count as the future.
const CLOCK_SKEW_MS: i64 = 5_000;

pub struct Page {
    /// What the order puts here, and the id that follows.
    pub(super) wanted: Vec<VideoId>,
    /// Of cards: those that are visible, and where their flags stand in the text.
    videos: Vec<(Basis, Places)>,
    /// Of blocks: each stretch, and where it stands in the text.
    stretches: Vec<(Filled, usize)>,
    /// All of it was good for a request of this time.
    looked_at: Instant,
    text: Bytes,
    etag: String,
    gzip: OnceLock<Bytes>,
}

impl Page {
    pub(super) fn empty() -> Result<Page> {
        Page::new(&[], Instant::now(), |_, writer| writer.array(VIDEO_LIST, [], |_, ()| Ok(())))
    }

    /// Of those of `wanted` that `sight` has seen, signed out, and that are visible.
    pub(super) fn of(wanted: &[VideoId], sight: &Sight<'_>, media_base: &str) -> Result<Page> {
        Page::new(wanted, sight.begun(), |page, writer| {
            page.videos = writer.videos(media_base, sight, shown(wanted))?;
            Ok(())
        })
    }

    /// The same, of blocks that were good for a request of `looked_at`.
    pub(super) fn of_blocks(wanted: &[VideoId], stretches: Vec<Filled>, looked_at: Instant) -> Result<Page> {
        Page::new(wanted, looked_at, |page, writer| {
            writer.array(VIDEO_LIST, stretches, |writer, (block, range)| {
                let at = writer.text.len();
                writer.text.extend_from_slice(block.text(range.clone()));
                page.stretches.push(((block, range), at));
                Ok(())
            })
        })
    }

    fn new(
        wanted: &[VideoId],
        looked_at: Instant,
        write: impl FnOnce(&mut Page, &mut Writer) -> Result<()>,
    ) -> Result<Page> {
        let (last, following) = (shown(wanted).last(), wanted.get(PAGE));
        let next_time = last.map_or(0, |last| next_time(*last, following.copied(), view::now_ms()));
        let mut page = Page {
            wanted: wanted.to_vec(),
            videos: Vec::new(),
            stretches: Vec::new(),
            looked_at,
            text: Bytes::new(),
            etag: String::new(),
            gzip: OnceLock::new(),
        };
        let mut writer = Writer::begin(shown(wanted).len() * VIDEO_BYTES);
        write(&mut page, &mut writer)?;
        writer.number(r#","next_time":"#, next_time);
        page.text = writer.end().into();
        // The same text has the same tag on every server and in every generation. Weak: one tag for the plain text and for
        // the compressed one.
        page.etag = format!("W/\"{:016x}\"", xxh3_64(&page.text));
        Ok(page)
    }

    /// Whether its videos tell when it changes: what is not visible does not.
    pub(super) fn is_lasting(&self) -> bool {
        self.videos().count() == shown(&self.wanted).len()
    }

    pub(super) fn is_good(&self, judge: &Judge<'_>) -> bool {
        self.videos.iter().all(|(basis, _)| basis.is_good_at(judge, self.looked_at))
            && self.stretches.iter().all(|((block, range), _)| block.is_good_at(range.clone(), judge, self.looked_at))
    }

    fn videos(&self) -> impl Iterator<Item = (Basis, Places)> {
        let of_blocks = self.stretches.iter().flat_map(|((block, range), at)| block.videos(range.clone(), *at));
        self.videos.iter().copied().chain(of_blocks)
    }

    /// For those who are not signed in.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// Of [`Page::text`], as an `ETag`.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// [`Page::text`], compressed when it is first wanted so.
    pub fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::with_capacity(self.text.len() / 4), Compression::fast());
            // Writing to memory does not fail; an empty text would show at once in every client.
            let written = encoder.write_all(&self.text).and_then(|()| encoder.finish());
            written.unwrap_or_default().into()
        })
    }

    /// In the eyes of a viewer. One round trip, or none.
    pub async fn text_for(&self, sight: &mut Sight<'_>) -> Result<Bytes> {
        sight.see_flags(self.videos().map(|(basis, _)| basis)).await?;
        let mut text = self.text.to_vec();
        for (basis, places) in self.videos() {
            places.set(&mut text, sight.likes(basis.id), sight.follows(basis.author));
        }
        Ok(text.into())
    }
}

/// Those of what is wanted that a page shows.
pub(super) fn shown(wanted: &[VideoId]) -> &[VideoId] {
    &wanted[..wanted.len().min(PAGE)]
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
