//! Words that are more than text: one kind cannot be taken for another.
//!
//! They are written as the text that they are. What we wrote ourselves is read as it is, whatever
//! it is; what a person or a remote gives is parsed, which checks it.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::error::{Error, ErrorKind, Result};

/// Makes a type of words.
macro_rules! word {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The word as we, or a program of ours, wrote it: it is not looked at.
            pub fn unchecked(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The word as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

word! {
    /// The id of a commit: a SHA-1 or a SHA-256, in hexadecimal.
    CommitId
}

word! {
    /// A SHA-256, in hexadecimal: of a diff, it is what an approval is bound to.
    Sha256
}

impl Sha256 {
    /// That of `text`.
    pub fn of(text: &str) -> Self {
        Self(sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl FromStr for CommitId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(ErrorKind::Git, format!("not the id of a commit: `{text}`")))
    }
}

/// Reads and writes a word that may be missing as text that may be empty.
pub(crate) mod or_empty {
    use super::*;

    pub(crate) fn serialize<W: Deref<Target = str>, S: Serializer>(
        word: &Option<W>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(word.as_deref().unwrap_or_default())
    }

    pub(crate) fn deserialize<
        'de,
        W: Deref<Target = str> + Deserialize<'de>,
        D: Deserializer<'de>,
    >(
        deserializer: D,
    ) -> Result<Option<W>, D::Error> {
        Ok(Some(W::deserialize(deserializer)?).filter(|word| !word.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_checked_where_it_is_given_and_read_as_it_was_written() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let commit: CommitId = id.parse().unwrap();
        assert_eq!(
            (format!("{commit:.7} {commit:?}"), &commit),
            (format!("0123456 {id:?}"), &CommitId::unchecked(id))
        );
        for bad in ["", "HEAD", "0123456", &id.replace('0', "g"), &id.repeat(2)] {
            assert_eq!(
                bad.parse::<CommitId>().unwrap_err().to_string(),
                format!("not the id of a commit: `{bad}`")
            );
        }
        assert_eq!(serde_json::from_str::<CommitId>("\"beef\"").unwrap(), "beef");
        assert_eq!(serde_json::to_string(&commit).unwrap(), format!("{id:?}"));
    }

    #[test]
    fn a_commit_that_is_missing_is_an_empty_text() {
        #[derive(Serialize, Deserialize)]
        struct Record(#[serde(with = "or_empty")] Option<CommitId>);
        for (text, commit) in [("\"\"", None), ("\"beef\"", Some("beef"))] {
            let record: Record = serde_json::from_str(text).unwrap();
            assert_eq!(
                (record.0.as_deref(), &*serde_json::to_string(&record).unwrap()),
                (commit, text)
            );
        }
    }
}
