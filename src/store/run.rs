//! Admitted connections, and the only two ways to use them: a script call into one bucket, and a read pipeline.
//!
//! Nothing is read from or written to a Redis that has not been compared with Postgres (`sync/admission.rs`). What
//! passed is published in the [`super::Slot`] of a thread; requests take it from there, and keep it to their end, so that one
//! request uses one epoch throughout.
//!
//! A bucket that is away or being loaded answers 100014; all others go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::admitted::{Admission, Doubt, Head};
use super::client::{Client, Command};
use super::fault::Fault;
use super::keys;
use super::reply::Reply;
use super::script::{Loader, Script};
use crate::error::{Code, Error, Result};
use crate::id::Bucket;

/// A connection to one node, and its scripts.
pub struct NodeClient {
    pub client: Arc<Client>,
    loader: Loader,
}

/// Admitted connections.
pub struct Run {
    /// One for each node of the admission; `None` where this thread has none.
    nodes: Vec<Option<NodeClient>>,
    pub admission: Arc<Admission>,
}

impl Run {
    /// `clients`: one for each node of the admission.
    pub fn new(clients: Vec<Option<Arc<Client>>>, admission: Arc<Admission>) -> Run {
        let node = |client| NodeClient { client, loader: Loader::default() };
        Run { nodes: clients.into_iter().map(|client| client.map(node)).collect(), admission }
    }

    /// The connections there are, with the addresses of their nodes.
    pub fn connections(&self) -> Vec<(String, Arc<Client>)> {
        let nodes = self.admission.nodes.iter().zip(&self.nodes);
        nodes.filter_map(|(run, node)| Some((run.address.clone(), node.as_ref()?.client.clone()))).collect()
    }

    /// The connections there are.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.nodes.iter().flatten().map(|node| &node.client)
    }

    /// Whether this thread has all connections, and all buckets are there.
    pub fn is_whole(&self) -> bool {
        self.admission.closed() == 0 && self.nodes.iter().all(Option::is_some)
    }

    pub fn has(&self, bucket: Bucket) -> bool {
        self.node(bucket).is_ok()
    }

    /// Those that were not away or closed when this was admitted.
    pub fn open_buckets(&self) -> impl Iterator<Item = Bucket> {
        Bucket::all().filter(|bucket| self.has(*bucket))
    }

    fn node(&self, bucket: Bucket) -> Result<&NodeClient> {
        let node = self.admission.node(bucket).and_then(|place| self.nodes[place].as_ref());
        node.ok_or_else(|| Error::unavailable(format!("bucket {bucket} is being loaded, or its node is away")))
    }

    /// Sends commands of any buckets at once, those of each node in their order, and waits for all answers. No head is
    /// looked at: good for a measure, not for a decision.
    pub async fn pipeline(&self, commands: Vec<(Bucket, Command)>) -> Result<Vec<Result<Reply, Fault>>> {
        let mut of_node: BTreeMap<usize, (Vec<usize>, Vec<Command>)> = BTreeMap::new();
        let count = commands.len();
        for (order, (bucket, command)) in commands.into_iter().enumerate() {
            self.node(bucket)?;
            let (orders, commands) = of_node.entry(self.admission.node(bucket).unwrap_or_default()).or_default();
            orders.push(order);
            commands.push(command);
        }
        let sending = of_node.into_iter().filter_map(|(place, (orders, commands))| {
            let client = &self.nodes[place].as_ref()?.client;
            Some(async move { (orders, client.pipeline(commands).await) })
        });
        let mut replies: Vec<Option<Result<Reply, Fault>>> = (0..count).map(|_| None).collect();
        for (orders, answers) in join_all(sending).await {
            for (order, answer) in orders.into_iter().zip(answers) {
                replies[order] = Some(answer);
            }
        }
        let missing = || Err(Fault::Lost("no answer".into()));
        Ok(replies.into_iter().map(|reply| reply.unwrap_or_else(missing)).collect())
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
        let node = self.run.node(self.bucket)?;
        let called = node.loader.call(&node.client, script, &keys, &arguments).await;
        let reply = called.map_err(|fault| admission.judge_fault(fault))?;
        let Reply::Array(mut values) = reply else {
            return Err(Error::internal(format!("lua/{}.lua answered {reply:?}", script.name)));
        };
        let word = values.first().and_then(Reply::bytes).cloned().unwrap_or_default();
        match &word[..] {
            b"OK" | b"STALE" => {
                values.remove(0);
                Ok(Answer { stale: word == "STALE", values })
            }
            b"EPOCH" => {
                let head = values.get(1).map(Reply::text).transpose()?.flatten();
                Err(admission.judge(self.bucket, head.and_then(Head::parse)))
            }
            b"REWOUND" => {
                admission.doubt(Doubt::Broken);
                Err(Error::unavailable(format!("bucket {} was rewound", self.bucket)))
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

    /// Asks a bucket that nobody changes: no head is looked at.
    pub(super) async fn ask(&self, questions: impl Iterator<Item = Command>) -> Result<Vec<Reply>> {
        let questions = questions.map(|question| (self.bucket, question)).collect();
        let answers = self.run.pipeline(questions).await?;
        answers.into_iter().map(|answer| answer.map_err(Error::from)).collect()
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
    commands: Vec<(Bucket, Command)>,
}

impl Read {
    pub fn new(run: &Arc<Run>) -> Read {
        Read { run: run.clone(), commands: Vec::new() }
    }

    /// Adds a command on keys of one bucket; answers come in the order of adding.
    pub fn push(&mut self, bucket: Bucket, command: Command) {
        self.commands.push((bucket, command));
    }

    pub async fn send(self) -> Result<Vec<Reply>> {
        if self.commands.is_empty() {
            return Ok(Vec::new());
        }
        let admission = &self.run.admission;
        let mut commands = self.commands;
        let wanted = commands.len();
        let mut buckets: Vec<Bucket> = commands.iter().map(|(bucket, _)| *bucket).collect();
        buckets.sort_unstable();
        buckets.dedup();
        let floors: Vec<u64> = buckets.iter().map(|bucket| admission.floor(*bucket)).collect();
        commands.extend(buckets.iter().map(|bucket| (*bucket, Command::new("GET").arg(keys::head(*bucket)))));

        let mut replies = Vec::with_capacity(commands.len());
        for answer in self.run.pipeline(commands).await? {
            replies.push(answer.map_err(|fault| admission.judge_fault(fault))?);
        }
        for ((bucket, floor), head) in buckets.iter().zip(floors).zip(&replies[wanted..]) {
            match head.text()?.and_then(Head::parse) {
                Some(head) if head.open && head.epoch == admission.epoch(*bucket) => {
                    if head.last < floor {
                        admission.doubt(Doubt::Broken);
                        return Err(Error::unavailable(format!(
                            "bucket {bucket} was rewound: {head:?}, floor {floor}"
                        )));
                    }
                    admission.saw(*bucket, head.last);
                }
                head => return Err(admission.judge(*bucket, head)),
            }
        }
        replies.truncate(wanted);
        Ok(replies)
    }
}
