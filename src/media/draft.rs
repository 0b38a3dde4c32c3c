//! An upload under way.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::container::VideoKind;
use super::folder::remove_if_there;
use super::name::{PublicName, VideoName};
use super::store::{Media, fault};
use crate::error::Result;

/// A trip to tokio's blocking pool for each of these, not for each chunk of the network. An upload holds two: one that
/// fills while the other is written.
const BATCH_BYTES: usize = 128 * 1024;

/// The bytes of an upload, in a file that vanishes with the draft unless it is finished.
pub struct Draft {
    media: Media,
    stem: u128,
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl Draft {
    pub(super) async fn create(media: Media) -> Result<Draft> {
        let stem = rand::random();
        let path = media.incoming_path(stem);
        let opened = OpenOptions::new().write(true).create_new(true).open(&path).await;
        let mut file = opened.map_err(|error| fault("begin an upload", error))?;
        file.set_max_buf_size(BATCH_BYTES);
        Ok(Draft { media, stem, path, file: BufWriter::with_capacity(BATCH_BYTES, file), bytes: 0 })
    }

    /// Adds a chunk. Waits while the disk is slower than the sender, so memory stays bounded. A full disk may show
    /// only in a later call, at the latest in [`Draft::finish`].
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.file.write_all(&chunk).await.map_err(|error| fault("write an upload", error))?;
        self.bytes += chunk.len() as u64;
        Ok(())
    }

    /// How many bytes were taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes out what is still in memory and gives the file, for the probe to look at.
    pub async fn written_path(&mut self) -> Result<&Path> {
        self.file.flush().await.map_err(|error| fault("write an upload", error))?;
        Ok(&self.path)
    }

    /// Makes the file a video for ever: when this returns, it survives a power failure and is public.
    pub async fn finish(mut self, kind: VideoKind) -> Result<VideoName> {
        self.file.flush().await.map_err(|error| fault("write an upload", error))?;
        let video = VideoName::new(self.stem, kind);
        self.media.keep(self.path.clone(), PublicName::Video(video), self.bytes).await?;
        Ok(video)
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
        let chunk = Bytes::from(vec![7; 100_001]);
        for _ in 0..10 {
            draft.write(chunk.clone()).await.unwrap();
        }
        assert_eq!(draft.bytes(), 1_000_010);
        let path = draft.written_path().await.unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().len(), 1_000_010);
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
        draft.file = BufWriter::new(OpenOptions::new().write(true).open("/dev/full").await.unwrap());
        draft.write(Bytes::from_static(b"film")).await.unwrap();
        let error = draft.finish(VideoKind::Mp4).await.unwrap_err();
        assert_eq!(error.code, Code::Unavailable);
        assert!(error.detail.unwrap().contains("No space left"));
        assert_eq!(std::fs::read_dir(folder.path().join("video")).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
    }
}
