//! The worktree that a backend edits in.

use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use crate::{
    error::Result,
    git::{Checkout, Workspace},
    process::{Limits, Sandbox, Used},
    words::CommitId,
};

/// The worktree that a backend edits in, and nobody else: whatever it leaves there beside its diff,
/// such as ignored files, no check ever sees.
///
/// It is made when a backend is asked for the first time: a run that asks nobody needs none. It
/// stays from run to run, so that what a backend builds there stays warm.
pub(crate) struct AgentTree<'run> {
    top: PathBuf,
    path: PathBuf,
    checkout: &'run Checkout,
    sandbox: Option<Sandbox>,
    made: OnceCell<Workspace>,
}

impl<'run> AgentTree<'run> {
    /// The tree with its top at `top`, of `checkout`; Git works on it in `sandbox`.
    pub(crate) fn new(top: PathBuf, checkout: &'run Checkout, sandbox: Option<Sandbox>) -> Self {
        Self { path: checkout.scope().within(&top), top, checkout, sandbox, made: OnceCell::new() }
    }

    /// Where the project is in it, or will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The tree, clean and at `commit`, with `diff` placed in it if there is one.
    ///
    /// # Errors
    /// That Git cannot make it, or that the diff does not fit.
    pub(crate) async fn at(&self, commit: &CommitId, diff: Option<&str>) -> Result<&Workspace> {
        let mut is_new = false;
        let make = async || {
            is_new = true;
            Workspace::prepare(&self.top, self.checkout, commit, self.sandbox.clone()).await
        };
        let tree = self.made.get_or_try_init(make).await?;
        if !is_new {
            tree.reset(commit).await?;
        }
        if let Some(diff) = diff {
            tree.apply(diff).await?;
        }
        Ok(tree)
    }

    /// Removes what lies beside the project's files, which `workspace` holds alone, if that has
    /// become too much; tells so in a line.
    pub(crate) async fn bound(&self, workspace: &Path, limits: &Limits) -> Option<String> {
        let all = Used::of(self.made.get()?.top());
        let excess = match all {
            Ok(all) if all.excess(limits).is_none() => return None,
            // The project's own files are not the backend's.
            Ok(all) => all.without(Used::of(workspace).unwrap_or_default()).excess(limits)?,
            Err(error) => format!("it cannot be looked through: {error}"),
        };
        let removed = self.made.get()?.remove_ignored().await;
        let ending = removed
            .err()
            .map_or_else(|| "is removed".into(), |error| format!("cannot be removed: {error}"));
        Some(format!("what the backend left in `{}` {ending}: {excess}", self.top.display()))
    }
}
