//! Reading paths. Only one's own home directory has a short form.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserializer;

use super::check::Check as _;

/// A path that does not begin with somebody's home directory.
struct Plain(PathBuf);

impl FromStr for Plain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let first = Path::new(text).iter().next().and_then(|first| first.to_str());
        match first.and_then(|first| first.strip_prefix('~')) {
            // What is a directory of that name all the same can be written `./~bob`.
            Some(name) if !name.is_empty() => Err(format!(
                "`~{name}` is not understood: `~` stands for your own home directory alone; write the whole path"
            )),
            _ => Ok(Self(PathBuf::from(text))),
        }
    }
}

/// Reads one.
pub(super) fn text<'de, D: Deserializer<'de>, T: From<PathBuf>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let path: Plain = Plain::text(deserializer)?;
    Ok(T::from(path.0))
}

/// Reads a list of them.
pub(super) fn texts<'de, D: Deserializer<'de>, T: From<Vec<PathBuf>>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let paths: Vec<Plain> = Plain::texts(deserializer)?;
    Ok(T::from(paths.into_iter().map(|path| path.0).collect()))
}
