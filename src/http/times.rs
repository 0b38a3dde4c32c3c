//! Times as clients write them, and as answers show them.

use std::time::{SystemTime, UNIX_EPOCH};

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::number::whole_number;
use crate::id::ID_MAX;

const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// Below: seconds. Until the year 5138.
const SECONDS_END: i64 = 100_000_000_000;
/// Below: milliseconds. Ids minted since the epoch's second month lie above.
const MILLISECONDS_END: i64 = 100_000_000_000_000;

/// Where a feed page begins: strictly older than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedTime {
    /// Unix milliseconds.
    Ms(i64),
    /// A position inside a millisecond.
    Id(u64),
}

/// Reads `latest_time`; `None`: from the very newest. An id is never in the future, since ids may run a little ahead
/// of the clock.
pub(super) fn feed_time(text: &str, utc_offset: UtcOffset, now_ms: i64) -> Option<FeedTime> {
    match whole_number(text) {
        Some(number) if number >= MILLISECONDS_END => {
            let id = number as u64;
            (id <= ID_MAX).then_some(FeedTime::Id(id))
        }
        _ => unix_ms(text, utc_offset).filter(|ms| *ms <= now_ms).map(FeedTime::Ms),
    }
}

/// Reads seconds, milliseconds (by magnitude) or a date string, as Unix milliseconds; `None` for 0 and for what is
/// no time.
pub(super) fn unix_ms(text: &str, utc_offset: UtcOffset) -> Option<i64> {
    let ms = match whole_number(text) {
        Some(number) if number < SECONDS_END => number * 1_000,
        Some(number) => number,
        None => {
            let date = PrimitiveDateTime::parse(text, DATE).ok()?;
            date.assume_offset(utc_offset).unix_timestamp() * 1_000
        }
    };
    (ms > 0).then_some(ms)
}

pub(super) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// `YYYY-MM-DD HH:MM:SS`, the second in which the time lies. A time that no calendar holds is shown as 1970.
pub fn format_date(unix_ms: i64, utc_offset: UtcOffset) -> String {
    let second = OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let local = second.checked_to_offset(utc_offset).unwrap_or(second);
    local.format(DATE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::offset;

    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn check(text: &str, expect: Option<FeedTime>) {
        assert_eq!(feed_time(text, offset!(+8), NOW_MS), expect, "{text}");
    }

    #[test]
    fn a_feed_time_is_told_by_its_magnitude() {
        check("1680703713", Some(FeedTime::Ms(1_680_703_713_000)));
        check("1.680703713e+09", Some(FeedTime::Ms(1_680_703_713_000)));
        check("1680703713123", Some(FeedTime::Ms(1_680_703_713_123)));
        check("1700000000000", Some(FeedTime::Ms(NOW_MS)));
        check("1700000000001", None);
        check("99999999999", None);
        check("99999999999999", None);
        check("100000000000000", Some(FeedTime::Id(100_000_000_000_000)));
        check("9007199254740991", Some(FeedTime::Id(ID_MAX)));
        check("9007199254740992", None);
        check("2023-04-05 22:08:33", Some(FeedTime::Ms(1_680_703_713_000)));
        check("2093-04-05 22:08:33", None);
        for text in ["", "0", "-5", "soon", "2023-04-05", "2023-13-05 22:08:33", "2023-04-05T22:08:33"] {
            check(text, None);
        }
    }

    #[test]
    fn a_date_is_shown_in_its_offset_and_reads_back() {
        assert_eq!(format_date(1_680_703_713_999, offset!(+8)), "2023-04-05 22:08:33");
        assert_eq!(format_date(1_680_703_713_999, offset!(-5:30)), "2023-04-05 08:38:33");
        assert_eq!(format_date(i64::MAX, offset!(+8)), "1970-01-01 08:00:00");
        assert_eq!(unix_ms("2023-04-05 22:08:33", offset!(+8)), Some(1_680_703_713_000));
        assert_eq!(unix_ms("1700000000001", offset!(+8)), Some(1_700_000_000_001));
    }

    proptest! {
        #[test]
        fn any_text_and_time_is_taken_without_panicking(text in "[-0-9: eE.]{0,30}", ms: i64) {
            feed_time(&text, offset!(+8), NOW_MS);
            format_date(ms, offset!(-23:59));
        }
    }
}
