//! Files in a bucket of an object store.
//!
//! ```text
//! <bucket>/media/video/<stem>.<mp4|mov|webm|mkv>    media/cover/<stem>.jpg    media/placeholder/<0..f>.jpg
//! ```
//!
//! An object appears whole or not at all, and never changes. All calls run on the runtime that opened the bucket:
//! connections are shared, and must not end with the thread that happened to open them; and an upload goes on to its
//! end, good or bad, whoever stops waiting for it.

use std::future::Future;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use super::name::PublicName;
use super::s3::{Address, Labels, Listing, Parts, S3, Stat};
use super::store::Shelf;
use crate::error::{Error, Result};

pub(super) const PREFIX: &str = "media/";
/// Says whose the bucket is; nobody but its owner reads it.
const OWNER: &str = "riffle/installation";
/// The least that S3 takes for a part; an upload holds one in memory.
pub(super) const PART_BYTES: u64 = 5 << 20;
const PARTS_MAX: u64 = 10_000;
/// Pieces of an object between the store and a slow reader.
const PIECES_AHEAD: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    s3: S3,
    /// The same bucket, seen by anybody.
    anybody: S3,
    /// `<endpoint>/<bucket>/media`
    base: String,
    runtime: Handle,
    transfers: Arc<Semaphore>,
}

impl Bucket {
    /// To be called on the runtime that is to do the work. Asks nothing of the store yet. `transfers_max` uploads go on
    /// at once, further ones wait.
    pub(super) fn open(address: &Address, transfers_max: usize) -> Result<Bucket> {
        Ok(Bucket {
            s3: S3::new(address)?,
            anybody: S3::new(&Address { keys: None, ..address.clone() })?,
            base: format!("{}/{}/{}", address.endpoint, address.bucket, PREFIX.trim_end_matches('/')),
            runtime: Handle::current(),
            transfers: Arc::new(Semaphore::new(transfers_max)),
        })
    }

    /// Makes the bucket where it is missing.
    pub(super) async fn make(&self) -> Result<()> {
        self.run(|s3| async move { if s3.bucket_exists().await? { Ok(()) } else { s3.create_bucket().await } }).await
    }

    /// The public address of what lies in the bucket, where the store lets everybody read; `name` is there to be read.
    pub(super) async fn public_base(&self, name: PublicName) -> Result<Option<String>> {
        let (anybody, key) = (self.anybody.clone(), key(name));
        let open = self.run(|s3| async move {
            let is_open = async || matches!(anybody.stat(&key).await, Ok(Some(_)));
            // Its owner may have opened it with a key that has more rights than ours.
            Ok(is_open().await || (s3.let_everybody_read(PREFIX).await? && is_open().await))
        });
        Ok(open.await?.then(|| self.base.clone()))
    }

    /// An error: the store or the bucket is not there.
    pub(super) async fn check(&self) -> Result<()> {
        match self.run(|s3| async move { s3.bucket_exists().await }).await? {
            true => Ok(()),
            false => Err(Error::unavailable("the object store has no such bucket")),
        }
    }

    /// Whether the bucket is that of the installation: the first one that asks becomes its owner for good.
    pub(super) async fn belongs_to(&self, installation: &str) -> Result<bool> {
        let installation = Bytes::copy_from_slice(installation.as_bytes());
        self.run(|s3| async move {
            if s3.stat(OWNER).await?.is_none() {
                let labels = Labels { content_type: "text/plain", cache_control: "no-store" };
                s3.put(OWNER, installation.clone(), labels).await?;
            }
            let Some(mut pieces) = s3.get(OWNER, None).await? else { return Ok(false) };
            let mut owner = Vec::new();
            while let Some(piece) = pieces.next().await {
                owner.extend_from_slice(&piece?);
            }
            Ok(owner == installation)
        })
        .await
    }

    pub(super) async fn stat(&self, name: PublicName) -> Result<Option<Stat>> {
        self.run(|s3| async move { s3.stat(&key(name)).await }).await
    }

    /// Stores what `source` gives, which has to be `bytes` long, no more and no less. Whatever goes wrong, no object is
    /// left, except where the store does not say what became of the last step.
    pub(super) async fn upload(
        &self,
        name: PublicName,
        mut source: impl AsyncRead + Unpin + Send + 'static,
        bytes: u64,
    ) -> Result<()> {
        let transfers = self.transfers.clone();
        self.run(move |s3| async move {
            let _turn = transfers.acquire_owned().await.map_err(Error::internal)?;
            let (key, labels) = (key(name), labels(name));
            let part_bytes = PART_BYTES.max(bytes.div_ceil(PARTS_MAX));
            if bytes <= part_bytes {
                let whole = read_exactly(&mut source, bytes).await?;
                expect_end(&mut source).await?;
                return s3.put(&key, whole, labels).await;
            }
            let mut parts = s3.begin(&key, labels).await?;
            let id = parts.id().to_owned();
            let sent = async {
                send_parts(&s3, &key, &mut parts, &mut source, bytes, part_bytes).await?;
                s3.join(&key, parts).await
            };
            let sent = sent.await;
            if sent.is_err()
                && let Err(error) = s3.abandon(&key, &id).await
            {
                tracing::warn!(key, "an unfinished upload stays until the sweep: {error}");
            }
            sent
        })
        .await
    }

    /// A range of an object, or all of it. None: no such object.
    pub(super) async fn read(&self, name: PublicName, range: Option<RangeInclusive<u64>>) -> Result<Option<Pieces>> {
        self.run(move |s3| async move {
            let Some(mut pieces) = s3.get(&key(name), range).await? else { return Ok(None) };
            let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
            tokio::spawn(async move {
                while let Some(piece) = pieces.next().await {
                    let is_last = piece.is_err();
                    // Nobody reads on: a client that left.
                    if sender.send(piece).await.is_err() || is_last {
                        return;
                    }
                }
            });
            Ok(Some(Pieces(receiver)))
        })
        .await
    }

    pub(super) async fn remove(&self, name: PublicName) -> Result<()> {
        self.run(move |s3| async move { s3.delete(&key(name)).await }).await
    }

    pub(super) async fn list(&self, shelf: Shelf, batch_max: usize) -> Result<Listing> {
        let prefix = format!("{PREFIX}{}/", shelf.folder());
        self.run(move |s3| async move { s3.list(&prefix, batch_max).await }).await
    }

    /// The next names that were stored `before`. None: there are no more.
    pub(super) async fn next_batch(
        &self,
        mut listing: Listing,
        shelf: Shelf,
        before: SystemTime,
    ) -> Result<Option<(Vec<PublicName>, Listing)>> {
        let (page, listing) = self.run(|s3| async move { Ok((s3.next_batch(&mut listing).await?, listing)) }).await?;
        let Some(page) = page else { return Ok(None) };
        let old = page.into_iter().filter(|listed| listed.modified <= before);
        let names = old.filter_map(|listed| shelf.parse(listed.key.rsplit('/').next()?));
        Ok(Some((names.collect(), listing)))
    }

    /// Removes the parts of uploads that were begun `before` and are no object yet. Gives how many uploads.
    pub(super) async fn remove_unfinished(&self, before: SystemTime) -> Result<u64> {
        self.run(move |s3| async move {
            let mut removed = 0;
            for upload in s3.unfinished(PREFIX).await? {
                if upload.begun <= before {
                    s3.abandon(&upload.key, &upload.id).await?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    async fn run<T, W>(&self, work: impl FnOnce(S3) -> W) -> Result<T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        self.runtime.spawn(work(self.s3.clone())).await.map_err(Error::internal)?
    }
}

/// The bytes of an object, as they come.
pub struct Pieces(mpsc::Receiver<Result<Bytes>>);

impl Pieces {
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        self.0.recv().await
    }

    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin {
        Box::pin(futures_util::stream::unfold(self, |mut pieces| async move {
            let piece = pieces.next().await?;
            Some((piece.map_err(io::Error::other), pieces))
        }))
    }
}

fn key(name: PublicName) -> String {
    format!("{PREFIX}{name}")
}

fn labels(name: PublicName) -> Labels {
    Labels { content_type: name.content_type(), cache_control: name.cache_control() }
}

async fn send_parts(
    s3: &S3,
    key: &str,
    parts: &mut Parts,
    source: &mut (impl AsyncRead + Unpin),
    bytes: u64,
    part_bytes: u64,
) -> Result<()> {
    let mut left = bytes;
    while left > 0 {
        let part = read_exactly(source, left.min(part_bytes)).await?;
        left -= part.len() as u64;
        s3.send_part(key, parts, part).await?;
    }
    expect_end(source).await
}

async fn read_exactly(source: &mut (impl AsyncRead + Unpin), bytes: u64) -> Result<Bytes> {
    let mut piece = vec![0; bytes as usize];
    match source.read_exact(&mut piece).await {
        Ok(_) => Ok(piece.into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Error::unavailable("what is to be stored ended too early"))
        }
        Err(error) => Err(unreadable(error)),
    }
}

async fn expect_end(source: &mut (impl AsyncRead + Unpin)) -> Result<()> {
    match source.read(&mut [0]).await {
        Ok(0) => Ok(()),
        Ok(_) => Err(Error::unavailable("what is to be stored goes on behind its end")),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::unavailable(format!("could not read what is to be stored: {error}"))
}
