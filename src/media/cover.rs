//! Covers: ffmpeg chooses a frame and draws it, in the sandbox.
//!
//! It is told which demuxer to use, so that a playlist or a concatenation script cannot pass for a video, may open
//! local files only, and writes to a pipe: the limits let it write no file at all.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::container::VideoKind;
use super::sandbox::{Ended, Limits, run};
use crate::error::{Error, Result};

/// Enough for ffmpeg, its two hundred libraries and the frames of 10-bit 4K.
const ADDRESS_SPACE_BYTES: u64 = 1 << 30;
const OPEN_FILES: u64 = 64;
const JPEG_BYTES_MAX: usize = 2 << 20;
const NICENESS: i32 = 10;

/// Frames a fifth of a second apart over the first three seconds (openings are often black), square pixels, within
/// 720 × 1280, never enlarged; of these the one that is nearest to their average.
const FILTER: &str = "select='isnan(prev_selected_t)+gte(t-prev_selected_t,0.2)',scale=iw*sar:ih,\
    scale=w='min(720,iw)':h='min(1280,ih)':force_original_aspect_ratio=decrease,setsar=1,thumbnail=16";

pub enum CoverOutcome {
    /// A JPEG.
    Made(Vec<u8>),
    /// There is none on this machine: the video keeps its placeholder.
    NoFfmpeg,
    /// Why not, for the log. Trying again would give the same.
    Failed(String),
}

pub struct CoverMaker {
    ffmpeg: Option<PathBuf>,
    timeout: Duration,
    turns: Semaphore,
}

impl CoverMaker {
    /// `ffmpeg` is a path, or a name that is looked up in PATH, once. `timeout` bounds one run; `jobs_max` runs at
    /// once. Blocks for the look-up.
    pub fn new(ffmpeg: &str, timeout: Duration, jobs_max: usize) -> CoverMaker {
        CoverMaker { ffmpeg: find_program(ffmpeg), timeout, turns: Semaphore::new(jobs_max) }
    }

    pub fn has_ffmpeg(&self) -> bool {
        self.ffmpeg.is_some()
    }

    /// Waits for its turn, then for ffmpeg. Fails only where ffmpeg is there and cannot be started now. To be called
    /// from a thread that lives as long as the process.
    pub async fn make(&self, video: &Path, kind: VideoKind) -> Result<CoverOutcome> {
        let Some(ffmpeg) = &self.ffmpeg else { return Ok(CoverOutcome::NoFfmpeg) };
        let _turn = self.turns.acquire().await.map_err(Error::internal)?;
        let limits = Limits {
            time: self.timeout,
            address_space_bytes: ADDRESS_SPACE_BYTES,
            open_files: OPEN_FILES,
            output_bytes: JPEG_BYTES_MAX,
            niceness: NICENESS,
        };
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        let arguments = arguments(video, kind);
        let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
        Ok(match run(ffmpeg, &arguments, &[("PATH", &search_path)], limits).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => CoverOutcome::NoFfmpeg,
            Err(error) => return Err(Error::unavailable(format!("could not start {}: {error}", ffmpeg.display()))),
            Ok(Ended::TooSlow) => CoverOutcome::Failed(format!("not done within {} ms", self.timeout.as_millis())),
            Ok(Ended::TooTalkative) => CoverOutcome::Failed(format!("a picture above {JPEG_BYTES_MAX} bytes")),
            Ok(Ended::Exited { status, output, complaint }) => {
                if status.success() && is_jpeg(&output) {
                    CoverOutcome::Made(output)
                } else {
                    CoverOutcome::Failed(format!("{status}, {} bytes: {complaint}", output.len()))
                }
            }
        })
    }
}

fn arguments(video: &Path, kind: VideoKind) -> Vec<OsString> {
    let demuxer = match kind {
        VideoKind::Mp4 | VideoKind::Mov => "mov",
        VideoKind::Webm | VideoKind::Mkv => "matroska",
    };
    let mut input = OsString::from("file:");
    input.push(video);
    let before = "-nostdin -hide_banner -loglevel error -max_alloc 268435456 -protocol_whitelist file,pipe";
    let reading = "-threads 1 -max_pixels 36000000 -an -sn -dn -t 3 -f";
    let writing = "-map 0:v:0 -map_metadata -1 -threads 1 -filter_threads 1 -frames:v 1 -pix_fmt yuvj420p -q:v 4";
    let words = |line: &'static str| line.split(' ').map(OsString::from);
    let mut arguments: Vec<OsString> = words(before).chain(words(reading)).collect();
    arguments.extend([demuxer.into(), "-i".into(), input]);
    arguments.extend(words(writing));
    arguments.extend(["-vf", FILTER, "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"].map(OsString::from));
    arguments
}

fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8, 0xFF]) && bytes.ends_with(&[0xFF, 0xD9])
}

fn find_program(name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(is_program);
    }
    let search_path = std::env::var_os("PATH")?;
    std::env::split_paths(&search_path).map(|folder| folder.join(name)).find(is_program)
}

#[cfg(test)]
mod tests {
    use super::super::clips::{clip, rotated_clip};
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn make(bytes: &[u8], kind: VideoKind) -> CoverOutcome {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        CoverMaker::new("ffmpeg", TIMEOUT, 1).make(file.path(), kind).await.unwrap()
    }

    /// Width and height, from the frame header.
    async fn cover_size(bytes: &[u8], kind: VideoKind) -> (u16, u16) {
        let jpeg = match make(bytes, kind).await {
            CoverOutcome::Made(jpeg) => jpeg,
            CoverOutcome::Failed(reason) => panic!("{reason}"),
            CoverOutcome::NoFfmpeg => panic!("these tests need ffmpeg"),
        };
        let frame = jpeg.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
        (number(frame + 7), number(frame + 5))
    }

    async fn failure(bytes: &[u8], kind: VideoKind) -> String {
        match make(bytes, kind).await {
            CoverOutcome::Failed(reason) => reason,
            _ => panic!("a cover was made"),
        }
    }

    #[tokio::test]
    async fn every_kind_gets_a_cover_of_its_own_size() {
        for (name, kind) in [
            ("plain.mp4", VideoKind::Mp4),
            ("fragmented.mp4", VideoKind::Mp4),
            ("hevc.mov", VideoKind::Mov),
            ("vp9.webm", VideoKind::Webm),
            ("live.webm", VideoKind::Webm),
            ("h264.mkv", VideoKind::Mkv),
        ] {
            assert_eq!(cover_size(&clip(name), kind).await, (90, 160), "{name}");
        }
    }

    #[tokio::test]
    async fn a_wide_video_is_made_smaller_and_a_turned_one_is_turned() {
        assert_eq!(cover_size(&clip("wide.mp4"), VideoKind::Mp4).await, (720, 405));
        assert_eq!(cover_size(&rotated_clip(), VideoKind::Mp4).await, (160, 90));
    }

    #[tokio::test]
    async fn what_is_no_video_gets_no_cover() {
        failure(b"", VideoKind::Mp4).await;
        failure(&[7; 5000], VideoKind::Mkv).await;
        failure(&clip("audio.mp4"), VideoKind::Mp4).await;
        let whole = clip("plain.mp4");
        failure(&whole[..whole.len() / 2], VideoKind::Mp4).await;
    }

    #[tokio::test]
    async fn a_playlist_is_not_followed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), clip("plain.mp4")).unwrap();
        let playlist = format!("#EXTM3U\n#EXTINF:1,\nfile:{}\n#EXT-X-ENDLIST\n", file.path().display());
        failure(playlist.as_bytes(), VideoKind::Mp4).await;
        failure(playlist.as_bytes(), VideoKind::Mkv).await;
    }

    #[tokio::test]
    async fn without_ffmpeg_that_is_said() {
        for name in ["riffle-no-such-program", "/nonexistent/ffmpeg", "/dev/null"] {
            let maker = CoverMaker::new(name, TIMEOUT, 1);
            assert!(!maker.has_ffmpeg());
            let outcome = maker.make(Path::new("/dev/null"), VideoKind::Mp4).await.unwrap();
            assert!(matches!(outcome, CoverOutcome::NoFfmpeg));
        }
    }

    #[tokio::test]
    async fn ffmpeg_that_hangs_or_lies_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        for (script, reason, timeout) in [
            ("sleep 1000", "not done within 300 ms", Duration::from_millis(300)),
            ("echo '<html>'", "exit status: 0, 7 bytes: ", TIMEOUT),
            ("echo no >&2; exit 1", "exit status: 1, 0 bytes: no", TIMEOUT),
        ] {
            let program = folder.path().join("ffmpeg");
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            let maker = CoverMaker::new(program.to_str().unwrap(), timeout, 1);
            match maker.make(Path::new("/dev/null"), VideoKind::Mp4).await.unwrap() {
                CoverOutcome::Failed(said) => assert_eq!(said, reason),
                _ => panic!("a cover was made"),
            }
        }
    }
}
