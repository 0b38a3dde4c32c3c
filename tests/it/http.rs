//! What every path has in common: how it is found, and who may ask.

use crate::harness::{Server, World, head};

const PATHS: [(&str, &str); 8] = [
    ("GET", "/douyin/feed"),
    ("POST", "/douyin/user/register"),
    ("POST", "/douyin/user/login"),
    ("GET", "/douyin/user"),
    ("POST", "/douyin/publish/action"),
    ("GET", "/douyin/publish/list"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
];

#[tokio::test]
async fn a_path_answers_with_and_without_its_slash_to_its_methods_alone() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    for (method, path) in PATHS {
        for path in [path.to_owned(), format!("{path}/"), format!("{path}/?a=b")] {
            let right = client.request(head(method, &path, &[]).as_bytes()).await;
            assert_eq!(right.status, 200, "{method} {path}");
            assert_eq!(right.header("content-type"), Some("application/json; charset=utf-8"), "{path}");
            right.code();
            let headed = client.head(&path, &[]).await;
            assert_eq!(headed.status, if method == "GET" { 200 } else { 405 }, "HEAD {path}");
            let allow = if method == "GET" { "GET, HEAD" } else { "POST" };
            for wrong in
                ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", if method == "GET" { "POST" } else { "GET" }]
            {
                let reply = client.request(head(wrong, &path, &[]).as_bytes()).await;
                let told = (reply.status, reply.header("allow"), reply.code());
                assert_eq!(told, (405, Some(allow), 100001), "{wrong} {path}");
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_path_has_an_envelope_too() {
    let world = World::start().await;
    let server = Server::start(&world, &[]).await;
    let client = server.client();
    for path in
        ["/", "/douyin", "/douyin/", "/douyin/feed//", "//douyin/feed/", "/Douyin/Feed/", "/douyin/fee%64/", "*"]
    {
        for method in ["GET", "POST"] {
            let reply = client.request(head(method, path, &[]).as_bytes()).await;
            assert_eq!((reply.status, reply.code()), (404, 100001), "{method} {path}");
        }
    }
    assert_eq!(client.head("/nowhere", &[]).await.status, 404);
}

#[tokio::test]
async fn other_origins_may_ask_only_where_the_settings_list_them() {
    let world = World::start().await;
    let closed = Server::start(&world, &[]).await;
    let open = Server::start(&world, &[("cors_origins", "https://app.example, http://localhost:3000")]).await;
    let ask = async |server: &Server, method: &str, origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        server.client().request(head(method, "/douyin/feed/", &headers).as_bytes()).await
    };
    for origin in ["https://app.example", "http://localhost:3000"] {
        let preflight = ask(&open, "OPTIONS", origin).await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some(origin)));
        assert!(preflight.header("access-control-allow-methods").unwrap().contains("POST"));
        let answer = ask(&open, "GET", origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(origin)));
        assert!(answer.headers.contains(&("vary".to_owned(), "Origin".to_owned())), "{answer:?}");
    }
    for (server, origin) in [(&open, "https://evil.example"), (&open, "null"), (&closed, "https://app.example")] {
        let preflight = ask(server, "OPTIONS", origin).await;
        assert_eq!((preflight.status, preflight.code()), (405, 100001), "{origin}");
        let answer = ask(server, "GET", origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None), "{origin}");
    }
}
