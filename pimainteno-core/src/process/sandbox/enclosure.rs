//! A sandbox in use: its temporary directory, the helper's command line, and how its command ended.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use super::{
    Sandbox,
    protocol::{Plan, Report, Stage},
    root::TEMPORARY,
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    process::{End, tree::Marker},
};

/// A sandbox in use. Its temporary directory goes with it.
#[derive(Debug)]
pub(in crate::process) struct Enclosure(Plan);

impl Enclosure {
    /// Makes the temporary directory of a command that runs in `directory`.
    pub(in crate::process) fn new(sandbox: &Sandbox, directory: Option<&Path>, marker: &Marker) -> Result<Self> {
        let make = || {
            let scratch = std::path::absolute(&sandbox.scratch)?.join(format!("run-{}", marker.value()));
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
                marker: marker.value().into(),
            };
            let enclosure = Self(plan);
            fs::create_dir(enclosure.0.temporary())?;
            fs::create_dir(enclosure.0.root())?;
            Ok::<_, io::Error>(enclosure)
        };
        make().context(ErrorKind::Process, || format!("cannot make a temporary directory in `{}`", sandbox.scratch.display()))
    }

    /// The program to start instead of the command, and what comes before the command in its arguments.
    pub(in crate::process) fn helper(&self) -> Result<(&Path, [OsString; 2])> {
        let arguments = self.0.arguments().context(ErrorKind::Process, || "a path of the sandbox is not UTF-8")?;
        Ok((&self.0.sandbox.helper, arguments))
    }

    /// The temporary directory, as the command sees it.
    pub(in crate::process) fn temporary(&self) -> PathBuf {
        if self.0.sandbox.support.has_namespaces() { TEMPORARY[0].into() } else { self.0.temporary() }
    }

    /// How the command ended, if the helper ended by itself.
    pub(in crate::process) fn end(&self, end: End) -> Result<End> {
        match Report::read(&self.0.scratch) {
            Some(Report::Exited(code)) => Ok(End::Exited(code)),
            Some(Report::Signalled(signal)) => Ok(End::Signalled(signal)),
            Some(Report::Exceeded(excess)) => Ok(End::Exceeded(excess)),
            Some(Report::Failed(reason)) => Err(Error::new(ErrorKind::Process, format!("cannot set up the sandbox: {reason}"))
                .hint("`pi-mainteno check` tells what this machine supports; `sandbox = \"off\"` does without")),
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

/// Removes a file, a link, or a directory with whatever is in it. What is not there is removed.
///
/// # Errors
/// What kept the last thing from being removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match fs::symlink_metadata(path) {
        Err(error) if is_gone(&error) => return Ok(()),
        Ok(metadata) if !metadata.is_dir() => return fs::remove_file(path),
        _ => {}
    }
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    // A directory that cannot be written to keeps its content; whoever made it may have meant to.
    make_writable(path);
    match fs::remove_dir_all(path) {
        Err(error) if !is_gone(&error) => {}
        _ => return Ok(()),
    }
    // Nor can what lies deeper than a process may have files open, or than a path may be long. This program goes down step by step.
    let ended = std::process::Command::new("rm").args(["-rf", "--"]).arg(path).stdin(Stdio::null()).stderr(Stdio::null()).status()?;
    if ended.success() { Ok(()) } else { fs::remove_dir_all(path) }
}

/// Lets the owner remove what is in `directory`.
fn make_writable(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    drop(fs::set_permissions(directory, fs::Permissions::from_mode(0o700)));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}
