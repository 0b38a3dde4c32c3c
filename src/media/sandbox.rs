//! Runs a program on untrusted bytes so that, whatever it does, the server lives: bounded in time, memory and output,
//! unable to write a file or to gain rights, and gone with its whole process group when its time is over, when nobody
//! waits for it any more, or when the server dies.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// The beginning of what it complains about is enough for the log.
const COMPLAINT_BYTES_MAX: u64 = 2048;

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// On the clock, and (rounded up) of processor time.
    pub time: Duration,
    pub address_space_bytes: u64,
    pub open_files: u64,
    pub output_bytes: usize,
    /// Added to the server's own: 0: as the server; 19: whatever is left over.
    pub niceness: i32,
}

pub(super) enum Ended {
    /// `complaint` is the beginning of its standard error, on one line.
    Exited {
        status: ExitStatus,
        output: Vec<u8>,
        complaint: String,
    },
    TooSlow,
    TooTalkative,
}

/// Fails only when the program cannot be started. Call it from a thread that lives as long as the process, such as a
/// runtime's worker: the kernel takes the end of the *thread* that started a child for the death of its parent.
pub(super) async fn run(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(&str, &OsStr)],
    limits: Limits,
) -> io::Result<Ended> {
    let mut command = std::process::Command::new(program);
    command.args(arguments).env_clear().envs(environment.iter().copied()).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let parent = rustix::process::getpid();
    // SAFETY: between fork and exec only system calls are made; nothing allocates or takes a lock.
    unsafe { command.pre_exec(move || confine(parent, limits)) };
    let mut group = Group(Command::from(command).kill_on_drop(true).spawn()?);
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

/// Runs in the child, before the program.
fn confine(parent: Pid, limits: Limits) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before the line above.
    if rustix::process::getppid() != Some(parent) {
        return Err(io::ErrorKind::NotConnected.into());
    }
    // SAFETY: takes integers only.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let processor_s = limits.time.as_secs() + 1;
    for (resource, limit) in [
        (Resource::Cpu, processor_s),
        (Resource::As, limits.address_space_bytes),
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        // The server's own bound may be lower, and cannot be raised.
        let limit = rustix::process::getrlimit(resource).maximum.map_or(limit, |bound| bound.min(limit));
        rustix::process::setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    rustix::process::nice(limits.niceness)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(20),
        address_space_bytes: 1 << 30,
        open_files: 32,
        output_bytes: 1000,
        niceness: 0,
    };

    async fn shell(script: &str, limits: Limits) -> Ended {
        run(Path::new("/bin/sh"), &["-c".as_ref(), script.as_ref()], &[], limits).await.unwrap()
    }

    async fn output_of(script: &str) -> String {
        match shell(script, LIMITS).await {
            Ended::Exited { output, .. } => String::from_utf8(output).unwrap(),
            _ => panic!("{script} did not exit"),
        }
    }

    fn is_alive(pid: &str) -> bool {
        // A zombie that nobody has reaped yet is dead.
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
    }

    async fn wait_until_dead(pid: &str) {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn output_complaint_and_status_are_told_apart() {
        match shell("echo out; echo one >&2; echo two >&2; exit 3", LIMITS).await {
            Ended::Exited { status, output, complaint } => {
                assert_eq!((status.code(), &output[..], complaint.as_str()), (Some(3), &b"out\n"[..], "one | two"));
            }
            _ => panic!("it exits"),
        }
    }

    #[tokio::test]
    async fn the_limits_are_set() {
        assert_eq!(output_of("ulimit -t; ulimit -v; ulimit -n; ulimit -f; ulimit -c").await, "21\n1048576\n32\n0\n0\n");
        assert_eq!(output_of("/usr/bin/env").await.lines().filter(|line| !line.starts_with("PWD=")).count(), 0);
        assert!(output_of("grep NoNewPrivs /proc/self/status").await.ends_with("\t1\n"));
    }

    #[tokio::test]
    async fn no_file_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        shell(&format!("echo content > {}", file.display()), LIMITS).await;
        assert_eq!(std::fs::read(file).unwrap_or_default(), b"");
    }

    #[tokio::test]
    async fn too_much_output_is_noticed_and_too_much_complaint_is_dropped() {
        assert!(matches!(shell("while echo yyyyyyyyy; do :; done", LIMITS).await, Ended::TooTalkative));
        let script = "i=0; while [ $i -lt 20000 ]; do echo complaint >&2; i=$((i+1)); done; echo done";
        assert_eq!(output_of(script).await, "done\n");
    }

    #[tokio::test]
    async fn what_is_too_slow_dies_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        // The group's members tell their numbers through the pipe, which ends when the last one that holds it dies.
        let script = format!("exec 3>{}; sleep 1000 & echo $$ $! >&3; wait", pipe.display());
        let ended = shell(&script, Limits { time: Duration::from_millis(500), ..LIMITS }).await;
        assert!(matches!(ended, Ended::TooSlow));
        for pid in reader.join().unwrap().split_whitespace() {
            wait_until_dead(pid).await;
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_dies() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let script = format!("exec 3>{}; echo $$ >&3; exec 3>&-; sleep 1000", pipe.display());
        let running = tokio::spawn(async move { shell(&script, LIMITS).await });
        let pid = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe).unwrap()).await.unwrap();
        assert!(is_alive(pid.trim()));
        running.abort();
        wait_until_dead(pid.trim()).await;
    }

    /// As with a server that was killed, nothing of ours is left to end the child.
    #[test]
    fn it_dies_with_the_thread_that_started_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let script = format!("exec 3>{}; echo $$ >&3; exec 3>&-; exec sleep 1000", pipe.display());
        let starter = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut running = Box::pin(async move { shell(&script, LIMITS).await });
            let told = runtime.block_on(async {
                tokio::select! {
                    _ = &mut running => panic!("it does not end"),
                    told = tokio::fs::read_to_string(&pipe) => told.unwrap(),
                }
            });
            std::mem::forget((running, runtime));
            told
        });
        let pid = starter.join().unwrap();
        while is_alive(pid.trim()) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[tokio::test]
    async fn memory_beyond_the_limit_is_not_had() {
        let limits = Limits { address_space_bytes: 64 << 20, ..LIMITS };
        match shell("x=yyyyyyyyyyyyyyyy; while :; do x=$x$x; done", limits).await {
            Ended::Exited { status, .. } => assert!(!status.success()),
            _ => panic!("it fails"),
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_a_fault() {
        let error = run(Path::new("/nonexistent/program"), &[], &[], LIMITS).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
