//! Globs over the paths of a repository, compiled once: where they are read.

use std::{fmt, str::FromStr, sync::Arc};

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::check::Check as _;

/// How many globs one set may have, and how many bytes one glob: compiling grows with both, and no
/// limit on operations sees it.
const MAX_GLOBS: usize = 256;
const MAX_GLOB_BYTES: usize = 256;

/// A set of globs that a path can be held against. It is written, compared and shown as the list of
/// their texts.
///
/// `*` and `?` stop at a `/`, `**` does not, and a glob without a `/` is about the name of the
/// file, in whatever directory, as in `.gitignore`.
#[derive(Clone, Default)]
pub struct Globs(Arc<Compiled>);

#[derive(Default)]
struct Compiled {
    texts: Vec<String>,
    set: GlobSet,
}

/// One glob, as it was written.
struct Glob(String);

impl Globs {
    /// Compiles `globs`; the error says which one is wrong.
    ///
    /// # Errors
    /// In words, what is wrong.
    pub fn compile<T: Into<String>>(globs: impl IntoIterator<Item = T>) -> Result<Self, String> {
        let (mut texts, mut set) = (Vec::new(), GlobSetBuilder::new());
        for glob in globs {
            let glob = glob.into();
            Self::may_follow(texts.len(), &glob)?;
            let anchored = if glob.contains('/') {
                glob.strip_prefix('/').unwrap_or(&glob).to_owned()
            } else {
                format!("**/{glob}")
            };
            let compiled = GlobBuilder::new(&anchored).literal_separator(true).build();
            set.add(compiled.map_err(|error| format!("not a glob: `{glob}`: {}", error.kind()))?);
            texts.push(glob);
        }
        let set =
            set.build().map_err(|error| format!("these globs cannot be used together: {error}"))?;
        Ok(Self(Arc::new(Compiled { texts, set })))
    }

    /// Whether `glob` may stand behind `count` others.
    pub(crate) fn may_follow(count: usize, glob: &str) -> Result<(), String> {
        if count >= MAX_GLOBS {
            return Err(format!("more than {MAX_GLOBS} globs in one place"));
        }
        if glob.len() > MAX_GLOB_BYTES {
            return Err(format!("a glob is {} bytes long, {MAX_GLOB_BYTES} at most", glob.len()));
        }
        if glob.contains('\0') { Err("a glob has a NUL character in it".into()) } else { Ok(()) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.texts.is_empty()
    }

    /// Whether `path`, relative to the root of the repository, is one that the globs mean.
    pub fn matches(&self, path: &str) -> bool {
        self.0.set.is_match_candidate(&Candidate::from_bytes(path))
    }

    /// Which of the globs mean `path`, by their place in the set; slower than [`Globs::matches`].
    pub(crate) fn which(&self, path: &str) -> Vec<usize> {
        self.0.set.matches_candidate(&Candidate::from_bytes(path))
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Globs::compile([text]).map(|_| Self(text.to_owned()))
    }
}

impl fmt::Debug for Globs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.texts.fmt(formatter)
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.0.texts == other.0.texts
    }
}

impl Eq for Globs {}

impl Serialize for Globs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.texts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Each is looked at by itself, so that a complaint stands at its line.
        let globs: Vec<Glob> = Glob::texts(deserializer)?;
        Self::compile(globs.into_iter().map(|glob| glob.0)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_shown_written_and_compared_as_their_texts() {
        let texts = ["*.lock", "docs/*"];
        let globs = Globs::compile(texts).unwrap();
        // What is shown goes into the fingerprint of a project, which says whether a run is futile.
        assert_eq!(
            (format!("{globs:?}"), format!("{globs:#?}")),
            (format!("{texts:?}"), format!("{texts:#?}"))
        );
        let written = serde_json::to_string(&globs).unwrap();
        assert_eq!(
            (&*written, serde_json::from_str::<Globs>(&written).unwrap()),
            (r#"["*.lock","docs/*"]"#, globs)
        );
        assert!(
            serde_json::from_str::<Globs>(r#"["fine", "a["]"#)
                .unwrap_err()
                .to_string()
                .starts_with("not a glob: `a[`: ")
        );
    }
}
