//! What one request sees of users and videos: from the cards that are kept, and for what these lack in as few trips as
//! can be; the viewer's own flags in the same trips, and always asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::cards::{Card, Cards, UserCard, VideoCard};
use super::client::Command;
use super::keys;
use super::listed::Listed;
use super::marks::{Judge, Stamp};
use super::membership::{self, Asked};
use super::reply::Reply;
use super::run::{Read, Run};
use super::timeline::{List, Owner};
use super::user::{self, UserRecord};
use super::video::{self, CountedVideo, know_author, known_author};
use crate::error::{Code, Error, Result};
use crate::id::{Bucket, UserId, VideoId};

pub struct Sight<'a> {
    cards: &'a Cards,
    run: &'a Arc<Run>,
    viewer: Option<UserId>,
    judge: Judge<'a>,
    /// `None`: not visible.
    videos: BTreeMap<VideoId, Option<Arc<VideoCard>>>,
    /// `None`: there is no such user.
    users: BTreeMap<UserId, Option<Arc<UserCard>>>,
    liked: BTreeMap<VideoId, bool>,
    followed: BTreeMap<UserId, bool>,
}

/// A video as a viewer sees it.
pub struct SeenVideo<'a> {
    pub video: &'a CountedVideo,
    pub author: SeenUser<'a>,
    pub is_liked: bool,
}

/// The same of a user.
pub struct SeenUser<'a> {
    pub user: &'a UserRecord,
    pub is_followed: bool,
}

/// What a trip is for.
#[derive(Default)]
struct Lacking {
    videos: Vec<VideoId>,
    users: Vec<UserId>,
    liked: Vec<VideoId>,
    followed: Vec<UserId>,
}

impl Lacking {
    fn is_empty(&self) -> bool {
        self.videos.is_empty() && self.users.is_empty() && self.liked.is_empty() && self.followed.is_empty()
    }
}

impl<'a> Sight<'a> {
    /// For a request that began just now. Signed out all flags are false.
    pub fn begin(cards: &'a Cards, run: &'a Arc<Run>, viewer: Option<UserId>) -> Sight<'a> {
        Sight {
            cards,
            run,
            viewer,
            judge: cards.marks.judge(Instant::now()),
            videos: BTreeMap::new(),
            users: BTreeMap::new(),
            liked: BTreeMap::new(),
            followed: BTreeMap::new(),
        }
    }

    /// A page of a list that Redis has whole: no trip while what is kept of it is true, else one, which also asks for what
    /// is lacking of whom the page named before. 100006 or 100007 for an unknown owner.
    pub async fn list<T: Listed>(&mut self, list: &List) -> Result<Arc<[T]>> {
        if let Some(kept) = self.kept(list) {
            return Ok(kept);
        }
        let stamp = self.stamp_of(list);
        let (told, _) = self.ask_list::<T>(list, Vec::new()).await?;
        Ok(self.keep(list, stamp, T::all(list, &told)?))
    }

    /// What is kept of a page, while it is true: until its owner changes.
    pub fn kept<T: Listed>(&self, list: &List) -> Option<Arc<[T]>> {
        let card = T::cache(self.cards).get(list)?;
        self.judge.is_good(list.timeline.owner().id(), &card.stamp).then(|| card.value.clone())
    }

    /// Keeps a page that was asked for after `stamp` was taken.
    pub fn keep<T: Listed>(&self, list: &List, stamp: Stamp, entries: Vec<T>) -> Arc<[T]> {
        let entries: Arc<[T]> = entries.into();
        T::cache(self.cards).insert(*list, Card::new(entries.clone(), stamp));
        entries
    }

    /// Of a page that is asked for after this.
    pub fn stamp_of(&self, list: &List) -> Stamp {
        self.stamp(list.timeline.owner().id())
    }

    /// The entries of a list, in one trip, along with what is lacking of whom the page named before, and with the answers
    /// to more questions of the list's bucket, which are asked after it.
    pub(super) async fn ask_list<T: Listed>(&mut self, list: &List, more: Vec<Command>) -> Result<(Reply, Vec<Reply>)> {
        let before = T::cache(self.cards).get(list);
        let named = before.iter().flat_map(|card| card.value.iter().map(T::named));
        let (videos, users): (Vec<VideoId>, Vec<UserId>) = match list.timeline.names_videos() {
            true => (named.map(VideoId).collect(), Vec::new()),
            false => (Vec::new(), named.map(UserId).collect()),
        };
        let (more_asked, bucket) = (more.len(), list.bucket());
        let mut commands = vec![(bucket, list.command())];
        commands.extend(more.into_iter().map(|command| (bucket, command)));
        let (is_known, owner, stamp) = match list.timeline.owner() {
            Owner::User(id) => (self.cards.knows_user(id), user::command(id), self.stamp(id.0)),
            Owner::Video(id) => (known_author(id).is_some(), video::author_command(id), self.stamp(id.0)),
        };
        if !is_known {
            commands.push((bucket, owner));
        }
        let mut replies = self.ask(commands, &videos, &users).await?.into_iter();
        let entries = replies.next().ok_or_else(|| Error::internal("a list was asked for and not told"))?;
        let more = replies.by_ref().take(more_asked).collect();
        if let Some(owner) = replies.next() {
            self.know_owner(list, &owner, stamp)?;
        }
        Ok((entries, more))
    }

    /// From here on he is known to exist: neither users nor videos ever vanish.
    fn know_owner(&self, list: &List, told: &Reply, stamp: Stamp) -> Result<()> {
        match list.timeline.owner() {
            Owner::User(id) => self.cards.keep_user(Card::new(user::record(id, told)?.ok_or(Code::NoUser)?, stamp)),
            Owner::Video(id) => know_author(id, UserId(told.number()?.ok_or(Code::NoVideo)?)),
        }
        Ok(())
    }

    /// Sees all of these, and the videos' authors.
    pub async fn see(&mut self, videos: &[VideoId], users: &[UserId]) -> Result<()> {
        loop {
            let lacking = self.lacking(videos, users);
            if lacking.is_empty() {
                return Ok(());
            }
            self.ask_for(Vec::new(), lacking).await?;
        }
    }

    /// One trip: `commands`, which it gives the answers to, along with what is lacking of these and of the videos' authors
    /// as far as they are known. Nothing of both: no trip.
    pub async fn ask(
        &mut self,
        commands: Vec<(Bucket, Command)>,
        videos: &[VideoId],
        users: &[UserId],
    ) -> Result<Vec<Reply>> {
        let lacking = self.lacking(videos, users);
        self.ask_for(commands, lacking).await
    }

    async fn ask_for(&mut self, commands: Vec<(Bucket, Command)>, lacking: Lacking) -> Result<Vec<Reply>> {
        let of_videos: Vec<Stamp> = lacking.videos.iter().map(|id| self.stamp(id.0)).collect();
        let of_users: Vec<Stamp> = lacking.users.iter().map(|id| self.stamp(id.0)).collect();
        let mut read = Read::new(self.run);
        let asked = commands.len();
        commands.into_iter().for_each(|(bucket, command)| read.push(bucket, command));
        lacking.videos.iter().for_each(|id| read.push(id.bucket(), video::command(*id)));
        lacking.users.iter().for_each(|id| read.push(id.bucket(), user::command(*id)));
        let (liked_ids, followed_ids) = (lacking.liked.iter().map(|id| id.0), lacking.followed.iter().map(|id| id.0));
        let viewer = self.viewer.and_then(|viewer| self.cards.user(viewer, &self.judge));
        let liked = Asked::of(liked_ids.len(), viewer.as_ref().map(|viewer| viewer.value.favorites));
        let followed = Asked::of(followed_ids.len(), viewer.as_ref().map(|viewer| viewer.value.follows));
        if let Some(viewer) = self.viewer {
            if !lacking.liked.is_empty() {
                read.push(viewer.bucket(), liked.command(keys::likes(viewer), liked_ids.clone()));
            }
            if !lacking.followed.is_empty() {
                read.push(viewer.bucket(), followed.command(keys::follows(viewer), followed_ids.clone()));
            }
        }
        let mut replies = read.send().await?;
        let rest = replies.split_off(asked);
        let (videos_told, rest) = rest.split_at(lacking.videos.len());
        let (users_told, flags) = rest.split_at(lacking.users.len());
        for ((id, stamp), told) in lacking.videos.iter().zip(of_videos).zip(videos_told) {
            let card = video::counted(*id, told)?.map(|video| Card::new(video, stamp));
            if let Some(card) = &card {
                know_author(*id, card.value.record.author);
                self.cards.keep_video(card.clone());
            }
            self.videos.insert(*id, card);
        }
        for ((id, stamp), told) in lacking.users.iter().zip(of_users).zip(users_told) {
            let card = user::record(*id, told)?.map(|user| Card::new(user, stamp));
            if let Some(card) = &card {
                self.cards.keep_user(card.clone());
            }
            self.users.insert(*id, card);
        }
        let (told_liked, told_followed) = flags.split_at(usize::from(self.viewer.is_some() && liked_ids.len() > 0));
        for told in told_liked {
            let flags = liked.flags(told, liked_ids.clone())?;
            self.liked.extend(lacking.liked.iter().copied().zip(flags));
        }
        for told in told_followed {
            let flags = followed.flags(told, followed_ids.clone())?;
            self.followed.extend(lacking.followed.iter().copied().zip(flags));
        }
        Ok(replies)
    }

    /// What no card tells; takes those that do.
    fn lacking(&mut self, videos: &[VideoId], users: &[UserId]) -> Lacking {
        let mut lacking = Lacking::default();
        let mut wanted = users.to_vec();
        for id in sorted(videos.to_vec()) {
            if !self.videos.contains_key(&id) {
                match self.cards.video(id, &self.judge) {
                    Some(card) => _ = self.videos.insert(id, Some(card)),
                    None => lacking.videos.push(id),
                }
            }
            match self.videos.get(&id) {
                Some(seen) => wanted.extend(seen.as_ref().map(|card| card.value.record.author)),
                None => wanted.extend(known_author(id)),
            }
            if self.viewer.is_some() && !self.liked.contains_key(&id) {
                lacking.liked.push(id);
            }
        }
        for id in sorted(wanted) {
            if !self.users.contains_key(&id) {
                match self.cards.user(id, &self.judge) {
                    Some(card) => _ = self.users.insert(id, Some(card)),
                    None => lacking.users.push(id),
                }
            }
            if self.viewer.is_some() && !self.followed.contains_key(&id) {
                lacking.followed.push(id);
            }
        }
        // How large his sets are decides how the next long list is asked about them.
        if let Some(viewer) =
            self.viewer.filter(|_| lacking.liked.len().max(lacking.followed.len()) >= membership::MANY)
            && self.cards.user(viewer, &self.judge).is_none()
            && !self.users.contains_key(&viewer)
        {
            lacking.users.push(viewer);
        }
        lacking
    }

    /// When the request began.
    pub fn begun(&self) -> Instant {
        self.judge.begun()
    }

    pub fn judge(&self) -> &Judge<'a> {
        &self.judge
    }

    /// Of what is asked for after this.
    pub fn stamp(&self, id: u64) -> Stamp {
        self.cards.marks.stamp(id, &self.run.admission)
    }

    /// What was seen of a video; `None` where it is not visible.
    pub fn video(&self, id: VideoId) -> Result<Option<SeenVideo<'_>>> {
        let Some(Some(card)) = self.videos.get(&id) else { return Ok(None) };
        let video = &card.value;
        let author = self.user(video.record.author);
        let author = author.ok_or_else(|| Error::internal(format!("video {id} has no author")))?;
        let is_liked = self.liked.get(&id).copied().unwrap_or(false);
        Ok(Some(SeenVideo { video, author, is_liked }))
    }

    /// What was seen of a user; `None` where there is none.
    pub fn user(&self, id: UserId) -> Option<SeenUser<'_>> {
        let user = &self.users.get(&id)?.as_ref()?.value;
        Some(SeenUser { user, is_followed: self.followed.get(&id).copied().unwrap_or(false) })
    }

    pub fn video_card(&self, id: VideoId) -> Option<&Arc<VideoCard>> {
        self.videos.get(&id)?.as_ref()
    }

    pub fn user_card(&self, id: UserId) -> Option<&Arc<UserCard>> {
        self.users.get(&id)?.as_ref()
    }
}

/// Each once.
fn sorted<T: Ord>(mut ids: Vec<T>) -> Vec<T> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
