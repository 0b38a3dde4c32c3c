//! A page as JSON text, in which the viewer's flags have places of their own.

use serde::Serialize;

use super::view;
use crate::error::{Error, Result};
use crate::http::answer::SUCCESS;
use crate::model::Video;
use crate::store::user::UserRecord;
use crate::store::video::CountedVideo;

/// Every flag in the text is this; a viewer's `true` takes the same room, since JSON allows a space before a value.
const FALSE: &[u8; 5] = b"false";
const TRUE: &[u8; 5] = b" true";

/// Of what is around the videos, and of most videos.
const PAGE_BYTES: usize = 128;
const VIDEO_BYTES: usize = 640;

/// Where the flags of a video stand in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    is_favorite: usize,
    is_follow: usize,
}

/// The fields of a feed answer; without videos, what a failed one shows.
#[derive(Serialize, Default)]
pub struct FeedAnswer {
    video_list: Vec<Video>,
    /// Sent back as `latest_time` it gives the next page; 0 past the end.
    next_time: u64,
}

/// The whole answer for those who are not signed in, and where the flags of each video stand in it. Written by hand, since
/// a page that nobody kept is mostly this; a test holds it to [`FeedAnswer`].
pub(super) fn write<'a>(
    media_base: &str,
    videos: impl ExactSizeIterator<Item = (&'a CountedVideo, &'a UserRecord)>,
    next_time: u64,
) -> Result<(Vec<u8>, Vec<Places>)> {
    let mut places = Vec::with_capacity(videos.len());
    let mut writer =
        Writer { text: Vec::with_capacity(PAGE_BYTES + videos.len() * VIDEO_BYTES), address: String::new() };
    writer.raw(SUCCESS);
    writer.raw(r#","video_list":["#);
    for (place, (video, author)) in videos.enumerate() {
        writer.raw(if place == 0 { "" } else { "," });
        places.push(writer.video(media_base, video, author)?);
    }
    writer.number(r#"],"next_time":"#, next_time);
    writer.raw("}");
    Ok((writer.text, places))
}

struct Writer {
    text: Vec<u8>,
    /// One buffer for all addresses.
    address: String,
}

impl Writer {
    fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, field: &str, number: impl itoa::Integer) {
        self.raw(field);
        self.raw(itoa::Buffer::new().format(number));
    }

    fn string(&mut self, field: &str, value: &str) -> Result<()> {
        self.raw(field);
        simd_json::to_writer(&mut self.text, value).map_err(Error::internal)
    }

    /// An address below the media's, which has been put into the buffer.
    fn address(&mut self, field: &str) -> Result<()> {
        let address = std::mem::take(&mut self.address);
        let written = self.string(field, &address);
        self.address = address;
        self.address.clear();
        written
    }

    /// Gives the place of its value.
    fn flag(&mut self, field: &str) -> usize {
        self.raw(field);
        let place = self.text.len();
        self.text.extend_from_slice(FALSE);
        place
    }

    fn video(&mut self, media_base: &str, video: &CountedVideo, author: &UserRecord) -> Result<Places> {
        let record = &video.record;
        self.number(r#"{"id":"#, record.id.0);
        let is_follow = self.author(author)?;
        view::play_url(&mut self.address, media_base, record);
        self.address(r#","play_url":"#)?;
        view::cover_url(&mut self.address, media_base, record);
        self.address(r#","cover_url":"#)?;
        self.number(r#","favorite_count":"#, video.favorites);
        self.number(r#","comment_count":"#, video.comments);
        let is_favorite = self.flag(r#","is_favorite":"#);
        self.string(r#","title":"#, &record.title)?;
        self.number(r#","create_time":"#, view::shown_ms(record.id.0));
        self.raw("}");
        Ok(Places { is_favorite, is_follow })
    }

    /// Gives the place of its flag.
    fn author(&mut self, author: &UserRecord) -> Result<usize> {
        self.number(r#","author":{"id":"#, author.id.0);
        self.string(r#","name":"#, &author.name)?;
        self.number(r#","follow_count":"#, author.follows);
        self.number(r#","follower_count":"#, author.followers);
        let is_follow = self.flag(r#","is_follow":"#);
        self.number(r#","total_favorited":"#, author.favorited);
        self.number(r#","work_count":"#, author.works);
        self.number(r#","favorite_count":"#, author.favorites);
        self.raw(r#","avatar":"","background_image":"","signature":""}"#);
        Ok(is_follow)
    }
}

/// Sets what is true for a viewer.
pub(super) fn flag(text: &mut [u8], places: Places, is_favorite: bool, is_follow: bool) {
    for (place, is_true) in [(places.is_favorite, is_favorite), (places.is_follow, is_follow)] {
        if is_true {
            text[place..place + TRUE.len()].copy_from_slice(TRUE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{UserId, VideoId};
    use crate::model::VideoRecord;

    fn video(number: u64, title: &str) -> (CountedVideo, UserRecord) {
        let author = UserRecord {
            id: UserId(number),
            name: title.to_owned(),
            works: 1,
            favorited: 2,
            favorites: 3,
            follows: 4,
            followers: 5,
        };
        let (object, title) = ("0123456789abcdef0123456789abcdef.mp4".to_owned(), title.to_owned());
        let record =
            VideoRecord { id: VideoId(number), author: author.id, title, object, cover: number.is_multiple_of(2) };
        (CountedVideo { record, favorites: 6, comments: 7 }, author)
    }

    #[test]
    fn flags_are_set_whatever_a_title_says() {
        let titles = [
            "plain",
            r#","is_follow":false,"is_favorite":false"#,
            r#"\,"is_favorite":false"#,
            "",
            "a\tb\"c\\",
            "关注,\"is_follow\":false",
        ];
        let videos: Vec<_> = titles.iter().enumerate().map(|(number, title)| video(number as u64, title)).collect();
        for mask in 0..1_u32 << titles.len() {
            let shown = videos.iter().map(|(video, author)| (video, author));
            let (mut text, flags) = write("http://host", shown, 9).unwrap();
            let mut wanted = FeedAnswer { video_list: Vec::new(), next_time: 9 };
            for (number, ((video, author), places)) in videos.iter().zip(&flags).enumerate() {
                let (liked, followed) = (mask >> number & 1 == 1, mask >> (number + 1) & 1 == 1);
                flag(&mut text, *places, liked, followed);
                wanted.video_list.push(view::video("http://host", video, view::user(author, followed), liked));
            }
            let text = String::from_utf8(text).unwrap().replace(" true", "true");
            let wanted = serde_json::to_string(&wanted).unwrap();
            assert_eq!(text, format!("{SUCCESS},{}", &wanted[1..]));
        }
    }

    #[test]
    fn a_page_without_videos_is_whole() {
        let (text, flags) = write("", std::iter::empty(), 0).unwrap();
        assert_eq!(text, br#"{"status_code":0,"status_msg":"success","video_list":[],"next_time":0}"#);
        assert!(flags.is_empty());
    }
}
