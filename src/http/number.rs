//! Whole numbers as clients write them.

/// Digits of 2^53 - 1.
const DIGITS_MAX: usize = 16;
const TEXT_BYTES_MAX: usize = 64;

/// Reads a whole number of at most 16 digits, exactly; a decimal or exponent form (`42.0`, `1.680703713e+09`, as Go
/// prints a float) is taken if its value is whole. No float is involved, so nothing is rounded.
pub(super) fn whole_number(text: &str) -> Option<i64> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, whole_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    let written = format!("{whole}{fraction}");
    let significant = written.trim_end_matches('0');
    let zeros = exponent + (written.len() - significant.len()) as i64 - fraction.len() as i64;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = usize::try_from(zeros).ok()?;
    if significant.len() + zeros > DIGITS_MAX {
        return None;
    }
    let value = significant.parse::<i64>().ok()? * 10_i64.pow(zeros as u32);
    Some(if negative { -value } else { value })
}

fn whole_exponent(text: &str) -> Option<i64> {
    // A space: the plus of a client that puts addresses together without encoding them.
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix(['+', ' ']).unwrap_or(text)),
    };
    if !is_digits(digits) || digits.len() > 4 {
        return None;
    }
    let exponent: i64 = digits.parse().ok()?;
    Some(if negative { -exponent } else { exponent })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(whole_number(text), expect, "{text}");
    }

    #[test]
    fn whole_numbers_are_read_exactly() {
        check("0", Some(0));
        check("1", Some(1));
        check("007", Some(7));
        check("-1", Some(-1));
        check("-1.0", Some(-1));
        check("42.0", Some(42));
        check("42.", None);
        check(".5", None);
        check("42.5", None);
        check("4.25e2", Some(425));
        check("4.25e1", None);
        check("1.680703713e 09", Some(1_680_703_713));
        check("1e  9", None);
        check("1.680703713e+09", Some(1_680_703_713));
        check("1.680703713E9", Some(1_680_703_713));
        check("120e-1", Some(12));
        check("121e-1", None);
        check("9007199254740991", Some(9_007_199_254_740_991));
        check("9.007199254740993e15", Some(9_007_199_254_740_993));
        check("90071992547409930", None);
        check("1e16", None);
        check("0e9999", Some(0));
        check("1e99999", None);
        check("1e", None);
        check("e5", None);
        for text in [
            "", "-", "+1", " 1", "1 ", "0x10", "1_000", "NaN", "inf", "--1", "1.2.3", "1e2e3", "١", "1e+-2", "1e +2",
            "1e -2",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panicking(text in "[-+0-9.eE ]{0,80}") {
            whole_number(&text);
        }

        #[test]
        fn every_number_is_read_in_every_form(value in 0..=9_007_199_254_740_991_i64) {
            prop_assert_eq!(whole_number(&value.to_string()), Some(value));
            prop_assert_eq!(whole_number(&format!("{value}.000")), Some(value));
            // Rust prints the shortest digits that name the float, which holds these exactly.
            prop_assert_eq!(whole_number(&format!("{:e}", value as f64)), Some(value));
        }
    }
}
