//! Why a process could not be started: what may be missing is looked for before it is named.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind};

/// The attempt to start a program.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The program, or what stands for it in messages.
    pub(super) what: String,
    /// The helper that was to start it, if one was.
    helper: Option<PathBuf>,
    /// Where it was to begin.
    directory: Option<PathBuf>,
    /// Where it was looked for, if by its name alone.
    places: Option<OsString>,
}

impl Attempt {
    /// The attempt to start `program` in `directory`, with these variables.
    pub(super) fn new(
        program: &OsStr,
        directory: Option<&Path>,
        variables: &[(OsString, OsString)],
    ) -> Self {
        let is_name = !program.as_encoded_bytes().contains(&b'/');
        let path = variables.iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| path);
        Self {
            what: format!("`{}`", program.display()),
            helper: None,
            directory: directory.map(Path::to_owned),
            places: path.filter(|_| is_name).cloned(),
        }
    }

    /// The attempt to start a sandbox in `directory`, by `helper`.
    pub(super) fn of_sandbox(helper: &Path, directory: &Path) -> Self {
        let attempt = Self::new(OsStr::new(""), Some(directory), &[]).by(helper);
        Self { what: "a sandbox".into(), ..attempt }
    }

    /// The same by a helper.
    pub(super) fn by(self, helper: &Path) -> Self {
        Self { helper: Some(helper.to_owned()), ..self }
    }

    /// What is said where this process could start nothing: neither the program nor the helper.
    pub(super) fn failed(&self, source: io::Error) -> Error {
        let what = &self.what;
        let says = |message: String| Error::new(ErrorKind::Process, message);
        if let Some(directory) = self.directory.as_deref().filter(|directory| !directory.is_dir()) {
            let directory = directory.display();
            return says(format!("cannot start {what} in `{directory}`, which is no directory"))
                .source(source);
        }
        let Some(helper) = &self.helper else { return self.refused(source) };
        let error = says(format!("cannot start `{}`, the helper for {what}", helper.display()))
            .source(source);
        match helper.exists() {
            true => error,
            false => error.hint("this program was moved or removed while it ran: start it again"),
        }
    }

    /// What is said where the program itself could not be started.
    pub(super) fn refused(&self, source: io::Error) -> Error {
        let is_missing = source.kind() == io::ErrorKind::NotFound;
        let message = format!("cannot start {}", self.what);
        let error = Error::new(ErrorKind::Process, message).source(source);
        let name = self.what.trim_matches('`');
        // One that is there may lack what runs it, or a library.
        let is_nowhere =
            |path: &&OsString| !env::split_paths(path).any(|place| place.join(name).exists());
        match self.places.as_ref().filter(|_| is_missing).filter(is_nowhere) {
            Some(_) => error.hint(format!("install {name}, or put it on the PATH")),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::process::{Command, Environment, SandboxHelper};

    async fn error(command: Command) -> String {
        let error = command.run().await.unwrap_err();
        let hints: Vec<_> = error.hints().collect();
        format!("{error}; {}", hints.join("; "))
    }

    #[tokio::test]
    async fn what_is_missing_is_named_and_nothing_else_is_blamed() {
        let place = tempfile::tempdir().unwrap();
        let at = place.path().display();
        let minded = |helper: &str| {
            let helper = SandboxHelper::new(place.path().join(helper));
            let environment = Environment::default().minded_by(&helper);
            Command::new("git").env("PATH", "/usr/bin:/bin").minded_by(&environment)
        };
        let told = error(Command::new("no-such-tool").env("PATH", "/usr/bin")).await;
        assert!(
            told.contains("cannot start `no-such-tool`") && told.contains("on the PATH"),
            "{told}"
        );
        let told = error(minded("gone")).await;
        assert!(
            told.contains(&format!("`{at}/gone`, the helper for `git`"))
                && !told.contains("install"),
            "{told}"
        );
        for command in [minded("gone"), Command::new("git").env("PATH", "/usr/bin:/bin")] {
            let told = error(command.directory(place.path().join("nowhere"))).await;
            assert!(
                told.contains(&format!("in `{at}/nowhere`, which is no directory"))
                    && !told.contains("install"),
                "{told}"
            );
        }
        // It is there, and what it is to be run by is not.
        let script = place.path().join("script");
        std::fs::write(&script, "#!/nowhere/sh\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let told = error(Command::new("script").env("PATH", place.path())).await;
        assert!(told.contains("cannot start `script`") && !told.contains("install"), "{told}");
    }
}
