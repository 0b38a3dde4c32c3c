//! Where requests find the connections that were admitted.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::run::Run;
use crate::error::{Error, Result};
use crate::id::Bucket;

/// Where the requests of one thread find its admitted connection, or the reason why there is none.
pub struct Slot {
    run: ArcSwapOption<Run>,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy)]
struct State {
    /// A word or two on why there is no connection; `None` while there is one.
    missing: Option<&'static str>,
    /// How many buckets cannot be used yet.
    closed: usize,
}

impl Default for Slot {
    fn default() -> Slot {
        let state = State { missing: Some("starting"), closed: Bucket::COUNT };
        Slot { run: ArcSwapOption::empty(), state: watch::channel(state).0 }
    }
}

impl Slot {
    pub fn publish(&self, run: Arc<Run>) {
        let closed = if run.is_whole() { 0 } else { run.admission.closed().max(1) };
        self.run.store(Some(run));
        self.state.send_replace(State { missing: None, closed });
    }

    /// `reason`: a word or two for `/readyz`.
    pub fn unpublish(&self, reason: &'static str) {
        self.run.store(None);
        self.state.send_replace(State { missing: Some(reason), closed: Bucket::COUNT });
    }

    pub fn run(&self) -> Result<Arc<Run>> {
        self.run.load_full().ok_or_else(|| {
            Error::unavailable(format!("Redis is not admitted: {}", self.missing().unwrap_or("just changed")))
        })
    }

    /// Why there is no connection; `None` while there is one.
    pub fn missing(&self) -> Option<&'static str> {
        self.state.borrow().missing
    }

    /// How many buckets answer 100014 for now.
    pub fn closed(&self) -> usize {
        self.state.borrow().closed
    }

    /// Waits until all buckets can be used.
    pub async fn whole(&self) {
        // The sender lives as long as `self`.
        let _ = self.state.subscribe().wait_for(|state| state.closed == 0).await;
    }

    /// Waits until another connection than this is there.
    pub async fn replaced(&self, run: &Arc<Run>) {
        let is_other = || self.run.load().as_ref().is_some_and(|present| !Arc::ptr_eq(present, run));
        let _ = self.state.subscribe().wait_for(|_| is_other()).await;
    }

    /// Waits for a connection.
    pub async fn ready(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.missing.is_none()).await;
    }
}
