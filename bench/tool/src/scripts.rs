//! What the scripts of an action cost Redis, by its own count of what its commands took: nothing else runs meanwhile.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use riffle::store::{Address, Client, Command, Run};
use time::OffsetDateTime;

use crate::data::{Sizes, World};
use crate::limit::{TIMEOUT, admitted, write};
use crate::requests::{self, Facts};
use crate::results::median;
use crate::stage::{Folder, Stage, TOKEN_SECRET};
use crate::{Result, Tools};

/// Of each action in a round, one after the other.
const CALLS: usize = 20_000;

pub struct Call {
    pub sizes: Sizes,
    pub seed: u64,
    pub rounds: u16,
    pub tools: Tools,
}

type Making = fn(&Facts, &mut StdRng) -> requests::Request;
const ACTIONS: [(&str, Making); 4] = [
    ("like", requests::like),
    ("follow", requests::follow),
    ("comment", requests::comment),
    ("message", requests::message),
];

/// Microseconds of an action.
struct Spent {
    scripts: f64,
    /// Of it the commands that the scripts call.
    commands: f64,
}

pub async fn scripts(call: &Call) -> Result<()> {
    let mut lines = call.tools.heading(&format!("{:?}, seed {}", call.sizes, call.seed))?;
    let folder = Folder::new()?;
    let mut stage = Stage::set(folder.path(), &call.tools.riffle).await?;
    let measured = measure(call, &mut stage).await;
    stage.stop().await?;
    for line in measured? {
        println!("{line}");
        lines.push(line);
    }
    call.tools.keep("scripts", &lines)
}

async fn measure(call: &Call, stage: &mut Stage) -> Result<Vec<String>> {
    let world = World::plan(call.sizes, call.seed);
    stage.fill(&world, |_| {}).await?;
    stage.start_server().await?;
    stage.stop_server()?;
    let redis = Client::connect(&Address::parse(&stage.redis_url())?, TIMEOUT).await?;
    let run = admitted(&stage.redis_url()).await?;
    let now_ms = (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64;
    let facts = Facts::new(world, TOKEN_SECRET, now_ms)?;
    let mut dice = StdRng::seed_from_u64(call.seed);
    let mut lines = Vec::new();
    for (action, make) in ACTIONS {
        let (mut scripts, mut commands) = (Vec::new(), Vec::new());
        for _ in 0..call.rounds {
            let spent = round(&redis, &run, || make(&facts, &mut dice).bare).await?;
            scripts.push(spent.scripts);
            commands.push(spent.commands);
        }
        let (scripts, commands) = (median(&scripts), median(&commands));
        lines.push(format!("{action}: {scripts:.1} µs, of it the commands that its scripts call {commands:.1}"));
    }
    Ok(lines)
}

async fn round(redis: &Client, run: &Arc<Run>, mut make: impl FnMut() -> String) -> Result<Spent> {
    redis.call(Command::new("CONFIG").arg("RESETSTAT")).await.map_err(riffle::error::Error::from)?;
    for _ in 0..CALLS {
        let path = make();
        let mut words = path.split('/');
        let what = words.next().unwrap_or_default();
        let mut numbers = [0; 4];
        for (number, word) in numbers.iter_mut().zip(words.skip(1)) {
            *number = word.parse()?;
        }
        write(run, what, numbers).await?;
    }
    let stats = redis.call(Command::new("INFO").arg("commandstats")).await.map_err(riffle::error::Error::from)?;
    let (mut scripts, mut commands) = (0, 0);
    for line in stats.text()?.unwrap_or_default().lines() {
        let Some((name, figures)) = line.strip_prefix("cmdstat_").and_then(|line| line.split_once(':')) else {
            continue;
        };
        let spent = figures.split(',').find_map(|figure| figure.strip_prefix("usec=")).ok_or("no usec")?;
        match name {
            "evalsha" => scripts += spent.parse::<u64>()?,
            _ if name.starts_with("config") => {}
            _ => commands += spent.parse::<u64>()?,
        }
    }
    let each = |sum: u64| sum as f64 / CALLS as f64;
    Ok(Spent { scripts: each(scripts), commands: each(commands) })
}
