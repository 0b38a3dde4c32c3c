//! Multipart bodies, streamed: a part's bytes go on as they come, with nothing buffered in between.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::limits::{FORM_BYTES_MAX, PART_SEARCH_BYTES_MAX, PARTS_MAX, TEXT_FIELD_BYTES_MAX};
use super::params::{MULTIPART, media_type};
use super::{Body, Params, Request};
use crate::error::{Error, Result};

/// Where the bytes of an uploaded file go.
pub trait FileSink: Send {
    /// Called before the first byte, with the query's values and the fields that came before the file, so that a
    /// bad token can be refused before anything is taken.
    fn begin(&mut self, params_so_far: &Params) -> impl Future<Output = Result<()>> + Send;

    /// Never called with an empty chunk.
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = Result<()>> + Send;
}

/// Reads a request that may carry a file: the first part named `file_field`, whatever its file name, goes to
/// `sink`; text fields become parameters; other files are skipped. A request without such a part just has
/// parameters, and `sink` is never called.
///
/// Errors: those of the body and of the sink, and `Parameter` for a multipart body that is malformed or cut short.
pub async fn read_upload<S: FileSink>(
    request: &mut Request,
    bytes_max: u64,
    file_field: &str,
    sink: &mut S,
) -> Result<Params> {
    let mut params = Params::from_query(&request.head);
    match boundary(&request.head.headers) {
        Some(boundary) => {
            request.body.limit(bytes_max)?;
            let parts = BodyChunks(&mut request.body);
            read_parts(parts, boundary, &mut params, Some((file_field, sink))).await.map_err(Fault::into_error)?;
        }
        // Nothing can be found in it, however large it is.
        None if media_type(&request.head.headers) == MULTIPART => {}
        None => {
            request.body.limit(bytes_max.min(FORM_BYTES_MAX))?;
            params.read_form(&request.head.headers, &mut request.body).await?;
        }
    }
    Ok(params)
}

/// Adds the text fields of a body that should hold no file; a malformed one gives those before its fault.
pub(super) async fn read_fields(body: &mut Body, boundary: String, params: &mut Params) -> Result<()> {
    match read_parts(BodyChunks(body), boundary, params, None::<(&str, &mut NoFile)>).await {
        Err(Fault::Fatal(error)) => Err(error),
        Ok(()) | Err(Fault::Malformed(_)) => Ok(()),
    }
}

pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let boundary = multer::parse_boundary(headers.get(CONTENT_TYPE)?.to_str().ok()?).ok()?;
    (!boundary.is_empty()).then_some(boundary)
}

/// The sink of a request that takes no file. It has no value, so nothing is ever written to it.
enum NoFile {}

impl FileSink for NoFile {
    async fn begin(&mut self, _: &Params) -> Result<()> {
        match *self {}
    }

    async fn write(&mut self, _: Bytes) -> Result<()> {
        match *self {}
    }
}

/// Whether the rest of the request can be forgiven.
enum Fault {
    Malformed(multer::Error),
    Fatal(Error),
}

impl Fault {
    fn into_error(self) -> Error {
        match self {
            Fault::Malformed(error) => Error::parameter("body: malformed or incomplete multipart").because(error),
            Fault::Fatal(error) => error,
        }
    }
}

impl From<multer::Error> for Fault {
    fn from(error: multer::Error) -> Fault {
        match error {
            multer::Error::StreamReadFailed(cause) => match cause.downcast::<Error>() {
                Ok(error) => Fault::Fatal(*error),
                Err(cause) => Fault::Malformed(multer::Error::StreamReadFailed(cause)),
            },
            other => Fault::Malformed(other),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Fatal(error)
    }
}

async fn read_parts<C, S>(
    chunks: C,
    boundary: String,
    params: &mut Params,
    mut file: Option<(&str, &mut S)>,
) -> Result<(), Fault>
where
    C: Stream<Item = Result<Bytes>> + Unpin + Send,
    S: FileSink,
{
    let searching = Arc::new(AtomicBool::new(true));
    let guarded = Guarded { chunks, searching: searching.clone(), searched_bytes: 0, pauses: 0 };
    let mut parts = multer::Multipart::new(guarded, boundary);
    let mut count = 0;
    while let Some(mut part) = parts.next_field().await? {
        searching.store(false, Ordering::Relaxed);
        count += 1;
        if count > PARTS_MAX {
            return Err(Error::parameter(format!("body: more than {PARTS_MAX} parts")).into());
        }
        let is_file = file.as_ref().is_some_and(|(name, _)| part.name() == Some(name));
        if let Some((_, sink)) = file.take_if(|_| is_file) {
            sink.begin(params).await?;
            while let Some(chunk) = part.chunk().await? {
                if !chunk.is_empty() {
                    sink.write(chunk).await?;
                }
            }
        } else if is_text(&part) {
            let value = read_text(&mut part).await?;
            params.add(part.name().unwrap_or_default().as_bytes(), &value);
        } else {
            while part.chunk().await?.is_some() {}
        }
        searching.store(true, Ordering::Relaxed);
    }
    Ok(())
}

fn is_text(part: &multer::Field<'_>) -> bool {
    part.name().is_some() && part.file_name().is_none()
}

async fn read_text(part: &mut multer::Field<'_>) -> Result<Vec<u8>, Fault> {
    let mut value = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        if value.len() + chunk.len() > TEXT_FIELD_BYTES_MAX {
            return Err(Error::parameter(format!("body: a text field is over {TEXT_FIELD_BYTES_MAX} bytes")).into());
        }
        value.extend_from_slice(&chunk);
    }
    Ok(value)
}

struct BodyChunks<'a>(&'a mut Body);

impl Stream for BodyChunks<'_> {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.get_mut().0.poll_chunk(context).map(Result::transpose)
    }
}

/// Ends a body whose next part does not come within [`PART_SEARCH_BYTES_MAX`].
///
/// The parser takes all chunks it can get before it looks at them, so it gets one at a time: else it would hold more
/// than one in memory, and the bytes of a part that begins in the first would count as searched.
struct Guarded<C> {
    chunks: C,
    searching: Arc<AtomicBool>,
    searched_bytes: usize,
    /// How often to say "not yet" before the next chunk. Looking for the first boundary, the parser asks twice between
    /// two looks at what it has.
    pauses: u8,
}

impl<C: Stream<Item = Result<Bytes>> + Unpin> Stream for Guarded<C> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let searching = self.searching.load(Ordering::Relaxed);
        if !searching {
            self.searched_bytes = 0;
        }
        if let Some(pauses) = self.pauses.checked_sub(1) {
            self.pauses = pauses;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.searched_bytes > PART_SEARCH_BYTES_MAX {
            return Poll::Ready(Some(Err(Error::parameter("body: no multipart boundary or an endless part head"))));
        }
        let chunk = ready!(Pin::new(&mut self.chunks).poll_next(context));
        match &chunk {
            Some(Ok(bytes)) if searching => {
                self.searched_bytes += bytes.len();
                self.pauses = 2;
            }
            _ => self.pauses = 1,
        }
        Poll::Ready(chunk)
    }
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
