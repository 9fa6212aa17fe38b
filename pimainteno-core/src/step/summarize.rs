//! Keeps a summary of the project: what it is, and what changed lately.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use async_trait::async_trait;
use pimainteno_plugin::Task;
use uuid::Uuid;

use super::{Effects, Flow, Step, StepContext};
use crate::{
    backend::prompt,
    config::Mode,
    error::{Context, ErrorKind, Result},
    store::Summary,
};

/// The file in the project's directory that holds the summary.
pub(crate) const SUMMARY_FILE: &str = "codex.md";

/// The first line of a file that we wrote: one without it is somebody else's and is left alone.
const MARK: &str = "<!-- Written by PiMainteno; changes here are overwritten. -->";

/// How many commits, and how many bytes of their differences, a backend is told about.
const TOLD_COMMITS: usize = 30;
const TOLD_BYTES: usize = 32 << 10;

/// Asks for a new summary when the head changed: the previous one plus what changed since, not the
/// whole tree.
#[derive(Debug)]
pub(crate) struct Summarize;

#[async_trait]
impl Step for Summarize {
    fn name(&self) -> &str {
        "summarize"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        if context.run.mends_unit() {
            return Ok(Flow::Skipped("a unit is down; the summary has time".into()));
        }
        let base = context.run.base.clone();
        let previous = context.run.summary.clone();
        let checkout = context.parts.checkout;
        let is_newest = match &previous {
            Some(summary) if summary.head == base => true,
            // Others in its repository may have gone on.
            Some(summary) if !checkout.scope().is_all() => {
                checkout.is_same(&summary.head, &base).await.unwrap_or(false)
            }
            _ => false,
        };
        if is_newest && !context.parts.force {
            return Ok(Flow::Skipped("nothing changed since the last summary".into()));
        }
        // A previous summary of a history that was rewritten says nothing about what changed.
        let since = match &previous {
            Some(summary) if checkout.is_ancestor(&summary.head, &base).await.unwrap_or(false) => {
                Some(&summary.head)
            }
            _ => None,
        };
        let log = checkout.log(since, &base, TOLD_COMMITS).await?;
        let diff = match since {
            Some(since) => checkout.diff(since, &base, TOLD_BYTES).await?,
            None => String::new(),
        };
        let prompt = prompt::summarize(
            context.project(),
            previous.as_ref().map(|summary| summary.text.as_str()),
            &log,
            &diff,
        )?;
        let request = context.request(Task::Summarize, prompt);
        let reply = context.ask(request).await?;
        let text = reply.text.trim();
        if text.is_empty() {
            return Ok(Flow::Skipped("the backend had nothing to say".into()));
        }
        context.run.summary = Some(Summary { head: base, text: text.to_owned() });
        let note = match (context.parts.mode, context.project().commit_summary) {
            (Mode::DryRun, _) => "kept in the store only".into(),
            (_, true) => format!("{SUMMARY_FILE} goes with the next change"),
            (_, false) if checkout.is_tracked(SUMMARY_FILE).await? => {
                format!("{SUMMARY_FILE} is tracked by Git; left alone")
            }
            (_, false) => {
                checkout.exclude(SUMMARY_FILE)?;
                write_summary(checkout.path(), text)?
            }
        };
        Ok(Flow::Done(note))
    }
}

/// Writes the summary to a directory in one go, unless somebody else's file is there. Says what was
/// done.
pub(super) fn write_summary(directory: &Path, text: &str) -> Result<String> {
    let file = directory.join(SUMMARY_FILE);
    match fs::symlink_metadata(&file) {
        Ok(metadata) if !metadata.is_file() => {
            return Ok(format!("{SUMMARY_FILE} is no plain file; left alone"));
        }
        Ok(_) if !fs::read_to_string(&file).is_ok_and(|content| content.starts_with(MARK)) => {
            return Ok(format!("{SUMMARY_FILE} is somebody else's; left alone"));
        }
        _ => {}
    }
    let content = content(text);
    if fs::read_to_string(&file).is_ok_and(|old| old == content) {
        return Ok(format!("{SUMMARY_FILE} is up to date"));
    }
    // A name that no file of the project has, nor a link to somewhere else.
    let temporary = directory.join(format!("{}{}", unfinished_prefix(), Uuid::now_v7().simple()));
    let create = || {
        fs::File::options()
            .write(true)
            .create_new(true)
            .open(&temporary)?
            .write_all(content.as_bytes())
    };
    create()
        .and_then(|()| fs::rename(&temporary, &file))
        .context(ErrorKind::Step, || format!("cannot write `{}`", file.display()))?;
    Ok(format!("wrote {SUMMARY_FILE}"))
}

/// Removes the summary `text` from a directory; says whether something else is there.
///
/// # Errors
/// What keeps it from being removed.
pub(crate) fn remove_summary(directory: &Path, text: Option<&str>) -> io::Result<bool> {
    remove_unfinished(directory);
    let file = directory.join(SUMMARY_FILE);
    match fs::symlink_metadata(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Ok(true),
        Ok(_) => {}
    }
    let written = text.map(content);
    if !written
        .is_some_and(|written| fs::read(&file).is_ok_and(|there| there == written.as_bytes()))
    {
        return Ok(true);
    }
    fs::remove_file(&file).map(|()| false)
}

/// What the file of a summary holds.
fn content(text: &str) -> String {
    format!("{MARK}\n\n{text}\n")
}

/// Removes the summaries that were cut off while they were written to `directory`.
pub(crate) fn remove_unfinished(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(&unfinished_prefix()));
        if id.is_some_and(|id| id.parse::<Uuid>().is_ok())
            && entry.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn unfinished_prefix() -> String {
    format!(".{SUMMARY_FILE}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_our_own_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(SUMMARY_FILE);
        assert_eq!(write_summary(directory.path(), "one").unwrap(), "wrote codex.md");
        assert_eq!(write_summary(directory.path(), "one").unwrap(), "codex.md is up to date");
        assert_eq!(write_summary(directory.path(), "two").unwrap(), "wrote codex.md");
        fs::write(&file, "mine").unwrap();
        assert_eq!(
            write_summary(directory.path(), "three").unwrap(),
            "codex.md is somebody else's; left alone"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
