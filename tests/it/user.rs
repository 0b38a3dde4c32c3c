//! Accounts: registering, signing in, and how a user is shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{join, join_all};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::harness::{Client, PASSWORD, Part, Reply, Server, World, head, urlencoded};

const REGISTER: &str = "/douyin/user/register/";
const LOGIN: &str = "/douyin/user/login/";

/// So that a busy machine is not taken for a Postgres that is away.
const PATIENT: (&str, &str) = ("postgres_timeout_ms", "30000");

/// How clients of this API have been seen to give the same two parameters.
const DIALECTS: [&str; 9] = [
    "query",
    "path without its slash",
    "form",
    "form without a type",
    "form behind empty keys",
    "repeated keys",
    "multipart",
    "multipart, backwards",
    "json",
];

async fn speak(client: Client, dialect: &str, path: &str, name: &str) -> Reply {
    let fields = [("username", name), ("password", PASSWORD)];
    let query = urlencoded(&fields);
    let mut parts = fields.map(|(name, value)| Part::Field { name, value });
    match dialect {
        "query" => client.post(&format!("{path}?{query}")).await,
        "path without its slash" => client.post(&format!("{}?{query}", path.trim_end_matches('/'))).await,
        "form" => client.post_form(path, &fields).await,
        "form without a type" => client.post_body(path, &[], query.as_bytes()).await,
        "form behind empty keys" => client.post_form(&format!("{path}?username=&password"), &fields).await,
        "repeated keys" => client.post(&format!("{path}?token=&{query}&user_id=0&username=x&password=y")).await,
        "multipart" => client.post_multipart(path, &parts).await,
        "multipart, backwards" => {
            parts.reverse();
            client.post_multipart(path, &parts).await
        }
        "json" => {
            let kind = ("Content-Type", "application/json; charset=utf-8");
            // The password looks like a number, and some clients send one.
            let body = json!({ "username": name, "password": PASSWORD.parse::<u64>().unwrap(), "more": { "x": [] } });
            client.post_body(path, &[kind], body.to_string().as_bytes()).await
        }
        _ => panic!("nobody speaks {dialect}"),
    }
}

async fn register_as(client: Client, name: &str, password: &str) -> Reply {
    client.post_form(REGISTER, &[("username", name), ("password", password)]).await
}

async fn login_as(client: Client, name: &str, password: &str) -> Reply {
    client.post_form(LOGIN, &[("username", name), ("password", password)]).await
}

fn full_user(id: u64, name: &str) -> Value {
    json!({
        "id": id, "name": name, "follow_count": 0, "follower_count": 0, "is_follow": false, "total_favorited": 0,
        "work_count": 0, "favorite_count": 0, "avatar": "", "background_image": "", "signature": "",
    })
}

#[tokio::test]
async fn every_dialect_registers_and_signs_in() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    for (number, dialect) in DIALECTS.iter().enumerate() {
        let name = format!("用户 & {number}");
        let registered = speak(server.client(), dialect, REGISTER, &name).await.json();
        assert_eq!(
            (&registered["status_code"], &registered["status_msg"]),
            (&json!(0), &json!("success")),
            "{dialect}"
        );
        let signed_in = speak(server.client(), dialect, LOGIN, &name).await.json();
        assert_eq!(signed_in["user_id"], registered["user_id"], "{dialect}: {signed_in}");
        for answer in [&registered, &signed_in] {
            let token = answer["token"].as_str().unwrap();
            let shown = server.client().get_json(&format!("/douyin/user/?token={token}")).await;
            assert_eq!(shown["user"]["name"], name, "{dialect}");
        }
    }
}

#[tokio::test]
async fn a_user_is_shown_in_full_however_he_is_asked_for() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let (mia, ben) = (client.register("mia").await, client.register("ben").await);
    let (id, token) = (ben.id, &mia.token);
    let float = id as f64;
    assert_eq!(float as u64, id);
    for query in [
        format!("?user_id={id}&token={token}"),
        format!("?token={token}&user_id={id}&token=x&user_id=1"),
        format!("?user_id=&token=&user_id={id}&token={token}"),
        format!("?user_id={id}.0&token={token}"),
        format!("?user_id={float:e}&token={token}"),
    ] {
        for path in ["/douyin/user/", "/douyin/user"] {
            let reply = client.get(&format!("{path}{query}")).await;
            assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
            let expected = json!({ "status_code": 0, "status_msg": "success", "user": full_user(id, "ben") });
            assert_eq!(reply.json(), expected, "{query}");
        }
    }
    let bearer = format!("bearer {token}");
    let by_head = client.get_with(&format!("/douyin/user/?user_id={id}"), &[("Authorization", &bearer)]).await;
    assert_eq!(by_head.json()["user"], full_user(id, "ben"));
    for query in [format!("?token={token}"), format!("?token={token}&user_id=")] {
        let own = client.get_json(&format!("/douyin/user/{query}")).await;
        assert_eq!(own["user"], full_user(mia.id, "mia"), "{query}");
    }
}

#[tokio::test]
async fn a_get_with_a_body_and_a_head_keep_their_connection() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let mia = server.client().register("mia").await;
    let body = urlencoded(&[("user_id", &mia.id.to_string()), ("token", &mia.token)]);
    let length = body.len().to_string();
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", &length)];
    let mut connection = server.client().connect().await;
    for _ in 0..2 {
        connection.send(format!("{}{body}", head("GET", "/douyin/user/", &headers)).as_bytes()).await;
        let got = connection.reply().await;
        assert_eq!(got.json()["user"], full_user(mia.id, "mia"));
        connection.send(format!("{}{body}", head("HEAD", "/douyin/user/", &headers)).as_bytes()).await;
        let headed = connection.reply_to_head().await;
        assert_eq!((headed.status, headed.header("content-length")), (200, got.header("content-length")));
    }
}

#[tokio::test]
async fn a_refusal_keeps_the_fields_at_zero() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let token = &mia.token;
    let account = json!({ "user_id": 0, "token": "" });
    let user = json!({ "user": null });
    let list = json!({ "video_list": [], "has_more": false, "next_cursor": 0 });
    for (reply, code, fields) in [
        (client.post(REGISTER).await, 100001, &account),
        (register_as(client, "mia", PASSWORD).await, 100005, &account),
        (client.post(LOGIN).await, 100001, &account),
        (login_as(client, "mia", "wrong").await, 100004, &account),
        (client.get("/douyin/user/").await, 100003, &user),
        (client.get(&format!("/douyin/user/?token={token}&user_id=x")).await, 100001, &user),
        (client.get(&format!("/douyin/user/?token={token}&user_id=-1")).await, 100001, &user),
        (client.get(&format!("/douyin/user/?token={token}&user_id=0")).await, 100001, &user),
        (client.get(&format!("/douyin/user/?token={token}&user_id=9007199254740992")).await, 100001, &user),
        (client.get(&format!("/douyin/user/?token={token}&user_id=1.5")).await, 100001, &user),
        (client.get(&format!("/douyin/user/?token={token}&user_id=7")).await, 100006, &user),
        (client.get("/douyin/publish/list/").await, 100003, &list),
        (client.get(&format!("/douyin/publish/list/?token={token}&user_id=7")).await, 100006, &list),
        (client.get(&format!("/douyin/publish/list/?token={token}&user_id=x")).await, 100001, &list),
        (client.get(&format!("/douyin/publish/list/?token={token}&limit=many")).await, 100001, &list),
        (client.post("/douyin/publish/action/").await, 100003, &json!({})),
    ] {
        let mut answer = reply.json();
        let envelope = answer.as_object_mut().unwrap();
        assert_eq!(envelope.remove("status_code"), Some(json!(code)), "{reply:?}");
        assert!(!envelope.remove("status_msg").unwrap().as_str().unwrap().is_empty());
        assert_eq!((reply.status, &answer), (200, fields), "{code}");
    }
}

#[tokio::test]
async fn a_name_is_unique_whatever_its_case_or_width_and_shown_as_typed() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    for (name, same) in [("Mia", "mIA"), ("ＢＥＮ", "ben"), ("Straße", "STRASSE"), ("José", "jose\u{301}"), ("①", "1")]
    {
        let id = client.register(name).await.id;
        assert_eq!(register_as(client, same, "another").await.code(), 100005, "{same}");
        let signed_in = login_as(client, same, PASSWORD).await.json();
        assert_eq!(signed_in["user_id"], id, "{same}: {signed_in}");
        let shown = client.get_json(&format!("/douyin/user/?token={}", signed_in["token"].as_str().unwrap())).await;
        assert_eq!(shown["user"]["name"], name);
    }
}

#[tokio::test]
async fn names_and_passwords_have_bounds() {
    let world = World::start().await;
    let server = Server::start(&world, &[("password_queue_max", "100")]).await;
    let client = server.client();
    for name in ["a", &"名".repeat(32), "<b>O'Brien</b>\"; drop table x--", "🇨🇳 ❤\u{FE0F}"] {
        let account = client.register(name).await;
        let shown = client.get_json(&format!("/douyin/user/?token={}", account.token)).await;
        assert_eq!(shown["user"]["name"], name);
    }
    for name in [
        "",
        &"名".repeat(33),
        "a\nb",
        "a\tb",
        "a\0b",
        "a\u{7F}b",
        "a\u{85}b",
        "a\u{202E}b",
        "a\u{2066}b",
        "a\u{200B}b",
        "a\u{200D}b",
        "a\u{FEFF}b",
        "a\u{AD}b",
        "\u{3164}",
    ] {
        let reply = register_as(client, name, PASSWORD).await.json();
        assert_eq!(reply["status_code"], 100001, "{name:?}");
        assert!(reply["status_msg"].as_str().unwrap().starts_with("username: "), "{reply}");
    }
    for password in ["12345", &"长".repeat(24)] {
        let name = format!("{} bytes", password.len());
        assert_eq!(register_as(client, &name, password).await.code(), 0, "{password}");
        assert_eq!(login_as(client, &name, password).await.code(), 0, "{password}");
    }
    for password in ["", "1234", &"长".repeat(25), "12345\0", "12345\u{1B}"] {
        let reply = register_as(client, "nobody", password).await.json();
        assert_eq!(reply["status_code"], 100001, "{password:?}");
        assert!(reply["status_msg"].as_str().unwrap().starts_with("password: "), "{reply}");
    }
    // A character of the longest password more, or less, is another one.
    let longest = "长".repeat(24);
    for wrong in ["长".repeat(23), format!("{longest}1")] {
        assert_eq!(login_as(client, "72 bytes", &wrong).await.code(), 100004, "{wrong}");
    }
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_told_the_same() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    client.register("mia").await;
    let unknown = login_as(client, "nobody", PASSWORD).await;
    let wrong = login_as(client, "mia", "54321").await;
    assert_eq!(unknown.code(), 100004);
    assert_eq!((unknown.status, unknown.text()), (wrong.status, wrong.text()));
}

#[tokio::test]
async fn of_many_who_register_one_name_at_once_one_gets_it() {
    let world = World::start().await;
    let server = Server::start(&world, &[PATIENT]).await;
    let client = server.client();
    let attempts = (0..32).map(|number| {
        let password = format!("password {number}");
        async move { (register_as(client, if number % 2 == 0 { "mia" } else { "MIA" }, &password).await, password) }
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(|(reply, _)| reply.code() == 0);
    assert_eq!((won.len(), lost.len()), (1, 31));
    assert!(lost.iter().all(|(reply, _)| reply.code() == 100005));
    let (winner, password) = &won[0];
    assert_eq!(login_as(client, "mia", password).await.json()["user_id"], winner.json()["user_id"]);
}

#[tokio::test]
async fn a_flood_of_logins_is_refused_and_the_feed_goes_on() {
    let world = World::start().await;
    let server = Server::start(&world, &[PATIENT, ("password_threads", "1"), ("password_queue_max", "2")]).await;
    let client = server.client();
    client.register("mia").await;
    let logins = join_all((0..40).map(|_| login_as(client, "mia", PASSWORD)));
    let feeds = async {
        let mut feeds = Vec::new();
        for _ in 0..10 {
            feeds.push(client.get("/douyin/feed/").await);
        }
        feeds
    };
    let (logins, feeds) = join(logins, feeds).await;
    assert!(feeds.iter().all(|feed| (feed.status, feed.code()) == (200, 0)));
    let (taken, refused): (Vec<_>, Vec<_>) = logins.iter().partition(|login| login.code() == 0);
    assert!(!taken.is_empty() && !refused.is_empty(), "{} taken, {} refused", taken.len(), refused.len());
    for refusal in refused {
        assert_eq!((refusal.status, refusal.code()), (429, 100013), "{}", refusal.text());
        assert!(refusal.header("retry-after").is_some());
        assert_eq!(refusal.json()["token"], "");
    }
    assert_eq!(login_as(client, "mia", PASSWORD).await.code(), 0);
}

const SECRET: &str = "a secret for tests, of 32 bytes or more";

fn token(user_id: u64, lives_s: i64, secret: &str) -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let claims = json!({ "user_id": user_id, "iat": now_s - 1_000, "exp": now_s + lives_s });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_before_anything_else_is_looked_at() {
    let world = World::start().await;
    let server = Server::start(&world, &[("token_secret", SECRET)]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let signed = token(mia.id, 600, SECRET);
    let (unsigned, _) = signed.rsplit_once('.').unwrap();
    assert_eq!(client.get(&format!("/douyin/user/?token={signed}")).await.code(), 0);
    let bad = [
        String::new(),
        "x".to_owned(),
        token(mia.id, -1, SECRET),
        token(mia.id, 600, "another secret, which nobody gave to this server"),
        format!("{unsigned}."),
        unsigned.to_owned(),
        format!("%00{signed}"),
        "%FF".to_owned(),
        "a.b.c".repeat(5_000),
    ];
    for token in &bad {
        for path in ["/douyin/user/", "/douyin/publish/list/"] {
            let reply = client.get(&format!("{path}?user_id=nonsense&limit=nonsense&token={token}")).await;
            assert_eq!(reply.code(), 100003, "{path} {token}");
        }
        let reply = client.post(&format!("/douyin/publish/action/?token={token}")).await;
        assert_eq!(reply.code(), 100003, "publish {token}");
        let feed = client.get(&format!("/douyin/feed/?token={token}")).await;
        assert_eq!(feed.code(), 0, "the feed is open to everyone: {token}");
    }
}

#[tokio::test]
async fn a_token_outlives_the_server_and_not_its_time() {
    let world = World::start().await;
    let first = Server::start(&world, &[]).await;
    let mia = first.client().register("mia").await;
    first.terminate().await;
    let second = Server::start(&world, &[("token_ttl_s", "60")]).await;
    let signed_in = login_as(second.client(), "mia", PASSWORD).await.json();
    let shown = second.client().get_json(&format!("/douyin/user/?token={}", mia.token)).await;
    assert_eq!(shown["user"]["id"], signed_in["user_id"]);
    let life = |token: &str| {
        let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token).unwrap().claims;
        Duration::from_secs(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap())
    };
    assert_eq!(life(&mia.token), Duration::from_secs(600_000));
    assert_eq!(life(signed_in["token"].as_str().unwrap()), Duration::from_secs(60));
}
