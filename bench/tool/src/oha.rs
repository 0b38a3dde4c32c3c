//! Load, by oha: one process for a stream of requests of one method. It draws each address from a file by chance.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use riffle::dev::Process;
use rustix::process::Signal;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::Result;

/// A stream of requests.
#[derive(Debug, Clone)]
pub struct Load<'a> {
    pub oha: &'a Path,
    /// A file of addresses, one a line; each request takes one by chance.
    pub addresses: PathBuf,
    pub method: &'static str,
    /// `name: value`
    pub headers: Vec<String>,
    /// A multipart form's parts, in the notation of curl.
    pub form: Vec<String>,
    pub connections: usize,
    /// Requests a second; `None`: as many as are answered.
    pub rate: Option<f64>,
    pub seconds: f64,
}

/// What came of a load.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub requests: u64,
    /// Requests a second.
    pub rate: f64,
    /// Of a body.
    pub mean_bytes: f64,
    /// By percentile: `p50`, `p90`, `p99`, `p99.9`.
    pub latency_ms: BTreeMap<String, f64>,
    pub statuses: BTreeMap<String, u64>,
    pub errors: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
    size_per_request: Option<f64>,
}

impl Load<'_> {
    /// Runs it to its end. Latencies of a load with a rate count from when a request was due, so that a server that
    /// stalls cannot hide it by holding back the next one.
    pub async fn run(&self) -> Result<Outcome> {
        let mut command = Command::new(self.oha);
        command.args(["--no-tui", "--output-format", "json", "--wait-ongoing-requests-after-deadline"]);
        command.args(["--disable-compression", "--urls-from-file", "-m", self.method]);
        command.args(["-z", &format!("{}ms", (self.seconds * 1000.0) as u64), "-c", &self.connections.to_string()]);
        for header in &self.headers {
            command.args(["-H", header]);
        }
        for part in &self.form {
            command.args(["-F", part]);
        }
        if let Some(rate) = self.rate {
            command.args(["-q", &format!("{rate:.1}"), "--latency-correction"]);
        }
        command.arg(&self.addresses).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = Process::spawn(command, Signal::KILL)?;
        let (stdout, stderr) = process.take_output();
        let (stdout, stderr) = tokio::try_join!(
            read(stdout.map(std::os::fd::OwnedFd::from)),
            read(stderr.map(std::os::fd::OwnedFd::from))
        )?;
        let status = process.wait().await?;
        if !status.success() {
            return Err(format!("oha ended with {status}: {}", stderr.trim()).into());
        }
        let report: Report = serde_json::from_str(&stdout).map_err(|error| format!("the report of oha: {error}"))?;
        Ok(outcome(report))
    }
}

async fn read(pipe: Option<std::os::fd::OwnedFd>) -> Result<String> {
    let mut text = String::new();
    if let Some(pipe) = pipe {
        pipe::Receiver::from_owned_fd(pipe)?.read_to_string(&mut text).await?;
    }
    Ok(text)
}

fn outcome(report: Report) -> Outcome {
    let latencies = report.latency_percentiles.into_iter();
    Outcome {
        requests: report.status_code_distribution.values().sum(),
        rate: report.summary.requests_per_sec,
        mean_bytes: report.summary.size_per_request.unwrap_or_default(),
        latency_ms: latencies.filter_map(|(name, seconds)| Some((name, seconds? * 1000.0))).collect(),
        statuses: report.status_code_distribution,
        errors: report.error_distribution,
    }
}
