//! Copying all videos and covers from one store to another.

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::name::PublicName;
use super::store::{Media, Shelf, blocking};
use crate::error::{Error, Result};

const BATCH: usize = 500;
/// Files under way at once.
const JOBS_MAX: usize = 4;
const PIECE_BYTES: usize = 256 << 10;
/// Files that came while it ran are copied, too, also where the clocks differ.
const AHEAD: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    Now,
    /// The other store had it already, the same to the last bit.
    Before,
    /// It was removed in the meantime.
    Gone,
}

type Sum = [u8; 32];

impl Media {
    /// How many files [`Media::copy_to`] would look at.
    pub async fn count(&self) -> Result<usize> {
        let mut count = 0;
        for shelf in [Shelf::Videos, Shelf::Covers] {
            let mut walk = self.walk(shelf, SystemTime::now() + AHEAD, BATCH).await?;
            loop {
                match walk.next_batch().await?.len() {
                    0 => break,
                    more => count += more,
                }
            }
        }
        Ok(count)
    }

    /// Gives `to` every video and cover that it does not have in the same form, reads each back, and compares their
    /// SHA-256; tells `done` of each. May be interrupted and called again at any point.
    pub async fn copy_to(&self, to: &Media, done: impl Fn(Copied)) -> Result<()> {
        to.prepare().await?;
        for shelf in [Shelf::Videos, Shelf::Covers] {
            let mut walk = self.walk(shelf, SystemTime::now() + AHEAD, BATCH).await?;
            loop {
                let batch = walk.next_batch().await?;
                if batch.is_empty() {
                    break;
                }
                let copies = futures_util::stream::iter(batch).map(|name| self.copy_file(to, name));
                let mut copies = copies.buffer_unordered(JOBS_MAX);
                while let Some(copied) = copies.try_next().await? {
                    done(copied);
                }
            }
        }
        Ok(())
    }

    async fn copy_file(&self, to: &Media, name: PublicName) -> Result<Copied> {
        let Some(file) = self.local(name).await? else { return Ok(Copied::Gone) };
        let Some((sum, bytes)) = sum(file.path().to_owned()).await? else { return Ok(Copied::Gone) };
        if let Some(found) = to.find(name).await?
            && found.bytes == bytes
            && to.sum(name).await? == Some(sum)
        {
            return Ok(Copied::Before);
        }
        to.keep(file.path().to_owned(), name, bytes).await?;
        match to.sum(name).await? {
            Some(copy) if copy == sum => Ok(Copied::Now),
            _ => {
                to.remove_file(name).await?;
                Err(Error::unavailable(format!("{name}: other bytes came out than went in; the copy was removed")))
            }
        }
    }

    /// None: there is no such file.
    async fn sum(&self, name: PublicName) -> Result<Option<Sum>> {
        let Some(file) = self.local(name).await? else { return Ok(None) };
        Ok(sum(file.path().to_owned()).await?.map(|(sum, _)| sum))
    }
}

/// SHA-256 and length. None: there is no such file.
async fn sum(path: PathBuf) -> Result<Option<(Sum, u64)>> {
    blocking("read a media file", move || {
        let mut file = match std::fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let (mut sum, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(Some((sum.finalize().into(), bytes))),
                length => {
                    sum.update(&piece[..length]);
                    bytes += length as u64;
                }
            }
        }
    })
    .await
}
