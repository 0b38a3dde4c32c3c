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
    riffle: PathBuf,
    ffmpeg: Option<PathBuf>,
    timeout: Duration,
    turns: Semaphore,
}

impl CoverMaker {
    /// `riffle` is this very program, as for [`Prober::new`](super::Prober::new). `ffmpeg` is a path, or a name that is
    /// looked up in PATH, once. `timeout` bounds one run; `jobs_max` runs at once. Blocks for the look-up.
    pub fn new(riffle: PathBuf, ffmpeg: &str, timeout: Duration, jobs_max: usize) -> CoverMaker {
        CoverMaker { riffle, ffmpeg: find_program(ffmpeg), timeout, turns: Semaphore::new(jobs_max) }
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
        Ok(match run(&self.riffle, ffmpeg, &arguments, &[("PATH", &search_path)], limits).await {
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
