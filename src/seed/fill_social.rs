//! Filling in what the users of the planned world do: follow, like, comment, chat.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::social::{PlannedChat, PlannedComment, Social};
use super::world::World;
use crate::error::{Error, Result};
use crate::id::{UserId, VideoId};
use crate::progress::progress;
use crate::store::{List, Run, Timeline, comment, favorite, message, relation, user, video};

/// Requests under way at once.
const JOBS_MAX: usize = 16;

/// What was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    pub follows: u64,
    pub likes: u64,
    pub comments: u64,
    pub messages: u64,
}

/// Brings the stores to the plan. What is there already is left as it is: a follow or a like is there or not; of the
/// comments on a video, and of the messages of a chat, as many of the first ones are skipped as there are.
pub async fn fill(run: &Arc<Run>, users: &[UserId], world: &World, social: &Social) -> Result<Added> {
    let videos = video_ids(run, users, world).await?;
    let before = edge_counts(run, users).await?;
    follow(run, users, social).await?;
    like(run, users, &videos, world, social).await?;
    let after = edge_counts(run, users).await?;
    Ok(Added {
        follows: after.0.saturating_sub(before.0),
        likes: after.1.saturating_sub(before.1),
        comments: say(run, users, &videos, social).await?,
        messages: chat(run, users, social).await?,
    })
}

/// The ids of the planned videos, each user's in the order in which they were published.
async fn video_ids(run: &Arc<Run>, users: &[UserId], world: &World) -> Result<Vec<Option<VideoId>>> {
    let records = user::get_many(run, users.iter().copied()).await?;
    let mut works = BTreeMap::new();
    for record in records.values().filter(|record| record.works > 0) {
        let list = List { timeline: Timeline::Works(record.id), before: None, limit: record.works as usize };
        works.insert(record.id, list.read(run).await?.into_iter().rev().map(|entry| VideoId(entry.id)));
    }
    Ok(world.videos.iter().map(|planned| works.get_mut(&users[planned.author])?.next()).collect())
}

/// How many follows and likes the users have made.
async fn edge_counts(run: &Arc<Run>, users: &[UserId]) -> Result<(u64, u64)> {
    let records = user::get_many(run, users.iter().copied()).await?;
    Ok(records.values().fold((0, 0), |sum, user| (sum.0 + user.follows, sum.1 + user.favorites)))
}

async fn follow(run: &Arc<Run>, users: &[UserId], social: &Social) -> Result<()> {
    let bar = progress("follows", social.follows.len());
    stream::iter(social.follows.iter().map(Ok::<_, Error>))
        .try_for_each_concurrent(JOBS_MAX, async |(follower, followed)| {
            relation::set(run, users[*follower], users[*followed], true).await?;
            bar.inc(1);
            Ok(())
        })
        .await?;
    bar.done();
    Ok(())
}

async fn like(
    run: &Arc<Run>,
    users: &[UserId],
    videos: &[Option<VideoId>],
    world: &World,
    social: &Social,
) -> Result<()> {
    let bar = progress("likes", social.likes.len());
    stream::iter(social.likes.iter().map(Ok::<_, Error>))
        .try_for_each_concurrent(JOBS_MAX, async |(user, video)| {
            if let Some(id) = videos[*video] {
                favorite::set(run, users[*user], id, users[world.videos[*video].author], true).await?;
            }
            bar.inc(1);
            Ok(())
        })
        .await?;
    bar.done();
    Ok(())
}

/// Gives how many comments were added.
async fn say(run: &Arc<Run>, users: &[UserId], videos: &[Option<VideoId>], social: &Social) -> Result<u64> {
    let present: Vec<VideoId> = videos.iter().copied().flatten().collect();
    let records = video::get_many(run, &present).await?;
    let counts: BTreeMap<VideoId, u64> = records.iter().map(|video| (video.record.id, video.comments)).collect();
    let missing: Vec<(VideoId, &[PlannedComment])> = videos
        .iter()
        .zip(&social.comments)
        .filter_map(|(id, planned)| Some(((*id)?, planned.get(*counts.get(&(*id)?)? as usize..)?)))
        .collect();
    let total: usize = missing.iter().map(|(_, planned)| planned.len()).sum();
    let bar = progress("comments", total);
    stream::iter(missing.into_iter().map(Ok::<_, Error>))
        .try_for_each_concurrent(JOBS_MAX, async |(id, planned)| {
            for PlannedComment { user, text } in planned {
                comment::add(run, id, users[*user], text).await?;
                bar.inc(1);
            }
            Ok(())
        })
        .await?;
    bar.done();
    Ok(total as u64)
}

/// Gives how many messages were added.
async fn chat(run: &Arc<Run>, users: &[UserId], social: &Social) -> Result<u64> {
    let total = social.chats.iter().map(|chat| chat.messages.len()).sum();
    let bar = progress("messages", total);
    let added = stream::iter(&social.chats)
        .map(async |PlannedChat { users: (one, other), messages }| {
            let present = message::list(run, users[*one], users[*other], None, messages.len()).await?.len();
            bar.inc(present as u64);
            for planned in &messages[present..] {
                message::send(run, users[planned.from], users[planned.to], planned.text, false).await?;
                bar.inc(1);
            }
            Ok::<u64, Error>((messages.len() - present) as u64)
        })
        .buffer_unordered(JOBS_MAX)
        .try_fold(0, async |sum, added| Ok(sum + added))
        .await?;
    bar.done();
    Ok(added)
}
