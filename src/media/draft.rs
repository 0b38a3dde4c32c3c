//! An upload under way.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::container::VideoKind;
use super::folder::remove_if_there;
use super::name::{PublicName, VideoName};
use super::store::{Media, blocking, fault};
use crate::error::{Error, Result};

/// A trip to tokio's blocking pool for each of these, not for each chunk of the network. An upload holds two: one that
/// fills while the other is written.
const BATCH_BYTES: usize = 128 * 1024;

/// The bytes of an upload, in a file that vanishes with the draft unless it is finished.
pub struct Draft {
    media: Media,
    stem: u128,
    path: PathBuf,
    file: Arc<File>,
    filling: Vec<u8>,
    /// Gives the batch back, empty.
    writing: Option<JoinHandle<io::Result<Vec<u8>>>>,
    bytes: u64,
}

impl Draft {
    pub(super) async fn create(media: Media) -> Result<Draft> {
        let stem = rand::random();
        let path = media.incoming_path(stem);
        let new = path.clone();
        let open = move || OpenOptions::new().write(true).create_new(true).open(new);
        let file = blocking("begin an upload", open).await?;
        Ok(Draft { media, stem, path, file: file.into(), filling: Vec::new(), writing: None, bytes: 0 })
    }

    /// Adds a chunk. Waits while the disk is slower than the sender, so memory stays bounded. A full disk may show
    /// only in a later call, at the latest in [`Draft::finish`].
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            // All of it at once: grown by doubling, each step would be copied.
            self.filling.reserve_exact(BATCH_BYTES - self.filling.len());
            let (now, later) = rest.split_at(rest.len().min(BATCH_BYTES - self.filling.len()));
            self.filling.extend_from_slice(now);
            if self.filling.len() == BATCH_BYTES {
                self.write_batch().await?;
            }
            rest = later;
        }
        self.bytes += chunk.len() as u64;
        Ok(())
    }

    /// How many bytes were taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes out what is still in memory and gives the file, for the probe to look at.
    pub async fn written_path(&mut self) -> Result<&Path> {
        self.flush().await?;
        Ok(&self.path)
    }

    /// Makes the file a video for ever: when this returns, it survives a power failure and is public.
    pub async fn finish(mut self, kind: VideoKind) -> Result<VideoName> {
        self.flush().await?;
        let video = VideoName::new(self.stem, kind);
        self.media.keep(self.path.clone(), PublicName::Video(video), self.bytes).await?;
        Ok(video)
    }

    async fn flush(&mut self) -> Result<()> {
        if !self.filling.is_empty() {
            self.write_batch().await?;
        }
        self.earlier_batch().await.map(drop)
    }

    /// Has the batch written, once the one before it is.
    async fn write_batch(&mut self) -> Result<()> {
        let empty = self.earlier_batch().await?;
        let mut batch = std::mem::replace(&mut self.filling, empty);
        let file = self.file.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            (&*file).write_all(&batch)?;
            batch.clear();
            Ok(batch)
        }));
        Ok(())
    }

    async fn earlier_batch(&mut self) -> Result<Vec<u8>> {
        let Some(writing) = self.writing.take() else { return Ok(Vec::new()) };
        writing.await.map_err(Error::internal)?.map_err(|error| fault("write an upload", error))
    }
}

impl Drop for Draft {
    /// A finished one in a folder has been moved already.
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished upload stays until the sweep");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[tokio::test]
    async fn what_was_written_can_be_looked_at_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::in_folder(folder.path().to_owned()).unwrap();
        let mut draft = media.create_draft().await.unwrap();
        let chunks = [100_001, 1, 700_000, 2 * BATCH_BYTES, BATCH_BYTES - 3, 5];
        let mut whole = Vec::new();
        for (number, bytes) in (1..).zip(chunks) {
            let chunk = vec![number; bytes];
            whole.extend_from_slice(&chunk);
            draft.write(Bytes::from(chunk)).await.unwrap();
        }
        assert_eq!(draft.bytes(), whole.len() as u64);
        let path = draft.written_path().await.unwrap();
        assert!(std::fs::read(path).unwrap() == whole);
    }

    #[tokio::test]
    async fn an_abandoned_draft_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::in_folder(folder.path().to_owned()).unwrap();
        let mut draft = media.create_draft().await.unwrap();
        draft.write(Bytes::from_static(b"half a film")).await.unwrap();
        let path = draft.written_path().await.unwrap().to_owned();
        drop(draft);
        assert!(!path.exists());
    }

    /// `/dev/full` is a disk without room.
    #[tokio::test]
    async fn a_full_disk_is_unavailable_and_leaves_no_video() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::in_folder(folder.path().to_owned()).unwrap();
        let mut draft = media.create_draft().await.unwrap();
        draft.file = OpenOptions::new().write(true).open("/dev/full").unwrap().into();
        draft.write(Bytes::from_static(b"film")).await.unwrap();
        let error = draft.finish(VideoKind::Mp4).await.unwrap_err();
        assert_eq!(error.code, Code::Unavailable);
        assert!(error.detail.unwrap().contains("No space left"));
        assert_eq!(std::fs::read_dir(folder.path().join("video")).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
    }
}
