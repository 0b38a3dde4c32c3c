//! Bytes: what is a video, where its file lies, what its cover shows.
//!
//! Finished files lie in a folder or in a bucket of an object store (`store.rs`, `folder.rs`, `bucket.rs`, `s3.rs`).
//!
//! An upload walks through this module in order: [`Draft`] takes the bytes as they come, [`Prober`] asks a child
//! process whether they are a video (nothing of an untrusted file is ever parsed in the server itself), `finish` gives
//! it a [`VideoName`] for ever, and [`CoverMaker`] lets ffmpeg draw a frame of it. Until then, and for good where
//! there is no ffmpeg, the cover is one of sixteen placeholders that the name picks.

use std::ffi::OsString;
use std::process::ExitCode;

mod bucket;
mod confine;
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
pub mod sandbox;
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
pub use probe::Prober;
pub use store::{Content, LocalFile, Media, Object, ObjectStore, PublicFile};
pub use sweep::OldVideos;

/// Answers, as a child of the server, to the two commands that only the server calls; None: it is another one.
/// `arguments` are those behind the program's name.
pub fn child_main(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    match arguments.next()?.to_str()? {
        "probe" => Some(probe::probe_main(arguments)),
        "confine" => Some(confine::confine_main(arguments)),
        _ => None,
    }
}
