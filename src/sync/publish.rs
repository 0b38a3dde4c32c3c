//! Publishing: bytes made safe under a random name, mint an id, write the row, show the video, put it into the feed.

use std::sync::Arc;

use crate::archive::{Archive, videos};
use crate::crash;
use crate::error::{Code, Error, Result};
use crate::id::{UserId, VideoId};
use crate::media::{Draft, Media, VideoKind};
use crate::model::VideoRecord;
use crate::store::{Home, Run, feed, user};

/// A file that was taken, looked into, and found to be a video.
pub struct Upload {
    pub draft: Draft,
    pub kind: VideoKind,
    pub title: String,
}

/// Once begun it goes on though the client leaves. A crash at any point leaves the whole video or nothing visible:
/// `sync/pending.rs` completes what has a row, `sync/sweep.rs` removes files that have none.
pub async fn publish(
    run: Arc<Run>,
    archive: Archive,
    media: Media,
    feed_window: u64,
    author: UserId,
    upload: Upload,
) -> Result<VideoId> {
    let steps = async move {
        // A good token may name nobody, where the database was made anew; a row would wait for its author for ever.
        user::get(&run, author).await?;
        // Before the bytes are kept: a stopped Redis costs no file.
        let home = Home::new(&run, author.bucket());
        let id = VideoId(home.mint().await?);
        crash::point("publish_minted");
        let name = upload.draft.finish(upload.kind).await?;
        crash::point("publish_kept");
        let video = VideoRecord { id, author, title: upload.title, object: name.to_string(), cover: false };
        if let Err(error) = videos::insert(&archive, id, author, &video.title, &video.object).await {
            // Refused for certain: the row is not there. Otherwise nobody knows, and the sweep decides later.
            if error.code == Code::Internal {
                media.remove(name).await?;
            }
            return Err(error);
        }
        crash::point("publish_written");
        home.show_video(&video).await?;
        crash::point("publish_shown");
        feed::insert(&run, id, feed_window).await?;
        crash::point("publish_fed");
        Ok(id)
    };
    tokio::spawn(steps).await.map_err(Error::internal)?
}
