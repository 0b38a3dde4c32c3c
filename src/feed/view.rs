//! How users and videos are shown.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::id;
use crate::media::{VideoName, cover_path};
use crate::model::VideoRecord;

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64)
}

/// When something was made, in Unix milliseconds: ids may run a little ahead of the clock, a time shown does not.
pub fn shown_ms(id: u64) -> i64 {
    id::unix_ms_of(id).min(now_ms())
}

/// Whether it is shown as made when it was.
pub fn has_come(id: u64) -> bool {
    id::unix_ms_of(id) <= now_ms()
}

/// Appends the address of a video's file. `media_base`: public base of media addresses, without a slash at its end.
pub(super) fn play_url(address: &mut String, media_base: &str, video: &VideoRecord) {
    for part in [media_base, "/video/", &video.object] {
        address.push_str(part);
    }
}

/// The same of its cover; nothing where the name of its file is none.
pub(super) fn cover_url(address: &mut String, media_base: &str, video: &VideoRecord) {
    if let Ok(name) = video.object.parse::<VideoName>() {
        for part in [media_base, "/", &cover_path(name, video.cover)] {
            address.push_str(part);
        }
    }
}
