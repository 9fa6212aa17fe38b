//! Making a commit of a verified tree.
//!
//! The commit is made where the owner's keys are, from the tree and a message alone; the workspace
//! is not looked at. The hooks, which do look at files, run before that, in the sandbox.

use super::{
    change::Change,
    hooks::{CommitHooks, Said, Stage},
    workspace::Workspace,
};
use crate::{config::HooksMode, error::Result, words::CommitId};

/// The name of the trailer that tells which run a commit is of.
const TRAILER: &str = "PiMainteno-Run";

/// What came of a commit that was to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitEnd {
    /// It is made.
    Made(CommitId),
    /// It is not: hooks made another change of it, which nobody has looked at yet.
    Amended(Change),
}

impl Workspace {
    /// Commits `tree`, which is what is staged, on `base`. Signing is as the owner's configuration
    /// says. The repository's own hooks are asked first, as `hooks` says; they may change the
    /// message, and with [`HooksMode::Amend`] the files at `paths`, which are those of the change.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if a hook refuses, or if one changed anything else of what is
    /// committed: that is not what was verified.
    pub async fn commit(
        &self,
        base: &CommitId,
        tree: &str,
        message: &str,
        run: &str,
        hooks: CommitHooks,
        paths: &[&str],
    ) -> Result<CommitEnd> {
        let identity = self.identity().await?;
        let mut message = self.with_trailer(message, run).await?;
        let mode = hooks.mode;
        let stage = match mode {
            HooksMode::Off => None,
            HooksMode::Sandbox | HooksMode::Amend => {
                Stage::build(self, base, tree, &identity, hooks).await?
            }
        };
        if let Some(stage) = &stage {
            let amends = Some(paths).filter(|_| mode == HooksMode::Amend);
            match stage.rehearse(&message, base, amends).await? {
                Said::Change(change) => return Ok(CommitEnd::Amended(change)),
                Said::Message(said) if said != message => {
                    message = self.with_trailer(&said, run).await?;
                }
                Said::Message(_) => {}
            }
        }
        let mut arguments = vec!["commit-tree", tree, "-p", base, "-F", "-"];
        arguments.extend(Some("-S").filter(|_| self.owner.signs));
        let mut call = self.checkout.call(arguments).input(message);
        for (name, value) in &identity {
            call = call.env(name, value);
        }
        let commit = call.text().await?.parse::<CommitId>()?;
        // Whatever a check has committed is left behind; and so Git keeps the commit until a branch
        // has it.
        self.call(["update-ref", "--no-deref", "HEAD", &commit]).text().await?;
        if let Some(stage) = stage {
            stage.conclude().await;
        }
        Ok(CommitEnd::Made(commit))
    }

    /// The message without needless blanks, and with the trailer once.
    async fn with_trailer(&self, message: &str, run: &str) -> Result<String> {
        let trailer = format!("--trailer={TRAILER}: {run}");
        let arguments = [
            "interpret-trailers",
            "--no-divider",
            "--where=end",
            "--if-exists=addIfDifferent",
            "--if-missing=add",
            &trailer,
        ];
        Ok(self.call(arguments).input(tidy(message)).text().await? + "\n")
    }

    /// The variables that make up for an identity that Git's configuration does not give.
    async fn identity(&self) -> Result<Vec<(&'static str, &'static str)>> {
        if self.checkout.call(["var", "GIT_COMMITTER_IDENT"]).output().await?.success() {
            return Ok(Vec::new());
        }
        let (name, email) = ("PiMainteno", "pi-mainteno@localhost");
        Ok(vec![
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
        ])
    }
}

/// What `git commit --cleanup=whitespace` makes of a message: no blanks at the ends of lines, no
/// empty lines at either end, and not two in a row.
fn tidy(message: &str) -> String {
    let mut text = String::with_capacity(message.len() + 1);
    let mut is_after_empty = true;
    for line in message.lines().map(str::trim_end) {
        if !(line.is_empty() && is_after_empty) {
            text.push_str(line);
            text.push('\n');
        }
        is_after_empty = line.is_empty();
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn a_message_is_tidied_as_git_does() {
        assert_eq!(tidy("\n\nfix: a \n\n\n  b\t\n\nc\n\n"), "fix: a\n\n  b\n\nc\n");
        assert_eq!(tidy(""), "\n");
    }
}
