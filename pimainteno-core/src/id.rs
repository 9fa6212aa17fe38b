//! Ids that sort by the time at which they were made (UUIDv7, RFC 9562).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};

/// The fewest digits that name something of which more is done than shown: fewer are a slip of the
/// finger.
const LEAST_DIGITS: usize = 4;

/// Makes a type of ids, so that one kind cannot be taken for another.
macro_rules! id {
    ($(#[$documentation:meta])* $name:ident, $what:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, which sorts behind those that were made before.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Whether the beginning of an id is long enough to decide something about what it names.
            ///
            /// # Errors
            /// [`ErrorKind::Usage`] if it has fewer than four digits.
            pub fn is_enough(prefix: &str) -> Result<()> {
                if prefix.chars().filter(char::is_ascii_hexdigit).count() >= LEAST_DIGITS {
                    return Ok(());
                }
                Err(Error::new(ErrorKind::Usage, format!("too short for a {} id: `{prefix}`", $what))
                    .hint(format!("give at least {LEAST_DIGITS} digits of it, so that no other one is meant")))
            }

            /// The id as bytes, in the order in which ids sort.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id that these bytes name.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        /// Writes 32 hexadecimal digits.
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let id = Uuid::from_str(text).map(Self);
                id.map_err(|source| Error::new(ErrorKind::Usage, format!("not a {} id: `{text}`", $what)).source(source))
            }
        }
    };
}

id! {
    /// Names a run; sorts by the time at which the run was started.
    RunId, "run"
}

id! {
    /// Names an incident; sorts by the time at which it was seen.
    IncidentId, "incident"
}

id! {
    /// Names a proposal; sorts by the time at which it was made.
    ProposalId, "proposal"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_survive_text_and_bytes() {
        let (first, second) = (RunId::new(), RunId::new());
        assert!(first < second);
        assert_eq!(first.to_string().parse::<RunId>().unwrap(), first);
        assert_eq!(RunId::from_bytes(*second.as_bytes()), second);
        assert!(
            ProposalId::is_enough("0-1-9-a").is_ok()
                && ProposalId::is_enough("019").is_err()
                && ProposalId::is_enough("0---").is_err()
        );
        assert_eq!(
            "run 7".parse::<RunId>().unwrap_err().to_string().split(':').next(),
            Some("not a run id")
        );
    }
}
