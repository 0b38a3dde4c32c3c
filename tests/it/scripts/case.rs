//! One call of a script: what is there, what is asked, what is answered, what is there then.
//!
//! The ids of the table lie just below 2^53, where a detour over a double would show, and the head of every bucket is
//! far ahead of the clock, so that a minted id is known beforehand: the last one of its millisecond, and after it the
//! first one of the next.

use riffle::id::Bucket;
use riffle::store::script::Script;

use super::keyspace::{Keys, Value};

/// The epoch of every call.
pub const EPOCH: u64 = 7;

/// The bucket of all cases but those of the feed.
pub const HOME: u16 = 42;
/// The last id that [`HOME`] has minted, the one that the call mints, and the one that its repetition mints.
pub const LAST: u64 = at(HOME, 0, 30);
pub const MINTED: u64 = at(HOME, 0, 31);
pub const MINTED_NEXT: u64 = at(HOME, 1, 0);

/// The same in the feed's bucket, whose ids carry no bucket.
pub const FEED_LAST: u64 = at(0, 0, 30);
pub const FEED_MINTED: u64 = at(0, 0, 31);
pub const FEED_MINTED_NEXT: u64 = at(0, 1, 0);

/// An id of `bucket`, `ms` after the time of all heads; before it where negative.
pub const fn at(bucket: u16, ms: i64, sequence: u64) -> u64 {
    (((1_i64 << 40) - 1_000 + ms) as u64) << 13 | (bucket as u64) << 5 | sequence
}

/// Written with what differs from [`Case::of`]:
///
/// ```ignore
/// Case {
///     title: "an absent user becomes visible",
///     keys: vec![keys::outbox(home()), keys::user(MIA)],
///     arguments: arguments![MIA, "mia"],
///     reply: format!("OK {MINTED}"),
///     after: vec![(keys::user(MIA), hash(&[("name", "mia")]))],
///     ..Case::of(&script::USER_SHOW)
/// }
/// ```
#[derive(Clone)]
pub struct Case {
    pub script: &'static Script,
    pub title: &'static str,
    /// Declared after the head.
    pub keys: Vec<String>,
    /// After epoch and floor; of a script that runs without `lib/head.lua`: all.
    pub arguments: Vec<String>,
    /// All keys but the head.
    pub before: Keys,
    /// The answer in words: `OK 8192000`; an integer is `:1`, an array in an array `[a b]`, nothing `nil`.
    pub reply: String,
    /// What then differs from `before`, the head aside. `gone()` stands for a key that is no more.
    pub after: Keys,
    pub repeat: Repeat,
    pub bucket: Bucket,
    /// As the script wants it, unless said otherwise.
    pub head: Option<String>,
    /// Where not said: the minted id is its last where the reply tells of one, and it stays as it was where not.
    pub head_after: Option<String>,
    /// Keys that may be of any type, since the call does not look into them.
    pub any_type: Vec<String>,
}

/// What a second call with the same keys and arguments does.
#[derive(Clone)]
pub enum Repeat {
    /// Nothing changes but the head; where an id was minted, the next one is minted and answered.
    ChangesNothing,
    /// Nothing changes at all, and the answer is this.
    Answers(String),
    /// It is done a second time: the answer, and what differs from the state after the first.
    Again(String, Keys),
}

pub fn home() -> Bucket {
    Bucket::new(HOME).unwrap()
}

impl Case {
    pub fn of(script: &'static Script) -> Case {
        Case::in_bucket(script, home())
    }

    pub fn of_feed(script: &'static Script) -> Case {
        Case::in_bucket(script, Bucket::FEED)
    }

    fn in_bucket(script: &'static Script, bucket: Bucket) -> Case {
        let state = script.expects.unwrap_or("open");
        Case {
            script,
            title: "",
            keys: Vec::new(),
            arguments: Vec::new(),
            before: Keys::new(),
            reply: "OK".into(),
            after: Keys::new(),
            repeat: Repeat::ChangesNothing,
            bucket,
            head: Some(head(EPOCH, state, last(bucket))),
            head_after: None,
            any_type: Vec::new(),
        }
    }

    pub fn name(&self) -> String {
        format!("lua/{}.lua, {}", self.script.name, self.title)
    }
}

pub fn head(epoch: u64, state: &str, last: u64) -> String {
    format!("{epoch} {state} {last} 0")
}

/// The same head with another last id.
pub fn head_with_last(head: &Value, last: u64) -> String {
    let Value::Text(head) = head else { panic!("not a head: {head:?}") };
    let [epoch, state, _, forgotten] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("not a head: {head}") };
    format!("{epoch} {state} {last} {forgotten}")
}

pub fn last(bucket: Bucket) -> u64 {
    if bucket == Bucket::FEED { FEED_LAST } else { LAST }
}

/// The ids that a call and its repetition mint.
pub fn minted(bucket: Bucket) -> (u64, u64) {
    if bucket == Bucket::FEED { (FEED_MINTED, FEED_MINTED_NEXT) } else { (MINTED, MINTED_NEXT) }
}

/// The keys of two rows of the same.
pub fn twice(keys: impl Into<Vec<String>>) -> Vec<String> {
    let keys = keys.into();
    [keys.clone(), keys].concat()
}

/// Anything that can be shown, as the arguments of a call.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { vec![$($argument.to_string()),*] };
}
pub(crate) use arguments;
