//! Recovery: one program for every fault of Redis. All that Redis holds is in Postgres, so a Redis that is new,
//! emptied or behind is loaded anew; one that restarted without loss keeps what it has.
//!
//! Any refusal on the way ends it, and it starts from the top; a recoverer that was frozen and wakes is refused at
//! every step by the epochs.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;
use tokio_postgres::Client as Session;
use tracing::info;

use super::admission::in_order;
use crate::archive::buckets;
use crate::error::Result;
use crate::id::{self, Bucket, VideoId};
use crate::store::recovery as redis;
use crate::store::{Admission, Client, Home, Run};

/// How far above everything known a recovered bucket starts to mint.
const BASE_MARGIN: Duration = Duration::from_secs(60);
/// Rows in one script call.
const BATCH: usize = 200;

pub(super) async fn recover(session: &mut Session, client: &Arc<Client>, feed_window: u64) -> Result<Admission> {
    buckets::lock_recovery(session).await?;
    let before = buckets::all(session).await?;
    let inspection = redis::inspect(client).await?;
    let met = before.iter().map(|row| row.epoch).chain(inspection.heads.iter().flatten().map(|head| head.epoch));
    let epoch = met.max().unwrap_or(0) + 1;

    // Fence in Postgres, then close in Redis: from here on nothing of the old epoch is answered or committed.
    buckets::fence(session, epoch).await?;
    let mut heads = Vec::with_capacity(Bucket::COUNT);
    for bucket in Bucket::all() {
        heads.push(redis::close(client, bucket, epoch).await?);
    }
    let keep = in_order(&before, &heads);

    // Taken after closing, so that no id can be minted twice, lost ones included. Read again: a row may have been
    // written between the comparison and the closing.
    let closed = buckets::all(session).await?;
    let highest = heads.iter().flatten().map(|head| head.last).chain(closed.iter().map(|row| row.seen)).max();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
    let base_ms =
        id::ms_of(highest.unwrap_or(0)).max(id::ms_of(id::lowest_at(now_ms))) + BASE_MARGIN.as_millis() as u64;
    let bases: Vec<u64> = Bucket::all().map(|bucket| bucket.id_at(base_ms)).collect();

    // For the loading scripts, which demand this epoch and a closed head.
    let closed_run = Arc::new(Run::new(
        client.clone(),
        Arc::new(Admission::new(inspection.run_id.clone(), vec![epoch; Bucket::COUNT])),
    ));
    let since: Vec<u64> = if keep {
        before.iter().map(|row| row.relayed).collect()
    } else {
        let removed = redis::clear(&closed_run).await?;
        info!(removed, "Redis is loaded anew from Postgres");
        vec![0; Bucket::COUNT]
    };
    let loaded = load(session, &closed_run, &since, feed_window).await?;

    for (bucket, base) in Bucket::all().zip(&bases) {
        Home::new(&closed_run, bucket).open(*base).await?;
    }
    buckets::open(session, epoch, &bases, &inspection.run_id).await?;
    info!(epoch, kept = keep, users = loaded.users, videos = loaded.videos, "Redis is in order");
    Ok(Admission::new(inspection.run_id, vec![epoch; Bucket::COUNT]))
}

#[derive(Default)]
struct Loaded {
    users: usize,
    videos: usize,
}

/// Loads the rows of each bucket that are newer than `since` says, and the newest of them into the feed.
async fn load(session: &Session, run: &Arc<Run>, since: &[u64], feed_window: u64) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut newest = Newest::new(feed_window);
    for bucket in Bucket::all().filter(|bucket| *bucket != Bucket::FEED) {
        let home = Home::new(run, bucket);
        let since = since[bucket.index()];
        let mut users = std::pin::pin!(buckets::users_after(session, bucket, since).await?.try_chunks(BATCH));
        while let Some(users) = users.try_next().await.map_err(|error| error.1)? {
            home.load_users(&users).await?;
            loaded.users += users.len();
        }
        let mut videos = std::pin::pin!(buckets::videos_after(session, bucket, since).await?.try_chunks(BATCH));
        while let Some(videos) = videos.try_next().await.map_err(|error| error.1)? {
            home.load_videos(&videos).await?;
            loaded.videos += videos.len();
            newest.extend(videos.iter().map(|video| video.id));
        }
    }
    let feed = Home::new(run, Bucket::FEED);
    let (floor, ids) = newest.finish();
    feed.load_feed(floor, &[]).await?;
    for ids in ids.chunks(BATCH) {
        feed.load_feed(floor, ids).await?;
    }
    Ok(loaded)
}

/// The newest `window` ids of any number of them.
struct Newest {
    window: usize,
    ids: Vec<VideoId>,
    /// The highest id that was left out; 0 for none.
    floor: u64,
}

impl Newest {
    fn new(window: u64) -> Newest {
        Newest { window: window as usize, ids: Vec::new(), floor: 0 }
    }

    fn extend(&mut self, ids: impl Iterator<Item = VideoId>) {
        self.ids.extend(ids);
        if self.ids.len() > self.window * 2 {
            self.trim();
        }
    }

    fn trim(&mut self) {
        self.ids.sort_unstable_by(|left, right| right.cmp(left));
        if let Some(left_out) = self.ids.get(self.window) {
            self.floor = self.floor.max(left_out.0);
        }
        self.ids.truncate(self.window);
    }

    fn finish(mut self) -> (u64, Vec<VideoId>) {
        self.trim();
        (self.floor, self.ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_the_highest_left_out_is_the_floor() {
        let mut newest = Newest::new(2);
        newest.extend([5, 1, 9, 3, 7, 2].into_iter().map(VideoId));
        assert_eq!(newest.finish(), (5, vec![VideoId(9), VideoId(7)]));
        let mut newest = Newest::new(2);
        newest.extend([5, 1].into_iter().map(VideoId));
        assert_eq!(newest.finish(), (0, vec![VideoId(5), VideoId(1)]));
    }
}
