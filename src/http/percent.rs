//! `application/x-www-form-urlencoded`, byte for byte.

/// Appends the decoded bytes; false if a percent sign is not followed by two hexadecimal digits.
pub(super) fn decode_into(decoded: &mut Vec<u8>, encoded: &[u8]) -> bool {
    let mut rest = encoded;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = tail else { return false };
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else { return false };
                decoded.push(high << 4 | low);
                rest = tail;
            }
            _ => decoded.push(byte),
        }
    }
    true
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Whether a body without a known content type may be a form: visible ASCII only, and a key before the first `=`.
pub(super) fn looks_urlencoded(body: &[u8]) -> bool {
    let key_bytes = body.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.%+".contains(byte)).count();
    key_bytes > 0 && body.get(key_bytes) == Some(&b'=') && body.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoded: &str, expect: Option<&[u8]>) {
        let mut decoded = Vec::new();
        let intact = decode_into(&mut decoded, encoded.as_bytes());
        assert_eq!(intact.then_some(&decoded[..]), expect, "{encoded}");
    }

    #[test]
    fn percent_signs_are_decoded_strictly() {
        check("", Some(b""));
        check("a+b", Some(b"a b"));
        check("a%2Bb", Some(b"a+b"));
        check("%e5%85%b3", Some("关".as_bytes()));
        check("%E5%85%B3", Some("关".as_bytes()));
        check("%ff%00", Some(b"\xff\0"));
        check("%2525", Some(b"%25"));
        check("100%", None);
        check("%2", None);
        check("%zz", None);
        check("%+1", None);
    }

    #[test]
    fn only_what_looks_like_a_form_is_taken_for_one() {
        assert!(looks_urlencoded(b"token=a&user_id=1"));
        assert!(looks_urlencoded(b"a="));
        for body in ["", "=", "{\"a\":\"b=c\"}", "a b=c", "hello", "a\0=1", "<a href=b>"] {
            assert!(!looks_urlencoded(body.as_bytes()), "{body}");
        }
    }
}
