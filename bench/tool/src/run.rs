//! A whole run: data, stores, servers, every scenario, and what is kept of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use riffle::dev::StoreProcess;
use time::OffsetDateTime;
use tokio::time::sleep;

use crate::check::Asking;
use crate::clip;
use crate::cpu::{self, Pids};
use crate::data::{Scale, World, Written};
use crate::http::Answer;
use crate::limit::{Plan, Sample};
use crate::machine::Machine;
use crate::measure::{Measuring, Options, Side};
use crate::picture;
use crate::requests::Facts;
use crate::results::{self, Results, ScenarioResult};
use crate::scenario::{Asks, Form, SCENARIOS, Scenario};
use crate::stage::{Folder, Server, Stage, TOKEN_SECRET, start_limit};
use crate::{Result, Tools};

/// Counts are refreshed several times in it.
const TAG_LASTS: Duration = Duration::from_secs(1);
const TAG_LOOKS_MAX: usize = 30;

pub struct Call {
    /// All where none is named.
    pub scenarios: Vec<String>,
    pub scale: Scale,
    pub options: Options,
    pub tools: Tools,
}

pub async fn run(call: &Call) -> Result<()> {
    let machine = Machine::look(&call.tools.oha);
    let folder = Folder::new()?;
    let mut stage = Stage::set(folder.path(), &call.tools.riffle).await?;
    let done = measure_all(call, machine, folder.path(), &mut stage).await;
    stage.stop().await?;
    done
}

async fn measure_all(call: &Call, machine: Machine, folder: &Path, stage: &mut Stage) -> Result<()> {
    let sizes = call.scale.sizes();
    let world = World::plan(sizes, call.options.seed);
    let say = |written: &Written| eprintln!("» {written}");
    let written = stage.fill(&world, say).await?;
    let load_s = stage.start_server().await?;
    eprintln!("» Redis loaded in {load_s:.1} s");
    let limit_redis = stage.copy_redis().await?;
    let start_s = stage.start_server().await?;
    let pids = stage.pids()?;

    let now = OffsetDateTime::now_utc();
    let facts = Facts::new(world, TOKEN_SECRET, (now.unix_timestamp_nanos() / 1_000_000) as i64)?;
    let clip = folder.join("clip.mp4");
    let chosen: Vec<&Scenario> = SCENARIOS.iter().filter(|scenario| call.wants(scenario)).collect();
    if chosen.iter().any(|scenario| scenario.form == Form::Clip) {
        clip::make(&clip)?;
    }
    let mut results = Results {
        date: now.date().to_string(),
        commit: call.tools.commit.clone(),
        scale: format!("{:?}", call.scale).to_lowercase(),
        sizes,
        seed: call.options.seed,
        rounds: call.options.rounds,
        seconds: call.options.seconds,
        warm_up_s: call.options.warm_up_s,
        machine,
        written,
        load_s,
        start_s,
        server_bytes: cpu::resident_bytes(pids.server),
        redis_bytes: cpu::resident_bytes(pids.redis),
        scenarios: Vec::new(),
    };
    let house = House { call, folder, facts, clip, server: stage.server()?, pids, limit_redis };
    let done = house.measure(&chosen, &mut results).await;
    house.limit_redis.stop().await?;
    done?;
    println!("\n{}", results.summary());
    keep(&call.tools.results, &results)?;
    match results.scenarios.iter().filter(|scenario| scenario.failed).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} scenarios had failed or wrong answers").into()),
    }
}

impl Call {
    fn wants(&self, scenario: &Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|name| name == scenario.name)
    }
}

/// What all scenarios share.
struct House<'a> {
    call: &'a Call,
    folder: &'a Path,
    facts: Facts,
    clip: PathBuf,
    server: &'a Server,
    pids: Pids,
    limit_redis: StoreProcess,
}

impl House<'_> {
    async fn measure(&self, chosen: &[&Scenario], results: &mut Results) -> Result<()> {
        let clip = std::fs::read(&self.clip).unwrap_or_default();
        // The limit sends what riffle sent: also for what only the mixed scenario asks.
        let mut plan = self.plan()?;
        let mut headers = BTreeMap::new();
        for scenario in SCENARIOS.iter().filter(|scenario| scenario.streams.len() == 1) {
            let mut asking = self.asking(scenario, &clip, Vec::new());
            if scenario.form == Form::Clip && !chosen.iter().any(|other| other.name == scenario.name) {
                continue;
            }
            let answer = match self.special(&mut asking).await? {
                Some(headers) => {
                    asking.headers = headers;
                    asking.typical().await?
                }
                None => continue,
            };
            if scenario.name == "feed" {
                (plan.videos, plan.authors) = page(&answer)?;
            }
            plan.answers.insert(scenario.name.to_owned(), sample(answer));
            headers.insert(scenario.name, asking.headers);
        }
        let limit = start_limit(self.folder, &plan).await?;
        println!("{}", results::HEADING);
        for scenario in chosen {
            let headers = match headers.get(scenario.name) {
                // What was asked since has changed the page.
                Some(_) if scenario.asks == Asks::IfChanged => {
                    self.special(&mut self.asking(scenario, &clip, Vec::new())).await?
                }
                Some(headers) => Some(headers.clone()),
                None => (scenario.streams.len() > 1).then(Vec::new),
            };
            let result = match headers {
                None => ScenarioResult::without(scenario, "not supported by this build".to_owned(), false),
                Some(headers) => match self.scenario(scenario, &clip, headers, &limit).await {
                    Ok(result) => result,
                    // The others still have something to tell.
                    Err(error) => ScenarioResult::without(scenario, format!("FAILED {error}"), true),
                },
            };
            print!("{}", results::lines(&result));
            results.scenarios.push(result);
        }
        limit.stop()
    }

    async fn scenario(
        &self,
        scenario: &Scenario,
        clip: &[u8],
        headers: Vec<String>,
        limit: &Server,
    ) -> Result<ScenarioResult> {
        let limit_pids = Pids { server: limit.pid(), redis: self.limit_redis.pid(), postgres: None };
        let riffle = Side { name: "riffle", address: &self.server.address, pids: self.pids, is_limit: false };
        let measuring = Measuring {
            oha: &self.call.tools.oha,
            folder: self.folder,
            clip: &self.clip,
            asking: self.asking(scenario, clip, headers),
            options: &self.call.options,
            riffle,
            limit: Side { name: "limit", address: &limit.address, pids: limit_pids, is_limit: true },
        };
        measuring.measure().await
    }

    fn asking<'a>(&'a self, scenario: &'a Scenario, clip: &'a [u8], headers: Vec<String>) -> Asking<'a> {
        Asking {
            scenario,
            facts: &self.facts,
            address: &self.server.address,
            headers,
            clip: (scenario.form == Form::Clip).then_some(clip),
        }
    }

    /// The headers that a scenario sends; `None` where this build has no answer to them.
    async fn special(&self, asking: &mut Asking<'_>) -> Result<Option<Vec<String>>> {
        Ok(match asking.scenario.asks {
            Asks::Plainly => Some(Vec::new()),
            Asks::IfChanged => lasting_tag(asking).await?.map(|tag| vec![format!("If-None-Match: {tag}")]),
            Asks::Gzip => {
                asking.headers = vec!["Accept-Encoding: gzip".to_owned()];
                let compressed = asking.any(0).await?.header("content-encoding") == Some("gzip");
                compressed.then(|| asking.headers.clone())
            }
        })
    }

    fn plan(&self) -> Result<Plan> {
        let uploads = self.folder.join("uploads");
        std::fs::create_dir_all(&uploads)?;
        let redis_url = self.limit_redis.url();
        Ok(Plan { redis_url, uploads, answers: BTreeMap::new(), videos: Vec::new(), authors: Vec::new() })
    }
}

/// The tag of an answer that no longer changes; `None` where there is none.
async fn lasting_tag(asking: &Asking<'_>) -> Result<Option<String>> {
    let mut tag = None;
    for _ in 0..TAG_LOOKS_MAX {
        let next = asking.any(0).await?.header("etag").map(str::to_owned);
        if next.is_none() || next == tag {
            return Ok(next);
        }
        tag = next;
        sleep(TAG_LASTS).await;
    }
    Err("the newest page changes and changes".into())
}

/// The videos and the authors of a page.
fn page(answer: &Answer) -> Result<(Vec<u64>, Vec<u64>)> {
    let json = answer.json()?;
    let videos = json["video_list"].as_array().ok_or("no videos in the feed")?;
    let ids = |videos: &[serde_json::Value], pointer: &str| -> Vec<u64> {
        videos.iter().filter_map(|video| video.pointer(pointer)?.as_u64()).collect()
    };
    let mut authors = ids(videos, "/author/id");
    authors.sort_unstable();
    authors.dedup();
    Ok((ids(videos, "/id"), authors))
}

/// Without what hyper writes by itself.
fn sample(answer: Answer) -> Sample {
    let own = ["content-length", "date", "connection"];
    let headers = answer.headers.into_iter().filter(|(name, _)| !own.contains(&name.as_str())).collect();
    Sample { status: answer.status, headers, body: answer.body }
}

fn keep(folder: &Path, results: &Results) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = |suffix: &str| folder.join(format!("{}-{}{suffix}", results.date, results.commit));
    std::fs::write(path(".json"), serde_json::to_string_pretty(results)? + "\n")?;
    std::fs::write(path("-throughput.svg"), picture::throughput(results))?;
    std::fs::write(path("-latency.svg"), picture::latency(results))?;
    eprintln!("» {} and its two pictures", path(".json").display());
    Ok(())
}
