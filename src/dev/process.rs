//! Child processes that never outlive this one.
//!
//! Linux sends a parent-death signal when the *thread* that forked ends, not when its process does. So one thread
//! forks every child and lives as long as the process.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};
use tokio::sync::watch;

type Order = (Command, Sender<io::Result<Child>>);

/// A running process that may be someone else's child. The pidfd keeps a reused pid from being mistaken for it.
pub(super) struct Handle {
    pid: Pid,
    pidfd: OwnedFd,
    /// Closed when the process has ended; made when first asked for.
    end: OnceLock<watch::Receiver<()>>,
}

impl Handle {
    pub(super) fn of(pid: Pid) -> io::Result<Handle> {
        Ok(Handle { pid, pidfd: pidfd_open(pid, PidfdFlags::empty())?, end: OnceLock::new() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// Nothing happens when the process has ended.
    pub(super) fn signal(&self, signal: Signal) {
        // The only other failure is a missing right, which a parent or root has.
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// Waits for the end of the process, on whatever runtime asks.
    pub(super) async fn ended(&self) -> io::Result<()> {
        let pidfd = self.pidfd.try_clone()?;
        let mut end = self.end.get_or_init(|| closed_at_the_end_of(pidfd)).clone();
        // Nothing is ever sent: the channel closes.
        let _ = end.changed().await;
        Ok(())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended_within(0)
    }

    fn ended_within(&self, seconds: i64) -> bool {
        let limit = Timespec { tv_sec: seconds, tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&limit)).is_ok_and(|ready| ready == 1)
    }
}

/// A child of this process. Dropping it sends the signal it would get at our death, and does not wait.
pub struct Process {
    handle: Handle,
    child: Mutex<Child>,
    at_death: Signal,
}

impl Process {
    /// Starts `command` in a process group of its own, so that Ctrl-C on a terminal reaches us alone and children
    /// are stopped in order. `at_death` is what it gets when this process ends, however it ends.
    pub fn spawn(mut command: Command, at_death: Signal) -> io::Result<Process> {
        let parent = getpid();
        command.process_group(0);
        // SAFETY: between fork and exec only system calls are made: no allocation, no lock. std runs the closure
        // after changing user and group, which would have cleared the setting.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(at_death))?;
                // Had the parent died before the line above, no signal would ever come.
                if getppid() != Some(parent) {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                Ok(())
            });
        }
        let (answer, spawned) = channel();
        let gone = |_| io::Error::other("the thread that starts processes is gone");
        spawner().send((command, answer)).map_err(|_| io::Error::other("the thread that starts processes is gone"))?;
        let child = spawned.recv().map_err(gone)??;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Process { handle: Handle::of(pid)?, child: Mutex::new(child), at_death })
    }

    pub fn pid(&self) -> u32 {
        self.handle.pid()
    }

    pub fn signal(&self, signal: Signal) {
        self.handle.signal(signal);
    }

    /// Waits for the end and says how it came; may be asked any number of times.
    pub async fn wait(&self) -> io::Result<ExitStatus> {
        self.handle.ended().await?;
        self.child().wait()
    }

    /// SIGKILL, and blocks until the process is gone. For the end of tests, where no runtime runs any more.
    pub fn kill_and_wait(&self) {
        self.end_and_wait(Signal::KILL, 60);
    }

    /// Sends `signal` and blocks until the process has ended, `seconds_max` at most; true when it has.
    pub fn end_and_wait(&self, signal: Signal, seconds_max: i64) -> bool {
        self.signal(signal);
        self.signal(Signal::CONT);
        self.handle.ended_within(seconds_max) && self.child().wait().is_ok()
    }

    /// What the child writes, when its command asked for pipes; each once.
    pub fn take_output(&self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        let mut child = self.child();
        (child.stdout.take(), child.stderr.take())
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.at_death);
        self.signal(Signal::CONT);
    }
}

/// One waiting thread serves all who ask, while tokio's own waiting is bound to one runtime and to its own children.
fn closed_at_the_end_of(pidfd: OwnedFd) -> watch::Receiver<()> {
    let (alive, end) = watch::channel(());
    thread::spawn(move || {
        while poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None) == Err(Errno::INTR) {}
        drop(alive);
    });
    end
}

fn spawner() -> &'static Sender<Order> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (orders, incoming): (Sender<Order>, Receiver<Order>) = channel();
        thread::spawn(move || {
            for (mut command, answer) in incoming {
                // Whoever ordered may have given up; then the child is dropped with its pipes.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    })
}
