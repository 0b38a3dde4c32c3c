//! What kind of container a file is, told from its bytes, and what it says of itself.

use std::fmt;
use std::io::{Read, Seek, SeekFrom};
use std::str::FromStr;

use super::{matroska, mp4};

/// A container this service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoKind {
    Mp4,
    Mov,
    Webm,
    Mkv,
}

impl VideoKind {
    pub const ALL: [VideoKind; 4] = [VideoKind::Mp4, VideoKind::Mov, VideoKind::Webm, VideoKind::Mkv];

    /// The end of a file's name, and the word of the probe's answer.
    pub fn extension(self) -> &'static str {
        match self {
            VideoKind::Mp4 => "mp4",
            VideoKind::Mov => "mov",
            VideoKind::Webm => "webm",
            VideoKind::Mkv => "mkv",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            VideoKind::Mp4 => "video/mp4",
            VideoKind::Mov => "video/quicktime",
            VideoKind::Webm => "video/webm",
            VideoKind::Mkv => "video/x-matroska",
        }
    }

    pub fn of_extension(extension: &str) -> Option<VideoKind> {
        VideoKind::ALL.into_iter().find(|kind| kind.extension() == extension)
    }
}

/// What a container says of its first video track, in the probe's words: `mp4 <width> <height> <duration_ms>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub kind: VideoKind,
    /// Pixels as shown, after rotation; never 0.
    pub width: u32,
    pub height: u32,
    /// 0: the container does not say (recordings written as they are made).
    pub duration_ms: u64,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.kind.extension(), self.width, self.height, self.duration_ms)
    }
}

impl FromStr for Facts {
    type Err = ();

    fn from_str(line: &str) -> Result<Facts, ()> {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(());
        let facts = Facts {
            kind: VideoKind::of_extension(word()?).ok_or(())?,
            width: word()?.parse().map_err(drop)?,
            height: word()?.parse().map_err(drop)?,
            duration_ms: word()?.parse().map_err(drop)?,
        };
        if words.next().is_some() { Err(()) } else { Ok(facts) }
    }
}

const EBML_MAGIC: [u8; 4] = [0x1A, 0x45, 0xDF, 0xA3];

/// Parses a container, or says in a few words why it is refused. Only for a process that may crash or hang: the
/// parsers beneath see hostile bytes, and their time and memory are bounded from outside (`sandbox.rs`).
pub fn inspect<R: Read + Seek>(file: &mut R) -> Result<Facts, String> {
    let length = file.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
    if length == 0 {
        return Err("the file is empty".to_owned());
    }
    file.rewind().map_err(|error| error.to_string())?;
    let mut start = [0; 12];
    file.read_exact(&mut start).map_err(|_| "the file is too short to be a video".to_owned())?;
    if start.starts_with(&EBML_MAGIC) {
        return matroska::inspect(file, length);
    }
    // The last four are how QuickTime files began before `ftyp` was invented.
    match &start[4..8] {
        b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" => mp4::inspect(file, length),
        _ => Err("neither MP4, QuickTime, WebM nor Matroska".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::super::clips::{clip, rotated_clip};
    use super::*;

    fn check(bytes: &[u8]) -> Result<Facts, String> {
        inspect(&mut Cursor::new(bytes))
    }

    fn refused(bytes: &[u8]) -> String {
        check(bytes).unwrap_err()
    }

    #[test]
    fn every_kind_is_told_from_its_bytes() {
        for (name, kind, duration_ms) in [
            ("plain.mp4", VideoKind::Mp4, 1000),
            ("faststart.mp4", VideoKind::Mp4, 1000),
            ("fragmented.mp4", VideoKind::Mp4, 0),
            ("mpeg4.mp4", VideoKind::Mp4, 1000),
            ("plain.mov", VideoKind::Mov, 1000),
            ("hevc.mov", VideoKind::Mov, 1000),
            ("vp8.webm", VideoKind::Webm, 1000),
            ("vp9.webm", VideoKind::Webm, 1000),
            ("live.webm", VideoKind::Webm, 0),
            ("h264.mkv", VideoKind::Mkv, 1000),
        ] {
            let facts = check(&clip(name)).unwrap_or_else(|reason| panic!("{name}: {reason}"));
            assert_eq!((facts.kind, facts.width, facts.height), (kind, 90, 160), "{name}");
            assert!(facts.duration_ms.abs_diff(duration_ms) <= 100, "{name}: {facts:?}");
        }
    }

    #[test]
    fn a_rotated_video_is_as_wide_as_it_is_shown() {
        let facts = check(&rotated_clip()).unwrap();
        assert_eq!((facts.width, facts.height), (160, 90));
    }

    #[test]
    fn sound_alone_is_refused() {
        for name in ["audio.mp4", "audio.mkv"] {
            assert_eq!(refused(&clip(name)), "no video track", "{name}");
        }
    }

    #[test]
    fn what_only_claims_to_be_a_video_is_refused() {
        for bytes in [
            &b""[..],
            b"moov",
            b"This is a text that somebody named film.mp4.",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00film.mp4",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
            &[0; 4096],
        ] {
            refused(bytes);
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        for name in ["plain.mp4", "faststart.mp4", "plain.mov", "vp8.webm", "h264.mkv"] {
            let whole = clip(name);
            for cut in (1..whole.len()).step_by(whole.len() / 97) {
                assert!(check(&whole[..cut]).is_err(), "{name} cut to {cut} of {} bytes", whole.len());
            }
        }
    }

    #[test]
    fn the_probe_line_is_read_back() {
        let facts = Facts { kind: VideoKind::Webm, width: 720, height: 1280, duration_ms: 15_040 };
        assert_eq!(facts.to_string().parse(), Ok(facts));
        for line in ["", "mp4", "mp4 1 2", "avi 1 2 3", "mp4 1 2 3 4", "mp4 -1 2 3"] {
            assert_eq!(line.parse::<Facts>(), Err(()), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn noise_after_a_true_beginning_is_refused(
            start in prop::sample::select(vec![&b"\0\0\0\x10ftypisom\0\0\0\0"[..], b"\0\0\0\x08wide", &EBML_MAGIC]),
            noise in prop::collection::vec(any::<u8>(), 0..512),
        ) {
            prop_assert!(check(&[start, &noise].concat()).is_err());
        }

        /// Whatever the verdict, there is one.
        #[test]
        fn a_damaged_video_gets_a_verdict(
            name in prop::sample::select(vec!["faststart.mp4", "fragmented.mp4", "plain.mov", "vp8.webm", "h264.mkv"]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            head in any::<bool>(),
        ) {
            let mut bytes = clip(name).to_vec();
            let reach = if head { bytes.len().min(1500) } else { bytes.len() };
            for (place, byte) in damage {
                bytes[place.index(reach)] = byte;
            }
            let _ = check(&bytes);
        }
    }
}
