//! What connections cost that are kept open and say nothing: memory, and the patience of the others.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::cpu::resident_bytes;
use crate::data::{Scale, World};
use crate::http;
use crate::oha::{Load, Outcome};
use crate::stage::{Folder, Stage};
use crate::{Result, Tools};

const PATH: &str = "/douyin/feed/";
const BUSY_CONNECTIONS: usize = 64;
/// The server's longest wait for a head counts idle connections, too.
const SETTINGS: &[(&str, &str)] = &[("RIFFLE_HEADER_TIMEOUT_MS", "600000"), ("RIFFLE_CONNECTIONS_MAX", "100000")];
const POLL: Duration = Duration::from_millis(20);

pub struct Call {
    pub connections: usize,
    pub rounds: u16,
    pub seconds: u16,
    pub tools: Tools,
}

pub async fn idle(call: &Call) -> Result<()> {
    let folder = Folder::new()?;
    let mut stage = Stage::set(folder.path(), &call.tools.riffle).await?;
    let measured = measure(call, folder.path(), &mut stage).await;
    stage.stop().await?;
    let mut lines = call.tools.heading(&format!("{} idle connections", call.connections))?;
    lines.extend(measured?);
    call.tools.keep("idle", &lines)
}

async fn measure(call: &Call, folder: &Path, stage: &mut Stage) -> Result<Vec<String>> {
    stage.fill(&World::plan(Scale::Small.sizes(), 1), |_| {}).await?;
    stage.restart_server(SETTINGS).await?;
    let (address, pid) = (stage.server()?.address.clone(), stage.server()?.pid());
    let addresses = folder.join("feed.txt");
    std::fs::write(&addresses, format!("http://{address}{PATH}\n"))?;
    let load = |rate| Load {
        oha: &call.tools.oha,
        addresses: addresses.clone(),
        method: "GET",
        headers: Vec::new(),
        form: Vec::new(),
        connections: BUSY_CONNECTIONS,
        rate,
        seconds: f64::from(call.seconds),
    };
    let rate = load(None).run().await?.rate / 2.0;
    let mut lines = Vec::new();
    let mut say = |line: String| {
        println!("{line}");
        lines.push(line);
    };
    for round in 1..=call.rounds {
        let alone = load(Some(rate)).run().await?;
        let before = resident_bytes(pid);
        let mut kept = Vec::with_capacity(call.connections);
        for _ in 0..call.connections {
            kept.push(open(&address).await?);
        }
        let after = resident_bytes(pid);
        let beside = load(Some(rate)).run().await?;
        for (place, stream) in kept.iter_mut().enumerate().step_by(call.connections.div_ceil(100)) {
            ask(stream).await.map_err(|fault| format!("idle connection {place} is not served any more: {fault}"))?;
        }
        drop(kept);
        while open_connections(&address).await? > BUSY_CONNECTIONS as f64 {
            sleep(POLL).await;
        }
        let freed = resident_bytes(pid);
        say(format!(
            "round {round}: {} idle connections take {:.1} kB each ({} kB before, {} kB with them, {} kB after); {rate:.0} \
             pages/s: p99 {:.1} ms without them, {:.1} ms beside them",
            call.connections,
            (after.saturating_sub(before)) as f64 / call.connections as f64 / 1_000.0,
            before / 1_000,
            after / 1_000,
            freed / 1_000,
            p99(&alone),
            p99(&beside),
        ));
    }
    Ok(lines)
}

fn p99(outcome: &Outcome) -> f64 {
    outcome.latency_ms.get("p99").copied().unwrap_or(f64::NAN)
}

/// A connection that has been answered once.
async fn open(address: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    ask(&mut stream).await?;
    Ok(stream)
}

async fn ask(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(format!("GET {PATH} HTTP/1.1\r\nhost: riffle\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    while !is_whole(&answer) {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("closed".into());
        }
    }
    match answer.starts_with(b"HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&answer).into_owned().into()),
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let Some((head, text)) = head.and_then(|head| Some((head, std::str::from_utf8(&answer[..head]).ok()?))) else {
        return false;
    };
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|length| length.parse().ok());
    answer.len() >= head + 4 + length.unwrap_or(0)
}

async fn open_connections(address: &str) -> Result<f64> {
    let text = String::from_utf8(http::ask(address, "GET", "/metrics", &[], None).await?.body)?;
    let value = text.lines().find_map(|line| line.strip_prefix("riffle_connections "));
    Ok(value.ok_or("no riffle_connections in /metrics")?.parse()?)
}
