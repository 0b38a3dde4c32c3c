//! Tokens: JWT, HS256, claims `user_id`, `iat`, `exp`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::id::{ID_MAX, UserId};

/// Good tokens that the process remembers: about 300 bytes each.
const KNOWN_MAX: usize = 10_000;
/// A longer one than we issue is checked each time.
const KNOWN_BYTES_MAX: usize = 256;

/// What a token says that was found good: only its expiry is left to look at.
#[derive(Clone, Copy)]
struct Known {
    user: UserId,
    /// Unix seconds, the last in which it is good.
    exp: u64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    user_id: u64,
    /// Unix seconds.
    iat: u64,
    exp: u64,
}

#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    ttl: Duration,
    known: Arc<Cache<Box<str>, Known>>,
}

impl Tokens {
    pub fn new(secret: &[u8], ttl: Duration) -> Tokens {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        Tokens {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            ttl,
            known: Arc::new(Cache::new(KNOWN_MAX)),
        }
    }

    pub fn issue(&self, user: UserId) -> Result<String> {
        let now_s = now_s();
        let claims = Claims { user_id: user.0, iat: now_s, exp: now_s + self.ttl.as_secs() };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(Error::internal)
    }

    /// Whom a token names. Missing, malformed, expired and forged are all 100003.
    pub fn verify(&self, token: Option<&str>) -> Result<UserId> {
        token.and_then(|token| self.read(token)).ok_or_else(|| Code::NotSignedIn.into())
    }

    fn read(&self, token: &str) -> Option<UserId> {
        if let Some(known) = self.known.get(token).filter(|known| known.exp >= now_s()) {
            return Some(known.user);
        }
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let user = (1..=ID_MAX).contains(&claims.user_id).then_some(UserId(claims.user_id))?;
        if token.len() <= KNOWN_BYTES_MAX {
            self.known.insert(token.into(), Known { user, exp: claims.exp });
        }
        Some(user)
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(secret: &str) -> Tokens {
        Tokens::new(secret.as_bytes(), Duration::from_secs(600))
    }

    #[test]
    fn a_token_names_its_user() {
        let token = tokens("a").issue(UserId(7)).unwrap();
        assert_eq!(tokens("a").verify(Some(&token)).unwrap(), UserId(7));
    }

    #[test]
    fn a_token_that_was_good_is_refused_once_it_has_expired() {
        let tokens = tokens("a");
        let exp = now_s() - 1;
        let expired = encode(&Header::new(Algorithm::HS256), &Claims { user_id: 7, iat: 1, exp }, &tokens.encoding);
        let expired = expired.unwrap();
        tokens.known.insert(expired.as_str().into(), Known { user: UserId(7), exp });
        assert_eq!(tokens.verify(Some(&expired)).unwrap_err().code, Code::NotSignedIn);

        let good = tokens.issue(UserId(7)).unwrap();
        for _ in 0..2 {
            assert_eq!(tokens.verify(Some(&good)).unwrap(), UserId(7));
            // One letter less, or another, is another token.
            let shorter = &good[..good.len() - 1];
            let other = good.replacen('e', "f", 1);
            assert!(tokens.verify(Some(shorter)).is_err() && tokens.verify(Some(&other)).is_err());
        }
        assert!(tokens.known.get(good.as_str()).is_some());
    }

    #[test]
    fn what_is_not_a_valid_token_is_not_signed_in() {
        let good = tokens("a").issue(UserId(7)).unwrap();
        let forged = tokens("b").issue(UserId(7)).unwrap();
        let unsigned = good.rsplit_once('.').unwrap().0.to_owned() + ".";
        let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", good.split('.').nth(1).unwrap());
        let claims = Claims { user_id: 7, iat: 1, exp: 2 };
        let expired = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(b"a")).unwrap();
        for token in ["", "x", "a.b.c", &forged, &unsigned, &none, &expired, &good[1..]] {
            let error = tokens("a").verify(Some(token)).unwrap_err();
            assert_eq!(error.code, Code::NotSignedIn, "{token}");
        }
        assert_eq!(tokens("a").verify(None).unwrap_err().code, Code::NotSignedIn);
    }
}
