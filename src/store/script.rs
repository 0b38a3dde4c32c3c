//! The Lua scripts, and the loader that keeps Redis knowing them.
//!
//! Redis forgets scripts when it restarts. A call that meets that (`NOSCRIPT`: nothing ran) loads all of them again,
//! once however many calls meet it together, and is made a second time.

use std::sync::OnceLock;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::client::{Client, Command, Fault};
use super::reply::Reply;
use crate::error::{Error, Result};

const HEAD: &str = include_str!("../../lua/lib/head.lua");

pub struct Script {
    /// The file `lua/<name>.lua`, whose first comment is the contract.
    pub name: &'static str,
    body: &'static str,
    /// What the head must say for the script to run; `None` runs without `lib/head.lua`.
    pub expects: Option<&'static str>,
    /// As Redis named it.
    sha1: OnceLock<Bytes>,
}

macro_rules! scripts {
    ($($constant:ident = $name:literal, $expects:expr;)*) => {
        $(pub static $constant: Script = Script {
            name: $name,
            body: include_str!(concat!("../../lua/", $name, ".lua")),
            expects: $expects,
            sha1: OnceLock::new(),
        };)*

        pub static ALL: &[&Script] = &[$(&$constant),*];
    };
}

scripts! {
    ID_MINT = "id_mint", Some("open");
    USER_SHOW = "user_show", Some("open");
    VIDEO_SHOW = "video_show", Some("open");
    VIDEO_COVER = "video_cover", Some("open");
    FEED_INSERT = "feed_insert", Some("open");
    FAVORITE_SET = "favorite_set", Some("open");
    FAVORITE_READ = "favorite_read", Some("open");
    FAVORITE_MIRROR = "favorite_mirror", Some("open");
    FOLLOW_SET = "follow_set", Some("open");
    FOLLOW_READ = "follow_read", Some("open");
    FOLLOW_MIRROR = "follow_mirror", Some("open");
    COMMENT_ADD = "comment_add", Some("open");
    COMMENT_DELETE = "comment_delete", Some("open");
    MESSAGE_SEND = "message_send", Some("open");
    MIRROR_CONFIRM = "mirror_confirm", Some("open");
    MIRROR_FORGET = "mirror_forget", Some("open");
    OUTBOX_TRIM = "outbox_trim", Some("open");
    BUCKET_CLOSE = "bucket_close", None;
    BUCKET_CLEAR = "bucket_clear", Some("closed");
    BUCKET_OPEN = "bucket_open", Some("closed");
    USERS_LOAD = "users_load", Some("closed");
    VIDEOS_LOAD = "videos_load", Some("closed");
    FEED_LOAD = "feed_load", Some("closed");
    FAVORITES_LOAD = "favorites_load", Some("closed");
    FAVORITE_MIRRORS_LOAD = "favorite_mirrors_load", Some("closed");
    FOLLOWS_LOAD = "follows_load", Some("closed");
    COMMENTS_LOAD = "comments_load", Some("closed");
    MESSAGES_LOAD = "messages_load", Some("closed");
}

impl Script {
    /// What Redis gets. The first line makes Redis refuse before the start (out of memory, read-only) and, on a
    /// cluster, refuse to leave the slot.
    pub fn source(&self) -> String {
        match self.expects {
            Some(state) => format!("#!lua\nlocal expected_state = '{state}'\n{HEAD}\n{}", self.body),
            None => format!("#!lua\n{}", self.body),
        }
    }

    /// Redis fixes this order: the hash, how many keys, keys, arguments.
    pub(super) fn command(&self, keys: &[String], arguments: &[Bytes]) -> Command {
        Command::new("EVALSHA")
            .arg(self.sha1.get().cloned().unwrap_or_default())
            .arg(keys.len().to_string())
            .args(keys.iter().map(|key| Bytes::from(key.clone())))
            .args(arguments.iter().cloned())
    }
}

/// Makes Redis know all scripts.
pub async fn load_all(client: &Client) -> Result<()> {
    let commands = ALL.iter().map(|script| Command::new("SCRIPT").arg("LOAD").arg(script.source())).collect();
    for (script, answer) in ALL.iter().zip(client.pipeline(commands).await) {
        let sha1 = answer?;
        let sha1 = sha1.bytes().ok_or_else(|| Error::internal(format!("lua/{}.lua was not loaded", script.name)))?;
        // The hash of the same text is the same on every Redis: it is set once.
        script.sha1.get_or_init(|| sha1.clone());
    }
    Ok(())
}

/// Runs scripts on one connection.
#[derive(Default)]
pub struct Loader {
    loading: Mutex<()>,
}

impl Loader {
    pub async fn call(
        &self,
        client: &Client,
        script: &Script,
        keys: &[String],
        arguments: &[Bytes],
    ) -> Result<Reply, Error> {
        match client.call(script.command(keys, arguments)).await {
            Err(Fault::NoScript) => {
                self.reload(client).await?;
                client.call(script.command(keys, arguments)).await.map_err(Error::from)
            }
            answer => answer.map_err(Error::from),
        }
    }

    /// Loads once for all calls that found the scripts missing: whoever waited for a load does not load again.
    async fn reload(&self, client: &Client) -> Result<()> {
        if let Ok(_loading) = self.loading.try_lock() {
            return load_all(client).await;
        }
        drop(self.loading.lock().await);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lua_file_is_a_script() {
        let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/lua"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".lua").map(str::to_owned))
            .collect();
        let mut known: Vec<&str> = ALL.iter().map(|script| script.name).collect();
        files.sort();
        known.sort();
        assert_eq!(files, known);
    }

    #[test]
    fn every_script_begins_with_its_contract() {
        for script in ALL {
            for word in ["-- KEYS  1 head", "-- ARGV  1 ", "-- Reply {'OK'", "-- Example  "] {
                assert!(script.body.contains(word), "lua/{}.lua has no line `{word}`", script.name);
            }
            assert!(script.body.lines().count() <= 60, "lua/{}.lua is long", script.name);
        }
    }
}
