//! The time zone in which slots are told.

use jiff::tz::{TimeZone, db};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::problem::did_you_mean;

/// Reads a time zone by its name; an empty one stands for the machine's own.
pub(super) fn named<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<TimeZone>, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() {
        return Ok(None);
    }
    let zone = TimeZone::get(&name).map_err(|_| {
        let known: Vec<_> = db().available().map(|name| name.to_string()).collect();
        if known.is_empty() {
            return format!("the time zone `{name}` is not known: this machine has no time zones; install its package `tzdata`");
        }
        let suggestion = did_you_mean(&name, known.iter().map(String::as_str)).unwrap_or_default();
        format!("`{name}` is not a time zone{suggestion}")
    });
    zone.map(Some).map_err(D::Error::custom)
}
