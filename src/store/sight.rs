//! What one request sees of users and videos: from the cards that are kept, and for what these lack in as few trips as
//! can be, the viewer's own flags in the same trips.

use std::sync::Arc;
use std::time::Instant;

use super::cards::{Card, Cards, UserCard, VideoCard};
use super::client::Command;
use super::keys;
use super::listed::Listed;
use super::marks::{Judge, Stamp};
use super::membership;
use super::reply::Reply;
use super::run::{Read, Run};
use super::timeline::{List, Owner};
use super::user::{self, UserRecord};
use super::video::{self, CountedVideo};
use super::viewer::ViewerSets;
use crate::error::{Code, Error, Result};
use crate::id::{Bucket, UserId, VideoId};

pub struct Sight<'a> {
    cards: &'a Cards,
    run: &'a Arc<Run>,
    viewer: Option<UserId>,
    judge: Judge<'a>,
    /// `None`: not visible.
    videos: Seen<VideoId, Option<Arc<VideoCard>>>,
    /// `None`: there is no such user.
    users: Seen<UserId, Option<Arc<UserCard>>>,
    /// What tells the flags; where it is not there, those that were asked for do.
    sets: Option<Arc<ViewerSets>>,
    liked: Seen<VideoId, bool>,
    followed: Seen<UserId, bool>,
}

/// A map of some dozens: sorted, in one piece.
struct Seen<K, V>(Vec<(K, V)>);

impl<K: Ord + Copy, V> Seen<K, V> {
    fn get(&self, key: K) -> Option<&V> {
        self.0.binary_search_by_key(&key, |(known, _)| *known).ok().map(|place| &self.0[place].1)
    }

    fn insert(&mut self, key: K, value: V) {
        match self.0.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (key, value)),
        }
    }
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
        self.videos.is_empty() && self.users.is_empty() && !self.asks_flags()
    }

    fn asks_flags(&self) -> bool {
        !self.liked.is_empty() || !self.followed.is_empty()
    }
}

impl<'a> Sight<'a> {
    /// For a request that began just now. Signed out all flags are false.
    pub fn begin(cards: &'a Cards, run: &'a Arc<Run>, viewer: Option<UserId>) -> Sight<'a> {
        let judge = cards.marks.judge(Instant::now());
        let sets = viewer.and_then(|viewer| cards.viewer(viewer, &judge));
        let (videos, users) = (Seen(Vec::new()), Seen(Vec::new()));
        let (liked, followed) = (Seen(Vec::new()), Seen(Vec::new()));
        Sight { cards, run, viewer, judge, videos, users, sets, liked, followed }
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
            Owner::Video(id) => (self.cards.known_author(id).is_some(), video::author_command(id), self.stamp(id.0)),
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
            Owner::Video(id) => self.cards.know_author(id, UserId(told.number()?.ok_or(Code::NoVideo)?)),
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

    /// 100006 for an unknown user. No trip for one who is known: users never vanish.
    pub async fn expect_user(&mut self, id: UserId) -> Result<()> {
        if self.cards.knows_user(id) {
            return Ok(());
        }
        self.see(&[], &[id]).await?;
        self.user(id).map(drop).ok_or_else(|| Code::NoUser.into())
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
        let viewer = self.viewer.filter(|_| lacking.asks_flags());
        let whole =
            viewer.filter(|viewer| self.cards.wants_viewer(*viewer)).map(|viewer| (viewer, self.stamp(viewer.0)));
        match (viewer, whole) {
            (None, _) => {}
            (_, Some((viewer, _))) => {
                for set in [keys::likes(viewer), keys::follows(viewer)] {
                    read.push(viewer.bucket(), Command::new("SMEMBERS").arg(set));
                }
            }
            (Some(viewer), None) => {
                if !lacking.liked.is_empty() {
                    let ids = lacking.liked.iter().map(|id| id.0);
                    read.push(viewer.bucket(), membership::command(keys::likes(viewer), ids));
                }
                if !lacking.followed.is_empty() {
                    let ids = lacking.followed.iter().map(|id| id.0);
                    read.push(viewer.bucket(), membership::command(keys::follows(viewer), ids));
                }
            }
        }
        let mut replies = read.send().await?;
        let rest = replies.split_off(asked);
        let (videos_told, rest) = rest.split_at(lacking.videos.len());
        let (users_told, flags) = rest.split_at(lacking.users.len());
        for ((id, stamp), told) in lacking.videos.iter().zip(of_videos).zip(videos_told) {
            let card = video::counted(*id, told)?.map(|video| Card::new(video, stamp));
            if let Some(card) = &card {
                self.cards.know_author(*id, card.value.record.author);
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
        match (flags, whole) {
            ([likes, follows], Some((viewer, stamp))) => {
                self.sets = Some(self.cards.keep_viewer(viewer, ViewerSets::told(likes, follows, stamp)?));
            }
            (flags, _) => self.note_flags(&lacking, flags)?,
        }
        Ok(replies)
    }

    /// From the answers to what was asked of the viewer's sets.
    fn note_flags(&mut self, lacking: &Lacking, told: &[Reply]) -> Result<()> {
        let (liked, followed) = told.split_at(usize::from(!lacking.liked.is_empty()).min(told.len()));
        for told in liked {
            let flags = lacking.liked.iter().zip(membership::flags(told)?);
            flags.for_each(|(id, flag)| self.liked.insert(*id, flag));
        }
        for told in followed {
            let flags = lacking.followed.iter().zip(membership::flags(told)?);
            flags.for_each(|(id, flag)| self.followed.insert(*id, flag));
        }
        Ok(())
    }

    /// What no card tells; takes those that do.
    fn lacking(&mut self, videos: &[VideoId], users: &[UserId]) -> Lacking {
        let mut lacking = Lacking::default();
        let (videos, mut wanted) = (sorted(videos.to_vec()), users.to_vec());
        for id in videos.iter().copied() {
            if self.videos.get(id).is_none() {
                match self.cards.video(id, &self.judge) {
                    Some(card) => self.videos.insert(id, Some(card)),
                    None => lacking.videos.push(id),
                }
            }
            match self.videos.get(id) {
                Some(seen) => wanted.extend(seen.as_ref().map(|card| card.value.record.author)),
                None => wanted.extend(self.cards.known_author(id)),
            }
        }
        let wanted = sorted(wanted);
        self.lack_flags(&mut lacking, &videos, &wanted);
        if lacking.asks_flags() {
            // How large his sets are decides how they are asked the next time.
            let viewer = self.viewer.filter(|viewer| !self.cards.knows_user(*viewer));
            lacking.users.extend(viewer.filter(|viewer| wanted.binary_search(viewer).is_err()));
        }
        for id in wanted {
            if self.users.get(id).is_none() {
                match self.cards.user(id, &self.judge) {
                    Some(card) => self.users.insert(id, Some(card)),
                    None => lacking.users.push(id),
                }
            }
        }
        lacking
    }

    /// Those flags that nothing tells yet.
    fn lack_flags(&self, lacking: &mut Lacking, videos: &[VideoId], users: &[UserId]) {
        if self.viewer.is_some() && self.sets.is_none() {
            lacking.liked.extend(videos.iter().copied().filter(|id| self.liked.get(*id).is_none()));
            lacking.followed.extend(users.iter().copied().filter(|id| self.followed.get(*id).is_none()));
        }
    }

    /// Sees nothing of these but the viewer's flags.
    pub async fn see_flags(&mut self, videos: &[VideoId], users: &[UserId]) -> Result<()> {
        let mut lacking = Lacking::default();
        self.lack_flags(&mut lacking, videos, users);
        if !lacking.asks_flags() {
            return Ok(());
        }
        lacking.users.extend(self.viewer.filter(|viewer| !self.cards.knows_user(*viewer)));
        self.ask_for(Vec::new(), lacking).await.map(drop)
    }

    /// Whether the viewer likes a video whose flag was seen.
    pub fn likes(&self, id: VideoId) -> bool {
        match &self.sets {
            Some(sets) => sets.likes(id),
            None => self.liked.get(id).copied().unwrap_or(false),
        }
    }

    /// The same of following a user.
    pub fn follows(&self, id: UserId) -> bool {
        match &self.sets {
            Some(sets) => sets.follows(id),
            None => self.followed.get(id).copied().unwrap_or(false),
        }
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
        let Some(Some(card)) = self.videos.get(id) else { return Ok(None) };
        let video = &card.value;
        let author = self.user(video.record.author);
        let author = author.ok_or_else(|| Error::internal(format!("video {id} has no author")))?;
        Ok(Some(SeenVideo { video, author, is_liked: self.likes(id) }))
    }

    /// What was seen of a user; `None` where there is none.
    pub fn user(&self, id: UserId) -> Option<SeenUser<'_>> {
        let user = &self.users.get(id)?.as_ref()?.value;
        Some(SeenUser { user, is_followed: self.follows(id) })
    }

    pub fn video_card(&self, id: VideoId) -> Option<&Arc<VideoCard>> {
        self.videos.get(id)?.as_ref()
    }

    pub fn user_card(&self, id: UserId) -> Option<&Arc<UserCard>> {
        self.users.get(id)?.as_ref()
    }
}

/// Each once.
fn sorted<T: Ord>(mut ids: Vec<T>) -> Vec<T> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
