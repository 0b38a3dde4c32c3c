//! What Redis spends on a user, a video, a like...: by `MEMORY USAGE` of every key (`riffle doctor`), and by what
//! `used_memory` grows when there is twice as much of one of them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use riffle::store::{Address, Client, Command};
use tokio::time::sleep;

use crate::data::{Sizes, World};
use crate::stage::{Folder, Stage};
use crate::{Result, Tools};

const POLL: Duration = Duration::from_millis(200);
const TRIM_MAX: Duration = Duration::from_secs(600);

pub struct Call {
    pub sizes: Sizes,
    pub seed: u64,
    pub tools: Tools,
}

pub async fn memory(call: &Call) -> Result<()> {
    let mut lines = call.tools.heading(&format!("{:?}, seed {}", call.sizes, call.seed))?;
    let mut say = |line: String| {
        println!("{line}");
        lines.push(line);
    };
    let sizes = call.sizes;
    let (base, doctor) = load(call, sizes).await?;
    doctor.lines().for_each(|line| say(line.to_owned()));
    say(format!("used_memory, all flushed, no server running: {base}"));
    let doubled = [
        ("like", Sizes { likes: sizes.likes * 2, ..sizes }, sizes.likes),
        ("follow", Sizes { follows: sizes.follows * 2, ..sizes }, sizes.follows),
        ("comment", Sizes { comments: sizes.comments * 2, ..sizes }, sizes.comments),
        ("message", Sizes { messages: sizes.messages * 2, ..sizes }, sizes.messages),
        ("video", Sizes { videos: sizes.videos * 2, ..sizes }, sizes.videos),
        ("user", Sizes { users: sizes.users * 2, ..sizes }, sizes.users),
    ];
    for (what, sizes, added) in doubled {
        let (used, _) = load(call, sizes).await?;
        say(format!("{added} more of: {what}: {:.1} bytes each", (used as f64 - base as f64) / added as f64));
    }
    call.tools.keep("memory", &lines)
}

/// A world of these sizes in Redis, at rest: its `used_memory`, and what `riffle doctor` says.
async fn load(call: &Call, sizes: Sizes) -> Result<(u64, String)> {
    let folder = Folder::new()?;
    let mut stage = Stage::set(folder.path(), &call.tools.riffle).await?;
    let measured = measure(call, sizes, &mut stage).await;
    stage.stop().await?;
    measured
}

async fn measure(call: &Call, sizes: Sizes, stage: &mut Stage) -> Result<(u64, String)> {
    stage.fill(&World::plan(sizes, call.seed), |_| {}).await?;
    let seconds = stage.start_server().await?;
    eprintln!("» {sizes:?} loaded in {seconds:.1} s");
    let redis = Client::connect(&Address::parse(&stage.redis_url())?, Duration::from_secs(60)).await?;
    until_trimmed(&redis).await?;
    stage.stop_server()?;
    let mut doctor = stage.riffle();
    doctor.args(["doctor", "--all"]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = tokio::task::spawn_blocking(move || doctor.output()).await??;
    let info = redis.call(Command::new("INFO").arg("memory")).await.map_err(riffle::error::Error::from)?;
    let used = info.text()?.unwrap_or_default().lines().find_map(|line| line.strip_prefix("used_memory:"));
    let used = used.and_then(|used| used.trim().parse().ok()).ok_or("INFO without used_memory")?;
    Ok((used, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Waits until no order is long any more.
async fn until_trimmed(redis: &Client) -> Result<()> {
    let begun = Instant::now();
    let buckets: Vec<_> = riffle::id::Bucket::all().collect();
    loop {
        let sizes = buckets.iter().map(|bucket| Command::new("SCARD").arg(riffle::store::keys::long(*bucket)));
        let mut long = 0;
        for answer in redis.pipeline(sizes.collect()).await {
            long += answer.map_err(riffle::error::Error::from)?.required_number()?;
        }
        if long == 0 {
            return Ok(());
        }
        if begun.elapsed() > TRIM_MAX {
            return Err(format!("{long} orders stay long").into());
        }
        sleep(POLL).await;
    }
}
