//! A project that was called otherwise before: a checkout that was moved, or a project that was
//! renamed, has another id, and what a person said of it is kept under the one before.

use super::{Prepared, Runner};
use crate::{
    error::Result,
    event::NoticeKind,
    git::{Scope, worktrees_in},
    words::ProjectId,
};

/// A project that was paused because its checkout was a paused one's before.
#[derive(Debug)]
pub(crate) struct CarriedPause {
    project: ProjectId,
    before: ProjectId,
}

impl Runner {
    /// Pauses each project whose checkout was a paused one's before; gives those, which are to be
    /// told by [`Self::tell_pauses`]. What was not paused goes on without a word.
    ///
    /// It is looked at once: where its checkout is, is remembered then, as after a run.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn carry_pauses_over(&self) -> Result<Vec<CarriedPause>> {
        let mut carried = Vec::new();
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
            carried.push(CarriedPause { project: id.clone(), before });
        }
        Ok(carried)
    }

    /// Says which projects were paused. Whoever hears it may ask the maintainer about them.
    pub(crate) fn tell_pauses(&self, carried: Vec<CarriedPause>) {
        for CarriedPause { project, before } in carried {
            let message = format!(
                "its checkout was that of project `{before}`, which is paused; so it is paused, too, until it is resumed"
            );
            self.bus.notice(&project, None, NoticeKind::Checkout, before.as_str(), message);
        }
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
        let scope = Scope::of_project(path)?;
        paused.find(|id| {
            let before = self.store.project(id).checkout.clone();
            let has_its_name = |tree: &String| tree.split('.').next() == Some(id.as_str());
            match before {
                Some(before) if before == *path => true,
                // A repository has other directories, too: one that is still there was not moved,
                // and in what was moved it has kept its place. The workspace of several projects
                // goes by the name of the first.
                Some(before) => {
                    !before.exists()
                        && scope.ends(&before)
                        && trees.iter().any(|tree| !scope.is_all() || has_its_name(tree))
                }
                None => trees.iter().any(has_its_name),
            }
        })
    }
}
