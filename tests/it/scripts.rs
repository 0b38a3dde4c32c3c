//! Every Lua script does what its first comment says, and nothing else.
//!
//! A script is tested by its entries in the tables of this folder, one file for each word. Each entry is put through
//! everything below; a script without one fails.

mod buckets;
mod case;
mod comments;
mod favorites;
mod feed;
mod keyspace;
mod messages;
mod minting;
mod monitor;
mod relations;
mod relay;
mod users;
mod videos;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use riffle::store::script::{self, Script};
use riffle::store::{Address, Client, Command, Fault, Reply, keys};

use crate::harness::start_redis;
use case::{Case, EPOCH, Repeat, head, head_with_last, last, minted};
use keyspace::{Keyspace, dump, gone, plant, shown, text, with};
use monitor::Monitor;

fn cases() -> Vec<Case> {
    let tables = [
        users::cases(),
        videos::cases(),
        feed::cases(),
        favorites::cases(),
        comments::cases(),
        relations::cases(),
        messages::cases(),
        relay::cases(),
        buckets::cases(),
    ];
    tables.into_iter().flatten().collect()
}

async fn connect(url: &str) -> Client {
    Client::connect(&Address::parse(url).unwrap(), Duration::from_secs(10)).await.unwrap()
}

/// The answer in words, or the error as Redis says it.
async fn call(client: &Client, script: &Script, keys: &[String], arguments: &[String]) -> Result<String, String> {
    let count = keys.len().to_string();
    let words = keys.iter().chain(arguments).map(|word| Bytes::from(word.clone()));
    let answer: Result<Reply, _> = client.call(Command::new("EVAL").arg(script.source()).arg(count).args(words)).await;
    answer.map(|reply| shown(&reply)).map_err(|fault| format!("{fault:?}"))
}

impl Case {
    fn head_key(&self) -> String {
        keys::head(self.bucket)
    }

    fn declared(&self) -> Vec<String> {
        std::iter::once(self.head_key()).chain(self.keys.iter().cloned()).collect()
    }

    fn all_before(&self) -> Keyspace {
        let head = self.head.clone().map(|head| (self.head_key(), text(head)));
        with(&self.before.iter().cloned().collect(), &head.into_iter().collect())
    }

    fn arguments_with(&self, floor: u64) -> Vec<String> {
        let first = self.script.expects.map(|_| [EPOCH.to_string(), floor.to_string()]);
        first.into_iter().flatten().chain(self.arguments.iter().cloned()).collect()
    }

    async fn call(&self, client: &Client) -> Result<String, String> {
        self.call_with_floor(client, 0).await
    }

    async fn call_with_floor(&self, client: &Client, floor: u64) -> Result<String, String> {
        call(client, self.script, &self.declared(), &self.arguments_with(floor)).await
    }

    /// The head after a call that answered `reply`, where it was `before`.
    fn head_after(&self, reply: &str, before: &Keyspace) -> Keyspace {
        let (first, second) = minted(self.bucket);
        let mints = |id: u64| reply.split(|sign: char| !sign.is_ascii_digit()).any(|word| word == id.to_string());
        let last = [first, second].into_iter().find(|id| mints(*id));
        let head = last.zip(before.get(&self.head_key()));
        let head = head.map(|(last, head)| (self.head_key(), text(head_with_last(head, last))));
        with(before, &head.into_iter().collect())
    }

    fn all_after(&self) -> Keyspace {
        let changed = with(&self.all_before(), &self.after);
        match &self.head_after {
            Some(head) => with(&changed, &vec![(self.head_key(), text(head))]),
            None => self.head_after(&self.reply, &changed),
        }
    }

    fn repeated(&self) -> (String, Keyspace) {
        let first = self.all_after();
        match &self.repeat {
            Repeat::Answers(reply) => (reply.clone(), first),
            Repeat::Again(reply, changes) => (reply.clone(), self.head_after(reply, &with(&first, changes))),
            Repeat::ChangesNothing => {
                let (id, next) = minted(self.bucket);
                let reply = self.reply.replace(&id.to_string(), &next.to_string());
                let after = self.head_after(&reply, &first);
                (reply, after)
            }
        }
    }
}

#[test]
fn every_script_is_in_the_table() {
    let tested: BTreeSet<&str> = cases().iter().map(|case| case.script.name).collect();
    for script in script::ALL {
        assert!(
            tested.contains(script.name),
            "lua/{}.lua is not tested: add a Case to a table of tests/it/scripts/ and the table to cases()",
            script.name
        );
    }
}

#[tokio::test]
async fn a_script_does_what_its_entry_says_and_a_repeat_does_no_more() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    for case in cases() {
        plant(&client, &case.all_before()).await;
        assert_eq!(dump(&client).await, case.all_before(), "{}: before", case.name());
        assert_eq!(case.call(&client).await, Ok(case.reply.clone()), "{}", case.name());
        assert_eq!(dump(&client).await, case.all_after(), "{}: after", case.name());

        let (reply, after) = case.repeated();
        assert_eq!(case.call(&client).await, Ok(reply), "{}: the second time", case.name());
        assert_eq!(dump(&client).await, after, "{}: after the second time", case.name());
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_what_the_caller_believes_is_left_alone() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    for case in cases() {
        let Some(state) = case.script.expects else { continue };
        let other_state = if state == "open" { "closed" } else { "open" };
        let last = last(case.bucket);
        let heads = [
            (None, 0, "EPOCH"),
            (Some("not a head".into()), 0, "EPOCH"),
            (Some(head(EPOCH, other_state, last)), 0, "EPOCH"),
            (Some(head(EPOCH - 1, state, last)), 0, "EPOCH"),
            (Some(head(EPOCH + 1, state, last)), 0, "EPOCH"),
            (Some(head(EPOCH, state, last)), last + 1, "REWOUND"),
        ];
        for (head, floor, reply) in heads {
            let case = Case { head, ..case.clone() };
            plant(&client, &case.all_before()).await;
            let what = format!("{}: head {:?}, floor {floor}", case.name(), case.head);
            let reply = match (reply, &case.head) {
                ("EPOCH", Some(head)) => format!("EPOCH {head}"),
                ("EPOCH", None) => "EPOCH \"\"".into(),
                _ => reply.to_owned(),
            };
            assert_eq!(case.call_with_floor(&client, floor).await, Ok(reply), "{what}");
            assert_eq!(dump(&client).await, case.all_before(), "{what}: something was written");
        }
    }
}

/// In an open bucket: nothing is written. A closed one is being loaded; nobody reads what a loading that failed leaves
/// behind, so there it is enough that it fails.
#[tokio::test]
async fn a_key_of_the_wrong_type_is_an_error_before_anything_is_written() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    for case in cases() {
        let open = case.script.expects != Some("closed");
        for (position, key) in case.declared().into_iter().enumerate() {
            if case.any_type.contains(&key) {
                continue;
            }
            let before = case.all_before();
            let right = case.all_after().remove(&key).or_else(|| before.get(&key).cloned()).unwrap_or_else(gone);
            let planted = with(&before, &vec![(key.clone(), right.of_another_type())]);
            plant(&client, &planted).await;

            let what = format!("{}: KEYS[{}] is of the wrong type", case.name(), position + 1);
            match case.call(&client).await {
                Err(error) => assert!(error.contains("WRONGTYPE"), "{what}: {error}"),
                // A call that writes nothing may answer before it looks at the key.
                Ok(reply) => {
                    let writes = case.all_after() != before;
                    assert!(reply == case.reply && !writes, "{what}, and it answers {reply}");
                }
            }
            if open {
                assert_eq!(dump(&client).await, planted, "{what}: something was written");
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_finds_no_id_left_writes_nothing() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    for case in cases().into_iter().filter(|case| case.script.expects == Some("open")) {
        let used_up = case.bucket.id_at((1 << 40) - 1) | 31;
        let case = Case { head: Some(head(EPOCH, "open", used_up)), ..case };
        let before = case.all_before();
        plant(&client, &before).await;
        let reply = case.call(&client).await;
        let after = dump(&client).await;
        match reply {
            Err(error) => {
                assert!(error.contains("no ids are left"), "{}: {error}", case.name());
                assert_eq!(after, before, "{}: something was written", case.name());
            }
            // Not all calls mint.
            Ok(_) => assert_eq!(after.get(&case.head_key()), before.get(&case.head_key()), "{}", case.name()),
        }
    }
}

#[tokio::test]
async fn a_script_touches_no_key_that_it_does_not_declare() {
    let (redis, _folder) = start_redis().await;
    let client = connect(&redis.url()).await;
    let mut monitor = Monitor::of(&redis.url()).await;
    for case in cases() {
        plant(&client, &case.all_before()).await;
        case.call(&client).await.unwrap();
        let commands = monitor.commands_of_scripts(&client).await;
        assert!(!commands.is_empty(), "{}: nothing was monitored", case.name());
        for command in commands {
            for key in keys_of(&client, &command).await {
                // A sub-set shares the slot of its set; how many there are only the script can know.
                let set = key.rsplit_once(':').filter(|(_, number)| number.len() < 4).map_or(&key[..], |(set, _)| set);
                assert!(
                    case.declared().iter().any(|declared| declared == set),
                    "{}: {key} in {command:?} is not declared",
                    case.name()
                );
            }
        }
    }
}

/// Which words of a command are keys, as Redis says.
async fn keys_of(client: &Client, command: &[String]) -> Vec<String> {
    if command.len() == 1 {
        return vec![];
    }
    let words = command.iter().map(|word| Bytes::from(word.clone()));
    match client.call(Command::new("COMMAND").arg("GETKEYS").args(words)).await {
        Ok(keys) => keys.array().unwrap().iter().map(shown).collect(),
        Err(Fault::Refused(detail)) if detail.contains("no key arguments") => vec![],
        Err(fault) => panic!("{command:?}: {fault:?}"),
    }
}

/// Else recovery would take the key for a stranger's, and a cluster for one of another node.
#[test]
fn every_key_is_known_and_in_the_bucket_of_its_head() {
    for case in cases() {
        let written = case.before.iter().chain(&case.after).map(|(key, _)| key.clone());
        for key in case.declared().into_iter().chain(written) {
            assert_eq!(keys::bucket_of(&key), Some(case.bucket), "{}: {key}; see keys::bucket_of", case.name());
        }
    }
}

#[test]
fn the_contract_names_every_key_and_argument() {
    for case in cases() {
        let path = format!("{}/lua/{}.lua", env!("CARGO_MANIFEST_DIR"), case.script.name);
        let source = std::fs::read_to_string(path).unwrap();
        for (word, given) in [("KEYS", case.declared().len()), ("ARGV", case.arguments_with(0).len())] {
            let (named, any_more) = named_by_contract(&source, word);
            let enough = if any_more { given + 1 >= named } else { given == named };
            assert!(enough, "{}: its first comment names {named} {word}, the call gives {given}", case.name());
        }
    }
}

/// The highest number in `-- KEYS  1 head  2... user`, and whether any number may follow.
fn named_by_contract(source: &str, word: &str) -> (usize, bool) {
    let start = format!("-- {word}");
    let lines = source.lines().skip_while(|line| !line.starts_with(&start));
    let rest = lines.enumerate().take_while(|(index, line)| *index == 0 || line.starts_with("--  "));
    let text: String = rest.map(|(_, line)| format!("{}  ", line.trim_start_matches("--"))).collect();
    let numbers = text.split("  ").filter_map(|part| {
        let digits = part.trim_start().split(|sign: char| !sign.is_ascii_digit()).next()?;
        Some((digits.parse::<usize>().ok()?, part.trim_start()[digits.len()..].starts_with("...")))
    });
    numbers.max().unwrap_or_default()
}
