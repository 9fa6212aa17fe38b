//! Values that are never shown, and the files that hold them.

use std::{fmt, path::Path};

use serde::{Deserialize, Deserializer, de};

use super::check;
use crate::error::{Context, Error, ErrorKind, Result};

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A value that is never shown.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a file holds, without the white space at its end.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .context(ErrorKind::Config, || format!("cannot read the secret in `{}`", path.display()))
            .map_err(|error| {
            error.hint("the file must exist, hold the secret and nothing else, and be readable by the user that this runs as")
        })?;
        let text = text.trim_end();
        if text.is_empty() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("no secret in `{}`: the file is empty", path.display()),
            ));
        }
        if text.contains(char::is_control) {
            let message = format!(
                "no usable secret in `{}`: the file has more than one line, or control characters",
                path.display()
            );
            return Err(Error::new(ErrorKind::Config, message)
                .hint("the file must hold the secret and nothing else"));
        }
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        check::filled(&text).map(|()| Self(text)).map_err(de::Error::custom)
    }
}

/// Whether everybody on the machine may read the file; `false` if there is none.
pub(super) fn is_readable_by_everybody(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_its_file_holds_without_the_line_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "sk-1\r\n").unwrap();
        let secret = Secret::read(&path).unwrap();
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("sk-1", "[secret]"));
    }

    #[test]
    fn a_file_without_one_usable_secret_is_an_error_that_names_the_file_and_shows_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let error = |content: &str| {
            std::fs::write(&path, content).unwrap();
            Secret::read(&path)
                .unwrap_err()
                .to_string()
                .replace(directory.path().to_str().unwrap(), "")
        };
        assert_eq!(error(" \n"), "no secret in `/key`: the file is empty");
        assert_eq!(
            error("sk-1\nsk-2\n"),
            "no usable secret in `/key`: the file has more than one line, or control characters"
        );
        let missing = Secret::read(Path::new("/nowhere/key")).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "cannot read the secret in `/nowhere/key`: No such file or directory (os error 2)"
        );
    }
}
