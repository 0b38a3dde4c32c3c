//! The bucket while its object store is away, silent, or full.

use std::io::Cursor;
use std::time::Duration;

use super::bucket::{Bucket, PART_BYTES};
use super::bucket_tests::{address, film, stored, video};
use super::object_store::{ObjectStore, Policies};
use crate::error::Code;

async fn bucket(store: &ObjectStore, timeout: Duration) -> Bucket {
    let bucket = Bucket::open(&address(store, Duration::from_secs(10)), 2).unwrap();
    bucket.make().await.unwrap();
    bucket.upload(video(1), Cursor::new(film(1000)), 1000).await.unwrap();
    Bucket::open(&address(store, timeout), 2).unwrap()
}

async fn assert_nothing_works(bucket: &Bucket) {
    for bytes in [1, PART_BYTES + 1] {
        let error = bucket.upload(video(2), Cursor::new(film(bytes)), bytes).await.unwrap_err();
        assert_eq!(error.code, Code::Unavailable);
    }
    for error in [
        bucket.check().await.unwrap_err(),
        bucket.stat(video(1)).await.unwrap_err(),
        bucket.read(video(1), None).await.map(drop).unwrap_err(),
        bucket.remove(video(1)).await.unwrap_err(),
        bucket.make().await.unwrap_err(),
        bucket.public_base(video(1)).await.unwrap_err(),
    ] {
        assert_eq!(error.code, Code::Unavailable);
        assert!(error.detail.is_some());
    }
}

#[tokio::test]
async fn a_store_that_is_away_fails_every_call_and_is_found_again() {
    let mut store = ObjectStore::start(Policies::Refused);
    let bucket = bucket(&store, Duration::from_secs(10)).await;
    store.stop();
    assert_nothing_works(&bucket).await;
    store.start_again();
    assert_eq!(stored(&bucket, video(1)).await.unwrap(), film(1000));
    assert!(bucket.stat(video(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_takes_requests_and_answers_none_is_not_waited_for() {
    let store = ObjectStore::start(Policies::Refused);
    let bucket = bucket(&store, Duration::from_millis(50)).await;
    store.hang(true);
    assert_nothing_works(&bucket).await;
}

#[tokio::test]
async fn an_upload_that_fails_half_way_leaves_no_parts() {
    let store = ObjectStore::start(Policies::Refused);
    let bucket = bucket(&store, Duration::from_secs(10)).await;
    store.refuse_parts(true);
    let bytes = PART_BYTES + 1;
    let error = bucket.upload(video(2), Cursor::new(film(bytes)), bytes).await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(store.unfinished(), 0);
    store.refuse_parts(false);
    bucket.upload(video(2), Cursor::new(film(bytes)), bytes).await.unwrap();
    assert_eq!(stored(&bucket, video(2)).await.unwrap(), film(bytes));
}
