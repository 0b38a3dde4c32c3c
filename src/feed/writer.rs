//! Writes users and videos as the API shows them. By hand, since most of what a page or a list costs is this text, and of
//! what is read many times no copy is wanted; tests hold it to the contract.

use super::view;
use crate::error::{Error, Result};
use crate::http::answer::SUCCESS;
use crate::store::user::UserRecord;
use crate::store::video::CountedVideo;

/// What most take.
pub const VIDEO_BYTES: usize = 640;
pub const USER_BYTES: usize = 288;
/// Of what is around them.
const ENVELOPE_BYTES: usize = 128;

/// In place of `false`: JSON allows a space before a value.
const TRUE: &[u8; 5] = b" true";

/// The answer of a success, in the making.
pub struct Writer {
    text: Vec<u8>,
    /// One buffer for all addresses.
    address: String,
}

/// Where the flags of a video stand in the text.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    is_favorite: usize,
    is_follow: usize,
}

impl Writer {
    /// The envelope, still open. `bytes`: about how long its fields will be.
    pub fn begin(bytes: usize) -> Writer {
        let mut writer = Writer { text: Vec::with_capacity(ENVELOPE_BYTES + bytes), address: String::new() };
        writer.raw(SUCCESS);
        writer
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

    pub fn user(&mut self, user: &UserRecord, is_followed: bool) -> Result<()> {
        self.raw("{");
        self.user_fields(user, is_followed)?;
        self.raw("}");
        Ok(())
    }

    /// Without its braces, for who adds to them. Gives the place of the flag.
    pub fn user_fields(&mut self, user: &UserRecord, is_followed: bool) -> Result<usize> {
        self.number(r#""id":"#, user.id.0);
        self.string(r#","name":"#, &user.name)?;
        self.number(r#","follow_count":"#, user.follows);
        self.number(r#","follower_count":"#, user.followers);
        let is_follow = self.flag(r#","is_follow":"#, is_followed);
        self.number(r#","total_favorited":"#, user.favorited);
        self.number(r#","work_count":"#, user.works);
        self.number(r#","favorite_count":"#, user.favorites);
        self.raw(r#","avatar":"","background_image":"","signature":"""#);
        Ok(is_follow)
    }

    /// `media_base`: public base of media addresses, without a slash at its end.
    pub fn video(
        &mut self,
        media_base: &str,
        video: &CountedVideo,
        author: &UserRecord,
        is_liked: bool,
        is_followed: bool,
    ) -> Result<Places> {
        let record = &video.record;
        self.number(r#"{"id":"#, record.id.0);
        self.raw(r#","author":{"#);
        let is_follow = self.user_fields(author, is_followed)?;
        view::play_url(&mut self.address, media_base, record);
        self.address(r#"},"play_url":"#)?;
        view::cover_url(&mut self.address, media_base, record);
        self.address(r#","cover_url":"#)?;
        self.number(r#","favorite_count":"#, video.favorites);
        self.number(r#","comment_count":"#, video.comments);
        let is_favorite = self.flag(r#","is_favorite":"#, is_liked);
        self.string(r#","title":"#, &record.title)?;
        self.number(r#","create_time":"#, view::shown_ms(record.id.0));
        self.raw("}");
        Ok(Places { is_favorite, is_follow })
    }

    /// An address below the media's, which has been put into the buffer.
    fn address(&mut self, field: &str) -> Result<()> {
        let address = std::mem::take(&mut self.address);
        let written = self.string(field, &address);
        self.address = address;
        self.address.clear();
        written
    }
}

/// Sets what is true for a viewer in a text that was written with nothing true.
pub fn set_flags(text: &mut [u8], places: Places, is_favorite: bool, is_follow: bool) {
    for (place, is_true) in [(places.is_favorite, is_favorite), (places.is_follow, is_follow)] {
        if is_true {
            text[place..place + TRUE.len()].copy_from_slice(TRUE);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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

    fn shown(video: &CountedVideo, author: &UserRecord, is_liked: bool, is_followed: bool) -> Value {
        let mut cover = String::new();
        view::cover_url(&mut cover, "http://host", &video.record);
        json!({
            "id": video.record.id.0,
            "author": {
                "id": author.id.0, "name": author.name, "follow_count": 4, "follower_count": 5, "is_follow": is_followed,
                "total_favorited": 2, "work_count": 1, "favorite_count": 3,
                "avatar": "", "background_image": "", "signature": "",
            },
            "play_url": "http://host/video/0123456789abcdef0123456789abcdef.mp4",
            "cover_url": cover,
            "favorite_count": 6,
            "comment_count": 7,
            "is_favorite": is_liked,
            "title": video.record.title,
            "create_time": view::shown_ms(video.record.id.0),
        })
    }

    #[test]
    fn flags_are_set_whatever_a_title_says() {
        let titles = [
            "plain",
            r#","is_follow":false,"is_favorite":false"#,
            r#"\,"is_favorite":false"#,
            "",
            "a\tb\"c\\\u{1}",
            "关注,\"is_follow\":false",
        ];
        let videos: Vec<_> = titles.iter().enumerate().map(|(number, title)| video(number as u64, title)).collect();
        for mask in 0..1_u32 << titles.len() {
            let flags = |number: usize| (mask >> number & 1 == 1, mask >> (number + 1) & 1 == 1);
            let wanted = videos.iter().enumerate().map(|(number, (video, author))| {
                let (is_liked, is_followed) = flags(number);
                shown(video, author, is_liked, is_followed)
            });
            let wanted = json!({"status_code": 0, "status_msg": "success", "list": wanted.collect::<Vec<_>>()});

            let mut at_once = Writer::begin(0);
            let write = |writer: &mut Writer, (number, (video, author)): (usize, &(CountedVideo, UserRecord))| {
                let (is_liked, is_followed) = flags(number);
                writer.video("http://host", video, author, is_liked, is_followed).map(drop)
            };
            at_once.array(r#","list":"#, videos.iter().enumerate(), write).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&at_once.end()).unwrap(), wanted);

            let (mut later, mut places) = (Writer::begin(0), Vec::new());
            let write = |writer: &mut Writer, (video, author): &(CountedVideo, UserRecord)| {
                places.push(writer.video("http://host", video, author, false, false)?);
                Ok(())
            };
            later.array(r#","list":"#, &videos, write).unwrap();
            let mut later = later.end();
            for (number, places) in places.into_iter().enumerate() {
                let (is_liked, is_followed) = flags(number);
                set_flags(&mut later, places, is_liked, is_followed);
            }
            assert_eq!(serde_json::from_slice::<Value>(&later).unwrap(), wanted);
        }
    }

    #[test]
    fn a_user_is_shown_as_beside_a_video() {
        let (video, author) = video(7, "name \"quoted\"");
        let mut writer = Writer::begin(0);
        writer.raw(r#","user":"#);
        writer.user(&author, true).unwrap();
        let text: Value = serde_json::from_slice(&writer.end()).unwrap();
        assert_eq!(text["user"], shown(&video, &author, false, true)["author"]);
    }
}
