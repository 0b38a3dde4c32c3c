//! What the stores' upkeep costs: loading Redis from Postgres, comparing them, flushing, catching up after an outage, and
//! answering only what Postgres has.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use riffle::id::Bucket;
use riffle::store::{Address, Client, Command as RedisCommand, keys};
use time::OffsetDateTime;
use tokio::time::sleep;
use tokio_postgres::NoTls;

use crate::cpu::Used;
use crate::data::{Sizes, World, Written};
use crate::http;
use crate::oha::{Load, Outcome};
use crate::requests::{self, Facts};
use crate::stage::{Folder, Stage, TOKEN_SECRET};
use crate::{Result, Tools};

const POLL: Duration = Duration::from_millis(5);
const ADDRESSES: usize = 200_000;
/// An outage that would fill the outboxes at full speed, up to where writes are refused, is filled evenly with so many likes.
const OUTAGE_LIKES: usize = 600_000;
const OUTAGE_AT_FULL_SPEED_S: u16 = 30;
const CONNECTIONS: usize = 64;
const PAGE: usize = 30;

pub struct Call {
    pub sizes: Sizes,
    pub seed: u64,
    pub rounds: u16,
    pub seconds: u16,
    /// How long Postgres is away.
    pub outage_seconds: u16,
    pub tools: Tools,
}

impl Call {
    /// Likes a second while Postgres is away.
    fn outage_rate(&self) -> Option<f64> {
        let is_long = self.outage_seconds > OUTAGE_AT_FULL_SPEED_S;
        is_long.then(|| OUTAGE_LIKES as f64 / f64::from(self.outage_seconds))
    }
}

pub async fn stores(call: &Call) -> Result<()> {
    let folder = Folder::new()?;
    let mut stage = Stage::set(folder.path(), &call.tools.riffle).await?;
    let mut lines = call.tools.heading(&format!("{:?}, seed {}", call.sizes, call.seed))?;
    let done = measure(call, folder.path(), &mut stage, &mut lines).await;
    stage.stop().await?;
    done?;
    call.tools.keep("stores", &lines)
}

async fn measure(call: &Call, folder: &Path, stage: &mut Stage, lines: &mut Vec<String>) -> Result<()> {
    let mut say = |line: String| {
        println!("{line}");
        lines.push(line);
    };
    let world = World::plan(call.sizes, call.seed);
    stage.fill(&world, |written: &Written| eprintln!("» {written}")).await?;

    say(format!("warm-up of an empty Redis: {}", command(stage, &["warmup"]).await?));
    stage.start_server().await?;
    for _ in 0..call.rounds {
        let (feed_s, whole_s) = emptied(stage).await?;
        say(format!("emptied under a running server: the newest page after {feed_s:.2} s, all after {whole_s:.1} s"));
    }
    say(format!("warm-up of a Redis in order, under a running server: {}", command(stage, &["warmup"]).await?));
    say(format!("verify: {}", command(stage, &["verify"]).await?));

    let now_ms = (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64;
    let facts = Facts::new(world, TOKEN_SECRET, now_ms)?;
    let likes = Likes { facts: &facts, folder, oha: &call.tools.oha };
    for round in 0..call.rounds {
        say(outage(call, stage, &likes, u64::from(round)).await?);
    }
    let mut rates = Vec::new();
    for round in 0..call.rounds {
        for durability in ["relaxed", "strict"] {
            stage.restart_server(&[("RIFFLE_DURABILITY", durability)]).await?;
            let before = Used::now(&stage.pids()?);
            let outcome = likes.run(stage, 100 + u64::from(round), f64::from(call.seconds), None).await?;
            let used = Used::now(&stage.pids()?).since(&before);
            rates.push((durability, outcome.rate));
            say(format!(
                "likes, {durability}, {CONNECTIONS} connections: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms, CPU us a like: \
                 server {:.0}, Redis {:.0}, Postgres {:.0}",
                outcome.rate,
                outcome.latency_ms.get("p50").copied().unwrap_or_default(),
                outcome.latency_ms.get("p99").copied().unwrap_or_default(),
                used.server * 1e6 / outcome.requests as f64,
                used.redis * 1e6 / outcome.requests as f64,
                used.postgres * 1e6 / outcome.requests as f64,
            ));
        }
    }
    say(format!(
        "strict against relaxed: {:.2} of the likes (medians)",
        median(&rates, "strict") / median(&rates, "relaxed")
    ));
    say(format!("verify: {}", command(stage, &["verify"]).await?));
    Ok(())
}

fn median(rates: &[(&str, f64)], name: &str) -> f64 {
    let mut of: Vec<f64> = rates.iter().filter(|(known, _)| *known == name).map(|(_, rate)| *rate).collect();
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// Runs a command of riffle's to its end; gives the last line it prints, how long it took, and the CPU of the stores.
async fn command(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let before = stage.stores_used();
    let begun = Instant::now();
    let mut command: Command = stage.riffle();
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let seconds = begun.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("riffle {arguments:?} ended with {}: {text}", output.status).into());
    }
    let used = stage.stores_used().since(&before);
    let last = text.lines().last().unwrap_or_default();
    Ok(format!("{seconds:.1} s, CPU s: Redis {:.1}, Postgres {:.1}; {last}", used.redis, used.postgres))
}

/// Empties Redis; gives how long it takes until the newest page is whole, and until everything is.
async fn emptied(stage: &Stage) -> Result<(f64, f64)> {
    let address = &stage.server()?.address;
    let redis = Client::connect(&Address::parse(&stage.redis_url())?, Duration::from_secs(60)).await?;
    redis.call(RedisCommand::new("FLUSHALL").arg("ASYNC")).await.map_err(riffle::error::Error::from)?;
    let begun = Instant::now();
    // What is kept of the feed may be shown for a moment, but no longer.
    sleep(Duration::from_millis(300)).await;
    loop {
        let answer = http::ask(address, "GET", "/douyin/feed/", &[], None).await?;
        if answer.status == 200 && answer.json()?["video_list"].as_array().is_some_and(|videos| videos.len() == PAGE) {
            break;
        }
        sleep(POLL).await;
    }
    let feed_s = begun.elapsed().as_secs_f64();
    stage.until_whole().await?;
    Ok((feed_s, begun.elapsed().as_secs_f64()))
}

/// Likes for a while with Postgres frozen, then without any until all is flushed and relayed.
async fn outage(call: &Call, stage: &Stage, likes: &Likes<'_>, round: u64) -> Result<String> {
    let redis = Client::connect(&Address::parse(&stage.redis_url())?, Duration::from_secs(60)).await?;
    let (postgres, connection) = tokio_postgres::connect(&stage.postgres().url(), NoTls).await?;
    tokio::spawn(connection);
    until_relayed(&postgres, &Outboxes::look(&redis).await?).await?;
    let before = Outboxes::look(&redis).await?;
    stage.postgres().pause();
    let filled = likes.run(stage, round, f64::from(call.outage_seconds), call.outage_rate()).await;
    let full = Outboxes::look(&redis).await?;
    let used_before = Used::now(&stage.pids()?);
    stage.postgres().resume();
    let filled = filled?;
    let begun = Instant::now();
    until_relayed(&postgres, &full).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let used = Used::now(&stage.pids()?).since(&used_before);
    let entries = (full.added - before.added) as f64;
    Ok(format!(
        "Postgres frozen for {} s: {:.0} likes/s made {entries:.0} entries, flushed and relayed in {seconds:.2} s \
         ({:.0}/s, {:.1} times as fast as they came; CPU us an entry: server {:.1}, Redis {:.1}, Postgres {:.1})",
        call.outage_seconds,
        filled.rate,
        entries / seconds,
        f64::from(call.outage_seconds) / seconds,
        used.server * 1e6 / entries,
        used.redis * 1e6 / entries,
        used.postgres * 1e6 / entries,
    ))
}

/// How far all outboxes are.
struct Outboxes {
    /// Entries that they ever had.
    added: u64,
    /// The newest entry of each that has any, by its bucket.
    newest: Vec<(i16, i64)>,
}

impl Outboxes {
    async fn look(redis: &Client) -> Result<Outboxes> {
        let mut outboxes = Outboxes { added: 0, newest: Vec::new() };
        let info = |bucket| RedisCommand::new("XINFO").arg("STREAM").arg(keys::outbox(bucket));
        for (bucket, answer) in Bucket::all().zip(redis.pipeline(Bucket::all().map(info).collect()).await) {
            // Most likely there is none.
            let Ok(stream) = answer else { continue };
            for pair in stream.array()?.chunks_exact(2) {
                match pair[0].text()?.unwrap_or_default() {
                    "entries-added" => outboxes.added += pair[1].required_number()?,
                    "last-generated-id" => {
                        let id = pair[1].text()?.and_then(|id| id.split('-').next()).unwrap_or_default();
                        outboxes.newest.push((bucket.number() as i16, id.parse()?));
                    }
                    _ => {}
                }
            }
        }
        Ok(outboxes)
    }
}

async fn until_relayed(postgres: &tokio_postgres::Client, outboxes: &Outboxes) -> Result<()> {
    let (buckets, newest): (Vec<i16>, Vec<i64>) = outboxes.newest.iter().copied().unzip();
    let behind = "select count(*) from bucket join unnest($1::smallint[], $2::bigint[]) as newest (bucket, id)
                  on newest.bucket = bucket.bucket where relayed < newest.id";
    while postgres.query_one(behind, &[&buckets, &newest]).await?.get::<_, i64>(0) > 0 {
        sleep(POLL).await;
    }
    Ok(())
}

struct Likes<'a> {
    facts: &'a Facts,
    folder: &'a Path,
    oha: &'a Path,
}

impl Likes<'_> {
    /// `rate`: likes a second; as many as go where it is not given.
    async fn run(&self, stage: &Stage, round: u64, seconds: f64, rate: Option<f64>) -> Result<Outcome> {
        let mut dice = StdRng::seed_from_u64(round);
        let base = format!("http://{}", stage.server()?.address);
        let count = rate.map_or(ADDRESSES, |_| OUTAGE_LIKES);
        let lines = (0..count).map(|_| format!("{base}{}\n", requests::like(self.facts, &mut dice).path));
        let addresses = self.folder.join("likes.txt");
        std::fs::write(&addresses, lines.collect::<String>())?;
        let load = Load {
            oha: self.oha,
            addresses,
            method: "POST",
            headers: Vec::new(),
            form: Vec::new(),
            connections: CONNECTIONS,
            rate,
            seconds,
        };
        let outcome = load.run().await?;
        match outcome.statuses.keys().all(|status| status == "200") && outcome.requests > 0 {
            true => Ok(outcome),
            false => Err(format!("likes were answered {:?}, {:?}", outcome.statuses, outcome.errors).into()),
        }
    }
}
