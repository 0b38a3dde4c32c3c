//! Covers, drawn by the ffmpeg of this machine.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use riffle::error::Code;
use riffle::media::{CoverMaker, CoverOutcome, VideoKind};

use crate::clips::{clip, rotated_clip};
use crate::{RIFFLE, TIMEOUT, program};

fn maker(ffmpeg: &str, timeout: Duration) -> CoverMaker {
    CoverMaker::new(RIFFLE.into(), ffmpeg, timeout, 1)
}

async fn make(bytes: &[u8], kind: VideoKind) -> CoverOutcome {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    maker("ffmpeg", TIMEOUT).make(file.path(), kind).await.unwrap()
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
        let maker = maker(name, TIMEOUT);
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
        let maker = maker(program(folder.path(), script).to_str().unwrap(), timeout);
        match maker.make(Path::new("/dev/null"), VideoKind::Mp4).await.unwrap() {
            CoverOutcome::Failed(said) => assert_eq!(said, reason),
            _ => panic!("a cover was made"),
        }
    }
}

#[tokio::test]
async fn ffmpeg_that_went_away_is_missed_and_one_that_cannot_be_started_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = program(folder.path(), "echo");
    let maker = maker(ffmpeg.to_str().unwrap(), TIMEOUT);
    std::fs::set_permissions(&ffmpeg, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = maker.make(Path::new("/dev/null"), VideoKind::Mp4).await.err().unwrap();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.detail.unwrap().contains("Permission denied"));
    std::fs::remove_file(&ffmpeg).unwrap();
    let outcome = maker.make(Path::new("/dev/null"), VideoKind::Mp4).await.unwrap();
    assert!(matches!(outcome, CoverOutcome::NoFfmpeg));
}

/// Without the program that confines it ffmpeg is not run, nor taken for absent.
#[tokio::test]
async fn without_a_confinement_no_cover_is_made() {
    let maker = CoverMaker::new("/nonexistent/riffle".into(), "ffmpeg", TIMEOUT, 1);
    let error = maker.make(Path::new("/dev/null"), VideoKind::Mp4).await.err().unwrap();
    assert_eq!(error.code, Code::Unavailable);
}
