//! The JSON envelope: `{"status_code":0,"status_msg":"success", …}` with the endpoint's own fields behind.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use serde::Serialize;

use super::conditional::names_tag;
use super::encoding::accepts_gzip;
use super::{Response, ResponseBody};
use crate::error::{Code, Error};

/// How every answer of success begins; `,` and fields or `}` follow. For answers assembled from prebuilt pieces.
pub const SUCCESS: &str = r#"{"status_code":0,"status_msg":"success""#;

const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "application/json; charset=utf-8"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Tokens and passwords travel in addresses; neither caches nor other sites should learn them.
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
];

/// An endpoint that has no fields of its own.
#[derive(Debug, Default, Serialize)]
pub struct Empty {}

/// The envelope and the fields of `answer`, which serialises as a JSON object.
pub fn success<T: Serialize>(answer: &T) -> Response {
    match envelope(SUCCESS.as_bytes().to_vec(), answer) {
        Some(body) => json(StatusCode::OK, body),
        None => bare(Code::Internal),
    }
}

/// The envelope of `error`, with the endpoint's own fields at their zero values.
pub fn failure<T: Serialize + Default>(error: &Error) -> Response {
    let body = begin(error.code, &error.message).and_then(|begun| envelope(begun, &T::default()));
    let Some(body) = body else { return bare(Code::Internal) };
    let status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, body);
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A whole JSON text, as it is.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(ResponseBody::Full(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len());
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A whole JSON text of success that only its reader may keep.
pub fn whole(body: Bytes) -> Response {
    json(StatusCode::OK, body)
}

/// A whole JSON text of success that is the same for everyone: 304 for who has it already, compressed for who takes
/// that. Caches may keep it and ask each time. `etag` is weak; `gzip` is the text compressed.
pub fn revalidated(request: &HeaderMap, etag: &str, body: &Bytes, gzip: impl FnOnce() -> Bytes) -> Response {
    let mut response = if names_tag(request, etag) {
        let mut response = json(StatusCode::NOT_MODIFIED, Bytes::new());
        response.headers_mut().remove(CONTENT_TYPE);
        response
    } else if accepts_gzip(request) {
        let mut response = whole(gzip());
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        whole(body.clone())
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Who is signed in by a header gets another text at the same address.
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, Authorization"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
    }
    response
}

pub fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "no such path")
}

/// `allow` lists the methods: `GET, HEAD`.
pub fn method_not_allowed(allow: &'static str) -> Response {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn refusal(status: StatusCode, message: &'static str) -> Response {
    let mut response = failure::<Empty>(&Error::parameter(message));
    *response.status_mut() = status;
    response
}

/// What is left when an answer cannot be serialised, which is a bug.
fn bare(code: Code) -> Response {
    tracing::error!("an answer could not be serialised");
    let body = format!(r#"{{"status_code":{},"status_msg":"{}"}}"#, code.number(), code.message());
    json(StatusCode::INTERNAL_SERVER_ERROR, body)
}

fn begin(code: Code, message: &str) -> Option<Vec<u8>> {
    let mut body = format!(r#"{{"status_code":{},"status_msg":"#, code.number()).into_bytes();
    simd_json::to_writer(&mut body, message).ok()?;
    Some(body)
}

/// Writes the object behind the envelope and turns its brace into a comma.
fn envelope<T: Serialize>(mut body: Vec<u8>, answer: &T) -> Option<Vec<u8>> {
    let seam = body.len();
    simd_json::to_writer(&mut body, answer).ok()?;
    match body.get(seam..)? {
        b"{}" => {
            body.remove(seam);
        }
        [b'{', ..] => body[seam] = b',',
        _ => return None,
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Serialize)]
    struct Login {
        user_id: u64,
        token: String,
    }

    fn text(response: &Response) -> &str {
        match response.body() {
            ResponseBody::Full(bytes) => std::str::from_utf8(bytes).unwrap(),
            _ => panic!("not a text"),
        }
    }

    #[test]
    fn fields_follow_the_envelope() {
        let response = success(&Login { user_id: 7, token: "a\"b".to_owned() });
        assert_eq!(text(&response), r#"{"status_code":0,"status_msg":"success","user_id":7,"token":"a\"b"}"#);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(text(&success(&Empty {})), r#"{"status_code":0,"status_msg":"success"}"#);
    }

    #[test]
    fn a_failure_keeps_its_fields_at_zero_and_hides_its_detail() {
        let response = failure::<Login>(&Error::from(Code::Credentials).because("SELECT"));
        assert_eq!(response.status(), 200);
        assert_eq!(
            text(&response),
            r#"{"status_code":100004,"status_msg":"user name or password wrong","user_id":0,"token":""}"#
        );
        let response = failure::<Empty>(&Error::parameter("title: \"\u{1}关\""));
        assert_eq!(text(&response), "{\"status_code\":100001,\"status_msg\":\"title: \\\"\\u0001关\\\"\"}");
    }

    #[test]
    fn faults_show_in_the_http_status() {
        for (code, retry) in [(Code::TooLarge, false), (Code::TooMany, true), (Code::Unavailable, true)] {
            let response = failure::<Empty>(&code.into());
            assert_eq!(response.status().as_u16(), code.http_status());
            assert_eq!(response.headers().contains_key(RETRY_AFTER), retry);
        }
        assert_eq!(not_found().status(), 404);
        assert_eq!(text(&not_found()), r#"{"status_code":100001,"status_msg":"no such path"}"#);
        assert_eq!(method_not_allowed("GET, HEAD").headers()[ALLOW], "GET, HEAD");
        assert_eq!(success(&[1]).status(), 500);
    }
}
