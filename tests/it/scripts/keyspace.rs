//! All of a Redis at once, types included, to write down and to compare.

use std::collections::BTreeMap;

use bytes::Bytes;
use riffle::store::{Client, Command, Reply};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    List(Vec<String>),
    Hash(BTreeMap<String, String>),
    Set(Vec<String>),
    /// Member and score, in order of both.
    Sorted(Vec<(String, String)>),
    /// Entry id and its fields with their values.
    Stream(Vec<Entry>),
    Gone,
}

pub type Keys = Vec<(String, Value)>;
pub type Keyspace = BTreeMap<String, Value>;

pub fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string())
}

pub fn hash(fields: &[(&str, &dyn ToString)]) -> Value {
    Value::Hash(fields.iter().map(|(field, value)| (field.to_string(), value.to_string())).collect())
}

pub fn set(members: &[impl ToString]) -> Value {
    let mut members: Vec<String> = members.iter().map(ToString::to_string).collect();
    members.sort();
    Value::Set(members)
}

/// Member and score, in order of both.
pub fn sorted(members: &[(impl ToString, u64)]) -> Value {
    Value::Sorted(members.iter().map(|(member, score)| (member.to_string(), score.to_string())).collect())
}

/// A sorted set whose members are their own scores, oldest first.
pub fn timeline(ids: &[u64]) -> Value {
    sorted(&ids.iter().map(|id| (id, *id)).collect::<Vec<_>>())
}

pub type Entry = (String, Vec<String>);

/// An entry of an outbox: the version of the change, and what it says.
pub fn entry(version: u64, fields: &[(&str, &dyn ToString)]) -> Entry {
    let fields = fields.iter().flat_map(|(field, value)| [field.to_string(), value.to_string()]);
    (format!("{version}-0"), fields.collect())
}

pub fn stream(entries: impl Into<Vec<Entry>>) -> Value {
    Value::Stream(entries.into())
}

pub fn gone() -> Value {
    Value::Gone
}

pub fn with(keyspace: &Keyspace, changes: &Keys) -> Keyspace {
    let mut changed = keyspace.clone();
    changed.extend(changes.iter().cloned());
    changed.retain(|_, value| *value != Value::Gone);
    changed
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) => "string",
            Value::List(_) => "list",
            Value::Hash(_) => "hash",
            Value::Set(_) => "set",
            Value::Sorted(_) => "zset",
            Value::Stream(_) => "stream",
            Value::Gone => "none",
        }
    }

    /// Something of a type that is not this one's.
    pub fn of_another_type(&self) -> Value {
        match self {
            Value::List(_) => set(&["planted"]),
            _ => Value::List(vec!["planted".into()]),
        }
    }

    fn commands(&self, key: &str) -> Vec<Command> {
        let one = |name, arguments: Vec<String>| vec![command(name, key, arguments)];
        match self {
            Value::Text(text) => one("SET", vec![text.clone()]),
            Value::List(items) => one("RPUSH", items.clone()),
            Value::Hash(fields) => {
                one("HSET", fields.iter().flat_map(|(field, value)| [field.clone(), value.clone()]).collect())
            }
            Value::Set(members) => one("SADD", members.clone()),
            Value::Sorted(members) => {
                one("ZADD", members.iter().flat_map(|(member, score)| [score.clone(), member.clone()]).collect())
            }
            Value::Stream(entries) => entries
                .iter()
                .map(|(id, fields)| command("XADD", key, std::iter::once(id).chain(fields).cloned().collect()))
                .collect(),
            Value::Gone => Vec::new(),
        }
    }
}

/// Makes Redis hold exactly this.
pub async fn plant(client: &Client, keyspace: &Keyspace) {
    let mut commands = vec![Command::new("FLUSHALL")];
    commands.extend(keyspace.iter().flat_map(|(key, value)| value.commands(key)));
    for answer in client.pipeline(commands).await {
        answer.unwrap();
    }
}

/// All that Redis holds. A key that would expire is a fault: nothing of riffle's does.
pub async fn dump(client: &Client) -> Keyspace {
    let mut keyspace = Keyspace::new();
    let keys = client.call(Command::new("KEYS").arg("*")).await.unwrap();
    for key in words(&keys) {
        let expires = client.call(Command::new("PTTL").arg(key.clone())).await.unwrap();
        assert_eq!(expires, Reply::Integer(-1), "{key} expires");
        let kind = client.call(Command::new("TYPE").arg(key.clone())).await.unwrap();
        let value = read(client, &key, kind.text().unwrap().unwrap()).await;
        assert_eq!(value.type_name(), kind.text().unwrap().unwrap());
        keyspace.insert(key, value);
    }
    keyspace
}

async fn read(client: &Client, key: &str, kind: &str) -> Value {
    let ask = async |name, arguments: &[&str]| {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        client.call(command(name, key, arguments)).await.unwrap()
    };
    match kind {
        "string" => text(ask("GET", &[]).await.text().unwrap().unwrap()),
        "list" => Value::List(words(&ask("LRANGE", &["0", "-1"]).await)),
        "hash" => Value::Hash(pairs(&ask("HGETALL", &[]).await).into_iter().collect()),
        "set" => set(&words(&ask("SMEMBERS", &[]).await)),
        "zset" => Value::Sorted(pairs(&ask("ZRANGE", &["0", "-1", "WITHSCORES"]).await)),
        "stream" => Value::Stream(ask("XRANGE", &["-", "+"]).await.array().unwrap().iter().map(read_entry).collect()),
        other => panic!("{key} is a {other}"),
    }
}

fn command(name: &'static str, key: &str, arguments: Vec<String>) -> Command {
    Command::new(name).arg(key.to_owned()).args(arguments.into_iter().map(Bytes::from))
}

fn read_entry(reply: &Reply) -> Entry {
    let [id, fields] = reply.array().unwrap() else { panic!("not an entry: {reply:?}") };
    (id.text().unwrap().unwrap().to_owned(), words(fields))
}

fn words(reply: &Reply) -> Vec<String> {
    reply.array().unwrap().iter().map(|word| word.text().unwrap().unwrap().to_owned()).collect()
}

fn pairs(reply: &Reply) -> Vec<(String, String)> {
    words(reply).chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// The first level of an answer without its brackets: `OK 8192000 [a b] :1 nil`. An empty text is `""`.
pub fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Array(items) => items.iter().map(shown_inside).collect::<Vec<_>>().join(" "),
        other => shown_inside(other),
    }
}

fn shown_inside(reply: &Reply) -> String {
    match reply {
        Reply::Nil => "nil".into(),
        Reply::Integer(number) => format!(":{number}"),
        Reply::Bytes(bytes) if bytes.is_empty() => "\"\"".into(),
        Reply::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Array(_) => format!("[{}]", shown(reply)),
    }
}
