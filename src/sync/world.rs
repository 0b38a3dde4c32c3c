//! The stores, as every command that works on them opens them.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::admission::{Gate, supervise};
use super::backlog::Backlog;
use super::cover::Covers;
use super::durable::Durable;
use super::flush::Flusher;
use super::recoverer;
use crate::archive::Archive;
use crate::config::Config;
use crate::error::Result;
use crate::media::{CoverMaker, Media};
use crate::store::{Address, Marks, Slot};

pub struct World {
    pub config: Arc<Config>,
    pub gate: Arc<Gate>,
    pub archive: Archive,
    pub marks: Arc<Marks>,
    pub media: Media,
    pub backlog: Arc<Backlog>,
    pub durable: Arc<Durable>,
}

impl World {
    pub fn open(config: &Arc<Config>, redis_url: &str, postgres_url: &str) -> Result<World> {
        let redis = Address::parse(redis_url)?;
        let archive = Archive::new(postgres_url, config.postgres_connections_max, config.postgres_timeout_ms)?;
        let gate = Gate::new(redis, config.redis_timeout_ms, archive.clone(), config.feed_window, config.redis_unsafe);
        let media = Media::of(config)?;
        let backlog = Arc::new(Backlog::new(config.outbox_entries_max));
        // A flush begins at once when it is wanted, and takes a few waits for Postgres.
        let durable = Arc::new(Durable::new(config.postgres_timeout_ms * 2));
        Ok(World {
            config: config.clone(),
            gate: Arc::new(gate),
            archive,
            marks: Arc::new(Marks::new(config.feed_age_ms)),
            media,
            backlog,
            durable,
        })
    }

    /// Has `slot` filled with admitted connections, and Redis brought in order where it is not, for ever.
    pub fn admit(&self, slot: Arc<Slot>) -> [JoinHandle<()>; 2] {
        [tokio::spawn(supervise(self.gate.clone(), slot)), tokio::spawn(recoverer::work(self.gate.clone()))]
    }

    pub fn flusher(&self, slot: Arc<Slot>) -> Flusher {
        Flusher {
            slot,
            archive: self.archive.clone(),
            interval: self.config.flush_interval_ms,
            feed_window: self.config.feed_window,
            backlog: self.backlog.clone(),
            durable: self.durable.clone(),
        }
    }

    pub fn covers(&self, slot: Arc<Slot>, published: Arc<Notify>) -> Covers {
        Covers {
            slot,
            archive: self.archive.clone(),
            marks: self.marks.clone(),
            media: self.media.clone(),
            maker: CoverMaker::new(
                "/proc/self/exe".into(),
                &self.config.ffmpeg,
                self.config.cover_timeout_ms,
                self.config.cover_jobs_max,
            ),
            jobs_max: self.config.cover_jobs_max,
            published,
        }
    }
}
