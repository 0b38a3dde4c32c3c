//! What most tests do first: accounts, a clip, a published video.

use std::process::Command;
use std::sync::OnceLock;

use futures_util::future::join_all;

use super::client::{Client, Reply, form, multipart_form};
use super::multipart::Part;

#[derive(Debug, Clone)]
pub struct Account {
    pub id: u64,
    pub token: String,
}

pub const PASSWORD: &str = "12345";

/// A second of vertical video with sound, made once for all tests.
pub fn clip() -> &'static [u8] {
    static CLIP: OnceLock<Vec<u8>> = OnceLock::new();
    CLIP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=90x160:rate=10:duration=1"])
            .args(["-f", "lavfi", "-i", "sine=duration=1", "-pix_fmt", "yuv420p", "-movflags", "+faststart"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success(), "ffmpeg made no clip");
        std::fs::read(path).unwrap()
    })
}

/// The whole request of a registration.
pub fn registering(name: &str) -> Vec<u8> {
    form("/douyin/user/register/", &[("username", name), ("password", PASSWORD)])
}

pub fn publishing(account: &Account, title: &str, bytes: &[u8]) -> Vec<u8> {
    let parts = [
        Part::File { name: "data", file_name: "clip.mp4", bytes },
        Part::Field { name: "token", value: &account.token },
        Part::Field { name: "title", value: title },
    ];
    multipart_form("/douyin/publish/action/", &parts)
}

impl Client {
    /// Whether it serves everything.
    pub async fn is_ready(&self) -> bool {
        let reply = self.get("/readyz").await;
        reply.status == 200 && reply.json()["closed_buckets"] == 0
    }

    pub async fn register(&self, name: &str) -> Account {
        let reply = self.request(&registering(name)).await.json();
        assert_eq!(reply["status_code"], 0, "{reply}");
        Account { id: reply["user_id"].as_u64().unwrap(), token: reply["token"].as_str().unwrap().to_owned() }
    }

    /// Accounts `<prefix>0`, `<prefix>1`, … Several at once: hashing their passwords takes most of the time.
    pub async fn register_many(&self, prefix: &str, count: usize) -> Vec<Account> {
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}{number}")).collect();
        let mut accounts = Vec::with_capacity(count);
        for names in names.chunks(8) {
            accounts.extend(join_all(names.iter().map(|name| self.register(name))).await);
        }
        accounts
    }

    pub async fn try_publish(&self, account: &Account, title: &str, bytes: &[u8]) -> Reply {
        self.request(&publishing(account, title, bytes)).await
    }

    pub async fn publish(&self, account: &Account, title: &str) {
        let reply = self.try_publish(account, title, clip()).await.json();
        assert_eq!(reply["status_code"], 0, "{reply}");
    }

    /// Publishes, and gives the video's id.
    pub async fn publish_one(&self, account: &Account, title: &str) -> u64 {
        self.publish(account, title).await;
        let list = self.get_json(&format!("/douyin/publish/list/?limit=1&token={}", account.token)).await;
        list["video_list"][0]["id"].as_u64().unwrap()
    }

    /// An answer that has to be a success.
    pub async fn get_json(&self, path: &str) -> serde_json::Value {
        let reply = self.get(path).await;
        let json = reply.json();
        assert_eq!((reply.status, json["status_code"].as_u64()), (200, Some(0)), "{path}: {json}");
        json
    }
}
