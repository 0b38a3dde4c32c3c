//! Settings at the start, what the help says of them, and what the log keeps to itself.

use riffle::config::SETTINGS;

use crate::harness::{Finished, PASSWORD, Part, Server, World, clip, head, run, run_command, temporary_folder};

async fn serve_with(settings: &[(&str, &str)]) -> Finished {
    let folder = temporary_folder();
    run_command(&["serve"], folder.path(), settings).await
}

#[tokio::test]
async fn all_bad_settings_are_named_at_once_with_what_is_allowed() {
    let refused = serve_with(&[
        ("listen", "nowhere"),
        ("threads", "many"),
        ("redis_timeout_ms", "5"),
        ("utc_offset", "Beijing"),
        ("log", "riffle=loud"),
        ("ffmpeg", ""),
        ("media_url", "ftp://media"),
        ("redis_ulr", "redis://localhost"),
    ])
    .await;
    assert_eq!(refused.status.code(), Some(2), "{refused:#?}");
    for line in [
        "RIFFLE_LISTEN: given \"nowhere\", allowed: an address and a port",
        "RIFFLE_THREADS: given \"many\", allowed: a whole number from 0 to 256",
        "RIFFLE_REDIS_TIMEOUT_MS: given \"5\", allowed: a whole number from 10 to 60000 of milliseconds",
        "RIFFLE_UTC_OFFSET: given \"Beijing\", allowed: an offset",
        "RIFFLE_LOG: given \"riffle=loud\", allowed: ",
        "RIFFLE_FFMPEG: given \"\", allowed: ",
        "RIFFLE_MEDIA_URL: given \"ftp://media\", allowed: an address beginning with http:// or https://",
        "RIFFLE_REDIS_ULR: no such setting; did you mean RIFFLE_REDIS_URL?",
    ] {
        assert!(refused.stderr.contains(line), "{line}\n{}", refused.stderr);
    }
}

#[tokio::test]
async fn secrets_in_bad_settings_are_not_shown() {
    let refused = serve_with(&[
        ("token_secret", "hunter2"),
        ("postgres_url", "mysql://me:hunter2@db"),
        ("redis_url", "me:hunter2@cache:6379"),
        ("media_url", "ftp://me:hunter2@media"),
    ])
    .await;
    assert_eq!(refused.status.code(), Some(2), "{refused:#?}");
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    assert_eq!(refused.stderr.matches("allowed:").count(), 4, "{}", refused.stderr);
}

#[tokio::test]
async fn an_address_that_names_nothing_ends_the_start_and_shows_no_secret() {
    let (redis_url, postgres_url) = ("redis://127.0.0.1:1", "postgres://me@127.0.0.1:1/riffle");
    for (redis_url, postgres_url, named) in [
        ("redis://:hunter2@[::1", postgres_url, "Redis address"),
        ("redis://:hunter2@127.0.0.1:port", postgres_url, "Redis address"),
        (redis_url, "postgres://me:hunter2@127.0.0.1:port/riffle", "Postgres address"),
        (redis_url, "postgres://me:hunter2@127.0.0.1:1/riffle?hunter2=1", "Postgres address"),
    ] {
        let failed = serve_with(&[("redis_url", redis_url), ("postgres_url", postgres_url)]).await;
        assert_eq!(failed.status.code(), Some(1), "{failed:#?}");
        assert!(failed.stderr.contains(named) && !failed.stderr.contains("hunter2"), "{}", failed.stderr);
    }
}

#[tokio::test]
async fn a_flag_wins_over_the_environment() {
    let folder = temporary_folder();
    let refused = run_command(&["serve", "--list-max", "0"], folder.path(), &[("list_max", "7")]).await;
    assert!(refused.stderr.contains("RIFFLE_LIST_MAX: given \"0\""), "{}", refused.stderr);
    let flags = ["serve", "--list-max", "7", "--threads=x"];
    let refused = run_command(&flags, folder.path(), &[("list_max", "nonsense")]).await;
    assert!(!refused.stderr.contains("LIST_MAX"), "{}", refused.stderr);
}

#[tokio::test]
async fn wrong_usage_is_exit_code_2_and_help_is_0() {
    let folder = temporary_folder();
    for arguments in [&["fly"][..], &["serve", "--no-such-flag"], &[]] {
        let ended = run_command(arguments, folder.path(), &[]).await;
        assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
    }
    let version = run_command(&["--version"], folder.path(), &[]).await;
    assert_eq!(
        (version.status.code(), version.stdout.trim()),
        (Some(0), concat!("riffle ", env!("CARGO_PKG_VERSION")))
    );
}

#[tokio::test]
async fn every_help_lists_every_setting_with_its_default() {
    let folder = temporary_folder();
    for arguments in
        [&["--help"][..], &["dev", "--help"], &["serve", "--help"], &["migrate", "--help"], &["seed", "--help"]]
    {
        let help = run_command(arguments, folder.path(), &[]).await;
        assert_eq!(help.status.code(), Some(0), "{help:#?}");
        let text = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in SETTINGS {
            let default = if setting.default.is_empty() { "none" } else { setting.default };
            let flag = format!("--{}", setting.name.replace('_', "-"));
            for part in [&flag, setting.help, &setting.variable(), &format!("[default: {default}]")] {
                assert!(text.contains(part), "{arguments:?} lacks {part}:\n{}", help.stdout);
            }
        }
    }
}

#[tokio::test]
async fn no_log_holds_a_token_a_password_or_a_query() {
    let world = World::start().await;
    let server =
        Server::start(&world, &[("log", "trace"), ("token_secret", "a-secret-that-signs-everything-here")]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    let token = &mia.token;
    client.publish(&mia, "a film").await;
    client.get(&format!("/douyin/user/?token={token}&user_id=needle-query")).await;
    client.get(&format!("/douyin/feed/?token={token}&needle-query=1")).await;
    client.get_with("/douyin/publish/list/", &[("Authorization", &format!("Bearer {token}"))]).await;
    client.get("/douyin/user/?token=needle-forged.needle-forged.needle-forged").await;
    client.post("/douyin/user/login/?username=mia&password=needle-password").await;
    client.post("/douyin/user/register/?username=mia&password=needle-password").await;
    client
        .post_body("/douyin/user/login/", &[("Content-Type", "application/json")], b"{\"password\":\"needle-pass")
        .await;
    let file = Part::File { name: "data", file_name: "needle-query", bytes: &clip()[..100] };
    client
        .post_multipart("/douyin/publish/action/?needle-query=1", &[file, Part::Field { name: "token", value: token }])
        .await;
    client.request(head("GET", "/media/video/x?needle-query=1", &[]).as_bytes()).await;
    server.terminate().await;

    let log = server.stderr();
    assert!(log.contains("/douyin/publish/action/"), "requests are not logged at all:\n{log}");
    // The number alone may well stand in a log.
    let password = format!("password={PASSWORD}");
    let signature = token.rsplit_once('.').unwrap().1;
    for secret in [token, signature, "needle", &password, "signs-everything", "argon2id"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_listen_says_so() {
    let world = World::start().await;
    let failed = run(&world, &["serve"], &[("listen", "203.0.113.1:80")]).await;
    assert_eq!(failed.status.code(), Some(1), "{failed:#?}");
    assert!(failed.stderr.contains("cannot listen on 203.0.113.1:80"), "{}", failed.stderr);
}
