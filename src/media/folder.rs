//! Files in a folder.
//!
//! ```text
//! <root>/video/<stem>.<mp4|mov|webm|mkv>    cover/<stem>.jpg    placeholder/<0..f>.jpg
//! ```
//!
//! A file appears by one rename, whole and synced, and never changes. So any number of servers may share the folder,
//! and readers may cache what they see for ever.

use std::fs::{self, File, OpenOptions, ReadDir};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::name::PublicName;
use super::store::{Content, PublicFile, Shelf, fault, is_old};
use crate::error::Result;

#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: Arc<Path>,
}

impl Folder {
    /// Makes the folders where they are missing. Blocks.
    pub(super) fn open(root: Arc<Path>) -> io::Result<Folder> {
        for folder in ["video", "cover", "placeholder"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Folder { root })
    }

    pub(super) fn path(&self, name: PublicName) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// Blocks for an `open` and a `stat`.
    pub(super) fn find(&self, name: PublicName) -> Result<Option<PublicFile>> {
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(self.path(name));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("open a media file", error)),
        };
        let metadata = file.metadata().map_err(|error| fault("look at a media file", error))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let modified = metadata.modified().map_err(|error| fault("look at a media file", error))?;
        let modified_ns = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        Ok(Some(PublicFile {
            content: Content::File(file),
            bytes: metadata.len(),
            etag: format!("\"{:x}-{modified_ns:x}\"", metadata.len()),
            modified,
            content_type: name.content_type(),
            cache_control: name.cache_control(),
        }))
    }

    /// The file at `from`, on the same disk, becomes `name`: when this returns, it survives a power failure. Blocks.
    pub(super) fn keep(&self, from: &Path, name: PublicName) -> io::Result<()> {
        File::open(from)?.sync_all()?;
        let to = self.path(name);
        fs::rename(from, &to)?;
        // A rename is safe from a power failure once the folder that gained the name is synced.
        File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Blocks.
    pub(super) fn remove(&self, name: PublicName) -> io::Result<()> {
        remove_if_there(&self.path(name))
    }

    /// Blocks.
    pub(super) fn entries(&self, shelf: Shelf) -> io::Result<ReadDir> {
        fs::read_dir(self.root.join(shelf.folder()))
    }
}

/// The next names of `entries` that were last written `before`, at most `batch_max`; and whether there may be more.
/// Blocks.
pub(super) fn next_batch(
    entries: &mut ReadDir,
    shelf: Shelf,
    before: SystemTime,
    batch_max: usize,
) -> io::Result<(Vec<PublicName>, bool)> {
    let mut batch = Vec::new();
    while batch.len() < batch_max {
        let Some(entry) = entries.next() else { return Ok((batch, false)) };
        let entry = entry?;
        let name = entry.file_name().to_str().and_then(|file| shelf.parse(file));
        if let Some(name) = name
            && is_old(&entry, before)?
        {
            batch.push(name);
        }
    }
    Ok((batch, true))
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
