//! Durations as people write them: `90s`, `1h 30m`, `2 days`.

use std::{fmt, time::Duration};

use jiff::{Span, SpanRelativeTo};
use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// Reads a duration that is not negative.
pub(super) fn any<'de, D: Deserializer<'de>, T: From<Duration>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(DurationVisitor).map(T::from)
}

/// Reads a duration that something must be done in.
pub(super) fn limit<'de, D: Deserializer<'de>, T: From<Duration>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let duration: Duration = any(deserializer)?;
    if duration.is_zero() {
        Err(D::Error::custom("nothing can be done in no time at all"))
    } else {
        Ok(T::from(duration))
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a duration in quotes, like \"90s\", \"10m\" or \"1h 30m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        // A day is 24 hours here, whatever the clocks do.
        let span = text
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
        let duration = span.ok().and_then(|duration| Duration::try_from(duration).ok());
        duration.ok_or_else(|| {
            E::custom(format!(
                "not a duration: `{text}`; write it like \"90s\", \"10m\" or \"1h 30m\""
            ))
        })
    }
}
