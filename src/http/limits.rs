//! What bounds a client. The settings are in [`Limits`]; the constants follow from the protocol and need no setting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// The settings that bound connections.
#[derive(Clone)]
pub struct Limits {
    /// One permit per open connection; all listeners of the process share it.
    pub connections: Arc<Semaphore>,
    /// Longest wait for a request's complete head, idle connections included.
    pub header_timeout: Duration,
    /// Longest wait for the next piece of a request body.
    pub body_timeout: Duration,
    /// Longest wait for requests under way when stopping.
    pub shutdown_timeout: Duration,
}

/// A message of 2 048 emoji in the query string takes 24 KiB of percent signs.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 10;
/// Read and write buffer of a connection: one piece of a file fills it.
pub(super) const CONNECTION_BUFFER_BYTES_MAX: usize = 128 << 10;
pub(super) const FILE_PIECE_BYTES: usize = 128 << 10;
/// A reader that takes nothing for this many body timeouts is cut off; players that pause longer ask again by Range.
pub(super) const READER_TIMEOUT_FACTOR: u32 = 6;
/// Slower senders are cut off once they have used up a body timeout of waiting: the slowest phone network is faster.
pub(super) const BODY_BYTES_PER_SECOND_MIN: u64 = 512;

/// How much of an unread body is read away so that its connection can serve the next request.
pub(super) const DRAIN_BYTES_MAX: u64 = 256 << 10;
/// How long an unread body is read away, and how long a closing connection waits for the client to read its answer.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How much a closing connection throws away; closing over unread bytes would destroy the answer on its way.
pub(super) const LINGER_BYTES_MAX: usize = 4 << 20;

/// Parameters kept of one request; further ones are ignored.
pub(super) const PARAMS_MAX: usize = 128;
/// A publish request without a file part is read into memory, so it may not be as large as a video.
pub(super) const FORM_BYTES_MAX: u64 = 1 << 20;
pub(super) const PARTS_MAX: usize = 100;
pub(super) const TEXT_FIELD_BYTES_MAX: usize = 64 << 10;
/// How much may pass while the next part of a multipart body is looked for: the parser scans it all again per chunk.
pub(super) const PART_SEARCH_BYTES_MAX: usize = 16 << 10;
