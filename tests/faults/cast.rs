//! Users and videos that are there before the first server starts: hashing fifty passwords would take longer than most
//! tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use riffle::auth::token::Tokens;
use riffle::id::{UserId, bucket_of};

use crate::harness::{Account, World, id_at};
use crate::ledger::{Key, Ledger};

pub const PEOPLE: usize = 50;
const VIDEOS: usize = 20;
pub const TOKEN_SECRET: &str = "a secret of tests, which is long enough";

pub struct Cast {
    pub people: Vec<Account>,
    /// Their ids, and the places of their authors.
    pub videos: Vec<(u64, usize)>,
}

impl Cast {
    /// Plants users, two by two friends, and videos of the first of them.
    pub async fn plant(world: &World, ledger: &mut Ledger) -> Cast {
        let tokens = Tokens::new(TOKEN_SECRET.as_bytes(), Duration::from_secs(600_000));
        let hour_ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 - 3_600_000;
        let people: Vec<Account> = (0..PEOPLE)
            .map(|place| {
                let id = id_at(hour_ago, (place * 5 % 256) as u16, place as u64 % 32);
                Account { id, token: tokens.issue(UserId(id)).unwrap() }
            })
            .collect();
        let videos: Vec<(u64, usize)> = (0..VIDEOS)
            .map(|place| (id_at(hour_ago + 1_000 + place as i64, bucket_of(people[place].id).number(), 0), place))
            .collect();
        let ids: Vec<u64> = people.iter().map(|account| account.id).collect();
        world
            .sql(&format!(
                "insert into users (id, name, name_key, password_hash, version)
                 select id, 'planted ' || id, 'planted ' || id, '', id from unnest(array{ids:?}::bigint[]) as id"
            ))
            .await;
        for (number, (video, author)) in videos.iter().enumerate() {
            let author = people[*author].id;
            world
                .sql(&format!(
                    "insert into videos (id, author, title, object, cover, version)
                     values ({video}, {author}, '{number}', lpad(to_hex({video}), 32, '0') || '.mp4', 2, {video})"
                ))
                .await;
            ledger.plant(Key::Video { author, number: number as u64 });
        }
        for pair in ids.chunks(2) {
            for (from, to) in [(pair[0], pair[1]), (pair[1], pair[0])] {
                world.sql(&format!("insert into follow values ({from}, {to}, {from}, true)")).await;
                ledger.plant(Key::Follow { from, to });
            }
        }
        Cast { people, videos }
    }

    /// The one with whom someone chats, and whom he never stops following.
    pub fn partner(&self, place: usize) -> &Account {
        &self.people[place ^ 1]
    }
}
