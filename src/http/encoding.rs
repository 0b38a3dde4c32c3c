//! Which compression a client takes (RFC 9110, section 12.5.3).

use hyper::header::{ACCEPT_ENCODING, HeaderMap};

/// Whether `gzip` is asked for by name or by `*`, with a weight above 0. What is malformed is not asked for.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut by_star = false;
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for coding in values.flat_map(|list| list.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return is_wanted(parameters);
        }
        by_star |= name == "*" && is_wanted(parameters);
    }
    by_star
}

/// `q=0.5`: from 0, not wanted, to 1, which no weight means, too.
fn is_wanted(parameters: &str) -> bool {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return true;
    }
    let weight = parameters.strip_prefix(['q', 'Q']).and_then(|rest| rest.trim_start().strip_prefix('='));
    let weight = weight.and_then(|text| text.trim().parse::<f32>().ok());
    weight.is_some_and(|weight| weight > 0.0 && weight <= 1.0)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn check(value: &'static str, expect: bool) {
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
        assert_eq!(accepts_gzip(&headers), expect, "{value}");
    }

    #[test]
    fn gzip_is_sent_to_who_asks_for_it() {
        for value in
            ["gzip", "GZIP", "x-gzip", "deflate, gzip;q=0.5", "br;q=1, gzip ; q = 0.001", "*", "*;q=0.1", "gzip;q=1"]
        {
            check(value, true);
        }
        for value in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "gzip;q=0.000, *",
            "*;q=0",
            "gzip;q=x",
            "gzip;q=2",
            "gzip;q=",
            "gzip;level=1",
        ] {
            check(value, false);
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
