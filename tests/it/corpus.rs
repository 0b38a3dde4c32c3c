//! The dialects of many clients, replayed: `tests/corpus/README.md` says how the recordings are written.

mod answer;
mod recording;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::AsciiSet;
use serde_json::{Value, json};

use self::answer::Names;
use self::recording::{Body, Exchange, Recording};
use crate::harness::{Connection, Reply, Server, World, clip};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

const ENCODED: &AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[tokio::test]
async fn every_client_gets_what_it_expects_over_one_connection() {
    let shapes = serde_json::from_str(&std::fs::read_to_string(format!("{CORPUS}/shapes.json")).unwrap()).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(CORPUS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        replay(&file, &shapes).await;
    }
}

async fn replay(file: &Path, shapes: &Value) {
    let name = file.file_name().unwrap().to_string_lossy();
    let recording = Recording::parse(&std::fs::read_to_string(file).unwrap());
    let settings: Vec<(&str, &str)> =
        recording.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let world = World::start().await;
    let server = Server::start(&world, &settings).await;
    let mut names = Names::from([("host".to_owned(), json!(server.address().to_string()))]);
    let mut connection = server.client().connect().await;
    for exchange in &recording.exchanges {
        let told = format!("{name}, \"{}\"", exchange.title);
        let reply = send(&mut connection, exchange, &mut names, &told).await;
        compare(exchange, &reply, shapes, &mut names).unwrap_or_else(|difference| {
            panic!("{told}: {difference}\nthe answer: {} {:?}\n{}", reply.status, reply.headers, reply.text())
        });
        if reply.header("connection") == Some("close") {
            connection = server.client().connect().await;
        }
    }
}

async fn send(connection: &mut Connection, exchange: &Exchange, names: &mut Names, told: &str) -> Reply {
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 + 60_000;
    names.insert("now_ms".to_owned(), json!(soon));
    names.insert("now_s".to_owned(), json!(soon / 1_000));
    let body = filled(&exchange.body, names, told);
    names.insert("length".to_owned(), json!(body.len()));
    let head = filled(&exchange.head, names, told);
    connection.send(&head).await;
    if exchange.waits_to_be_asked() {
        let reply = connection.reply().await;
        if reply.status != 100 {
            return reply;
        }
    }
    connection.send(&body).await;
    if exchange.head.starts_with("HEAD ") { connection.reply_to_head().await } else { connection.reply().await }
}

fn compare(exchange: &Exchange, reply: &Reply, shapes: &Value, names: &mut Names) -> Result<(), String> {
    if reply.status != exchange.status {
        return Err(format!("not the HTTP status {}", exchange.status));
    }
    for (header, value) in &exchange.answer_headers {
        if reply.header(header) != Some(value) {
            return Err(format!("not the header {header}: {value}"));
        }
    }
    let may_close = exchange.answer_headers.iter().any(|(header, _)| header == "connection");
    if reply.header("connection") == Some("close") && !may_close {
        return Err("the connection ends".to_owned());
    }
    match &exchange.answer {
        Body::Nothing if reply.body.is_empty() => Ok(()),
        Body::Nothing => Err("the body is not empty".to_owned()),
        Body::Bytes if reply.body.is_empty() => Err("the body is empty".to_owned()),
        Body::Bytes => Ok(()),
        Body::Json(expected) => answer::compare(expected, &reply.json(), shapes, names),
    }
}

/// Puts values in the places of `{{name}}` and `{{name|filter}}`.
fn filled(text: &str, names: &Names, told: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}").unwrap_or_else(|| panic!("{told}: {{{{ without }}}}"));
        bytes.extend_from_slice(before.as_bytes());
        bytes.extend(value_for(place, names, told));
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn value_for(place: &str, names: &Names, told: &str) -> Vec<u8> {
    let mut words = place.split('|');
    let name = words.next().unwrap();
    let value = match names.get(name) {
        _ if name == "clip" => clip().to_vec(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(number) => number.to_string().into_bytes(),
        None => panic!("{told}: nothing is known as {name}"),
    };
    words.fold(value, |value, filter| {
        let text = || std::str::from_utf8(&value).unwrap();
        let filtered = match filter {
            "length" => value.len().to_string(),
            "exp" => as_go_prints_a_float(text()),
            "path" => format!("/{}", text().splitn(4, '/').nth(3).unwrap()),
            "query" => percent_encoding::utf8_percent_encode(text(), ENCODED).to_string(),
            filter => panic!("{told}: no filter {filter}"),
        };
        filtered.into_bytes()
    })
}

/// `1680703713` -> `1.680703713e+09`
fn as_go_prints_a_float(digits: &str) -> String {
    let (first, rest) = digits.split_at(1);
    let fraction = rest.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{first}{point}{fraction}e+{:02}", rest.len())
}

#[test]
fn floats_look_as_go_prints_them() {
    assert_eq!(as_go_prints_a_float("1680703713"), "1.680703713e+09");
    assert_eq!(as_go_prints_a_float("1000000000000000"), "1e+15");
    assert_eq!(as_go_prints_a_float("1010694811942912"), "1.010694811942912e+15");
}
