//! HTTP as this service speaks it, knowing no store and no endpoint.
//!
//! [`serve`] accepts connections and hands each [`Request`] to one handler. The handler reads [`Params`] (and, for an
//! upload, the file, through [`read_upload`]), and answers by [`answer`], [`serve_file`] or [`serve_stream`]. Everything a client can
//! stretch, be it time, bytes or counts, has a bound in [`limits`].

pub mod answer;
mod body;
mod conditional;
mod cors;
mod encoding;
mod file;
pub mod limits;
mod multipart;
mod number;
mod params;
mod percent;
mod response_body;
mod server;
mod service;
mod text;
mod times;

#[cfg(test)]
mod socket_tests;

use hyper::http::request::Parts;

pub use body::Body;
pub use cors::Cors;
pub use file::{FileInfo, serve_file, serve_stream};
pub use limits::Limits;
pub use multipart::{FileSink, read_upload};
pub use params::Params;
pub use response_body::ResponseBody;
pub use server::{bind, serve};
pub use text::{TextKind, check_text};
pub use times::{FeedTime, format_date};

pub struct Request {
    pub head: Parts,
    pub body: Body,
}

pub type Response = hyper::Response<ResponseBody>;
