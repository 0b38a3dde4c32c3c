//! Finding files that nobody may need any more. Whether a video is known is for the caller to ask.

use std::fs::ReadDir;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::bucket::Bucket;
use super::folder::{self, remove_if_there};
use super::name::{PublicName, VideoName};
use super::s3::Listing;
use super::store::{Media, Shelf, Store, blocking, is_old};
use crate::error::Result;

/// A walk through stored files of one kind and of some age, a batch at a time. Removing what it gave does not disturb
/// it.
pub(super) struct Walk {
    shelf: Shelf,
    before: SystemTime,
    batch_max: usize,
    left: Left,
}

enum Left {
    Folder(ReadDir),
    Bucket(Arc<Bucket>, Listing),
    Nothing,
}

/// A walk through the videos.
pub struct OldVideos(Walk);

impl Media {
    /// Whether what no row of this installation names may be removed: a bucket that another one uses has videos of its.
    pub async fn may_be_swept_by(&self, installation: &str) -> Result<bool> {
        match &self.store {
            Store::Folder(_) => Ok(true),
            Store::Bucket(bucket) => bucket.belongs_to(installation).await,
        }
    }

    /// Videos whose last byte came `age` ago or earlier, in batches of at most `batch_max`.
    pub async fn old_videos(&self, age: Duration, batch_max: usize) -> Result<OldVideos> {
        self.walk(Shelf::Videos, before(age), batch_max).await.map(OldVideos)
    }

    pub(super) async fn walk(&self, shelf: Shelf, before: SystemTime, batch_max: usize) -> Result<Walk> {
        let left = match &self.store {
            Store::Folder(folder) => {
                let folder = folder.clone();
                Left::Folder(blocking("list media files", move || folder.entries(shelf)).await?)
            }
            Store::Bucket(bucket) => Left::Bucket(bucket.clone(), bucket.list(shelf, batch_max).await?),
        };
        Ok(Walk { shelf, before, batch_max, left })
    }

    /// Removes uploads that nobody has written to for `age`: those of servers that died. Gives how many.
    pub async fn remove_stale_drafts(&self, age: Duration) -> Result<u64> {
        let folder = self.incoming();
        blocking("remove old uploads", move || {
            let before = before(age);
            let mut removed = 0;
            for entry in std::fs::read_dir(folder)? {
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

    /// Removes what servers that died have sent of an upload to the object store, begun `age` ago or earlier. Gives
    /// how many.
    pub async fn remove_unfinished_uploads(&self, age: Duration) -> Result<u64> {
        match &self.store {
            Store::Folder(_) => Ok(0),
            Store::Bucket(bucket) => bucket.remove_unfinished(before(age)).await,
        }
    }
}

impl Walk {
    /// The next names; empty: there are no more.
    pub(super) async fn next_batch(&mut self) -> Result<Vec<PublicName>> {
        let (shelf, before, batch_max) = (self.shelf, self.before, self.batch_max);
        loop {
            let batch = match std::mem::replace(&mut self.left, Left::Nothing) {
                Left::Nothing => return Ok(Vec::new()),
                Left::Folder(mut entries) => {
                    let (batch, entries) = blocking("list media files", move || {
                        let (batch, more) = folder::next_batch(&mut entries, shelf, before, batch_max)?;
                        Ok((batch, more.then_some(entries)))
                    })
                    .await?;
                    self.left = entries.map_or(Left::Nothing, Left::Folder);
                    batch
                }
                Left::Bucket(bucket, listing) => match bucket.next_batch(listing, shelf, before).await? {
                    None => Vec::new(),
                    Some((batch, listing)) => {
                        self.left = Left::Bucket(bucket, listing);
                        batch
                    }
                },
            };
            // A whole batch may be too young.
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }
}

impl OldVideos {
    /// The next names; empty: there are no more.
    pub async fn next_batch(&mut self) -> Result<Vec<VideoName>> {
        let names = self.0.next_batch().await?.into_iter();
        Ok(names.filter_map(|name| if let PublicName::Video(video) = name { Some(video) } else { None }).collect())
    }
}

fn before(age: Duration) -> SystemTime {
    SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs::{self, File};

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
        let media = Media::in_folder(folder.path().to_owned()).unwrap();
        let mut expected = HashSet::new();
        for number in 0..7 {
            let video = media.create_draft().await.unwrap().finish(VideoKind::Webm).await.unwrap();
            if number > 1 {
                make_old(media.local_video(video).await.unwrap().unwrap().path());
                expected.insert(video);
            }
        }
        fs::write(folder.path().join("video/README"), "not a video").unwrap();
        let mut walk = media.old_videos(DAY, 2).await.unwrap();
        let mut seen = HashSet::new();
        loop {
            let batch = walk.next_batch().await.unwrap();
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
        let media = Media::in_folder(folder.path().to_owned()).unwrap();
        let mut fresh = media.create_draft().await.unwrap();
        let mut stale = media.create_draft().await.unwrap();
        make_old(stale.written_path().await.unwrap());
        assert_eq!(media.remove_stale_drafts(DAY).await.unwrap(), 1);
        assert!(fresh.written_path().await.unwrap().exists());
        assert!(!stale.written_path().await.unwrap().exists());
    }
}
