//! Comparing an answer with what is expected, and remembering what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

pub type Names = BTreeMap<String, Value>;

const ID_MAX: u64 = (1 << 53) - 1;
const MINUTE_MS: u64 = 60_000;

/// The difference is told with the way to where it lies.
pub fn compare(expected: &Value, found: &Value, shapes: &Value, names: &mut Names) -> Result<(), String> {
    match (expected, found) {
        (Value::Object(written), Value::Object(found)) => {
            let expected = with_shape(written, shapes);
            let (wanted, given): (BTreeSet<_>, BTreeSet<_>) = (expected.keys().collect(), found.keys().collect());
            if wanted != given {
                let missing: Vec<_> = wanted.difference(&given).collect();
                let added: Vec<_> = given.difference(&wanted).collect();
                return Err(format!("missing {missing:?}, added {added:?}"));
            }
            expected.iter().try_for_each(|(key, value)| {
                compare(value, &found[key], shapes, names).map_err(|difference| format!("{key}: {difference}"))
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            expected.iter().zip(found).enumerate().try_for_each(|(place, (expected, found))| {
                compare(expected, found, shapes, names).map_err(|difference| format!("{place}: {difference}"))
            })
        }
        (Value::String(pattern), _) if pattern.starts_with('<') && pattern.ends_with('>') => {
            let pattern = &pattern[1..pattern.len() - 1];
            let (kind, name) = pattern.split_once(' ').map_or((pattern, None), |(kind, name)| (kind, Some(name)));
            if !is_of_kind(kind, found) {
                return Err(format!("{found} is no {kind}"));
            }
            let Some(name) = name else { return Ok(()) };
            let known = names.entry(name.to_owned()).or_insert_with(|| found.clone());
            if known == found { Ok(()) } else { Err(format!("{found} where {name} is {known}")) }
        }
        _ if expected == found => Ok(()),
        _ => Err(format!("{found} instead of {expected}")),
    }
}

/// The fields of the shape that `...` names, and over them the object's own. A shape may build on another.
fn with_shape(written: &Map<String, Value>, shapes: &Value) -> Map<String, Value> {
    let mut fields = match written.get("...").map(|name| name.as_str().unwrap()) {
        Some(name) => {
            let shape = shapes[name].as_object().unwrap_or_else(|| panic!("no shape {name}"));
            with_shape(shape, shapes)
        }
        None => Map::new(),
    };
    let own = written.iter().filter(|(key, _)| *key != "...");
    fields.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    fields
}

fn is_of_kind(kind: &str, found: &Value) -> bool {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let text = found.as_str().unwrap_or_default();
    match kind {
        "id" => found.as_u64().is_some_and(|id| (1..=ID_MAX).contains(&id)),
        "ms" => found.as_u64().is_some_and(|ms| (now_ms - MINUTE_MS..=now_ms).contains(&ms)),
        "date" => {
            let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            shape == "0000-00-00 00:00:00"
        }
        "text" => !text.is_empty(),
        "url" => text.starts_with("http://"),
        _ => panic!("no kind {kind}"),
    }
}
