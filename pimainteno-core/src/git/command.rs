//! Running `git` so that it answers the same everywhere and never waits for a person.

use std::{ffi::OsStr, path::Path, time::Duration};

use super::{remote_time::RemoteTime, sharing::SharedObjects};
use crate::{
    config::REMOTE_TIMEOUT,
    error::{Error, ErrorKind, Result},
    process::{Cancel, Command, Environment, Output, Session, survivors},
};

/// The wall-clock limit of what works on local files. Generous: a first checkout of a large tree on
/// an SD card takes minutes.
pub(super) const LOCAL_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Settings that every call overrides, whatever the user's or the repository's configuration says.
///
/// The first ones keep a repository from running programs of its choice when it is only looked at;
/// the rest keep the output in one shape.
const SETTINGS: [&str; 19] = [
    "core.fsmonitor=false",
    // What the journal says was committed must be there after a power cut. Git is content with
    // less (`core.fsync` in git-config(1), from 2.36 on).
    "core.fsync=committed,reference",
    "core.quotePath=false",
    "core.safecrlf=false",
    "advice.mergeConflict=false",
    "diff.context=3",
    "diff.dstPrefix=b/",
    "diff.external=",
    "diff.mnemonicPrefix=false",
    "diff.noprefix=false",
    "diff.srcPrefix=a/",
    "diff.submodule=short",
    "gc.auto=0",
    // What goes in and out is UTF-8, whatever old projects keep their messages in.
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "maintenance.auto=false",
    "merge.autoStash=false",
    "submodule.recurse=false",
];

/// Names the files of a tree that are not as a commit or the index has them.
pub(super) const NAMES_OF_EDITED: [&str; 6] =
    ["diff", "--name-only", "-z", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"];

/// Variables that lead to programs outside of a sandbox.
const OUTSIDE: [&str; 3] = ["SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"];

/// The `git` program, with the environment it runs in.
///
/// A run that is told to stop waits for its Git, unless that speaks to a remote: what Git does here
/// is short, and half of it would have to be undone.
#[derive(Clone, Debug)]
pub struct Git {
    /// The variables that it runs with.
    pub(super) environment: Environment,
    /// How long the remote may keep a run waiting.
    pub(super) remote: RemoteTime,
}

/// One call of `git`, being built.
pub(super) struct Call {
    command: Command,
    what: String,
    session: Option<Session>,
    /// The directory of objects whose modes are settled after a call in a session.
    shared: Option<SharedObjects>,
}

impl Git {
    /// Git with the variables of `environment`, whose remotes may keep it waiting for as long as
    /// those of a project that says nothing about it.
    pub fn new(environment: Environment) -> Self {
        let remote = RemoteTime::new(REMOTE_TIMEOUT, &Cancel::new(), |_| {});
        Self { environment, remote }
    }

    /// The same, whose remotes may keep it waiting as `remote` says.
    pub(crate) fn waiting(self, remote: RemoteTime) -> Self {
        Self { remote, ..self }
    }

    /// The same without the variables that lead to programs outside, such as the SSH agent.
    pub(super) fn apart(&self) -> Self {
        let environment = self.environment.clone().without(&OUTSIDE);
        Self { environment, remote: self.remote.clone() }
    }

    /// A call that goes over the network, without the repository's hooks. Other programs speak for
    /// it, such as SSH, so it is minded. Whoever makes it says how long that may take.
    pub(super) fn call_remote<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Call {
        self.call(directory, arguments).minded_by(&self.environment)
    }

    /// A call in `directory`, whose owner was looked at when the checkout was opened; Git itself
    /// looks at it too. The repository's hooks do not run.
    pub(super) fn call<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Call {
        self.build(directory, &["core.hooksPath=/dev/null"], arguments)
    }

    /// The same, with the repository's hooks, and so minded.
    pub(super) fn call_with_hooks<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Call {
        self.build(directory, &[], arguments).minded_by(&self.environment)
    }

    fn build<A: AsRef<OsStr>>(
        &self,
        directory: &Path,
        settings: &[&str],
        arguments: impl IntoIterator<Item = A>,
    ) -> Call {
        let mut command = Command::new("git").directory(directory).envs(self.environment.iter());
        for setting in SETTINGS.iter().chain(settings) {
            command = command.arg("-c").arg(setting);
        }
        let mut what = String::from("git");
        for argument in arguments {
            what.push(' ');
            what.push_str(&argument.as_ref().to_string_lossy());
            command = command.arg(argument);
        }
        command = command
            .env("LC_ALL", "C")
            .env(survivors::GIT_VARIABLE, directory)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_EDITOR", "true")
            .env("GIT_PAGER", "cat")
            // A question for a password or about a host key would never be answered; asked of
            // `true`, it gets an empty answer at once.
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .timeout(LOCAL_TIMEOUT)
            // Git ends its own children; looking for others after each call would cost more than
            // the call, and so would a minder for those that run nobody else's
            // programs.
            .keep_descendants();
        Call { command, what, session: None, shared: None }
    }
}

impl Call {
    /// Sets a variable.
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command = self.command.env(name, value);
        self
    }

    /// Has it run in `session`, if there is one.
    pub(super) fn within(mut self, session: Option<&Session>) -> Self {
        self.session = session.cloned();
        self
    }

    /// Has these objects shared as their owner wants, if it runs in a session.
    pub(super) fn sharing(mut self, shared: Option<SharedObjects>) -> Self {
        self.shared = shared;
        self
    }

    /// Has it minded, see [`Command::minded_by`].
    fn minded_by(mut self, environment: &Environment) -> Self {
        self.command = self.command.minded_by(environment);
        self
    }

    /// Gives it something to read.
    pub(super) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.command = self.command.input(input);
        self
    }

    /// Keeps at most so many bytes of its output.
    pub(super) fn output_limit(mut self, bytes: usize) -> Self {
        self.command = self.command.output_limit(bytes);
        self
    }

    /// Sets another wall-clock limit.
    pub(super) fn timeout(mut self, timeout: Duration) -> Self {
        self.command = self.command.timeout(timeout);
        self
    }

    /// Ends it when nothing was heard of it for so long.
    pub(super) fn silence_timeout(mut self, silence_timeout: Duration) -> Self {
        self.command = self.command.silence_timeout(silence_timeout);
        self
    }

    /// Ends it when `cancel` is raised.
    pub(super) fn cancel(mut self, cancel: &Cancel) -> Self {
        self.command = self.command.cancel(cancel);
        self
    }

    /// Runs it, however it ends.
    pub(super) async fn output(self) -> Result<Output> {
        match self.session {
            Some(session) => {
                let output = session.run(self.command).await;
                if let Some(shared) = self.shared {
                    shared.settle();
                }
                output
            }
            None => self.command.run().await,
        }
    }

    /// Runs it and takes all of its standard output; more than the limit is a failure.
    pub(super) async fn bytes(self) -> Result<Vec<u8>> {
        let what = self.what.clone();
        let output = self.output().await?;
        if output.success() && !output.truncated {
            Ok(output.stdout)
        } else {
            Err(failed(&what, &output))
        }
    }

    /// Runs it and takes its standard output as text, without the last line end.
    pub(super) async fn text(self) -> Result<String> {
        let what = self.what.clone();
        let is_apart = self.session.is_some();
        let output = self.output().await?;
        if output.success() {
            return Ok(output.text().trim_end_matches('\n').to_owned());
        }
        let error = failed(&what, &output);
        let is_filter = is_apart && String::from_utf8_lossy(&output.stderr).contains("filter");
        Err(if is_filter {
            error.hint("filters of Git's configuration run in the sandbox; `sandbox_read` names what they need")
        } else {
            error
        })
    }
}

/// The error of a call that did not end with 0: its first three words and the end of what it said.
pub(super) fn failed(what: &str, output: &Output) -> Error {
    let what = what.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let whole = String::from_utf8_lossy(&output.stderr);
    let said = output.tail(6);
    // What ended it may be followed by a page of advice.
    let said = match whole.lines().find(|line| line.starts_with("fatal: ")) {
        Some(fatal) if !said.contains(fatal) => format!("{fatal}\n{said}"),
        _ => said,
    };
    // Git does not always say why it could not.
    let is_disk =
        ["unable to write", "couldn't write", "unable to create", "write error", "No space left"]
            .iter()
            .any(|sign| said.contains(sign));
    let error = Error::new(ErrorKind::Git, format!("`{what}` failed ({}): {said}", output.end));
    if said.contains("dubious ownership") {
        return error.hint("somebody else owns that repository, and what it names would run as this user: run the program as its owner");
    }
    if is_disk {
        error.hint("look at the disk: its free space, and whether it can be written to")
    } else {
        error
    }
}
