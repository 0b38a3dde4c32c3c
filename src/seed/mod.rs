//! A small world worth looking at: who is in it, what they publish, and the clips themselves.
//!
//! Everything follows from one seed. [`world::plan`] says who publishes which title with which clip, [`clips::render`]
//! draws the clips with ffmpeg; whoever calls them registers and publishes by the same code as the API.

pub mod clips;
mod dice;
mod fill;
mod looks;
mod names;
mod sounds;
mod titles;
mod words;
pub mod world;

pub use fill::fill;

/// How large a world, and which.
#[derive(Debug, Clone)]
pub struct Sizes {
    pub seed: u64,
    pub users: usize,
    pub videos: usize,
}
