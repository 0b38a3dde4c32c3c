//! What a conditional or partial request of a file asks for (RFC 9110, sections 13 and 14).

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use hyper::http::request::Parts;

use super::FileInfo;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// First and last byte.
    Part(RangeInclusive<u64>),
    NotModified,
    Unsatisfiable,
}

pub(super) fn wanted(head: &Parts, info: &FileInfo) -> Wanted {
    if is_known(&head.headers, info) {
        return Wanted::NotModified;
    }
    if head.method != Method::GET || !range_applies(&head.headers, info) {
        return Wanted::Whole;
    }
    // What is no range in bytes may be ignored, and so may a list of several.
    let Some(ranges) = text(&head.headers, RANGE).and_then(|text| http_range_header::parse_range_header(text).ok())
    else {
        return Wanted::Whole;
    };
    if ranges.len() != 1 {
        return Wanted::Whole;
    }
    match ranges.validate(info.bytes) {
        Ok(ranges) => ranges.into_iter().next().map_or(Wanted::Whole, Wanted::Part),
        Err(_) => Wanted::Unsatisfiable,
    }
}

/// Whether `If-None-Match` lists the tag, weakly compared, or any by `*`.
pub(super) fn names_tag(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag| str::strip_prefix(tag, "W/").unwrap_or(tag);
    let listed = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|list| list.split(',')).any(|tag| tag.trim() == "*" || opaque(tag.trim()) == opaque(etag))
}

fn is_known(headers: &HeaderMap, info: &FileInfo) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return names_tag(headers, &info.etag);
    }
    date(headers, IF_MODIFIED_SINCE).is_some_and(|date| whole_second(info.modified) <= date)
}

/// Without `If-Range`, or when it names this very state of the file.
fn range_applies(headers: &HeaderMap, info: &FileInfo) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    text(headers, IF_RANGE) == Some(&info.etag) || date(headers, IF_RANGE) == Some(whole_second(info.modified))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

/// The last second that an HTTP date can name, in the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// HTTP dates have no fractions, nor years before 1970 or after 9999.
pub(super) fn whole_second(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Wed, 05 Apr 2023 14:08:33 GMT";
    const LATER: &str = "Wed, 05 Apr 2023 14:08:34 GMT";
    const EARLIER: &str = "Wed, 05 Apr 2023 14:08:32 GMT";

    fn check_file(bytes: u64, method: Method, headers: &[(&str, &str)], expect: Wanted) {
        let info = FileInfo {
            bytes,
            etag: "\"e\"".to_owned(),
            modified: UNIX_EPOCH + Duration::from_millis(1_680_703_713_900),
            content_type: "video/mp4",
            cache_control: "public",
        };
        let mut request = hyper::Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        assert_eq!(wanted(&request.body(()).unwrap().into_parts().0, &info), expect, "{headers:?}");
    }

    fn check(headers: &[(&str, &str)], expect: Wanted) {
        check_file(1000, Method::GET, headers, expect);
    }

    #[test]
    fn ranges() {
        let range = |text: &'static str, expect| check(&[("range", text)], expect);
        range("bytes=0-0", Wanted::Part(0..=0));
        range("bytes=0-999", Wanted::Part(0..=999));
        range("bytes=0-5000", Wanted::Part(0..=999));
        range("bytes=500-", Wanted::Part(500..=999));
        range("bytes=-1", Wanted::Part(999..=999));
        range("bytes=-5000", Wanted::Part(0..=999));
        range("bytes=999-", Wanted::Part(999..=999));
        range("bytes=1000-", Wanted::Unsatisfiable);
        range("bytes=2000-3000", Wanted::Unsatisfiable);
        range("bytes=-0", Wanted::Unsatisfiable);
        range("bytes=0-1,5-6", Wanted::Whole);
        range("bytes=5-1", Wanted::Whole);
        range("bytes=", Wanted::Whole);
        range("bytes=a-b", Wanted::Whole);
        range("lines=0-1", Wanted::Whole);
        range("0-1", Wanted::Whole);
        range("bytes=0-99999999999999999999999", Wanted::Part(0..=999));
        check_file(0, Method::GET, &[("range", "bytes=0-")], Wanted::Unsatisfiable);
        check_file(1000, Method::HEAD, &[("range", "bytes=0-1")], Wanted::Whole);
    }

    #[test]
    fn a_known_state_is_not_sent_again() {
        check(&[], Wanted::Whole);
        check(&[("if-none-match", "\"e\"")], Wanted::NotModified);
        check(&[("if-none-match", "\"a\", W/\"e\"")], Wanted::NotModified);
        check(&[("if-none-match", "*")], Wanted::NotModified);
        check(&[("if-none-match", "\"a\""), ("if-modified-since", LATER)], Wanted::Whole);
        check(&[("if-none-match", "\"e\""), ("range", "bytes=0-1")], Wanted::NotModified);
        check(&[("if-modified-since", DATE)], Wanted::NotModified);
        check(&[("if-modified-since", LATER)], Wanted::NotModified);
        check(&[("if-modified-since", EARLIER)], Wanted::Whole);
        check(&[("if-modified-since", "yesterday")], Wanted::Whole);
        check_file(1000, Method::HEAD, &[("if-none-match", "\"e\"")], Wanted::NotModified);
    }

    #[test]
    fn a_range_of_another_state_gets_the_whole_file() {
        let check = |if_range: &str, expect| check(&[("range", "bytes=0-1"), ("if-range", if_range)], expect);
        check("\"e\"", Wanted::Part(0..=1));
        check("\"a\"", Wanted::Whole);
        check("W/\"e\"", Wanted::Whole);
        check(DATE, Wanted::Part(0..=1));
        check(EARLIER, Wanted::Whole);
        check(LATER, Wanted::Whole);
        check("nonsense", Wanted::Whole);
    }

    #[test]
    fn a_file_of_any_age_has_a_date() {
        for time in [UNIX_EPOCH - Duration::from_secs(5), UNIX_EPOCH + Duration::from_secs(LAST_SECOND * 2)] {
            assert!(httpdate::fmt_http_date(whole_second(time)).ends_with("GMT"));
        }
    }
}
