//! What a client looks at while it acts: a successful answer shows at least what had been acknowledged before it was
//! asked, and nothing that was taken back before.

use std::time::Duration;

use rand::Rng;
use serde_json::Value;

use crate::client::Client;
use crate::ledger::{Bounds, Certain, Key};

/// Within this a server shows what was done through another one.
pub const LAG_BETWEEN_SERVERS: Duration = Duration::from_millis(250);

pub fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

pub fn entries<'a>(answer: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    answer[list].as_array().unwrap_or_else(|| panic!("no {list}: {answer}")).iter()
}

pub fn likes_in(answer: &Value, user: u64) -> Vec<Key> {
    entries(answer, "video_list").map(|video| Key::Like { user, video: number(&video["id"]) }).collect()
}

pub fn works_in(answer: &Value, author: u64) -> Vec<Key> {
    entries(answer, "video_list").map(|video| Key::Video { author, number: number(&video["title"]) }).collect()
}

pub fn comments_in(answer: &Value, video: u64) -> Vec<Key> {
    let comment = |comment: &Value| Key::Comment {
        video,
        user: number(&comment["user"]["id"]),
        number: number(&comment["content"]),
    };
    entries(answer, "comment_list").map(comment).collect()
}

pub fn messages_in(answer: &Value) -> Vec<Key> {
    let message = |message: &Value| Key::Message {
        from: number(&message["from_user_id"]),
        to: number(&message["to_user_id"]),
        number: number(&message["content"]),
    };
    entries(answer, "message_list").map(message).collect()
}

pub fn is_like_of(video: u64) -> impl Fn(Key) -> bool {
    move |key| matches!(key, Key::Like { video: liked, .. } if liked == video)
}

pub fn is_comment_on(video: u64) -> impl Fn(Key) -> bool {
    move |key| matches!(key, Key::Comment { video: on, .. } if on == video)
}

pub fn is_like_by(user: u64) -> impl Fn(Key) -> bool {
    move |key| matches!(key, Key::Like { user: by, .. } if by == user)
}

pub fn is_follow_of(user: u64) -> impl Fn(Key) -> bool {
    move |key| matches!(key, Key::Follow { to, .. } if to == user)
}

pub fn is_follow_by(user: u64) -> impl Fn(Key) -> bool {
    move |key| matches!(key, Key::Follow { from, .. } if from == user)
}

pub fn is_work_of(user: u64) -> impl Fn(Key) -> bool {
    move |key| matches!(key, Key::Video { author, .. } if author == user)
}

pub fn is_between(one: u64, other: u64) -> impl Fn(Key) -> bool {
    move |key| matches!(key, Key::Message { from, to, .. } if (from, to) == (one, other) || (to, from) == (one, other))
}

/// Says where something was wrong.
pub fn at(place: &str, judged: Result<(), String>) -> Result<(), String> {
    judged.map_err(|wrong| format!("{place}: {wrong}"))
}

impl Client {
    pub async fn look(&mut self) -> Result<(), String> {
        match self.random.random_range(0..5) {
            0 => self.look_at_own_likes().await,
            1 => self.look_at_comments().await,
            2 => self.look_at_works().await,
            3 => self.look_at_user().await,
            _ => self.look_at_chat().await,
        }
    }

    fn certain(&self, of_kind: impl Fn(Key) -> bool) -> Certain {
        let alone = self.shared.servers.lock().unwrap().len() == 1;
        let lag = if alone { Duration::ZERO } else { LAG_BETWEEN_SERVERS };
        self.ledger().certain(lag, of_kind)
    }

    fn bounds(&self, certain: &Certain, of_kind: impl Fn(Key) -> bool) -> Bounds {
        self.ledger().bounds(certain, of_kind)
    }

    /// Nobody else changes these.
    async fn look_at_own_likes(&mut self) -> Result<(), String> {
        let me = self.me.id;
        let certain = self.certain(is_like_by(me));
        let Some(answer) = self.get("/douyin/favorite/list/", &[]).await? else { return Ok(()) };
        at("own likes", self.bounds(&certain, is_like_by(me)).judge_list(&likes_in(&answer, me)))
    }

    async fn look_at_comments(&mut self) -> Result<(), String> {
        let (video, _) = self.some_video();
        let certain = self.certain(is_comment_on(video));
        let Some(answer) = self.get("/douyin/comment/list/", &[("video_id", &video)]).await? else { return Ok(()) };
        at("comments", self.bounds(&certain, is_comment_on(video)).judge_list(&comments_in(&answer, video)))
    }

    async fn look_at_works(&mut self) -> Result<(), String> {
        let (video, author) = self.some_video();
        let author = self.shared.cast.people[author].id;
        let works = self.certain(is_work_of(author));
        let (likes, comments) = (self.certain(is_like_of(video)), self.certain(is_comment_on(video)));
        let mine = Key::Like { user: self.me.id, video };
        let Some(answer) = self.get("/douyin/publish/list/", &[("user_id", &author)]).await? else { return Ok(()) };
        at("works", self.bounds(&works, is_work_of(author)).judge_list(&works_in(&answer, author)))?;
        let shown = entries(&answer, "video_list").find(|shown| shown["id"] == video).unwrap();
        let likes = self.bounds(&likes, is_like_of(video));
        at("likes of a video", likes.judge_count(number(&shown["favorite_count"])))?;
        let comments = self.bounds(&comments, is_comment_on(video));
        at("comments of a video", comments.judge_count(number(&shown["comment_count"])))?;
        let liked = shown["is_favorite"] == true;
        if (liked && !likes.may.contains(&mine)) || (!liked && likes.must.contains(&mine)) {
            return Err(format!("is_favorite of {mine:?} is {liked}"));
        }
        Ok(())
    }

    async fn look_at_user(&mut self) -> Result<(), String> {
        let other = self.someone_else();
        let id = self.shared.cast.people[other].id;
        let (likes, follows, followers) =
            (self.certain(is_like_by(id)), self.certain(is_follow_by(id)), self.certain(is_follow_of(id)));
        let mine = Key::Follow { from: self.me.id, to: id };
        let Some(answer) = self.get("/douyin/user/", &[("user_id", &id)]).await? else { return Ok(()) };
        let user = &answer["user"];
        let followers = self.bounds(&followers, is_follow_of(id));
        at("favorite_count", self.bounds(&likes, is_like_by(id)).judge_count(number(&user["favorite_count"])))?;
        at("follow_count", self.bounds(&follows, is_follow_by(id)).judge_count(number(&user["follow_count"])))?;
        at("follower_count", followers.judge_count(number(&user["follower_count"])))?;
        let followed = user["is_follow"] == true;
        if (followed && !followers.may.contains(&mine)) || (!followed && followers.must.contains(&mine)) {
            return Err(format!("is_follow of {mine:?} is {followed}"));
        }
        Ok(())
    }

    async fn look_at_chat(&mut self) -> Result<(), String> {
        let (me, other) = (self.me.id, self.shared.cast.partner(self.place).id);
        let certain = self.certain(is_between(me, other));
        let Some(answer) = self.get("/douyin/message/chat/", &[("to_user_id", &other)]).await? else { return Ok(()) };
        at("chat", self.bounds(&certain, is_between(me, other)).judge_list(&messages_in(&answer)))
    }
}
