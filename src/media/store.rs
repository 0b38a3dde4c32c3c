//! The media folder.
//!
//! ```text
//! <root>/video/<stem>.<mp4|mov|webm|mkv>    cover/<stem>.jpg    placeholder/<0..f>.jpg    incoming/  (under way)
//! ```
//!
//! A file appears in the first three by one rename, whole and synced, and never changes. So any number of servers may
//! share the folder, and readers may cache what they see for ever.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::draft::Draft;
use super::name::{PublicName, VideoName, stem_text};
use super::placeholder;
use crate::error::{Error, Result};

const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A later version may draw them anew.
const A_DAY: &str = "public, max-age=86400";

#[derive(Debug, Clone)]
pub struct Media {
    pub(super) root: Arc<Path>,
}

/// An open file and what its answer's head says.
#[derive(Debug)]
pub struct PublicFile {
    pub file: File,
    pub bytes: u64,
    /// Strong, with its quotes.
    pub etag: String,
    pub modified: SystemTime,
    pub content_type: &'static str,
    pub cache_control: &'static str,
}

impl Media {
    /// Makes the folders and the placeholders where they are missing. Blocks; for the start of a process.
    pub fn open(root: PathBuf) -> io::Result<Media> {
        for folder in ["video", "cover", "placeholder", "incoming"] {
            fs::create_dir_all(root.join(folder))?;
        }
        let media = Media { root: root.into() };
        let paths = (0..placeholder::COUNT).map(|number| media.path(PublicName::Placeholder(number)));
        let missing: Vec<_> = (0..placeholder::COUNT).zip(paths).filter(|(_, path)| !path.exists()).collect();
        for (image, (_, path)) in placeholder::draw(missing.iter().map(|(number, _)| *number)).zip(&missing) {
            media.put(path, &image.map_err(io::Error::other)?)?;
        }
        Ok(media)
    }

    /// Where an upload's bytes go while it is under way.
    pub async fn create_draft(&self) -> Result<Draft> {
        Draft::create(self.clone()).await
    }

    /// For the cover maker, which reads the file by itself.
    pub fn video_path(&self, video: VideoName) -> PathBuf {
        self.path(PublicName::Video(video))
    }

    /// Opens what lies at `path` below the public media address (`video/…`, `cover/…`, `placeholder/…`), decoded.
    /// None: no such file, or no such name. Blocks for an `open` and a `stat`.
    pub fn open_public(&self, path: &str) -> Result<Option<PublicFile>> {
        let Some(name) = PublicName::parse(path) else { return Ok(None) };
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(self.path(name));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("open a media file", error)),
        };
        let metadata = file.metadata().map_err(|error| fault("look at a media file", error))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let modified = metadata.modified().map_err(|error| fault("look at a media file", error))?;
        let modified_ns = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        Ok(Some(PublicFile {
            file,
            bytes: metadata.len(),
            etag: format!("\"{:x}-{modified_ns:x}\"", metadata.len()),
            modified,
            content_type: match name {
                PublicName::Video(video) => video.content_type(),
                PublicName::Cover(_) | PublicName::Placeholder(_) => "image/jpeg",
            },
            cache_control: match name {
                PublicName::Video(_) | PublicName::Cover(_) => FOR_EVER,
                PublicName::Placeholder(_) => A_DAY,
            },
        }))
    }

    /// Keeps the JPEG that was made for a video; safe on disk when it returns.
    pub async fn write_cover(&self, video: VideoName, jpeg: Vec<u8>) -> Result<()> {
        let media = self.clone();
        blocking("write a cover", move || media.put(&media.cover_path(video), &jpeg)).await
    }

    /// Removes a video that nobody knows, and its cover. Removing it again, or from two servers at once, is no fault.
    pub async fn remove(&self, video: VideoName) -> Result<()> {
        let media = self.clone();
        blocking("remove a video", move || {
            remove_if_there(&media.video_path(video))?;
            remove_if_there(&media.cover_path(video))
        })
        .await
    }

    fn cover_path(&self, video: VideoName) -> PathBuf {
        self.path(PublicName::Cover(video.number()))
    }

    fn path(&self, name: PublicName) -> PathBuf {
        match name {
            PublicName::Video(video) => self.root.join("video").join(video.to_string()),
            PublicName::Cover(stem) => self.root.join("cover").join(format!("{}.jpg", stem_text(stem))),
            PublicName::Placeholder(number) => self.root.join("placeholder").join(format!("{number:x}.jpg")),
        }
    }

    pub(super) fn incoming_path(&self, stem: u128) -> PathBuf {
        self.root.join("incoming").join(stem_text(stem))
    }

    /// A small file appears at `path`, whole and synced, or not at all.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.incoming_path(rand::random());
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| move_synced(&temporary, path));
        if written.is_err() {
            remove_if_there(&temporary)?;
        }
        written
    }
}

/// A rename is safe from a power failure once the folder that gained the name is synced.
pub(super) fn move_synced(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A full disk, a quota, a broken disk: the client may try again, and the log says what it was.
pub(super) fn fault(doing: &str, error: io::Error) -> Error {
    Error::unavailable(format!("could not {doing}: {error}"))
}

/// Runs `work` where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| fault(doing, error)),
        Err(error) => Err(Error::internal(format!("could not {doing}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::container::VideoKind;
    use super::super::name::cover_path;
    use super::*;
    use crate::error::Code;

    fn media() -> (tempfile::TempDir, Media) {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::open(folder.path().join("media")).unwrap();
        (folder, media)
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
        let mut public = media.open_public(&format!("video/{video}")).unwrap().unwrap();
        let mut content = String::new();
        public.file.read_to_string(&mut content).unwrap();
        assert_eq!((content.as_str(), public.bytes), ("bytes of a film", 15));
        assert_eq!((public.content_type, public.cache_control), ("video/mp4", FOR_EVER));
        assert!(public.etag.starts_with("\"f-") && public.etag.ends_with('"'), "{}", public.etag);
        assert_eq!(fs::read_dir(media.root.join("incoming")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_cover_takes_the_place_of_the_placeholder() {
        let (_folder, media) = media();
        let video = stored(&media, b"film").await;
        assert!(media.open_public(&cover_path(video, true)).unwrap().is_none());
        let placeholder = media.open_public(&cover_path(video, false)).unwrap().unwrap();
        assert_eq!((placeholder.content_type, placeholder.cache_control), ("image/jpeg", A_DAY));

        media.write_cover(video, b"picture".to_vec()).await.unwrap();
        let cover = media.open_public(&cover_path(video, true)).unwrap().unwrap();
        assert_eq!((cover.bytes, cover.content_type, cover.cache_control), (7, "image/jpeg", FOR_EVER));
    }

    #[tokio::test]
    async fn a_removed_video_takes_its_cover_along() {
        let (_folder, media) = media();
        let video = stored(&media, b"film").await;
        media.write_cover(video, b"picture".to_vec()).await.unwrap();
        media.remove(video).await.unwrap();
        media.remove(video).await.unwrap();
        assert!(media.open_public(&format!("video/{video}")).unwrap().is_none());
        assert!(media.open_public(&cover_path(video, true)).unwrap().is_none());
    }

    #[tokio::test]
    async fn links_and_folders_are_not_served() {
        let (folder, media) = media();
        let video = stored(&media, b"film").await;
        let secret = folder.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        fs::remove_file(media.video_path(video)).unwrap();
        std::os::unix::fs::symlink(&secret, media.video_path(video)).unwrap();
        assert_eq!(media.open_public(&format!("video/{video}")).unwrap_err().code, Code::Unavailable);
        fs::remove_file(media.video_path(video)).unwrap();
        fs::create_dir(media.video_path(video)).unwrap();
        assert!(media.open_public(&format!("video/{video}")).unwrap().is_none());
    }

    #[test]
    fn opening_again_keeps_what_is_there() {
        let (folder, media) = media();
        let before = media.open_public("placeholder/7.jpg").unwrap().unwrap().etag;
        fs::remove_file(media.root.join("placeholder/8.jpg")).unwrap();
        let media = Media::open(folder.path().join("media")).unwrap();
        assert_eq!(media.open_public("placeholder/7.jpg").unwrap().unwrap().etag, before);
        assert!(media.open_public("placeholder/8.jpg").unwrap().is_some());
    }
}
