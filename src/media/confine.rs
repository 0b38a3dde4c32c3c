//! What a child process does to itself before it touches untrusted bytes.
//!
//! It is this very program: called as `riffle probe <confinement> <file>` it goes on as the probe, called as
//! `riffle confine <confinement> <program> <arguments…>` it becomes that program. Where anything of the confinement
//! cannot be had it ends with a fault, and nothing was looked at.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::str::FromStr;

use rustix::process::{Pid, Resource, Rlimit, Signal};

/// Passed on the command line as five numbers, in this order, with commas between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confinement {
    /// The process whose death ends this one.
    pub parent: Pid,
    pub processor_s: u64,
    pub address_space_bytes: u64,
    pub open_files: u64,
    /// Added to the server's own.
    pub niceness: i32,
}

/// The codes of `env` and `timeout`, for what failed before the program began.
const NOT_STARTED: u8 = 126;
const NOT_FOUND: u8 = 127;
/// Tells these from the same codes of the program itself.
const COMPLAINT: &str = "riffle confine: ";

/// What `riffle confine <confinement> <program> <arguments…>` does: returns only where the program cannot be started.
pub(super) fn confine_main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Err(error) = become_program(&mut arguments);
    eprintln!("{COMPLAINT}{error}");
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED })
}

fn become_program(arguments: &mut impl Iterator<Item = OsString>) -> io::Result<Infallible> {
    let confinement = Confinement::of_argument(arguments.next())?;
    let program = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    confinement.apply()?;
    Err(Command::new(program).args(arguments).exec())
}

/// Why the program was never begun, by how [`confine_main`] ended; None: it was.
pub(super) fn not_begun(code: Option<i32>, complaint: &str) -> Option<io::Error> {
    let code = code.and_then(|code| u8::try_from(code).ok())?;
    let why = complaint.strip_prefix(COMPLAINT)?.to_owned();
    match code {
        NOT_FOUND => Some(io::Error::new(io::ErrorKind::NotFound, why)),
        NOT_STARTED => Some(io::Error::other(why)),
        _ => None,
    }
}

impl Confinement {
    /// Errors: the argument is missing or malformed.
    pub(super) fn of_argument(argument: Option<OsString>) -> io::Result<Confinement> {
        let confinement = argument.as_deref().and_then(|argument| argument.to_str()?.parse().ok());
        confinement.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no confinement was given"))
    }

    /// For good, and for whatever this process becomes.
    pub(super) fn apply(&self) -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before the line above.
        if rustix::process::getppid() != Some(self.parent) {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "whoever started this is gone"));
        }
        // SAFETY: takes integers only.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
        for (resource, limit) in [
            (Resource::Cpu, self.processor_s),
            (Resource::As, self.address_space_bytes),
            (Resource::Nofile, self.open_files),
            (Resource::Fsize, 0),
            (Resource::Core, 0),
        ] {
            // The server's own bound may be lower, and cannot be raised.
            let limit = rustix::process::getrlimit(resource).maximum.map_or(limit, |bound| bound.min(limit));
            rustix::process::setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
        }
        if self.niceness != 0 {
            rustix::process::nice(self.niceness)?;
        }
        Ok(())
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Confinement { parent, processor_s, address_space_bytes, open_files, niceness } = self;
        write!(f, "{},{processor_s},{address_space_bytes},{open_files},{niceness}", parent.as_raw_nonzero())
    }
}

impl FromStr for Confinement {
    type Err = ();

    fn from_str(text: &str) -> Result<Confinement, ()> {
        fn number<T: FromStr>(text: &str) -> Result<T, ()> {
            text.parse().map_err(drop)
        }
        let numbers: Vec<&str> = text.split(',').collect();
        let [parent, processor_s, address_space_bytes, open_files, niceness] = numbers[..] else { return Err(()) };
        Ok(Confinement {
            parent: Pid::from_raw(number(parent)?).ok_or(())?,
            processor_s: number(processor_s)?,
            address_space_bytes: number(address_space_bytes)?,
            open_files: number(open_files)?,
            niceness: number(niceness)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_the_command_line_comes_back() {
        let confinement = Confinement {
            parent: Pid::from_raw(4_000_000).unwrap(),
            processor_s: 21,
            address_space_bytes: 1 << 40,
            open_files: 16,
            niceness: -3,
        };
        assert_eq!(confinement.to_string().parse(), Ok(confinement));
    }

    #[test]
    fn what_says_less_or_more_is_no_confinement() {
        for text in ["", "1,2,3,4", "1,2,3,4,5,6", "1,2,3,4,", "0,2,3,4,5", "1,-2,3,4,5", "1, 2,3,4,5", "/some/file"] {
            assert_eq!(text.parse::<Confinement>(), Err(()), "{text}");
        }
        assert!(Confinement::of_argument(None).is_err());
    }

    #[test]
    fn a_program_that_ends_as_if_it_was_never_begun_was_begun() {
        assert_eq!(not_begun(Some(127), "riffle confine: no").unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(not_begun(Some(126), "riffle confine: no").unwrap().to_string(), "no");
        assert!(not_begun(Some(127), "sh: 1: no: not found").is_none());
        assert!(not_begun(Some(1), "riffle confine: no").is_none());
        assert!(not_begun(None, "riffle confine: no").is_none());
    }
}
