//! Between hyper and the handler: panics become answers, unread bodies are cleared away.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::Service;

use super::body::{Leftover, Rest};
use super::{Body, Request, Response, answer};
use crate::error::Code;

/// One per connection.
pub(super) struct Handling<H> {
    pub(super) handler: H,
    pub(super) body_timeout: Duration,
    /// Set when the client may still be sending what nobody reads.
    pub(super) unread: Arc<AtomicBool>,
}

impl<H> Service<hyper::Request<Incoming>> for Handling<H>
where
    H: Fn(Request) -> BoxFuture<'static, Response>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: hyper::Request<Incoming>) -> Answering {
        let (head, incoming) = request.into_parts();
        let (body, leftover) = Body::new(incoming, &head, self.body_timeout);
        let work = catch_unwind(AssertUnwindSafe(|| (self.handler)(Request { head, body })));
        Answering { work: work.map_err(|panic| log_panic(&*panic)).ok(), leftover, unread: self.unread.clone() }
    }
}

/// The handler's future, boxed by the handler: hyper keeps room for this one in every idle connection.
pub(super) struct Answering {
    /// `None`: it panicked.
    work: Option<BoxFuture<'static, Response>>,
    leftover: Option<Arc<Leftover>>,
    unread: Arc<AtomicBool>,
}

impl Future for Answering {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.work.as_mut().map(|work| catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))));
        let mut response = match answer {
            Some(Ok(answer)) => ready!(answer),
            Some(Err(panic)) => {
                log_panic(&*panic);
                panicked()
            }
            None => panicked(),
        };
        // Whatever of the request the handler still holds goes before its leftovers are looked at.
        self.work = None;
        let rest = self.leftover.take().map_or(Rest::Read, |leftover| leftover.clear_away());
        if rest != Rest::Read {
            self.unread.store(true, Ordering::Relaxed);
        }
        if rest == Rest::Abandoned {
            close_after(&mut response);
        }
        Poll::Ready(Ok(response))
    }
}

fn panicked() -> Response {
    let mut response = answer::failure::<answer::Empty>(&Code::Internal.into());
    close_after(&mut response);
    response
}

fn close_after(response: &mut Response) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a request handler panicked: {}", text.unwrap_or("(no message)"));
}
