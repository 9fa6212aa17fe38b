//! Times and durations as a person says them.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

/// How long ago `time` was, or how far it is ahead, with one unit: `3 h ago`, `in 20 min`. Beyond a
/// month it is the date.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - time.as_second();
    let (number, unit) = match seconds.unsigned_abs() {
        0..10 => return if seconds < 0 { "now".into() } else { "just now".into() },
        seconds @ 10..60 => (seconds, "s"),
        seconds @ 60..3600 => (seconds / 60, "min"),
        seconds @ 3600..86_400 => (seconds / 3600, "h"),
        seconds @ 86_400..2_592_000 => (seconds / 86_400, "d"),
        _ => return time.to_zoned(TimeZone::system()).date().to_string(),
    };
    if seconds < 0 { format!("in {number} {unit}") } else { format!("{number} {unit} ago") }
}

/// Date and time of day, in the machine's time zone.
pub(crate) fn absolute(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A duration: `12 ms`, `1.2 s`, `3 min 4 s`, `2 h 5 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        // Rounding must not make sixty seconds of fifty-nine.
        1..60 => format!("{}.{} s", seconds, duration.subsec_millis() / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_one_unit() {
        let now: Timestamp = "2026-03-04T12:00:00Z".parse().unwrap();
        let at = |text: &str| relative(text.parse().unwrap(), now);
        assert_eq!(at("2026-03-04T11:59:55Z"), "just now");
        assert_eq!(at("2026-03-04T09:00:01Z"), "2 h ago");
        assert_eq!(at("2026-03-04T12:20:00Z"), "in 20 min");
        assert_eq!(at("2026-03-02T12:00:00Z"), "2 d ago");
        assert!(at("2025-01-02T12:00:00Z").starts_with("2025-01-0"));
    }

    #[test]
    fn durations_are_told_with_two_units_at_most() {
        let told = |milliseconds| duration(Duration::from_millis(milliseconds));
        assert_eq!(
            [12, 1_290, 59_999, 184_000, 7_500_000].map(told),
            ["12 ms", "1.2 s", "59.9 s", "3 min 4 s", "2 h 5 min"]
        );
    }
}
