//! The media store: a folder, or a bucket of an object store. Uploads under way lie in the folder in any case.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;

use super::bucket::{Bucket, Pieces};
use super::draft::Draft;
use super::folder::{Folder, remove_if_there};
use super::name::{PublicName, VideoName, stem_text};
use super::placeholder;
use super::s3::Address;
use crate::config::Config;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub struct Media {
    /// Holds `incoming/`, and all else where there is no bucket.
    root: Arc<Path>,
    pub(super) store: Store,
}

/// Where finished files are.
#[derive(Debug, Clone)]
pub(super) enum Store {
    Folder(Folder),
    Bucket(Arc<Bucket>),
}

/// The settings of an object store that speaks S3.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    /// `http://host:port`
    pub endpoint: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
    pub timeout: Duration,
    /// Uploads at once.
    pub transfers_max: usize,
}

/// A file to be served, and what its answer's head says.
#[derive(Debug)]
pub struct PublicFile {
    pub content: Content,
    pub bytes: u64,
    /// Strong, with its quotes.
    pub etag: String,
    pub modified: SystemTime,
    pub content_type: &'static str,
    pub cache_control: &'static str,
}

#[derive(Debug)]
pub enum Content {
    File(File),
    Object(Object),
}

/// An object that is not read yet.
#[derive(Debug)]
pub struct Object {
    bucket: Arc<Bucket>,
    name: PublicName,
}

/// A kind of files, as they lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    Videos,
    Covers,
}

/// A stored file on the local disk: itself, or a copy that goes when this is dropped.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    is_copy: bool,
}

impl ObjectStore {
    /// Of the settings; None: they name no endpoint.
    pub fn of(config: &Config) -> Result<Option<ObjectStore>> {
        let Some(endpoint) = config.s3_endpoint.clone() else { return Ok(None) };
        let (Some(access_key), Some(secret_key)) = (config.s3_access_key.clone(), config.s3_secret_key.clone()) else {
            return Err(Error::unavailable("RIFFLE_S3_ENDPOINT needs RIFFLE_S3_ACCESS_KEY and RIFFLE_S3_SECRET_KEY"));
        };
        Ok(Some(ObjectStore {
            endpoint,
            bucket: config.s3_bucket.clone(),
            access_key,
            secret_key,
            region: config.s3_region.clone(),
            timeout: config.s3_timeout_ms,
            transfers_max: config.s3_transfers_max,
        }))
    }
}

impl Media {
    /// Of the settings. Blocks; for the start of a process, on the runtime that is to talk with the object store.
    pub fn of(config: &Config) -> Result<Media> {
        // Absolute: child processes that look into files run in folders of their own.
        let root =
            std::path::absolute(config.data_dir.join("media")).map_err(|error| fault("find the folder", error))?;
        match ObjectStore::of(config)? {
            Some(store) => Media::in_bucket(root, &store),
            None => Media::in_folder(root).map_err(|error| Error::unavailable(format!("media folder: {error}"))),
        }
    }

    /// Makes the folders and the placeholders where they are missing. Blocks.
    pub fn in_folder(root: PathBuf) -> io::Result<Media> {
        fs::create_dir_all(root.join("incoming"))?;
        let root: Arc<Path> = root.into();
        let folder = Folder::open(root.clone())?;
        let media = Media { root, store: Store::Folder(folder.clone()) };
        let missing: Vec<_> =
            (0..placeholder::COUNT).filter(|number| !folder.path(PublicName::Placeholder(*number)).exists()).collect();
        for (image, number) in placeholder::draw(missing.iter().copied()).zip(&missing) {
            let temporary = media.write_temporary(&image.map_err(io::Error::other)?)?;
            folder.keep(&temporary.path, PublicName::Placeholder(*number))?;
        }
        Ok(media)
    }

    /// Asks nothing of the object store yet: [`Media::prepare`] does. `root` is where uploads under way lie. Blocks.
    pub fn in_bucket(root: PathBuf, store: &ObjectStore) -> Result<Media> {
        fs::create_dir_all(root.join("incoming")).map_err(|error| fault("make the folder of uploads", error))?;
        let address = Address {
            endpoint: store.endpoint.clone(),
            bucket: store.bucket.clone(),
            region: store.region.clone(),
            keys: Some((store.access_key.clone(), store.secret_key.clone())),
            timeout: store.timeout,
        };
        Ok(Media { root: root.into(), store: Store::Bucket(Arc::new(Bucket::open(&address, store.transfers_max)?)) })
    }

    /// Makes the store ready: bucket, placeholders, the right of everybody to read. Safe to repeat. Gives the public
    /// base address of the files where the store itself serves them to everybody.
    pub async fn prepare(&self) -> Result<Option<String>> {
        let Store::Bucket(bucket) = &self.store else { return Ok(None) };
        bucket.make().await?;
        for number in 0..placeholder::COUNT {
            let name = PublicName::Placeholder(number);
            if bucket.stat(name).await?.is_none() {
                let drawn = placeholder::draw(std::iter::once(number)).next();
                let image = drawn.ok_or_else(|| Error::internal("no placeholder"))?.map_err(Error::internal)?;
                bucket.upload(name, io::Cursor::new(image.clone()), image.len() as u64).await?;
            }
        }
        bucket.public_base(PublicName::Placeholder(0)).await
    }

    /// Where an upload's bytes go while it is under way. Fails at once while the object store is away.
    pub async fn create_draft(&self) -> Result<Draft> {
        if let Store::Bucket(bucket) = &self.store {
            bucket.check().await?;
        }
        Draft::create(self.clone()).await
    }

    /// For the cover maker, which reads the file by itself. None: the bucket has no such video; of a folder whoever opens
    /// the file finds out.
    pub async fn local_video(&self, video: VideoName) -> Result<Option<LocalFile>> {
        self.local(PublicName::Video(video)).await
    }

    /// What lies at `path` below the public media address (`video/…`, `cover/…`, `placeholder/…`), decoded.
    /// None: no such file, or no such name. In a folder it blocks for an `open` and a `stat`.
    pub async fn find_public(&self, path: &str) -> Result<Option<PublicFile>> {
        match PublicName::parse(path) {
            Some(name) => self.find(name).await,
            None => Ok(None),
        }
    }

    /// Keeps the JPEG that was made for a video; safe when it returns.
    pub async fn write_cover(&self, video: VideoName, jpeg: Vec<u8>) -> Result<()> {
        let name = PublicName::Cover(video.number());
        let (media, bytes) = (self.clone(), jpeg.len() as u64);
        let temporary = blocking("write a cover", move || media.write_temporary(&jpeg)).await?;
        self.keep(temporary.path.clone(), name, bytes).await
    }

    /// Removes a video that nobody knows, and its cover. Removing it again, or from two servers at once, is no fault.
    pub async fn remove(&self, video: VideoName) -> Result<()> {
        self.remove_file(PublicName::Video(video)).await?;
        self.remove_file(PublicName::Cover(video.number())).await
    }

    pub(super) async fn find(&self, name: PublicName) -> Result<Option<PublicFile>> {
        let bucket = match &self.store {
            Store::Folder(folder) => return folder.find(name),
            Store::Bucket(bucket) => bucket,
        };
        Ok(bucket.stat(name).await?.map(|stat| PublicFile {
            content: Content::Object(Object { bucket: bucket.clone(), name }),
            bytes: stat.bytes,
            etag: stat.etag,
            modified: stat.modified,
            content_type: name.content_type(),
            cache_control: name.cache_control(),
        }))
    }

    /// The file at `path`, which is `bytes` long and may be moved, becomes `name`; safe when it returns.
    pub(super) async fn keep(&self, path: PathBuf, name: PublicName, bytes: u64) -> Result<()> {
        match &self.store {
            Store::Folder(folder) => {
                let folder = folder.clone();
                blocking("keep a media file", move || folder.keep(&path, name)).await
            }
            Store::Bucket(bucket) => {
                let opened = tokio::fs::File::open(&path).await;
                bucket.upload(name, opened.map_err(|error| fault("read an upload", error))?, bytes).await
            }
        }
    }

    pub(super) async fn local(&self, name: PublicName) -> Result<Option<LocalFile>> {
        let bucket = match &self.store {
            Store::Folder(folder) => return Ok(Some(LocalFile { path: folder.path(name), is_copy: false })),
            Store::Bucket(bucket) => bucket,
        };
        let Some(mut pieces) = bucket.read(name, None).await? else { return Ok(None) };
        let copy = LocalFile { path: self.incoming_path(rand::random()), is_copy: true };
        let cannot = |error| fault("copy a media file", error);
        let mut file = tokio::fs::File::create_new(&copy.path).await.map_err(cannot)?;
        while let Some(piece) = pieces.next().await {
            file.write_all(&piece?).await.map_err(cannot)?;
        }
        file.flush().await.map_err(cannot)?;
        Ok(Some(copy))
    }

    pub(super) async fn remove_file(&self, name: PublicName) -> Result<()> {
        match &self.store {
            Store::Folder(folder) => {
                let folder = folder.clone();
                blocking("remove a media file", move || folder.remove(name)).await
            }
            Store::Bucket(bucket) => bucket.remove(name).await,
        }
    }

    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub(super) fn incoming_path(&self, stem: u128) -> PathBuf {
        self.incoming().join(stem_text(stem))
    }

    /// A small file among the uploads under way, to be kept; goes when it is dropped.
    fn write_temporary(&self, bytes: &[u8]) -> io::Result<LocalFile> {
        let temporary = LocalFile { path: self.incoming_path(rand::random()), is_copy: true };
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary.path)?;
        file.write_all(bytes)?;
        Ok(temporary)
    }
}

impl Object {
    /// A range of it. None: it has just been removed.
    pub async fn read(self, range: RangeInclusive<u64>) -> Result<Option<Pieces>> {
        self.bucket.read(self.name, Some(range)).await
    }
}

impl Shelf {
    pub(super) fn folder(self) -> &'static str {
        match self {
            Shelf::Videos => "video",
            Shelf::Covers => "cover",
        }
    }

    pub(super) fn parse(self, file: &str) -> Option<PublicName> {
        PublicName::parse(&format!("{}/{file}", self.folder()))
    }
}

impl LocalFile {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        if self.is_copy
            && let Err(error) = remove_if_there(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a temporary file stays until the sweep");
        }
    }
}

/// A file that another server has just removed is not old.
pub(super) fn is_old(entry: &DirEntry, before: SystemTime) -> io::Result<bool> {
    match entry.metadata() {
        Ok(metadata) => Ok(metadata.is_file() && metadata.modified()? <= before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
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
