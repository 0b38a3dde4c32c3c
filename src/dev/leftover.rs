//! Stops a store whose owner is gone.
//!
//! The parent-death signal asks every store to stop, but a checkpoint takes its time, and one that was frozen has
//! not heard it. We hold the lock of the data folder, so whatever still runs there belongs to nobody.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rustix::process::Pid;

use super::error::DevError;
use super::places::Places;
use super::process::Handle;
use super::store::{StoreKind, end};

/// Looks at the pid file of the store. A pid can have been reused by now, so the process must also work in the store's
/// folder. What is left of its lock files is removed: Postgres does not start while the pid in them is taken, be it by
/// another process or by one that was killed and whose parent has not asked for its status yet.
pub(super) async fn stop(kind: StoreKind, places: &Places) -> Result<(), DevError> {
    let Ok(folder) = kind.folder(places).canonicalize() else { return Ok(()) };
    let Some(pid) = read_pid(&folder.join(kind.pid_file())) else { return Ok(()) };
    let Ok(handle) = Handle::of(pid) else { return Ok(()) };
    match fs::read_link(format!("/proc/{}/cwd", handle.pid())) {
        Ok(works_in) if works_in == folder => {
            tracing::warn!("{} {} of an owner that is gone still runs; stopping it", kind.name(), handle.pid());
            end(kind, &handle).await?;
        }
        // Another user's, so none of ours.
        Err(_) if !handle.has_ended() => return Ok(()),
        _ => {}
    }
    for file in kind.lock_files(places) {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(DevError::on("remove", &file)(error)),
            _ => {}
        }
    }
    Ok(())
}

fn read_pid(file: &Path) -> Option<Pid> {
    fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok().and_then(Pid::from_raw)
}
