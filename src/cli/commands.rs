//! Commands, flags, and what they mean.

use std::collections::BTreeSet;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::{SETTINGS, Setting};
use crate::doctor;
use crate::healthcheck;
use crate::id::Bucket;
use crate::media_command;
use crate::model::Scope;
use crate::seed::Sizes;
use crate::sync::warmup;

pub(super) fn command() -> Command {
    let with_settings = |command: Command| command.args(SETTINGS.iter().map(setting_flag));
    Command::new("riffle")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Redis-first, high-throughput short-video feed service")
        .after_help("Every setting is a flag and an environment variable: `riffle --help` lists them.")
        .after_long_help(settings_help())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(Command::new("dev").about("Start private Redis and Postgres, then serve").long_about(
            "Starts a private Redis and a private Postgres in the data folder (unix sockets only), applies migrations, \
             and serves. All data stays there between starts. The first Ctrl-C finishes what is under way and stops \
             everything in order; a second one stops at once, and nothing that was acknowledged is lost.",
        )))
        .subcommand(with_settings(Command::new("serve").about("Serve, on the Redis and Postgres of the settings").long_about(
            "Serves on RIFFLE_REDIS_URL and RIFFLE_POSTGRES_URL; without them on the private stores of the data folder.",
        )))
        .subcommand(with_settings(Command::new("migrate").about("Bring the tables of Postgres up to date").long_about(
            "Applies the migrations that are missing. Safe to run again, and from several machines at once.",
        )))
        .subcommand(with_settings(
            Command::new("flush").about("Wait until Postgres has all that was decided in Redis").long_about(
                "Writes what the outbox holds to Postgres, or waits for the server that does, until it is empty: before a \
                 deploy or a backup.",
            ),
        ))
        .subcommand(with_settings(
            Command::new("verify")
                .about("Compare Redis with Postgres, and name every difference")
                .long_about(
                    "Compares, while servers run: both ends of every like and follow, every counter with its set, every \
                     order with its set, and every list, comment and chat with Postgres. Whatever is still on its way to \
                     Postgres is waited for, so that a write under way never shows as a difference. Each difference is a \
                     line that names the place in Redis, what it holds and what it should hold.\n\n\
                     Exit code: 0 they agree, 1 they differ, or could not be compared.",
                )
                .arg(switch("json", "Print one JSON object a line; the last one is the summary"))
                .arg(switch(
                    "repair",
                    "Where they differ, load Redis anew from Postgres and compare again. What only Redis has is lost by it: \
                     look at the differences first. What is being loaded answers 503, all else is served",
                )),
        ))
        .subcommand(with_settings(
            Command::new("warmup")
                .about("Load Redis from Postgres, while servers run")
                .long_about(
                    "Loads a Redis that is new, emptied or behind as a server would. One that is in order is loaded anew, \
                     portion by portion: what is being loaded answers 503, all else is served. One that was killed goes on \
                     where it stopped when it is called again within an hour.",
                )
                .arg(
                    Arg::new("only")
                        .long("only")
                        .value_name("SCOPES")
                        .value_delimiter(',')
                        .value_parser(scope)
                        .help("Of feed, users, videos, favorites, follows, comments, messages [default: all]"),
                )
                .arg(
                    Arg::new("bucket")
                        .long("bucket")
                        .value_name("BUCKETS")
                        .value_delimiter(',')
                        .value_parser(bucket)
                        .help("Of b000 to b255, and feed [default: all]"),
                )
                .arg(
                    Arg::new("rate")
                        .long("rate")
                        .value_name("ROWS")
                        .value_parser(clap::value_parser!(u64).range(1..))
                        .help("At most so many rows a second [default: no limit]"),
                )
                .arg(switch("dry-run", "Say what would be loaded, and touch nothing"))
                .arg(switch(
                    "replace",
                    "Also a Redis that holds foreign keys, which are removed, or is ahead of a Postgres that was put back: \
                     what only Redis has is lost",
                )),
        ))
        .subcommand(with_settings(
            Command::new("seed")
                .about("Make a small world of users and videos worth looking at")
                .long_about(
                    "Registers users, publishes generated clips, and lets the users like, follow, comment and chat, all \
                     through the same code as the API. The same --seed makes the same world; a world that is already \
                     there is left as it is, one that was interrupted is completed. Needs ffmpeg.",
                )
                .arg(count("users", "50", "How many users"))
                .arg(count("videos", "200", "How many videos"))
                .arg(total("likes", "20 a video", "How many likes; never more than one by each user for each video of others"))
                .arg(total("follows", "8 a user", "How many follows"))
                .arg(total("comments", "4 a video", "How many comments"))
                .arg(total("messages", "10 a user", "How many messages, all between friends"))
                .arg(count("seed", "1", "Which world")),
        ))
        .subcommand(with_settings(media_command::command()))
        .subcommand(with_settings(doctor::command()))
        .subcommand(with_settings(healthcheck::command()))
        .subcommand(Command::new("openapi").about("Print the description of the API (OpenAPI 3.1, JSON)"))
}

fn setting_flag(setting: &'static Setting) -> Arg {
    let flag: &'static str = Box::leak(setting.flag().into_boxed_str());
    let help = setting_help(setting);
    Arg::new(setting.name).long(flag).value_name("VALUE").help_heading("Settings").hide_short_help(true).help(help)
}

fn setting_help(setting: &Setting) -> String {
    let default = if setting.default.is_empty() { "none" } else { setting.default };
    format!("{} [default: {default}] [env: {}]", setting.help, setting.variable())
}

/// For the program's own help, which has no such flags.
fn settings_help() -> String {
    let mut text = "Settings, which are flags of every command; a flag wins over its environment variable:".to_owned();
    for setting in SETTINGS {
        text.push_str(&format!("\n  --{}\n          {}", setting.flag(), setting_help(setting)));
    }
    text
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn count(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).default_value(default).value_parser(clap::value_parser!(u64)).help(help)
}

/// A total that follows from other sizes where it is not given.
fn total(name: &'static str, default: &str, help: &str) -> Arg {
    let help = format!("{help} [default: {default}]");
    Arg::new(name).long(name).value_parser(clap::value_parser!(u64)).help(help)
}

fn scope(name: &str) -> Result<Scope, String> {
    let known = Scope::ALL.into_iter().find(|scope| scope.name() == name);
    known.ok_or_else(|| format!("one of {}", Scope::ALL.map(Scope::name).join(", ")))
}

fn bucket(name: &str) -> Result<Bucket, String> {
    Bucket::parse(name).ok_or_else(|| "b000 to b255, or feed".into())
}

pub(super) fn warmup(matches: &ArgMatches) -> warmup::Options {
    let scopes = matches.get_many::<Scope>("only").map(|scopes| scopes.copied().collect());
    let buckets = matches.get_many::<Bucket>("bucket").map(|buckets| buckets.copied().collect());
    warmup::Options {
        scopes: scopes.unwrap_or_else(|| BTreeSet::from(Scope::ALL)),
        buckets: buckets.unwrap_or_else(|| Bucket::all().collect()),
        dry_run: matches.get_flag("dry-run"),
        replace: matches.get_flag("replace"),
        rows_per_second_max: matches.get_one("rate").copied(),
    }
}

pub(super) fn sizes(matches: &ArgMatches) -> Sizes {
    let given = |name: &str| matches.get_one::<u64>(name).copied();
    let count = |name: &str| given(name).unwrap_or_default() as usize;
    let total = |name: &str| given(name).map(|total| total as usize);
    Sizes {
        seed: given("seed").unwrap_or_default(),
        users: count("users"),
        videos: count("videos"),
        likes: total("likes"),
        follows: total("follows"),
        comments: total("comments"),
        messages: total("messages"),
    }
}
