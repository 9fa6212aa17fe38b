//! Forgetting a project: taking away what its runs left, and nothing of anybody else's.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Prepared, Runner};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    git::{Checkout, Git, checkout_of, top_above},
    process::remove,
    step::summarize::{SUMMARY_FILE, remove_summary},
    words::ProjectId,
};

/// What was taken away of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// The project's id.
    pub project: ProjectId,
    /// The directories and files that were removed.
    pub removed: Vec<PathBuf>,
    /// What was not, a line each, and why.
    pub left: Vec<String>,
    /// Whether its runs are forgotten, too.
    pub history: bool,
}

impl Runner {
    /// The projects that are not in the configuration and of which something is left that runs
    /// would need: workspaces, caches, what is remembered.
    pub(crate) fn left_over(&self) -> Vec<ProjectId> {
        let remembered = self.store.known_projects().into_iter();
        let mut left: BTreeSet<ProjectId> =
            remembered.filter(|id| !self.store.project(id).is_forgotten()).collect();
        for place in ["workspaces", "sandbox"] {
            let entries = fs::read_dir(self.state_directory.join(place)).into_iter().flatten();
            for name in entries.flatten().map(|entry| entry.file_name()) {
                left.extend(project_of(&name));
            }
        }
        left.retain(|id| !self.projects.iter().any(|prepared| prepared.project.id == *id));
        left.into_iter().collect()
    }

    /// Removes the workspaces of a project, with what its repository knows of them, its caches, the
    /// summary in its checkout and what the store remembers; its runs only with `history`.
    ///
    /// What was removed before is gone already: where this is cut off, doing it again finishes it.
    /// The store is last, as it knows where the checkout is.
    pub(crate) async fn forget(&self, name: &str, history: bool) -> Result<Forgotten> {
        let configured = self.project(name).ok();
        let id = match &configured {
            Some(prepared) => prepared.project.id.clone(),
            None => self.known(name)?,
        };
        self.forgettable(&id, configured.as_deref())?;
        let mut forgotten =
            Forgotten { project: id.clone(), removed: Vec::new(), left: Vec::new(), history };
        let workspaces = self.state_directory.join("workspaces");
        let trees = self.trees_of(&id);
        let [workspace, agent_tree] = &trees;
        let path = match &configured {
            Some(prepared) => Some(prepared.project.path.clone()),
            None => {
                let remembered = self.store.project(&id).checkout.clone();
                remembered.or_else(|| checkout_of(workspace)).or_else(|| checkout_of(agent_tree))
            }
        };
        if path.is_some() {
            self.store.update_project(&id, |state| state.checkout.clone_from(&path))?;
        }
        let checkout = match path.filter(|path| top_above(path).is_some()) {
            Some(path) => Some(Checkout::open(&path, Git::new(self.environment.clone())).await?),
            None => None,
        };
        let lock = match &checkout {
            Some(checkout) => {
                let busy = || {
                    refused(
                        format!("another run in the checkout of project `{id}` is going on"),
                        WAIT,
                    )
                };
                Some(checkout.lock(&trees).await?.ok_or_else(busy)?)
            }
            None => None,
        };
        let others = match &checkout {
            Some(checkout) => self.others_in(checkout, &id).await,
            None => Vec::new(),
        };
        let is_shared = self.is_used_by_others(&id);
        if let Some(checkout) = &checkout {
            self.forget_summary(checkout, &others, &mut forgotten).await?;
            if !is_shared {
                forgotten.removed.extend(checkout.forget_worktrees(&trees)?);
            }
        }
        let own = self.state_directory.join("sandbox").join(id.as_str());
        let workspaces = if is_shared { Vec::new() } else { beside(&workspaces, &id) };
        let places = workspaces.into_iter().chain(own.exists().then_some(own));
        let places: Vec<_> = places.collect();
        forgotten.removed.extend(places.clone());
        remove_places(places).await?;
        if let Some(checkout) = checkout.filter(|_| others.is_empty()) {
            checkout.remove_lock_file().await?;
        }
        drop(lock);
        let today = Timestamp::now().to_zoned(self.timezone.clone()).date();
        self.store.forget(&id, configured.is_some(), history, today)?;
        Ok(forgotten)
    }

    /// Removes the workspaces that a checkout had while it went by the name of another one of its
    /// projects. To be called under its lock.
    pub(super) async fn remove_former_workspaces(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
    ) -> Result<()> {
        let workspaces = self.state_directory.join("workspaces");
        for other in self.projects_in(&prepared.repository) {
            let id = &other.project.id;
            if *id == prepared.repository {
                continue;
            }
            checkout.forget_worktrees(&self.trees_of(id))?;
            remove_places(beside(&workspaces, id)).await?;
        }
        Ok(())
    }

    /// A project that is not in the configuration, by its id or the name that gives it.
    fn known(&self, name: &str) -> Result<ProjectId> {
        let left = self.left_over();
        let known = self.store.known_projects();
        let is_meant = |id: &&ProjectId| **id == *name || **id == ProjectId::of(name);
        left.iter().chain(&known).find(is_meant).cloned().ok_or_else(|| {
            let left: Vec<_> = left.iter().map(|id| id.as_str()).collect();
            let hint = match left.is_empty() {
                true => "nothing is left over of any project".to_owned(),
                false => format!("something is left over of: {}", left.join(", ")),
            };
            refused(format!("nothing is known of a project `{name}`"), hint)
        })
    }

    /// Whether a project may be forgotten now.
    fn forgettable(&self, id: &ProjectId, configured: Option<&Prepared>) -> Result<()> {
        if configured.is_some() && !self.store.project(id).paused {
            let message = format!("project `{id}` is in the configuration");
            return Err(refused(
                message,
                "take it out of there first, or pause it; then it stays paused",
            ));
        }
        if self.queue.is_busy(id) {
            return Err(refused(format!("a run of project `{id}` goes on"), WAIT));
        }
        if self.store.has_open_run(id)? {
            let message = format!("a run of project `{id}` was cut off and is not finished yet");
            let hint = match configured {
                Some(_) => "the next run of any project finishes it, or undoes it",
                None => {
                    "put the project back into the configuration, so that it is finished or undone"
                }
            };
            return Err(refused(message, hint));
        }
        Ok(())
    }

    /// The checkouts of the other projects that have their worktrees from the same repository.
    async fn others_in(&self, checkout: &Checkout, id: &ProjectId) -> Vec<Checkout> {
        let mut others = Vec::new();
        for other in self.projects.iter().filter(|other| other.project.id != *id) {
            let other =
                Checkout::open(&other.project.path, Git::new(self.environment.clone())).await;
            let is_in = |other: &Checkout| other.common_directory() == checkout.common_directory();
            others.extend(other.ok().filter(is_in));
        }
        others
    }

    /// Whether the workspace that goes by the project's id is that of others in its checkout, too.
    fn is_used_by_others(&self, id: &ProjectId) -> bool {
        self.projects.iter().any(|other| other.project.id != *id && other.repository == *id)
    }

    /// Removes the summary that was written last, and lets Git see a file of its name again; not
    /// where another project has the same place.
    async fn forget_summary(
        &self,
        checkout: &Checkout,
        others: &[Checkout],
        forgotten: &mut Forgotten,
    ) -> Result<()> {
        if checkout.is_tracked(SUMMARY_FILE).await? {
            return Ok(());
        }
        let place = |checkout: &Checkout| fs::canonicalize(checkout.path()).ok();
        if others.iter().any(|other| place(other) == place(checkout)) {
            return Ok(());
        }
        let file = checkout.path().join(SUMMARY_FILE);
        let was_there = fs::symlink_metadata(&file).is_ok();
        let summary = self.store.summary(&forgotten.project)?;
        let text = summary.as_ref().map(|summary| summary.text.as_str());
        let is_foreign = remove_summary(checkout.path(), text)
            .context(ErrorKind::Git, || format!("cannot remove `{}`", file.display()))?;
        if is_foreign {
            forgotten.left.push(format!("`{}` is somebody else's, or was changed", file.display()));
            return Ok(());
        }
        forgotten.removed.extend(was_there.then_some(file));
        if others.iter().any(|other| other.scope() == checkout.scope()) {
            return Ok(());
        }
        checkout.stop_excluding(SUMMARY_FILE).map(drop)
    }
}

/// What to do about a run that is in the way.
const WAIT: &str = "wait for its end";

fn refused(message: String, hint: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Usage, message).hint(hint)
}

/// The project that something in the state directory is of. What lies beside a workspace is called
/// after it, and an id has no full stop.
fn project_of(name: &OsStr) -> Option<ProjectId> {
    let name = name.to_str()?.split('.').next()?;
    let id = ProjectId::of(name);
    (id == name).then_some(id)
}

/// The workspaces of a project, and what lies beside them.
fn beside(workspaces: &Path, id: &ProjectId) -> Vec<PathBuf> {
    let entries = fs::read_dir(workspaces).into_iter().flatten().flatten();
    let is_of = |entry: &fs::DirEntry| project_of(&entry.file_name()).as_ref() == Some(id);
    let mut found: Vec<_> = entries.filter(is_of).map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// Removes what builds may have left millions of files in.
async fn remove_places(places: Vec<PathBuf>) -> Result<()> {
    let remove = |place: &PathBuf| {
        remove(place).context(ErrorKind::Store, || format!("cannot remove `{}`", place.display()))
    };
    let removal = tokio::task::spawn_blocking(move || places.iter().try_for_each(remove));
    removal
        .await
        .map_err(|source| Error::new(ErrorKind::Internal, "a removal was lost").source(source))?
}
