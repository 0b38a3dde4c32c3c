//! The stack of `docker-compose.yml` without Docker: two servers with the settings of the file, one Redis over TCP with
//! its command line and its one user, one Postgres over TCP, an object store, and a proxy in front.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::join_all;
use riffle::dev::Process;
use rustix::process::Signal;
use serde_json::Value;

use crate::compose::file::{compose_file, environment, interpolated, secrets};
use crate::harness::{
    Account, Client, ObjectStore, Policies, Server, World, ask_redis, clip, code, eventually, ids, post, publishing,
    query, run_command, temporary_folder,
};
use proxy::{Proxy, forward_to_socket};

mod proxy;

struct Topology {
    /// Of it only Postgres and the folder are used.
    world: World,
    redis: Redis,
    settings: BTreeMap<String, String>,
    folders: [tempfile::TempDir; 2],
    _store: ObjectStore,
}

/// The one of the compose file, on a free port.
struct Redis {
    process: Process,
    folder: tempfile::TempDir,
    words: Vec<String>,
    url: String,
}

impl Redis {
    async fn start(file: &Value, values: &BTreeMap<&str, String>) -> Redis {
        let folder = temporary_folder();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let words = file["services"]["redis"]["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
        let words = words.map(|word| interpolated(word, values, &mut |_| {}));
        let more = ["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir", folder.path().to_str().unwrap()];
        let words: Vec<String> = words.chain(more.map(str::to_owned)).collect();
        let url = format!("redis://riffle:{}@127.0.0.1:{port}/0", values["REDIS_PASSWORD"]);
        let redis = Redis { process: spawn(&words), folder, words, url };
        redis.ready().await;
        redis
    }

    async fn ready(&self) {
        eventually("Redis to listen", async || ask_redis(&self.url, "PING", &[]).await.ok()).await;
    }

    /// Killed and started again, with its file or without.
    async fn restart(&mut self, emptied: bool) {
        self.process.kill_and_wait();
        if emptied {
            std::fs::remove_dir_all(self.folder.path().join("appendonlydir")).unwrap();
        }
        self.process = spawn(&self.words);
        self.ready().await;
    }
}

fn spawn(words: &[String]) -> Process {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::spawn(command, Signal::KILL).unwrap()
}

impl Topology {
    async fn start() -> Topology {
        let (file, values) = (compose_file(), secrets());
        let world = World::start_with_media_folder().await;
        let postgres = forward_to_socket(&world.postgres_url).await;
        let store = ObjectStore::start(Policies::Obeyed);
        let redis = Redis::start(&file, &values).await;
        let mut settings = environment(&file["services"]["riffle-1"], &values);
        assert_eq!(settings, environment(&file["services"]["riffle-2"], &values));
        // Names of this place instead of those of the network of Compose; the media address would be that of MinIO.
        for (name, place) in [
            ("RIFFLE_REDIS_URL", redis.url.clone()),
            ("RIFFLE_POSTGRES_URL", postgres),
            ("RIFFLE_S3_ENDPOINT", store.endpoint.clone()),
            ("RIFFLE_S3_BUCKET", store.bucket.clone()),
            ("RIFFLE_S3_ACCESS_KEY", store.access_key.clone()),
            ("RIFFLE_S3_SECRET_KEY", store.secret_key.clone()),
            ("RIFFLE_MEDIA_URL", format!("{}/{}/media", store.endpoint, store.bucket)),
            ("RIFFLE_LISTEN", "127.0.0.1:0".to_owned()),
        ] {
            assert!(settings.insert(name.to_owned(), place).is_some(), "{name}");
        }
        settings.remove("RIFFLE_DATA_DIR");
        let folders = [temporary_folder(), temporary_folder()];
        Topology { world, redis, settings, folders, _store: store }
    }

    fn settings<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(String, &'a str)> {
        let given = self.settings.iter().map(|(name, value)| (name["RIFFLE_".len()..].to_lowercase(), value.as_str()));
        given.chain(more.iter().map(|(name, value)| ((*name).to_owned(), *value))).collect()
    }

    /// The first or the second, at a free address or at the given one.
    async fn server(&self, number: usize, listen: &str) -> Server {
        let settings = self.settings(&[("listen", listen)]);
        let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        Server::start_command(&["serve"], self.folders[number].path(), &settings).await
    }

    async fn command(&self, arguments: &[&str]) -> crate::harness::Finished {
        let settings = self.settings(&[]);
        let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        run_command(arguments, self.folders[0].path(), &settings).await
    }
}

async fn feed(client: Client) -> Value {
    client.get_json("/douyin/feed/").await
}

#[tokio::test]
async fn what_is_done_on_one_server_is_seen_on_the_other() {
    let topology = Topology::start().await;
    let (one, other) = (topology.server(0, "127.0.0.1:0").await, topology.server(1, "127.0.0.1:0").await);
    let mia = one.client().register("mia").await;
    // A token of one is a token of the other.
    let video = one.client().publish_one(&mia, "a film").await;
    eventually("the film to be in the other's feed", async || {
        ids(&feed(other.client()).await, "video_list").contains(&video).then_some(())
    })
    .await;
    let mut caller = other.client().caller().await;
    assert_eq!(code(&caller.favorite(&mia, video, true).await), 0);
    assert_eq!(code(&caller.comment(&mia, video, "fine").await), 0);
    for server in [&one, &other] {
        eventually("the like to be seen", async || {
            let feed = server.client().get_json(&format!("/douyin/feed/?token={}", mia.token)).await;
            let shown = &feed["video_list"][0];
            let is_seen = shown["favorite_count"] == 1 && shown["is_favorite"] == true && shown["comment_count"] == 1;
            is_seen.then_some(())
        })
        .await;
    }
}

/// Every command of the program, as that user; a right that is missing would be named in a log.
#[tokio::test]
async fn the_rights_of_the_one_redis_user_are_enough() {
    let mut topology = Topology::start().await;
    let server = topology.server(0, "127.0.0.1:0").await;
    let mia = server.client().register("mia").await;
    let ben = server.client().register("ben").await;
    let video = server.client().publish_one(&mia, "a film").await;
    let mut caller = server.client().caller().await;
    caller.befriend(&mia, &ben).await;
    for _ in 0..2 {
        assert_eq!(code(&caller.favorite(&ben, video, true).await), 0);
    }
    assert_eq!(code(&caller.send(&mia, ben.id, "hello").await), 0);
    for arguments in [&["flush"][..], &["verify"], &["verify", "--repair"]] {
        let finished = topology.command(arguments).await;
        assert!(finished.status.success(), "{arguments:?}: {finished:#?}");
        assert!(!finished.stderr.contains("NOPERM"), "{}", finished.stderr);
    }
    for emptied in [false, true] {
        topology.redis.restart(emptied).await;
        eventually("the like to be back", async || {
            let reply = server.client().get(&format!("/douyin/feed/?token={}", ben.token)).await;
            (reply.status == 200 && reply.json()["video_list"][0]["is_favorite"] == true).then_some(())
        })
        .await;
    }
    server.terminate().await;
    assert!(!server.stderr().contains("NOPERM"), "{}", server.stderr());

    for (name, arguments) in [("CONFIG", &["GET", "*"][..]), ("KEYS", &["*"]), ("ACL", &["LIST"]), ("SHUTDOWN", &[])] {
        let refused = ask_redis(&topology.redis.url, name, arguments).await.unwrap_err();
        assert!(refused.detail.unwrap().contains("NOPERM"), "{name}");
    }
    let nobody = topology.redis.url.replace(&format!("riffle:{}@", secrets()["REDIS_PASSWORD"]), "");
    assert!(ask_redis(&nobody, "PING", &[]).await.is_err());
}

/// A request that its client sends again where the answer was lost or was that it should: every one has to succeed.
async fn ask_until_answered(proxy: Client, path: &str, asked: &AtomicU64) -> Value {
    eventually("an answer", async || {
        asked.fetch_add(1, Ordering::Relaxed);
        let reply = proxy.try_request(&post(path, &[], b"")).await?;
        // What was not carried out, or nobody knows: the like may be sent again, as all that can be repeated.
        (reply.status == 200).then(|| reply.json())
    })
    .await
}

/// Likes one video after the other, then takes the likes back, until told to stop; gives what it left.
async fn keep_liking(
    proxy: Client,
    fan: &Account,
    videos: &[u64],
    stop: &AtomicBool,
    asked: &AtomicU64,
) -> BTreeMap<u64, bool> {
    let mut states: BTreeMap<u64, bool> = BTreeMap::new();
    for (round, video) in videos.iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let on = (round / videos.len()).is_multiple_of(2);
        let action = if on { 1 } else { 2 };
        let path = query(fan, "/douyin/favorite/action/", &[("video_id", video), ("action_type", &action)]);
        assert_eq!(code(&ask_until_answered(proxy, &path, asked).await), 0);
        states.insert(*video, on);
    }
    states
}

#[tokio::test]
async fn servers_are_stopped_killed_and_replaced_under_load_and_nobody_has_to_know() {
    let topology = Topology::start().await;
    let mut servers = [topology.server(0, "127.0.0.1:0").await, topology.server(1, "127.0.0.1:0").await];
    let addresses = [0, 1].map(|number: usize| servers[number].address());
    let proxy = Proxy::start(addresses.to_vec()).await;
    let client = Client::to(proxy.address);
    let mia = client.register("mia").await;
    let mut videos = Vec::new();
    for title in ["1", "2", "3"] {
        videos.push(client.publish_one(&mia, title).await);
    }
    let fans = client.register_many("fan", 4).await;
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let load = join_all(fans.iter().map(|fan| keep_liking(client, fan, &videos, &stop, &asked)));
    let more = async || {
        let before = asked.load(Ordering::Relaxed);
        eventually("the load to go on", async || (asked.load(Ordering::Relaxed) > before + 50).then_some(())).await;
    };
    let replaced = async {
        for killed in [false, true] {
            for number in 0..2 {
                more().await;
                if killed {
                    servers[number].kill().await;
                } else {
                    assert!(servers[number].terminate().await.success());
                }
                more().await;
                // As after an upgrade: the same address, another process.
                servers[number] = topology.server(number, &addresses[number].to_string()).await;
            }
        }
        more().await;
        // Publishing, too, with one gone.
        servers[0].terminate().await;
        let publish = publishing(&mia, "4", clip());
        eventually("a film to be published", async || {
            let reply = client.try_request(&publish).await?;
            (reply.status == 200).then_some(())
        })
        .await;
        stop.store(true, Ordering::Relaxed);
    };
    let (liked, ()) = tokio::join!(load, replaced);
    let mut likes: BTreeMap<u64, u64> = BTreeMap::new();
    for (video, on) in liked.into_iter().flatten() {
        *likes.entry(video).or_default() += u64::from(on);
    }
    let expected: Vec<u64> = videos.iter().map(|video| likes[video]).collect();
    eventually("every like to count once", async || {
        let feed = feed(servers[1].client()).await;
        let shown = feed["video_list"].as_array().unwrap();
        let count = |id: &u64| shown.iter().find(|video| video["id"] == *id).unwrap()["favorite_count"].as_u64();
        (videos.iter().map(count).collect::<Option<Vec<_>>>()? == expected).then_some(())
    })
    .await;
    let verified = topology.command(&["verify"]).await;
    assert!(verified.status.success(), "{verified:#?}");
    drop(topology.world);
}
