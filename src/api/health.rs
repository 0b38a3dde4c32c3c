//! Whether this server can serve.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::Service;
use crate::error::{Code, Error, Result};

#[derive(Serialize, Default)]
pub(super) struct Ready {
    /// Buckets that are being loaded or whose node is away; what touches them answers 503, all else is served.
    closed_buckets: usize,
}

/// Redis is admitted and the server is not stopping; else 503 with the reason in a word or two.
pub(super) async fn ready(service: &Service) -> Result<Ready> {
    let draining = service.draining.load(Ordering::Relaxed).then_some("stopping");
    // The next request may come to any thread.
    let reason = draining.or_else(|| service.slots.iter().find_map(|slot| slot.missing()));
    match reason {
        None => Ok(Ready { closed_buckets: service.slots.iter().map(|slot| slot.closed()).max().unwrap_or(0) }),
        Some(reason) => Err(Error { message: reason.into(), ..Error::from(Code::Unavailable) }),
    }
}
