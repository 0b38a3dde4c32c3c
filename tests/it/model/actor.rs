//! One of the tasks that act.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use futures_util::future::join;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::TASKS;
use super::state::{Cast, Clock, Comment, Message, Moment, Share};
use crate::harness::{Account, Caller, Client, code, entries};

/// A well-formed id that nothing has.
const NOBODY: u64 = (1 << 53) - 1;

pub struct Actor {
    /// Chooses what it may change: see [`Actor::partner`].
    task: usize,
    caller: Caller,
    /// For what is sent twice at the same moment.
    twin: Caller,
    random: StdRng,
    share: Share,
    cast: Arc<Cast>,
    clock: Arc<Clock>,
    left: usize,
}

impl Actor {
    pub async fn new(
        client: &Client,
        task: usize,
        seed: u64,
        share: Share,
        cast: &Arc<Cast>,
        clock: &Arc<Clock>,
    ) -> Actor {
        let random = StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(task as u64));
        let (caller, twin) = (client.caller().await, client.caller().await);
        Actor { task, caller, twin, random, share, cast: cast.clone(), clock: clock.clone(), left: 0 }
    }

    /// Makes so many requests; gives back its share of the state.
    pub async fn act(mut self, operations: usize) -> Share {
        self.left = operations;
        while self.left > 0 {
            self.left -= 1;
            match self.random.random_range(0..100) {
                0..30 => self.like_or_unlike().await,
                30..55 => self.follow_or_unfollow().await,
                55..67 => self.comment().await,
                67..77 => self.delete_comment().await,
                77..86 => self.send().await,
                86..91 => self.poll().await,
                91..95 => self.look().await,
                _ => self.nonsense().await,
            }
        }
        self.share
    }

    fn anyone(&mut self) -> usize {
        self.random.random_range(0..self.cast.people.len())
    }

    /// The one of `count` that this task may pair with `one`: for each pair there is one task.
    fn partner(&mut self, one: usize, count: usize) -> usize {
        let offset = (self.task + TASKS - one % TASKS) % TASKS;
        offset + TASKS * self.random.random_range(0..count / TASKS)
    }

    fn account(&self, person: usize) -> Account {
        self.cast.people[person].account.clone()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    async fn like_or_unlike(&mut self) {
        let user = self.anyone();
        let video = self.partner(user, self.cast.videos.len());
        let (on, account, id) = (self.chance(55), self.account(user), self.cast.videos[video].id);
        let sent = self.clock.tick();
        if self.chance(10) {
            self.left = self.left.saturating_sub(1);
            let (one, two) = join(self.caller.favorite(&account, id, on), self.twin.favorite(&account, id, on)).await;
            assert_eq!((code(&one), code(&two)), (0, 0), "{one} {two}");
        } else {
            let answer = self.caller.favorite(&account, id, on).await;
            assert_eq!(code(&answer), 0, "{answer}");
        }
        let moment = Moment { sent, answered: self.clock.tick() };
        change(self.share.likes.entry((user, video)), on, moment);
    }

    async fn follow_or_unfollow(&mut self) {
        let follower = self.anyone();
        let followed = self.partner(follower, self.cast.people.len());
        let (on, account, id) = (self.chance(55), self.account(follower), self.account(followed).id);
        let sent = self.clock.tick();
        let answer = self.caller.follow(&account, id, on).await;
        if follower == followed {
            assert_eq!((code(&answer), &answer["status_msg"]), (100002, &"是否关注操作操作错误".into()));
            return;
        }
        assert_eq!(code(&answer), 0, "{answer}");
        let moment = Moment { sent, answered: self.clock.tick() };
        change(self.share.follows.entry((follower, followed)), on, moment);
        if self.chance(10) {
            self.left = self.left.saturating_sub(1);
            let again = self.caller.follow(&account, id, on).await;
            assert_eq!(code(&again), 0, "{again}");
        }
    }

    async fn comment(&mut self) {
        let (user, video) = (self.anyone(), self.random.random_range(0..self.cast.videos.len()));
        let text = format!("comment {} 好\n\"'", self.clock.tick());
        let sent = self.clock.tick();
        let answer = self.caller.comment(&self.account(user), self.cast.videos[video].id, &text).await;
        let made = Moment { sent, answered: self.clock.tick() };
        let comment = &answer["comment"];
        assert_eq!((code(&answer), &comment["content"]), (0, &text.as_str().into()), "{answer}");
        assert_eq!(comment["user"]["name"], self.cast.people[user].name.as_str());
        let id = comment["id"].as_u64().unwrap();
        self.share.comments.push(Comment { id, user, video, text, made });
    }

    /// By its author, by the author of the video, by a stranger, under another video; and again when it is gone.
    async fn delete_comment(&mut self) {
        if self.share.comments.is_empty() {
            return;
        }
        let place = self.random.random_range(0..self.share.comments.len());
        let comment = self.share.comments[place].clone();
        let video = &self.cast.videos[comment.video];
        let (id, video_author) = (video.id, video.author);
        let actor = match self.random.random_range(0..4) {
            0 => comment.user,
            1 => video_author,
            _ => self.anyone(),
        };
        let account = self.account(actor);
        let elsewhere = (comment.video + 1) % self.cast.videos.len();
        if self.chance(10) {
            let answer = self.caller.uncomment(&account, self.cast.videos[elsewhere].id, comment.id).await;
            assert_eq!((code(&answer), &answer["comment"]), (100008, &Value::Null), "{answer}");
            return;
        }
        let answer = self.caller.uncomment(&account, id, comment.id).await;
        if actor != comment.user && actor != video_author {
            assert_eq!((code(&answer), &answer["comment"]), (100009, &Value::Null), "{answer}");
            return;
        }
        assert_eq!((code(&answer), &answer["comment"]["content"]), (0, &comment.text.as_str().into()), "{answer}");
        self.share.comments.swap_remove(place);
        if self.chance(20) {
            self.left = self.left.saturating_sub(1);
            let again = self.caller.uncomment(&account, id, comment.id).await;
            assert_eq!(code(&again), 100008, "{again}");
        }
    }

    /// Mostly between friends, since few pairs are.
    async fn send(&mut self) {
        let one = self.anyone();
        let other = self.partner(one, self.cast.people.len());
        let (mut from, mut to) = (one, other);
        if self.chance(80)
            && let Some((friend, of)) = self.some_friends()
        {
            (from, to) = if self.chance(50) { (friend, of) } else { (of, friend) };
        }
        let text = format!("message {} 好", self.clock.tick());
        let answer = self.caller.send(&self.account(from), self.account(to).id, &text).await;
        let expected = match (from == to, self.share.are_friends(from, to)) {
            (true, _) => 100001,
            (false, true) => 0,
            (false, false) => 100010,
        };
        assert_eq!(code(&answer), expected, "{answer}");
        if expected == 0 {
            self.share.chats.entry((from.min(to), from.max(to))).or_default().push(Message { from, text });
        }
    }

    /// Any two friends whose pair is this task's.
    fn some_friends(&mut self) -> Option<(usize, usize)> {
        let from = (self.anyone(), 0);
        let follows = self.share.follows.range(from..).chain(self.share.follows.range(..from));
        follows.map(|(pair, _)| *pair).find(|(one, other)| self.share.are_friends(*one, *other))
    }

    /// What is new in a chat since the viewer asked last, from either side.
    async fn poll(&mut self) {
        let Some(pair) = self.some_chat() else { return };
        let (viewer, other) = if self.chance(50) { pair } else { (pair.1, pair.0) };
        let (seen, last_time) = self.share.read.get(&(viewer, other)).copied().unwrap_or_default();
        let answer = self.caller.chat(&self.account(viewer), self.account(other).id, Some(&last_time)).await;
        let found = entries(&answer, "message_list");
        let expected = &self.share.chats[&pair][seen..];
        let shown: Vec<(&str, u64)> = found
            .iter()
            .map(|message| (message["content"].as_str().unwrap(), message["from_user_id"].as_u64().unwrap()))
            .collect();
        let wanted: Vec<(&str, u64)> =
            expected.iter().map(|message| (message.text.as_str(), self.cast.people[message.from].account.id)).collect();
        assert_eq!(shown, wanted, "polled after {last_time}: {answer}");
        let last_time = found.last().map_or(last_time, |message| message["create_time"].as_u64().unwrap());
        self.share.read.insert((viewer, other), (seen + wanted.len(), last_time));
    }

    fn some_chat(&mut self) -> Option<(usize, usize)> {
        let from = (self.anyone(), 0);
        let mut chats = self.share.chats.range(from..).chain(self.share.chats.range(..from));
        chats.next().map(|(pair, _)| *pair)
    }

    /// Whatever the others do, nobody else changes whether these two follow each other.
    async fn look(&mut self) {
        let viewer = self.anyone();
        let other = self.partner(viewer, self.cast.people.len());
        let path = format!("/douyin/user/?user_id={}&token={}", self.account(other).id, self.account(viewer).token);
        let user = &self.caller.get(&path).await["user"];
        assert_eq!(user["is_follow"], self.share.follows.contains_key(&(viewer, other)), "{user}");
    }

    async fn nonsense(&mut self) {
        let actor = self.anyone();
        let account = self.account(actor);
        let (video, other) = (self.cast.videos[actor % self.cast.videos.len()].id, self.account((actor + 1) % 48).id);
        let token = &account.token;
        let forged = Account { token: format!("{token}x"), ..account.clone() };
        let caller = &mut self.caller;
        let (answer, expected) = match self.random.random_range(0..12) {
            0 => (caller.favorite(&account, NOBODY, true).await, 100007),
            1 => (caller.favorite(&account, NOBODY, false).await, 100007),
            2 => (caller.follow(&account, NOBODY, true).await, 100006),
            3 => (caller.comment(&account, NOBODY, "lost").await, 100007),
            4 => (caller.uncomment(&account, video, NOBODY).await, 100008),
            5 => (caller.send(&account, NOBODY, "lost").await, 100006),
            6 => (caller.favorite(&forged, video, true).await, 100003),
            7 => (caller.follow(&forged, other, true).await, 100003),
            8 => (caller.act(&account, "/douyin/favorite/action/", &[("video_id", &video)]).await, 100001),
            9 => (caller.act(&account, "/douyin/relation/action/", &[("to_user_id", &other)]).await, 100002),
            10 => (caller.comment(&account, video, "").await, 100001),
            _ => (caller.chat(&account, NOBODY, None).await, 100006),
        };
        assert_eq!(code(&answer), expected, "{answer}");
    }
}

/// A repeat that changes nothing leaves the moment of the first.
fn change(edge: Entry<(usize, usize), Moment>, on: bool, moment: Moment) {
    match (edge, on) {
        (Entry::Vacant(edge), true) => {
            edge.insert(moment);
        }
        (Entry::Occupied(edge), false) => {
            edge.remove();
        }
        _ => {}
    }
}
