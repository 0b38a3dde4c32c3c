//! One scenario: riffle and its limit by turns, so that both meet the machine's fast and slow phases.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::future::try_join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::Result;
use crate::check::{self, Asking};
use crate::cpu::{Pids, Used};
use crate::oha::{Load, Outcome};
use crate::results::{Closed, Figure, Open, ScenarioResult, median};
use crate::scenario::{Form, Stream};

/// Addresses in a file; oha draws from them by chance.
const ADDRESSES: usize = 20_000;
/// Where a repeated one would change nothing.
const FRESH_ADDRESSES: usize = 100_000;
/// Clips of two million bytes fill a disk quickly.
const UPLOAD_S_MAX: f64 = 2.0;
/// The connections of the open loop, and of the closed one that tells its rate.
pub const USUAL_CONNECTIONS: usize = 64;
/// A first guess at the rate of a second stream.
const SECOND_STREAM_PER_S: f64 = 50.0;

pub struct Options {
    pub rounds: usize,
    pub seconds: f64,
    pub warm_up_s: f64,
    pub connections: Vec<usize>,
    pub seed: u64,
}

/// One of the two that are compared.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub name: &'static str,
    pub address: &'a str,
    pub pids: Pids,
    pub is_limit: bool,
}

pub struct Measuring<'a> {
    pub oha: &'a Path,
    pub folder: &'a Path,
    pub clip: &'a Path,
    pub asking: Asking<'a>,
    pub options: &'a Options,
    pub riffle: Side<'a>,
    pub limit: Side<'a>,
}

/// Runs so far: each draws other addresses.
struct Runs {
    count: u64,
    /// Of the first stream, when it last ran: it sets the rate of the second.
    first_rate: BTreeMap<&'static str, f64>,
}

/// What the rounds of one side gave.
#[derive(Default)]
struct Waits {
    latency_ms: BTreeMap<String, Vec<f64>>,
    stolen: Vec<f64>,
}

impl Waits {
    fn medians(self) -> (BTreeMap<String, f64>, f64) {
        let latencies = self.latency_ms.into_iter().map(|(percentile, rounds)| (percentile, median(&rounds)));
        (latencies.collect(), median(&self.stolen))
    }
}

impl Measuring<'_> {
    pub async fn measure(&self) -> Result<ScenarioResult> {
        let scenario = self.asking.scenario;
        let mut runs = Runs { count: 0, first_rate: BTreeMap::new() };
        check::settled(self.riffle.address).await?;
        let bytes = self.asking.some(0).await?;
        for side in [self.riffle, self.limit] {
            self.run(&mut runs, side, self.usual_connections(), None, self.options.warm_up_s, bytes).await?;
        }
        let mut closed = Vec::new();
        for connections in self.levels() {
            let mut result = Closed { connections, riffle: Vec::new(), limit: Vec::new() };
            for round in 0..self.options.rounds {
                let sides = if round % 2 == 0 { [self.riffle, self.limit] } else { [self.limit, self.riffle] };
                for side in sides {
                    let (outcome, used) =
                        self.run(&mut runs, side, connections, None, self.options.seconds, bytes).await?;
                    let figures = if side.is_limit { &mut result.limit } else { &mut result.riffle };
                    figures.push(figure(&outcome, &used));
                }
            }
            closed.push(result);
        }
        let open = self.open(&mut runs, &closed, bytes).await?;
        self.asking.some(1_000).await?;
        Ok(ScenarioResult {
            name: scenario.name.to_owned(),
            about: scenario.about.to_owned(),
            note: None,
            failed: false,
            answer_bytes: bytes,
            closed,
            open,
        })
    }

    /// Connections of the closed loop: as asked for, but never more than riffle takes.
    fn levels(&self) -> Vec<usize> {
        let most = self.asking.scenario.connections_max;
        let mut levels: Vec<usize> = self.options.connections.iter().map(|count| *count.min(&most)).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    fn usual_connections(&self) -> usize {
        let levels = self.levels();
        levels.iter().copied().filter(|count| *count <= USUAL_CONNECTIONS).max().unwrap_or(levels[0])
    }

    /// Latencies at half of what riffle has just answered, by turns with those of the limit.
    async fn open(&self, runs: &mut Runs, closed: &[Closed], bytes: f64) -> Result<Option<Open>> {
        let connections = self.usual_connections();
        let Some(top) = closed.iter().find(|closed| closed.connections == connections) else { return Ok(None) };
        let rate = top.riffle_rate() / 2.0;
        let limit_rate = rate.min(top.limit_rate() / 2.0);
        let mut all: [Waits; 2] = Default::default();
        for _ in 0..self.options.rounds {
            let sides = [(self.riffle, rate), (self.limit, limit_rate)];
            for ((side, rate), waits) in sides.into_iter().zip(&mut all) {
                let (outcome, used) =
                    self.run(runs, side, connections, Some(rate), self.options.seconds, bytes).await?;
                for (percentile, ms) in outcome.latency_ms {
                    waits.latency_ms.entry(percentile).or_default().push(ms);
                }
                waits.stolen.push(used.host.stolen());
            }
        }
        let [(latency_ms, stolen), (limit_latency_ms, limit_stolen)] = all.map(Waits::medians);
        Ok(Some(Open { rate, connections, latency_ms, limit_latency_ms, stolen, limit_stolen }))
    }

    /// One run of all streams of the scenario at once, and what the processes used in it.
    async fn run(
        &self,
        runs: &mut Runs,
        side: Side<'_>,
        connections: usize,
        rate: Option<f64>,
        seconds: f64,
        bytes: f64,
    ) -> Result<(Outcome, Used)> {
        runs.count += 1;
        let scenario = self.asking.scenario;
        let seconds = if scenario.form == Form::Clip { seconds.min(UPLOAD_S_MAX) } else { seconds };
        let mut loads = Vec::new();
        for (place, stream) in scenario.streams.iter().enumerate() {
            let share = f64::from(stream.share()) / 100.0;
            let second = place > 0;
            let first_rate = runs.first_rate.get(side.name).copied();
            // A second stream cannot take turns with the first: it follows its rate of the run before.
            let following = || {
                let first_share = f64::from(scenario.streams[0].share()) / 100.0;
                first_rate.map_or(SECOND_STREAM_PER_S, |rate| rate / first_share * share)
            };
            let few = (connections / 8).max(1);
            loads.push(Load {
                oha: self.oha,
                addresses: self.addresses(stream, place, side, runs.count)?,
                method: stream.method,
                headers: self.asking.headers.clone(),
                form: match scenario.form {
                    Form::Clip => vec![format!("data=@{}", self.clip.display())],
                    Form::None => Vec::new(),
                },
                connections: match (second, scenario.streams.len()) {
                    (true, _) => few,
                    (false, 1) => connections,
                    (false, _) => connections.saturating_sub(few).max(1),
                },
                rate: match rate {
                    Some(rate) => Some(rate * share),
                    None => second.then(following),
                },
                seconds,
            });
        }
        check::settled(self.riffle.address).await?;
        let watched = Cell::new(0);
        let before = Used::now(&side.pids);
        let running = try_join_all(loads.iter().map(Load::run));
        let outcomes = if side.is_limit {
            running.await?
        } else {
            tokio::select! {
                outcomes = running => outcomes?,
                Err(wrong) = self.asking.watch(runs.count * 10_000, &watched) => return Err(wrong),
            }
        };
        let used = Used::now(&side.pids).since(&before);
        for outcome in &outcomes {
            // Of a mixture the sizes say nothing.
            let bytes = if scenario.streams.len() == 1 { bytes } else { outcome.mean_bytes };
            check::outcome(scenario, outcome, bytes).map_err(|wrong| format!("{} {wrong}", side.name))?;
        }
        if rate.is_none() {
            runs.first_rate.insert(side.name, outcomes[0].rate);
        }
        let mut all = together(outcomes);
        // They cost as much as the others.
        all.requests += watched.get();
        Ok((all, used))
    }

    /// The file of a stream's addresses, written when it is wanted first, or each time where they must be fresh.
    fn addresses(&self, stream: &Stream, place: usize, side: Side<'_>, run: u64) -> Result<PathBuf> {
        let scenario = self.asking.scenario;
        let path = self.folder.join(format!("{}-{place}-{}.txt", scenario.name, side.name));
        if path.exists() && !scenario.fresh {
            return Ok(path);
        }
        let seed = self.options.seed.wrapping_mul(1_000).wrapping_add(if scenario.fresh { run } else { 0 });
        let mut dice = StdRng::seed_from_u64(seed);
        let count = if scenario.fresh { FRESH_ADDRESSES } else { ADDRESSES };
        let mut text = String::new();
        for _ in 0..count {
            let request = stream.request(self.asking.facts, &mut dice);
            let query = request.path.split_once('?').map_or("", |(_, query)| query);
            let separator = if query.is_empty() { "" } else { "?" };
            let path = match side.is_limit {
                true => format!("/{}{separator}{query}", request.bare),
                false => request.path,
            };
            text.push_str(&format!("http://{}{path}\n", side.address));
        }
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// Latencies are those of the first stream: percentiles do not add up.
fn together(outcomes: Vec<Outcome>) -> Outcome {
    let mut outcomes = outcomes.into_iter();
    let mut all = outcomes.next().unwrap_or_default();
    for outcome in outcomes {
        all.requests += outcome.requests;
        all.rate += outcome.rate;
    }
    all
}

fn figure(outcome: &Outcome, used: &Used) -> Figure {
    let microseconds = |seconds: f64| seconds * 1e6 / outcome.requests.max(1) as f64;
    Figure {
        rate: outcome.rate,
        server_us: microseconds(used.server),
        redis_us: microseconds(used.redis),
        postgres_us: microseconds(used.postgres),
    }
}
