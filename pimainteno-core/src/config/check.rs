//! What a value must be beyond its type. Each check stands at its field, so that a complaint stands
//! at its line.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    str::FromStr,
};

use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};

/// What is read from a string, and checked by that; a string that is blank is nothing.
pub(super) trait Check: FromStr<Err: fmt::Display> {
    /// Reads one.
    fn text<'de, D: Deserializer<'de>, T: From<Self>>(deserializer: D) -> Result<T, D::Error> {
        Checked::deserialize(deserializer).map(|checked| T::from(checked.0))
    }

    /// Reads one where an empty string stands for none.
    fn text_or_empty<'de, D: Deserializer<'de>, T: From<Option<Self>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let word = if text.is_empty() { None } else { Some(parse(&text)?) };
        Ok(T::from(word))
    }

    /// Reads a list of them.
    fn texts<'de, D: Deserializer<'de>, T: From<Vec<Self>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        Vec::<Checked<Self>>::deserialize(deserializer)
            .map(|list| T::from(list.into_iter().map(|checked| checked.0).collect()))
    }
}

/// Reads a number that is not zero.
pub(super) fn at_least_one<'de, D: Deserializer<'de>, T: From<usize>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let number = usize::deserialize(deserializer)?;
    NonZeroUsize::new(number)
        .map(|number| T::from(number.get()))
        .ok_or_else(|| de::Error::custom("must be at least 1"))
}

/// The same, of what is counted in few.
pub(super) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    NonZeroU32::deserialize(deserializer)
        .map(NonZeroU32::get)
        .map_err(|_| de::Error::custom("must be a number, and at least 1"))
}

/// Reads what is written either as a string or as a table; `expected` is what to say of anything
/// else.
pub(super) fn text_or_table<'de, D: Deserializer<'de>, T, U: Deserialize<'de>>(
    deserializer: D,
    expected: &'static str,
    text: fn(&str) -> Result<T, String>,
    table: fn(U) -> T,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(TextOrTable { expected, text, table })
}

/// Says whether a string holds anything.
pub(super) fn filled(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("must not be empty".into()) } else { Ok(()) }
}

fn parse<W: Check, E: de::Error>(text: &str) -> Result<W, E> {
    text.parse().map_err(E::custom)
}

/// A string that stands for a `W`.
struct Checked<W>(W);

struct TextOrTable<T, U> {
    expected: &'static str,
    text: fn(&str) -> Result<T, String>,
    table: fn(U) -> T,
}

impl<W: FromStr<Err: fmt::Display>> Check for W {}

impl<'de, W: Check> Deserialize<'de> for Checked<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        filled(&text).map_err(de::Error::custom)?;
        parse(&text).map(Self)
    }
}

impl<'de, T, U: Deserialize<'de>> de::Visitor<'de> for TextOrTable<T, U> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.text)(text).map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        U::deserialize(MapAccessDeserializer::new(map)).map(self.table)
    }
}
