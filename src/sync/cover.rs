//! Covers: made in the background, one after another, from the newest video that wants one to the oldest.
//!
//! Order: file, Redis, Postgres. Postgres is what says that a cover is still wanted, so a crash on the way only makes
//! the rest be done again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::archive::videos::Cover;
use crate::archive::{Archive, videos};
use crate::crash;
use crate::error::{Code, Result};
use crate::id::{ID_MAX, VideoId};
use crate::media::{CoverMaker, CoverOutcome, Media, VideoName};
use crate::model::VideoRecord;
use crate::store::{Home, Marks, Slot};

/// How long it waits when nothing wakes it: other servers publish, too.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long before ffmpeg is looked for again.
const ABSENT_INTERVAL: Duration = Duration::from_secs(600);
const ATTEMPTS_MAX: u32 = 3;

pub struct Covers {
    pub slot: Arc<Slot>,
    pub archive: Archive,
    pub marks: Arc<Marks>,
    pub media: Media,
    pub maker: CoverMaker,
    /// Covers made at once.
    pub jobs_max: usize,
    /// Told when a video was published.
    pub published: Arc<Notify>,
}

impl Covers {
    /// Makes what is wanted, for ever.
    pub async fn work(self) {
        let mut attempts: HashMap<VideoId, u32> = HashMap::new();
        loop {
            let pause = match self.pass(&mut attempts, &|| {}).await {
                Ok(Pass::Done) => INTERVAL,
                Ok(Pass::NoFfmpeg) => {
                    info!("ffmpeg was not found: videos keep a generated cover");
                    ABSENT_INTERVAL
                }
                Err(error) => {
                    warn!("covers are not made: {error}");
                    INTERVAL
                }
            };
            // Only its wake-up matters, not which of the two it was.
            let _ = tokio::time::timeout(pause, self.published.notified()).await;
        }
    }

    /// Makes all that are wanted now; `made` is told of each.
    pub async fn drain(self, made: impl Fn()) -> Result<()> {
        self.pass(&mut HashMap::new(), &made).await.map(drop)
    }

    async fn pass(&self, attempts: &mut HashMap<VideoId, u32>, made: &impl Fn()) -> Result<Pass> {
        let mut before = ID_MAX + 1;
        loop {
            let wanted = videos::uncovered(&self.archive, before, self.jobs_max as i64).await?;
            let Some(oldest) = wanted.last() else { return Ok(Pass::Done) };
            before = oldest.id.0;
            let outcomes = futures_util::future::join_all(wanted.iter().map(|video| self.make(video))).await;
            for (video, outcome) in wanted.iter().zip(outcomes) {
                let outcome = match outcome {
                    // Its publishing is not finished yet: a later pass makes it, and the others do not wait.
                    Err(error) if error.code == Code::NoVideo => continue,
                    outcome => outcome?,
                };
                match outcome {
                    CoverOutcome::Made(_) => {
                        attempts.remove(&video.id);
                        made();
                    }
                    CoverOutcome::NoFfmpeg => return Ok(Pass::NoFfmpeg),
                    CoverOutcome::Failed(reason) => {
                        let failed = attempts.entry(video.id).or_default();
                        *failed += 1;
                        warn!(video = %video.id, attempt = *failed, "no cover: {reason}");
                        if *failed >= ATTEMPTS_MAX {
                            attempts.remove(&video.id);
                            videos::covered(&self.archive, video.id, Cover::Impossible, 0).await?;
                        }
                    }
                }
            }
        }
    }

    async fn make(&self, video: &VideoRecord) -> Result<CoverOutcome> {
        let Ok(name) = video.object.parse::<VideoName>() else {
            return Ok(CoverOutcome::Failed(format!("{:?} is no name of a media file", video.object)));
        };
        // A bucket's video is copied for it: without ffmpeg that would be in vain.
        if !self.maker.has_ffmpeg() {
            return Ok(CoverOutcome::NoFfmpeg);
        }
        let Some(film) = self.media.local_video(name).await? else {
            return Ok(CoverOutcome::Failed("its file is gone".to_owned()));
        };
        let outcome = self.maker.make(film.path(), name.kind()).await?;
        if let CoverOutcome::Made(bytes) = &outcome {
            self.media.write_cover(name, bytes.clone()).await?;
            crash::point("cover_kept");
            let run = self.slot.run()?;
            let shown = Home::new(&run, video.id.bucket()).show_cover(video.id).await;
            self.marks.changed([video.id.0]);
            let version = shown?;
            crash::point("cover_shown");
            videos::covered(&self.archive, video.id, Cover::Made, version).await?;
            crash::point("cover_noted");
        }
        Ok(outcome)
    }
}

enum Pass {
    Done,
    NoFfmpeg,
}
