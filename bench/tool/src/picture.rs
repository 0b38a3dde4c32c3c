//! Two pictures of a run, as SVG: throughput against the limit, and latencies.

use std::fmt::Write;

use crate::measure::USUAL_CONNECTIONS;
use crate::results::{Closed, LIMIT_PERCENTILE, PERCENTILES, Results, ScenarioResult};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 130.0;
const PLOT: f64 = 560.0;
const ROW: f64 = 34.0;
const TOP: f64 = 64.0;

/// Both kinds of a page's light, by the reader's own setting.
const STYLE: &str = "<style>
text{font:13px system-ui,sans-serif;fill:#24292f}.small{font-size:11px;fill:#57606a}.title{font-size:16px;font-weight:600}
.paper{fill:#fff}.grid{stroke:#d0d7de}.limit{fill:#c9d1d9}.riffle{fill:#0969da}
.p50{fill:#0969da}.p90{fill:#1a7f37}.p99{fill:#bf8700}.p999{fill:#cf222e}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#8d96a0}.paper{fill:#0d1117}.grid{stroke:#30363d}
.limit{fill:#484f58}.riffle,.p50{fill:#4493f8}.p90{fill:#3fb950}.p99{fill:#d29922}.p999{fill:#f85149}}
</style>";

/// For each scenario a bar for the limit and one for riffle, both in parts of the limit.
pub fn throughput(results: &Results) -> String {
    let rows: Vec<(&ScenarioResult, &Closed)> =
        results.scenarios.iter().filter_map(|scenario| Some((scenario, usual(scenario)?))).collect();
    let mut body = String::new();
    for (place, (scenario, closed)) in rows.iter().enumerate() {
        let y = TOP + place as f64 * ROW;
        let longest = closed.riffle_rate().max(closed.limit_rate());
        label(&mut body, y, &scenario.name);
        bar(&mut body, "limit", y + 4.0, PLOT * closed.limit_rate() / longest);
        bar(&mut body, "riffle", y + 16.0, PLOT * closed.riffle_rate() / longest);
        let _ = write!(
            body,
            r#"<text class="small" x="{}" y="{:.0}">{} of {}/s, {:.2}</text>"#,
            LEFT + PLOT + 8.0,
            y + 20.0,
            thousands(closed.riffle_rate()),
            thousands(closed.limit_rate()),
            closed.ratio()
        );
    }
    let legend = [("limit", "the raw limit"), ("riffle", "riffle")];
    picture("Requests a second, closed loop, against the raw limit", results, &legend, rows.len(), &body)
}

/// For each scenario a dot for each percentile and a line for the limit's p99, on a logarithmic scale.
pub fn latency(results: &Results) -> String {
    let rows: Vec<_> =
        results.scenarios.iter().filter_map(|scenario| Some((scenario, scenario.open.as_ref()?))).collect();
    let all = rows.iter().flat_map(|(_, open)| {
        PERCENTILES
            .iter()
            .filter_map(|name| open.latency_ms.get(*name))
            .chain(open.limit_latency_ms.get(LIMIT_PERCENTILE))
    });
    let (least, most) = all.fold((f64::MAX, 0.01_f64), |(least, most), ms| (least.min(*ms), most.max(*ms)));
    let (from, to) = (least.max(0.01).log10().floor(), most.log10().ceil());
    let x = |ms: f64| LEFT + PLOT * ((ms.max(0.01).log10() - from) / (to - from).max(1.0)).clamp(0.0, 1.0);
    let mut body = String::new();
    let bottom = TOP + rows.len() as f64 * ROW;
    let mut power = from;
    while power <= to {
        let (x, ms) = (x(10_f64.powf(power)), 10_f64.powf(power));
        let _ = write!(body, r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{bottom}"/>"#);
        let _ = write!(body, r#"<text class="small" x="{x:.1}" y="{}" text-anchor="middle">{ms} ms</text>"#, TOP - 6.0);
        power += 1.0;
    }
    for (place, (scenario, open)) in rows.iter().enumerate() {
        let y = TOP + place as f64 * ROW;
        label(&mut body, y, &scenario.name);
        for percentile in PERCENTILES.iter().rev() {
            let Some(ms) = open.latency_ms.get(*percentile) else { continue };
            let class = percentile.replace('.', "");
            let _ = write!(body, r#"<circle class="{class}" cx="{:.1}" cy="{}" r="6"/>"#, x(*ms), y + 16.0);
        }
        if let Some(ms) = open.limit_latency_ms.get(LIMIT_PERCENTILE) {
            let x = x(*ms) - 1.5;
            let _ = write!(body, r#"<rect class="limit" x="{x:.1}" y="{}" width="3" height="20"/>"#, y + 6.0);
        }
        let _ = write!(
            body,
            r#"<text class="small" x="{}" y="{:.0}">at {}/s</text>"#,
            LEFT + PLOT + 8.0,
            y + 20.0,
            thousands(open.rate)
        );
    }
    let legend = [("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9"), ("limit", "p99 of the limit")];
    picture("Latency at half of the top rate, open loop", results, &legend, rows.len(), &body)
}

/// The closed loop at the usual number of connections, or the one nearest below.
fn usual(scenario: &ScenarioResult) -> Option<&Closed> {
    let few = scenario.closed.iter().filter(|closed| closed.connections <= USUAL_CONNECTIONS);
    few.max_by_key(|closed| closed.connections).or_else(|| scenario.closed.first())
}

fn picture(title: &str, results: &Results, legend: &[(&str, &str)], rows: usize, body: &str) -> String {
    let height = TOP + rows as f64 * ROW + 34.0;
    let mut text = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">"#
    );
    let _ = write!(text, r#"<title>{title}</title>{STYLE}<rect class="paper" width="100%" height="100%"/>"#);
    let _ = write!(text, r#"<text class="title" x="12" y="26">{title}</text>{body}"#);
    for (place, (class, name)) in legend.iter().enumerate() {
        let x = WIDTH - 100.0 * (legend.len() - place) as f64;
        let _ = write!(text, r#"<rect class="{class}" x="{x}" y="16" width="10" height="10"/>"#);
        let _ = write!(text, r#"<text class="small" x="{}" y="25">{name}</text>"#, x + 15.0);
    }
    let machine = &results.machine;
    let foot = format!(
        "{}, {}; scale {}; {} cores, {}; oha on the same machine",
        results.date, results.commit, results.scale, machine.cores, machine.cpu
    );
    let foot = foot.replace('&', "&amp;").replace('<', "&lt;");
    let _ = write!(text, r#"<text class="small" x="12" y="{}">{foot}</text></svg>"#, height - 12.0);
    text
}

fn label(body: &mut String, y: f64, name: &str) {
    let _ = write!(body, r#"<text x="{}" y="{:.0}" text-anchor="end">{name}</text>"#, LEFT - 10.0, y + 20.0);
}

fn bar(body: &mut String, class: &str, y: f64, width: f64) {
    let _ = write!(body, r#"<rect class="{class}" x="{LEFT}" y="{y:.1}" width="{width:.1}" height="10" rx="2"/>"#);
}

fn thousands(rate: f64) -> String {
    if rate < 1_000.0 { format!("{rate:.0}") } else { format!("{:.1} k", rate / 1_000.0) }
}
