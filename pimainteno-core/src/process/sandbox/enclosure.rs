//! A sandbox in use: its temporary directory, the helper's command line, and how its command ended.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::{
    Sandbox,
    protocol::{Plan, Stage},
    root::TEMPORARY,
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    process::{End, not_started::Attempt, remove, report::Report},
};

/// A sandbox in use. Its temporary directory goes with it.
#[derive(Debug)]
pub(in crate::process) struct Enclosure(Plan);

impl Enclosure {
    /// Makes the temporary directory of a command that runs in `directory`.
    pub(in crate::process) fn new(
        sandbox: &Sandbox,
        directory: Option<&Path>,
        marker: &str,
    ) -> Result<Self> {
        let make = || {
            let scratch = sandbox.scratch.join(format!("run-{marker}"));
            fs::create_dir_all(&sandbox.scratch)?;
            // What a check leaves there is nobody else's business.
            fs::DirBuilder::new().mode(0o700).create(&scratch)?;
            let stage = if sandbox.support.has_namespaces() { Stage::Enter } else { Stage::Guard };
            let directory = directory.map_or_else(|| PathBuf::from("/"), Path::to_owned);
            let plan = Plan {
                stage,
                sandbox: sandbox.clone(),
                directory,
                scratch,
                report: None,
                parent: std::process::id(),
                marker: marker.into(),
            };
            let enclosure = Self(plan);
            fs::create_dir(enclosure.0.temporary())?;
            fs::create_dir(enclosure.0.root())?;
            Ok::<_, io::Error>(enclosure)
        };
        make().context(ErrorKind::Process, || {
            format!("cannot make a temporary directory in `{}`", sandbox.scratch.display())
        })
    }

    /// The program to start instead of the command, and what comes before the command in its
    /// arguments.
    pub(in crate::process) fn helper(&self) -> Result<(&Path, [OsString; 2])> {
        let arguments = self
            .0
            .arguments()
            .context(ErrorKind::Process, || "a path of the sandbox is not UTF-8")?;
        Ok((&self.0.sandbox.helper, arguments))
    }

    /// The temporary directory, as the command sees it.
    pub(in crate::process) fn temporary(&self) -> PathBuf {
        if self.0.sandbox.support.has_namespaces() {
            TEMPORARY[0].into()
        } else {
            self.0.temporary()
        }
    }

    /// How the command ended, if the helper ended by itself; `attempt` is that to start it.
    pub(in crate::process) fn end(&self, end: End, attempt: &Attempt) -> Result<End> {
        match Report::read(&self.0.scratch) {
            Some(Report::Ended(end)) => Ok(end),
            Some(Report::Obstructed(at)) => Err(Error::new(
                ErrorKind::Process,
                format!("`{at}` cannot be shown in the sandbox: a symbolic link is there, or on the way there"),
            )
            .hint("a command may have made the link, or the project has it: `link` must name another place")),
            Some(Report::NotStarted(number)) => {
                Err(attempt.refused(io::Error::from_raw_os_error(number)))
            }
            Some(Report::Failed(reason)) => {
                Err(Error::new(ErrorKind::Process, format!("cannot set up the sandbox: {reason}")).hint("`sandbox = \"off\"` does without"))
            }
            // Killed from outside, as by a system that is out of memory; or no helper.
            None if end == End::Signalled(9) => Ok(end),
            None => Err(Error::new(ErrorKind::Process, format!("the sandbox's helper ended without a report ({end})"))
                .hint("a program that links this library must call `process::help` first thing in its `main`")),
        }
    }
}

impl Drop for Enclosure {
    fn drop(&mut self) {
        drop(remove(&self.0.scratch));
    }
}
