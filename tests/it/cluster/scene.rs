//! What these tests have in common: three nodes, and somebody on each.

use riffle::id::UserId;
use riffle::store::keys;

use crate::harness::{Account, Caller, Client, Server, World, code, eventually, run};

pub const NO_COVERS: (&str, &str) = ("ffmpeg", "/nonexistent");
/// Nothing reaches Postgres behind the answers.
pub const IDLE: &[(&str, &str)] = &[NO_COVERS, ("flush_interval_ms", "600000"), ("pending_after_ms", "600000")];
/// Three users with a video each, one on each node.
pub struct Scene {
    pub world: World,
    /// Each with the id of the video.
    pub people: Vec<(Account, u64)>,
}

/// Nothing that was read before a fault is shown after it.
const NOTHING_KEPT: (&str, &str) = ("feed_age_ms", "0");

impl Scene {
    pub async fn set(settings: &[(&str, &str)]) -> (Scene, Server) {
        let world = World::start_cluster().await;
        let settings: Vec<_> = [NOTHING_KEPT].iter().chain(settings).copied().collect();
        let server = Server::start(&world, &settings).await;
        let client = server.client();
        let mut found: Vec<Option<Account>> = vec![None; world.redis.nodes().len()];
        let mut number = 0;
        while found.iter().any(Option::is_none) {
            for account in client.register_many(&format!("user {number}/"), 4).await {
                let place = world.redis.place_of(&keys::user(UserId(account.id))).await;
                found[place].get_or_insert(account);
            }
            number += 1;
        }
        let mut people = Vec::new();
        for account in found.into_iter().flatten() {
            let video = client.publish_one(&account, "one").await;
            people.push((account, video));
        }
        (Scene { world, people }, server)
    }

    pub fn user(&self, place: usize) -> &Account {
        &self.people[place].0
    }

    pub async fn like(&self, caller: &mut Caller, from: usize, to: usize, on: bool) {
        let answer = caller.favorite(self.user(from), self.people[to].1, on).await;
        assert_eq!(code(&answer), 0, "{answer}");
    }

    /// Each likes what the others have published: every pair of nodes has an edge in both directions.
    pub async fn like_all(&self, caller: &mut Caller) {
        for from in 0..3 {
            for to in 0..3 {
                self.like(caller, from, to, true).await;
            }
        }
    }

    /// How many videos a user likes, how many likes his own have; `None`: refused.
    pub async fn likes(&self, client: &Client, place: usize) -> Option<(u64, u64)> {
        let reply = client.get(&format!("/douyin/user/?token={}", self.user(place).token)).await;
        let json = reply.json();
        match (reply.status, json["status_code"].as_u64()) {
            (200, Some(0)) => Some((
                json["user"]["favorite_count"].as_u64().unwrap(),
                json["user"]["total_favorited"].as_u64().unwrap(),
            )),
            (503, Some(100_014)) => None,
            _ => panic!("{json}"),
        }
    }

    pub async fn until_likes_are(&self, client: &Client, likes: [(u64, u64); 3]) {
        let seen = async || {
            let seen = [self.likes(client, 0).await, self.likes(client, 1).await, self.likes(client, 2).await];
            (client.is_ready().await && seen == likes.map(Some)).then_some(())
        };
        eventually(&format!("the likes to be {likes:?}"), seen).await;
    }

    /// Both ends, counters, lists and Postgres agree.
    pub async fn assert_verified(&self) {
        let verified = run(&self.world, &["verify"], &[]).await;
        assert!(verified.status.success(), "{verified:#?}");
    }

    pub async fn until_flushed(&self) {
        let flushed = run(&self.world, &["flush"], &[]).await;
        assert!(flushed.status.success(), "{flushed:#?}");
    }
}
