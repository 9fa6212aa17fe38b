//! The globs of scripts, compiled once and remembered.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::config::Globs;

/// How many sets are remembered; a policy names a handful, so that reaching this means that a
/// script makes them up as it goes.
const REMEMBERED_SETS: usize = 128;
/// Globs as a script wrote them, in one string: the key by which a compiled set is found again.
#[derive(Debug, Default)]
pub(super) struct GlobList {
    /// Each glob is ended by a NUL.
    text: String,
    len: usize,
}

/// The sets that were compiled before.
///
/// The map is ordered because comparing two lists ends at their first difference, where a hash
/// would read the whole.
#[derive(Debug, Default)]
pub(super) struct GlobCache(Mutex<BTreeMap<String, Globs>>);

impl GlobList {
    /// Adds `glob`.
    pub(super) fn push(&mut self, glob: &str) -> Result<(), String> {
        Globs::may_follow(self.len, glob)?;
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

impl GlobCache {
    /// The set of `list`, compiled now or before.
    pub(super) fn get(&self, list: GlobList) -> Result<Globs, String> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = sets.get(&list.text) {
            return Ok(found.clone());
        }
        let globs = Globs::compile(list.text.split_terminator('\0'))?;
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
        let globs =
            compile(&GlobCache::default(), &["*.lock", "docs/*", "/Makefile", "**/auth/**"])
                .unwrap();
        for path in [
            "a.lock",
            "deep/er/Cargo.lock",
            "docs/a.md",
            "Makefile",
            "auth/a.rs",
            "src/auth/b/c.rs",
        ] {
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
        assert_eq!(
            compile(&cache, &[&"a".repeat(257)]).unwrap_err(),
            "a glob is 257 bytes long, 256 at most"
        );
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
