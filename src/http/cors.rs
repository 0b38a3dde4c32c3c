//! Cross-origin requests, for the origins that the settings list and no others.

use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use super::{Response, ResponseBody};

/// No cookies are used, so no answer allows credentials.
pub struct Cors {
    origins: Vec<String>,
}

impl Cors {
    pub fn new(origins: Vec<String>) -> Cors {
        Cors { origins }
    }

    /// The origin of the request, if it is listed. To be asked before the request is handled, for [`Cors::finish`].
    pub fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// Answers an `OPTIONS` request of a listed origin.
    pub fn preflight(&self, origin: HeaderValue) -> Response {
        let mut response = Response::new(ResponseBody::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization, Content-Type, Range"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        self.finish(Some(origin), &mut response);
        response
    }

    /// Lets the page of a listed origin read the answer. Without a list it changes nothing.
    pub fn finish(&self, origin: Option<HeaderValue>, response: &mut Response) {
        if self.origins.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Content-Range, Retry-After"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::{Empty, success};
    use super::*;

    fn answered(listed: &[&str], origin: &'static str) -> HeaderMap {
        let cors = Cors::new(listed.iter().map(|origin| origin.to_string()).collect());
        let request = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let mut response = success(&Empty {});
        cors.finish(cors.origin(&request), &mut response);
        response.headers().clone()
    }

    #[test]
    fn only_listed_origins_are_named() {
        let listed = ["https://a.example", "http://localhost:3000"];
        assert_eq!(answered(&listed, "https://a.example")[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        for origin in ["https://b.example", "https://a.example.evil", "null", "*", "HTTPS://a.example"] {
            let headers = answered(&listed, origin);
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
            assert_eq!(headers[VARY], "Origin");
        }
        assert!(!answered(&[], "https://a.example").contains_key(VARY));
    }

    #[test]
    fn a_preflight_says_what_may_be_sent() {
        let cors = Cors::new(vec!["https://a.example".to_owned()]);
        let response = cors.preflight(HeaderValue::from_static("https://a.example"));
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD, POST");
    }
}
