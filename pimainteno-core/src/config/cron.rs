//! Cron expressions as crontab(5) reads them, and the wall-clock times that they stand for.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// The most days that each month can have.
const MONTH_LENGTHS: [i16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CronExpression {
    seconds: Values,
    minutes: Values,
    hours: Values,
    days: Values,
    months: Values,
    /// From 0, which is Sunday.
    weekdays: Values,
    years: Values,
    /// Whether a day fits if either its number or its day of the week does: both are restricted.
    either_day: bool,
}

type Values = BTreeSet<i16>;

/// What one field may hold.
struct Field {
    name: &'static str,
    least: i16,
    most: i16,
    /// What stands for the numbers from `least` on.
    names: &'static [&'static str],
}

impl CronExpression {
    /// Reads five fields (minute, hour, day of the month, month, day of the week), six (the seconds first), seven (the years last), or a word like
    /// `@daily`. Says what is wrong otherwise.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = unfolded(text)?.split_whitespace().collect();
        let (second, minute, hour, day, month, weekday, year) = match *fields.as_slice() {
            [minute, hour, day, month, weekday] => ("0", minute, hour, day, month, weekday, "*"),
            [second, minute, hour, day, month, weekday] => (second, minute, hour, day, month, weekday, "*"),
            [second, minute, hour, day, month, weekday, year] => (second, minute, hour, day, month, weekday, year),
            _ => {
                return Err(format!(
                    "not a cron expression: `{text}`; it has 5 fields (minute hour day month weekday), 6 (seconds first) or 7 (years last)"
                ));
            }
        };
        let field = |name, least, most, names| Field { name, least, most, names };
        let expression = Self {
            seconds: field("second", 0, 59, &[]).values(second)?,
            minutes: field("minute", 0, 59, &[]).values(minute)?,
            hours: field("hour", 0, 23, &[]).values(hour)?,
            days: field("day of the month", 1, 31, &[]).values(day)?,
            months: field("month", 1, 12, &MONTHS).values(month)?,
            weekdays: field("day of the week", 0, 7, &WEEKDAYS).values(weekday)?.into_iter().map(|day| day % 7).collect(),
            years: field("year", 1970, 2099, &[]).values(year)?,
            // As crontab has it, a field that starts with a star does not restrict.
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        if expression.can_come() { Ok(expression) } else { Err(format!("the day of `{text}` is in no month of any year")) }
    }

    /// Whether every hour is meant, so that slots are so many minutes apart rather than at certain times of the day.
    pub(crate) fn is_every_hour(&self) -> bool {
        self.hours.len() == 24
    }

    /// The first time from `from` on that fits; `None` once the last year is over.
    pub(crate) fn next(&self, from: DateTime) -> Option<DateTime> {
        let (mut date, mut earliest) = (from.date(), from.time());
        while self.years.last().is_some_and(|last| date.year() <= *last) {
            // A year or a month that does not fit is passed in one step.
            let passed = if !self.years.contains(&date.year()) {
                date.last_of_year()
            } else if !self.months.contains(&date.month().into()) {
                date.last_of_month()
            } else {
                if self.fits(date)
                    && let Some(time) = self.first_time(earliest)
                {
                    return Some(date.to_datetime(time));
                }
                date
            };
            (date, earliest) = (passed.tomorrow().ok()?, Time::midnight());
        }
        None
    }

    /// Whether the day fits, in a month and a year that do.
    fn fits(&self, date: Date) -> bool {
        let day = self.days.contains(&date.day().into());
        let weekday = self.weekdays.contains(&date.weekday().to_sunday_zero_offset().into());
        if self.either_day { day || weekday } else { day && weekday }
    }

    /// The first time of a day from `earliest` on.
    fn first_time(&self, earliest: Time) -> Option<Time> {
        let from = |is_first: bool, bound: i8| if is_first { bound.into() } else { 0 };
        for &hour in self.hours.range(i16::from(earliest.hour())..) {
            let first = hour == i16::from(earliest.hour());
            for &minute in self.minutes.range(from(first, earliest.minute())..) {
                let first = first && minute == i16::from(earliest.minute());
                if let Some(&second) = self.seconds.range(from(first, earliest.second())..).next() {
                    return Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?, 0).ok();
                }
            }
        }
        None
    }

    /// Whether some month has one of the days; 30 February never comes.
    fn can_come(&self) -> bool {
        let length = |month: &i16| usize::try_from(month - 1).ok().and_then(|index| MONTH_LENGTHS.get(index)).copied().unwrap_or(0);
        let longest = self.months.iter().map(length).max().unwrap_or(0);
        self.either_day || self.days.first().is_some_and(|first| *first <= longest)
    }
}

impl Field {
    /// The values that `text`, a list of ranges, stands for.
    fn values(&self, text: &str) -> Result<Values, String> {
        let mut values = Values::new();
        for item in text.split(',') {
            let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
            let step = match step {
                None => 1,
                Some(step) => step.parse::<usize>().ok().filter(|step| *step > 0).ok_or_else(|| self.refuse(item))?,
            };
            let (first, last) = if range == "*" {
                (self.least, self.last())
            } else if let Some((first, last)) = range.split_once('-') {
                let (first, last) = (self.value(first)?, self.value(last)?);
                // A week that ends on Sunday ends after Saturday.
                if self.most == 7 && last == 0 && first > 0 { (first, 7) } else { (first, last) }
            } else {
                let first = self.value(range)?;
                // With a step, a lone number means from there on.
                (first, if item.contains('/') { self.last().max(first) } else { first })
            };
            if first > last {
                return Err(format!("the range `{item}` of the field {} runs backwards", self.name));
            }
            values.extend((first..=last).step_by(step));
        }
        Ok(values)
    }

    /// The last value of `*`; a week has one Sunday.
    fn last(&self) -> i16 {
        if self.most == 7 { 6 } else { self.most }
    }

    fn value(&self, text: &str) -> Result<i16, String> {
        let named = || self.names.iter().position(|name| text.eq_ignore_ascii_case(name)).and_then(|index| i16::try_from(index).ok());
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i16>().ok()).flatten();
        let value = number.or_else(|| named().map(|index| self.least + index));
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| self.refuse(text))
    }

    fn refuse(&self, text: &str) -> String {
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        format!(
            "`{text}` does not fit the field {}: it takes {} to {}{names}, lists `1,2`, ranges `1-5` and steps `*/2`",
            self.name, self.least, self.most
        )
    }
}

/// What a word that starts with `@` stands for; anything else as it is.
fn unfolded(text: &str) -> Result<&str, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        word if word.starts_with('@') => {
            Err(format!("not a cron expression: `{text}`; the known words are @hourly, @daily, @weekly, @monthly and @yearly"))
        }
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first `count` times after midnight of 1 January 2026, a Thursday.
    fn times(expression: &str, count: usize) -> Vec<String> {
        let expression = CronExpression::parse(expression).unwrap();
        let mut from = "2026-01-01T00:00:00".parse().unwrap();
        let next = || {
            let next: DateTime = expression.next(from)?;
            from = next.checked_add(jiff::Span::new().seconds(1)).unwrap();
            Some(next.strftime("%y-%m-%d %a %T").to_string())
        };
        std::iter::from_fn(next).take(count).collect()
    }

    fn days(expression: &str, count: usize) -> Vec<String> {
        times(expression, count).iter().map(|time| time[..12].to_owned()).collect()
    }

    #[test]
    fn five_six_and_seven_fields_are_read() {
        assert_eq!(times("30 2 * * *", 2), ["26-01-01 Thu 02:30:00", "26-01-02 Fri 02:30:00"]);
        assert_eq!(times("*/20 30 2 * * *", 3), ["26-01-01 Thu 02:30:00", "26-01-01 Thu 02:30:20", "26-01-01 Thu 02:30:40"]);
        assert_eq!(times("0 0 12 1 jul * 2027-2028", 9), ["27-07-01 Thu 12:00:00", "28-07-01 Sat 12:00:00"]);
        assert_eq!(times("@weekly", 1), ["26-01-04 Sun 00:00:00"]);
    }

    #[test]
    fn days_of_the_week_count_as_in_crontab() {
        assert_eq!(days("0 0 * * 0", 2), ["26-01-04 Sun", "26-01-11 Sun"]);
        assert_eq!(days("0 0 * * 7", 2), ["26-01-04 Sun", "26-01-11 Sun"]);
        assert_eq!(days("0 0 * * 1", 1), ["26-01-05 Mon"]);
        assert_eq!(days("0 0 * * 6", 1), ["26-01-03 Sat"]);
        assert_eq!(days("0 0 * * 5-7", 4), ["26-01-02 Fri", "26-01-03 Sat", "26-01-04 Sun", "26-01-09 Fri"]);
        assert_eq!(days("0 0 * * Fri-SUN", 4), days("0 0 * * 5-7", 4));
        assert_eq!(days("0 0 * * 0-1,wed", 3), ["26-01-04 Sun", "26-01-05 Mon", "26-01-07 Wed"]);
        assert_eq!(days("0 0 * * */2", 4), ["26-01-01 Thu", "26-01-03 Sat", "26-01-04 Sun", "26-01-06 Tue"]);
    }

    #[test]
    fn a_restricted_day_of_the_month_or_of_the_week_suffices() {
        assert_eq!(days("0 0 13 * 5", 4), ["26-01-02 Fri", "26-01-09 Fri", "26-01-13 Tue", "26-01-16 Fri"]);
        assert_eq!(days("0 0 13 * *", 2), ["26-01-13 Tue", "26-02-13 Fri"]);
        // A star with a step does not count as a restriction, so that both must fit.
        assert_eq!(days("0 0 */12 * 5", 2), ["26-02-13 Fri", "26-03-13 Fri"]);
    }

    #[test]
    fn lists_ranges_and_steps_are_read() {
        let minutes = |field| times(&format!("{field} 0 1 1 *"), 60).iter().filter(|time| time.starts_with("26")).count();
        assert_eq!(["*", "*/7", "5/15", "10-20", "10-20/5", "1,2,2,50-52"].map(minutes), [60, 9, 4, 11, 3, 5]);
    }

    #[test]
    fn a_leap_day_waits_for_its_year() {
        assert_eq!(days("0 0 29 2 *", 3), ["28-02-29 Tue", "32-02-29 Sun", "36-02-29 Fri"]);
        // Both the day and its day of the week must fit, because of the star.
        assert_eq!(days("0 0 29 2 */6", 2), ["32-02-29 Sun", "48-02-29 Sat"]);
    }

    #[test]
    fn what_never_comes_is_refused_or_ends() {
        assert_eq!(CronExpression::parse("0 0 30 2 *").unwrap_err(), "the day of `0 0 30 2 *` is in no month of any year");
        assert_eq!(CronExpression::parse("0 0 31 4,6,9,11 *").unwrap_err(), "the day of `0 0 31 4,6,9,11 *` is in no month of any year");
        assert_eq!(times("0 0 0 29 2 * 2027", 1), Vec::<String>::new());
        assert_eq!(times("0 0 0 1 1 * 2020", 1), Vec::<String>::new());
        assert_eq!(times("0 0 0 31 12 * 2099", 2), ["99-12-31 Thu 00:00:00"]);
    }

    #[test]
    fn a_bad_expression_is_told_what_is_wrong() {
        let error = |text| CronExpression::parse(text).unwrap_err();
        assert_eq!(
            error("* * *"),
            "not a cron expression: `* * *`; it has 5 fields (minute hour day month weekday), 6 (seconds first) or 7 (years last)"
        );
        assert_eq!(error("0 24 * * *"), "`24` does not fit the field hour: it takes 0 to 23, lists `1,2`, ranges `1-5` and steps `*/2`");
        assert_eq!(
            error("0 0 * * monday"),
            "`monday` does not fit the field day of the week: it takes 0 to 7, or sun to sat, lists `1,2`, ranges `1-5` and steps `*/2`"
        );
        assert_eq!(error("0 20-4 * * *"), "the range `20-4` of the field hour runs backwards");
        for text in [
            "",
            "@reboot",
            "*/0 * * * *",
            "-1 * * * *",
            "1, * * * *",
            "1- * * * *",
            "+1 * * * *",
            "0 0 ? * 2",
            "99999 * * * *",
            "a/2 * * * *",
        ] {
            assert!(CronExpression::parse(text).is_err(), "{text}");
        }
    }
}
