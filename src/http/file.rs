//! Sending a file: whole, in part, or not again.

use std::fs::File;
use std::time::SystemTime;

use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, LAST_MODIFIED, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::conditional::{Wanted, wanted, whole_second};
use super::response_body::FilePieces;
use super::{Response, ResponseBody};

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
    let wanted = wanted(head, &info);
    let (status, first, bytes) = match &wanted {
        Wanted::Whole => (StatusCode::OK, 0, info.bytes),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, *range.start(), range.end() - range.start() + 1),
        Wanted::NotModified => (StatusCode::NOT_MODIFIED, 0, 0),
        Wanted::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let body = match bytes {
        0 => ResponseBody::Empty,
        _ if head.method == Method::HEAD => ResponseBody::Empty,
        _ => ResponseBody::File(FilePieces::new(file, first, bytes)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    put(&mut response, ETAG, &info.etag);
    put(&mut response, LAST_MODIFIED, &httpdate::fmt_http_date(whole_second(info.modified)));
    put(&mut response, CACHE_CONTROL, info.cache_control);
    put(&mut response, ACCEPT_RANGES, "bytes");
    put(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    match wanted {
        Wanted::NotModified => return response,
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
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
