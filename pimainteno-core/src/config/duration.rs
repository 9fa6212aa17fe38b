//! Durations as people write them: `90s`, `1h 30m`, `2 days`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error};

/// Reads a duration that is not negative.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| D::Error::custom(format!("not a duration: `{text}`; write it like \"90s\", \"10m\" or \"1h 30m\"")))
}

/// The same for keys that may be absent.
pub(super) mod option {
    use super::{Deserializer, Duration};

    /// Reads a duration that is not negative.
    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}
