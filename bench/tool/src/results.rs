//! What a run found: as it is kept, and as it is printed.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::data::{Sizes, Written};
use crate::machine::Machine;
use crate::scenario::Scenario;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    /// `2026-11-25`
    pub date: String,
    pub commit: String,
    pub scale: String,
    pub sizes: Sizes,
    pub seed: u64,
    pub rounds: usize,
    pub seconds: f64,
    /// Before the first round of each scenario.
    #[serde(default = "usual_warm_up_s")]
    pub warm_up_s: f64,
    pub machine: Machine,
    pub written: Vec<Written>,
    /// From the start of a server on an empty Redis to its being ready: Redis is loaded from Postgres.
    pub load_s: f64,
    /// The same on a Redis that is in order.
    pub start_s: f64,
    /// Before the first request.
    pub server_bytes: u64,
    pub redis_bytes: u64,
    pub scenarios: Vec<ScenarioResult>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScenarioResult {
    pub name: String,
    pub about: String,
    /// Why there are no figures.
    pub note: Option<String>,
    /// An answer was missing or wrong.
    pub failed: bool,
    /// Mean size of a body.
    pub answer_bytes: f64,
    pub closed: Vec<Closed>,
    pub open: Option<Open>,
}

/// As many requests as are answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Closed {
    pub connections: usize,
    /// One for each round.
    pub riffle: Vec<Figure>,
    pub limit: Vec<Figure>,
}

/// Requests a second, and CPU microseconds of each process for a request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Figure {
    pub rate: f64,
    pub server_us: f64,
    pub redis_us: f64,
    pub postgres_us: f64,
}

/// At a fixed rate; latencies count from when a request was due.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Open {
    pub rate: f64,
    pub connections: usize,
    /// Medians of the rounds, by percentile.
    pub latency_ms: BTreeMap<String, f64>,
    /// The same of the limit, at this rate or half of its own top rate, whichever is less: what the machine, the load
    /// generator and Redis make of it by themselves.
    #[serde(default)]
    pub limit_latency_ms: BTreeMap<String, f64>,
    /// Part of the time of all cores that the host of a virtual machine took meanwhile, some ten milliseconds at once: who
    /// was due then waits for it. A hundredth of it can make all of the p99.
    #[serde(default)]
    pub stolen: f64,
    #[serde(default)]
    pub limit_stolen: f64,
}

/// Of results that do not say it.
fn usual_warm_up_s() -> f64 {
    1.0
}

impl ScenarioResult {
    pub fn without(scenario: &Scenario, note: String, failed: bool) -> ScenarioResult {
        ScenarioResult {
            name: scenario.name.to_owned(),
            about: scenario.about.to_owned(),
            note: Some(note),
            failed,
            answer_bytes: 0.0,
            closed: Vec::new(),
            open: None,
        }
    }
}

impl Closed {
    pub fn riffle_rate(&self) -> f64 {
        of(&self.riffle, |figure| figure.rate)
    }

    pub fn limit_rate(&self) -> f64 {
        of(&self.limit, |figure| figure.rate)
    }

    /// Of the limit's throughput.
    pub fn ratio(&self) -> f64 {
        self.riffle_rate() / self.limit_rate()
    }

    /// CPU that the limit takes for a request, its Redis included, as a part of what riffle takes; Postgres works behind the
    /// answer and is left out. Says the same as the ratio where a machine is busy with other things.
    pub fn cpu_ratio(&self) -> f64 {
        let front = |figure: &Figure| figure.server_us + figure.redis_us;
        of(&self.limit, front) / of(&self.riffle, front)
    }

    /// The ratio of each round.
    pub fn ratios(&self) -> Vec<f64> {
        self.riffle.iter().zip(&self.limit).map(|(riffle, limit)| riffle.rate / limit.rate).collect()
    }

    /// CPU microseconds of riffle and its stores together for a request.
    pub fn riffle_us(&self) -> f64 {
        of(&self.riffle, Figure::all_us)
    }
}

impl Figure {
    pub fn all_us(&self) -> f64 {
        self.server_us + self.redis_us + self.postgres_us
    }
}

/// The median of one value of the rounds.
pub fn of(figures: &[Figure], value: impl Fn(&Figure) -> f64) -> f64 {
    median(&figures.iter().map(value).collect::<Vec<_>>())
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count => (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0,
    }
}

pub const PERCENTILES: [&str; 4] = ["p50", "p90", "p99", "p99.9"];
/// The one that is shown of the limit, too.
pub const LIMIT_PERCENTILE: &str = "p99";

pub const HEADING: &str = "scenario        conn    riffle/s     limit/s  ratio  by CPU | CPU µs: server  redis postgres | limit: server  redis";

pub fn lines(scenario: &ScenarioResult) -> String {
    let mut text = String::new();
    if let Some(note) = &scenario.note {
        return format!("{:<15} {note}\n", scenario.name);
    }
    for closed in &scenario.closed {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{:<15} {:>4} {:>11.0} {:>11.0}  {:>5.2}  {:>6.2} | {:>14.1} {:>6.1} {:>8.1} | {:>13.1} {:>6.1}",
            scenario.name,
            closed.connections,
            closed.riffle_rate(),
            closed.limit_rate(),
            closed.ratio(),
            closed.cpu_ratio(),
            of(&closed.riffle, |figure| figure.server_us),
            of(&closed.riffle, |figure| figure.redis_us),
            of(&closed.riffle, |figure| figure.postgres_us),
            of(&closed.limit, |figure| figure.server_us),
            of(&closed.limit, |figure| figure.redis_us),
        );
    }
    if let Some(open) = &scenario.open {
        let latency = |of: &BTreeMap<String, f64>, percentile: &str| of.get(percentile).copied().unwrap_or(f64::NAN);
        let shown: Vec<String> =
            PERCENTILES.iter().map(|name| format!("{name} {:.2}", latency(&open.latency_ms, name))).collect();
        let limit = latency(&open.limit_latency_ms, LIMIT_PERCENTILE);
        let _ = writeln!(
            text,
            "{:<15}      at {:.0}/s: {} ms (limit: {LIMIT_PERCENTILE} {limit:.2}); the host took {:.1} % ({:.1} %)",
            "",
            open.rate,
            shown.join(", "),
            open.stolen * 100.0,
            open.limit_stolen * 100.0
        );
    }
    text
}

impl Results {
    pub fn summary(&self) -> String {
        let Results { sizes, machine, .. } = self;
        format!(
            "scale    {}: {} users, {} videos, {} likes, {} follows, {} comments, {} messages\n\
             rounds   {} of {} s by turns behind {} s of warm-up, medians; open loop at half of riffle's rate, latencies from when a request was due\n\
             start    {:.2} s on a Redis in order, {:.1} s on an empty one; then {} MB in the server, {} MB in Redis\n\
             machine  {} cores, {}, {} GB, Linux {}, load {} before; oha on the same machine\n\
             with     {}\n\
             commit   {}\n",
            self.scale,
            sizes.users,
            sizes.videos,
            sizes.likes,
            sizes.follows,
            sizes.comments,
            sizes.messages,
            self.rounds,
            self.seconds,
            self.warm_up_s,
            self.start_s,
            self.load_s,
            self.server_bytes >> 20,
            self.redis_bytes >> 20,
            machine.cores,
            machine.cpu,
            machine.memory_bytes >> 30,
            machine.kernel,
            machine.load_before,
            machine.versions.join(", "),
            self.commit,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
