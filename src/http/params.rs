//! The parameters of a request, wherever the client put them.

use std::fmt;
use std::ops::Range;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use simd_json::prelude::*;
use time::UtcOffset;

use super::limits::PARAMS_MAX;
use super::number::whole_number;
use super::percent::{decode_into, looks_urlencoded};
use super::times::{FeedTime, feed_time, now_ms, unix_ms};
use super::{Body, Request, multipart};
use crate::error::{Error, Result};
use crate::id::ID_MAX;

pub(super) const MULTIPART: &str = "multipart/form-data";

/// Query string, then body (a form, multipart fields or JSON), then `Authorization: Bearer` for the token alone: of
/// each key the first value that is not empty. All other values are as good as absent.
#[derive(Default)]
pub struct Params {
    /// Keys and values, one behind the other.
    text: Vec<u8>,
    pairs: Vec<Pair>,
    bearer: Option<String>,
}

struct Pair {
    key: Range<usize>,
    value: Range<usize>,
    /// False: a percent sign without its two digits.
    intact: bool,
}

impl Params {
    pub fn from_query(head: &Parts) -> Params {
        let mut params = Params { bearer: bearer(&head.headers), ..Params::default() };
        params.add_urlencoded(head.uri.query().unwrap_or_default().as_bytes());
        params
    }

    /// Query and body. A malformed body gives what was read before its fault; the missing parameter is then what
    /// the answer names.
    ///
    /// Errors: those of [`Body::next_chunk`], and `Parameter` for a multipart body of too many or too long fields.
    pub async fn read(request: &mut Request, body_bytes_max: u64) -> Result<Params> {
        let mut params = Params::from_query(&request.head);
        if request.body.is_empty() {
            return Ok(params);
        }
        request.body.limit(body_bytes_max)?;
        match multipart::boundary(&request.head.headers) {
            Some(boundary) => multipart::read_fields(&mut request.body, boundary, &mut params).await?,
            None => params.read_form(&request.head.headers, &mut request.body).await?,
        }
        Ok(params)
    }

    /// Adds a body that is not multipart; its limit has been set.
    pub(super) async fn read_form(&mut self, headers: &HeaderMap, body: &mut Body) -> Result<()> {
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next_chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        match media_type(headers).as_str() {
            "application/x-www-form-urlencoded" => self.add_urlencoded(&bytes),
            json if json == "application/json" || json.ends_with("+json") => self.add_json(&mut bytes),
            MULTIPART => {}
            _ if looks_urlencoded(&bytes) => self.add_urlencoded(&bytes),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn add_urlencoded(&mut self, encoded: &[u8]) {
        self.text.reserve(encoded.len());
        for pair in encoded.split(|byte| *byte == b'&') {
            let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let start = self.text.len();
            let key_intact = decode_into(&mut self.text, &pair[..equals]);
            let middle = self.text.len();
            let intact = decode_into(&mut self.text, pair.get(equals + 1..).unwrap_or_default());
            let keep = key_intact && (self.text.len() > middle || !intact);
            self.keep(start, middle, keep, intact);
        }
    }

    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(key);
        let middle = self.text.len();
        self.text.extend_from_slice(value);
        self.keep(start, middle, !value.is_empty(), true);
    }

    fn keep(&mut self, start: usize, middle: usize, keep: bool, intact: bool) {
        if keep && self.pairs.len() < PARAMS_MAX {
            self.pairs.push(Pair { key: start..middle, value: middle..self.text.len(), intact });
        } else {
            self.text.truncate(start);
        }
    }

    /// Texts, numbers and booleans of the outermost object. A number with a fraction or an exponent is the double
    /// that JSON makes of it.
    fn add_json(&mut self, bytes: &mut [u8]) {
        // The tape is flat: deep nesting costs memory in proportion to the body, and no stack.
        let Ok(tape) = simd_json::to_tape(bytes) else { return };
        let Some(object) = tape.as_value().as_object() else { return };
        for (key, value) in &object {
            let key = key.as_bytes();
            if let Some(text) = value.as_str() {
                self.add(key, text.as_bytes());
            } else if let Some(number) = value.as_i64() {
                self.add(key, number.to_string().as_bytes());
            } else if let Some(number) = value.as_u64() {
                self.add(key, number.to_string().as_bytes());
            } else if let Some(number) = value.as_f64() {
                self.add(key, format!("{number:e}").as_bytes());
            } else if let Some(truth) = value.as_bool() {
                self.add(key, truth.to_string().as_bytes());
            }
        }
    }

    /// `token`, else the bearer token of the head.
    pub fn token(&self) -> Option<&str> {
        self.text("token").ok().flatten().or(self.bearer.as_deref())
    }

    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        let Some(pair) = self.pairs.iter().find(|pair| &self.text[pair.key.clone()] == key.as_bytes()) else {
            return Ok(None);
        };
        let value = std::str::from_utf8(&self.text[pair.value.clone()]).ok().filter(|_| pair.intact);
        value.map(Some).ok_or_else(|| Error::parameter(format!("{key}: not valid UTF-8, or wrongly percent-encoded")))
    }

    pub fn required_text(&self, key: &str) -> Result<&str> {
        self.text(key)?.ok_or_else(|| missing(key))
    }

    /// 1 to 2^53 - 1.
    pub fn id(&self, key: &str) -> Result<Option<u64>> {
        let Some(number) = self.number(key).map_err(|_| no_id(key))? else { return Ok(None) };
        match u64::try_from(number) {
            Ok(id @ 1..=ID_MAX) => Ok(Some(id)),
            _ => Err(no_id(key)),
        }
    }

    pub fn required_id(&self, key: &str) -> Result<u64> {
        self.id(key)?.ok_or_else(|| missing(key))
    }

    /// As [`Params::id`], with a negative number as good as none: some clients send -1 for "not yet".
    pub fn optional_id(&self, key: &str) -> Result<Option<u64>> {
        match self.number(key) {
            Ok(Some(..0)) => Ok(None),
            _ => self.id(key),
        }
    }

    /// A whole number of at most 16 digits.
    pub fn integer(&self, key: &str) -> Result<Option<i64>> {
        self.number(key).map_err(|_| Error::parameter(format!("{key}: a whole number")))
    }

    fn number(&self, key: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        whole_number(text).map(Some).ok_or_else(|| no_id(key))
    }

    /// Where a feed page begins; `None`: from the very newest.
    pub fn latest_time(&self, key: &str, utc_offset: UtcOffset) -> Option<FeedTime> {
        feed_time(self.text(key).ok()??, utc_offset, now_ms())
    }

    /// Seconds, milliseconds or a date, as Unix milliseconds; `None`: absent, 0 or no time.
    pub fn time_ms(&self, key: &str, utc_offset: UtcOffset) -> Option<i64> {
        unix_ms(self.text(key).ok()??, utc_offset)
    }
}

/// Keys only: values may be passwords and tokens.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.pairs.iter().map(|pair| String::from_utf8_lossy(&self.text[pair.key.clone()]));
        f.debug_set().entries(keys).finish()
    }
}

fn missing(key: &str) -> Error {
    Error::parameter(format!("{key}: missing"))
}

fn no_id(key: &str) -> Error {
    Error::parameter(format!("{key}: a whole number from 1 to {ID_MAX}"))
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

/// In lower case, without its parameters; empty if there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
