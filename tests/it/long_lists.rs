//! Lists of which Redis keeps only the newest part in order, and sets that are split.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use riffle::id::{EPOCH_MS, UserId, VideoId};
use riffle::store::keys;

use crate::harness::{Account, Caller, IDLE, Server, World, code, entries, eventually, id_at, ids, run};

/// Nothing changes behind the tests' back.
const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");
/// A connection may wait for an order to be trimmed.
const PATIENT: (&str, &str) = ("header_timeout_ms", "600000");
/// Some time ago, and a bucket.
const THEN: i64 = EPOCH_MS + 60_000_000_000;
const BUCKET: u16 = 42;

/// All pages of a list, one after the other.
async fn paged(caller: &mut Caller, viewer: &Account, path: &str, list: &str, limit: usize) -> Vec<u64> {
    let (mut all, mut cursor) = (Vec::new(), 0);
    loop {
        let page = caller.see(viewer, path, &[("cursor", &cursor), ("limit", &limit)]).await;
        assert_eq!(code(&page), 0, "{page}");
        all.extend(ids(&page, list));
        cursor = page["next_cursor"].as_u64().unwrap();
        assert_eq!(page["has_more"], cursor > 0);
        assert!(cursor == 0 || entries(&page, list).len() == limit);
        if cursor == 0 {
            return all;
        }
    }
}

async fn size(world: &World, command: &'static str, key: &str) -> u64 {
    world.redis_command(command, &[key]).await.required_number().unwrap()
}

/// Short again, and in the form that takes little.
async fn is_trimmed(world: &World, order: &str) -> bool {
    let encoding = world.redis_command("OBJECT", &["ENCODING", order]).await;
    size(world, "ZCARD", order).await <= 96 && encoding.text().unwrap() == Some("listpack")
}

async fn assert_verified(world: &World) {
    let verified = run(world, &["verify"], &[]).await;
    assert!(verified.status.success() && verified.stdout.contains(" 0 differences"), "{verified:#?}");
}

#[tokio::test]
async fn a_list_of_likes_is_exact_on_both_sides_of_what_redis_keeps() {
    let world = World::start().await;
    let author = id_at(THEN, BUCKET, 0);
    world.plant_user(author).await;
    let videos: Vec<u64> = (1..=220).map(|number| id_at(THEN + number, BUCKET, 0)).collect();
    world.plant_videos(author, &videos).await;
    let server = Server::start(&world, &[NO_COVERS, PATIENT]).await;
    let fan = server.client().register("fan").await;
    let mut caller = server.client().caller().await;
    let (order, older) = (keys::liked(UserId(fan.id)), keys::liked_older(UserId(fan.id)));

    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // The last liked one first.
    let mut liked: Vec<u64> = Vec::new();
    for round in 0..6 {
        for step in 0..150 {
            let video = *videos.choose(&mut random).unwrap();
            let on = random.random_bool(if round == 4 { 0.3 } else { 0.8 });
            assert_eq!(code(&caller.favorite(&fan, video, on).await), 0);
            if !on || !liked.contains(&video) {
                liked.retain(|other| *other != video);
                if on {
                    liked.insert(0, video);
                }
            }
            if step % 50 == 0 {
                let found = paged(&mut caller, &fan, "/douyin/favorite/list/", "video_list", 30).await;
                assert_eq!(found, liked, "round {round}, step {step}");
            }
        }
        if round % 2 == 1 {
            eventually("the order to be trimmed", async || is_trimmed(&world, &order).await.then_some(())).await;
        }
        let kept = size(&world, "ZCARD", &order).await + size(&world, "SCARD", &older).await;
        assert_eq!(kept, liked.len() as u64);
        for limit in [7, 64, 1_000] {
            let found = paged(&mut caller, &fan, "/douyin/favorite/list/", "video_list", limit).await;
            assert_eq!(found, liked, "round {round}, pages of {limit}");
        }
    }
    assert!(liked.len() > 96, "{} are too few to be trimmed", liked.len());
    assert_verified(&world).await;

    world.redis_command("FLUSHALL", &[]).await;
    // The first to ask for what is not kept, or no more, finds out that it is gone.
    let path = format!("/douyin/favorite/list/?token={}", fan.token);
    let client = server.client();
    let head = keys::head(UserId(fan.id).bucket());
    let is_loaded = async || {
        let is_answered = client.get(&path).await.status == 200 && client.is_ready().await;
        let head = world.redis_command("GET", &[&head]).await;
        (is_answered && head.text().unwrap().is_some_and(|head| head.starts_with("2 open"))).then_some(())
    };
    eventually("all to be loaded anew", is_loaded).await;
    let found = paged(&mut caller, &fan, "/douyin/favorite/list/", "video_list", 50).await;
    assert_eq!(found, liked, "loaded anew");
    eventually("the order to be trimmed", async || is_trimmed(&world, &order).await.then_some(())).await;
    let found = paged(&mut caller, &fan, "/douyin/favorite/list/", "video_list", 50).await;
    assert_eq!(found, liked, "loaded anew and trimmed");
}

/// The users who follow a star, in the order of their following.
async fn plant_followers(world: &World, star: u64, count: i64) -> Vec<u64> {
    let users: Vec<u64> = (0..count).map(|number| id_at(THEN + number / 250, (number % 250) as u16, 0)).collect();
    for user in &users {
        world.plant_user(*user).await;
    }
    let placed: Vec<String> = (users.iter().zip(1..))
        .map(|(user, place)| format!("({user}, {star}, {}, true)", id_at(THEN + 3_600_000 + place, BUCKET, 0)))
        .collect();
    world.sql(&format!("insert into follow (from_id, to_id, version, is_on) values {}", placed.join(", "))).await;
    users
}

#[tokio::test]
async fn a_star_has_all_her_followers_in_sub_sets_and_in_order() {
    let world = World::start().await;
    let star = id_at(THEN, BUCKET, 1);
    world.plant_user(star).await;
    let mut followers = plant_followers(&world, star, 700).await;
    followers.reverse();
    let server = Server::start(&world, &[NO_COVERS, IDLE, PATIENT]).await;
    let fan = server.client().register("fan").await;
    let mut caller = server.client().caller().await;
    let followers_list = format!("/douyin/relation/follower/list/?user_id={star}&token={}", fan.token);
    let all = async |caller: &mut Caller| {
        let page = caller.get(&followers_list).await;
        assert_eq!(page["has_more"], false);
        ids(&page, "user_list")
    };
    let count = async |caller: &mut Caller| {
        caller.see(&fan, "/douyin/user/", &[("user_id", &star)]).await["user"]["follower_count"].as_u64().unwrap()
    };

    let order = keys::followed_by(UserId(star));
    assert_eq!((all(&mut caller).await, count(&mut caller).await), (followers.clone(), 700));
    eventually("the order to be trimmed", async || is_trimmed(&world, &order).await.then_some(())).await;
    assert_eq!((all(&mut caller).await, count(&mut caller).await), (followers.clone(), 700));
    let sets = world.redis_command("HGET", &[&keys::user(UserId(star)), "followed_by_sets"]).await;
    let sets = sets.required_number().unwrap();
    assert!((3..=4).contains(&sets), "{sets} sub-sets");
    for place in 0..sets {
        let subset = keys::numbered_subset(&keys::followed_by_older(UserId(star)), place);
        let encoding = world.redis_command("OBJECT", &["ENCODING", &subset]).await;
        assert_eq!(encoding.text().unwrap(), Some("intset"), "{subset}");
    }

    // One more, and gone again; what is said twice counts once.
    for (on, expected) in [(true, 701), (true, 701), (false, 700), (false, 700), (true, 701)] {
        assert_eq!(code(&caller.follow(&fan, star, on).await), 0);
        assert_eq!(count(&mut caller).await, expected);
    }
    followers.insert(0, fan.id);
    assert_eq!(all(&mut caller).await, followers);
    assert_verified(&world).await;

    let warmed = run(&world, &["warmup", "--only", "users,follows"], &[]).await;
    assert!(warmed.status.success(), "{warmed:#?}");
    let refollowed = async || {
        let page = server.client().get(&followers_list).await;
        (page.status == 200).then(|| ids(&page.json(), "user_list"))
    };
    assert_eq!(eventually("the list after a warm-up", refollowed).await, followers);
    assert_verified(&world).await;

    // Of one that is missing verify speaks twice: the row is not there, and the count is not that of what it counts.
    eventually("the order to be trimmed", async || is_trimmed(&world, &order).await.then_some(())).await;
    let sets = world.redis_command("HGET", &[&keys::user(UserId(star)), "followed_by_sets"]).await;
    let oldest = *followers.last().unwrap();
    let older = keys::followed_by_older(UserId(star));
    let subset = keys::subset(&older, sets.required_number().unwrap(), oldest);
    world.redis_command("SREM", &[&subset, &oldest.to_string()]).await;
    let verified = run(&world, &["verify"], &[]).await;
    let row = format!("follow of user {star} by user {oldest} (older ones of the home end): {older} lacks it");
    assert!(verified.stdout.contains(&row), "{verified:#?}");
    assert!(verified.stdout.contains("counts 701, what it counts has 700"), "{verified:#?}");
    assert!(verified.stdout.contains(" 2 differences"), "{verified:#?}");
    // And of one that stands in two places.
    world.redis_command("SADD", &[&subset, &oldest.to_string()]).await;
    world.redis_command("ZADD", &[&keys::followed_by(UserId(star)), "1", &oldest.to_string()]).await;
    let verified = run(&world, &["verify"], &[]).await;
    assert!(verified.stdout.contains("counts 701, what it counts has 702"), "{verified:#?}");
    let follow = format!("follow of user {star} by user {oldest}");
    let rows = [
        format!("{follow} (home end): {} has it at \"1\", Postgres at", keys::followed_by(UserId(star))),
        format!("{follow} (older ones of the home end): {older} has it: Redis has what Postgres has not"),
    ];
    assert!(rows.iter().all(|row| verified.stdout.contains(row)), "{verified:#?}");
}

#[tokio::test]
async fn a_video_grows_beyond_one_set_of_likers_and_back() {
    let world = World::start().await;
    let author = id_at(THEN, BUCKET, 0);
    world.plant_user(author).await;
    let video = id_at(THEN + 1, BUCKET, 0);
    world.plant_videos(author, &[video]).await;
    let users: Vec<u64> = (0..400).map(|number| id_at(THEN + number / 250, (number % 250) as u16, 1)).collect();
    for user in &users {
        world.plant_user(*user).await;
    }
    let rows: Vec<String> = (users.iter().zip(1..))
        .map(|(user, place)| format!("({user}, {video}, {}, true)", id_at(THEN + 3_600_000 + place, BUCKET, 0)))
        .collect();
    world.sql(&format!("insert into favorite (from_id, to_id, version, is_on) values {}", rows.join(", "))).await;
    let server = Server::start(&world, &[NO_COVERS, PATIENT]).await;
    let client = server.client();
    let fans = client.register_many("fan", 6).await;
    let mut caller = client.caller().await;
    let sets = async || {
        world.redis_command("HGET", &[&keys::video(VideoId(video)), "liker_sets"]).await.number().unwrap().unwrap_or(1)
    };
    assert_eq!(sets().await, 2);
    for (fan, expected) in fans.iter().zip(401..) {
        caller.favorite(fan, video, true).await;
        let feed = caller.see(fan, "/douyin/feed/", &[]).await;
        let shown = &entries(&feed, "video_list")[0];
        assert_eq!((&shown["favorite_count"], &shown["is_favorite"]), (&expected.into(), &true.into()));
    }
    assert_eq!(sets().await, 3);
    for fan in &fans {
        assert_eq!(code(&caller.favorite(fan, video, false).await), 0);
    }
    assert_eq!(caller.see(&fans[0], "/douyin/feed/", &[]).await["video_list"][0]["favorite_count"], 400);
    assert_verified(&world).await;
}
