//! A project that was called otherwise before: a checkout that was moved, or a project that was
//! renamed, has another id, and what a person said of it is kept under the one before.

use super::{Prepared, Runner};
use crate::{error::Result, event::NoticeKind, git::worktrees_in, words::ProjectId};

impl Runner {
    /// Pauses each project whose checkout was a paused one's before, and says so. What was not
    /// paused goes on without a word.
    ///
    /// It is looked at once: where its checkout is, is remembered then, as after a run.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn carry_pauses_over(&self) -> Result<()> {
        for prepared in &self.projects {
            let (id, path) = (&prepared.project.id, &prepared.project.path);
            let state = self.store.project(id);
            if state.paused || state.checkout.as_ref() == Some(path) {
                continue;
            }
            let Some(before) = self.paused_before(prepared) else { continue };
            self.store.update_project(id, |state| {
                state.paused = true;
                state.checkout = Some(path.clone());
            })?;
            let message = format!(
                "its checkout was that of project `{before}`, which is paused; so it is paused, too, until it is resumed"
            );
            self.bus.notice(id, None, NoticeKind::Checkout, before.as_str(), message);
        }
        Ok(())
    }

    /// The paused project, not in the configuration any more, that had this one's checkout.
    fn paused_before(&self, prepared: &Prepared) -> Option<ProjectId> {
        let path = &prepared.project.path;
        let is_gone = |id: &ProjectId| !self.projects.iter().any(|other| other.project.id == *id);
        let known = self.store.known_projects().into_iter();
        let mut paused = known.filter(|id| is_gone(id) && self.store.project(id).paused).peekable();
        // Nothing is read of any repository where nothing was paused.
        paused.peek()?;
        let trees = worktrees_in(path, &self.state_directory.join("workspaces"));
        paused.find(|id| {
            let is_tree_of = |tree: &String| tree.split('.').next() == Some(id.as_str());
            self.store.project(id).checkout.as_ref() == Some(path) || trees.iter().any(is_tree_of)
        })
    }
}
