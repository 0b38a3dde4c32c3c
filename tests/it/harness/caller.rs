//! A client that asks much: one connection that stays open, and the words of the API.

use std::fmt::Display;

use serde_json::Value;

use super::api::Account;
use super::client::{Client, Connection, head};
use super::multipart::urlencoded;

/// The value of a parameter.
pub type Shown<'a> = &'a (dyn Display + Sync);

pub struct Caller {
    connection: Connection,
}

impl Client {
    pub async fn caller(&self) -> Caller {
        Caller { connection: self.connect().await }
    }
}

/// `status_code`
pub fn code(answer: &Value) -> u64 {
    answer["status_code"].as_u64().unwrap_or_else(|| panic!("no status_code: {answer}"))
}

/// The entries of a list.
pub fn entries<'a>(answer: &'a Value, list: &str) -> &'a [Value] {
    answer[list].as_array().unwrap_or_else(|| panic!("no {list}: {answer}"))
}

/// Their ids.
pub fn ids(answer: &Value, list: &str) -> Vec<u64> {
    entries(answer, list).iter().map(|entry| entry["id"].as_u64().unwrap()).collect()
}

impl Caller {
    /// Path and query as given.
    pub async fn get(&mut self, path: &str) -> Value {
        self.ask("GET", path).await
    }

    /// Path and query as given, no body.
    pub async fn post(&mut self, path: &str) -> Value {
        self.ask("POST", path).await
    }

    /// A list or a profile as `viewer` sees it.
    pub async fn see(&mut self, viewer: &Account, path: &str, params: &[(&str, Shown<'_>)]) -> Value {
        self.get(&query(viewer, path, params)).await
    }

    /// Something that `actor` does.
    pub async fn act(&mut self, actor: &Account, path: &str, params: &[(&str, Shown<'_>)]) -> Value {
        self.post(&query(actor, path, params)).await
    }

    pub async fn favorite(&mut self, actor: &Account, video: u64, on: bool) -> Value {
        let params: [(&str, Shown<'_>); 2] = [("video_id", &video), ("action_type", action_type(on))];
        self.act(actor, "/douyin/favorite/action/", &params).await
    }

    pub async fn follow(&mut self, actor: &Account, other: u64, on: bool) -> Value {
        let params: [(&str, Shown<'_>); 2] = [("to_user_id", &other), ("action_type", action_type(on))];
        self.act(actor, "/douyin/relation/action/", &params).await
    }

    pub async fn befriend(&mut self, one: &Account, other: &Account) {
        assert_eq!(code(&self.follow(one, other.id, true).await), 0);
        assert_eq!(code(&self.follow(other, one.id, true).await), 0);
    }

    pub async fn comment(&mut self, actor: &Account, video: u64, text: &str) -> Value {
        let params: [(&str, Shown<'_>); 3] = [("video_id", &video), ("action_type", &1), ("comment_text", &text)];
        self.act(actor, "/douyin/comment/action/", &params).await
    }

    pub async fn uncomment(&mut self, actor: &Account, video: u64, comment: u64) -> Value {
        let params: [(&str, Shown<'_>); 3] = [("video_id", &video), ("action_type", &2), ("comment_id", &comment)];
        self.act(actor, "/douyin/comment/action/", &params).await
    }

    pub async fn send(&mut self, actor: &Account, other: u64, text: &str) -> Value {
        let params: [(&str, Shown<'_>); 3] = [("to_user_id", &other), ("action_type", &1), ("content", &text)];
        self.act(actor, "/douyin/message/action/", &params).await
    }

    /// A chat without `pre_msg_time`, or with it.
    pub async fn chat(&mut self, viewer: &Account, other: u64, pre_msg_time: Option<Shown<'_>>) -> Value {
        let mut params: Vec<(&str, Shown<'_>)> = vec![("to_user_id", &other)];
        params.extend(pre_msg_time.map(|time| ("pre_msg_time", time)));
        self.see(viewer, "/douyin/message/chat/", &params).await
    }

    async fn ask(&mut self, method: &str, path: &str) -> Value {
        let length: &[(&str, &str)] = if method == "POST" { &[("Content-Length", "0")] } else { &[] };
        self.connection.send(head(method, path, length).as_bytes()).await;
        let reply = self.connection.reply().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }
}

fn action_type(on: bool) -> Shown<'static> {
    if on { &1 } else { &2 }
}

/// Path and query of a request by `account`.
pub fn query(account: &Account, path: &str, params: &[(&str, Shown<'_>)]) -> String {
    let texts: Vec<(&str, String)> = params.iter().map(|(name, value)| (*name, value.to_string())).collect();
    let mut fields = vec![("token", account.token.as_str())];
    fields.extend(texts.iter().map(|(name, value)| (*name, value.as_str())));
    format!("{path}?{}", urlencoded(&fields))
}
