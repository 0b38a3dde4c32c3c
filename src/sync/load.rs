//! Loading the closed buckets of a Redis from Postgres.

use std::fmt;
use std::sync::Arc;

use futures_util::TryStreamExt;
use tokio_postgres::Client as Session;

use crate::archive::load as rows;
use crate::crash;
use crate::error::Result;
use crate::id::{Bucket, UserId, VideoId, bucket_of};
use crate::model::{CommentRecord, EdgeRow, MessageRecord, VideoRecord};
use crate::store::{Home, Run};

/// Rows in one script call.
const BATCH: usize = 200;

/// How many rows were loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    users: usize,
    videos: usize,
    favorites: usize,
    favorite_mirrors: usize,
    follows: usize,
    follow_mirrors: usize,
    comments: usize,
    messages: usize,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loaded { users, videos, favorites, favorite_mirrors, follows, follow_mirrors, comments, messages } = self;
        write!(
            f,
            "{users} users, {videos} videos, {favorites} and {favorite_mirrors} ends of likes, {follows} and \
             {follow_mirrors} ends of follows, {comments} comments, {messages} messages"
        )
    }
}

/// Sends the rows of a stream, which come bucket by bucket, in batches of one bucket, and gives how many there were.
macro_rules! load_in_batches {
    ($run:expr, $rows:expr, $bucket:expr, |$home:ident, $batch:ident| $each:expr) => {{
        let mut rows = std::pin::pin!($rows);
        let mut count = 0;
        let mut next = rows.try_next().await?;
        while let Some(first) = next.take() {
            let bucket: Bucket = $bucket(&first);
            let $home = Home::new($run, bucket);
            let mut $batch = vec![first];
            while $batch.len() < BATCH {
                match rows.try_next().await? {
                    Some(row) if $bucket(&row) == bucket => $batch.push(row),
                    other => {
                        next = other;
                        break;
                    }
                }
            }
            if $batch.len() == BATCH {
                next = rows.try_next().await?;
            }
            count += $batch.len();
            $each;
        }
        count
    }};
}

/// Loads what changed after a version; 0: everything, into buckets that are empty.
pub(super) async fn load(session: &Session, run: &Arc<Run>, after: u64, feed_window: u64) -> Result<Loaded> {
    let mut newest = Newest::new(feed_window);
    let users = load_in_batches!(
        run,
        rows::users(session, after).await?,
        |(id, _): &(UserId, String)| id.bucket(),
        |home, users| {
            home.load_users(&users).await?;
            crash::point("recovery_loading");
        }
    );
    let videos = load_in_batches!(
        run,
        rows::videos(session, after).await?,
        |video: &VideoRecord| video.id.bucket(),
        |home, videos| {
            home.load_videos(&videos).await?;
            newest.extend(videos.iter().map(|video| video.id));
        }
    );
    let favorites = load_in_batches!(
        run,
        rows::favorites(session, after).await?,
        |(row, _): &(EdgeRow, UserId)| bucket_of(row.edge.to),
        |home, likes| home.load_favorites(&likes).await?
    );
    let favorite_mirrors = load_in_batches!(
        run,
        rows::favorite_mirrors(session, after).await?,
        |row: &EdgeRow| bucket_of(row.edge.from),
        |home, likes| home.load_favorite_mirrors(&likes).await?
    );
    let follows = load_in_batches!(
        run,
        rows::follows(session, after).await?,
        |row: &EdgeRow| bucket_of(row.edge.to),
        |home, follows| home.load_follows(&follows).await?
    );
    let follow_mirrors = load_in_batches!(
        run,
        rows::follow_mirrors(session, after).await?,
        |row: &EdgeRow| bucket_of(row.edge.from),
        |home, follows| home.load_follow_mirrors(&follows).await?
    );
    let comments = load_in_batches!(
        run,
        rows::comments(session, after).await?,
        |(video, _, _): &(VideoId, CommentRecord, bool)| video.bucket(),
        |home, comments| home.load_comments(&comments).await?
    );
    let messages = load_in_batches!(
        run,
        rows::messages(session, after).await?,
        |message: &MessageRecord| message.from.min(message.to).bucket(),
        |home, messages| home.load_messages(&messages).await?
    );
    let feed = Home::new(run, Bucket::FEED);
    let (floor, ids) = newest.finish();
    feed.load_feed(floor, &[]).await?;
    for ids in ids.chunks(BATCH) {
        feed.load_feed(floor, ids).await?;
    }
    Ok(Loaded { users, videos, favorites, favorite_mirrors, follows, follow_mirrors, comments, messages })
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
