//! Where codex keeps its files, and how that stays small.
//!
//! Measured: with `--ephemeral` codex keeps nothing about a run, but it opens five SQLite databases
//! in its home each time. They take 0.6 to 0.8 MB and do not grow; a run rewrites about 160 kB of
//! them, and nothing on the disk if they are in memory. A home that is new each time would cost 1.5
//! to 2 MB a run. The home is therefore kept, and the databases are put where memory is, if
//! possible.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use pimainteno_core::{
    Error, ErrorKind, Result,
    process::{self, Environment},
};

use crate::command::Account;

/// What a directory of ours may hold before it is emptied, in bytes. Nothing in it is worth
/// keeping: codex makes it again.
const LIMIT: u64 = 32 << 20;

/// Codex's home and its databases.
#[derive(Debug)]
pub(crate) struct Home {
    /// `CODEX_HOME`.
    directory: PathBuf,
    /// Whether that directory is ours and not the user's.
    is_private: bool,
    /// `CODEX_SQLITE_HOME`; always ours.
    databases: PathBuf,
}

/// A directory for the temporary files of one run; gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Home {
    /// The home for `account`: the user's own if that is where the sign-in is, one below `state` if
    /// not.
    pub(crate) fn new(account: &Account, environment: &Environment, state: &Path) -> Result<Self> {
        let named =
            environment.get("CODEX_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let (directory, is_private) = match account {
            Account::SignIn => (named.or_else(|| Some(environment.home()?.join(".codex"))), false),
            Account::Key(_) | Account::Server { .. } => (Some(state.join("codex/home")), true),
        };
        let directory = directory.ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "codex has no home: neither `CODEX_HOME` nor `HOME` is set",
            )
            .hint("set `HOME` for this service")
        })?;
        let runtime =
            environment.get("XDG_RUNTIME_DIR").map(Path::new).filter(|runtime| runtime.is_dir());
        let databases = runtime.map_or_else(
            || state.join("codex/databases"),
            |runtime| runtime.join("pi-mainteno/codex"),
        );
        Ok(Self { directory, is_private, databases })
    }

    /// Makes what must be there before codex starts, and empties what grew too large.
    ///
    /// Another run may be using a database that is deleted here. It keeps the file that it has
    /// opened, and loses nothing that matters.
    pub(crate) fn prepare(&self) -> Result<()> {
        let ours = [Some(&self.databases), self.is_private.then_some(&self.directory)];
        for directory in ours.into_iter().flatten() {
            let result = match size(directory) > LIMIT {
                true => fs::remove_dir_all(directory).and_then(|()| create(directory)),
                false => create(directory),
            };
            result.map_err(|error| {
                Error::new(
                    ErrorKind::Store,
                    format!("cannot make a directory for codex: `{}`", directory.display()),
                )
                .source(error)
            })?;
        }
        if !self.directory.is_dir() {
            let message = format!(
                "nobody has signed in to codex: there is no `{}`",
                self.directory.display()
            );
            return Err(Error::new(ErrorKind::Backend, message)
                .hint("run `codex login` as the user of this service, or set `llm.api_key_file`")
                .retry_after(crate::preflight::PARKED)
                .needs_setup()
                .unasked());
        }
        Ok(())
    }

    /// The file with the credentials of a sign-in.
    pub(crate) fn sign_in(&self) -> PathBuf {
        self.directory.join("auth.json")
    }

    /// The variables that tell codex.
    pub(crate) fn variables(&self) -> [(&'static str, &Path); 2] {
        [("CODEX_HOME", &self.directory), ("CODEX_SQLITE_HOME", &self.databases)]
    }
}

impl Scratch {
    /// A new directory that nobody else can read, in `TMPDIR` or else in `/tmp`.
    pub(crate) fn new(environment: &Environment) -> Result<Self> {
        let parent = environment
            .get("TMPDIR")
            .filter(|directory| !directory.is_empty())
            .map_or(Path::new("/tmp"), Path::new);
        // A name that could be foretold could be taken by somebody else.
        let made = tempfile::Builder::new()
            .prefix("pi-mainteno-codex-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent);
        made.map(|made| Self(made.keep())).map_err(|error| {
            Error::new(
                ErrorKind::Store,
                format!("cannot make a temporary directory in `{}`", parent.display()),
            )
            .source(error)
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The agent's commands write there too, whatever they like.
        drop(process::remove(&self.0));
    }
}

fn create(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// The bytes of all files below `directory`; links are not followed.
fn size(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use pimainteno_core::{Retry, config::Secret};

    use super::*;

    #[test]
    fn a_key_gets_a_private_home_and_a_sign_in_the_users_own() {
        let state = tempfile::tempdir().unwrap();
        let environment = Environment::default().with("HOME", "/home/pi");
        let private =
            Home::new(&Account::Key(Secret::new("k")), &environment, state.path()).unwrap();
        private.prepare().unwrap();
        let [(_, directory), (_, databases)] = private.variables();
        assert!(directory.starts_with(state.path()) && databases.starts_with(state.path()));
        assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);

        let own = Home::new(&Account::SignIn, &environment, state.path()).unwrap();
        assert_eq!(own.variables()[0].1, Path::new("/home/pi/.codex"));
        let named = Home::new(
            &Account::SignIn,
            &environment.with("CODEX_HOME", "/srv/codex"),
            state.path(),
        )
        .unwrap();
        assert_eq!(named.variables()[0].1, Path::new("/srv/codex"));
        let error = named.prepare().unwrap_err();
        assert!(error.message().contains("/srv/codex") && error.retry() != Retry::Never, "{error}");
    }

    #[test]
    fn databases_go_to_memory_and_what_grew_too_large_is_emptied() {
        let (state, runtime) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let environment = Environment::default().with("XDG_RUNTIME_DIR", runtime.path());
        let home = Home::new(&Account::Key(Secret::new("k")), &environment, state.path()).unwrap();
        home.prepare().unwrap();
        let [(_, directory), (_, databases)] = home.variables();
        assert!(databases.starts_with(runtime.path()));
        fs::write(databases.join("small"), "1").unwrap();
        fs::File::create(directory.join("large")).unwrap().set_len(LIMIT + 1).unwrap();
        home.prepare().unwrap();
        assert!(
            databases.join("small").exists()
                && directory.is_dir()
                && !directory.join("large").exists()
        );
    }

    #[test]
    fn a_scratch_directory_is_private_and_goes_away() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(&Environment::default().with("TMPDIR", parent.path())).unwrap();
        let path = scratch.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("file"), "1").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
