//! Puts an answer together, of what stands on the cards and of little else.

use super::{text, view};
use crate::error::{Error, Result};
use crate::http::answer::SUCCESS;
use crate::id::VideoId;
use crate::store::Sight;
use crate::store::cards::{Basis, Places, VideoText, set_flag};
use crate::store::seen::{SeenUser, SeenVideo, Shape};

/// What most take.
pub const VIDEO_BYTES: usize = 640;
pub const USER_BYTES: usize = 288;
/// Of what is around them.
const ENVELOPE_BYTES: usize = 128;

pub const VIDEO_LIST: &str = r#","video_list":"#;

/// The answer of a success, in the making.
pub struct Writer {
    pub text: Vec<u8>,
}

impl Writer {
    /// The envelope, still open. `bytes`: about how long its fields will be.
    pub fn begin(bytes: usize) -> Writer {
        let mut writer = Writer::bare(ENVELOPE_BYTES + bytes);
        writer.raw(SUCCESS);
        writer
    }

    /// Without an envelope.
    pub fn bare(bytes: usize) -> Writer {
        Writer { text: Vec::with_capacity(bytes) }
    }

    /// Closes the envelope.
    pub fn end(mut self) -> Vec<u8> {
        self.raw("}");
        self.text
    }

    /// What needs no escaping.
    pub fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// `field`: the raw text before the value, its name included.
    pub fn number(&mut self, field: &str, number: impl itoa::Integer) {
        self.raw(field);
        self.raw(itoa::Buffer::new().format(number));
    }

    /// See [`Writer::number`].
    pub fn string(&mut self, field: &str, value: &str) -> Result<()> {
        self.raw(field);
        simd_json::to_writer(&mut self.text, value).map_err(Error::internal)
    }

    /// See [`Writer::number`]. Gives the place of the value.
    pub fn flag(&mut self, field: &str, is_true: bool) -> usize {
        self.raw(field);
        let place = self.text.len();
        self.raw(if is_true { "true" } else { "false" });
        place
    }

    /// `field`, and an array of what `write` writes of each entry, without the commas.
    pub fn array<T>(
        &mut self,
        field: &str,
        entries: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Writer, T) -> Result<()>,
    ) -> Result<()> {
        self.raw(field);
        self.raw("[");
        for (place, entry) in entries.into_iter().enumerate() {
            self.raw(if place == 0 { "" } else { "," });
            write(self, entry)?;
        }
        self.raw("]");
        Ok(())
    }

    pub fn user(&mut self, seen: &SeenUser<'_>) -> Result<()> {
        self.raw("{");
        self.user_fields(seen)?;
        self.raw("}");
        Ok(())
    }

    /// Without its braces, for who adds to them.
    pub fn user_fields(&mut self, seen: &SeenUser<'_>) -> Result<()> {
        let text = seen.card.text(text::user)?;
        let begun = self.text.len();
        self.text.extend_from_slice(&text.bytes);
        set_flag(&mut self.text[begun..], text.is_follow, seen.is_followed);
        Ok(())
    }

    /// Those of these videos that were seen and are visible, in their order. Gives where their flags stand. `media_base`:
    /// public base of media addresses, without a slash at its end.
    pub fn videos(&mut self, media_base: &str, sight: &Sight<'_>, ids: &[VideoId]) -> Result<Vec<(Basis, Places)>> {
        let mut written = Vec::with_capacity(ids.len());
        let seen = ids.iter().filter_map(|id| sight.video(*id).transpose());
        self.array(VIDEO_LIST, seen, |writer, seen| {
            let seen = seen?;
            written.push((seen.basis, writer.video(media_base, sight, &seen)?));
            Ok(())
        })?;
        Ok(written)
    }

    fn video(&mut self, media_base: &str, sight: &Sight<'_>, seen: &SeenVideo<'_>) -> Result<Places> {
        let begun = self.text.len();
        let places = match &seen.shape {
            Shape::Written(text) => self.copy(text),
            Shape::Author(text, author) => self.keep(sight, seen, || text::by_author(text, author))?,
            Shape::Told(video, author) => self.keep(sight, seen, || text::video(media_base, video, author))?,
        };
        places.set(&mut self.text[begun..], seen.is_liked, seen.is_followed);
        Ok(places.moved(0, begun))
    }

    /// Gives its places as they are within it.
    pub(super) fn copy(&mut self, text: &VideoText<'_>) -> Places {
        self.text.extend_from_slice(&text.bytes);
        text.places
    }

    fn keep(
        &mut self,
        sight: &Sight<'_>,
        seen: &SeenVideo<'_>,
        write: impl FnOnce() -> Result<VideoText<'static>>,
    ) -> Result<Places> {
        // Asked before it is written: one that is ahead of the clock is shown with another time later on.
        let lasts = view::has_come(seen.basis.id.0);
        let text = write()?;
        if lasts {
            sight.keep_text(seen, &text);
        }
        Ok(self.copy(&text))
    }
}
