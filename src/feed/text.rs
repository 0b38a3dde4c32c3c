//! The texts of users and videos that are kept on their cards, as the API shows them: by hand, since most of what a page or
//! a list costs is this text. Tests hold it to the contract.

use std::ops::Range;

use smallvec::SmallVec;

use super::view;
use super::writer::{USER_BYTES, VIDEO_BYTES, Writer};
use crate::error::Result;
use crate::store::cards::{Places, UserCard, UserText, VideoText};
use crate::store::user::UserRecord;
use crate::store::video::CountedVideo;

pub(super) fn user(user: &UserRecord) -> Result<UserText> {
    let mut writer = Writer::bare(USER_BYTES);
    writer.number(r#""id":"#, user.id.0);
    writer.string(r#","name":"#, &user.name)?;
    writer.number(r#","follow_count":"#, user.follows);
    writer.number(r#","follower_count":"#, user.followers);
    let is_follow = writer.flag(r#","is_follow":"#, false);
    writer.number(r#","total_favorited":"#, user.favorited);
    writer.number(r#","work_count":"#, user.works);
    writer.number(r#","favorite_count":"#, user.favorites);
    writer.raw(r#","avatar":"","background_image":"","signature":"""#);
    Ok(UserText { bytes: SmallVec::from_slice(&writer.text), is_follow })
}

/// `media_base`: public base of media addresses, without a slash at its end.
pub(super) fn video(media_base: &str, video: &CountedVideo, author: &UserCard) -> Result<VideoText<'static>> {
    let mut writer = Writer::bare(VIDEO_BYTES);
    let record = &video.record;
    writer.number(r#"{"id":"#, record.id.0);
    writer.raw(r#","author":{"#);
    let (author, is_follow) = write_author(&mut writer, author)?;
    let mut address = String::new();
    view::play_url(&mut address, media_base, record);
    writer.string(r#"},"play_url":"#, &address)?;
    address.clear();
    view::cover_url(&mut address, media_base, record);
    writer.string(r#","cover_url":"#, &address)?;
    writer.number(r#","favorite_count":"#, video.favorites);
    writer.number(r#","comment_count":"#, video.comments);
    let is_favorite = writer.flag(r#","is_favorite":"#, false);
    writer.string(r#","title":"#, &record.title)?;
    writer.number(r#","create_time":"#, view::shown_ms(record.id.0));
    writer.raw("}");
    Ok(VideoText { bytes: writer.text.into(), author, places: Places { is_favorite, is_follow } })
}

/// Gives where he stands, and his flag.
fn write_author(writer: &mut Writer, author: &UserCard) -> Result<(Range<usize>, usize)> {
    let (text, start) = (author.text(user)?, writer.text.len());
    writer.text.extend_from_slice(&text.bytes);
    Ok((start..writer.text.len(), start + text.is_follow))
}

/// The same video, its author as he is now.
pub(super) fn by_author(text: &VideoText<'_>, author: &UserCard) -> Result<VideoText<'static>> {
    let mut writer = Writer::bare(text.bytes.len() + USER_BYTES);
    writer.text.extend_from_slice(&text.bytes[..text.author.start]);
    let (author, is_follow) = write_author(&mut writer, author)?;
    writer.text.extend_from_slice(&text.bytes[text.author.end..]);
    let places = Places { is_favorite: text.places.is_favorite - text.author.end + author.end, is_follow };
    Ok(VideoText { bytes: writer.text.into(), author, places })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::id::{UserId, VideoId};
    use crate::model::VideoRecord;
    use crate::store::seen::SeenUser;
    use crate::store::{Admission, Marks};

    fn user_card(user: UserRecord) -> Arc<UserCard> {
        UserCard::new(user, Marks::new(Duration::ZERO).stamp(0, &Admission::new(Vec::new(), Vec::new())))
    }

    fn made(number: u64, title: &str) -> (CountedVideo, UserRecord) {
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

    fn read(text: &VideoText<'_>, is_liked: bool, is_followed: bool) -> Value {
        let mut bytes = text.bytes.to_vec();
        text.places.set(&mut bytes, is_liked, is_followed);
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn flags_and_authors_are_set_whatever_a_title_says() {
        let titles = [
            "plain",
            r#","is_follow":false,"is_favorite":false"#,
            r#"\,"is_favorite":false"#,
            "",
            "a\tb\"c\\\u{1}",
            "关注,\"is_follow\":false",
        ];
        for (number, title) in titles.iter().enumerate() {
            let (told, author) = made(number as u64, title);
            let renamed = UserRecord { name: format!("{title}, once more"), ..author.clone() };
            let text = video("http://host", &told, &user_card(author.clone())).unwrap();
            let by_renamed = by_author(&text, &user_card(renamed.clone())).unwrap();
            let again = by_author(&by_renamed, &user_card(author.clone())).unwrap();
            assert_eq!(again.bytes, text.bytes);
            for (is_liked, is_followed) in [(false, false), (false, true), (true, false), (true, true)] {
                for (text, author) in [(&text, &author), (&by_renamed, &renamed), (&again, &author)] {
                    assert_eq!(read(text, is_liked, is_followed), shown(&told, author, is_liked, is_followed));
                }
            }
        }
    }

    #[test]
    fn the_text_of_a_usual_user_lies_on_his_card() {
        let (_, author) = made(1_000_000_000_000_000_000, "twenty bytes of name");
        let usual =
            UserRecord { favorited: 1_234, favorites: 123, followers: 1_234, follows: 123, works: 12, ..author };
        assert!(!user(&usual).unwrap().bytes.spilled());
    }

    #[test]
    fn a_user_is_shown_as_beside_a_video() {
        let (told, author) = made(7, "name \"quoted\"");
        for is_followed in [false, true] {
            let mut writer = Writer::begin(0);
            writer.raw(r#","user":"#);
            writer.user(&SeenUser { card: &user_card(author.clone()), is_followed }).unwrap();
            let text: Value = serde_json::from_slice(&writer.end()).unwrap();
            assert_eq!(text["user"], shown(&told, &author, false, is_followed)["author"]);
        }
    }
}
