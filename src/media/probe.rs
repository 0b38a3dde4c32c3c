//! Asking a child process whether a file is a video.
//!
//! The child is this very program, called as `riffle probe <confinement> <path>`: it confines itself, opens the file, and
//! says one line: the [`Facts`], or `refused` and why. Should the parser crash, loop or eat memory, the child dies of it
//! and the file is refused.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::confine::Confinement;
use super::container::{Facts, inspect};
use super::sandbox::{Ended, Limits, call};
use crate::error::{Code, Error, Result};

const ADDRESS_SPACE_BYTES: u64 = 1 << 30;
/// More than the standard three and the file.
const OPEN_FILES: u64 = 16;
const OUTPUT_BYTES: usize = 1024;
const REFUSED: &str = "refused ";
/// Not confined, or the file could not be opened: no verdict.
const FAULT: u8 = 2;

/// What `riffle probe <confinement> <path>` does. It must run before anything else of the program does: no runtime, no
/// threads.
pub(super) fn probe_main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let confined = Confinement::of_argument(arguments.next()).and_then(|confinement| confinement.apply());
    if let Err(error) = confined {
        eprintln!("not confined: {error}");
        return ExitCode::from(FAULT);
    }
    let path = PathBuf::from(arguments.next().unwrap_or_default());
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(FAULT);
        }
    };
    let (line, code) = match inspect(&mut file) {
        Ok(facts) => (facts.to_string(), ExitCode::SUCCESS),
        Err(reason) => (format!("{REFUSED}{}", one_line(&reason)), ExitCode::FAILURE),
    };
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => code,
        Err(_) => ExitCode::from(FAULT),
    }
}

/// Some reasons quote the file.
fn one_line(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(OUTPUT_BYTES / 8).collect()
}

/// Looks at files, no more at once than there are cores.
pub struct Prober {
    program: PathBuf,
    timeout: Duration,
    turns: Semaphore,
}

impl Prober {
    /// `program` answers to `probe <confinement> <path>` as [`child_main`](super::child_main) does; a server gives `/proc/self/exe`, which is itself even
    /// after its file was replaced. `timeout` bounds one look.
    pub fn new(program: PathBuf, timeout: Duration) -> Prober {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Prober { program, timeout, turns: Semaphore::new(cores) }
    }

    /// Waits for its turn, then for the verdict. Errors: `NotAVideo` (why, in the detail); `Unavailable` where the
    /// look itself failed. To be called from a thread that lives as long as the process.
    pub async fn probe(&self, path: &Path) -> Result<Facts> {
        let _turn = self.turns.acquire().await.map_err(Error::internal)?;
        let limits = Limits {
            time: self.timeout,
            address_space_bytes: ADDRESS_SPACE_BYTES,
            open_files: OPEN_FILES,
            output_bytes: OUTPUT_BYTES,
            niceness: 0,
        };
        let ended = call(&self.program, "probe", &[path.as_os_str()], &[], limits).await;
        match ended.map_err(|error| Error::unavailable(format!("could not probe: {error}")))? {
            Ended::Exited { status, output, complaint } => {
                let line = String::from_utf8_lossy(&output);
                let line = line.trim_end();
                if let (true, Ok(facts)) = (status.success(), line.parse()) {
                    return Ok(facts);
                }
                if status.code() == Some(FAULT.into()) {
                    return Err(Error::unavailable(format!("could not probe: {complaint}")));
                }
                Err(match line.strip_prefix(REFUSED) {
                    Some(reason) => not_a_video(reason),
                    None => not_a_video(format!("the probe ended with {status}: {complaint}")),
                })
            }
            Ended::TooSlow => Err(not_a_video(format!("no verdict within {} ms", self.timeout.as_millis()))),
            Ended::TooTalkative => Err(not_a_video("the probe said too much")),
        }
    }
}

fn not_a_video(reason: impl std::fmt::Display) -> Error {
    Error::from(Code::NotAVideo).because(reason)
}
