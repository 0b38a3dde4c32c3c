//! Bytes on disk: what is a video, where its file lies, what its cover shows.
//!
//! An upload walks through this folder in order: [`Draft`] takes the bytes as they come, [`Prober`] asks a child
//! process whether they are a video (nothing of an untrusted file is ever parsed in the server itself), `finish` gives
//! it a [`VideoName`] for ever, and [`CoverMaker`] lets ffmpeg draw a frame of it. Until then, and for good where
//! there is no ffmpeg, the cover is one of sixteen placeholders that the name picks.

mod container;
mod cover;
mod draft;
mod matroska;
mod mp4;
mod mp4_boxes;
mod name;
mod placeholder;
mod probe;
mod sandbox;
mod store;
mod sweep;

#[cfg(test)]
mod clips;

pub use container::{Facts, VideoKind, inspect};
pub use cover::{CoverMaker, CoverOutcome};
pub use draft::Draft;
pub use name::{VideoName, cover_path};
pub use probe::{Prober, probe_main};
pub use store::{Media, PublicFile};
pub use sweep::OldVideos;
