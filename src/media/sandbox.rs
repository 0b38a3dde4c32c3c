//! Runs a program on untrusted bytes so that, whatever it does, the server lives: bounded in time, memory and output,
//! unable to write a file or to gain rights, and gone with its whole process group when its time is over, when nobody
//! waits for it any more, or when the server dies.
//!
//! The child confines itself (`confine.rs`) before it touches a byte. Done between `fork` and `exec`, the kernel would copy
//! the server's page tables for it, and the server would then fault on each page that it writes to: without such a step
//! the standard library starts a child by `posix_spawn`, which shares the memory until the `exec`.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::confine::{Confinement, not_begun};

/// The beginning of what it complains about is enough for the log.
const COMPLAINT_BYTES_MAX: u64 = 2048;

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// On the clock, and (rounded up) of processor time.
    pub time: Duration,
    pub address_space_bytes: u64,
    pub open_files: u64,
    pub output_bytes: usize,
    /// Added to the server's own: 0: as the server; 19: whatever is left over.
    pub niceness: i32,
}

pub enum Ended {
    /// `complaint` is the beginning of its standard error, on one line.
    Exited {
        status: ExitStatus,
        output: Vec<u8>,
        complaint: String,
    },
    TooSlow,
    TooTalkative,
}

/// Runs `program` in the confinement. Fails only where it cannot be started, with `NotFound` where it is not there. To be
/// called from a thread that lives as long as the process, such as a runtime's worker: the kernel takes the end of the
/// *thread* that started a child for the death of its parent. `riffle` is this very program.
pub async fn run(
    riffle: &Path,
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(&str, &OsStr)],
    limits: Limits,
) -> io::Result<Ended> {
    let arguments: Vec<&OsStr> = std::iter::once(program.as_os_str()).chain(arguments.iter().copied()).collect();
    let called = call(riffle, "confine", &arguments, environment, limits).await;
    let ended = called.map_err(|error| io::Error::other(format!("{}: {error}", riffle.display())))?;
    match &ended {
        Ended::Exited { status, complaint, .. } => match not_begun(status.code(), complaint) {
            Some(error) => Err(error),
            None => Ok(ended),
        },
        _ => Ok(ended),
    }
}

/// Runs `riffle <command> <confinement> <arguments…>`, which confines itself first. Else as [`run`].
pub(super) async fn call(
    riffle: &Path,
    command: &str,
    arguments: &[&OsStr],
    environment: &[(&str, &OsStr)],
    limits: Limits,
) -> io::Result<Ended> {
    let confinement = Confinement {
        parent: rustix::process::getpid(),
        processor_s: limits.time.as_secs() + 1,
        address_space_bytes: limits.address_space_bytes,
        open_files: limits.open_files,
        niceness: limits.niceness,
    };
    let mut child = Command::new(riffle);
    child.arg(command).arg(confinement.to_string()).args(arguments);
    child.env_clear().envs(environment.iter().copied()).process_group(0).kill_on_drop(true);
    child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group(child.spawn()?);
    match tokio::time::timeout(limits.time, watch(&mut group.0, limits.output_bytes)).await {
        Ok(ended) => ended,
        Err(_) => {
            group.kill();
            group.0.wait().await?;
            Ok(Ended::TooSlow)
        }
    }
}

async fn watch(child: &mut Child, output_bytes: usize) -> io::Result<Ended> {
    let (output, complaint) =
        tokio::join!(read_output(child.stdout.take(), output_bytes), read_complaint(child.stderr.take()));
    let Some(output) = output? else { return Ok(Ended::TooTalkative) };
    Ok(Ended::Exited { status: child.wait().await?, output, complaint: complaint? })
}

/// None: there was more.
async fn read_output(pipe: Option<impl AsyncRead + Unpin>, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut output = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(bytes_max as u64 + 1).read_to_end(&mut output).await?;
    }
    Ok((output.len() <= bytes_max).then_some(output))
}

/// Reads to the end, for a program that may not complain dies of it.
async fn read_complaint(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut complaint = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(COMPLAINT_BYTES_MAX).read_to_end(&mut complaint).await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(String::from_utf8_lossy(&complaint).trim().replace('\n', " | "))
}

/// A child that leads a process group; none of it outlives this.
struct Group(Child);

impl Group {
    /// Nothing once the leader was waited for: its number may be another's by then.
    fn kill(&self) {
        let leader = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(leader) = leader {
            // Fails only where all of them are gone already.
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
