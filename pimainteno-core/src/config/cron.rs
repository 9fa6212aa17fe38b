//! Cron expressions as crontab(5) reads them, and the wall-clock times that they stand for.
//!
//! The `cron` crate finds the times. It counts the days of the week from 1, knows no range over the
//! end of the week, and wants both the day of the month and the day of the week to fit: fields are
//! checked and written out as plain numbers for it, and either day is a schedule of its own.

use std::{collections::BTreeSet, fmt, str::FromStr};

use cron::{Schedule, TimeUnitSpec};
use jiff::{Timestamp, civil::DateTime, tz::Offset};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A cron expression; it is shown as it was written.
///
/// It has five fields (minute, hour, day of the month, month, day of the week), six (the seconds
/// first) or seven (the years last, 1970 to 2099), or is a word like `@daily`. Fields mean what
/// they mean in crontab(5): Sunday is 0 and 7, and where both the day of the month and the day of
/// the week are restricted, either will do.
#[derive(Clone, PartialEq, Eq)]
pub struct CronExpression {
    text: String,
    /// A time fits if it fits one of them: the days of the month and the days of the week apart,
    /// where both are restricted.
    schedules: Vec<Schedule>,
}

type Numbers = BTreeSet<u32>;

/// What one field may hold.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// What stands for the numbers from `least` on.
    names: &'static [&'static str],
}

impl CronExpression {
    /// Whether every hour is meant, so that slots are so many minutes apart rather than at certain
    /// times of the day.
    pub(crate) fn is_every_hour(&self) -> bool {
        self.schedules.iter().all(|schedule| schedule.hours().is_all())
    }

    /// The first time from `from` on that fits; `None` once the last year is over.
    pub(crate) fn next(&self, from: DateTime) -> Option<DateTime> {
        // The crate knows no wall clock without a time zone, which UTC stands for, and looks for
        // what is later than a time.
        let from = Offset::UTC.to_timestamp(from).ok()?.as_second();
        let before = chrono::DateTime::from_timestamp(from.checked_sub(1)?, 0)?;
        let next =
            self.schedules.iter().filter_map(|schedule| schedule.after(&before).next()).min()?;
        Some(Offset::UTC.to_datetime(Timestamp::from_second(next.timestamp()).ok()?))
    }
}

impl FromStr for CronExpression {
    type Err = String;

    /// Reads one. The error says what is wrong, also with a day that never comes.
    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = unfolded(text)?.split_whitespace().collect();
        let (second, minute, hour, day, month, weekday, year) = match *fields.as_slice() {
            [minute, hour, day, month, weekday] => ("0", minute, hour, day, month, weekday, "*"),
            [second, minute, hour, day, month, weekday] => {
                (second, minute, hour, day, month, weekday, "*")
            }
            [second, minute, hour, day, month, weekday, year] => {
                (second, minute, hour, day, month, weekday, year)
            }
            _ => {
                return Err(format!(
                    "not a cron expression: `{text}`; it has 5 fields (minute hour day month weekday), 6 (seconds first) or 7 (years last)"
                ));
            }
        };
        // As crontab has it, a field that starts with a star does not restrict.
        let either_day = !day.starts_with('*') && !weekday.starts_with('*');

        let field = |name, least, most, names| Field { name, least, most, names };
        let seconds = listed(field("second", 0, 59, &[]).numbers(second)?);
        let minutes = listed(field("minute", 0, 59, &[]).numbers(minute)?);
        let hours = listed(field("hour", 0, 23, &[]).numbers(hour)?);
        let days = listed(field("day of the month", 1, 31, &[]).numbers(day)?);
        let months = listed(field("month", 1, 12, &MONTHS).numbers(month)?);
        let weekdays = listed(
            field("day of the week", 0, 7, &WEEKDAYS)
                .numbers(weekday)?
                .into_iter()
                .map(|day| day % 7 + 1)
                .collect(),
        );
        let years = listed(field("year", 1970, 2099, &[]).numbers(year)?);

        let days = if either_day {
            vec![(&*days, "*"), ("*", &*weekdays)]
        } else {
            vec![(&*days, &*weekdays)]
        };
        let expression = |time: &str, years: &str| {
            let schedules = days.iter().map(|(days, weekdays)| {
                Schedule::try_from(format!("{time} {days} {months} {weekdays} {years}"))
            });
            let schedules = schedules
                .collect::<Result<_, _>>()
                .map_err(|error| format!("not a cron expression: `{text}`: {error}"))?;
            Ok::<_, String>(Self { text: text.to_owned(), schedules })
        };
        if expression("0 0 0", "*")?.next(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).is_none() {
            return Err(format!("the day of `{text}` is in no month of any year"));
        }
        expression(&format!("{seconds} {minutes} {hours}"), &years)
    }
}

impl Default for CronExpression {
    /// Every night at three.
    fn default() -> Self {
        let text = "0 3 * * *";
        // It can be read, as a test says; without a panic, what never comes is the alternative.
        text.parse().unwrap_or_else(|_| Self { text: text.to_owned(), schedules: Vec::new() })
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for CronExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

impl Field {
    /// The numbers that `text`, a list of ranges, stands for.
    fn numbers(&self, text: &str) -> Result<Numbers, String> {
        // A week that ends on Sunday ends after Saturday, but it has one Sunday.
        let is_week = self.most == 7;
        let end = if is_week { 6 } else { self.most };
        let mut numbers = Numbers::new();
        for item in text.split(',') {
            let (range, step) = item.split_once('/').unwrap_or((item, "1"));
            let step = step
                .parse::<usize>()
                .ok()
                .filter(|step| *step > 0)
                .ok_or_else(|| self.refuse(item))?;
            let (first, last) = if range == "*" {
                (self.least, end)
            } else if let Some((first, last)) = range.split_once('-') {
                let (first, last) = (self.number(first)?, self.number(last)?);
                if is_week && last == 0 && first > 0 { (first, 7) } else { (first, last) }
            } else {
                let first = self.number(range)?;
                // With a step, a lone number means from there on.
                (first, if item.contains('/') { end.max(first) } else { first })
            };
            if first > last {
                return Err(format!(
                    "the range `{item}` of the field {} runs backwards",
                    self.name
                ));
            }
            numbers.extend((first..=last).step_by(step));
        }
        Ok(numbers)
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let named = || {
            (self.least..)
                .zip(self.names)
                .find(|(_, name)| text.eq_ignore_ascii_case(name))
                .map(|(number, _)| number)
        };
        let number = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok()
        } else {
            named()
        };
        number
            .filter(|number| (self.least..=self.most).contains(number))
            .ok_or_else(|| self.refuse(text))
    }

    fn refuse(&self, text: &str) -> String {
        let names = match self.names {
            [first, .., last] => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        format!(
            "`{text}` does not fit the field {}: it takes {} to {}{names}, lists `1,2`, ranges `1-5` and steps `*/2`",
            self.name, self.least, self.most
        )
    }
}

/// A field as the crate reads it.
fn listed(numbers: Numbers) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// What a word that starts with `@` stands for; anything else as it is.
fn unfolded(text: &str) -> Result<&str, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        word if word.starts_with('@') => Err(format!(
            "not a cron expression: `{text}`; the known words are @hourly, @daily, @weekly, @monthly and @yearly"
        )),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests;
