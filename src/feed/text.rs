//! A page as JSON text, in which the viewer's flags have places of their own.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::http::answer::SUCCESS;
use crate::model::Video;

/// Every flag in the text is this; a viewer's `true` takes the same room, since JSON allows a space before a value.
const FALSE: &[u8; 5] = b"false";
const TRUE: &[u8; 5] = b" true";

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

/// The whole answer for those who are not signed in, and where the flags of each video stand in it.
pub(super) fn write(video_list: Vec<Video>, next_time: u64) -> Result<(Vec<u8>, Vec<Places>)> {
    let count = video_list.len();
    let fields = simd_json::to_string(&FeedAnswer { video_list, next_time }).map_err(Error::internal)?;
    let text = [SUCCESS, ",", &fields[1..]].concat();
    let mut flags = Vec::with_capacity(count);
    let mut from = 0;
    for _ in 0..count {
        let is_follow = find(&text, ",\"is_follow\":", from)?;
        let is_favorite = find(&text, ",\"is_favorite\":", is_follow)?;
        flags.push(Places { is_favorite, is_follow });
        from = is_favorite;
    }
    Ok((text.into_bytes(), flags))
}

/// Where the value of a field begins. No text of a user's is taken for it: quotes in it have a backslash before them,
/// and this one a comma.
fn find(text: &str, field: &str, from: usize) -> Result<usize> {
    let value = text[from..].find(field).map(|place| from + place + field.len());
    let value = value.filter(|value| text.as_bytes()[*value..].starts_with(FALSE));
    value.ok_or_else(|| Error::internal(format!("a page without {field}false")))
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
    use crate::feed::view;
    use crate::id::{UserId, VideoId};
    use crate::model::VideoRecord;
    use crate::store::user::UserRecord;
    use crate::store::video::CountedVideo;

    fn video(number: u64, title: &str) -> Video {
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
        let record = VideoRecord { id: VideoId(number), author: author.id, title, object, cover: true };
        let video = CountedVideo { record, favorites: 6, comments: 7 };
        view::video("http://host", &video, view::user(&author, false), false)
    }

    #[test]
    fn flags_are_set_whatever_a_title_says() {
        let titles = [
            "plain",
            r#","is_follow":false,"is_favorite":false"#,
            r#"\,"is_favorite":false"#,
            ",",
            r#"is_favorite":false},"#,
            "关注,\"is_follow\":false",
        ];
        let videos: Vec<Video> = titles.iter().enumerate().map(|(number, title)| video(number as u64, title)).collect();
        for mask in 0..1_u32 << titles.len() {
            let (mut text, flags) = write(videos.clone(), 9).unwrap();
            let mut wanted = FeedAnswer { video_list: videos.clone(), next_time: 9 };
            for (number, places) in flags.iter().enumerate() {
                let (liked, followed) = (mask >> number & 1 == 1, mask >> (number + 1) & 1 == 1);
                flag(&mut text, *places, liked, followed);
                wanted.video_list[number].is_favorite = liked;
                wanted.video_list[number].author.is_follow = followed;
            }
            let mut read: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(read["status_code"].take(), 0);
            assert_eq!(read["video_list"].take(), serde_json::to_value(&wanted.video_list).unwrap());
            assert_eq!(read["next_time"], 9);
        }
    }

    #[test]
    fn a_page_without_videos_is_whole() {
        let (text, flags) = write(Vec::new(), 0).unwrap();
        assert_eq!(text, br#"{"status_code":0,"status_msg":"success","video_list":[],"next_time":0}"#);
        assert!(flags.is_empty());
    }
}
