//! Places where the fault tests kill this process: between two steps of whatever touches more than one store.

/// Ends the process on the spot, as `kill -9` would, when the variable `CRASH_AT` names this point. For the fault
/// tests: releases are built without it.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    if std::env::var_os("CRASH_AT").is_some_and(|wanted| wanted == name) {
        // Nothing after this runs, so there is nobody to tell of a failure.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &str) {}
