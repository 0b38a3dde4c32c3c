//! Small videos for the tests, made by ffmpeg: each once per test process, 90 × 160 pixels, a second long.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

const PICTURE: &str = "-f lavfi -i testsrc=size=90x160:rate=10:duration=1";
const SOUND: &str = "-f lavfi -i sine=frequency=440:duration=1";

fn recipe(name: &str) -> String {
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    let vp8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 100k";
    match name {
        "plain.mp4" => format!("{PICTURE} {SOUND} {h264}"),
        "faststart.mp4" => format!("{PICTURE} {SOUND} {h264} -movflags +faststart"),
        "fragmented.mp4" => format!("{PICTURE} {SOUND} {h264} -movflags frag_keyframe+empty_moov"),
        "mpeg4.mp4" => format!("{PICTURE} -c:v mpeg4"),
        "plain.mov" => format!("{PICTURE} {SOUND} {h264} -c:a pcm_s24be -timecode 00:00:00:00"),
        "hevc.mov" => {
            format!("{PICTURE} {SOUND} -c:v libx265 -x265-params log-level=none -tag:v hvc1 -preset ultrafast")
        }
        "vp8.webm" => format!("{PICTURE} {SOUND} {vp8}"),
        "vp9.webm" => format!("{PICTURE} -c:v libvpx-vp9 -deadline realtime -cpu-used 8"),
        "live.webm" => format!("{PICTURE} {SOUND} {vp8} -live 1"),
        "h264.mkv" => format!("{PICTURE} {SOUND} {h264}"),
        "audio.mp4" | "audio.mkv" => SOUND.to_owned(),
        "wide.mp4" => format!("-f lavfi -i testsrc=size=1280x720:rate=10:duration=1 {h264}"),
        _ => panic!("no recipe for {name}"),
    }
}

pub fn clip(name: &'static str) -> Arc<[u8]> {
    static MADE: Mutex<BTreeMap<&str, Arc<[u8]>>> = Mutex::new(BTreeMap::new());
    MADE.lock().unwrap().entry(name).or_insert_with(|| make(name).into()).clone()
}

/// `faststart.mp4` with the quarter turn that a phone writes into the track's header.
pub fn rotated_clip() -> Vec<u8> {
    let mut bytes = clip("faststart.mp4").to_vec();
    let matrix = position(&bytes, b"tkhd") + 4 + 40;
    let turn: [i32; 9] = [0, 1 << 16, 0, -(1 << 16), 0, 0, 160 << 16, 0, 1 << 30];
    for (place, value) in turn.iter().enumerate() {
        bytes[matrix + 4 * place..][..4].copy_from_slice(&value.to_be_bytes());
    }
    bytes
}

fn make(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(recipe(name).split(' '))
        .arg(&file)
        .stdin(Stdio::null())
        .status()
        .expect("these tests need ffmpeg");
    assert!(status.success(), "ffmpeg could not make {name}");
    std::fs::read(file).unwrap()
}

/// Where `part` begins.
pub fn position(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).expect("the clip holds that part")
}
