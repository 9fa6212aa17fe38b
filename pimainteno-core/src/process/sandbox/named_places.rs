//! Where the places are that a sandbox names.
//!
//! A path may lead through symbolic links: those of the machine and of its owner are followed. But
//! where a sandboxed command may write, now or in another run, it can put a link in the place of a
//! directory that is named, and what that leads to would be shown to the next one. So none is
//! followed there.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    fs,
    path::{Component, Path, PathBuf},
};

use super::Sandbox;

/// How many symbolic links a path may go through, as the kernel has it (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Finds where named places are, and remembers the links on the way there.
#[derive(Default)]
pub(super) struct NamedPlaces {
    /// Where others write.
    written: Vec<PathBuf>,
    /// Each link, and what it says.
    links: BTreeMap<PathBuf, PathBuf>,
}

impl NamedPlaces {
    /// The places of `sandbox`.
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        let mut written: Vec<_> = [&sandbox.written[..], &sandbox.write].concat();
        written.extend(sandbox.layers.iter().map(|layer| layer.at.clone()));
        // One that lies in another one is found by whoever writes there.
        written.sort_by_key(|path| path.components().count());
        let mut places = Self::default();
        for path in written {
            if let Some(place) = places.find(&path) {
                places.written.push(place);
            }
        }
        places
    }

    /// Where `path` leads to; `None` if it leads nowhere, or through a link that somebody may have
    /// put there.
    pub(super) fn find(&mut self, path: &Path) -> Option<PathBuf> {
        let mut real = PathBuf::from("/");
        if !path.is_absolute() {
            return None;
        }
        let mut rest: VecDeque<OsString> =
            path.components().map(|part| part.as_os_str().to_owned()).collect();
        let (mut followed, mut count) = (BTreeMap::new(), 0);
        while let Some(part) = rest.pop_front() {
            match Path::new(&part).components().next() {
                Some(Component::RootDir) => real = "/".into(),
                Some(Component::ParentDir) => {
                    real.pop();
                }
                Some(Component::Normal(name)) => {
                    let here = real.join(name);
                    if !fs::symlink_metadata(&here).ok()?.is_symlink() {
                        real = here;
                        continue;
                    }
                    if self.written.iter().any(|written| here.starts_with(written)) {
                        return None;
                    }
                    count += 1;
                    if count > MOST_LINKS {
                        return None;
                    }
                    let target = fs::read_link(&here).ok()?;
                    for part in target.components().rev() {
                        rest.push_front(part.as_os_str().to_owned());
                    }
                    followed.insert(here, target);
                }
                _ => {}
            }
        }
        self.links.extend(followed);
        Some(real)
    }

    /// The links that were gone through.
    pub(super) fn into_links(self) -> BTreeMap<PathBuf, PathBuf> {
        self.links
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_links_that_a_path_goes_through_are_found_and_circles_end() {
        let directory = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir_all(top.join("real/bin")).unwrap();
        symlink("real", top.join("one")).unwrap();
        symlink(top.join("one/../one/bin"), top.join("two")).unwrap();
        symlink("circle", top.join("circle")).unwrap();
        let mut places = NamedPlaces::default();
        assert_eq!(places.find(&top.join("two")).unwrap(), top.join("real/bin"));
        assert!(
            places.find(&top.join("circle")).is_none()
                && places.find(&top.join("missing")).is_none()
        );
        assert_eq!(
            places.into_links().keys().collect::<Vec<_>>(),
            [&top.join("one"), &top.join("two")]
        );
    }

    #[test]
    fn no_link_is_followed_where_others_write() {
        let directory = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(directory.path()).unwrap();
        for path in ["home/real/caches", "home/real/nested", "secret"] {
            fs::create_dir_all(top.join(path)).unwrap();
        }
        // The owner's own link leads to the place; what is in there may be anybody's.
        symlink("real", top.join("home/.tool")).unwrap();
        symlink(top.join("secret"), top.join("home/real/link")).unwrap();
        let mut places =
            NamedPlaces { written: vec![top.join("home/real")], ..NamedPlaces::default() };
        assert_eq!(
            places.find(&top.join("home/.tool/caches")).unwrap(),
            top.join("home/real/caches")
        );
        assert!(
            places.find(&top.join("home/.tool/link")).is_none()
                && places.find(&top.join("home/real/link/in")).is_none()
        );
    }
}
