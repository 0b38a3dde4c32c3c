//! The clip that is published: a second of video, filled up to two million bytes.

use std::path::Path;
use std::process::Command;

use crate::Result;

const CLIP_BYTES: usize = 2_000_000;

pub fn make(path: &Path) -> Result<()> {
    let drawn = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=720x1280:rate=30:duration=1"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-y"])
        .arg(path)
        .output()
        .map_err(|error| format!("ffmpeg: {error}"))?;
    if !drawn.status.success() {
        return Err(format!("ffmpeg: {}", String::from_utf8_lossy(&drawn.stderr)).into());
    }
    let mut bytes = std::fs::read(path)?;
    // A box that players pass over.
    let filling = CLIP_BYTES.checked_sub(bytes.len()).filter(|filling| *filling >= 8).ok_or("the clip is too large")?;
    bytes.extend_from_slice(&u32::try_from(filling)?.to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.resize(CLIP_BYTES, 0);
    Ok(std::fs::write(path, bytes)?)
}
