//! One connection to Redis, on the library `fred`, which is named in this file only.
//!
//! A [`Client`] never reconnects and never sends anything twice: it ends, once, and every call on it then fails at
//! once. Who has one therefore knows which run of Redis he speaks to. (`fred` reconnects and sends again unless it
//! has no reconnect policy and one attempt; and a client of its that is dead still calls itself connected, so only
//! the end of its task is believed.)

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fred::clients::Client as FredClient;
use fred::error::{Error as FredError, ErrorKind};
use fred::interfaces::{
    ClientLike, HashesInterface, KeysInterface, PubsubInterface, SetsInterface, SortedSetsInterface, StreamsInterface,
    TrackingInterface,
};
use fred::types::client::Invalidation;
use fred::types::config::{Config, ReconnectError, Server, ServerConfig, UnresponsiveConfig};
use fred::types::{Builder, ClusterHash, CustomCommand, Key, RespVersion, Value};
use futures_util::FutureExt;
use futures_util::future::{OptionFuture, join, join_all};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::fault::Fault;
use super::reply::Reply;
use crate::error::{Error, Result};

/// Commands that may wait for an answer at once on one connection; a further one fails.
const COMMANDS_IN_FLIGHT_MAX: usize = 50_000;

/// The library's pipeline copies every command, and waits for each to be queued; a few go faster without it.
const SENT_SINGLY_MAX: usize = 4;
/// Turns of Redis' loop whose changes may wait to be taken; more of them are [`Told::TooMuch`].
const CHANGES_WAITING_MAX: usize = 4_096;
/// Nobody publishes there: what a subscriber does not take in time Redis bounds (`client-output-buffer-limit pubsub`),
/// what it tells others of their keys it does not.
const IDLE_CHANNEL: &str = "riffle";
/// Why a call fails at once: the library would let it wait for its whole time-out, in a queue that nobody reads any more.
const ENDED: &str = "the connection has ended";
/// Of most ids.
const NUMBER_BYTES: usize = 16;

#[derive(Debug, Clone)]
pub struct Command {
    name: &'static str,
    arguments: Vec<Value>,
}

impl Command {
    pub fn new(name: &'static str) -> Command {
        Command { name, arguments: Vec::new() }
    }

    pub fn arg(mut self, argument: impl Into<Bytes>) -> Command {
        self.arguments.push(Value::Bytes(argument.into()));
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = Bytes>) -> Command {
        self.arguments.extend(arguments.into_iter().map(Value::Bytes));
        self
    }

    /// All in one buffer, as [`Command::numbers`].
    pub fn texts<'a>(mut self, texts: impl Iterator<Item = &'a str> + Clone) -> Command {
        let mut buffer = BytesMut::with_capacity(texts.clone().map(str::len).sum());
        for text in texts {
            buffer.extend_from_slice(text.as_bytes());
            self.arguments.push(Value::Bytes(buffer.split().freeze()));
        }
        self
    }

    /// Numbers as decimal text, all in one buffer: a short allocation for each would cost more than the question.
    pub fn numbers(mut self, numbers: impl IntoIterator<Item = u64>) -> Command {
        let numbers = numbers.into_iter();
        self.arguments.reserve(numbers.size_hint().0);
        let mut text = BytesMut::with_capacity(numbers.size_hint().0 * NUMBER_BYTES);
        let mut digits = itoa::Buffer::new();
        for number in numbers {
            text.extend_from_slice(digits.format(number).as_bytes());
            self.arguments.push(Value::Bytes(text.split().freeze()));
        }
        self
    }

    fn split(self) -> (CustomCommand, Vec<Value>) {
        // One node behind each client: the slot is not looked at.
        let command = CustomCommand::new_static(self.name, ClusterHash::FirstKey, false);
        (command, self.arguments)
    }
}

pub struct Client {
    fred: FredClient,
    task: AbortHandle,
    ended: watch::Receiver<bool>,
}

/// Where a Redis is, and what it takes to enter.
#[derive(Clone)]
pub struct Address(Config);

impl Address {
    pub fn parse(url: &str) -> Result<Address> {
        Config::from_url(url).map(Address).map_err(|error| Error::unavailable(format!("Redis address: {error}")))
    }

    /// Each host that is named; any node of a cluster knows the others.
    pub fn hosts(&self) -> Vec<Address> {
        match &self.0.server {
            ServerConfig::Clustered { hosts, .. } => hosts.iter().map(|server| self.on(server.clone())).collect(),
            _ => vec![self.clone()],
        }
    }

    /// That of a node, from how it is displayed: the only one, or one of a cluster.
    pub(super) fn of(&self, node: &str) -> Result<Address> {
        let named = self.hosts().into_iter().find(|host| host.to_string() == node);
        let of_cluster = || node.rsplit_once(':').and_then(|(host, port)| Some(self.at(host, port.parse().ok()?)));
        named.or_else(of_cluster).ok_or_else(|| Error::internal(format!("{node} is no address")))
    }

    /// Another node of the same cluster, entered in the same way.
    pub fn at(&self, host: &str, port: u16) -> Address {
        self.on(Server::new(host, port))
    }

    fn on(&self, server: Server) -> Address {
        Address(Config { server: ServerConfig::Centralized { server }, ..self.0.clone() })
    }
}

/// Without what it takes to enter.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.0.server.hosts().into_iter().map(|server| server.to_string()).collect();
        f.write_str(&hosts.join(","))
    }
}

/// The part of a cluster that a key lies in.
pub(super) fn slot_of(key: &str) -> u16 {
    Key::from(key).cluster_hash()
}

impl Client {
    /// Connects on the present runtime; `timeout` bounds connecting and every later answer.
    pub async fn connect(address: &Address, timeout: Duration) -> Result<Client> {
        Client::open(Builder::from_config(address.0.clone()), timeout).await
    }

    /// The same, on a connection that Redis tells of every change of a key that begins with one of `prefixes`, whoever
    /// makes it, from when this returns.
    pub(super) async fn connect_watching(
        address: &Address,
        timeout: Duration,
        prefixes: &[&str],
    ) -> Result<(Client, Changes)> {
        let mut builder = Builder::from_config(Config { version: RespVersion::RESP3, ..address.0.clone() });
        builder.with_performance_config(|performance| performance.broadcast_channel_capacity = CHANGES_WAITING_MAX);
        let client = Client::open(builder, timeout).await?;
        let changes = Changes(client.fred.invalidation_rx());
        let began = async {
            client.fred.subscribe(IDLE_CHANNEL).await?;
            client.fred.start_tracking(prefixes.to_vec(), true, false, false, false).await
        };
        match began.await {
            Ok(()) => Ok((client, changes)),
            Err(error) => Err(Error::unavailable(format!("Redis does not tell of changes: {error}"))),
        }
    }

    async fn open(mut builder: Builder, timeout: Duration) -> Result<Client> {
        let fred = builder
            .with_performance_config(|performance| performance.default_command_timeout = timeout)
            .with_connection_config(|connection| {
                connection.connection_timeout = timeout;
                connection.internal_command_timeout = timeout;
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = COMMANDS_IN_FLIGHT_MAX;
                connection.auto_client_setname = false;
                // Else the second command of a pipeline waits for the answer of the first: a round trip more.
                connection.tcp.nodelay = Some(true);
                connection.reconnect_errors =
                    vec![ReconnectError::Loading, ReconnectError::ReadOnly, ReconnectError::ClusterDown];
                connection.unresponsive = UnresponsiveConfig { max_timeout: Some(timeout * 2), interval: timeout / 2 };
            })
            .build()
            .map_err(|error| Error::unavailable(format!("Redis: {error}")))?;
        // Polled before anything connects: the library looks whether it is connected and only then begins to listen for
        // it, and would wait for ever for what happened in between.
        let waiting = fred.clone();
        let mut connected = Box::pin(async move { waiting.wait_for_connect().await });
        let _ = connected.as_mut().now_or_never();
        let running = fred.connect();
        let task = running.abort_handle();
        let (ended_sender, ended) = watch::channel(false);
        tokio::spawn(async move {
            // However it ended: the client is of no use any more.
            let _ = running.await;
            let _ = ended_sender.send(true);
        });
        let client = Client { fred, task, ended };
        match tokio::time::timeout(timeout, connected).await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(error)) => Err(Error::unavailable(format!("Redis: {error}"))),
            Err(_) => Err(Error::unavailable("Redis: no connection in time")),
        }
    }

    pub async fn call(&self, command: Command) -> Result<Reply, Fault> {
        if self.has_ended() {
            return Err(Fault::Lost(ENDED.into()));
        }
        let (command, arguments) = command.split();
        self.answer(self.fred.custom::<Value, _>(command, arguments).await)
    }

    /// Sends all commands at once and waits for all answers, in order.
    pub async fn pipeline(&self, mut commands: Vec<Command>) -> Vec<Result<Reply, Fault>> {
        if self.has_ended() {
            return commands.iter().map(|_| Err(Fault::Lost(ENDED.into()))).collect();
        }
        if commands.len() <= SENT_SINGLY_MAX {
            // Each is on its way when it is first polled, so they leave together and in order.
            let answers = join_all(commands.into_iter().map(|command| send(&self.fred, command))).await;
            return answers.into_iter().map(|answer| self.answer(answer)).collect();
        }
        let (pipeline, last) = (self.fred.pipeline(), commands.pop());
        for command in commands {
            if let Err(error) = send(&pipeline, command).await {
                return vec![self.answer(Err(error))];
            }
        }
        // The library writes out each command of a pipeline at once, unless something waits behind it: so the last does.
        let sent_last = OptionFuture::from(last.map(|command| send(&self.fred, command)));
        let (answers, last) = join(pipeline.try_all::<Value>(), sent_last).await;
        // One error, where the pipeline failed as a whole, stands for all.
        let last = last.filter(|_| answers.len() > 1);
        answers.into_iter().chain(last).map(|answer| self.answer(answer)).collect()
    }

    /// Ends the connection: whatever waits on it fails at once.
    pub fn end(&self) {
        self.task.abort();
    }

    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        // An error means that the sender is gone, and with it the connection.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    fn answer(&self, answer: Result<Value, FredError>) -> Result<Reply, Fault> {
        answer.map(reply).map_err(|error| {
            let detail = error.details();
            match error.kind() {
                ErrorKind::IO
                | ErrorKind::Timeout
                | ErrorKind::Canceled
                | ErrorKind::Protocol
                | ErrorKind::Parse
                | ErrorKind::Backpressure
                | ErrorKind::Routing => {
                    // On doubt the connection ends; a supervisor brings a new one, admitted anew.
                    self.end();
                    Fault::Lost(error.to_string())
                }
                _ if detail.starts_with("NOSCRIPT") => Fault::NoScript,
                _ if is_of_redis(detail) => Fault::Refused(detail.to_owned()),
                // The library's own, such as "channel closed" when the connection ended in the middle of a call.
                _ => {
                    self.end();
                    Fault::Lost(error.to_string())
                }
            }
        })
    }
}

/// What Redis tells of changes.
pub(super) struct Changes(broadcast::Receiver<Invalidation>);

pub(super) enum Told {
    /// Keys that were changed or removed.
    Changed(Vec<Bytes>),
    /// More than could be taken: some of it is lost.
    TooMuch,
}

impl Changes {
    /// An error: the connection has ended.
    pub(super) async fn next(&mut self) -> Result<Told> {
        match self.0.recv().await {
            Ok(invalidation) => Ok(told(invalidation)),
            Err(RecvError::Lagged(_)) => Ok(Told::TooMuch),
            Err(RecvError::Closed) => Err(no_more_changes()),
        }
    }

    /// What has come already.
    pub(super) fn at_once(&mut self) -> Result<Option<Told>> {
        match self.0.try_recv() {
            Ok(invalidation) => Ok(Some(told(invalidation))),
            Err(TryRecvError::Lagged(_)) => Ok(Some(Told::TooMuch)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Closed) => Err(no_more_changes()),
        }
    }
}

fn told(invalidation: Invalidation) -> Told {
    Told::Changed(invalidation.keys.into_iter().map(Key::into_bytes).collect())
}

fn no_more_changes() -> Error {
    Error::unavailable("Redis: the connection that tells of changes ended")
}

/// The library writes out every command that it does not know by name at once, a system call for each; what long
/// pipelines are made of goes by name and so in few writes.
async fn send<C>(to: &C, mut command: Command) -> Result<Value, FredError>
where
    C: ClientLike + KeysInterface + HashesInterface + SetsInterface + SortedSetsInterface + StreamsInterface,
{
    match (command.name, &mut command.arguments[..]) {
        ("GET", [Value::Bytes(key)]) => to.get(Key::from(std::mem::take(key))).await,
        ("HGET", [Value::Bytes(key), Value::Bytes(field)]) => {
            to.hget(Key::from(std::mem::take(key)), Key::from(std::mem::take(field))).await
        }
        ("EXISTS", [Value::Bytes(key)]) => to.exists(Key::from(std::mem::take(key))).await,
        ("TYPE", [Value::Bytes(key)]) => to.r#type(Key::from(std::mem::take(key))).await,
        ("SCARD", [Value::Bytes(key)]) => to.scard(Key::from(std::mem::take(key))).await,
        ("ZCARD", [Value::Bytes(key)]) => to.zcard(Key::from(std::mem::take(key))).await,
        ("HMGET", [Value::Bytes(key), fields @ ..]) => {
            let fields = fields.iter_mut().filter_map(|field| match field {
                Value::Bytes(field) => Some(Key::from(std::mem::take(field))),
                _ => None,
            });
            let fields: Vec<Key> = fields.collect();
            to.hmget(Key::from(std::mem::take(key)), fields).await
        }
        ("SMISMEMBER", [Value::Bytes(key), ..]) => {
            let key = Key::from(std::mem::take(key));
            let members: Vec<Value> = command.arguments.drain(1..).collect();
            to.smismember(key, members).await
        }
        ("ZMSCORE", [Value::Bytes(key), ..]) => {
            let key = Key::from(std::mem::take(key));
            let members: Vec<Value> = command.arguments.drain(1..).collect();
            to.zmscore(key, members).await
        }
        ("XRANGE", [Value::Bytes(key), Value::Bytes(start), Value::Bytes(end), _, Value::Bytes(count)]) => {
            let count = std::str::from_utf8(count).ok().and_then(|count| count.parse().ok());
            let [start, end] = [start, end].map(|bound| Value::Bytes(std::mem::take(bound)));
            to.xrange(Key::from(std::mem::take(key)), start, end, count).await
        }
        ("XINFO", [_, Value::Bytes(key)]) => to.xinfo_stream(Key::from(std::mem::take(key)), false, None).await,
        _ => {
            let (command, arguments) = command.split();
            to.custom(command, arguments).await
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}

/// Errors of Redis begin with a word in capitals; the library has no other mark for them.
fn is_of_redis(detail: &str) -> bool {
    let word = detail.split(' ').next().unwrap_or_default();
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Integer(number) => Reply::Integer(number),
        Value::Boolean(truth) => Reply::Integer(truth.into()),
        Value::String(text) => Reply::Bytes(text.into_inner()),
        Value::Bytes(bytes) => Reply::Bytes(bytes),
        Value::Double(number) => Reply::Bytes(Bytes::from(number.to_string())),
        Value::Array(values) => Reply::Array(values.into_iter().map(reply).collect()),
        Value::Null | Value::Queued | Value::Map(_) => Reply::Nil,
    }
}
