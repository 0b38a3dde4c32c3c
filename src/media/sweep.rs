//! Finding files that nobody may need any more. Whether a video is known is for the caller to ask.

use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::time::{Duration, SystemTime};

use super::name::VideoName;
use super::store::{Media, blocking, remove_if_there};
use crate::error::Result;

/// A walk through the stored videos of some age, a batch at a time.
pub struct OldVideos {
    entries: Option<ReadDir>,
    before: SystemTime,
}

impl Media {
    /// Videos whose last byte came `age` ago or earlier.
    pub async fn old_videos(&self, age: Duration) -> Result<OldVideos> {
        let folder = self.root.join("video");
        let entries = blocking("list videos", move || fs::read_dir(folder)).await?;
        Ok(OldVideos { entries: Some(entries), before: before(age) })
    }

    /// Removes uploads that nobody has written to for `age`: those of servers that died. Gives how many.
    pub async fn remove_stale_drafts(&self, age: Duration) -> Result<u64> {
        let folder = self.root.join("incoming");
        blocking("remove old uploads", move || {
            let before = before(age);
            let mut removed = 0;
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if is_old(&entry, before)? {
                    remove_if_there(&entry.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }
}

impl OldVideos {
    /// The next names, at most `batch_max`; empty: there are no more. Removing what it gave does not disturb it.
    pub async fn next_batch(&mut self, batch_max: usize) -> Result<Vec<VideoName>> {
        let Some(mut entries) = self.entries.take() else { return Ok(Vec::new()) };
        let before = self.before;
        let (batch, entries) = blocking("list videos", move || {
            let mut batch = Vec::new();
            while batch.len() < batch_max {
                let Some(entry) = entries.next() else { return Ok((batch, None)) };
                let entry = entry?;
                let name = entry.file_name().to_str().and_then(|name| name.parse().ok());
                if let Some(name) = name
                    && is_old(&entry, before)?
                {
                    batch.push(name);
                }
            }
            Ok((batch, Some(entries)))
        })
        .await?;
        self.entries = entries;
        Ok(batch)
    }
}

fn before(age: Duration) -> SystemTime {
    SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A file that another server has just removed is not old.
fn is_old(entry: &DirEntry, before: SystemTime) -> io::Result<bool> {
    match entry.metadata() {
        Ok(metadata) => Ok(metadata.is_file() && metadata.modified()? <= before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs::File;

    use super::super::container::VideoKind;
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn make_old(path: &std::path::Path) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - 2 * DAY).unwrap();
    }

    #[tokio::test]
    async fn old_videos_come_in_batches_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(folder.path().to_owned()).unwrap();
        let mut expected = HashSet::new();
        for number in 0..7 {
            let video = media.create_draft().await.unwrap().finish(VideoKind::Webm).await.unwrap();
            if number > 1 {
                make_old(&media.video_path(video));
                expected.insert(video);
            }
        }
        fs::write(folder.path().join("video/README"), "not a video").unwrap();
        let mut walk = media.old_videos(DAY).await.unwrap();
        let mut seen = HashSet::new();
        loop {
            let batch = walk.next_batch(2).await.unwrap();
            assert!(batch.len() <= 2);
            if batch.is_empty() {
                break;
            }
            for video in batch {
                media.remove(video).await.unwrap();
                assert!(seen.insert(video));
            }
        }
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn only_stale_drafts_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(folder.path().to_owned()).unwrap();
        let mut fresh = media.create_draft().await.unwrap();
        let mut stale = media.create_draft().await.unwrap();
        make_old(stale.written_path().await.unwrap());
        assert_eq!(media.remove_stale_drafts(DAY).await.unwrap(), 1);
        assert!(fresh.written_path().await.unwrap().exists());
        assert!(!stale.written_path().await.unwrap().exists());
    }
}
