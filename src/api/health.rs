//! Whether this server can serve.

use std::sync::atomic::Ordering;

use super::Service;
use crate::error::{Code, Error, Result};
use crate::http::answer;

/// Redis is admitted and the server is not stopping; else 503 with the reason in a word or two.
pub(super) async fn ready(service: &Service) -> Result<answer::Empty> {
    let draining = service.draining.load(Ordering::Relaxed).then_some("stopping");
    // The next request may come to any thread.
    let reason = draining.or_else(|| service.slots.iter().find_map(|slot| slot.missing()));
    match reason {
        None => Ok(answer::Empty {}),
        Some(reason) => Err(Error { message: reason.into(), ..Error::from(Code::Unavailable) }),
    }
}
