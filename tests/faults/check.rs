//! When all is quiet: every list, flag and counter against the ledger, both ends of every edge against each other, and
//! Redis against Postgres.

use std::collections::BTreeSet;

use riffle::id::{UserId, VideoId};
use riffle::store::keys;
use serde_json::Value;

use crate::harness::{Account, Caller, Server, Shown, World, ask_postgres};
use crate::ledger::{Bounds, Key};
use crate::load::Shared;
use crate::looks::{
    at, comments_in, entries, is_between, is_comment_on, is_follow_by, is_follow_of, is_like_by, is_work_of, likes_in,
    messages_in, number, works_in,
};

pub async fn everything(world: &World, server: &Server, shared: &Shared) {
    let caller = server.client().caller().await;
    let mut check = Check { caller, shared, shown: BTreeSet::new(), problems: Vec::new() };
    for place in 0..shared.cast.people.len() {
        check.user(place).await;
        check.chat(place).await;
    }
    for place in 0..shared.cast.videos.len() {
        check.video(world, place).await;
    }
    check.homes_of_follows(world).await;
    check.born().await;
    check.feed().await;
    check.postgres(world).await;
    assert!(check.problems.is_empty(), "{}", check.problems[..check.problems.len().min(10)].join("\n"));
}

struct Check<'a> {
    caller: Caller,
    shared: &'a Shared,
    /// All that was shown, by the mirror ends of edges.
    shown: BTreeSet<Key>,
    problems: Vec<String>,
}

impl Check<'_> {
    fn note(&mut self, place: &str, judged: Result<(), String>) {
        self.problems.extend(at(place, judged).err());
    }

    fn same(&mut self, place: &str, one: u64, other: u64) {
        self.note(place, if one == other { Ok(()) } else { Err(format!("{one}, and {other}")) });
    }

    fn bounds(&self, of_kind: impl Fn(Key) -> bool) -> Bounds {
        let ledger = self.shared.ledger.lock().unwrap();
        ledger.bounds(&ledger.certain(std::time::Duration::ZERO, &of_kind), &of_kind)
    }

    async fn see(&mut self, viewer: &Account, path: &str, params: &[(&str, Shown<'_>)]) -> Value {
        let answer = self.caller.see(viewer, path, params).await;
        assert_eq!(answer["status_code"], 0, "{path}: {answer}");
        answer
    }

    /// Judges a list, and notes what it shows.
    fn list(&mut self, place: &str, shown: Vec<Key>, of_kind: impl Fn(Key) -> bool) -> u64 {
        let judged = self.bounds(of_kind).judge_list(&shown);
        self.note(place, judged);
        let length = shown.len() as u64;
        self.shown.extend(shown);
        length
    }

    async fn user(&mut self, place: usize) {
        let shared = self.shared;
        let me = &shared.cast.people[place];
        let id = me.id;
        let user = self.see(me, "/douyin/user/", &[]).await["user"].take();
        let count = |name: &str| number(&user[name]);

        let liked = self.see(me, "/douyin/favorite/list/", &[]).await;
        let length = self.list(&format!("likes of {id}"), likes_in(&liked, id), is_like_by(id));
        self.same(&format!("favorite_count of {id}, and its list"), count("favorite_count"), length);

        let works = self.see(me, "/douyin/publish/list/", &[]).await;
        let length = self.list(&format!("works of {id}"), works_in(&works, id), is_work_of(id));
        self.same(&format!("work_count of {id}, and its list"), count("work_count"), length);
        let favorited = entries(&works, "video_list").map(|video| number(&video["favorite_count"])).sum();
        self.same(&format!("total_favorited of {id}, and its videos"), count("total_favorited"), favorited);

        let followed = self.see(me, "/douyin/relation/follow/list/", &[]).await;
        let follows = entries(&followed, "user_list").map(|user| Key::Follow { from: id, to: number(&user["id"]) });
        let length = self.list(&format!("follows of {id}"), follows.collect(), is_follow_by(id));
        self.same(&format!("follow_count of {id}, and its list"), count("follow_count"), length);

        let following = self.see(me, "/douyin/relation/follower/list/", &[]).await;
        let followers = entries(&following, "user_list").map(|user| Key::Follow { from: number(&user["id"]), to: id });
        let length = self.list(&format!("followers of {id}"), followers.collect(), is_follow_of(id));
        self.same(&format!("follower_count of {id}, and its list"), count("follower_count"), length);
    }

    async fn chat(&mut self, place: usize) {
        let shared = self.shared;
        let (me, other) = (&shared.cast.people[place], shared.cast.partner(place).id);
        let chat = self.see(me, "/douyin/message/chat/", &[("to_user_id", &other)]).await;
        self.list(&format!("chat of {} with {other}", me.id), messages_in(&chat), is_between(me.id, other));
    }

    async fn video(&mut self, world: &World, place: usize) {
        let shared = self.shared;
        let (video, author) = shared.cast.videos[place];
        let works = self.see(&shared.cast.people[author], "/douyin/publish/list/", &[]).await;
        let shown = entries(&works, "video_list").find(|shown| shown["id"] == video).unwrap().clone();

        let comments = self.see(&shared.cast.people[author], "/douyin/comment/list/", &[("video_id", &video)]).await;
        let length = self.list(&format!("comments on {video}"), comments_in(&comments, video), is_comment_on(video));
        self.same(&format!("comment_count of {video}, and its list"), number(&shown["comment_count"]), length);

        let home = members(world, &keys::likers(VideoId(video))).await;
        self.same(
            &format!("favorite_count of {video}, and its set"),
            number(&shown["favorite_count"]),
            home.len() as u64,
        );
        let mirrors = self.shown.iter().filter_map(|key| match key {
            Key::Like { user, video: liked } if *liked == video => Some(*user),
            _ => None,
        });
        let mirrors: BTreeSet<u64> = mirrors.collect();
        let judged = if home == mirrors { Ok(()) } else { Err(format!("{home:?}, and {mirrors:?}")) };
        self.note(&format!("likers of {video}, and the lists of these"), judged);
    }

    async fn homes_of_follows(&mut self, world: &World) {
        for account in &self.shared.cast.people {
            let user = UserId(account.id);
            let home = placed_members(world, &keys::followed_by(user), &keys::followed_by_older(user)).await;
            let mirror = placed_members(world, &keys::followed(user), &keys::followed_older(user)).await;
            let of = |edge: &Key| match edge {
                Key::Follow { from, to } if *to == account.id => Some(*from),
                _ => None,
            };
            let by = |edge: &Key| match edge {
                Key::Follow { from, to } if *from == account.id => Some(*to),
                _ => None,
            };
            // Lists of both ends went into what was shown: an edge with one end only is missing at the other.
            let (followers, follows) =
                (self.shown.iter().filter_map(of).collect(), self.shown.iter().filter_map(by).collect());
            for (place, one, other) in [("followers", home, followers), ("follows", mirror, follows)] {
                let judged: Result<(), String> =
                    if one == other { Ok(()) } else { Err(format!("{one:?}, and {other:?}")) };
                self.note(&format!("{place} of {}, and the other ends", account.id), judged);
            }
        }
    }

    async fn born(&mut self) {
        let born = self.shared.born.lock().unwrap().clone();
        for (number, account) in born {
            let shown = self.see(&account, "/douyin/user/", &[]).await;
            let user = (&shown["user"]["id"], &shown["user"]["name"]);
            assert_eq!(user, (&account.id.into(), &format!("born {number}").into()));
        }
    }

    /// Every video once, over all pages.
    async fn feed(&mut self) {
        let mut shown = Vec::new();
        let mut latest_time = 0;
        loop {
            let page = self.caller.get(&format!("/douyin/feed/?latest_time={latest_time}")).await;
            let keys = entries(&page, "video_list")
                .map(|video| Key::Video { author: number(&video["author"]["id"]), number: number(&video["title"]) });
            shown.extend(keys);
            latest_time = number(&page["next_time"]);
            if latest_time == 0 {
                break;
            }
        }
        self.list("feed", shown, |key| matches!(key, Key::Video { .. }));
    }

    /// The rows are what was shown, neither more nor less.
    async fn postgres(&mut self, world: &World) {
        let mut rows = BTreeSet::new();
        for [from, to] in numbers(world, "select from_id || ' ' || to_id as t from favorite where is_on").await {
            rows.insert(Key::Like { user: from, video: to });
        }
        for [from, to] in numbers(world, "select from_id || ' ' || to_id as t from follow where is_on").await {
            rows.insert(Key::Follow { from, to });
        }
        let sql = "select video_id || ' ' || user_id || ' ' || content as t from comment where is_on";
        for [video, user, number] in numbers(world, sql).await {
            rows.insert(Key::Comment { video, user, number });
        }
        let sql = "select from_id || ' ' || low_id + high_id - from_id || ' ' || content as t from message";
        for [from, to, number] in numbers(world, sql).await {
            rows.insert(Key::Message { from, to, number });
        }
        for [author, number] in numbers(world, "select author || ' ' || title as t from videos").await {
            rows.insert(Key::Video { author, number });
        }
        let unwritten: Vec<&Key> = self.shown.difference(&rows).take(5).collect();
        let unshown: Vec<&Key> = rows.difference(&self.shown).take(5).collect();
        if !unwritten.is_empty() || !unshown.is_empty() {
            self.problems.push(format!("Postgres lacks {unwritten:?}, and Redis {unshown:?}"));
        }
    }
}

async fn members(world: &World, key: &str) -> BTreeSet<u64> {
    world.redis_command("SMEMBERS", &[key]).await.numbers().unwrap().into_iter().collect()
}

/// Of an order, and those that were trimmed from it.
async fn placed_members(world: &World, order: &str, older: &str) -> BTreeSet<u64> {
    let placed = world.redis_command("ZRANGE", &[order, "0", "-1"]).await.numbers().unwrap();
    placed.into_iter().chain(members(world, older).await).collect()
}

/// Rows of one text column, each of so many numbers.
async fn numbers<const COLUMNS: usize>(world: &World, sql: &str) -> Vec<[u64; COLUMNS]> {
    let text =
        ask_postgres(&world.postgres_url, &format!("select coalesce(string_agg(t, ','), '') from ({sql}) rows")).await;
    let row = |row: &str| {
        let numbers: Vec<u64> = row.split(' ').map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    };
    text.split(',').filter(|text| !text.is_empty()).map(row).collect()
}
