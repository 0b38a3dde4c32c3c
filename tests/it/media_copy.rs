//! `riffle media copy`: nothing is lost on the way to an object store and back, however often it is interrupted.

use std::collections::BTreeMap;

use crate::harness::{
    Account, Client, Finished, ObjectStore, Policies, Server, World, clip, eventually, head, run, run_command,
    temporary_folder,
};

const TO_S3: &[&str] = &["media", "copy", "--from", "folder", "--to", "s3"];
const TO_FOLDER: &[&str] = &["media", "copy", "--from", "s3", "--to", "folder"];

/// A server on a folder, with videos of other bytes each, and their covers.
async fn world_with_films(count: usize) -> (World, Server, Account) {
    let world = World::start_with_media_folder().await;
    let server = Server::start(&world, &[]).await;
    let mia = server.client().register("mia").await;
    for number in 0..count {
        let film = [clip(), b"\0\0\0\x0Cfree", &(number as u32).to_be_bytes()].concat();
        assert_eq!(server.client().try_publish(&mia, &number.to_string(), &film).await.code(), 0);
    }
    let covered = async || {
        let feed = server.client().get_json("/douyin/feed/").await;
        let mut videos = feed["video_list"].as_array().unwrap().iter();
        videos.all(|video| video["cover_url"].as_str().unwrap().contains("/cover/")).then_some(())
    };
    eventually("every cover to be shown", covered).await;
    (world, server, mia)
}

/// What the two addresses of each video give, by its title.
async fn all_bytes(client: Client) -> BTreeMap<String, Vec<Vec<u8>>> {
    let feed = client.get_json("/douyin/feed/").await;
    let mut all = BTreeMap::new();
    for video in feed["video_list"].as_array().unwrap() {
        let mut bytes = Vec::new();
        for key in ["play_url", "cover_url"] {
            let address = video[key].as_str().unwrap();
            let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
            let reply =
                Client::to(host.parse().unwrap()).request(head("GET", &format!("/{path}"), &[]).as_bytes()).await;
            assert_eq!(reply.status, 200, "{address}");
            bytes.push(reply.body);
        }
        all.insert(video["title"].as_str().unwrap().to_owned(), bytes);
    }
    all
}

fn assert_says(finished: &Finished, line: &str) {
    assert!(finished.status.success(), "{finished:#?}");
    assert_eq!(finished.stdout.trim_end(), line);
}

#[tokio::test]
async fn every_file_arrives_and_comes_back() {
    let (world, server, _) = world_with_films(3).await;
    let before = all_bytes(server.client()).await;
    assert_eq!(before.len(), 3);
    let store = ObjectStore::start(Policies::Obeyed);

    // Beside a running server.
    let copied = run(&world, TO_S3, &store.settings()).await;
    assert_says(&copied, "6 files copied, 0 were there already; all have the same checksum");
    server.terminate().await;
    let moved = Server::start(&world, &store.settings()).await;
    let feed = moved.client().get_json("/douyin/feed/").await;
    assert!(feed["video_list"][0]["play_url"].as_str().unwrap().starts_with(&store.endpoint));
    assert_eq!(all_bytes(moved.client()).await, before);
    let again = run(&world, TO_S3, &store.settings()).await;
    assert_says(&again, "0 files copied, 6 were there already; all have the same checksum");

    let elsewhere = temporary_folder();
    let back = run_command(TO_FOLDER, elsewhere.path(), &store.settings()).await;
    assert_says(&back, "6 files copied, 0 were there already; all have the same checksum");
    for kind in ["video", "cover"] {
        for name in world.media_files(kind) {
            let copy = std::fs::read(elsewhere.path().join("media").join(&name)).unwrap();
            assert!(copy == std::fs::read(world.data_dir().join("media").join(&name)).unwrap(), "{name}");
        }
    }
    assert_eq!(std::fs::read_dir(elsewhere.path().join("media/incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_copy_that_was_cut_off_goes_on_where_it_was() {
    let (world, server, mia) = world_with_films(1).await;
    let free = 6 << 20;
    let long = [clip(), &(free as u32).to_be_bytes(), b"free", &vec![0; free - 8]].concat();
    assert_eq!(server.client().try_publish(&mia, "long", &long).await.code(), 0);
    eventually("its cover to be made", async || (world.media_files("cover").len() == 2).then_some(())).await;
    let store = ObjectStore::start(Policies::Refused);
    store.refuse_parts(true);
    let failed = run(&world, TO_S3, &store.settings()).await;
    assert_eq!(failed.status.code(), Some(1), "{failed:#?}");
    assert_eq!(store.unfinished(), 0);
    store.refuse_parts(false);
    let finished = run(&world, TO_S3, &store.settings()).await;
    assert!(finished.status.success(), "{finished:#?}");

    let moved = Server::start(&world, &store.settings()).await;
    let after = all_bytes(moved.client()).await;
    assert!(after["long"][0] == long);
    assert_eq!(after, all_bytes(server.client()).await);
}

#[tokio::test]
async fn a_file_that_differs_is_copied_again() {
    let (world, _server, _) = world_with_films(1).await;
    let store = ObjectStore::start(Policies::Refused);
    assert!(run(&world, TO_S3, &store.settings()).await.status.success());
    let name = &world.media_files("video")[0];
    let original = std::fs::read(world.data_dir().join("media").join(name)).unwrap();
    let mut damaged = original.clone();
    damaged[1000] ^= 1;
    std::fs::write(store.folder().join(name), damaged).unwrap();
    let repaired = run(&world, TO_S3, &store.settings()).await;
    assert_says(&repaired, "1 files copied, 1 were there already; all have the same checksum");
    assert!(std::fs::read(store.folder().join(name)).unwrap() == original);
}

#[tokio::test]
async fn a_store_that_is_not_there_is_named() {
    let world = World::start_with_media_folder().await;
    let no_settings = run(&world, TO_S3, &[]).await;
    assert_eq!(no_settings.status.code(), Some(1));
    assert!(no_settings.stderr.contains("RIFFLE_S3_ENDPOINT"), "{no_settings:#?}");
    let nobody = [("s3_endpoint", "http://127.0.0.1:1"), ("s3_access_key", "a"), ("s3_secret_key", "b")];
    assert_eq!(run(&world, TO_S3, &nobody).await.status.code(), Some(1));
    let same = run(&world, &["media", "copy", "--from", "s3", "--to", "s3"], &nobody).await;
    assert_eq!(same.status.code(), Some(1));
    assert_eq!(run(&world, &["media", "copy", "--from", "folder"], &[]).await.status.code(), Some(2));
}
