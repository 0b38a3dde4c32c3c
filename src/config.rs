//! Every setting and every bound of the program, in one table.
//!
//! A setting is the environment variable `RIFFLE_<NAME>` and the flag `--<name>`; the flag wins. All bad settings are
//! reported at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// One row of the table, for `--help`, the README and the check of the environment.
pub struct Setting {
    /// `redis_timeout_ms`; the variable is `RIFFLE_REDIS_TIMEOUT_MS`, the flag `--redis-timeout-ms`.
    pub name: &'static str,
    /// As it would be typed; empty: none.
    pub default: &'static str,
    pub help: &'static str,
    /// Never shown in messages.
    pub secret: bool,
}

impl Setting {
    pub fn variable(&self) -> String {
        format!("RIFFLE_{}", self.name.to_uppercase())
    }

    /// Without its two dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// How a value is read, and what the message says when it cannot be.
struct Kind<T> {
    parse: Parse<T>,
    allowed: String,
}

type Parse<T> = Box<dyn Fn(&str) -> Option<T>>;

macro_rules! settings {
    ($($(#[$mark:ident])? $name:ident: $type:ty = $default:literal, $kind:expr, $help:literal;)*) => {
        #[derive(Debug, Clone)]
        pub struct Config { $(#[doc = $help] pub $name: $type),* }

        pub const SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($name), default: $default, help: $help, secret: settings!(@secret $($mark)?),
        }),*];

        impl Config {
            fn read(values: &BTreeMap<&'static str, String>, problems: &mut Vec<String>) -> Option<Config> {
                $(let $name = read_one(stringify!($name), $kind, values, problems);)*
                Some(Config { $($name: $name?),* })
            }
        }
    };
    (@secret secret) => { true };
    (@secret) => { false };
}

settings! {
    listen: SocketAddr = "127.0.0.1:8080", address(), "Where the server listens; port 0 takes any free one";
    data_dir: PathBuf = "./.riffle", path(), "Folder of media and, under `dev`, of the private stores";
    redis_url: Option<String> = "", url(&["redis://", "redis-cluster://", "redis+unix://"]), "Redis, as redis://user:password@host:port/0, redis+unix:///path or, for a Redis Cluster, redis-cluster://user:password@host:port?node=host:port with any number of its nodes; default: the private one of the data folder";
    #[secret] postgres_url: Option<String> = "", url(&["postgres://", "postgresql://"]), "Postgres, as postgres://user:password@host/database; default: the private one of the data folder";
    media_url: Option<String> = "", url(&["http://", "https://"]), "Public base of play_url and cover_url; default: that of the object store where it lets everybody read, else http://<listen>/media";
    s3_endpoint: Option<String> = "", url(&["http://", "https://"]), "Object store for media (MinIO or any S3), as http://host:port; default: files in the data folder";
    s3_bucket: String = "riffle", text(), "Bucket of the object store; made where it is missing";
    s3_access_key: Option<String> = "", secret(1), "Access key of the object store";
    #[secret] s3_secret_key: Option<String> = "", secret(1), "Secret key of the object store";
    s3_region: String = "us-east-1", text(), "Region of the object store";
    s3_timeout_ms: Duration = "2000", milliseconds(10..=600_000), "Longest wait for an answer of the object store; a second more for each 256 KiB sent";
    s3_transfers_max: usize = "8", number(1..=1_000), "Uploads to the object store at once; each holds 5 MiB of memory, further ones wait";
    #[secret] token_secret: Option<String> = "", secret(32), "Key that signs tokens, 32 bytes or more; default: made once and kept in the data folder";
    token_ttl_s: Duration = "600000", seconds(60..=31_536_000), "Life of a token";
    utc_offset: time::UtcOffset = "+08:00", offset(), "Offset of the date strings in answers";
    cors_origins: Vec<String> = "", words(), "Origins that browsers may call from, separated by commas; default: none";
    password_bytes_min: usize = "5", number(1..=72), "Shortest password taken";
    password_threads: usize = "2", number(1..=64), "Threads that hash passwords, at low priority";
    password_queue_max: usize = "64", number(1..=10_000), "Logins and registrations waiting for a hash before 100013 is answered";
    body_bytes_max: u64 = "1048576", number(1_024..=1 << 30), "Largest request body, publish aside";
    publish_bytes_max: u64 = "536870912", number(1_024..=1 << 40), "Largest request body of publish/action";
    uploads_max: usize = "64", number(1..=10_000), "Uploads under way at once before 100013 is answered";
    connections_max: usize = "10000", number(1..=1_000_000), "Client connections at once; further ones wait";
    header_timeout_ms: Duration = "10000", milliseconds(100..=600_000), "Longest wait for a request's complete head, idle connections included";
    body_timeout_ms: Duration = "10000", milliseconds(100..=600_000), "Longest wait for the next piece of a request body";
    shutdown_timeout_ms: Duration = "10000", milliseconds(100..=600_000), "Longest wait for requests under way when stopping";
    threads: usize = "0", number(0..=256), "Threads that serve requests; 0: one per core";
    redis_timeout_ms: Duration = "1000", milliseconds(10..=60_000), "Longest wait for an answer of Redis";
    redis_unsafe: RedisUnsafe = "refuse", one_of(&[("refuse", RedisUnsafe::Refuse), ("allow", RedisUnsafe::Allow)]), "A Redis whose own settings would lose data (an eviction policy other than noeviction, no append-only file): refuse it, or allow it";
    postgres_timeout_ms: Duration = "1000", milliseconds(10..=60_000), "Longest wait for an answer of Postgres, a free connection included";
    postgres_connections_max: usize = "16", number(2..=1_000), "Connections to Postgres at once";
    feed_window: u64 = "100000", number(30..=10_000_000), "Newest videos whose order Redis keeps; older pages come from Postgres";
    feed_snapshot: usize = "1000000", number(31..=1_000_000_000), "Newest videos whose order each server keeps once it was asked for, 8 bytes each; pages of these need no question of Redis or Postgres about what comes next";
    feed_age_ms: Duration = "250", milliseconds(0..=60_000), "Longest that a change through another server goes unseen in feed pages, lists and profiles; what this server itself changed is shown at once. 0: nothing is kept";
    cache_bytes_max: u64 = "1073741824", number(1 << 20..=1 << 40), "Memory in which each server keeps users, videos, lists and viewers' likes and follows, while Redis tells of no change; taken as it is needed";
    list_max: usize = "1000", number(1..=10_000), "Most entries of one list answer";
    pending_after_ms: Duration = "5000", milliseconds(100..=600_000), "Age at which a user or video whose request died half-way is completed";
    flush_interval_ms: Duration = "200", milliseconds(10..=600_000), "How often what was decided in Redis is written to Postgres";
    outbox_entries_max: u64 = "1000000", number(10..=1_000_000_000), "Changes that may wait for Postgres before writes answer 503; each takes 40 to 100 bytes of Redis, and its text";
    durability: Durability = "relaxed", one_of(&[("relaxed", Durability::Relaxed), ("strict", Durability::Strict)]), "When a like, follow, comment or message is answered: once Redis has it (relaxed), or once Postgres has it too (strict)";
    probe_timeout_ms: Duration = "5000", milliseconds(100..=60_000), "Longest look at an uploaded file";
    cover_timeout_ms: Duration = "20000", milliseconds(100..=600_000), "Longest run of ffmpeg for one cover";
    cover_jobs_max: usize = "1", number(1..=64), "Covers made at once";
    ffmpeg: String = "ffmpeg", text(), "Program that makes covers; without it videos keep a generated one";
    orphan_age_s: Duration = "86400", seconds(1..=31_536_000), "Age at which a media file that belongs to no video is removed";
    chat: ChatWith = "friends", one_of(&[("friends", ChatWith::Friends), ("anyone", ChatWith::Anyone)]), "Who may send whom messages: friends (users who follow each other) or anyone";
    message_time: MessageTime = "auto", one_of(&[("auto", MessageTime::Auto), ("text", MessageTime::Text), ("millis", MessageTime::Millis)]), "How a chat shows times: text (2023-04-05 19:50:39), millis (Unix milliseconds), or auto: millis for clients that send pre_msg_time, which parse a number";
    chat_poll: ChatPoll = "both", one_of(&[("both", ChatPoll::Both), ("received", ChatPoll::Received)]), "What polling a chat with pre_msg_time gives: both directions, or only what was received, for clients that draw their own messages themselves";
    log: String = "info", log_filter(), "What is logged: error, warn, info, debug, trace, or per module (riffle=debug,warn)";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisUnsafe {
    Refuse,
    Allow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Relaxed,
    Strict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatWith {
    Friends,
    Anyone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageTime {
    Auto,
    Text,
    Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatPoll {
    Both,
    Received,
}

/// All that is wrong with the settings, a line each.
#[derive(Debug)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Merges flags over environment over defaults. `flag` is asked for each name of [`SETTINGS`].
    pub fn load(
        flag: impl Fn(&str) -> Option<String>,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Config, ConfigError> {
        let mut problems = Vec::new();
        let mut values: BTreeMap<&'static str, String> =
            SETTINGS.iter().map(|setting| (setting.name, setting.default.to_owned())).collect();
        for (variable, value) in environment {
            let Some(variable) = variable.to_str().filter(|variable| variable.starts_with("RIFFLE_")) else { continue };
            let known = SETTINGS.iter().find(|setting| setting.variable() == variable);
            match (known, value.into_string()) {
                (Some(setting), Ok(value)) => {
                    values.insert(setting.name, value);
                }
                (Some(_), Err(_)) => problems.push(format!("{variable}: not valid UTF-8")),
                (None, _) => problems.push(unknown_variable(variable)),
            }
        }
        for setting in SETTINGS {
            if let Some(value) = flag(setting.name) {
                values.insert(setting.name, value);
            }
        }
        let config = Config::read(&values, &mut problems);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError(problems)),
        }
    }

    /// `threads`, with 0 resolved to the cores of the machine.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

fn unknown_variable(variable: &str) -> String {
    let nearest = SETTINGS.iter().map(Setting::variable).min_by_key(|known| strsim::levenshtein(known, variable));
    format!("{variable}: no such setting; did you mean {}?", nearest.unwrap_or_default())
}

fn read_one<T>(
    name: &'static str,
    kind: Kind<T>,
    values: &BTreeMap<&'static str, String>,
    problems: &mut Vec<String>,
) -> Option<T> {
    let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
    let value = values[name].trim();
    let parsed = (kind.parse)(value);
    if parsed.is_none() {
        let given = if setting.secret { format!("({} bytes, not shown)", value.len()) } else { mask(value) };
        problems.push(format!("{}: given {given}, allowed: {}", setting.variable(), kind.allowed));
    }
    parsed
}

/// Hides the password of an address, also of one that lacks its scheme.
fn mask(value: &str) -> String {
    let Some(at) = value.rfind('@') else { return format!("{value:?}") };
    let start = value.find("://").map_or(0, |scheme| scheme + 3).min(at);
    format!("{:?}", format!("{}***{}", &value[..start], &value[at..]))
}

fn kind<T>(allowed: impl Into<String>, parse: impl Fn(&str) -> Option<T> + 'static) -> Kind<T> {
    Kind { parse: Box::new(parse), allowed: allowed.into() }
}

fn number<T>(range: RangeInclusive<T>) -> Kind<T>
where
    T: std::str::FromStr + PartialOrd + fmt::Display + 'static,
{
    kind(format!("a whole number from {} to {}", range.start(), range.end()), move |text| {
        text.parse().ok().filter(|value| range.contains(value))
    })
}

fn seconds(range: RangeInclusive<u64>) -> Kind<Duration> {
    let number = number(range);
    kind(format!("{} of seconds", number.allowed), move |text| (number.parse)(text).map(Duration::from_secs))
}

fn milliseconds(range: RangeInclusive<u64>) -> Kind<Duration> {
    let number = number(range);
    kind(format!("{} of milliseconds", number.allowed), move |text| (number.parse)(text).map(Duration::from_millis))
}

fn address() -> Kind<SocketAddr> {
    kind("an address and a port, such as 127.0.0.1:8080 or [::]:80", |text| text.parse().ok())
}

fn path() -> Kind<PathBuf> {
    kind("a path", |text| (!text.is_empty()).then(|| PathBuf::from(text)))
}

fn text() -> Kind<String> {
    kind("a text that is not empty", |text| (!text.is_empty()).then(|| text.to_owned()))
}

fn log_filter() -> Kind<String> {
    kind("a level, or levels of modules: debug, or riffle=debug,warn", |text| {
        (!text.is_empty() && tracing_subscriber::EnvFilter::try_new(text).is_ok()).then(|| text.to_owned())
    })
}

fn words() -> Kind<Vec<String>> {
    kind("words separated by commas", |text| {
        Some(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    })
}

fn one_of<T: Copy + 'static>(words: &'static [(&'static str, T)]) -> Kind<T> {
    let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    kind(allowed.join(", "), |text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
}

fn secret(bytes_min: usize) -> Kind<Option<String>> {
    kind(format!("at least {bytes_min} bytes"), move |text| match text.len() {
        0 => Some(None),
        length => (length >= bytes_min).then(|| Some(text.to_owned())),
    })
}

fn url(schemes: &'static [&'static str]) -> Kind<Option<String>> {
    kind(format!("an address beginning with {}", schemes.join(" or ")), move |text| {
        if text.is_empty() {
            return Some(None);
        }
        let known = schemes.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        known.then(|| Some(text.trim_end_matches('/').to_owned()))
    })
}

fn offset() -> Kind<time::UtcOffset> {
    kind("an offset from UTC, such as +08:00 or -05:30", |text| {
        let format = time::macros::format_description!("[offset_hour sign:mandatory]:[offset_minute]");
        time::UtcOffset::parse(text, &format).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        Config::load(|_| None, environment).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_valid() {
        let config = load(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.redis_url, None);
        assert_eq!(config.utc_offset.whole_hours(), 8);
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let text = load(&[
            ("RIFFLE_LISTEN", "nowhere"),
            ("RIFFLE_REDIS_TIMEOUT_MS", "0"),
            ("RIFFLE_REDIS_UR", "redis://localhost"),
        ])
        .unwrap_err();
        assert!(text.contains("RIFFLE_LISTEN: given \"nowhere\""), "{text}");
        assert!(text.contains("from 10 to 60000 of milliseconds"), "{text}");
        assert!(text.contains("RIFFLE_REDIS_UR: no such setting; did you mean RIFFLE_REDIS_URL?"), "{text}");
    }

    #[test]
    fn secrets_are_masked() {
        let text = load(&[
            ("RIFFLE_TOKEN_SECRET", "short-secret"),
            ("RIFFLE_POSTGRES_URL", "mysql://me:hunter2@db"),
            ("RIFFLE_REDIS_URL", "http://me:hunter2@cache"),
        ])
        .unwrap_err();
        assert!(!text.contains("short-secret") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("\"http://***@cache\""), "{text}");
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let config = Config::load(
            |name| (name == "list_max").then(|| "7".to_owned()),
            [("RIFFLE_LIST_MAX".into(), "9".into())].into_iter(),
        );
        assert_eq!(config.unwrap().list_max, 7);
    }

    #[test]
    fn a_value_that_is_not_text_is_not_passed_over() {
        use std::os::unix::ffi::OsStringExt;
        let secret = OsString::from_vec(vec![0xFF; 32]);
        let refused = Config::load(|_| None, [("RIFFLE_TOKEN_SECRET".into(), secret)].into_iter()).unwrap_err();
        assert_eq!(refused.to_string(), "RIFFLE_TOKEN_SECRET: not valid UTF-8");
    }
}
