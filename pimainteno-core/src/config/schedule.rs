//! The slots of a cron expression in a time zone, also where its clocks are changed.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{TimeZone, TimeZoneTransition},
};

use super::CronExpression;

/// When something is due: a cron expression in a time zone.
///
/// Where clocks go forward, a slot in the time that is left out is due at the first moment after
/// it. Where they go back, a slot in the time that comes twice is due the first time.
/// An expression for every hour counts the time that passes instead: no hour is left out, and the
/// hour that comes twice has its slots twice.
#[derive(Clone, Debug)]
pub struct Schedule {
    expression: CronExpression,
    time_zone: TimeZone,
}

/// A change of the clocks: what they would show at this moment without it, and what they show with
/// it.
struct ClockChange {
    before: DateTime,
    after: DateTime,
}

impl Schedule {
    /// The slots of `expression` in `time_zone`.
    pub fn new(expression: CronExpression, time_zone: TimeZone) -> Self {
        Self { expression, time_zone }
    }

    /// The first slot later than `time`; `None` if there is none left.
    ///
    /// Whether a slot was missed since `last` is whether `next_after(last)` has passed.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let second_after = Timestamp::from_second(time.as_second().checked_add(1)?).ok()?;
        let mut offset = self.time_zone.to_offset(time);
        let mut from = offset.to_datetime(second_after);
        // `time` may be in the second pass of an hour that comes twice.
        if let Some(transition) = self.time_zone.preceding(second_after).next() {
            let change = self.change(&transition)?;
            if !self.counts_passing_time(&change) {
                from = from.max(change.before);
            }
        }
        // Between two changes the clocks run evenly.
        for transition in self.time_zone.following(time) {
            let slot = self.expression.next(from)?;
            let change = self.change(&transition)?;
            if slot < change.before {
                return offset.to_timestamp(slot).ok();
            }
            if self.counts_passing_time(&change) {
                from = change.after;
            } else if slot < change.after {
                return Some(transition.timestamp());
            } else {
                // Where clocks went back, this also passes by what they show again.
                from = slot;
            }
            offset = transition.offset();
        }
        offset.to_timestamp(self.expression.next(from)?).ok()
    }

    fn change(&self, transition: &TimeZoneTransition<'_>) -> Option<ClockChange> {
        let at = transition.timestamp();
        let before =
            self.time_zone.to_offset(Timestamp::from_second(at.as_second().checked_sub(1)?).ok()?);
        Some(ClockChange {
            before: before.to_datetime(at),
            after: transition.offset().to_datetime(at),
        })
    }

    /// Whether slots stay evenly apart over this change. A change by part of an hour would move the
    /// minutes of an hourly slot.
    fn counts_passing_time(&self, change: &ClockChange) -> bool {
        self.expression.is_every_hour()
            && change.before.time().minute() == change.after.time().minute()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `count` slots after `time` in a time zone, as they are told there.
    fn slots(expression: &str, zone: &str, time: &str, count: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let schedule = Schedule::new(expression.parse().unwrap(), zone.clone());
        let mut time: Timestamp = time.parse().unwrap();
        let next = || {
            let next = schedule.next_after(time)?;
            assert!(next > time, "{next} is not after {time}");
            time = next;
            Some(next.to_zoned(zone.clone()).strftime("%m-%d %H:%M %Z").to_string())
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn a_slot_in_the_gap_is_due_at_the_first_moment_after_it() {
        let slots = slots("30 2 * * *", "America/New_York", "2026-03-07T00:00:00-05:00", 3);
        assert_eq!(slots, ["03-07 02:30 EST", "03-08 03:00 EDT", "03-09 02:30 EDT"]);
    }

    #[test]
    fn several_slots_in_the_gap_are_one() {
        let slots = slots("*/20 2,3 * * *", "Europe/Berlin", "2026-03-29T01:00:00+01:00", 4);
        assert_eq!(
            slots,
            ["03-29 03:00 CEST", "03-29 03:20 CEST", "03-29 03:40 CEST", "03-30 02:00 CEST"]
        );
    }

    #[test]
    fn a_slot_in_the_fold_is_due_once() {
        let expected = ["10-31 01:30 EDT", "11-01 01:30 EDT", "11-02 01:30 EST"];
        assert_eq!(
            slots("30 1 * * *", "America/New_York", "2026-10-31T00:00:00-04:00", 3),
            expected
        );
        // In the second pass: before, at and after the slot's second coming.
        for time in [
            "2026-11-01T01:00:00-05:00",
            "2026-11-01T01:29:59.5-05:00",
            "2026-11-01T01:30:00-05:00",
            "2026-11-01T01:45:00-05:00",
        ] {
            assert_eq!(slots("30 1 * * *", "America/New_York", time, 1), expected[2..], "{time}");
        }
    }

    #[test]
    fn every_hour_loses_and_doubles_none() {
        let spring = slots("30 * * * *", "America/New_York", "2026-03-08T00:00:00-05:00", 4);
        assert_eq!(
            spring,
            ["03-08 00:30 EST", "03-08 01:30 EST", "03-08 03:30 EDT", "03-08 04:30 EDT"]
        );
        let autumn = slots("30 * * * *", "America/New_York", "2026-11-01T00:00:00-04:00", 4);
        assert_eq!(
            autumn,
            ["11-01 00:30 EDT", "11-01 01:30 EDT", "11-01 01:30 EST", "11-01 02:30 EST"]
        );
        // The same on the exact hour, which is when the clocks change.
        let spring = slots("@hourly", "America/New_York", "2026-03-08T00:30:00-05:00", 3);
        assert_eq!(spring, ["03-08 01:00 EST", "03-08 03:00 EDT", "03-08 04:00 EDT"]);
        let autumn = slots("@hourly", "America/New_York", "2026-11-01T00:30:00-04:00", 3);
        assert_eq!(autumn, ["11-01 01:00 EDT", "11-01 01:00 EST", "11-01 02:00 EST"]);
    }

    #[test]
    fn the_south_changes_its_clocks_the_other_way_round() {
        let expected = ["10-03 02:30 AEST", "10-04 03:00 AEDT", "10-05 02:30 AEDT"];
        assert_eq!(
            slots("30 2 * * *", "Australia/Sydney", "2026-10-03T00:00:00+10:00", 3),
            expected
        );
        let expected = ["04-04 02:30 AEDT", "04-05 02:30 AEDT", "04-06 02:30 AEST"];
        assert_eq!(
            slots("30 2 * * *", "Australia/Sydney", "2026-04-04T00:00:00+11:00", 3),
            expected
        );
    }

    #[test]
    fn clocks_that_change_by_half_an_hour_keep_the_minutes_of_an_hourly_slot() {
        let spring = slots("15 * * * *", "Australia/Lord_Howe", "2026-10-04T01:00:00+10:30", 3);
        assert_eq!(spring, ["10-04 01:15 +1030", "10-04 02:30 +11", "10-04 03:15 +11"]);
        let autumn = slots("45 * * * *", "Australia/Lord_Howe", "2026-04-05T01:00:00+11:00", 2);
        assert_eq!(autumn, ["04-05 01:45 +11", "04-05 02:45 +1030"]);
    }

    #[test]
    fn a_leap_day_keeps_its_time_of_day_over_many_changes() {
        let slots = slots("0 3 29 2 *", "Europe/Berlin", "2026-07-01T00:00:00Z", 2);
        assert_eq!(slots, ["02-29 03:00 CET", "02-29 03:00 CET"]);
    }

    #[test]
    fn a_zone_without_changes_and_a_time_within_a_second_are_no_exceptions() {
        assert_eq!(
            slots("*/30 5 * * *", "Asia/Kolkata", "2026-01-01T05:00:00.5+05:30", 2),
            ["01-01 05:30 IST", "01-02 05:00 IST"]
        );
        assert_eq!(slots("0 0 * * *", "UTC", "2026-01-01T00:00:00Z", 1), ["01-02 00:00 UTC"]);
    }

    #[test]
    fn the_search_ends_where_no_slot_is_left() {
        assert_eq!(
            slots("0 0 0 29 2 * 2027", "America/New_York", "2026-01-01T00:00:00Z", 1),
            [""; 0]
        );
        assert_eq!(
            slots("0 0 0 * * * 2026", "America/New_York", "2026-12-31T06:00:00Z", 1),
            [""; 0]
        );
    }
}
