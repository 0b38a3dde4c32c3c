//! A small world worth looking at: who is in it, what they publish, and the clips themselves.
//!
//! Everything follows from one seed. [`world::plan`] says who publishes which title with which clip, [`clips::render`]
//! draws the clips with ffmpeg, [`social::plan`] says who likes, follows, comments and chats; [`fill()`] does it all by the
//! same code as the API.

pub mod clips;
mod dice;
mod fill;
mod fill_social;
mod looks;
mod names;
mod ranking;
pub mod social;
mod sounds;
mod talk;
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
    /// Totals; `None`: as many as suit the users and videos.
    pub likes: Option<usize>,
    pub follows: Option<usize>,
    pub comments: Option<usize>,
    pub messages: Option<usize>,
}
