//! Writes a world into an empty database: one transaction, indexes made anew at its end.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use riffle::auth::password::Passwords;
use tokio_postgres::Client;

use super::copy::Copy;
use super::{COMMENTS, FOLLOWS, LIKES, MESSAGES, PASSWORD, World, id, id_beside, skew};
use crate::Result;

/// What a row of a table took.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Written {
    pub what: String,
    pub rows: u64,
    pub seconds: f64,
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Written { what, rows, seconds } = self;
        write!(f, "{what:<10} {rows:>10} rows {seconds:>8.1} s {:>10.0} rows/s", *rows as f64 / seconds)
    }
}

const TABLES: &[&str] = &["users", "videos", "follow", "favorite", "comment", "message"];

/// `say` hears of each table as it is done. Refuses a database that has users, or that a Redis was ever loaded from:
/// Redis would never hear of these rows.
pub async fn write(session: &Client, world: &World, mut say: impl FnMut(&Written)) -> Result<Vec<Written>> {
    let used = "select exists (select from users) or exists (select from bucket where open)";
    if session.query_one(used, &[]).await?.get(0) {
        return Err("this database is in use already: give an empty one, whose riffle has never run".into());
    }
    session
        .batch_execute("begin; set local synchronous_commit = off; set local maintenance_work_mem = '256MB'")
        .await?;
    let indexes = drop_indexes(session).await?;
    let mut all = Vec::new();
    for table in TABLES {
        let begun = Instant::now();
        let rows = match *table {
            "users" => users(session, world).await?,
            "videos" => videos(session, world).await?,
            "follow" => follows(session, world).await?,
            "favorite" => likes(session, world).await?,
            "comment" => comments(session, world).await?,
            _ => messages(session, world).await?,
        };
        let written = Written { what: (*table).to_owned(), rows, seconds: begun.elapsed().as_secs_f64() };
        say(&written);
        all.push(written);
    }
    let begun = Instant::now();
    for index in &indexes {
        session.batch_execute(index).await?;
    }
    session.batch_execute("commit; analyze").await?;
    let seconds = begun.elapsed().as_secs_f64();
    let rows = all.iter().map(|written| written.rows).sum();
    let written = Written { what: "indexes".to_owned(), rows, seconds };
    say(&written);
    all.push(written);
    Ok(all)
}

/// Drops what is no constraint, and gives how to make it again: filling an index at once is several times faster.
async fn drop_indexes(session: &Client) -> Result<Vec<String>> {
    let sql = "select indexname, indexdef from pg_indexes where schemaname = 'public' and tablename = any($1)
               and indexname not in (select conname from pg_constraint)";
    let mut definitions = Vec::new();
    for row in session.query(sql, &[&TABLES]).await? {
        session.batch_execute(&format!("drop index {}", row.get::<_, String>(0))).await?;
        definitions.push(row.get(1));
    }
    Ok(definitions)
}

async fn users(session: &Client, world: &World) -> Result<u64> {
    // One hash for all: making 200 000 would take hours.
    let hash = Passwords::start(1, 1)?.hash(PASSWORD.to_owned()).await?;
    let mut copy = Copy::into(session, "users (id, name, name_key, password_hash, version)").await?;
    for (place, id) in world.users.iter().enumerate() {
        let name = World::name(place);
        copy.row(&[id, &name, &name, &hash, &(id + 1)]).await?;
    }
    copy.finish().await
}

async fn videos(session: &Client, world: &World) -> Result<u64> {
    const COVER_CANNOT_BE_MADE: u8 = 2;
    let mut dice = StdRng::seed_from_u64(world.seed ^ 1);
    let mut copy = Copy::into(session, "videos (id, author, title, object, cover, version)").await?;
    for video in &world.videos {
        let object = format!("{:032x}.mp4", dice.random::<u128>());
        let title = words(&mut dice, 2..7);
        copy.row(&[&video.id, &video.author, &title, &object, &COVER_CANNOT_BE_MADE, &(video.id + 1)]).await?;
    }
    copy.finish().await
}

async fn follows(session: &Client, world: &World) -> Result<u64> {
    let users = &world.users;
    let paired = world.pairs() * 2;
    let total = paired + world.followers.iter().map(|count| *count as usize).sum::<usize>();
    let mut slots = 0..total;
    let mut copy = Copy::into(session, "follow (from_id, to_id, version, is_on)").await?;
    let mut version = |to: u64| {
        let slot = slots.next().unwrap_or_default();
        id_beside(FOLLOWS.time_ms(world.now_ms, skew::scatter(slot, total), total), to)
    };
    for from in 0..paired {
        let to = users[from ^ 1];
        copy.row(&[&users[from], &to, &version(to), &'t']).await?;
    }
    for (to, count) in world.followers.iter().enumerate() {
        let own_pair = |from: &usize| *from / 2 == to / 2;
        let fans = (0..users.len()).map(|step| fan(to, step, users.len())).filter(|from| !own_pair(from));
        for from in fans.take(*count as usize) {
            copy.row(&[&users[from], &users[to], &version(users[to]), &'t']).await?;
        }
    }
    copy.finish().await
}

async fn likes(session: &Client, world: &World) -> Result<u64> {
    let total: usize = world.likes.iter().map(|count| *count as usize).sum();
    let mut slot = 0;
    let mut copy = Copy::into(session, "favorite (from_id, to_id, version, is_on)").await?;
    for (rank, count) in world.likes.iter().enumerate() {
        let video = world.ranked(rank);
        for step in 0..*count as usize {
            let from = world.users[fan(rank, step, world.users.len())];
            let time_ms = LIKES.time_ms(world.now_ms, skew::scatter(slot, total), total);
            copy.row(&[&from, &video.id, &id_beside(time_ms, video.id), &'t']).await?;
            slot += 1;
        }
    }
    copy.finish().await
}

/// The user who comes at a step of those who are fond of the thing at `rank`: another at each step.
fn fan(rank: usize, step: usize, users: usize) -> usize {
    (skew::scatter(step, users) + rank.wrapping_mul(7_919)) % users
}

async fn comments(session: &Client, world: &World) -> Result<u64> {
    let mut dice = StdRng::seed_from_u64(world.seed ^ 2);
    let total: usize = world.comments.iter().map(|count| *count as usize).sum();
    let mut slot = 0;
    let mut copy = Copy::into(session, "comment (id, video_id, user_id, content, version, is_on)").await?;
    for (rank, count) in world.comments.iter().enumerate() {
        let video = world.ranked(rank).id;
        for _ in 0..*count {
            let id = id_beside(COMMENTS.time_ms(world.now_ms, skew::scatter(slot, total), total), video);
            let user = world.users[dice.random_range(0..world.users.len())];
            copy.row(&[&id, &video, &user, &words(&mut dice, 3..15), &id, &'t']).await?;
            slot += 1;
        }
    }
    copy.finish().await
}

async fn messages(session: &Client, world: &World) -> Result<u64> {
    let mut dice = StdRng::seed_from_u64(world.seed ^ 3);
    let total = if world.pairs() == 0 { 0 } else { world.sizes.messages };
    let mut copy = Copy::into(session, "message (id, low_id, high_id, from_id, sent_ms, content)").await?;
    for slot in 0..total {
        let (low, high) = world.friends(skew::scatter(slot % world.pairs(), world.pairs()));
        let sent_ms = MESSAGES.time_ms(world.now_ms, slot, total);
        let from = if dice.random() { low } else { high };
        let id = id(sent_ms, riffle::id::bucket_of(low).number());
        copy.row(&[&id, &low, &high, &from, &sent_ms, &words(&mut dice, 3..12)]).await?;
    }
    copy.finish().await
}

const WORDS: &[&str] = &[
    "上海",
    "夜晚",
    "好看",
    "太棒了",
    "一起",
    "小狗",
    "今天",
    "音乐",
    "the",
    "river",
    "at",
    "dawn",
    "slow",
    "dance",
    "street",
    "noodles",
    "again",
    "why",
    "so",
    "good",
    "旅行",
    "下雨",
    "猫",
    "laughing",
    "first",
    "snow",
    "回家",
    "look",
];

fn words(dice: &mut StdRng, count: std::ops::Range<usize>) -> String {
    let words: Vec<&str> = (0..dice.random_range(count)).map(|_| WORDS[dice.random_range(0..WORDS.len())]).collect();
    words.join(" ")
}
