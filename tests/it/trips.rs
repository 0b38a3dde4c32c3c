//! What a request costs in round trips to Redis, counted between the server and Redis.

use std::fmt::Display;
use std::fs;
use std::io::Read;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use riffle::id::{UserId, VideoId};
use riffle::store::{self, Command, keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::harness::{Account, Caller, Server, World, code, entries, eventually};

/// Stands between the server and Redis, and holds every answer back until the server does nothing but wait for it.
/// What the server sends after that is a further trip: it needed the answer.
struct Counter {
    url: String,
    /// Of each connection: that of the requests, and that of what runs behind them.
    trips: Arc<Mutex<Vec<Arc<AtomicU64>>>>,
    /// Process id of the server, once it is to be counted.
    server: Arc<AtomicU32>,
}

impl Counter {
    async fn before(world: &World) -> Counter {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let counter = Counter { url, trips: Arc::default(), server: Arc::default() };
        let (trips, server) = (counter.trips.clone(), counter.server.clone());
        let socket = world.redis_url.strip_prefix("redis+unix://").unwrap().to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let redis = UnixStream::connect(&socket).await.unwrap();
                let of_this_one = Arc::new(AtomicU64::new(0));
                trips.lock().unwrap().push(of_this_one.clone());
                tokio::spawn(forward(client, redis, of_this_one, server.clone()));
            }
        });
        counter
    }

    fn so_far(&self) -> Vec<u64> {
        self.trips.lock().unwrap().iter().map(|trips| trips.load(Ordering::SeqCst)).collect()
    }

    /// Which connection is that of the requests: the only one that a request of this path moves.
    async fn of_requests(&self, caller: &mut Caller, path: &str) -> usize {
        eventually("a request without anything behind it", async || {
            let before = self.so_far();
            let answer = caller.get(path).await;
            assert_eq!(code(&answer), 0, "{path}: {answer}");
            let after = self.so_far();
            let mut moved = (0..after.len()).filter(|place| before.get(*place) != after.get(*place));
            moved.next().filter(|_| moved.next().is_none())
        })
        .await
    }

    /// The trips of one request on its connection, which has to succeed.
    async fn of(&self, connection: usize, caller: &mut Caller, path: &str) -> (u64, serde_json::Value) {
        let before = self.so_far()[connection];
        let answer = caller.get(path).await;
        assert_eq!(code(&answer), 0, "{path}: {answer}");
        (self.so_far()[connection] - before, answer)
    }

    /// The trips of requests until two in a row need none, and what was answered. Redis may tell of a change when what it
    /// changed has been read anew: then that is read once more.
    async fn until_known(&self, connection: usize, caller: &mut Caller, path: &str) -> (u64, Vec<serde_json::Value>) {
        let (mut trips, mut in_a_row, mut answers) = (0, 0, Vec::new());
        while in_a_row < 2 {
            let (needed, answer) = self.of(connection, caller, path).await;
            trips += needed;
            in_a_row = if needed == 0 { in_a_row + 1 } else { 0 };
            answers.push(answer);
            assert!(answers.len() < 10, "{path}: {trips} trips and no end");
        }
        (trips, answers)
    }
}

async fn forward(client: TcpStream, mut redis: UnixStream, trips: Arc<AtomicU64>, server: Arc<AtomicU32>) {
    // A second handle sees what has come at once, where tokio's waits to be told.
    let client = client.into_std().unwrap();
    let at_once = client.try_clone().unwrap();
    let mut client = TcpStream::from_std(client).unwrap();
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut on_a_trip = false;
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let Ok(length @ 1..) = length else { return };
                trips.fetch_add(u64::from(!on_a_trip), Ordering::SeqCst);
                on_a_trip = true;
                redis.write_all(&asked[..length]).await.unwrap();
            }
            length = redis.read(&mut answered) => {
                let Ok(length @ 1..) = length else { return };
                let pid = server.load(Ordering::SeqCst);
                while pid != 0 && let Some(rest) = rest_of_the_trip(pid, &at_once) {
                    redis.write_all(&rest).await.unwrap();
                    tokio::task::yield_now().await;
                }
                on_a_trip = false;
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What the server has still sent without having the answer, nothing while it is at work; `None`: it sleeps.
fn rest_of_the_trip(pid: u32, mut client: &std::net::TcpStream) -> Option<Vec<u8>> {
    let asleep = fs::read_dir(format!("/proc/{pid}/task")).ok()?.all(|thread| {
        let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('S'))
    });
    let mut rest = vec![0; 1 << 20];
    match client.read(&mut rest) {
        Ok(length) => {
            rest.truncate(length);
            Some(rest)
        }
        Err(_) if asleep => None,
        Err(_) => Some(Vec::new()),
    }
}

/// Users and videos straight into Redis: reading is what is counted.
async fn plant(world: &World, owner: &Account, count: u64) {
    let client = store::Client::connect(&store::Address::parse(&world.redis_url).unwrap(), Duration::from_secs(10))
        .await
        .unwrap();
    let me = UserId(owner.id);
    let mut commands = Vec::new();
    let mut add = |name: &'static str, arguments: &[&dyn Display]| {
        let arguments = arguments.iter().map(|argument| Bytes::from(argument.to_string()));
        commands.push(Command::new(name).args(arguments));
    };
    for number in 1..=count {
        // Everywhere, as users are: bits 5 to 12 are the bucket.
        let other = UserId((1_000 + number) << 13 | (number % 256) << 5);
        let video = VideoId(other.0 + 1);
        add("HSET", &[&keys::user(other), &"name", &format!("user {number}")]);
        let object = "0123456789abcdef0123456789abcdef.mp4";
        add("HSET", &[&keys::video(video), &"author", &other.0, &"title", &"one of many", &"object", &object]);
        for timeline in [keys::followed_by(me), keys::friends(me)] {
            add("ZADD", &[&timeline, &other.0, &other.0]);
        }
        if number % 2 == 0 {
            add("ZADD", &[&keys::followed(me), &other.0, &other.0]);
        }
        add("ZADD", &[&keys::liked(me), &video.0, &video.0]);
        add("ZADD", &[&keys::feed(), &video.0, &video.0]);
    }
    for answer in client.pipeline(commands).await {
        answer.unwrap();
    }
}

/// What is counted alone: a server without anything that asks Redis behind the requests, or ages.
async fn start(world: &World, counter: &Counter, feed_snapshot: &str) -> Server {
    let settings = [
        ("redis_url", counter.url.as_str()),
        ("redis_timeout_ms", "30000"),
        ("threads", "1"),
        ("ffmpeg", "/nonexistent/ffmpeg"),
        // Flush and relay ask Redis on their own.
        ("flush_interval_ms", "600000"),
        ("pending_after_ms", "600000"),
        ("feed_age_ms", "60000"),
        ("feed_snapshot", feed_snapshot),
    ];
    Server::start(world, &settings).await
}

#[tokio::test]
async fn a_page_costs_few_round_trips_and_a_long_list_no_more_than_a_short_one() {
    let world = World::start_alone().await;
    let counter = Counter::before(&world).await;
    let server = start(&world, &counter, "100").await;
    let client = server.client();
    let owner = client.register("owner").await;
    let video = client.publish_one(&owner, "with comments").await;
    let friend = client.register("friend").await;
    let mut caller = client.caller().await;
    caller.befriend(&owner, &friend).await;
    plant(&world, &owner, 1_000).await;
    for number in 0..100 {
        assert_eq!(code(&caller.comment(&owner, video, &number.to_string()).await), 0);
        assert_eq!(code(&caller.send(&owner, friend.id, &number.to_string()).await), 0);
    }

    counter.server.store(server.pid(), Ordering::SeqCst);
    let token = format!("token={}", owner.token);
    let chat = format!("/douyin/message/chat/?{token}&to_user_id={}", friend.id);
    let connection = counter.of_requests(&mut caller, &chat).await;
    // What is named for the first time may have to be asked for; what was named by a list before, no more, and the
    // viewer's own sets are known by then.
    for (path, list, trips_max, trips_again, long) in [
        (format!("/douyin/favorite/list/?{token}"), "video_list", 3, 0, 1_000),
        (format!("/douyin/publish/list/?{token}"), "video_list", 3, 0, 1),
        (format!("/douyin/relation/follow/list/?{token}"), "user_list", 2, 0, 501),
        (format!("/douyin/relation/follower/list/?{token}"), "user_list", 2, 0, 1_000),
        // The latest messages are asked for last.
        (format!("/douyin/relation/friend/list/?{token}"), "user_list", 3, 1, 1_000),
        (format!("/douyin/comment/list/?{token}&video_id={video}"), "comment_list", 2, 0, 100),
        (chat, "message_list", 1, 1, 100),
    ] {
        let (trips, answer) = counter.of(connection, &mut caller, &path).await;
        assert_eq!(entries(&answer, list).len(), long, "{path}");
        assert!((1..=trips_max).contains(&trips), "{path}: {trips} round trips");
        let few = format!("{path}&limit=10");
        let (trips_of_few, _) = counter.of(connection, &mut caller, &few).await;
        assert!((1..=trips_max).contains(&trips_of_few), "{few}: {trips_of_few} round trips");
        assert_eq!(counter.of(connection, &mut caller, &few).await.0, trips_again, "{few}");
    }
    // Nobody's flags: nothing is left to ask for, until something is new.
    let comments = format!("/douyin/comment/list/?video_id={video}&limit=10");
    assert_eq!(counter.of(connection, &mut caller, &comments).await.0, 0);
    let added = caller.comment(&owner, video, "the newest").await["comment"]["id"].clone();
    let (trips, answer) = counter.of(connection, &mut caller, &comments).await;
    assert_eq!((trips, &entries(&answer, "comment_list")[0]["id"]), (1, &added));
    // Of others the user list told; oneself one may have changed.
    let profile = format!("/douyin/user/?{token}&user_id={}", friend.id);
    assert_eq!(counter.of(connection, &mut caller, &profile).await.0, 0);
    for (limit, followed) in [(1_000, 500), (20, 10)] {
        let followers = caller.get(&format!("/douyin/relation/follower/list/?{token}&limit={limit}")).await;
        let shown = entries(&followers, "user_list");
        let is_followed = |user: &&serde_json::Value| user["is_follow"] == true;
        assert!(
            shown.iter().filter(is_followed).count().abs_diff(followed) <= 1,
            "{limit}: the friend may be among them"
        );
        for user in shown.iter().filter(|user| user["id"] != friend.id) {
            assert_eq!(user["is_follow"], (user["id"].as_u64().unwrap() >> 13) % 2 == 0, "{user}");
        }
    }

    // A page that nobody has read yet: its order, and what no list has shown of its videos and their authors.
    let mut feed = async |query: &str| {
        let (trips, page) = counter.of(connection, &mut caller, &format!("/douyin/feed/?{query}")).await;
        assert_eq!(entries(&page, "video_list").len(), 30);
        trips
    };
    let older = "latest_time=1672531201500"; // in the middle of those that were planted
    assert!((1..=3).contains(&feed("").await));
    assert_eq!((feed("").await, feed(&token).await), (0, 0));
    // Past the snapshot the order is asked for each time.
    assert!(feed(older).await <= 3);
    assert_eq!((feed(older).await, feed(&format!("{older}&{token}")).await), (1, 1));
    // Of a viewer that is not known the flags are asked for, then his sets, whole, until one of them changes.
    let reader = client.register("reader").await;
    assert_eq!(code(&caller.follow(&reader, owner.id, true).await), 0);
    assert_eq!(counter.of(connection, &mut caller, "/douyin/feed/").await.0, 1);
    let page = format!("/douyin/feed/?token={}", reader.token);
    let (trips, pages) = counter.until_known(connection, &mut caller, &page).await;
    assert!((2..=3).contains(&trips), "{trips} trips");
    let of_owner = |page: &serde_json::Value| {
        let videos = entries(page, "video_list").iter().filter(|video| video["author"]["id"] == owner.id);
        videos.map(|video| (video["author"]["is_follow"] == true, video["is_favorite"] == true)).collect::<Vec<_>>()
    };
    assert!(pages.iter().all(|page| of_owner(page) == [(true, false)]), "{pages:?}");
    assert_eq!(code(&caller.favorite(&reader, video, true).await), 0);
    let (trips, pages) = counter.until_known(connection, &mut caller, &page).await;
    assert!((2..=3).contains(&trips), "{trips} trips");
    assert!(pages.iter().all(|page| of_owner(page) == [(true, true)]), "{pages:?}");
    let mut feed = async |query: &str| counter.of(connection, &mut caller, &format!("/douyin/feed/?{query}")).await.0;
    assert_eq!(feed(&token).await, 1);
    // What was changed here is read again, and the authors are known by now.
    assert_eq!(code(&caller.comment(&owner, video, "one more").await), 0);
    let mut feed = async |query: &str| counter.of(connection, &mut caller, &format!("/douyin/feed/?{query}")).await.0;
    assert_eq!((feed("").await, feed("").await), (1, 0));
}

#[tokio::test]
async fn pages_of_any_age_cost_no_trip_once_their_order_is_known() {
    let world = World::start_alone().await;
    let counter = Counter::before(&world).await;
    let server = start(&world, &counter, "100000").await;
    let client = server.client();
    let (owner, friend) = (client.register("owner").await, client.register("friend").await);
    // More than are asked for at once.
    plant(&world, &owner, 5_000).await;
    counter.server.store(server.pid(), Ordering::SeqCst);
    let mut caller = client.caller().await;
    let chat = format!("/douyin/message/chat/?token={}&to_user_id={}", owner.token, friend.id);
    let connection = counter.of_requests(&mut caller, &chat).await;
    let first = entries(&caller.get("/douyin/feed/").await, "video_list").len();
    assert_eq!(first, 30);
    let oldest = "/douyin/feed/?latest_time=1672531201031"; // a page from the end of those that were planted
    let (trips, page) = counter.of(connection, &mut caller, oldest).await;
    assert!(trips > 0);
    assert_eq!(entries(&page, "video_list").len(), 30);
    for _ in 0..4 {
        assert_eq!(counter.of(connection, &mut caller, oldest).await.1, page);
    }
    assert_eq!(counter.of(connection, &mut caller, oldest).await, (0, page));
}
