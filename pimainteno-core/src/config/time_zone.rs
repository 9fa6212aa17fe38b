//! The time zone in which slots are told.

use jiff::tz::{TimeZone, db};

use super::{SchedulerConfig, problem::did_you_mean};
use crate::error::{Error, ErrorKind, Result};

impl SchedulerConfig {
    /// The time zone of the slots; `machine` where the configuration names none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the time zone is not in the machine's database of time zones.
    pub fn time_zone(&self, machine: &TimeZone) -> Result<TimeZone> {
        if self.timezone.is_empty() {
            return Ok(machine.clone());
        }
        named(&self.timezone).map_err(|message| Error::new(ErrorKind::Config, message))
    }
}

/// The time zone of this name, or what is wrong with the name.
pub(super) fn named(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<_> = db().available().map(|name| name.to_string()).collect();
        if known.is_empty() {
            return format!("the time zone `{name}` is not known: this machine has no time zones; install its package `tzdata`");
        }
        let suggestion = did_you_mean(name, known.iter().map(String::as_str)).unwrap_or_default();
        format!("`{name}` is not a time zone{suggestion}")
    })
}
