//! Whether answers are right: a server that refuses quickly must not look fast.

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::Result;
use crate::http::{self, Answer, Body};
use crate::oha::Outcome;
use crate::requests::Facts;
use crate::scenario::{Asks, Form, Scenario};

/// Answers that are looked at before and after a load; more where sizes differ and asking changes nothing.
const WRITES_LOOKED_AT: u64 = 10;
const READS_LOOKED_AT: u64 = 100;
const EVERY: Duration = Duration::from_millis(500);
const SETTLE_POLL: Duration = Duration::from_millis(20);
const SETTLE_MAX: Duration = Duration::from_secs(120);
const BOUNDARY: &str = "bench-boundary-31c6";

/// What a scenario asks of riffle, and how.
pub struct Asking<'a> {
    pub scenario: &'a Scenario,
    pub facts: &'a Facts,
    pub address: &'a str,
    pub headers: Vec<String>,
    /// The clip, where the scenario sends it.
    pub clip: Option<&'a [u8]>,
}

impl Asking<'_> {
    /// A right answer to the request at `place` of any number; fails on a wrong one.
    pub async fn one(&self, place: u64) -> Result<Answer> {
        let answer = self.any(place).await?;
        match wrong(self.scenario, &answer) {
            None => Ok(answer),
            Some(why) => Err(format!("{}: {why}: {}", self.scenario.name, start_of(&answer.body)).into()),
        }
    }

    /// The same, right or wrong.
    pub async fn any(&self, place: u64) -> Result<Answer> {
        let streams = self.scenario.streams;
        let stream = &streams[place as usize % streams.len()];
        let request = stream.request(self.facts, &mut StdRng::seed_from_u64(place));
        let form = self.clip.filter(|_| self.scenario.form == Form::Clip).map(multipart);
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let body = form.as_deref().map(|bytes| Body { content_type: &content_type, bytes });
        http::ask(self.address, stream.method, &request.path, &self.headers, body.as_ref()).await
    }

    /// A few answers, one after the other; gives their mean size in bytes.
    pub async fn some(&self, first: u64) -> Result<f64> {
        Ok(mean_bytes(&self.few(first).await?))
    }

    /// Of a few right answers the one of about their mean size: sizes may be of two kinds, with nothing in between.
    pub async fn typical(&self) -> Result<Answer> {
        let answers = self.few(0).await?;
        let mean = mean_bytes(&answers);
        let distance = |answer: &Answer| (answer.body.len() as f64 - mean).abs();
        let nearest = answers.into_iter().min_by(|one, other| distance(one).total_cmp(&distance(other)));
        nearest.ok_or_else(|| "no answer was looked at".into())
    }

    async fn few(&self, first: u64) -> Result<Vec<Answer>> {
        let count = if self.scenario.fresh { WRITES_LOOKED_AT } else { READS_LOOKED_AT };
        let mut answers = Vec::new();
        for place in first..first + count {
            answers.push(self.one(place).await?);
        }
        Ok(answers)
    }

    /// Asks from time to time, for ever, and counts; returns with the first wrong answer.
    pub async fn watch(&self, first: u64, count: &Cell<u64>) -> Result<Infallible> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut place = first;
        loop {
            ticks.tick().await;
            self.one(place).await?;
            place += 1;
            count.set(count.get() + 1);
        }
    }
}

fn mean_bytes(answers: &[Answer]) -> f64 {
    answers.iter().map(|answer| answer.body.len() as f64).sum::<f64>() / answers.len() as f64
}

/// Waits until the server is ready and Postgres has all that was decided: what is behind must not take the cores from
/// what comes next.
pub async fn settled(address: &str) -> Result<()> {
    let begun = Instant::now();
    while !is_settled(address).await {
        if begun.elapsed() > SETTLE_MAX {
            return Err("riffle is not ready, or Postgres does not come after Redis".into());
        }
        sleep(SETTLE_POLL).await;
    }
    Ok(())
}

async fn is_settled(address: &str) -> bool {
    let ask = async |path| http::ask(address, "GET", path, &[], None).await;
    let (Ok(ready), Ok(metrics)) = (ask("/readyz").await, ask("/metrics").await) else { return false };
    let drained = String::from_utf8_lossy(&metrics.body).lines().any(|line| line == "riffle_outbox_entries 0");
    ready.status == 200 && drained
}

/// Why an answer is wrong.
fn wrong(scenario: &Scenario, answer: &Answer) -> Option<String> {
    if answer.status != scenario.status() {
        return Some(format!("HTTP {}", answer.status));
    }
    if scenario.asks != Asks::Plainly {
        return None;
    }
    let code = answer.json().ok().and_then(|json| json.get("status_code")?.as_i64());
    if code != Some(0) {
        return Some(format!("status_code {code:?}"));
    }
    let text = String::from_utf8_lossy(&answer.body);
    (!text.contains(scenario.mark)).then(|| format!("nothing like {} in it", scenario.mark))
}

/// What is wrong with a load's outcome. `bytes`: the mean size of right answers.
pub fn outcome(scenario: &Scenario, outcome: &Outcome, bytes: f64) -> Result<()> {
    let name = scenario.name;
    if outcome.requests == 0 {
        return Err(format!("{name}: no answer at all; {:?}", outcome.errors).into());
    }
    let right = outcome.statuses.get(&scenario.status().to_string()).copied().unwrap_or_default();
    if right != outcome.requests || !outcome.errors.is_empty() {
        return Err(format!("{name}: answers {:?}, without an answer {:?}", outcome.statuses, outcome.errors).into());
    }
    // Refusals come with a 200, and are short.
    let right = if scenario.answers_are_alike() { bytes - 1.0..=bytes + 1.0 } else { bytes / 3.0..=bytes * 3.0 };
    if !right.contains(&outcome.mean_bytes) {
        return Err(format!("{name}: {} bytes an answer, {bytes} expected", outcome.mean_bytes).into());
    }
    Ok(())
}

fn multipart(clip: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"data\"; filename=\"clip.mp4\"\r\n\
         Content-Type: video/mp4\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(clip);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    fn why(name: &str, status: u16, body: &str) -> Option<String> {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
        wrong(scenario, &Answer { status, headers: Vec::new(), body: body.into() })
    }

    #[test]
    fn a_refusal_is_wrong_whatever_its_status() {
        assert_eq!(why("like", 200, r#"{"status_code":0,"status_msg":"success"}"#), None);
        assert!(why("like", 200, r#"{"status_code":100003,"status_msg":""}"#).is_some());
        assert!(why("like", 503, r#"{"status_code":0}"#).is_some());
        assert!(why("feed", 200, r#"{"status_code":0,"video_list":[]}"#).is_some());
        assert!(why("feed", 200, "").is_some());
        assert_eq!(why("feed-304", 304, ""), None);
    }
}
