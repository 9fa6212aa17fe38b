//! Why a value could not be read, in words for whoever wrote the file.

use std::fmt::{self, Display, Write};

use serde::de::{self, Expected, Unexpected};

use crate::config::{problem::did_you_mean, tree::Segment};

/// Why a value could not be read.
#[derive(Debug)]
pub(super) struct Fault {
    what: What,
    /// From the inside to the outside.
    path: Vec<Segment>,
}

#[derive(Debug)]
enum What {
    UnknownKey { known: &'static [&'static str] },
    MissingKey(&'static str),
    Value(String),
}

impl Fault {
    pub(super) fn not_one_of(known: &[&str]) -> Self {
        de::Error::custom(format_args!("expected one of {}", list(known)))
    }

    /// The same fault, seen from the table or list that holds the node at `segment`.
    pub(super) fn inside(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }

    /// The way from the root to what the fault is about.
    pub(super) fn path(&self) -> Vec<Segment> {
        self.path.iter().rev().cloned().collect()
    }

    pub(super) fn is_missing_key(&self) -> bool {
        matches!(self.what, What::MissingKey(_))
    }

    pub(super) fn is_about_key(&self) -> bool {
        matches!(self.what, What::UnknownKey { .. })
    }

    /// What is wrong at `path`.
    pub(super) fn message(&self, path: &[Segment]) -> String {
        match &self.what {
            What::UnknownKey { known } => {
                let key = match path.last() {
                    Some(Segment::Key(key)) => key.as_str(),
                    _ => "",
                };
                let suggestion = did_you_mean(key, known.iter().copied())
                    .unwrap_or_else(|| format!("; known here: {}", list(known)));
                format!("unknown key `{key}`{suggestion}")
            }
            What::MissingKey(key) => format!("`{}` lacks the key `{key}`", written(path)),
            What::Value(message) => format!("`{}`: {message}", written(path)),
        }
    }

    fn new(what: What) -> Self {
        Self { what, path: Vec::new() }
    }
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message(&self.path()))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(What::Value(message.to_string()))
    }

    /// Does not show the value: it may be a secret.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!(
            "expected {}, found {}",
            plain(&expected.to_string()),
            kind(found)
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let expected = plain(&expected);
        match found {
            Unexpected::Signed(number) => {
                Self::custom(format_args!("expected {expected}, found {number}"))
            }
            Unexpected::Unsigned(number) => {
                Self::custom(format_args!("expected {expected}, found {number}"))
            }
            _ => Self::custom(format_args!("expected {expected}")),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let suggestion = did_you_mean(variant, expected.iter().copied()).unwrap_or_default();
        Self::custom(format_args!(
            "expected one of {}, found `{variant}`{suggestion}",
            list(expected)
        ))
    }

    fn unknown_field(_key: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::UnknownKey { known: expected })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(What::MissingKey(key))
    }
}

/// The path as it would be written with dots: `project[0].llm.model`.
fn written(path: &[Segment]) -> String {
    let mut written = String::new();
    for segment in path {
        // Writing to a string cannot fail.
        let _ = match segment {
            Segment::Key(key) if written.is_empty() => write!(written, "{key}"),
            Segment::Key(key) => write!(written, ".{key}"),
            Segment::Index(index) => write!(written, "[{index}]"),
        };
    }
    written
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What serde says it expects, in words that are not Rust's.
fn plain(expected: &str) -> &str {
    match expected {
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "path string" => "a string",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number that is not negative",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(true) => "`true`",
        Unexpected::Bool(false) => "`false`",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Str(_) => "a string",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        Unexpected::Unit => "null; leave the key out instead",
        _ => "something else",
    }
}
