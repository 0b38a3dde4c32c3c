//! What one request sees of users and videos: from the cards that are kept, and for what these lack in as few trips as
//! can be, the viewer's own flags in the same trips.

use std::sync::Arc;
use std::time::Instant;

use super::cards::{Basis, Cards, UserCard, VideoText};
use super::client::Command;
use super::listed::{Entries, ListPage};
use super::marks::{Judge, Stamp};
use super::membership::{placed_flags, placed_members};
use super::reply::Reply;
use super::run::{Read, Run};
use super::seen::{FoundVideo, Seen, SeenUser, SeenVideo, Shape, sorted};
use super::timeline::{List, Owner};
use super::user;
use super::video;
use super::viewer::ViewerSets;
use crate::error::{Code, Error, Result};
use crate::id::{Bucket, UserId, VideoId};
use crate::model::Order;

pub struct Sight<'a> {
    cards: &'a Cards,
    run: &'a Arc<Run>,
    viewer: Option<UserId>,
    judge: Judge<'a>,
    /// `None`: not visible.
    videos: Seen<VideoId, Option<FoundVideo>>,
    /// `None`: there is no such user.
    users: Seen<UserId, Option<Arc<UserCard>>>,
    /// What tells the flags; where it is not there, those that were asked for do.
    sets: Option<Arc<ViewerSets>>,
    liked: Seen<VideoId, bool>,
    followed: Seen<UserId, bool>,
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
        let (videos, users) = (Seen::new(), Seen::new());
        let (liked, followed) = (Seen::new(), Seen::new());
        Sight { cards, run, viewer, judge, videos, users, sets, liked, followed }
    }

    /// A page of a list that Redis has whole: no trip while what is kept of it is true, else one, which also asks for what
    /// is lacking of whom the page named before. 100006 or 100007 for an unknown owner.
    pub async fn list(&mut self, list: &List) -> Result<Entries> {
        if let Some(kept) = self.kept(list) {
            return Ok(kept);
        }
        let stamp = self.stamp_of(list);
        let (told, _) = self.ask_list::<Entries>(list, Vec::new()).await?;
        Ok(self.keep(list, Entries::new(stamp, &list.entries(&told)?)))
    }

    /// What is kept of a page, while it is true: until its owner changes.
    pub fn kept<P: ListPage>(&self, list: &List) -> Option<P> {
        P::cache(self.cards).get(list).filter(|page| self.judge.is_good(list.timeline.owner().id(), page.stamp()))
    }

    /// Keeps a page, which it gives back.
    pub fn keep<P: ListPage>(&self, list: &List, page: P) -> P {
        P::cache(self.cards).insert(*list, page.clone());
        page
    }

    /// Of a page that is asked for after this.
    pub fn stamp_of(&self, list: &List) -> Stamp {
        self.stamp(list.timeline.owner().id())
    }

    /// The entries of a list, in one trip, along with what is lacking of whom the page named before, and with the answers
    /// to more questions of the list's bucket, which are asked after it.
    pub(super) async fn ask_list<P: ListPage>(
        &mut self,
        list: &List,
        more: Vec<Command>,
    ) -> Result<(Reply, Vec<Reply>)> {
        let before = P::cache(self.cards).get(list);
        let named = before.iter().flat_map(P::named);
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
            Owner::User(id) => self.cards.keep_user(UserCard::new(user::record(id, told)?.ok_or(Code::NoUser)?, stamp)),
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
        if let Some(viewer) = viewer {
            let mut ask = |commands: [Command; 2]| commands.into_iter().for_each(|one| read.push(viewer.bucket(), one));
            let (liked, followed) = (Order::Liked(viewer), Order::Followed(viewer));
            if whole.is_some() {
                [liked, followed].into_iter().for_each(|order| ask(order.asks_all_members()));
            } else {
                if !lacking.liked.is_empty() {
                    ask(liked.asks_members(lacking.liked.iter().map(|id| id.0)));
                }
                if !lacking.followed.is_empty() {
                    ask(followed.asks_members(lacking.followed.iter().map(|id| id.0)));
                }
            }
        }
        let mut replies = read.send().await?;
        let rest = replies.split_off(asked);
        let (videos_told, rest) = rest.split_at(lacking.videos.len());
        let (users_told, flags) = rest.split_at(lacking.users.len());
        for ((id, stamp), told) in lacking.videos.iter().zip(of_videos).zip(videos_told) {
            let video = video::counted(*id, told)?.map(|video| FoundVideo::Told(video, stamp));
            if let Some(video) = &video {
                self.cards.know_author(*id, video.author());
            }
            self.videos.insert(*id, video);
        }
        for ((id, stamp), told) in lacking.users.iter().zip(of_users).zip(users_told) {
            let card = user::record(*id, told)?.map(|user| UserCard::new(user, stamp));
            if let Some(card) = &card {
                self.cards.keep_user(card.clone());
            }
            self.users.insert(*id, card);
        }
        match (flags, whole) {
            ([liked, liked_older, followed, followed_older], Some((viewer, stamp))) => {
                let (likes, follows) = (placed_members(liked, liked_older)?, placed_members(followed, followed_older)?);
                self.sets = Some(self.cards.keep_viewer(viewer, ViewerSets::new(likes, follows, stamp)));
            }
            (flags, _) => self.note_flags(&lacking, flags)?,
        }
        Ok(replies)
    }

    /// From the answers to what was asked of the viewer.
    fn note_flags(&mut self, lacking: &Lacking, mut told: &[Reply]) -> Result<()> {
        if let ([places, older, rest @ ..], false) = (told, lacking.liked.is_empty()) {
            let flags = lacking.liked.iter().zip(placed_flags(places, older)?);
            flags.for_each(|(id, flag)| self.liked.insert(*id, flag));
            told = rest;
        }
        if let [places, older] = told {
            let flags = lacking.followed.iter().zip(placed_flags(places, older)?);
            flags.for_each(|(id, flag)| self.followed.insert(*id, flag));
        }
        Ok(())
    }

    /// What no card tells; takes those that do.
    fn lacking(&mut self, videos: &[VideoId], users: &[UserId]) -> Lacking {
        let mut lacking = Lacking::default();
        let (videos, mut wanted) = (sorted(videos.to_vec()), users.to_vec());
        let mut shown = Vec::new();
        for id in videos.iter().copied() {
            if self.videos.get(id).is_none() {
                match self.cards.video(id, &self.judge) {
                    Some(card) => self.videos.insert(id, Some(FoundVideo::kept(card, &self.judge))),
                    None => lacking.videos.push(id),
                }
            }
            match self.videos.get(id) {
                Some(Some(video)) if video.lacks_author() => wanted.push(video.author()),
                Some(Some(video)) => shown.push(video.author()),
                Some(None) => {}
                None => wanted.extend(self.cards.known_author(id)),
            }
        }
        if self.lacks_flags() {
            shown.extend(&wanted);
            self.lack_flags(&mut lacking, &videos, &sorted(shown));
        }
        if lacking.asks_flags() {
            // How large his sets are decides how they are asked the next time.
            wanted.extend(self.viewer.filter(|viewer| !self.cards.knows_user(*viewer)));
        }
        for id in sorted(wanted) {
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
        lacking.liked.extend(videos.iter().copied().filter(|id| self.liked.get(*id).is_none()));
        lacking.followed.extend(users.iter().copied().filter(|id| self.followed.get(*id).is_none()));
    }

    /// Whether flags have to be asked for.
    fn lacks_flags(&self) -> bool {
        self.viewer.is_some() && self.sets.is_none()
    }

    /// Sees nothing of these but the viewer's flags.
    pub async fn see_flags(&mut self, videos: impl Iterator<Item = Basis>) -> Result<()> {
        if !self.lacks_flags() {
            return Ok(());
        }
        let (videos, users): (Vec<VideoId>, Vec<UserId>) = videos.map(|video| (video.id, video.author)).unzip();
        let mut lacking = Lacking::default();
        self.lack_flags(&mut lacking, &videos, &sorted(users));
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

    /// In which a bucket is seen: what it answers in any other is not believed.
    pub fn epoch(&self, bucket: Bucket) -> u64 {
        self.run.admission.epoch(bucket)
    }

    /// Of what is asked for after this.
    pub fn stamp(&self, id: u64) -> Stamp {
        self.cards.marks.stamp(id, &self.run.admission)
    }

    /// What was seen of a video; `None` where it is not visible.
    pub fn video(&self, id: VideoId) -> Result<Option<SeenVideo<'_>>> {
        let Some(Some(video)) = self.videos.get(id) else { return Ok(None) };
        let (is_liked, is_followed) = (self.likes(id), self.follows(video.author()));
        let (shape, basis) = match video {
            FoundVideo::Kept { card, shows_author: true } => (Shape::Written(card.text()), *card.basis()),
            FoundVideo::Kept { card, .. } => {
                let author = self.author(video)?;
                let basis = Basis { author_stamp: author.stamp, ..*card.basis() };
                (Shape::Author(card.text(), author), basis)
            }
            FoundVideo::Told(told, stamp) => {
                let author = self.author(video)?;
                let basis = Basis { id, author: video.author(), stamp: *stamp, author_stamp: author.stamp };
                (Shape::Told(told, author), basis)
            }
        };
        Ok(Some(SeenVideo { shape, basis, is_liked, is_followed }))
    }

    fn author(&self, video: &FoundVideo) -> Result<&UserCard> {
        let author = self.users.get(video.author()).and_then(Option::as_deref);
        author.ok_or_else(|| Error::internal(format!("no user {} made a video", video.author())))
    }

    /// Keeps the text of a video, made of what was seen of it.
    pub fn keep_text(&self, seen: &SeenVideo<'_>, text: &VideoText<'_>) {
        self.cards.keep_video(text, seen.basis);
    }

    /// What was seen of a user; `None` where there is none.
    pub fn user(&self, id: UserId) -> Option<SeenUser<'_>> {
        let card = self.users.get(id)?.as_deref()?;
        Some(SeenUser { card, is_followed: self.follows(id) })
    }
}
