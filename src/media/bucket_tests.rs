//! The bucket against an object store: one of our own, or a real server (`TEST_S3_URL`).

use std::io::Cursor;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::bucket::{Bucket, PART_BYTES, PREFIX};
use super::container::VideoKind;
use super::name::{PublicName, VideoName};
use super::object_store::{ObjectStore, Policies};
use super::s3::{Address, Labels, S3};
use super::store::Shelf;
use crate::error::Code;

const TIMEOUT: Duration = Duration::from_secs(10);
const LABELS: Labels = Labels { content_type: "video/mp4", cache_control: "public" };

pub(super) fn address(store: &ObjectStore, timeout: Duration) -> Address {
    Address {
        endpoint: store.endpoint.clone(),
        bucket: store.bucket.clone(),
        region: "us-east-1".to_owned(),
        keys: Some((store.access_key.clone(), store.secret_key.clone())),
        timeout,
    }
}

pub(super) fn video(number: u128) -> PublicName {
    PublicName::Video(VideoName::new(number, VideoKind::Mp4))
}

pub(super) fn film(bytes: u64) -> Vec<u8> {
    (0..bytes).map(|place| (place * 7 + place / 251) as u8).collect()
}

pub(super) async fn stored(bucket: &Bucket, name: PublicName) -> Option<Vec<u8>> {
    let mut pieces = bucket.read(name, None).await.unwrap()?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend(piece.unwrap());
    }
    Some(bytes)
}

async fn bucket(store: &ObjectStore) -> Bucket {
    let bucket = Bucket::open(&address(store, TIMEOUT), 2).unwrap();
    bucket.make().await.unwrap();
    bucket
}

/// Gives a piece, then says that it is at its end, then gives another.
struct Hiccup {
    pieces: Vec<Option<Bytes>>,
}

impl AsyncRead for Hiccup {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if let Some(Some(piece)) = self.pieces.pop() {
            room.put_slice(&piece);
        }
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn what_goes_in_comes_out_at_every_number_of_parts() {
    let store = ObjectStore::start(Policies::Obeyed);
    let bucket = bucket(&store).await;
    for (number, bytes) in
        [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 7].into_iter().enumerate()
    {
        let (name, film) = (video(number as u128), film(bytes));
        bucket.upload(name, Cursor::new(film.clone()), bytes).await.unwrap();
        assert!(stored(&bucket, name).await.unwrap() == film, "{bytes} bytes");
        assert_eq!(bucket.stat(name).await.unwrap().unwrap().bytes, bytes);
    }
}

#[tokio::test]
async fn a_range_is_read_in_part() {
    let store = ObjectStore::start(Policies::Obeyed);
    let (bucket, film) = (bucket(&store).await, film(1000));
    bucket.upload(video(1), Cursor::new(film.clone()), 1000).await.unwrap();
    for range in [0..=0, 5..=99, 999..=999, 0..=999] {
        let mut pieces = bucket.read(video(1), Some(range.clone())).await.unwrap().unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend(piece.unwrap());
        }
        assert_eq!(bytes, film[*range.start() as usize..=*range.end() as usize]);
    }
    assert!(bucket.read(video(2), None).await.unwrap().is_none());
    assert!(bucket.stat(video(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_source_that_is_shorter_longer_or_interrupted_leaves_nothing() {
    let store = ObjectStore::start(Policies::Obeyed);
    let bucket = bucket(&store).await;
    for promised in [1000, 2 * PART_BYTES] {
        for given in [0, promised - 1, promised + 1] {
            let refused = bucket.upload(video(1), Cursor::new(film(given)), promised).await.unwrap_err();
            assert_eq!(refused.code, Code::Unavailable);
            assert!(bucket.stat(video(1)).await.unwrap().is_none(), "{given} of {promised}");
        }
        let half = Bytes::from(film(100));
        let hiccup = Hiccup { pieces: vec![Some(half.clone()), None, Some(half)] };
        bucket.upload(video(1), hiccup, promised).await.unwrap_err();
        assert!(bucket.stat(video(1)).await.unwrap().is_none());
    }
    let left = S3::new(&address(&store, TIMEOUT)).unwrap().unfinished(PREFIX).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn an_upload_goes_to_its_end_though_nobody_waits() {
    let store = ObjectStore::start(Policies::Obeyed);
    let bucket = bucket(&store).await;
    let film = film(PART_BYTES + 1);
    let (mut sending, receiving) = tokio::io::duplex(1024);
    let upload = tokio::spawn({
        let (bucket, bytes) = (bucket.clone(), film.len() as u64);
        async move { bucket.upload(video(1), receiving, bytes).await }
    });
    tokio::io::AsyncWriteExt::write_all(&mut sending, &film[..5000]).await.unwrap();
    upload.abort();
    assert!(upload.await.unwrap_err().is_cancelled());
    tokio::io::AsyncWriteExt::write_all(&mut sending, &film[5000..]).await.unwrap();
    drop(sending);
    while bucket.stat(video(1)).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(stored(&bucket, video(1)).await.unwrap() == film);
}

#[tokio::test]
async fn what_a_dead_server_began_is_removed_once_it_is_old() {
    let store = ObjectStore::start(Policies::Obeyed);
    let bucket = bucket(&store).await;
    let s3 = S3::new(&address(&store, TIMEOUT)).unwrap();
    let key = format!("{PREFIX}{}", video(1));
    let mut parts = s3.begin(&key, LABELS).await.unwrap();
    s3.send_part(&key, &mut parts, film(PART_BYTES).into()).await.unwrap();

    let hour = Duration::from_secs(3600);
    assert_eq!(bucket.remove_unfinished(SystemTime::now() - hour).await.unwrap(), 0);
    assert_eq!(bucket.remove_unfinished(SystemTime::now() + hour).await.unwrap(), 1);
    assert_eq!(bucket.remove_unfinished(SystemTime::now() + hour).await.unwrap(), 0);
    assert!(bucket.stat(video(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn old_objects_are_listed_in_batches_each_once() {
    let store = ObjectStore::start(Policies::Obeyed);
    let bucket = bucket(&store).await;
    for number in 0..7 {
        bucket.upload(video(number), Cursor::new(b"film"), 4).await.unwrap();
    }
    bucket.upload(PublicName::Cover(1), Cursor::new(b"cover"), 5).await.unwrap();
    let hour = Duration::from_secs(3600);
    for (before, expected) in [(SystemTime::now() + hour, 7), (SystemTime::now() - hour, 0)] {
        let mut listing = bucket.list(Shelf::Videos, 3).await.unwrap();
        let mut seen = Vec::new();
        while let Some((batch, rest)) = bucket.next_batch(listing, Shelf::Videos, before).await.unwrap() {
            assert!(batch.len() <= 3);
            seen.extend(batch);
            listing = rest;
        }
        let expected: Vec<_> = (0..expected).map(video).collect();
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn what_is_removed_is_gone_and_may_be_removed_again() {
    let store = ObjectStore::start(Policies::Obeyed);
    let bucket = bucket(&store).await;
    bucket.upload(video(1), Cursor::new(b"film"), 4).await.unwrap();
    for _ in 0..2 {
        bucket.remove(video(1)).await.unwrap();
        assert!(bucket.stat(video(1)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn everybody_may_read_where_the_store_obeys_policies() {
    for (policies, open) in [(Policies::Obeyed, true), (Policies::Refused, false)] {
        let store = ObjectStore::start(policies);
        let bucket = bucket(&store).await;
        bucket.make().await.unwrap();
        bucket.upload(video(1), Cursor::new(b"film"), 4).await.unwrap();
        let base = format!("{}/{}/media", store.endpoint, store.bucket);
        assert_eq!(bucket.public_base(video(1)).await.unwrap(), open.then_some(base));
    }
}

#[tokio::test]
async fn a_key_that_is_not_known_is_refused() {
    let store = ObjectStore::start(Policies::Obeyed);
    bucket(&store).await.upload(video(1), Cursor::new(b"film"), 4).await.unwrap();
    let (access, secret) = (&store.access_key, &store.secret_key);
    for keys in [Some((access.clone(), format!("{secret}?"))), Some(("nobody".to_owned(), secret.clone())), None] {
        let stranger = Bucket::open(&Address { keys, ..address(&store, TIMEOUT) }, 2).unwrap();
        assert_eq!(stranger.stat(video(1)).await.unwrap_err().code, Code::Unavailable);
        stranger.upload(video(2), Cursor::new(b"film"), 4).await.unwrap_err();
        stranger.check().await.unwrap_err();
    }
    assert!(bucket(&store).await.stat(video(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_bucket_belongs_to_the_first_that_asks() {
    let store = ObjectStore::start(Policies::Obeyed);
    let bucket = bucket(&store).await;
    for (installation, belongs) in [("mine", true), ("yours", false), ("mine", true)] {
        assert_eq!(bucket.belongs_to(installation).await.unwrap(), belongs);
    }
}
