//! Whatever comes in gets a clear answer, costs bounded work, and changes nothing.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::harness::{
    Account, BOUNDARY, Client, IDLE, Part, Reply, Server, World, ask_postgres, clip, eventually, head, multipart,
};

const ENDPOINTS: [(&str, &str); 16] = [
    ("POST", "/douyin/user/register/"),
    ("POST", "/douyin/user/login/"),
    ("GET", "/douyin/user/"),
    ("POST", "/douyin/publish/action/"),
    ("GET", "/douyin/publish/list/"),
    ("GET", "/douyin/feed/"),
    ("POST", "/douyin/favorite/action/"),
    ("GET", "/douyin/favorite/list/"),
    ("POST", "/douyin/comment/action/"),
    ("GET", "/douyin/comment/list/"),
    ("POST", "/douyin/relation/action/"),
    ("GET", "/douyin/relation/follow/list/"),
    ("GET", "/douyin/relation/follower/list/"),
    ("GET", "/douyin/relation/friend/list/"),
    ("POST", "/douyin/message/action/"),
    ("GET", "/douyin/message/chat/"),
];

/// Words of our inside, which no answer may hold.
const INSIDE: [&str; 14] = [
    "select ", "insert ", "SQL", "postgres", "Postgres", "redis", "Redis", "{b", "head:", "user:", "outbox", "/tmp",
    ".rs", "panicked",
];

fn assert_is_an_answer(reply: &Reply, asked: &str) {
    assert!(reply.status < 500, "{asked}: {} {}", reply.status, reply.text());
    reply.code();
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"), "{asked}");
    let text = reply.text();
    let told = INSIDE.iter().find(|word| text.contains(**word));
    assert_eq!(told, None, "{asked}: {text}");
}

async fn ask(client: Client, method: &str, path: &str, query: &str) -> Reply {
    let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    client.request(head(method, &path, &[]).as_bytes()).await
}

/// Already encoded: what a query string can hold and a parameter should not.
const VALUES: [&str; 26] = [
    "",
    "0",
    "-1",
    "1",
    "1.5",
    "1e400",
    "9007199254740992",
    "99999999999999999999999",
    "NaN",
    "null",
    "%00",
    "a%00b",
    "%FF%FE",
    "%C3",
    "%ED%A0%80",
    "%",
    "%4",
    "%zz",
    "%0d%0aSet-Cookie:%20a=b",
    "%1B[31m",
    "%E2%80%AE",
    "'%20or%20'1'='1",
    "%7Bb000%7D",
    "../../etc/passwd",
    "2023-02-31%2025:61:61",
    "+",
];
/// No password among them, so that nobody is registered.
const KEYS: [&str; 16] = [
    "username",
    "user_id",
    "token",
    "title",
    "data",
    "latest_time",
    "cursor",
    "limit",
    "action_type",
    "%FF",
    "video_id",
    "to_user_id",
    "comment_id",
    "comment_text",
    "content",
    "pre_msg_time",
];

#[tokio::test]
async fn random_queries_get_an_answer_and_change_nothing() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    client.publish(&mia, "a film").await;
    cover_is_noted(&world).await;
    let before = world.state().await;
    let mut random = StdRng::seed_from_u64(7);
    let long = "a".repeat(40_000);
    for _ in 0..1_500 {
        let (method, path) = ENDPOINTS.choose(&mut random).unwrap();
        let pairs: Vec<String> = (0..random.random_range(0..6))
            .map(|_| {
                let value = match random.random_range(0..20) {
                    0 => long.as_str(),
                    1..6 => &mia.token,
                    _ => VALUES.choose(&mut random).unwrap(),
                };
                let key = KEYS.choose(&mut random).unwrap();
                let equals = ["=", "=", "=", "", "==", "=&"].choose(&mut random).unwrap();
                format!("{key}{equals}{value}")
            })
            .collect();
        // Most of what there is to break lies behind the token.
        let token = if random.random_bool(0.7) { format!("token={}&", mia.token) } else { String::new() };
        let mut query = token + &pairs.join("&");
        query.truncate(60_000);
        assert_is_an_answer(&ask(client, method, path, &query).await, &format!("{method} {path}?{query}"));
        let kind =
            *["application/x-www-form-urlencoded", "application/json", "text/plain"].choose(&mut random).unwrap();
        let reply = client.post_body(path, &[("Content-Type", kind)], query.as_bytes()).await;
        assert_is_an_answer(&reply, &format!("POST {path} {kind} {query}"));
    }
    assert_eq!(world.state().await, before);
}

/// The last thing that happens after a publish.
async fn cover_is_noted(world: &World) {
    let covered = "select count(*)::text from videos where cover = 1";
    let noted = async || (ask_postgres(&world.postgres_url, covered).await == "1").then_some(());
    eventually("the cover to be noted", noted).await;
}

#[tokio::test]
async fn every_parameter_is_refused_by_name() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let before = world.state().await;
    let token = format!("token={}", mia.token);
    let not_numbers = ["x", "1.5", "%00", "%FF", "%zz", "%2B1", "0x10", "1e99"];
    for value in ["%FF", "%C3%28", "%zz", "%", "a%00b", "a%0Ab", "%E2%80%8Bmia"] {
        let reply = ask(client, "POST", "/douyin/user/register/", &format!("username={value}&password=12345")).await;
        assert_refused(&reply, "username: ");
        let reply = ask(client, "POST", "/douyin/user/login/", &format!("username={value}&password=12345")).await;
        assert_refused(&reply, "username: ");
    }
    for value in ["%FF", "%zz", "1234%00", "1234%07"] {
        let reply = ask(client, "POST", "/douyin/user/register/", &format!("username=ben&password={value}")).await;
        assert_refused(&reply, "password: ");
    }
    for value in ["%FF", "%zz", "a%00b", "a%0Db", "a%7Fb"] {
        let query = format!("{token}&title={value}");
        let file = [Part::File { name: "data", file_name: "a", bytes: clip() }];
        let reply = client.post_multipart(&format!("/douyin/publish/action/?{query}"), &file).await;
        assert_refused(&reply, "title: ");
    }
    for value in not_numbers {
        for (path, key) in [
            ("/douyin/user/", "user_id"),
            ("/douyin/publish/list/", "user_id"),
            ("/douyin/publish/list/", "limit"),
            ("/douyin/publish/list/", "cursor"),
        ] {
            assert_refused(&ask(client, "GET", path, &format!("{token}&{key}={value}")).await, &format!("{key}: "));
        }
        assert_eq!(ask(client, "GET", "/douyin/feed/", &format!("latest_time={value}")).await.code(), 0);
    }
    assert_eq!(world.state().await, before);
}

fn assert_refused(reply: &Reply, named: &str) {
    assert_is_an_answer(reply, named);
    let json = reply.json();
    assert_eq!((reply.status, json["status_code"].as_u64()), (200, Some(100001)), "{named}: {json}");
    assert!(json["status_msg"].as_str().unwrap().starts_with(named), "{named}: {json}");
}

#[tokio::test]
async fn bodies_that_are_not_what_they_claim_are_as_good_as_none() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE]).await;
    let client = server.client();
    let before = world.state().await;
    let deep = "[".repeat(100_000);
    for (kind, body) in [
        ("application/json", &b"{\"username\": \"mia\", \"password\": \"12345\""[..]),
        ("application/json", b"[\"username\", \"mia\"]"),
        ("application/json", b"{\"username\": {\"a\": \"mia\"}, \"password\": [\"12345\"]}"),
        ("application/json", b"{\"username\": \"\xFF\xFE\", \"password\": \"12345\"}"),
        ("application/json", b"\xEF\xBB\xBF"),
        ("application/json", deep.as_bytes()),
        ("multipart/form-data", b"username=mia&password=12345"),
        ("multipart/form-data; boundary=", b"--\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"username=mia&password=12345"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nmia"),
        ("application/octet-stream", &[0xFF; 1000]),
        ("text/html; charset=\"", b"<username=mia>"),
        ("", b""),
    ] {
        for path in ["/douyin/user/register/", "/douyin/user/login/"] {
            let reply = client.post_body(path, &[("Content-Type", kind)], body).await;
            assert_is_an_answer(&reply, kind);
            assert_eq!((reply.status, reply.code()), (200, 100001), "{kind} {}", body.escape_ascii());
        }
        let reply = client.post_body("/douyin/publish/action/", &[("Content-Type", kind)], body).await;
        let code = reply.code();
        assert!(code == 100003 || code == 100001, "{kind}: {}", reply.text());
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE, ("body_bytes_max", "10000")]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let before = world.state().await;
    let body = format!("username={}&password=12345", "a".repeat(10_000));
    for path in ["/douyin/user/register/", "/douyin/user/login/"] {
        let reply = client.post_form(path, &[("username", &"a".repeat(10_000)), ("password", "12345")]).await;
        assert_eq!((reply.status, reply.code()), (413, 100012), "{path}");
        assert_eq!(reply.json()["token"], "");
        let chunked = format!("{}{:x}\r\n{body}\r\n0\r\n\r\n", head("POST", path, &[CHUNKED]), body.len());
        let reply = client.request(chunked.as_bytes()).await;
        assert_eq!((reply.status, reply.code()), (413, 100012), "{path} in chunks");
    }
    // A head that does not end is hyper's to refuse, and has no envelope.
    let reply = ask(client, "GET", "/douyin/feed/", &format!("latest_time={}", "1".repeat(100_000))).await;
    assert!([414, 431].contains(&reply.status), "{}", reply.status);
    let wide = "x".repeat(100_000);
    let reply = client.get_with("/douyin/feed/", &[("X-Wide", &wide)]).await;
    assert_eq!(reply.status, 431);
    let many: String = (0..10_000).map(|number| format!("key{number}={number}&")).collect();
    let last = ask(client, "GET", "/douyin/user/", &format!("token={}&{}", mia.token, &many[..50_000])).await;
    assert_eq!(last.code(), 0);
    assert_eq!(world.state().await, before);
}

const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

#[tokio::test]
async fn hostile_multipart_is_bounded() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let before = world.state().await;
    let path = format!("/douyin/publish/action/?title=a&token={}", mia.token);
    let fields: Vec<Part> = (0..10_000).map(|_| Part::Field { name: "title", value: "a" }).collect();
    let refused = client.post_multipart(&path, &fields).await;
    assert_refused(&refused, "body: ");
    let long = "a".repeat(100_000);
    assert_refused(&client.post_multipart(&path, &[Part::Field { name: "title", value: &long }]).await, "body: ");

    let without = client.post_body(&path, &[("Content-Type", "multipart/form-data")], &multipart(&fields[..2])).await;
    assert_refused(&without, "data: ");
    // Also where more is promised than a form may hold.
    let promised = [("Content-Type", "multipart/form-data"), ("Content-Length", "100000000")];
    assert_refused(&client.request(head("POST", &path, &promised).as_bytes()).await, "data: ");

    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    for begun in [
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\""),
        format!("--{BOUNDARY}\r\nX-Endless: "),
        "no boundary at all".to_owned(),
        format!("--{BOUNDARY}"),
    ] {
        let mut connection = client.connect().await;
        let headers = [("Content-Type", kind.as_str()), ("Content-Length", "400000000")];
        connection.send(head("POST", &path, &headers).as_bytes()).await;
        connection.send(begun.as_bytes()).await;
        connection.send(&[b'a'; 200_000]).await;
        assert_refused(&connection.reply().await, "body: ");
    }
    for cut in [
        format!("--{BOUNDARY}\r\n"),
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\nabc"),
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--{BOUNDARY}\r\n"),
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\nabc\r\n--{BOUNDARY}"),
    ] {
        let reply = client.post_body(&path, &[("Content-Type", &kind)], cut.as_bytes()).await;
        assert_refused(&reply, "body: ");
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn broken_framing_is_refused_and_the_connection_closed() {
    let world = World::start().await;
    let server = Server::start(&world, &[IDLE]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let before = world.state().await;
    for chunks in ["zz\r\nabc\r\n", "-1\r\nabc\r\n", "3\r\nabcdef\r\n0\r\n\r\n", "ffffffffffffffffff\r\na"] {
        for path in ["/douyin/user/login/", &format!("/douyin/publish/action/?title=a&token={}", mia.token)] {
            let mut connection = client.connect().await;
            connection.send(format!("{}{chunks}", head("POST", path, &[CHUNKED])).as_bytes()).await;
            let reply = connection.reply().await;
            assert_refused(&reply, "body: ");
            assert_eq!(reply.header("connection"), Some("close"), "{chunks}");
            connection.read_to_end().await;
        }
    }
    for raw in [
        "nonsense\r\n\r\n",
        "GET /douyin/feed/ HTTP/9.9\r\n\r\n",
        "GET /douyin/feed/\0 HTTP/1.1\r\n\r\n",
        "GET /douyin/feed/ HTTP/1.1\r\nBroken header\r\n\r\n",
        "POST /douyin/user/login/ HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /douyin/user/login/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "\x16\x03\x01\x02\0\x01\0",
    ] {
        let mut connection = client.connect().await;
        connection.send(raw.as_bytes()).await;
        let answer = String::from_utf8(connection.read_to_end().await).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{raw:?}: {answer}");
    }
    assert_eq!(world.state().await, before);
    client.get_json("/douyin/feed/").await;
}

#[tokio::test]
async fn who_is_too_slow_is_cut_off() {
    let world = World::start().await;
    let settings = [IDLE, ("header_timeout_ms", "300"), ("body_timeout_ms", "300")];
    let server = Server::start(&world, &settings).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let before = world.state().await;
    for begun in ["", "GET /douyin", "GET /douyin/feed/ HTTP/1.1\r\nHost: riffle.test\r\nX-Slow: "] {
        let mut connection = client.connect().await;
        connection.send(begun.as_bytes()).await;
        let answer = connection.read_to_end().await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", answer.escape_ascii());
    }
    let form = head("POST", "/douyin/user/login/", &[("Content-Length", "100")]);
    assert_refused(&slow(client, &form, b"username=mia&").await, "body: sent too slowly");
    assert_refused(&slow(client, &upload_head(&mia), &multipart(&[])[..10]).await, "body: ");
    let file = multipart(&[Part::File { name: "data", file_name: "a", bytes: clip() }]);
    assert_refused(&slow(client, &upload_head(&mia), &file[..1_000]).await, "body: sent too slowly");
    assert_eq!(world.state().await, before);
}

fn upload_head(account: &Account) -> String {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let path = format!("/douyin/publish/action/?title=a&token={}", account.token);
    head("POST", &path, &[("Content-Type", &kind), ("Content-Length", "100000")])
}

/// Sends a beginning and no more; the connection has to end with the answer.
async fn slow(client: Client, head: &str, begun: &[u8]) -> Reply {
    let mut connection = client.connect().await;
    connection.send(head.as_bytes()).await;
    connection.send(begun).await;
    let reply = connection.reply().await;
    connection.read_to_end().await;
    reply
}
