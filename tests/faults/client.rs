//! One client: a user of his own, who does one thing after another and remembers what became of it.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use crate::harness::{Account, Shown, clip, head, publishing, query, registering};
use crate::ledger::{Key, Ledger, Outcome};
use crate::load::Shared;
use crate::wire::{Answer, Wire};

/// Fifty clients then make some thousand requests a second.
const PACE: Duration = Duration::from_millis(40);
/// Uploads and registrations cost far more than the rest: only a few clients make any.
const PUBLISHERS: usize = 6;

pub const UNAVAILABLE: u64 = 100_014;
const TOO_MANY: u64 = 100_013;
const NO_COMMENT: u64 = 100_008;

pub struct Client {
    pub place: usize,
    pub me: Account,
    pub shared: Arc<Shared>,
    pub random: StdRng,
    wire: Wire,
    calls: u64,
    /// Its own comments that it knows the ids of: video, number, id.
    comments: Vec<(u64, u64, u64)>,
}

impl Client {
    pub fn new(place: usize, shared: Arc<Shared>, random: StdRng) -> Client {
        let me = shared.cast.people[place].clone();
        Client { place, me, shared, random, wire: Wire::default(), calls: 0, comments: Vec::new() }
    }

    pub async fn act(mut self) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.shared.stop.load(Ordering::Relaxed) {
            pace.tick().await;
            if self.shared.rest.load(Ordering::Relaxed) {
                self.wire = Wire::default();
                continue;
            }
            let failed = match self.random.random_range(0..100) {
                0..25 => self.like_or_unlike().await,
                25..38 => self.follow_or_unfollow().await,
                38..50 => self.comment().await,
                50..56 => self.uncomment().await,
                56..68 => self.send().await,
                68..70 if self.place < PUBLISHERS => self.publish_or_register().await,
                _ => self.look().await,
            };
            if let Err(failure) = failed {
                self.shared.fail(format!("user {}: {failure}", self.me.id));
            }
        }
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().unwrap()
    }

    /// The server that this client prefers, or another one while that is gone.
    fn server(&self) -> SocketAddr {
        let servers = self.shared.servers.lock().unwrap();
        servers[self.place % servers.len()]
    }

    /// `status_code` and the answer; `None`: nobody knows. Answers that no fault excuses are errors.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Option<(u64, Value)>, String> {
        let server = self.server();
        let first_line = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        match self.wire.ask(server, request).await {
            Answer::NoServer | Answer::Lost => Ok(None),
            Answer::Hung => Err(format!("no answer: {first_line}")),
            Answer::Came(status, json) => {
                let code = json["status_code"].as_u64().unwrap_or(u64::MAX);
                match (status, code) {
                    (503, UNAVAILABLE) => Ok(None),
                    (200, _) | (429, TOO_MANY) => Ok(Some((code, json))),
                    _ => Err(format!("{status} {json}: {first_line}")),
                }
            }
        }
    }

    pub async fn get(&mut self, path: &str, params: &[(&str, Shown<'_>)]) -> Result<Option<Value>, String> {
        let path = query(&self.me, path, params);
        match self.ask(head("GET", &path, &[]).as_bytes()).await? {
            None => Ok(None),
            Some((0, json)) => Ok(Some(json)),
            Some((_, json)) => Err(format!("{json}: {path}")),
        }
    }

    /// Tries a change. `excused`: a refusal that says it is so already.
    async fn change(
        &mut self,
        key: Key,
        wanted: bool,
        request: &[u8],
        excused: Option<u64>,
    ) -> Result<Option<Value>, String> {
        let attempt = self.ledger().begin(key, wanted);
        let answer = self.ask(request).await;
        let mut ledger = self.ledger();
        match answer {
            Ok(None) => ledger.settle(&attempt, Outcome::Unknown),
            Ok(Some((0, json))) => {
                ledger.settle(&attempt, Outcome::Done);
                return Ok(Some(json));
            }
            Ok(Some((TOO_MANY, _))) => ledger.settle(&attempt, Outcome::Refused),
            Ok(Some((code, json))) => {
                let may_be_so = attempt.may_have_been(wanted) || !ledger.is_undisturbed(&attempt);
                ledger.settle(&attempt, Outcome::Done);
                if excused != Some(code) || !may_be_so {
                    return Err(format!("{key:?} {wanted}: {json}"));
                }
            }
            Err(failure) => {
                ledger.settle(&attempt, Outcome::Unknown);
                return Err(failure);
            }
        }
        Ok(None)
    }

    async fn post(
        &mut self,
        key: Key,
        wanted: bool,
        path: &str,
        params: &[(&str, Shown<'_>)],
    ) -> Result<Option<Value>, String> {
        let request = head("POST", &query(&self.me, path, params), &[("Content-Length", "0")]);
        let excused = (!wanted && matches!(key, Key::Comment { .. })).then_some(NO_COMMENT);
        self.change(key, wanted, request.as_bytes(), excused).await
    }

    fn next_number(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    pub fn some_video(&mut self) -> (u64, usize) {
        let cast = self.shared.cast.clone();
        cast.videos[self.random.random_range(0..cast.videos.len())]
    }

    pub fn someone_else(&mut self) -> usize {
        let people = self.shared.cast.people.len();
        (self.place + self.random.random_range(1..people)) % people
    }

    async fn like_or_unlike(&mut self) -> Result<(), String> {
        let (video, _) = self.some_video();
        let on = self.random.random_bool(0.6);
        let action: u8 = if on { 1 } else { 2 };
        let key = Key::Like { user: self.me.id, video };
        let params: [(&str, Shown<'_>); 2] = [("video_id", &video), ("action_type", &action)];
        self.post(key, on, "/douyin/favorite/action/", &params).await.map(drop)
    }

    async fn follow_or_unfollow(&mut self) -> Result<(), String> {
        let other = self.someone_else();
        let to = self.shared.cast.people[other].id;
        // Who stops following his partner could not write to him.
        let on = other == self.place ^ 1 || self.random.random_bool(0.6);
        let action: u8 = if on { 1 } else { 2 };
        let key = Key::Follow { from: self.me.id, to };
        let params: [(&str, Shown<'_>); 2] = [("to_user_id", &to), ("action_type", &action)];
        self.post(key, on, "/douyin/relation/action/", &params).await.map(drop)
    }

    async fn comment(&mut self) -> Result<(), String> {
        let (video, _) = self.some_video();
        let number = self.next_number();
        let key = Key::Comment { video, user: self.me.id, number };
        let params: [(&str, Shown<'_>); 3] = [("video_id", &video), ("action_type", &1), ("comment_text", &number)];
        if let Some(json) = self.post(key, true, "/douyin/comment/action/", &params).await? {
            let id = json["comment"]["id"].as_u64().ok_or_else(|| format!("no id: {json}"))?;
            self.comments.push((video, number, id));
        }
        Ok(())
    }

    async fn uncomment(&mut self) -> Result<(), String> {
        if self.comments.is_empty() {
            return Ok(());
        }
        let place = self.random.random_range(0..self.comments.len());
        let (video, number, id) = self.comments[place];
        let key = Key::Comment { video, user: self.me.id, number };
        let params: [(&str, Shown<'_>); 3] = [("video_id", &video), ("action_type", &2), ("comment_id", &id)];
        self.post(key, false, "/douyin/comment/action/", &params).await?;
        if !self.ledger().may_be(key) {
            self.comments.swap_remove(place);
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), String> {
        let to = self.shared.cast.partner(self.place).id;
        let number = self.next_number();
        let key = Key::Message { from: self.me.id, to, number };
        let params: [(&str, Shown<'_>); 3] = [("to_user_id", &to), ("action_type", &1), ("content", &number)];
        self.post(key, true, "/douyin/message/action/", &params).await.map(drop)
    }

    async fn publish_or_register(&mut self) -> Result<(), String> {
        // Above the numbers of what is planted.
        let number = 1_000 + self.next_number();
        if self.random.random_bool(0.5) {
            let key = Key::Video { author: self.me.id, number };
            let request = publishing(&self.me, &number.to_string(), clip());
            return self.change(key, true, &request, None).await.map(drop);
        }
        let number = number * 100 + self.place as u64;
        let key = Key::User { number };
        if let Some(json) = self.change(key, true, &registering(&format!("born {number}")), None).await? {
            let (id, token) = (json["user_id"].as_u64().unwrap(), json["token"].as_str().unwrap().to_owned());
            self.shared.born.lock().unwrap().push((number, Account { id, token }));
        }
        Ok(())
    }
}
