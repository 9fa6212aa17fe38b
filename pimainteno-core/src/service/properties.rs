//! A unit's state, property by property, whoever was asked for them: `systemctl` or the bus.

use serde::{
    Deserialize,
    de::{IntoDeserializer as _, value},
};

use super::UnitState;

/// The properties that a [`UnitState`] is read from; see org.freedesktop.systemd1(5).
pub(super) const PROPERTIES: [&str; 12] = [
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "Type",
    "NRestarts",
    "MainPID",
    "ActiveEnterTimestampMonotonic",
    "InactiveExitTimestampMonotonic",
    "ExecMainCode",
    "ExecMainStatus",
    "InvocationID",
];

impl UnitState {
    /// Takes note of a property, as text; of others than [`PROPERTIES`] nothing. What a unit's type
    /// does not have is missing or empty.
    pub(crate) fn note(&mut self, property: &str, value: &str) {
        match property {
            "LoadState" => self.load = word(value),
            "ActiveState" => self.active = word(value),
            "SubState" => value.clone_into(&mut self.sub),
            "Result" => value.clone_into(&mut self.result),
            "Type" => self.oneshot = value == "oneshot",
            "NRestarts" => self.restarts = value.parse().unwrap_or_default(),
            "MainPID" => self.main_pid = value.parse().unwrap_or_default(),
            "ActiveEnterTimestampMonotonic" => self.since = value.parse().unwrap_or_default(),
            "InactiveExitTimestampMonotonic" => self.begun = value.parse().unwrap_or_default(),
            "ExecMainCode" => self.code = value.parse().unwrap_or_default(),
            "ExecMainStatus" => self.status = value.parse().unwrap_or_default(),
            "InvocationID" => value.clone_into(&mut self.invocation),
            _ => {}
        }
    }
}

/// The state that a word of systemd's stands for.
fn word<'de, S: Deserialize<'de> + Default>(word: &'de str) -> S {
    let word: value::StrDeserializer<'de, value::Error> = word.into_deserializer();
    S::deserialize(word).unwrap_or_default()
}
