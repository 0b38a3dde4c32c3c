//! Many clients at one video and one user at the same moment, through two servers: every counter equals its set, and
//! both ends of every edge agree.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use riffle::id::{UserId, VideoId};
use riffle::store::keys;

use crate::harness::{Account, Caller, Server, World, code, entries, ids};

const CLIENTS: usize = 64;
const STEPS: usize = 40;

struct Target {
    star: Account,
    video: u64,
}

/// Two clients act as each user, one through either server, so that they meet at the same edges too. Gives how many
/// comments were made, less those deleted.
async fn act(mut caller: Caller, user: Account, target: &Target, seed: u64) -> i64 {
    let mut random = StdRng::seed_from_u64(seed);
    let (star, video) = (&target.star, target.video);
    let mut comments: Vec<u64> = Vec::new();
    let mut balance = 0;
    for _ in 0..STEPS {
        let on = random.random_bool(0.6);
        let answer = match random.random_range(0..10) {
            0..4 => caller.favorite(&user, video, on).await,
            4..6 => caller.follow(&user, star.id, on).await,
            6..8 => caller.follow(star, user.id, on).await,
            8 => {
                let answer = caller.comment(&user, video, "storm").await;
                comments.push(answer["comment"]["id"].as_u64().unwrap());
                balance += 1;
                answer
            }
            _ => {
                let Some(comment) = comments.pop() else { continue };
                balance -= 1;
                caller.uncomment(if on { &user } else { star }, video, comment).await
            }
        };
        assert_eq!(code(&answer), 0, "{answer}");
    }
    balance
}

async fn members(world: &World, command: &'static str, key: &str) -> BTreeSet<u64> {
    let arguments: &[&str] = if command == "ZRANGE" { &[key, "0", "-1"] } else { &[key] };
    world.redis_command(command, arguments).await.numbers().unwrap().into_iter().collect()
}

async fn field(world: &World, key: &str, field: &str) -> usize {
    world.redis_command("HGET", &[key, field]).await.number().unwrap().unwrap_or(0) as usize
}

/// The members of an order, which are as many as are counted, and none of which stands in it and among the older ones.
async fn agreed(world: &World, order: &str, older: &str, owner: &str, count: &str) -> BTreeSet<u64> {
    let mut found = members(world, "ZRANGE", order).await;
    let older_ones = members(world, "SMEMBERS", older).await;
    assert!(found.is_disjoint(&older_ones), "{order} and {older}");
    found.extend(older_ones);
    assert_eq!(found.len(), field(world, owner, count).await, "{order} and {count} of {owner}");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_equal_their_sets_after_a_storm() {
    let world = World::start().await;
    let servers = [Server::start(&world, &[]).await, Server::start(&world, &[]).await];
    let client = servers[0].client();
    let star = client.register("star").await;
    let users = client.register_many("fan", CLIENTS / 2).await;
    let target = Target { video: client.publish_one(&star, "one video").await, star };
    let (star, video) = (UserId(target.star.id), VideoId(target.video));

    let mut callers = Vec::new();
    for number in 0..CLIENTS {
        callers.push((servers[number % 2].client().caller().await, users[number / 2].clone()));
    }
    let clients = callers.into_iter().enumerate();
    let storm = clients.map(|(number, (caller, user))| act(caller, user, &target, number as u64));
    let balance: i64 = join_all(storm).await.into_iter().sum();

    let likers = members(&world, "SMEMBERS", &keys::likers(video)).await;
    assert_eq!(likers.len(), field(&world, &keys::video(video), "favorites").await);
    assert_eq!(likers.len(), field(&world, &keys::user(star), "favorited").await);
    let owner = keys::user(star);
    let followers = agreed(&world, &keys::followed_by(star), &keys::followed_by_older(star), &owner, "followers").await;
    let follows = agreed(&world, &keys::followed(star), &keys::followed_older(star), &owner, "follows").await;
    let friends = members(&world, "ZRANGE", &keys::friends(star)).await;
    assert_eq!(friends, followers.intersection(&follows).copied().collect());
    for user in users.iter().map(|user| UserId(user.id)) {
        let owner = keys::user(user);
        let liked = agreed(&world, &keys::liked(user), &keys::liked_older(user), &owner, "favorites").await;
        assert_eq!(liked.contains(&video.0), likers.contains(&user.0), "both ends of the like of {user}");
        let following = agreed(&world, &keys::followed(user), &keys::followed_older(user), &owner, "follows").await;
        assert_eq!(following.contains(&star.0), followers.contains(&user.0), "both ends of the follow of {user}");
        let followed =
            agreed(&world, &keys::followed_by(user), &keys::followed_by_older(user), &owner, "followers").await;
        assert_eq!(followed.contains(&star.0), follows.contains(&user.0), "both ends of the follow of the star");
        let befriended = members(&world, "ZRANGE", &keys::friends(user)).await;
        assert_eq!(befriended.contains(&star.0), friends.contains(&user.0), "both ends of the friendship of {user}");
    }
    let comments = world.redis_command("ZCARD", &[&keys::comments(video)]).await.required_number().unwrap() as usize;
    assert_eq!((comments, balance), (field(&world, &keys::video(video), "comments").await, comments as i64));

    for server in &servers {
        let mut caller = server.client().caller().await;
        let feed = caller.see(&target.star, "/douyin/feed/", &[]).await;
        let shown = &entries(&feed, "video_list")[0];
        assert_eq!(shown["favorite_count"], likers.len());
        assert_eq!(shown["comment_count"], comments);
        assert_eq!(shown["author"]["total_favorited"], likers.len());
        assert_eq!(shown["author"]["follower_count"], followers.len());
        assert_eq!(shown["author"]["follow_count"], follows.len());
        let list = caller.see(&target.star, "/douyin/comment/list/", &[("video_id", &target.video)]).await;
        assert_eq!(entries(&list, "comment_list").len(), comments);
        let list = caller.see(&target.star, "/douyin/relation/follower/list/", &[]).await;
        assert_eq!(ids(&list, "user_list").into_iter().collect::<BTreeSet<u64>>(), followers);
        let list = caller.see(&target.star, "/douyin/relation/friend/list/", &[]).await;
        assert_eq!(ids(&list, "user_list").into_iter().collect::<BTreeSet<u64>>(), friends);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liking_many_times_at_once_counts_once() {
    let world = World::start().await;
    let servers = [Server::start(&world, &[]).await, Server::start(&world, &[]).await];
    let client = servers[0].client();
    let author = client.register("author").await;
    let video = client.publish_one(&author, "one video").await;
    for (on, expected) in [(true, 1), (false, 0), (true, 1)] {
        let clicks = (0..CLIENTS).map(|number| {
            let (client, author) = (servers[number % 2].client(), &author);
            async move { code(&client.caller().await.favorite(author, video, on).await) }
        });
        assert!(join_all(clicks).await.into_iter().all(|code| code == 0));
        let user = client.get_json(&format!("/douyin/user/?token={}", author.token)).await;
        assert_eq!(user["user"]["favorite_count"], expected);
        assert_eq!(user["user"]["total_favorited"], expected);
    }
}
