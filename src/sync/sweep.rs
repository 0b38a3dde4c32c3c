//! Sweeping media: files that no row names are what died between the bytes and the row, uploads without an end what
//! died on the way to them.

use std::collections::HashSet;
use std::time::Duration;

use tracing::{info, warn};

use crate::archive::{Archive, buckets, videos};
use crate::error::{Error, Result};
use crate::media::Media;

const INTERVAL: Duration = Duration::from_secs(3600);
const BATCH: usize = 500;
/// An upload that is still being written is younger than this: it moves at least every `body_timeout_ms`.
const DRAFT_AGE: Duration = Duration::from_secs(3600);

/// Removes orphans older than `orphan_age`, for ever.
pub async fn work(archive: Archive, media: Media, orphan_age: Duration) {
    loop {
        match pass(&archive, &media, orphan_age).await {
            Ok(0) => {}
            Ok(removed) => info!(removed, "media files without a video removed"),
            Err(error) => warn!("media was not swept: {error}"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn pass(archive: &Archive, media: &Media, orphan_age: Duration) -> Result<u64> {
    let mut removed = media.remove_stale_drafts(DRAFT_AGE).await?;
    let installation = buckets::installation(&archive.session().await?).await?;
    if !media.may_be_swept_by(&installation).await? {
        return Err(Error::unavailable(
            "the bucket's object riffle/installation names another installation, whose videos must stay",
        ));
    }
    removed += media.remove_unfinished_uploads(orphan_age).await?;
    let mut old = media.old_videos(orphan_age, BATCH).await?;
    loop {
        let names = old.next_batch().await?;
        if names.is_empty() {
            return Ok(removed);
        }
        let objects: Vec<String> = names.iter().map(ToString::to_string).collect();
        let known: HashSet<String> = videos::objects_known(archive, &objects).await?.into_iter().collect();
        for (name, object) in names.into_iter().zip(objects) {
            if !known.contains(&object) {
                media.remove(name).await?;
                removed += 1;
            }
        }
    }
}
