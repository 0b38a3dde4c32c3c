//! The description of the API that `riffle openapi` prints, held against the running server.

mod calls;
mod schema;

use std::collections::BTreeSet;

use riffle::error::Code;
use serde_json::{Value, json};

use self::calls::{Call, Place, Scene, send};
use crate::harness::{Client, Reply, Server, World, eventually, run};

async fn described(world: &World) -> Value {
    let printed = run(world, &["openapi"], &[]).await;
    assert!(printed.status.success(), "{printed:#?}");
    serde_json::from_str(&printed.stdout).unwrap()
}

/// Path, method and description of every operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |path: &Value| path.as_object().unwrap().clone();
    let known = paths.iter().flat_map(|(path, item)| {
        let names: Vec<String> = methods(item).keys().cloned().collect();
        names.into_iter().map(move |method| (path.as_str(), &item[&method], method))
    });
    known
        .map(|(path, operation, method)| match method.as_str() {
            "get" => (path, "GET", operation),
            "post" => (path, "POST", operation),
            method => panic!("{path}: {method} is no method of this API"),
        })
        .collect()
}

/// Files and metrics have no envelope.
fn speaks_json(path: &str) -> bool {
    !path.starts_with("/media/") && path != "/metrics"
}

fn words(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn numbers(list: &Value) -> BTreeSet<u64> {
    list.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

/// Checks that an answer is one of those described.
fn check(document: &Value, path: &str, operation: &Value, reply: &Reply) {
    let response = schema::resolve(document, &operation["responses"][reply.status.to_string()]);
    let described = &response["content"]["application/json"]["schema"];
    let answer = reply.json();
    assert!(described.is_object(), "{path} does not describe HTTP {}: {answer}", reply.status);
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    schema::check(document, described, &answer).unwrap_or_else(|fault| panic!("{path}: {fault}\n{answer:#}"));
    let code = answer["status_code"].as_u64().unwrap();
    assert!(numbers(&operation["x-status-codes"]).contains(&code), "{path} does not list {code}");
}

#[tokio::test]
async fn every_route_is_described_and_every_described_route_exists() {
    let world = World::start().await;
    let document = described(&world).await;
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let written: BTreeSet<(&str, &str)> = operations(&document)
        .into_iter()
        .filter(|(path, ..)| !path.starts_with("/media/"))
        .map(|(path, method, _)| (path.trim_end_matches('/'), method))
        .collect();
    let routes: Vec<_> = riffle::api::routes().collect();
    assert_eq!(written, routes.iter().map(|(path, method)| (*path, method.as_str())).collect());

    let server = Server::start(&world, &[]).await;
    for (path, method) in written {
        for path in [path.to_owned(), format!("{path}/")] {
            let reply = send(&server.client(), &Call::new(method, &path), Place::Query).await;
            assert!(reply.status == 200, "{method} {path}: {reply:?}");
            let other = if method == "GET" { "POST" } else { "GET" };
            let reply = send(&server.client(), &Call::new(other, &path), Place::Query).await;
            let allowed = reply.header("allow").unwrap_or_default();
            assert!(reply.status == 405 && allowed.split(", ").any(|word| word == method), "{other} {path}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn the_table_of_status_codes_is_the_one_of_the_code() {
    let world = World::start().await;
    let document = described(&world).await;
    let table: Vec<Value> = Code::ALL
        .iter()
        .map(|code| json!({"const": code.number(), "title": code.message(), "x-http-status": code.http_status()}))
        .collect();
    assert_eq!(document["components"]["schemas"]["StatusCode"]["oneOf"], Value::Array(table));

    for (path, _, operation) in operations(&document).into_iter().filter(|(path, ..)| speaks_json(path)) {
        let listed = numbers(&operation["x-status-codes"]);
        let known = Code::ALL.iter().filter(|code| listed.contains(&code.number().into()));
        let statuses: BTreeSet<String> = known.clone().map(|code| code.http_status().to_string()).collect();
        assert_eq!(known.count(), listed.len(), "{path} lists a code that is none");
        assert_eq!(operation["responses"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>(), statuses);
    }
}

#[tokio::test]
async fn every_example_is_an_answer_that_its_schema_allows() {
    let world = World::start().await;
    let document = described(&world).await;
    let mut codes = BTreeSet::new();
    for (path, _, operation) in operations(&document) {
        for response in operation["responses"].as_object().unwrap().values() {
            let content = &schema::resolve(&document, response)["content"]["application/json"];
            let Some(content) = content.as_object() else { continue };
            let examples = content["examples"].as_object().unwrap();
            assert!(!examples.is_empty());
            for (name, example) in examples {
                let example = &schema::resolve(&document, example)["value"];
                let checked = schema::check(&document, &content["schema"], example);
                checked.unwrap_or_else(|fault| panic!("{path}, {name}: {fault}\n{example:#}"));
                codes.insert(example["status_code"].as_u64().unwrap());
            }
        }
    }
    assert_eq!(codes, Code::ALL.iter().map(|code| u64::from(code.number())).collect(), "an example of each code");
}

#[tokio::test]
async fn parameters_are_the_same_in_all_their_places() {
    let world = World::start().await;
    let document = described(&world).await;
    for (path, _, operation) in operations(&document) {
        let Some(content) = operation.get("requestBody").map(|body| body["content"].as_object().unwrap()) else {
            continue;
        };
        let parameters = operation["parameters"].as_array().unwrap();
        let in_query: BTreeSet<String> = parameters
            .iter()
            .map(|parameter| schema::resolve(&document, parameter)["name"].as_str().unwrap().to_owned())
            .collect();
        for (media_type, place) in content {
            let properties = schema::resolve(&document, &place["schema"])["properties"].as_object().unwrap();
            let mut names: BTreeSet<String> = properties.keys().cloned().collect();
            if media_type == "multipart/form-data" {
                // A file has no other place.
                names.remove("data");
            }
            assert_eq!(names, in_query, "{path}, {media_type}");
        }
    }
}

#[tokio::test]
async fn real_answers_are_as_described_wherever_the_parameters_are() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let document = described(&world).await;
    let client = server.client();
    let scene = Scene::set(&client).await;
    let mut untried: BTreeSet<&str> = operations(&document).into_iter().map(|(path, ..)| path).collect();
    untried.retain(|path| speaks_json(path));
    for place in [Place::Query, Place::Form, Place::Multipart, Place::Json] {
        for call in scene.calls(place) {
            let operation = &document["paths"][&call.path][call.method.to_lowercase()];
            let reply = send(&client, &call, place).await;
            check(&document, &call.path, operation, &reply);
            assert_eq!(reply.json()["status_code"], 0, "{place:?} {}: {}", call.path, reply.text());
            refuses_what_lacks(&client, &document, &call, place).await;
            untried.remove(call.path.as_str());
        }
    }
    assert!(untried.is_empty(), "not tried: {untried:?}");

    world.redis.kill_and_wait();
    for (path, method, operation) in operations(&document) {
        if operation["responses"].get("503").is_none() {
            continue;
        }
        let call = scene.calls(Place::Query).into_iter().find(|call| call.path == path).unwrap();
        // Each thread notices by itself, and signing in needs Postgres alone.
        let refused = async || {
            let reply = send(&client, &call, Place::Query).await;
            (reply.status == 503 || path == "/douyin/user/login/").then_some(reply)
        };
        let reply = eventually(&format!("{method} {path} to be refused"), refused).await;
        check(&document, path, operation, &reply);
    }
}

/// Without any one of the required parameters there is a described refusal.
async fn refuses_what_lacks(client: &Client, document: &Value, call: &Call, place: Place) {
    let operation = &document["paths"][&call.path][call.method.to_lowercase()];
    for required in words(&operation["x-required"]) {
        let lacking = call.without(&required);
        let reply = send(client, &lacking, place).await;
        check(document, &call.path, operation, &reply);
        assert_ne!(reply.json()["status_code"], 0, "{} without {required}", call.path);
    }
}

#[tokio::test]
async fn metrics_are_served_as_described() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let document = described(&world).await;
    let content = &document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]["text/plain"];
    let reply = server.client().get("/metrics").await;
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let comments =
        |text: &str| text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(comments(content["example"].as_str().unwrap()), comments(&reply.text()));
}

#[tokio::test]
async fn media_files_are_served_as_described() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let document = described(&world).await;
    let client = server.client();
    Scene::set(&client).await;
    let feed = client.get_json("/douyin/feed/").await;
    let video = &feed["video_list"][0];
    for (key, folder) in [("play_url", "video"), ("cover_url", "cover")] {
        let path = video[key].as_str().unwrap().strip_prefix(&server.base_url()).unwrap();
        let folder = if path.starts_with("/media/placeholder/") { "placeholder" } else { folder };
        let operation = &document["paths"][format!("/media/{folder}/{{name}}")]["get"];
        for (range, status) in [(None, 200), (Some("bytes=0-9"), 206), (Some("bytes=999999999-"), 416)] {
            let range = range.map(|range| format!("Range: {range}\r\n")).unwrap_or_default();
            let head = format!("GET {path} HTTP/1.1\r\nHost: riffle.test\r\n{range}\r\n");
            let reply = client.request(head.as_bytes()).await;
            assert_eq!(reply.status, status, "{path} {range}");
            let described = schema::resolve(&document, &operation["responses"][status.to_string()]);
            for header in described["headers"].as_object().unwrap().keys() {
                assert!(reply.header(&header.to_lowercase()).is_some(), "{path} {status}: no {header}: {reply:?}");
            }
            if let Some(content) = described["content"].as_object() {
                let media_type = reply.header("content-type").unwrap().split(';').next().unwrap();
                assert!(content.contains_key(media_type), "{path} {status}: {media_type}");
            }
        }
    }
}
