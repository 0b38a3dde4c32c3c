//! The Lua scripts, and the loader that keeps Redis knowing them.
//!
//! Redis forgets scripts when it restarts. A call that meets that (`NOSCRIPT`: nothing ran) loads all of them again,
//! once however many calls meet it together, and is made again.

use std::sync::OnceLock;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::client::{Client, Command};
use super::fault::Fault;
use super::order::ORDER_LONG;
use super::reply::Reply;

const HEAD: &str = include_str!("../../lua/lib/head.lua");
const SUBSETS: &str = include_str!("../../lua/lib/subsets.lua");
const ORDERS: &str = include_str!("../../lua/lib/orders.lua");

pub struct Script {
    /// The file `lua/<name>.lua`, whose first comment is the contract.
    pub name: &'static str,
    body: &'static str,
    /// What the head must say for the script to run; `None` runs without `lib/head.lua`.
    pub expects: Option<&'static str>,
    when_full: WhenFull,
    /// What is put in front of it beside `lib/head.lua`.
    libraries: &'static [&'static str],
    /// As Redis named it.
    sha1: OnceLock<Bytes>,
}

/// What a Redis that is out of memory does with a script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenFull {
    /// Refuses it before it starts.
    Refuses,
    /// Runs it: it frees memory, or completes what was decided while there was some.
    Runs,
}

macro_rules! scripts {
    ($($constant:ident = $name:literal, $expects:expr, $when_full:ident $(, $library:ident)*;)*) => {
        $(pub static $constant: Script = Script {
            name: $name,
            body: include_str!(concat!("../../lua/", $name, ".lua")),
            expects: $expects,
            when_full: WhenFull::$when_full,
            libraries: &[$($library),*],
            sha1: OnceLock::new(),
        };)*

        pub static ALL: &[&Script] = &[$(&$constant),*];
    };
}

scripts! {
    ID_MINT = "id_mint", Some("open"), Refuses;
    USER_SHOW = "user_show", Some("open"), Refuses;
    VIDEO_SHOW = "video_show", Some("open"), Refuses;
    VIDEO_COVER = "video_cover", Some("open"), Refuses;
    FEED_INSERT = "feed_insert", Some("open"), Runs;
    FAVORITE_SET = "favorite_set", Some("open"), Refuses, SUBSETS;
    FAVORITE_READ = "favorite_read", Some("open"), Runs, SUBSETS;
    FAVORITE_MIRROR = "favorite_mirror", Some("open"), Runs, ORDERS;
    FOLLOW_SET = "follow_set", Some("open"), Refuses, SUBSETS, ORDERS;
    FOLLOW_READ = "follow_read", Some("open"), Runs, SUBSETS, ORDERS;
    FOLLOW_MIRROR = "follow_mirror", Some("open"), Runs, SUBSETS, ORDERS;
    COMMENT_ADD = "comment_add", Some("open"), Refuses;
    COMMENT_DELETE = "comment_delete", Some("open"), Refuses;
    MESSAGE_SEND = "message_send", Some("open"), Refuses;
    MIRROR_CONFIRM = "mirror_confirm", Some("open"), Runs;
    MIRROR_FORGET = "mirror_forget", Some("open"), Runs;
    ORDER_TRIM = "order_trim", Some("open"), Runs, SUBSETS;
    OUTBOX_TRIM = "outbox_trim", Some("open"), Runs;
    BUCKET_CLOSE = "bucket_close", None, Runs;
    BUCKET_CLEAR = "bucket_clear", Some("closed"), Runs;
    COUNTS_CLEAR = "counts_clear", Some("closed"), Runs;
    MIRROR_RAISE = "mirror_raise", Some("open"), Runs;
    BUCKET_OPEN = "bucket_open", Some("closed"), Runs;
    USERS_LOAD = "users_load", Some("closed"), Refuses;
    VIDEOS_LOAD = "videos_load", Some("closed"), Refuses;
    FEED_LOAD = "feed_load", Some("closed"), Refuses;
    FAVORITES_LOAD = "favorites_load", Some("closed"), Refuses, SUBSETS;
    FAVORITE_MIRRORS_LOAD = "favorite_mirrors_load", Some("closed"), Refuses;
    FOLLOWS_LOAD = "follows_load", Some("closed"), Refuses, SUBSETS, ORDERS;
    COMMENTS_LOAD = "comments_load", Some("closed"), Refuses;
    MESSAGES_LOAD = "messages_load", Some("closed"), Refuses;
}

impl Script {
    /// What Redis gets. The first line makes Redis refuse before the start (out of memory, read-only) and, on a
    /// cluster, refuse to leave the slot.
    pub fn source(&self) -> String {
        let first = match self.when_full {
            WhenFull::Refuses => "#!lua",
            WhenFull::Runs => "#!lua flags=allow-oom",
        };
        match self.expects {
            Some(state) => format!(
                "{first}\nlocal expected_state, order_long = '{state}', {ORDER_LONG}\n{HEAD}\n{}\n{}",
                self.libraries.join("\n"),
                self.body
            ),
            None => format!("{first}\n{}", self.body),
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
pub async fn load_all(client: &Client) -> Result<(), Fault> {
    let commands = ALL.iter().map(|script| Command::new("SCRIPT").arg("LOAD").arg(script.source())).collect();
    for (script, answer) in ALL.iter().zip(client.pipeline(commands).await) {
        let sha1 = answer?;
        let nameless = || Fault::Refused(format!("lua/{}.lua was not loaded", script.name));
        let sha1 = sha1.bytes().ok_or_else(nameless)?;
        // The hash of the same text is the same on every Redis: it is set once.
        script.sha1.get_or_init(|| sha1.clone());
    }
    Ok(())
}

/// How often the scripts may be gone again before a call gives up.
const RELOADS_MAX: usize = 5;

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
    ) -> Result<Reply, Fault> {
        for _ in 0..RELOADS_MAX {
            match client.call(script.command(keys, arguments)).await {
                Err(Fault::NoScript) => self.reload(client).await?,
                answer => return answer,
            }
        }
        Err(Fault::NoScript)
    }

    /// Loads once for all calls that found the scripts missing: whoever waited for a load does not load again.
    async fn reload(&self, client: &Client) -> Result<(), Fault> {
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
