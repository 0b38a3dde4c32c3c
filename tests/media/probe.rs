//! The probe: what is a video, and what becomes of a parser that goes wrong.

use std::path::Path;
use std::time::Duration;

use riffle::error::{Code, Error};
use riffle::media::{Facts, Prober, VideoKind};

use crate::{RIFFLE, TIMEOUT, clips, program};

async fn probe(bytes: &[u8]) -> Result<Facts, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Prober::new(RIFFLE.into(), TIMEOUT).probe(file.path()).await
}

async fn refusal(bytes: &[u8]) -> String {
    let error = probe(bytes).await.unwrap_err();
    assert_eq!(error.code, Code::NotAVideo, "{error}");
    error.detail.unwrap()
}

#[tokio::test]
async fn a_video_is_told_by_kind_and_size() {
    for (name, kind) in [
        ("plain.mp4", VideoKind::Mp4),
        ("fragmented.mp4", VideoKind::Mp4),
        ("plain.mov", VideoKind::Mov),
        ("vp8.webm", VideoKind::Webm),
        ("h264.mkv", VideoKind::Mkv),
    ] {
        let facts = probe(&clips::clip(name)).await.unwrap();
        assert_eq!((facts.kind, facts.width, facts.height), (kind, 90, 160), "{name}");
    }
    assert_eq!(probe(&clips::rotated_clip()).await.unwrap().width, 160);
}

#[tokio::test]
async fn what_is_no_video_is_refused_with_a_reason() {
    assert_eq!(refusal(b"").await, "the file is empty");
    assert_eq!(refusal(&clips::clip("audio.mp4")).await, "no video track");
    assert_eq!(refusal(b"#EXTM3U\n#EXTINF:1,\n").await, "neither MP4, QuickTime, WebM nor Matroska");
    let whole = clips::clip("faststart.mp4");
    assert!(refusal(&whole[..whole.len() - 1]).await.starts_with("cut short: the mdat box"));
}

/// The data folder's default is relative, too.
#[tokio::test]
async fn a_relative_path_is_found() {
    let prober = Prober::new(RIFFLE.into(), TIMEOUT);
    let error = prober.probe(Path::new("Cargo.toml")).await.unwrap_err();
    assert_eq!(error.detail.unwrap(), "neither MP4, QuickTime, WebM nor Matroska");
}

/// A table that promises 2^32 entries asks the parser for more memory than the sandbox gives.
#[tokio::test]
async fn a_file_that_eats_memory_is_refused() {
    let mut bytes = clips::clip("faststart.mp4").to_vec();
    let count = clips::position(&bytes, b"stts") + 8;
    bytes[count..count + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    refusal(&bytes).await;
}

#[tokio::test]
async fn a_probe_that_hangs_crashes_or_babbles_refuses_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for (script, timeout, reason) in [
        ("sleep 1000", Duration::from_millis(300), "no verdict within 300 ms"),
        ("kill -SEGV $$", TIMEOUT, "the probe ended with signal: 11"),
        ("echo panicked >&2; exit 101", TIMEOUT, "the probe ended with exit status: 101: panicked"),
        ("echo mp4 1 2 3; exit 1", TIMEOUT, "the probe ended with exit status: 1"),
        ("echo avi 1 2 3", TIMEOUT, "the probe ended with exit status: 0"),
        ("while :; do echo mp4 1 2 3; done", TIMEOUT, "the probe said too much"),
        ("while :; do :; done", Duration::from_millis(300), "no verdict within 300 ms"),
    ] {
        // A stand-in for a parser that went wrong.
        let prober = Prober::new(program(folder.path(), script), timeout);
        let error = prober.probe(Path::new("/dev/null")).await.unwrap_err();
        assert_eq!(error.code, Code::NotAVideo, "{script}");
        let detail = error.detail.unwrap();
        assert!(detail.starts_with(reason), "{script}: {detail}");
    }
}

#[tokio::test]
async fn a_look_that_fails_by_itself_is_no_verdict() {
    let missing = Prober::new("/nonexistent/riffle".into(), TIMEOUT);
    assert_eq!(missing.probe(Path::new("/dev/null")).await.unwrap_err().code, Code::Unavailable);
    let prober = Prober::new(RIFFLE.into(), TIMEOUT);
    assert_eq!(prober.probe(Path::new("/nonexistent/video")).await.unwrap_err().code, Code::Unavailable);
}

#[test]
fn a_probe_that_is_not_confined_never_looks() {
    let nowhere = "/nonexistent/video";
    for (arguments, complaint) in [
        (&["probe"][..], "not confined: no confinement was given"),
        (&["probe", nowhere], "not confined: no confinement was given"),
        (&["probe", "1,21,1073741824,16", nowhere], "not confined: no confinement was given"),
        // Another parent than the one that it has.
        (&["probe", "1,21,1073741824,16,0", nowhere], "not confined: whoever started this is gone"),
    ] {
        let ended = std::process::Command::new(RIFFLE).args(arguments).output().unwrap();
        assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(2), &b""[..]), "{arguments:?}");
        assert_eq!(String::from_utf8(ended.stderr).unwrap().trim_end(), complaint, "{arguments:?}");
    }
}

#[tokio::test]
async fn many_looks_at_once_all_get_their_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video");
    std::fs::write(&path, clips::clip("vp8.webm")).unwrap();
    let prober = std::sync::Arc::new(Prober::new(RIFFLE.into(), TIMEOUT));
    let looks: Vec<_> = (0..30)
        .map(|_| {
            let (prober, path) = (prober.clone(), path.clone());
            tokio::spawn(async move { prober.probe(&path).await })
        })
        .collect();
    for look in looks {
        assert_eq!(look.await.unwrap().unwrap().kind, VideoKind::Webm);
    }
}
