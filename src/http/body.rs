//! A request body that can be neither endless nor endlessly slow.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::EXPECT;
use hyper::http::request::Parts;
use tokio::time::{Instant, Sleep};

use super::limits::{BODY_BYTES_PER_SECOND_MIN, DRAIN_BYTES_MAX, DRAIN_TIMEOUT};
use crate::error::{Code, Error, Result};

/// Yields nothing before [`Body::limit`] has said how much may come.
pub struct Body {
    /// `None`: there is no body, it is read to its end, or reading it has failed.
    incoming: Option<Incoming>,
    /// Where an unread rest goes when the handler is done with it.
    leftover: Option<Arc<Leftover>>,
    expects_continue: bool,
    bytes_left: u64,
    bytes_read: u64,
    idle_timeout: Duration,
    /// Time spent waiting for the client, which alone counts against its rate.
    waited: Duration,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Body {
    /// The second half is `None` for a request without a body, which needs no clearing away.
    pub(super) fn new(incoming: Incoming, head: &Parts, idle_timeout: Duration) -> (Body, Option<Arc<Leftover>>) {
        let incoming = (!incoming.is_end_stream()).then_some(incoming);
        let leftover = incoming.is_some().then(Arc::<Leftover>::default);
        let expects_continue =
            head.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let body = Body {
            incoming,
            leftover: leftover.clone(),
            expects_continue,
            bytes_left: 0,
            bytes_read: 0,
            idle_timeout,
            waited: Duration::ZERO,
            waiting: None,
        };
        (body, leftover)
    }

    pub fn is_empty(&self) -> bool {
        self.incoming.is_none()
    }

    /// Allows `bytes_max` more bytes. A declared length above that fails here, before anything is read, so that a
    /// client that waits for `100 Continue` never sends them.
    pub fn limit(&mut self, bytes_max: u64) -> Result<()> {
        let declared = self.incoming.as_ref().map_or(0, |incoming| incoming.size_hint().lower());
        if declared > bytes_max {
            return Err(Code::TooLarge.into());
        }
        self.bytes_left = bytes_max;
        Ok(())
    }

    /// The next piece, never empty; `None` at the end.
    ///
    /// Errors: `TooLarge` over the limit, `Parameter` when the client is too slow, gone, or breaks the framing. After an
    /// error nothing more comes.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    pub(super) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            let Some(incoming) = &mut self.incoming else { return Poll::Ready(Ok(None)) };
            self.expects_continue = false;
            let Poll::Ready(frame) = Pin::new(incoming).poll_frame(context) else { return self.poll_wait(context) };
            if let Some(waiting) = self.waiting.take() {
                self.waited += waiting.since.elapsed();
            }
            match frame {
                None => self.incoming = None,
                Some(Err(error)) => {
                    self.give_up(true);
                    return Poll::Ready(Err(Error::parameter("body: broken off or malformed").because(error)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => return Poll::Ready(self.count(chunk).map(Some)),
                    _ => {}
                },
            }
        }
    }

    fn count(&mut self, chunk: Bytes) -> Result<Bytes> {
        let bytes = chunk.len() as u64;
        let Some(bytes_left) = self.bytes_left.checked_sub(bytes) else {
            self.give_up(false);
            return Err(Code::TooLarge.into());
        };
        self.bytes_left = bytes_left;
        self.bytes_read += bytes;
        let least = self.waited.as_secs().saturating_mul(BODY_BYTES_PER_SECOND_MIN);
        if self.waited > self.idle_timeout && self.bytes_read < least {
            self.give_up(true);
            return Err(too_slow());
        }
        Ok(chunk)
    }

    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let idle_timeout = self.idle_timeout;
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            since: Instant::now(),
            timer: Box::pin(tokio::time::sleep(idle_timeout)),
        });
        ready!(waiting.timer.as_mut().poll(context));
        self.give_up(true);
        Poll::Ready(Err(too_slow()))
    }

    /// `hopeless`: the rest is not worth waiting for.
    fn give_up(&mut self, hopeless: bool) {
        if let (Some(incoming), Some(leftover)) = (self.incoming.take(), &self.leftover) {
            leftover.put(Unread { incoming, hopeless });
        }
    }
}

fn too_slow() -> Error {
    Error::parameter("body: sent too slowly")
}

impl Drop for Body {
    fn drop(&mut self) {
        // A client that waits for `100 Continue` sends nothing unless it is asked.
        self.give_up(self.expects_continue);
    }
}

/// Takes back a body that its handler left unread.
#[derive(Default)]
pub(super) struct Leftover(Mutex<Option<Unread>>);

struct Unread {
    incoming: Incoming,
    hopeless: bool,
}

/// What has to happen to the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing is left.
    Read,
    /// A small rest is being read away beside the answer; the connection may go on.
    Draining,
    /// The rest is too long, too slow, broken or not asked for: the connection ends with this answer.
    Abandoned,
}

impl Leftover {
    fn put(&self, unread: Unread) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(unread);
    }

    pub(super) fn clear_away(&self) -> Rest {
        let Some(unread) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Rest::Read };
        if unread.hopeless || unread.incoming.size_hint().lower() > DRAIN_BYTES_MAX {
            return Rest::Abandoned;
        }
        if unread.incoming.is_end_stream() {
            return Rest::Read;
        }
        tokio::spawn(drain(unread.incoming));
        Rest::Draining
    }
}

/// Dropping a body before its end makes hyper close the connection once the answer is out.
async fn drain(mut incoming: Incoming) {
    let drained = async {
        let mut bytes = 0;
        while bytes <= DRAIN_BYTES_MAX {
            let frame = std::future::poll_fn(|context| Pin::new(&mut incoming).poll_frame(context)).await;
            let Some(Ok(frame)) = frame else { return };
            bytes += frame.data_ref().map_or(0, |chunk| chunk.len() as u64);
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, drained).await;
}
