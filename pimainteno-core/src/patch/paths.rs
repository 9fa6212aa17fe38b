//! Which paths a change may name.

use std::path::{Component, Path};

use crate::{
    error::{Error, ErrorKind, Result},
    git::Change,
};

/// Refuses a change that touches a path outside the project or inside `.git`.
pub(crate) fn check_paths(change: &Change) -> Result<()> {
    change.files.iter().try_for_each(|file| check_path(&file.path))
}

/// Refuses a path that is not plainly below the project's top.
pub(super) fn check_path(path: &str) -> Result<()> {
    let plain = |component| match component {
        // File systems that fold case, and some that fold more, would take these for `.git`.
        Component::Normal(name) => {
            name.to_str().is_some_and(|name| !name.eq_ignore_ascii_case(".git") && !name.eq_ignore_ascii_case("git~1"))
        }
        _ => false,
    };
    let odd = path.is_empty() || path.starts_with('~') || path.contains(['\\', '\0']) || path.chars().any(char::is_control);
    if odd || !Path::new(path).components().all(plain) {
        return Err(Error::new(ErrorKind::Patch, format!("the change names a path that it must not touch: {path:?}")));
    }
    Ok(())
}
