//! Bytes: what is a video, where its file lies, what its cover shows.
//!
//! Finished files lie in a folder or in a bucket of an object store (`store.rs`, `folder.rs`, `bucket.rs`, `s3.rs`).
//!
//! An upload walks through this module in order: [`Draft`] takes the bytes as they come, [`Prober`] asks a child
//! process whether they are a video (nothing of an untrusted file is ever parsed in the server itself), `finish` gives
//! it a [`VideoName`] for ever, and [`CoverMaker`] lets ffmpeg draw a frame of it. Until then, and for good where
//! there is no ffmpeg, the cover is one of sixteen placeholders that the name picks.

mod bucket;
mod container;
mod copy;
mod cover;
mod draft;
mod folder;
mod matroska;
mod mp4;
mod mp4_boxes;
mod name;
mod placeholder;
mod probe;
mod s3;
mod sandbox;
mod store;
mod sweep;

#[cfg(test)]
mod bucket_fault_tests;
#[cfg(test)]
mod bucket_tests;
#[cfg(test)]
mod clips;
#[cfg(test)]
#[allow(dead_code)]
#[path = "../../tests/it/harness/object_store.rs"]
mod object_store;
#[cfg(test)]
#[allow(dead_code)]
#[path = "../../tests/it/harness/object_store_rules.rs"]
mod object_store_rules;
#[cfg(test)]
mod store_tests;

pub use bucket::Pieces;
pub use container::{Facts, VideoKind, inspect};
pub use copy::Copied;
pub use cover::{CoverMaker, CoverOutcome};
pub use draft::Draft;
pub use name::{VideoName, cover_path};
pub use probe::{Prober, probe_main};
pub use store::{Content, LocalFile, Media, Object, ObjectStore, PublicFile};
pub use sweep::OldVideos;
