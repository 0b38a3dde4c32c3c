//! Calls of every endpoint, with their parameters in any place.

use crate::harness::{Account, Client, Part, Reply, clip, multipart_body, urlencoded};

/// Where the parameters of a call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Query,
    Form,
    Multipart,
    Json,
}

#[derive(Debug, Clone)]
pub struct Call {
    pub method: &'static str,
    pub path: String,
    parameters: Vec<(&'static str, String)>,
    /// Whether the clip goes along as `data`.
    with_file: bool,
}

impl Call {
    pub fn new(method: &str, path: &str) -> Call {
        let method = if method == "GET" { "GET" } else { "POST" };
        Call { method, path: path.to_owned(), parameters: Vec::new(), with_file: false }
    }

    pub fn without(&self, parameter: &str) -> Call {
        let mut call = self.clone();
        call.parameters.retain(|(name, _)| *name != parameter);
        call.with_file &= parameter != "data";
        call
    }
}

/// A small world in which every list has something in it.
pub struct Scene {
    mia: Account,
    leo: Account,
    video: u64,
}

impl Scene {
    pub async fn set(client: &Client) -> Scene {
        let (mia, leo) = (client.register("mia").await, client.register("leo").await);
        client.publish(&mia, "你好").await;
        let feed = client.get_json("/douyin/feed/").await;
        Scene { video: feed["video_list"][0]["id"].as_u64().unwrap(), mia, leo }
    }

    /// Every endpoint at least once, each call a success. Places differ in the names that they register.
    pub fn calls(&self, place: Place) -> Vec<Call> {
        let call = |method: &'static str, path: &str, token: &str, parameters: &[(&'static str, &str)]| {
            let token = Some(("token", token)).filter(|(_, token)| !token.is_empty());
            let all = token.into_iter().chain(parameters.iter().copied());
            let parameters = all.map(|(name, value)| (name, value.to_owned())).collect();
            Call { method, path: path.to_owned(), parameters, with_file: path == "/douyin/publish/action/" }
        };
        let (mia, leo) = (self.mia.id.to_string(), self.leo.id.to_string());
        let (mia_token, leo_token) = (&self.mia.token, &self.leo.token);
        let (video, name) = (self.video.to_string(), format!("user of {place:?}"));
        let page = [("limit", "1"), ("cursor", "0")];
        let user_page = [("user_id", mia.as_str()), page[0], page[1]];
        vec![
            call("POST", "/douyin/user/register/", "", &[("username", &name), ("password", "12345")]),
            call("POST", "/douyin/user/login/", "", &[("username", &name), ("password", "12345")]),
            call("POST", "/douyin/publish/action/", mia_token, &[("title", "again")]),
            call("POST", "/douyin/favorite/action/", mia_token, &[("video_id", &video), ("action_type", "1")]),
            call(
                "POST",
                "/douyin/comment/action/",
                leo_token,
                &[("video_id", &video), ("action_type", "1"), ("comment_text", "好看"), ("comment_id", "-1")],
            ),
            call("POST", "/douyin/relation/action/", leo_token, &[("to_user_id", &mia), ("action_type", "1")]),
            call("POST", "/douyin/relation/action/", mia_token, &[("to_user_id", &leo), ("action_type", "1")]),
            call(
                "POST",
                "/douyin/message/action/",
                mia_token,
                &[("to_user_id", &leo), ("action_type", "1"), ("content", "在吗")],
            ),
            call("GET", "/douyin/user/", leo_token, &[("user_id", &mia)]),
            call("GET", "/douyin/feed/", leo_token, &[("latest_time", "0")]),
            call("GET", "/douyin/publish/list/", leo_token, &user_page),
            call("GET", "/douyin/favorite/list/", leo_token, &user_page),
            call("GET", "/douyin/comment/list/", leo_token, &[("video_id", &video), page[0], page[1]]),
            call("GET", "/douyin/relation/follow/list/", leo_token, &user_page),
            call("GET", "/douyin/relation/follower/list/", leo_token, &user_page),
            call("GET", "/douyin/relation/friend/list/", mia_token, &user_page),
            call("GET", "/douyin/message/chat/", leo_token, &[("to_user_id", &mia)]),
            call("GET", "/douyin/message/chat/", leo_token, &[("to_user_id", &mia), ("pre_msg_time", "0")]),
            call("GET", "/livez", "", &[]),
            call("GET", "/readyz", "", &[]),
        ]
    }
}

/// A file goes along as multipart wherever the other parameters are.
pub async fn send(client: &Client, call: &Call, place: Place) -> Reply {
    let pairs: Vec<(&str, &str)> = call.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut path = call.path.clone();
    let (kind, body) = match place {
        _ if call.with_file || place == Place::Multipart => {
            let mut parts = Vec::new();
            if call.with_file {
                parts.push(Part::File { name: "data", file_name: "clip.mp4", bytes: clip() });
            }
            if place == Place::Multipart {
                parts.extend(pairs.iter().map(|(name, value)| Part::Field { name, value }));
            } else {
                path += &format!("?{}", urlencoded(&pairs));
            }
            multipart_body(&parts)
        }
        Place::Form => ("application/x-www-form-urlencoded".to_owned(), urlencoded(&pairs).into_bytes()),
        Place::Json => {
            let object: serde_json::Map<_, _> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            ("application/json".to_owned(), serde_json::to_vec(&object).unwrap())
        }
        Place::Query | Place::Multipart => {
            if !pairs.is_empty() {
                path += &format!("?{}", urlencoded(&pairs));
            }
            return client.request(request(call.method, &path, None, b"").as_slice()).await;
        }
    };
    client.request(&request(call.method, &path, Some(&kind), &body)).await
}

fn request(method: &str, path: &str, kind: Option<&str>, body: &[u8]) -> Vec<u8> {
    let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: riffle.test\r\n{kind}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
