//! An admitted connection, and the only two ways to use it: a script call into one bucket, and a read pipeline.
//!
//! Nothing is read from or written to a Redis that has not been compared with Postgres (`sync/admission.rs`). What
//! passed is published in the [`Slot`] of a thread; requests take it from there, and keep it to their end, so that one
//! request uses one epoch throughout.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::sync::watch;

use super::client::{Client, Command};
use super::keys;
use super::reply::Reply;
use super::script::{Loader, Script};
use crate::error::{Code, Error, Result};
use crate::id::Bucket;

/// One run of Redis (one life of its process) as it was admitted: shared by all threads' connections to it.
pub struct Admission {
    pub run_id: String,
    epochs: Vec<u64>,
    /// The highest id of each bucket that this process has seen in this run.
    floors: Vec<AtomicU64>,
    doubted: watch::Sender<bool>,
}

impl Admission {
    /// `epochs`: one for each of [`Bucket::all`], as in Postgres.
    pub fn new(run_id: String, epochs: Vec<u64>) -> Admission {
        let floors = epochs.iter().map(|_| AtomicU64::new(0)).collect();
        Admission { run_id, epochs, floors, doubted: watch::channel(false).0 }
    }

    pub fn epoch(&self, bucket: Bucket) -> u64 {
        self.epochs[bucket.index()]
    }

    fn floor(&self, bucket: Bucket) -> u64 {
        self.floors[bucket.index()].load(Ordering::Acquire)
    }

    fn saw(&self, bucket: Bucket, id: u64) {
        self.floors[bucket.index()].fetch_max(id, Ordering::AcqRel);
    }

    /// A head was not what it should be: every connection of this admission is to be admitted anew.
    pub fn doubt(&self) {
        self.doubted.send_replace(true);
    }

    pub fn is_doubted(&self) -> bool {
        *self.doubted.borrow()
    }

    pub async fn doubted(&self) {
        // The sender lives as long as `self`.
        let _ = self.doubted.subscribe().wait_for(|doubted| *doubted).await;
    }
}

/// An admitted connection.
pub struct Run {
    pub client: Arc<Client>,
    pub admission: Arc<Admission>,
    loader: Loader,
}

impl Run {
    pub fn new(client: Arc<Client>, admission: Arc<Admission>) -> Run {
        Run { client, admission, loader: Loader::default() }
    }
}

/// Where the requests of one thread find its admitted connection, or the reason why there is none.
pub struct Slot {
    run: ArcSwapOption<Run>,
    /// A word or two on why there is no connection; `None` while there is one.
    missing: watch::Sender<Option<&'static str>>,
}

impl Default for Slot {
    fn default() -> Slot {
        Slot { run: ArcSwapOption::empty(), missing: watch::channel(Some("starting")).0 }
    }
}

impl Slot {
    pub fn publish(&self, run: Arc<Run>) {
        self.run.store(Some(run));
        self.missing.send_replace(None);
    }

    /// `reason`: a word or two for `/readyz`.
    pub fn unpublish(&self, reason: &'static str) {
        self.run.store(None);
        self.missing.send_replace(Some(reason));
    }

    pub fn run(&self) -> Result<Arc<Run>> {
        self.run.load_full().ok_or_else(|| {
            Error::unavailable(format!("Redis is not admitted: {}", self.missing().unwrap_or("just changed")))
        })
    }

    /// Why there is no connection; `None` while there is one.
    pub fn missing(&self) -> Option<&'static str> {
        *self.missing.borrow()
    }

    /// Waits for a connection.
    pub async fn ready(&self) {
        // The sender lives as long as `self`.
        let _ = self.missing.subscribe().wait_for(Option::is_none).await;
    }
}

/// One bucket in the eyes of one request: its epoch is taken once and used for every call.
pub struct Home {
    run: Arc<Run>,
    bucket: Bucket,
}

impl Home {
    pub fn new(run: &Arc<Run>, bucket: Bucket) -> Home {
        Home { run: run.clone(), bucket }
    }

    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    /// Calls a script whose `KEYS[1]` is the head and whose first arguments are epoch and floor; `keys` and
    /// `arguments` are what follows these. A refusal is an error with its code.
    pub async fn call(
        &self,
        script: &Script,
        keys: impl IntoIterator<Item = String>,
        arguments: impl IntoIterator<Item = Bytes>,
    ) -> Result<Answer> {
        let admission = &self.run.admission;
        let keys: Vec<String> = std::iter::once(keys::head(self.bucket)).chain(keys).collect();
        let epoch_and_floor = [admission.epoch(self.bucket), admission.floor(self.bucket)];
        let arguments: Vec<Bytes> =
            epoch_and_floor.into_iter().map(|number| Bytes::from(number.to_string())).chain(arguments).collect();
        let reply = self.run.loader.call(&self.run.client, script, &keys, &arguments).await?;
        let Reply::Array(mut values) = reply else {
            return Err(Error::internal(format!("lua/{}.lua answered {reply:?}", script.name)));
        };
        let word = values.first().and_then(Reply::bytes).cloned().unwrap_or_default();
        match &word[..] {
            b"OK" | b"STALE" => {
                values.remove(0);
                Ok(Answer { stale: word == "STALE", values })
            }
            b"EPOCH" | b"REWOUND" => {
                admission.doubt();
                Err(Error::unavailable(format!("bucket {}: {}", self.bucket, String::from_utf8_lossy(&word))))
            }
            b"NO_USER" => Err(Code::NoUser.into()),
            b"NO_VIDEO" => Err(Code::NoVideo.into()),
            b"NO_COMMENT" => Err(Code::NoComment.into()),
            b"NOT_YOURS" => Err(Code::NotYours.into()),
            b"NOT_FRIENDS" => Err(Code::NotFriends.into()),
            b"SELF" => Err(Code::Relation.into()),
            _ => Err(Error::internal(format!("lua/{}.lua answered {values:?}", script.name))),
        }
    }

    /// As [`Home::call`], for a script that answers an id of this bucket first: nothing older than it will be believed
    /// from here on.
    pub async fn call_seeing(
        &self,
        script: &Script,
        keys: impl IntoIterator<Item = String>,
        arguments: impl IntoIterator<Item = Bytes>,
    ) -> Result<Answer> {
        let answer = self.call(script, keys, arguments).await?;
        self.run.admission.saw(self.bucket, answer.value(0).required_number()?);
        Ok(answer)
    }

    /// As [`Home::call_seeing`]; gives the id.
    pub async fn call_minting(
        &self,
        script: &Script,
        keys: impl IntoIterator<Item = String>,
        arguments: impl IntoIterator<Item = Bytes>,
    ) -> Result<u64> {
        self.call_seeing(script, keys, arguments).await?.value(0).required_number()
    }
}

/// What a script answered, without its first word.
pub struct Answer {
    /// A mirror end could not judge: its home is to be asked again.
    pub stale: bool,
    values: Vec<Reply>,
}

impl Answer {
    /// The value at a place, nil behind the last.
    pub fn value(&self, place: usize) -> &Reply {
        self.values.get(place).unwrap_or(&Reply::Nil)
    }
}

/// A read of any number of keys in one round trip. The heads of the buckets it touches are read last and compared
/// with the epochs and floors of before it was sent; if one does not agree, nothing of the answer is believed.
pub struct Read {
    run: Arc<Run>,
    commands: Vec<Command>,
    buckets: BTreeSet<Bucket>,
}

impl Read {
    pub fn new(run: &Arc<Run>) -> Read {
        Read { run: run.clone(), commands: Vec::new(), buckets: BTreeSet::new() }
    }

    /// Adds a command on keys of one bucket; answers come in the order of adding.
    pub fn push(&mut self, bucket: Bucket, command: Command) {
        self.buckets.insert(bucket);
        self.commands.push(command);
    }

    pub async fn send(self) -> Result<Vec<Reply>> {
        if self.commands.is_empty() {
            return Ok(Vec::new());
        }
        let admission = &self.run.admission;
        let floors: Vec<u64> = self.buckets.iter().map(|bucket| admission.floor(*bucket)).collect();
        let wanted = self.commands.len();
        let mut commands = self.commands;
        commands.extend(self.buckets.iter().map(|bucket| Command::new("GET").arg(keys::head(*bucket))));

        let mut replies = Vec::with_capacity(commands.len());
        for answer in self.run.client.pipeline(commands).await {
            replies.push(answer?);
        }
        for ((bucket, floor), head) in self.buckets.iter().zip(floors).zip(&replies[wanted..]) {
            match head.text()?.and_then(Head::parse) {
                Some(head) if head.open && head.epoch == admission.epoch(*bucket) && head.last >= floor => {
                    admission.saw(*bucket, head.last);
                }
                head => {
                    admission.doubt();
                    return Err(Error::unavailable(format!("bucket {bucket}: head {head:?}, floor {floor}")));
                }
            }
        }
        replies.truncate(wanted);
        Ok(replies)
    }
}

/// What `head:{bucket}` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub epoch: u64,
    pub open: bool,
    /// The highest id minted in the bucket.
    pub last: u64,
    /// The highest edge version that the bucket's mirror side no longer remembers.
    pub forgotten: u64,
}

impl Head {
    pub fn parse(text: &str) -> Option<Head> {
        let mut words = text.split(' ');
        let head = Head {
            epoch: words.next()?.parse().ok()?,
            open: match words.next()? {
                "open" => true,
                "closed" => false,
                _ => return None,
            },
            last: words.next()?.parse().ok()?,
            forgotten: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(head)
    }
}
