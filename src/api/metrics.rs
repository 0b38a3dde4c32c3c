//! Numbers of this process for a monitoring system, in the text format of Prometheus.

use std::fmt::Write;

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::runtime::RuntimeMetrics;

use super::Service;
use crate::http::{Response, ResponseBody};

pub(super) fn show(service: &Service) -> Response {
    let backlog = &service.backlog;
    let admitted = service.slots.iter().all(|slot| slot.missing().is_none());
    let closed = service.slots.iter().map(|slot| slot.closed()).max().unwrap_or(0);
    let taken = |of: usize, free: usize| of.saturating_sub(free).to_string();
    let connections = taken(service.config.connections_max, service.connections.available_permits());
    let uploads = taken(service.config.uploads_max, service.uploads.available_permits());
    let tasks: usize = service.work.iter().map(RuntimeMetrics::num_alive_tasks).sum();
    let metrics = [
        ("riffle_outbox_entries", "gauge", "Changes that Postgres does not have yet", backlog.entries().to_string()),
        (
            "riffle_outbox_seconds",
            "gauge",
            "Age of the oldest change that Postgres does not have yet",
            backlog.oldest().as_secs_f64().to_string(),
        ),
        (
            "riffle_flushed_total",
            "counter",
            "Changes that this process wrote to Postgres",
            backlog.flushed().to_string(),
        ),
        (
            "riffle_dead_letters_total",
            "counter",
            "Changes that Postgres refused, kept in its table dead_letter",
            backlog.dead().to_string(),
        ),
        ("riffle_redis_admitted", "gauge", "1 while requests may use Redis", u8::from(admitted).to_string()),
        (
            "riffle_closed_buckets",
            "gauge",
            "Parts of the data, of 257, that are being loaded or away",
            closed.to_string(),
        ),
        ("riffle_uploads", "gauge", "Uploads under way", uploads),
        ("riffle_connections", "gauge", "Open client connections", connections),
        ("riffle_tasks", "gauge", "Tasks under way, one or two for each connection", tasks.to_string()),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in metrics {
        // Writing to a text cannot fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    let mut response = Response::new(ResponseBody::Full(text.into()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
