//! Globs over the paths of a repository, compiled once and remembered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

/// How many sets are remembered; a policy names a handful, so that reaching this means that a script makes them up as it goes.
const REMEMBERED_SETS: usize = 128;
/// How many globs one set may have, and how many bytes one glob: compiling grows with both, and no limit on operations sees it.
const MAX_GLOBS: usize = 256;
const MAX_GLOB_BYTES: usize = 256;

/// A set of globs that a path can be held against.
///
/// `*` and `?` stop at a `/`, `**` does not, and a glob without a `/` is about the name of the file, in whatever directory, as in `.gitignore`.
#[derive(Clone, Debug)]
pub(crate) struct Globs(Arc<GlobSet>);

/// Globs as a script wrote them, in one string: the key by which a compiled set is found again.
#[derive(Debug, Default)]
pub(super) struct GlobList {
    /// Each glob is ended by a NUL.
    text: String,
    len: usize,
}

/// The sets that were compiled before.
///
/// The map is ordered because comparing two lists ends at their first difference, where a hash would read the whole.
#[derive(Debug, Default)]
pub(super) struct GlobCache(Mutex<BTreeMap<String, Globs>>);

impl GlobList {
    /// Adds `glob`.
    pub(super) fn push(&mut self, glob: &str) -> Result<(), String> {
        if self.len == MAX_GLOBS {
            return Err(format!("more than {MAX_GLOBS} globs in one place"));
        }
        if glob.len() > MAX_GLOB_BYTES {
            return Err(format!("a glob is {} bytes long, {MAX_GLOB_BYTES} at most", glob.len()));
        }
        if glob.contains('\0') {
            return Err("a glob has a NUL character in it".into());
        }
        self.text.push_str(glob);
        self.text.push('\0');
        self.len += 1;
        Ok(())
    }

    /// How many globs there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Globs {
    /// Compiles `globs`; the error says which one is wrong.
    pub(crate) fn compile<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut list = GlobList::default();
        globs.into_iter().try_for_each(|glob| list.push(glob))?;
        Self::new(&list)
    }

    /// Compiles `list`; the error says which glob is wrong.
    fn new(list: &GlobList) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for glob in list.text.split_terminator('\0') {
            let anchored = if glob.contains('/') { glob.strip_prefix('/').unwrap_or(glob).to_owned() } else { format!("**/{glob}") };
            let compiled = GlobBuilder::new(&anchored).literal_separator(true).build();
            set.add(compiled.map_err(|error| format!("not a glob: `{glob}`: {}", error.kind()))?);
        }
        set.build().map(|set| Self(Arc::new(set))).map_err(|error| format!("these globs cannot be used together: {error}"))
    }

    /// Whether `path`, relative to the root of the repository, is one that the globs mean.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.0.is_match_candidate(&Candidate::from_bytes(path))
    }

    /// Which of the globs mean `path`, by their place in the set; slower than [`Globs::matches`].
    pub(super) fn which(&self, path: &str) -> Vec<usize> {
        self.0.matches_candidate(&Candidate::from_bytes(path))
    }
}

impl GlobCache {
    /// The set of `list`, compiled now or before.
    pub(super) fn get(&self, list: GlobList) -> Result<Globs, String> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = sets.get(&list.text) {
            return Ok(found.clone());
        }
        let globs = Globs::new(&list)?;
        if sets.len() >= REMEMBERED_SETS {
            sets.clear();
        }
        sets.insert(list.text, globs.clone());
        Ok(globs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(cache: &GlobCache, globs: &[&str]) -> Result<Globs, String> {
        let mut list = GlobList::default();
        globs.iter().try_for_each(|glob| list.push(glob))?;
        cache.get(list)
    }

    #[test]
    fn a_glob_without_a_slash_is_about_the_name_and_a_star_stops_at_a_slash() {
        let globs = compile(&GlobCache::default(), &["*.lock", "docs/*", "/Makefile", "**/auth/**"]).unwrap();
        for path in ["a.lock", "deep/er/Cargo.lock", "docs/a.md", "Makefile", "auth/a.rs", "src/auth/b/c.rs"] {
            assert!(globs.matches(path), "{path}");
        }
        for path in ["lock", "docs/a/b.md", "sub/Makefile", "src/authors.rs"] {
            assert!(!globs.matches(path), "{path}");
        }
        assert_eq!(globs.which("docs/auth/a.lock"), [0, 3]);
    }

    #[test]
    fn a_wrong_glob_is_named_and_a_set_has_a_limit() {
        let cache = GlobCache::default();
        assert!(compile(&cache, &["fine", "a[b"]).unwrap_err().starts_with("not a glob: `a[b`: "));
        assert_eq!(compile(&cache, &["a"; 257]).unwrap_err(), "more than 256 globs in one place");
        assert_eq!(compile(&cache, &[&"a".repeat(257)]).unwrap_err(), "a glob is 257 bytes long, 256 at most");
        assert_eq!(compile(&cache, &["a\0b"]).unwrap_err(), "a glob has a NUL character in it");
    }

    #[test]
    fn a_script_that_makes_up_globs_as_it_goes_fills_no_memory() {
        let cache = GlobCache::default();
        for number in 0..1000 {
            compile(&cache, &[&format!("file-{number}")]).unwrap();
        }
        assert!(cache.0.lock().unwrap().len() <= REMEMBERED_SETS);
    }
}
