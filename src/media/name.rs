//! Names of media files. They are random, so they tell nothing, never repeat, and need no agreement between servers.

use std::fmt;
use std::str::FromStr;

use super::container::VideoKind;

/// `"<32 hex digits>.<mp4|mov|webm|mkv>"`: the stored file of a video, for ever. Its text is what Postgres keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VideoName {
    stem: u128,
    kind: VideoKind,
}

impl VideoName {
    pub(super) fn new(stem: u128, kind: VideoKind) -> VideoName {
        VideoName { stem, kind }
    }

    /// The 32 hex digits.
    pub fn stem(self) -> String {
        stem_text(self.stem)
    }

    pub(super) fn number(self) -> u128 {
        self.stem
    }

    pub fn kind(self) -> VideoKind {
        self.kind
    }

    pub fn content_type(self) -> &'static str {
        self.kind.content_type()
    }
}

impl fmt::Display for VideoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}.{}", self.stem, self.kind.extension())
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct NotAVideoName;

impl FromStr for VideoName {
    type Err = NotAVideoName;

    fn from_str(name: &str) -> Result<VideoName, NotAVideoName> {
        let (stem, extension) = name.split_once('.').ok_or(NotAVideoName)?;
        let stem = parse_stem(stem).ok_or(NotAVideoName)?;
        Ok(VideoName { stem, kind: VideoKind::of_extension(extension).ok_or(NotAVideoName)? })
    }
}

/// Where a video's cover lies below the public media address: its own once `made`, a placeholder before.
pub fn cover_path(video: VideoName, made: bool) -> String {
    let name = if made { PublicName::Cover(video.stem) } else { PublicName::Placeholder((video.stem >> 124) as u8) };
    name.to_string()
}

pub(super) fn stem_text(stem: u128) -> String {
    format!("{stem:032x}")
}

/// Lower-case digits only: one file has one name.
fn parse_stem(text: &str) -> Option<u128> {
    let digits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits { u128::from_str_radix(text, 16).ok() } else { None }
}

/// A file that anybody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PublicName {
    Video(VideoName),
    Cover(u128),
    Placeholder(u8),
}

const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A later version may draw them anew.
const A_DAY: &str = "public, max-age=86400";

/// Where a file lies below the root of its store, which is also its public path.
impl fmt::Display for PublicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublicName::Video(video) => write!(f, "video/{video}"),
            PublicName::Cover(stem) => write!(f, "cover/{}.jpg", stem_text(*stem)),
            PublicName::Placeholder(number) => write!(f, "placeholder/{number:x}.jpg"),
        }
    }
}

impl PublicName {
    /// `path` is relative to the public media address, decoded. Only paths that [`VideoName`] and [`cover_path`] can
    /// give are names, which leaves no room for dots, slashes or links.
    pub(super) fn parse(path: &str) -> Option<PublicName> {
        let (folder, file) = path.split_once('/')?;
        match folder {
            "video" => file.parse().ok().map(PublicName::Video),
            "cover" => parse_stem(file.strip_suffix(".jpg")?).map(PublicName::Cover),
            "placeholder" => match file.strip_suffix(".jpg")?.as_bytes() {
                [digit @ b'0'..=b'9'] => Some(PublicName::Placeholder(digit - b'0')),
                [digit @ b'a'..=b'f'] => Some(PublicName::Placeholder(digit - b'a' + 10)),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            PublicName::Video(video) => video.content_type(),
            PublicName::Cover(_) | PublicName::Placeholder(_) => "image/jpeg",
        }
    }

    pub(super) fn cache_control(self) -> &'static str {
        match self {
            PublicName::Video(_) | PublicName::Cover(_) => FOR_EVER,
            PublicName::Placeholder(_) => A_DAY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0.webm";

    #[test]
    fn a_name_is_read_back() {
        let name: VideoName = NAME.parse().unwrap();
        assert_eq!(name.to_string(), NAME);
        assert_eq!(name.stem(), &NAME[..32]);
        assert_eq!(name.content_type(), "video/webm");
    }

    #[test]
    fn nothing_else_is_a_name() {
        for wrong in [
            "",
            ".mp4",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f.mp4",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f00.mp4",
            "0F1e2d3c4b5a69788796a5b4c3d2e1f0.mp4",
            "+f1e2d3c4b5a69788796a5b4c3d2e1f0.mp4",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0.avi",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0.mp4.mp4",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0.MP4",
            "../2d3c4b5a69788796a5b4c3d2e1f0.mp4",
        ] {
            assert_eq!(wrong.parse::<VideoName>(), Err(NotAVideoName), "{wrong}");
        }
    }

    #[test]
    fn covers_and_placeholders_have_public_names() {
        let name: VideoName = NAME.parse().unwrap();
        assert_eq!(PublicName::parse(&cover_path(name, true)), Some(PublicName::Cover(name.stem)));
        assert_eq!(PublicName::parse(&cover_path(name, false)), Some(PublicName::Placeholder(0)));
        assert_eq!(PublicName::parse("placeholder/c.jpg"), Some(PublicName::Placeholder(12)));
        assert_eq!(PublicName::parse(&format!("video/{NAME}")), Some(PublicName::Video(name)));
        for path in [cover_path(name, true), cover_path(name, false), format!("video/{NAME}")] {
            assert_eq!(PublicName::parse(&path).unwrap().to_string(), path);
        }
        for wrong in [
            "",
            "video",
            "video/",
            "video/../token",
            "cover/x.jpg",
            "placeholder/g.jpg",
            "placeholder/10.jpg",
            "placeholder/A.jpg",
            "placeholder/../video/x",
            "incoming/0f1e2d3c4b5a69788796a5b4c3d2e1f0.mp4",
            "/video/0f1e2d3c4b5a69788796a5b4c3d2e1f0.mp4",
        ] {
            assert_eq!(PublicName::parse(wrong), None, "{wrong}");
        }
    }
}
