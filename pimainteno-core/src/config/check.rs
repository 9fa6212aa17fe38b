//! What a value must be beyond its type. Each check stands at its field, so that a complaint stands
//! at its line.

use std::{fmt, marker::PhantomData, num::NonZeroUsize, path::PathBuf};

use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};

use super::{cron::CronExpression, globs::Globs, time_zone};

/// What a string must be, and how such strings are read.
pub(super) trait Check: Sized {
    /// Says what is wrong with a string, which is known not to be blank.
    fn check(text: &str) -> Result<(), String>;

    /// Reads one.
    fn text<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<T, D::Error> {
        Checked::<Self>::deserialize(deserializer).map(|checked| T::from(checked.text))
    }

    /// Reads one that may be empty, which stands for a default.
    fn text_or_empty<'de, D: Deserializer<'de>, T: From<String>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            Ok(T::from(text))
        } else {
            Self::check(&text).map(|()| T::from(text)).map_err(de::Error::custom)
        }
    }

    /// Reads a list of them.
    fn texts<'de, D: Deserializer<'de>, T: From<Vec<String>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        Vec::<Checked<Self>>::deserialize(deserializer)
            .map(|list| T::from(list.into_iter().map(|checked| checked.text).collect()))
    }
}

/// Anything but nothing.
pub(super) struct Filled;

/// A cron expression.
pub(super) struct Cron;

/// The name of a time zone.
pub(super) struct TimeZoneName;

/// A glob.
pub(super) struct Glob;

/// A branch or a remote: what git does not take for an option.
pub(super) struct GitName;

/// A unit.
pub(super) struct Unit;

/// An address of a web server.
pub(super) struct Address;

/// An address that a health probe can ask.
pub(super) struct ProbeAddress;

/// A SHA-256 in hexadecimal.
pub(super) struct Sha256;

/// Reads a path that is not blank.
pub(super) fn path<'de, D: Deserializer<'de>, T: From<PathBuf>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Checked::<Filled>::deserialize(deserializer).map(|path| T::from(path.text.into()))
}

/// Reads a list of paths that are not blank.
pub(super) fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    Vec::<Checked<Filled>>::deserialize(deserializer)
        .map(|paths| paths.into_iter().map(|path| path.text.into()).collect())
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

/// Whether there is something, and nothing that separates words.
fn is_one_word(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}

struct Checked<C> {
    text: String,
    check: PhantomData<C>,
}

struct TextOrTable<T, U> {
    expected: &'static str,
    text: fn(&str) -> Result<T, String>,
    table: fn(U) -> T,
}

impl Check for Filled {
    fn check(_text: &str) -> Result<(), String> {
        Ok(())
    }
}

impl Check for Cron {
    fn check(text: &str) -> Result<(), String> {
        CronExpression::parse(text).map(drop)
    }
}

impl Check for TimeZoneName {
    fn check(text: &str) -> Result<(), String> {
        time_zone::named(text).map(drop)
    }
}

impl Check for Glob {
    fn check(text: &str) -> Result<(), String> {
        Globs::compile([text]).map(drop)
    }
}

impl Check for GitName {
    fn check(text: &str) -> Result<(), String> {
        let usable = !text.starts_with('-') && is_one_word(text);
        if usable { Ok(()) } else { Err(format!("`{text}` is not a name that git knows")) }
    }
}

impl Check for Unit {
    fn check(text: &str) -> Result<(), String> {
        let usable = !text.starts_with('-') && !text.contains('/') && is_one_word(text);
        if usable {
            Ok(())
        } else {
            Err(format!("`{text}` is not the name of a unit; write it like \"blog.service\""))
        }
    }
}

impl Check for Address {
    // The address is not shown: it may carry a password.
    fn check(text: &str) -> Result<(), String> {
        let address = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let usable =
            address.is_some_and(|address| !address.starts_with(['/', ':']) && is_one_word(address));
        if usable {
            Ok(())
        } else {
            Err("not an address; write it like \"https://example.org/v1\"".into())
        }
    }
}

impl Check for ProbeAddress {
    fn check(text: &str) -> Result<(), String> {
        if text.starts_with("https://") {
            return Err(
                "a probe cannot speak TLS; use `command = \"curl -fsS https://…\"` instead".into(),
            );
        }
        Address::check(text)
            .map_err(|_| "not an address; write it like \"http://localhost:8080/health\"".into())
    }
}

impl Check for Sha256 {
    fn check(text: &str) -> Result<(), String> {
        let usable = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if usable { Ok(()) } else { Err("not a SHA-256: that has 64 hexadecimal digits".into()) }
    }
}

impl<'de, C: Check> Deserialize<'de> for Checked<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        filled(&text).and_then(|()| C::check(&text)).map_err(de::Error::custom)?;
        Ok(Self { text, check: PhantomData })
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
