//! Stops a store whose owner is gone.
//!
//! The parent-death signal asks every store to stop, but a checkpoint takes its time, and one that was frozen has
//! not heard it. We hold the lock of the data folder, so whatever still runs there belongs to nobody.

use std::fs;
use std::path::Path;

use rustix::process::Pid;

use super::error::DevError;
use super::process::Handle;
use super::store::{StoreKind, end};

/// Looks at the pid file of the store in `folder`. A pid can have been reused by now, so the process must also work
/// in that folder; otherwise the file is removed, which would keep Postgres from starting.
pub(super) async fn stop(kind: StoreKind, folder: &Path) -> Result<(), DevError> {
    let Ok(folder) = folder.canonicalize() else { return Ok(()) };
    let pid_file = folder.join(kind.pid_file());
    let Some(pid) = read_pid(&pid_file) else { return Ok(()) };
    let Ok(handle) = Handle::of(pid) else { return Ok(()) };
    let Ok(works_in) = fs::read_link(format!("/proc/{}/cwd", handle.pid())) else { return Ok(()) };
    if works_in != folder {
        return fs::remove_file(&pid_file).map_err(DevError::on("remove", &pid_file));
    }
    tracing::warn!("{} {} of an owner that is gone still runs; stopping it", kind.name(), handle.pid());
    end(kind, &handle).await
}

fn read_pid(file: &Path) -> Option<Pid> {
    fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok().and_then(Pid::from_raw)
}
