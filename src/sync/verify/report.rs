//! What a person, or a program, reads of a comparison.

use serde::Serialize;

use super::expectation::Wanted;
use super::subject::Subject;
use crate::store::verify::{Place, Question};

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    /// "like of video 9 by user 7"
    pub subject: String,
    /// Where in Redis.
    pub key: String,
    /// The member, or the name of the field.
    pub argument: String,
    /// What Redis holds; none where it holds nothing.
    pub redis: Option<String>,
    /// What it should hold.
    pub wanted: Option<String>,
    /// All of it in a line.
    pub line: String,
}

impl Difference {
    /// Of a key as a whole.
    pub(super) fn of_key(key: String, redis: String, line: String) -> Difference {
        let subject = format!("key {key}");
        Difference { subject, key, argument: String::new(), redis: Some(redis), wanted: None, line }
    }
}

/// Places that do not hold what they should.
pub(super) fn differences(
    subject: &Subject,
    places: &[Place],
    held: &[Option<String>],
    wanted: &[Wanted],
) -> Vec<Difference> {
    let both = places.iter().zip(held.iter().zip(wanted));
    both.filter_map(|(place, (held, wanted))| difference(subject, place, held, wanted)).collect()
}

fn difference(subject: &Subject, place: &Place, held: &Option<String>, wanted: &Wanted) -> Option<Difference> {
    let (should, by_postgres) = match wanted {
        Wanted::Row(should) => (should, true),
        Wanted::Size(should) => (should, false),
        Wanted::Anything => return None,
    };
    if held == should {
        return None;
    }
    let key = &place.key;
    let shown = |value: &Option<String>| value.as_ref().map_or("nothing".to_owned(), |value| format!("{value:?}"));
    let what = match place.question {
        _ if !by_postgres => format!(
            "field {} of {key} counts {}, what it counts has {}",
            place.argument,
            held.as_deref().unwrap_or("0"),
            should.as_deref().unwrap_or("0")
        ),
        Question::Field => {
            format!("field {} of {key}: Redis has {}, Postgres has {}", place.argument, shown(held), shown(should))
        }
        _ if should.is_none() => format!("{key} has it: Redis has what Postgres has not"),
        _ if held.is_none() => format!("{key} lacks it: Postgres has what Redis has not"),
        _ => format!("{key} has it at {}, Postgres at {}", shown(held), shown(should)),
    };
    let role = if place.role.is_empty() { String::new() } else { format!(" ({})", place.role) };
    Some(Difference {
        subject: subject.to_string(),
        key: key.clone(),
        argument: place.argument.clone(),
        redis: held.clone(),
        wanted: should.clone(),
        line: format!("{subject}{role}: {what}"),
    })
}
