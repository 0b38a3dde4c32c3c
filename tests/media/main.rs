//! What the server has child processes do with untrusted files, as real children of the real program.

// clippy.toml lets tests panic, and these helpers are all tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "../../src/media/clips.rs"]
mod clips;
#[path = "../it/harness/eventually.rs"]
mod eventually;

mod cover;
mod probe;
mod sandbox;

const RIFFLE: &str = env!("CARGO_BIN_EXE_riffle");
const TIMEOUT: Duration = Duration::from_secs(60);

/// A program of its own.
fn program(folder: &Path, script: &str) -> PathBuf {
    let program = folder.join("program");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}
