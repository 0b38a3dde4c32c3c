//! Sending a file, or what passes for one: whole, in part, or not again.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::Stream;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, LAST_MODIFIED, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::conditional::{Wanted, wanted, whole_second};
use super::response_body::{FilePieces, StreamPieces};
use super::{Response, ResponseBody};
use crate::error::Result;

pub struct FileInfo {
    pub bytes: u64,
    /// Strong and quoted: `"0123abcd"`.
    pub etag: String,
    pub modified: SystemTime,
    pub content_type: &'static str,
    pub cache_control: &'static str,
}

/// Answers a GET or HEAD request, obeying `If-None-Match`, `If-Modified-Since`, `Range` and `If-Range`. Several ranges
/// at once get the whole file, as the protocol allows. `file` must stay `info.bytes` long; the place it is read from
/// is not its cursor's.
pub fn serve_file(head: &Parts, file: File, info: FileInfo) -> Response {
    let (mut response, range) = describe(head, &info);
    if let Some(range) = range {
        let bytes = range.end() - range.start() + 1;
        *response.body_mut() = ResponseBody::File(FilePieces::new(file, *range.start(), bytes));
    }
    response
}

/// The same for what lies elsewhere: `open` gives the bytes of a range, and is asked only where some are to be sent.
pub async fn serve_stream<S>(
    head: &Parts,
    info: FileInfo,
    open: impl AsyncFnOnce(RangeInclusive<u64>) -> Result<S>,
) -> Result<Response>
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let (mut response, range) = describe(head, &info);
    if let Some(range) = range {
        let bytes = range.end() - range.start() + 1;
        *response.body_mut() = ResponseBody::Stream(StreamPieces::new(open(range).await?, bytes));
    }
    Ok(response)
}

/// The answer without its body, and the first and last byte of that.
fn describe(head: &Parts, info: &FileInfo) -> (Response, Option<RangeInclusive<u64>>) {
    let wanted = wanted(head, info);
    let (status, first, bytes) = match &wanted {
        Wanted::Whole => (StatusCode::OK, 0, info.bytes),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, *range.start(), range.end() - range.start() + 1),
        Wanted::NotModified => (StatusCode::NOT_MODIFIED, 0, 0),
        Wanted::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let has_body = bytes > 0 && head.method != Method::HEAD;
    let mut response = Response::new(ResponseBody::Empty);
    *response.status_mut() = status;
    put(&mut response, ETAG, &info.etag);
    put(&mut response, LAST_MODIFIED, &httpdate::fmt_http_date(whole_second(info.modified)));
    put(&mut response, CACHE_CONTROL, info.cache_control);
    put(&mut response, ACCEPT_RANGES, "bytes");
    put(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    match wanted {
        Wanted::NotModified => return (response, None),
        Wanted::Unsatisfiable => {
            put(&mut response, CONTENT_RANGE, &format!("bytes */{}", info.bytes));
            // The refusal is not the file, and must not be kept for it.
            put(&mut response, CACHE_CONTROL, "no-store");
        }
        Wanted::Part(_) => {
            put(&mut response, CONTENT_RANGE, &format!("bytes {first}-{}/{}", first + bytes - 1, info.bytes));
        }
        Wanted::Whole => {}
    }
    put(&mut response, CONTENT_TYPE, info.content_type);
    put(&mut response, CONTENT_DISPOSITION, "inline");
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    (response, has_body.then(|| first..=first + bytes - 1))
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
