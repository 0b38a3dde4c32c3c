//! What the stores write, kept in the data folder.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::DevError;

/// Past this the log starts anew with the store.
const LOG_BYTES_MAX: u64 = 8 << 20;
const LOG_TAIL_LINES: usize = 8;

/// The log of a store, and where this start of it begins.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    start: u64,
}

impl Log {
    pub(super) fn open(path: PathBuf) -> Result<Log, DevError> {
        let cannot = || DevError::on("write", &path);
        let file = File::options().create(true).append(true).open(&path).map_err(cannot())?;
        let mut start = file.metadata().map_err(cannot())?.len();
        if start > LOG_BYTES_MAX {
            file.set_len(0).map_err(cannot())?;
            start = 0;
        }
        Ok(Log { path, file, start })
    }

    /// For the standard output and error of a child.
    pub(super) fn output(&self) -> Result<File, DevError> {
        self.file.try_clone().map_err(DevError::on("write", &self.path))
    }

    /// The last lines since this start, for a message.
    pub(super) fn tail(&self) -> String {
        let lines = read_from(&self.path, self.start).unwrap_or_default();
        let lines: Vec<&str> = lines.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
        format!("; the end of {}:\n{}", self.path.display(), tail.join("\n"))
    }
}

fn read_from(path: &Path, start: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
