//! Whom the stores run as when we run as root, since Postgres refuses to.

use std::ffi::CString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{mem, ptr};

use super::error::DevError;

/// Made by Debian's package of Postgres, as by most others.
const NAME: &str = "postgres";
const ENTRY_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug, Clone)]
pub(super) struct StoreUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl StoreUser {
    /// std leaves root's further groups behind along with root.
    pub(super) fn runs(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

pub(super) fn store_user() -> Result<StoreUser, DevError> {
    let missing = || {
        DevError::new(format!(
            "as root the private stores run as the user {NAME}, which does not exist here. On Debian or Ubuntu: \
             apt-get install --no-install-recommends postgresql"
        ))
    };
    let name = CString::new(NAME).map_err(DevError::when("name the user of the stores"))?;
    let mut entry: libc::passwd;
    let mut buffer = vec![0; ENTRY_BYTES_MAX];
    let mut found = ptr::null_mut();
    // SAFETY: a passwd is plain numbers and pointers, for which zero is a value; every pointer is to memory that
    // lives through the call, and the buffer's true length is given.
    let status = unsafe {
        entry = mem::zeroed();
        libc::getpwnam_r(name.as_ptr(), &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found)
    };
    if status != 0 || found.is_null() {
        return Err(missing());
    }
    Ok(StoreUser { uid: entry.pw_uid, gid: entry.pw_gid })
}
