//! What stops the private stores from running, as one text for the person who started them.

use std::fmt;
use std::path::Path;

/// A whole sentence or several, with the folder, program or command line that helps. May end in lines of a store's log.
#[derive(Debug)]
pub struct DevError(String);

impl DevError {
    pub(super) fn new(text: impl Into<String>) -> DevError {
        DevError(text.into())
    }

    /// For `map_err`: `what` failed on `path`, with the system's own reason.
    pub(super) fn on<E: fmt::Display>(what: &str, path: &Path) -> impl FnOnce(E) -> DevError {
        move |reason| DevError(format!("cannot {what} {}: {reason}", path.display()))
    }

    /// For `map_err`: `what` failed, with the system's own reason.
    pub(super) fn when<E: fmt::Display>(what: &str) -> impl FnOnce(E) -> DevError {
        move |reason| DevError(format!("cannot {what}: {reason}"))
    }
}

impl fmt::Display for DevError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DevError {}
