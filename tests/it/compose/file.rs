//! `docker-compose.yml`, read as Compose reads it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

pub fn text_of(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// With anchors and merges resolved, variables still as they are written.
pub fn compose_file() -> Value {
    serde_saphyr::from_str(&text_of("docker-compose.yml")).unwrap()
}

/// A use of a variable: `${NAME}`, `${NAME:-default}`, `${NAME:?why}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    pub name: String,
    pub required: bool,
}

/// The text with its variables replaced, each of which `used` is told. Required ones must be among `values`.
pub fn interpolated(text: &str, values: &BTreeMap<&str, String>, used: &mut dyn FnMut(Variable)) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        result.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let inner = &rest[1..closing(rest)];
        rest = &rest[inner.len() + 2..];
        let end = inner.find(':').unwrap_or(inner.len());
        let (name, rule) = inner.split_at(end);
        used(Variable { name: name.to_owned(), required: rule.starts_with(":?") });
        match (values.get(name), rule.strip_prefix(":-")) {
            (Some(value), _) => result.push_str(value),
            (None, Some(default)) => result.push_str(&interpolated(default, values, used)),
            (None, None) => panic!("{name} has no value"),
        }
    }
    result + rest
}

/// Where the brace at the start of `text` is closed.
fn closing(text: &str) -> usize {
    assert!(text.starts_with('{'), "only ${{…}} is used: {text}");
    let mut depth = 0;
    for (place, sign) in text.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place;
        }
    }
    panic!("no end: {text}")
}

/// Every text in the file.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(entries) => entries.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// `environment` of a service, variables replaced.
pub fn environment(service: &Value, values: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let entries = service["environment"].as_object().unwrap().iter();
    entries.map(|(name, value)| (name.clone(), interpolated(value.as_str().unwrap(), values, &mut |_| {}))).collect()
}

/// A value for each variable that has none.
pub fn secrets() -> BTreeMap<&'static str, String> {
    let required = ["REDIS_PASSWORD", "POSTGRES_PASSWORD", "MINIO_ROOT_PASSWORD", "S3_SECRET_KEY", "TOKEN_SECRET"];
    required.map(|name| (name, format!("{name}0123456789abcdef0123456789abcdef").replace('_', ""))).into()
}
