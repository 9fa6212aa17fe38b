//! Words that are more than text: one kind cannot be taken for another.
//!
//! They are written as the text that they are. What we wrote ourselves is read as it is, whatever
//! it is; what a person or a remote gives is parsed, which checks it.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};
use sha2::Digest as _;

use crate::error::{Error, ErrorKind};

/// How much of what is no word is shown, in characters.
const SHOWN: usize = 80;

/// The longest id of a name in another script, in bytes: files are called after it, and their names
/// have 255 bytes at most.
const LONGEST_FOREIGN_ID: usize = 120;

/// The longest name that systemd gives a unit, in bytes; from systemd.unit(5).
const LONGEST_UNIT_NAME: usize = 255;

/// The types that a unit can have; from systemd.unit(5).
const UNIT_KINDS: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

/// Makes a type of words: what each is like, the kind of error of a text that is none, and what is
/// said of that text.
macro_rules! word {
    ($(#[$documentation:meta])* $name:ident, $fits:expr, $kind:ident, $refusal:literal) => {
        word! { $(#[$documentation])* $name }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                if $fits(text) {
                    return Ok(Self(text.to_owned()));
                }
                let shown: String = text.chars().take(SHOWN).collect();
                let message = format!("`{}` {}", shown.escape_debug(), $refusal);
                Err(Error::new(ErrorKind::$kind, message))
            }
        }
    };
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

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
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
    /// The id of a project: a slug of its name, of lower-case letters, digits and single dashes.
    ProjectId
}

word! {
    /// The id of a commit: a SHA-1 or a SHA-256, in hexadecimal.
    CommitId,
    |text: &str| matches!(text.len(), 40 | 64) && is_hexadecimal(text),
    Git,
    "is not the id of a commit"
}

word! {
    /// A SHA-256, in hexadecimal: of a diff, it is what an approval is bound to.
    Sha256,
    |text: &str| text.len() == 64 && is_hexadecimal(text),
    Usage,
    "is not a SHA-256: that has 64 hexadecimal digits"
}

word! {
    /// The name of a branch, without `refs/heads/`.
    BranchName, is_for_git, Usage, "is not a name that git knows"
}

word! {
    /// The name of a remote.
    RemoteName, is_for_git, Usage, "is not a name that git knows"
}

word! {
    /// The name of a unit: no option, no path, and no pattern, which would name several.
    UnitName, is_unit_name, Usage, "is not the name of a unit; write it like \"blog.service\""
}

impl ProjectId {
    /// That of the project that is called `name`; `project` where no letter or digit is in it.
    ///
    /// A name in another script keeps its letters. One that has a Latin letter is spelled by those:
    /// what is kept of it is under that id.
    pub fn of(name: &str) -> Self {
        let is_latin = name.contains(|character: char| character.is_ascii_alphabetic());
        let name = if is_latin { name.to_ascii_lowercase() } else { name.to_lowercase() };
        let is_part = |character: char| {
            character.is_ascii_alphanumeric() || (!is_latin && character.is_alphanumeric())
        };
        let words = name.split(|character| !is_part(character)).filter(|word| !word.is_empty());
        let slug = words.collect::<Vec<_>>().join("-");
        let end = if is_latin { slug.len() } else { slug.floor_char_boundary(LONGEST_FOREIGN_ID) };
        let slug = slug.get(..end).unwrap_or_default().trim_end_matches('-');
        Self(if slug.is_empty() { "project".into() } else { slug.into() })
    }
}

impl UnitName {
    /// Why systemd starts no unit of this name, if so.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        match self.0.rsplit_once('.') {
            Some((prefix, kind)) if UNIT_KINDS.contains(&kind) => prefix.ends_with('@').then_some(
                "of a template the instances are started; name them, as in `worker@1.service`",
            ),
            _ => Some("a unit's name ends with its type, as in `blog.service`"),
        }
    }
}

impl Sha256 {
    /// That of `text`.
    pub fn of(text: &str) -> Self {
        Self(sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One word, and nothing that git takes for an option.
fn is_for_git(text: &str) -> bool {
    let parts = |character: char| character.is_whitespace() || character.is_control();
    !text.is_empty() && !text.starts_with('-') && !text.contains(parts)
}

fn is_unit_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    (1..=LONGEST_UNIT_NAME).contains(&text.len())
        && !text.starts_with(['-', '.'])
        && text.bytes().all(fits)
}

/// Reads a word that may be missing; an empty text, as earlier programs wrote it, is none.
pub(crate) fn filled<'de, W, D>(deserializer: D) -> Result<Option<W>, D::Error>
where
    W: Deref<Target = str> + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::<W>::deserialize(deserializer)?.filter(|word| !word.is_empty()))
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
                format!("`{}` is not the id of a commit", &bad[..bad.len().min(80)])
            );
        }
        assert_eq!(serde_json::from_str::<CommitId>("\"beef\"").unwrap(), "beef");
        assert_eq!(serde_json::to_string(&commit).unwrap(), format!("{id:?}"));
    }

    #[test]
    fn names_in_other_scripts_have_ids_of_their_own() {
        let id = |name: &str| ProjectId::of(name).to_string();
        assert_eq!([id("Радио 2"), id("музыка-2")], ["радио-2", "музыка-2"]);
        assert_eq!([id("東京"), id("…"), id("")], ["東京", "project", "project"]);
        assert_eq!([id("Radio Küche"), id("My  Site_2")], ["radio-k-che", "my-site-2"]);
        let long = id(&"東".repeat(200));
        assert_eq!((long.len(), ProjectId::of(&long)), (120, ProjectId::of(&long)));
        assert_eq!(ProjectId::of(&long), *long);
    }

    #[test]
    fn a_name_that_is_no_units_is_refused() {
        for name in
            ["nginx.service", "getty@tty1.service", "srv-data.mount", "a\\x2db.service", "web"]
        {
            name.parse::<UnitName>().unwrap();
        }
        let long = "a".repeat(256);
        for name in [
            "",
            "-H.service",
            "--now",
            "--version",
            "*",
            "../x.service",
            "a/b",
            "*.service",
            "a b.service",
            "a\n.service",
            "é.service",
            &long,
        ] {
            assert_eq!(name.parse::<UnitName>().unwrap_err().kind(), ErrorKind::Usage, "{name:?}");
        }
    }

    #[test]
    fn a_commit_that_is_missing_may_be_an_empty_text() {
        #[derive(Deserialize)]
        struct Record(#[serde(deserialize_with = "filled")] Option<CommitId>);
        for (text, commit) in [("\"\"", None), ("null", None), ("\"beef\"", Some("beef"))] {
            let record: Record = serde_json::from_str(text).unwrap();
            assert_eq!(record.0.as_deref(), commit);
        }
    }
}
