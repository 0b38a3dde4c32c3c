//! Shell scripts in the sandbox.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use riffle::media::sandbox::{Ended, Limits, run};

use crate::RIFFLE;
use crate::eventually::eventually;

const LIMITS: Limits = Limits {
    time: Duration::from_secs(20),
    address_space_bytes: 1 << 30,
    open_files: 32,
    output_bytes: 1000,
    niceness: 0,
};

async fn shell(script: &str, limits: Limits) -> Ended {
    run(Path::new(RIFFLE), Path::new("/bin/sh"), &["-c".as_ref(), script.as_ref()], &[], limits).await.unwrap()
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
    eventually("the process to die", async || (!is_alive(pid)).then_some(())).await;
}

/// Through which a script tells something, in a folder that goes with it.
fn pipe() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    (folder, pipe)
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
    let own = rustix::process::getpriority_process(None).unwrap();
    match shell("nice", Limits { niceness: 3, ..LIMITS }).await {
        Ended::Exited { output, .. } => {
            assert_eq!(String::from_utf8(output).unwrap().trim(), (own + 3).min(19).to_string());
        }
        _ => panic!("it exits"),
    }
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
    let (_folder, pipe) = pipe();
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
    let (_folder, pipe) = pipe();
    let script = format!("exec 3>{}; echo $$ >&3; exec 3>&-; sleep 1000", pipe.display());
    let running = tokio::spawn(async move { shell(&script, LIMITS).await });
    let pid = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe).unwrap()).await.unwrap();
    assert!(is_alive(pid.trim()));
    running.abort();
    wait_until_dead(pid.trim()).await;
}

/// As with a server that was killed, nothing of ours is left to end the child.
#[tokio::test]
async fn it_dies_with_the_thread_that_started_it() {
    let (_folder, pipe) = pipe();
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
    wait_until_dead(pid.trim()).await;
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
    let fault = async |riffle: &str, program: &str| {
        run(Path::new(riffle), Path::new(program), &[], &[], LIMITS).await.err().unwrap().kind()
    };
    assert_eq!(fault(RIFFLE, "/nonexistent/program").await, io::ErrorKind::NotFound);
    assert_eq!(fault(RIFFLE, "/dev/null").await, io::ErrorKind::Other);
    // The program may be there: nobody knows.
    assert_eq!(fault("/nonexistent/riffle", "/bin/sh").await, io::ErrorKind::Other);
}

#[tokio::test]
async fn a_program_that_misses_another_is_no_fault() {
    match shell("/nonexistent/program", LIMITS).await {
        Ended::Exited { status, .. } => assert_eq!(status.code(), Some(127)),
        _ => panic!("it exits"),
    }
}

#[test]
fn what_cannot_be_confined_is_not_run() {
    for confinement in ["", "21,1073741824,16,0", "1,21,1073741824,16,x", "1,21,1073741824,16,0"] {
        let ended = Command::new(RIFFLE).args(["confine", confinement, "/bin/echo", "run"]).output().unwrap();
        assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(126), &b""[..]), "{confinement}");
    }
}
