//! What is being tried, and what of the others it sees.

/// What is being tried, by which it is known which leftovers may be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// The base, before there is a change. What is left is seen by all others.
    Base,
    /// A change, by its fingerprint. What is left is seen until another change is tried, and kept
    /// when it is delivered.
    Change(String),
    /// Something else for comparison. What the change left is seen; what this leaves is not kept.
    Aside,
    /// The same, but what the change left is not seen.
    Alone,
}

impl Trial {
    /// What its layer is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Change(_) => "change",
            Self::Aside | Self::Alone => "aside",
        }
    }

    /// The others that are seen below its own layer, the uppermost first.
    pub(super) fn below(&self) -> &'static [&'static str] {
        match self {
            Self::Base => &[],
            Self::Change(_) | Self::Alone => &["base"],
            Self::Aside => &["change", "base"],
        }
    }
}
