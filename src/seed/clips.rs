//! Renders the demo clips: upright, 3 to 8 seconds, H.264 and AAC in MP4, drawn by ffmpeg out of nothing.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use futures_util::StreamExt;
use tokio::process::Command;

use super::dice::Dice;
use super::looks::{LOOKS, RATE};
use super::sounds;

/// As many clips as there are looks.
pub const COUNT: usize = LOOKS.len();

/// ffmpeg processes at once, of one thread each.
const JOBS_MAX: usize = 2;

#[derive(Debug)]
pub enum RenderError {
    /// The program named could not be started because it is not there.
    Missing(String),
    Start(io::Error),
    /// The folder for the clips could not be made.
    Folder(io::Error),
    /// ffmpeg refused: the clip's number, and what it said.
    Refused(usize, String),
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RenderError::Missing(program) => write!(
                f,
                "{program}: not found. The demo clips are drawn by ffmpeg; install it (Debian, Ubuntu: apt-get install \
                 ffmpeg; macOS: brew install ffmpeg) or name the program in RIFFLE_FFMPEG"
            ),
            RenderError::Start(error) => write!(f, "cannot run ffmpeg: {error}"),
            RenderError::Folder(error) => write!(f, "cannot make the folder of the clips: {error}"),
            RenderError::Refused(clip, said) => write!(f, "ffmpeg could not draw clip {clip}: {said}"),
        }
    }
}

impl std::error::Error for RenderError {}

/// Draws the clips `0..count` of this seed into `dir` and answers their files, in that order. `on_done` hears how many
/// are finished, each time one is. The same seed, clip and ffmpeg give the same bytes.
pub async fn render(
    dir: &Path,
    seed: u64,
    count: usize,
    ffmpeg: &str,
    on_done: impl Fn(usize),
) -> Result<Vec<PathBuf>, RenderError> {
    tokio::fs::create_dir_all(dir).await.map_err(RenderError::Folder)?;
    let file = |clip: usize| dir.join(format!("clip-{clip:02}.mp4"));
    let jobs = (0..count).map(|clip| render_one(file(clip), seed, clip, ffmpeg));
    let mut finished = futures_util::stream::iter(jobs).buffer_unordered(JOBS_MAX).enumerate();
    while let Some((before, outcome)) = finished.next().await {
        outcome?;
        on_done(before + 1);
    }
    Ok((0..count).map(file).collect())
}

async fn render_one(file: PathBuf, seed: u64, clip: usize, ffmpeg: &str) -> Result<(), RenderError> {
    let Recipe { graph, length_s } = recipe(seed, clip);
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]);
    command.args(["-filter_threads", "1", "-filter_complex_threads", "1", "-filter_complex", &graph]);
    command.args(["-map", "[picture]", "-map", "[sound]", "-t", &length_s, "-r", &RATE.to_string()]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-pix_fmt", "yuv420p", "-threads", "1"]);
    command.args(["-maxrate", "400k", "-bufsize", "400k", "-c:a", "aac", "-b:a", "48k"]);
    // Nothing of the moment or the machine goes into the file.
    command.args(["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]);
    command.args(["-movflags", "+faststart", "-f", "mp4"]).arg(&file);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RenderError::Missing(ffmpeg.to_owned()),
        _ => RenderError::Start(error),
    })?;
    if !output.status.success() {
        return Err(RenderError::Refused(clip, String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(())
}

struct Recipe {
    /// With the outputs `[picture]` and `[sound]`, both endless.
    graph: String,
    length_s: String,
}

/// What clip number `clip` is: its look, how long it lasts, which colours it has and how it sounds.
fn recipe(seed: u64, clip: usize) -> Recipe {
    let look = &LOOKS[clip % LOOKS.len()];
    let mut dice = Dice::new(seed, &format!("clip {clip}"));
    let tenths = dice.between(32, 74);
    let turn = dice.below(2 * look.hue_degrees + 1) as i64 - look.hue_degrees as i64;
    let sound = sounds::source(look.sound, &mut dice);
    let picture = (look.draw)(&mut dice);
    Recipe {
        graph: format!("{picture},hue=h={turn},format=yuv420p,setsar=1[picture];{sound},afade=t=in:d=0.15[sound]"),
        length_s: format!("{}.{}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::process::Command;

    fn probed(file: &Path, entries: &str) -> String {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-of", "csv=p=0", "-show_entries", entries])
            .arg(file)
            .output()
            .expect("ffprobe must be installed");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[tokio::test]
    async fn clips_are_upright_have_sound_and_repeat_to_the_byte() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let done = RefCell::new(Vec::new());
        let files = render(first.path(), 5, 3, "ffmpeg", |count| done.borrow_mut().push(count)).await.unwrap();
        let again = render(second.path(), 5, 3, "ffmpeg", |_| {}).await.unwrap();
        assert_eq!(*done.borrow(), [1, 2, 3]);
        for (file, same) in files.iter().zip(&again) {
            assert_eq!(probed(file, "stream=codec_name,width,height"), "h264,360,640\naac");
            let length_s: f64 = probed(file, "format=duration").parse().unwrap();
            assert!((3.0..=8.0).contains(&length_s), "{length_s}");
            assert!(std::fs::read(file).unwrap() == std::fs::read(same).unwrap(), "{file:?} differs");
        }
        assert_ne!(std::fs::read(&files[0]).unwrap(), std::fs::read(&files[1]).unwrap());
    }

    #[test]
    fn every_look_is_understood_by_ffmpeg() {
        for clip in 0..COUNT {
            let graph = recipe(11, clip).graph;
            let output = Command::new("ffmpeg")
                .args(["-nostdin", "-v", "error", "-filter_complex", &graph, "-map", "[picture]", "-map", "[sound]"])
                .args(["-t", "0.1", "-f", "null", "-"])
                .output()
                .expect("ffmpeg must be installed");
            assert!(output.status.success(), "clip {clip}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    #[test]
    fn a_further_round_of_looks_gives_further_clips() {
        assert_ne!(recipe(1, 0).graph, recipe(1, COUNT).graph);
        assert_ne!(recipe(1, 0).graph, recipe(2, 0).graph);
    }

    #[tokio::test]
    async fn a_missing_ffmpeg_says_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let error = render(dir.path(), 1, 1, "no-such-ffmpeg", |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("no-such-ffmpeg: not found") && error.contains("apt-get install ffmpeg"), "{error}");
    }

    #[tokio::test]
    async fn what_ffmpeg_says_is_passed_on() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("clip-00.mp4");
        std::fs::create_dir(&taken).unwrap();
        let error = render(dir.path(), 1, 1, "ffmpeg", |_| {}).await.unwrap_err().to_string();
        assert!(error.starts_with("ffmpeg could not draw clip 0: ") && error.contains("clip-00.mp4"), "{error}");
    }
}
