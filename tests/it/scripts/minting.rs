//! Ids: never twice, never backwards, never with another bucket's bits, always exact.

use riffle::id::{Bucket, EPOCH_MS, ID_MAX, VideoId, ms_of};
use riffle::store::{Client, Command, keys, script};

use super::case::{EPOCH, head};
use super::keyspace::{dump, plant, text};
use super::{call, connect};
use crate::harness::start_redis;

async fn mint(client: &Client, bucket: Bucket, last: u64, floor: u64) -> Result<u64, String> {
    plant(client, &[(keys::head(bucket), text(head(EPOCH, "open", last)))].into()).await;
    mint_again(client, bucket, floor).await
}

async fn mint_again(client: &Client, bucket: Bucket, floor: u64) -> Result<u64, String> {
    let arguments = [EPOCH.to_string(), floor.to_string()];
    let reply = call(client, &script::ID_MINT, &[keys::head(bucket)], &arguments).await?;
    Ok(reply.strip_prefix("OK ").unwrap_or_else(|| panic!("{reply}")).parse().unwrap())
}

fn bucket(number: u16) -> Bucket {
    Bucket::new(number).unwrap()
}

/// What Redis takes for now.
async fn redis_ms(client: &Client) -> u64 {
    let time = client.call(Command::new("TIME")).await.unwrap().numbers().unwrap();
    time[0] * 1_000 + time[1] / 1_000 - EPOCH_MS as u64
}

#[tokio::test]
async fn an_id_tells_when_and_where_it_was_minted() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    for number in [0, 42, 255] {
        let earliest = redis_ms(&client).await;
        let id = mint(&client, bucket(number), bucket(number).id_at(1), 0).await.unwrap();
        assert!((earliest..=redis_ms(&client).await).contains(&ms_of(id)), "{id}");
        assert_eq!(id, bucket(number).id_at(ms_of(id)), "the first of its millisecond");
    }
}

#[tokio::test]
async fn a_head_ahead_of_the_clock_is_followed_by_its_next_id() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    let ahead = redis_ms(&client).await + 3_600_000;
    for number in [0, 1, 42, 254, 255] {
        let at = |ms: u64, sequence: u64| bucket(number).id_at(ms) | sequence;
        for (last, next) in [
            (at(ahead, 0), at(ahead, 1)),
            (at(ahead, 30), at(ahead, 31)),
            // The sequence carries into the milliseconds, past the bits of the bucket.
            (at(ahead, 31), at(ahead + 1, 0)),
            (at((1 << 39) - 1, 31), at(1 << 39, 0)),
            (at((1 << 40) - 2, 31), at((1 << 40) - 1, 0)),
            (at((1 << 40) - 1, 30), at((1 << 40) - 1, 31)),
        ] {
            assert_eq!(mint(&client, bucket(number), last, last).await, Ok(next), "after {last}");
        }
    }
}

#[tokio::test]
async fn ids_of_a_storm_are_one_more_each() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    let start = bucket(255).id_at(redis_ms(&client).await + 3_600_000);
    let mut last = mint(&client, bucket(255), start, 0).await.unwrap();
    for _ in 0..100 {
        let id = mint_again(&client, bucket(255), last).await.unwrap();
        let ticks = |id: u64| ms_of(id) * 32 + id % 32;
        assert_eq!(ticks(id), ticks(last) + 1);
        last = id;
    }
}

#[tokio::test]
async fn a_version_above_that_of_another_bucket_is_of_a_later_millisecond() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    let ahead = redis_ms(&client).await + 3_600_000;
    let ours = |ms: u64| bucket(42).id_at(ms);
    for (last, at_least, version) in [
        (ours(ahead), bucket(0).id_at(ahead), ours(ahead + 1)),
        (ours(ahead), bucket(255).id_at(ahead) | 31, ours(ahead + 1)),
        (ours(ahead), ours(ahead), ours(ahead + 1)),
        (ours(ahead), bucket(255).id_at(ahead - 1) | 31, ours(ahead) | 1),
        (ours(ahead), bucket(255).id_at(ahead + 9) | 31, ours(ahead + 10)),
    ] {
        let key = keys::head(bucket(42));
        plant(&client, &[(key.clone(), text(head(EPOCH, "open", last)))].into()).await;
        let (video, likers) = (keys::video(VideoId(ours(1))), keys::likers(VideoId(ours(1))));
        let arguments = [EPOCH, last, 7, at_least].map(|number| number.to_string());
        let reply = call(&client, &script::FAVORITE_READ, &[key, video, likers], &arguments).await;
        assert_eq!(reply, Ok(format!("OK {version} :0")), "above {at_least}, after {last}");
    }
}

#[tokio::test]
async fn no_id_passes_what_a_double_holds_exactly() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    let last_bucket = bucket(255);
    assert_eq!(mint(&client, last_bucket, ID_MAX - 1, 0).await, Ok(ID_MAX));
    let refused = mint_again(&client, last_bucket, ID_MAX).await.unwrap_err();
    assert!(refused.contains("no ids are left"), "{refused}");
    let head = [(keys::head(last_bucket), text(head(EPOCH, "open", ID_MAX)))];
    assert_eq!(dump(&client).await, head.into());
}
