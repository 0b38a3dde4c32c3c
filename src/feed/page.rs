//! One page, ready to be sent.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::writer::{self, Places, VIDEO_BYTES, Writer};
use super::{PAGE, view};
use crate::error::{Error, Result};
use crate::id::{self, UserId, VideoId};
use crate::store::cards::{UserCard, VideoCard};
use crate::store::{Judge, Sight};

/// A time this near is given as an id: sent back to a server whose clock is behind, it would count as the future.
const CLOCK_SKEW_MS: i64 = 5_000;

pub struct Page {
    /// What the order puts here, and the id that follows.
    pub(super) wanted: Vec<VideoId>,
    /// Those that are visible.
    videos: Vec<Arc<VideoCard>>,
    authors: BTreeMap<UserId, Arc<UserCard>>,
    /// All of it was good for a request of this time.
    looked_at: Instant,
    text: Bytes,
    places: Vec<Places>,
    etag: String,
    gzip: OnceLock<Bytes>,
}

impl Page {
    pub(super) fn empty() -> Result<Page> {
        Page::new(&[], Vec::new(), BTreeMap::new(), Instant::now(), "")
    }

    /// `videos`: the visible ones of those that are shown; `authors`: theirs, and no other. All of these were good for a
    /// request of `looked_at`.
    pub(super) fn new(
        wanted: &[VideoId],
        videos: Vec<Arc<VideoCard>>,
        authors: BTreeMap<UserId, Arc<UserCard>>,
        looked_at: Instant,
        media_base: &str,
    ) -> Result<Page> {
        let mut shown = Vec::with_capacity(videos.len());
        for video in &videos {
            let author = authors.get(&video.value.record.author);
            let author = author.ok_or_else(|| Error::internal(format!("{} has no author", video.value.record.id)))?;
            shown.push((&video.value, &author.value));
        }
        let (last, following) = (wanted.iter().take(PAGE).next_back(), wanted.get(PAGE));
        let next_time = last.map_or(0, |last| next_time(*last, following.copied(), view::now_ms()));
        let mut writer = Writer::begin(shown.len() * VIDEO_BYTES);
        let mut places = Vec::with_capacity(shown.len());
        writer.array(r#","video_list":"#, shown, |writer, (video, author)| {
            places.push(writer.video(media_base, video, author, false, false)?);
            Ok(())
        })?;
        writer.number(r#","next_time":"#, next_time);
        let text = writer.end();
        // The same text has the same tag on every server and in every generation.
        let mut hasher = DefaultHasher::new();
        hasher.write(&text);
        Ok(Page {
            wanted: wanted.to_vec(),
            videos,
            authors,
            looked_at,
            text: text.into(),
            places,
            // Weak: one tag for the plain text and for the compressed one.
            etag: format!("W/\"{:016x}\"", hasher.finish()),
            gzip: OnceLock::new(),
        })
    }

    /// Whether the cards tell when it changes: of what is not visible there is none.
    pub(super) fn is_lasting(&self) -> bool {
        self.videos.len() == self.wanted.len().min(PAGE)
    }

    pub(super) fn is_good(&self, judge: &Judge<'_>) -> bool {
        self.videos.iter().all(|video| video.is_good_at(judge, self.looked_at))
            && self.authors.values().all(|author| author.is_good_at(judge, self.looked_at))
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
        let videos: Vec<VideoId> = self.videos.iter().map(|video| video.value.record.id).collect();
        let authors: Vec<UserId> = self.authors.keys().copied().collect();
        sight.see_flags(&videos, &authors).await?;
        let mut text = self.text.to_vec();
        for (places, video) in self.places.iter().zip(&self.videos) {
            let (id, author) = (video.value.record.id, video.value.record.author);
            writer::set_flags(&mut text, *places, sight.likes(id), sight.follows(author));
        }
        Ok(text.into())
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
