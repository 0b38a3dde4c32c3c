//! The store as a folder.

use std::fs;
use std::io::Read;

use super::container::VideoKind;
use super::name::{VideoName, cover_path};
use super::store::{Content, Media, PublicFile};
use crate::error::Code;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const A_DAY: &str = "public, max-age=86400";

fn media() -> (tempfile::TempDir, Media) {
    let folder = tempfile::tempdir().unwrap();
    let media = Media::in_folder(folder.path().join("media")).unwrap();
    (folder, media)
}

fn file(public: &PublicFile) -> &fs::File {
    match &public.content {
        Content::File(file) => file,
        Content::Object(_) => panic!("a folder has no objects"),
    }
}

async fn stored(media: &Media, bytes: &'static [u8]) -> VideoName {
    let mut draft = media.create_draft().await.unwrap();
    draft.write(bytes::Bytes::from_static(bytes)).await.unwrap();
    draft.finish(VideoKind::Mp4).await.unwrap()
}

#[tokio::test]
async fn a_finished_draft_is_public_and_gone_from_incoming() {
    let (_folder, media) = media();
    let video = stored(&media, b"bytes of a film").await;
    let public = media.find_public(&format!("video/{video}")).await.unwrap().unwrap();
    let mut content = String::new();
    file(&public).read_to_string(&mut content).unwrap();
    assert_eq!((content.as_str(), public.bytes), ("bytes of a film", 15));
    assert_eq!((public.content_type, public.cache_control), ("video/mp4", FOR_EVER));
    assert!(public.etag.starts_with("\"f-") && public.etag.ends_with('"'), "{}", public.etag);
    assert_eq!(fs::read_dir(media.incoming()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_cover_takes_the_place_of_the_placeholder() {
    let (_folder, media) = media();
    let video = stored(&media, b"film").await;
    assert!(media.find_public(&cover_path(video, true)).await.unwrap().is_none());
    let placeholder = media.find_public(&cover_path(video, false)).await.unwrap().unwrap();
    assert_eq!((placeholder.content_type, placeholder.cache_control), ("image/jpeg", A_DAY));

    media.write_cover(video, b"picture".to_vec()).await.unwrap();
    let cover = media.find_public(&cover_path(video, true)).await.unwrap().unwrap();
    assert_eq!((cover.bytes, cover.content_type, cover.cache_control), (7, "image/jpeg", FOR_EVER));
}

#[tokio::test]
async fn a_removed_video_takes_its_cover_along() {
    let (_folder, media) = media();
    let video = stored(&media, b"film").await;
    media.write_cover(video, b"picture".to_vec()).await.unwrap();
    media.remove(video).await.unwrap();
    media.remove(video).await.unwrap();
    assert!(media.find_public(&format!("video/{video}")).await.unwrap().is_none());
    assert!(media.find_public(&cover_path(video, true)).await.unwrap().is_none());
}

#[tokio::test]
async fn links_and_folders_are_not_served() {
    let (folder, media) = media();
    let video = stored(&media, b"film").await;
    let path = media.local_video(video).await.unwrap().unwrap().path().to_owned();
    let secret = folder.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&secret, &path).unwrap();
    assert_eq!(media.find_public(&format!("video/{video}")).await.unwrap_err().code, Code::Unavailable);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(media.find_public(&format!("video/{video}")).await.unwrap().is_none());
}

#[tokio::test]
async fn opening_again_keeps_what_is_there() {
    let (folder, media) = media();
    let before = media.find_public("placeholder/7.jpg").await.unwrap().unwrap().etag;
    fs::remove_file(folder.path().join("media/placeholder/8.jpg")).unwrap();
    let media = Media::in_folder(folder.path().join("media")).unwrap();
    assert_eq!(media.find_public("placeholder/7.jpg").await.unwrap().unwrap().etag, before);
    assert!(media.find_public("placeholder/8.jpg").await.unwrap().is_some());
}
