//! Filling the stores with the planned world, through the same code as the API.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::world::{self, PlannedUser, PlannedVideo};
use super::{Sizes, clips, fill_social, social};
use crate::archive::{Archive, users};
use crate::auth::name;
use crate::auth::password::Passwords;
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::media::{Media, VideoKind};
use crate::model::Registered;
use crate::progress::progress;
use crate::store::{Run, Slot, user};
use crate::sync::publish::Upload;
use crate::sync::{World, publish, register};

const PIECE_BYTES: usize = 256 * 1024;

pub async fn fill(stores: World, sizes: &Sizes) -> Result<()> {
    stores.media.prepare().await?;
    let slot = Arc::new(Slot::default());
    let admission = stores.admit(slot.clone());
    let ready = tokio::time::timeout(std::time::Duration::from_secs(600), slot.whole()).await;
    ready.map_err(|_| Error::unavailable(format!("Redis is not ready: {}", slot.missing().unwrap_or_default())))?;
    let run = slot.run()?;

    let planned = world::plan(sizes.seed, sizes.users, sizes.videos);
    let users = register_users(&run, &stores.archive, &planned.users).await?;
    // Videos are published in the planned order: how many there are says where an earlier run stopped.
    let present: u64 = user::get_many(&run, users.iter().copied()).await?.values().map(|user| user.works).sum();
    let wanted = planned.videos.get(present as usize..).unwrap_or_default();
    if !wanted.is_empty() {
        publish_videos(&stores, &run, sizes.seed, planned.clips, &users, wanted).await?;
        let bar = progress("covers made", wanted.len());
        stores.covers(slot, Arc::new(Notify::new())).drain(|| bar.inc(1)).await?;
        bar.done();
    }
    let added = fill_social::fill(&run, &users, &planned, &social::plan(sizes, &planned)).await?;
    admission.iter().for_each(JoinHandle::abort);
    println!(
        "{} users; added: {} videos, {} follows, {} likes, {} comments, {} messages",
        users.len(),
        wanted.len(),
        added.follows,
        added.likes,
        added.comments,
        added.messages,
    );
    if let Some(user) = planned.users.first() {
        println!("every user's password is {:?}; sign in as {:?}, for example", world::PASSWORD, user.name);
    }
    Ok(())
}

async fn publish_videos(
    stores: &World,
    run: &Arc<Run>,
    seed: u64,
    clip_count: usize,
    users: &[UserId],
    wanted: &[PlannedVideo],
) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("riffle-clips-{}", std::process::id()));
    let bar = progress("clips drawn", clip_count);
    let drawn = clips::render(&folder, seed, clip_count, &stores.config.ffmpeg, |_| bar.inc(1)).await;
    bar.done();
    let published = async {
        let drawn = drawn.map_err(Error::unavailable)?;
        let bar = progress("videos published", wanted.len());
        for video in wanted {
            let upload = Upload {
                draft: draft(&stores.media, &drawn[video.clip]).await?,
                kind: VideoKind::Mp4,
                title: video.title.clone(),
            };
            let (archive, media) = (stores.archive.clone(), stores.media.clone());
            publish::publish(run.clone(), archive, media, stores.config.feed_window, users[video.author], upload)
                .await?;
            bar.inc(1);
        }
        bar.done();
        Ok(())
    }
    .await;
    // A folder that stays behind is a few megabytes in the system's own temporary folder.
    let _ = std::fs::remove_dir_all(&folder);
    published
}

/// Gives the users' ids in their order.
async fn register_users(run: &Arc<Run>, archive: &Archive, planned: &[PlannedUser]) -> Result<Vec<UserId>> {
    let passwords = Passwords::start(2, 2)?;
    let bar = progress("users registered", planned.len());
    let mut ids = Vec::with_capacity(planned.len());
    for user in planned {
        let name_key = name::key(&user.name);
        let id = match users::by_name(archive, &name_key).await? {
            Some(account) => account.id,
            None => {
                let password_hash = passwords.hash(user.password.clone()).await?;
                let registered = Registered { name: user.name.clone(), name_key, password_hash };
                register::register(run.clone(), archive.clone(), registered).await?
            }
        };
        ids.push(id);
        bar.inc(1);
    }
    bar.done();
    Ok(ids)
}

async fn draft(media: &Media, clip: &Path) -> Result<crate::media::Draft> {
    let cannot = |error: std::io::Error| Error::from(Code::Unavailable).because(format!("{}: {error}", clip.display()));
    let mut file = std::fs::File::open(clip).map_err(cannot)?;
    let mut draft = media.create_draft().await?;
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let length = file.read(&mut piece).map_err(cannot)?;
        if length == 0 {
            return Ok(draft);
        }
        piece.truncate(length);
        draft.write(Bytes::from(piece)).await?;
    }
}
