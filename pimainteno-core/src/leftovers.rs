//! What checks leave beside the project's files: builds, installed packages, caches of tools.
//!
//! It makes the next build fast, and it can make the next check lie: a stale or forged file says
//! "passed". So it is written into a *layer* on top of the workspace and of the caches
//! (`overlayfs`), which is merged into what is *kept* when the change that it was written for is
//! delivered, and dropped in any other case. The workspace itself holds the files of Git and
//! nothing else.
//!
//! | in the project's private place | what |
//! |---|---|
//! | `kept/` | what delivered changes left, and `generation`, which names its state |
//! | `trials/base/` | what steps leave before there is a change |
//! | `trials/change/` | what is left by steps and checks with the change at hand; seen by everything that is tried on it |
//! | `trials/aside/` | what is left by trying something else for comparison: the base, old tests, a broken project; removed before the next one |
//! | `prepared/` | what `prepare` made and fetched, see `leftovers/prepared.rs` |
//! | `downloads/` | where that is seen which it fetched |
//! | `submodules/` | the files of submodules, see `leftovers/submodules.rs` |
//! | `merging/` | layers on their way into `kept/`; a run that was cut off is finished by the next one |
//! | `caches/` | where checks see the caches |
//! | `settings/` | an empty directory, in which tools look for settings |
//!
//! Each place of a layer has its parts: `tree`, beside the project's files, `caches`, and `downloads`,
//! of which nothing is kept.
//!
//! Where there are no layers, nothing is kept: whatever is left is removed before another change is
//! tried, and builds start cold.

mod layer;
mod prepared;
mod project_files;
mod size;
mod submodules;
mod trial;

use std::{
    fs, io, iter,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use uuid::Uuid;

pub(crate) use trial::Trial;

use crate::{
    error::{Context, ErrorKind, Result},
    git::Workspace,
    process::{Layer, Limits, Used, remove, remove_all_in},
    words::Sha256,
};

/// The parts of a layer: what it lies upon.
const TREE: &str = "tree";
const CACHES: &str = "caches";
const DOWNLOADS: &str = "downloads";

/// The layers that are kept, the lowest first.
const KEPT: [&str; 2] = ["base", "change"];

/// What checks leave, and who sees it.
#[derive(Debug)]
pub(crate) struct Leftovers {
    place: PathBuf,
    way: Way,
    /// Whether the project has dependencies made ready.
    prepares: bool,
    /// What lay in the workspace and the caches when the run began; where there are layers,
    /// nothing that counts.
    at_start: OnceLock<Used>,
    now: Mutex<Now>,
}

/// How leftovers are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In layers.
    Layers,
    /// They are removed before something else is tried.
    Cold,
    /// Not at all, because the owner trusts what is run: they stay in the workspace.
    Warm,
}

#[derive(Debug)]
struct Now {
    trial: Trial,
    /// The change that `trials/change` is of.
    change: Option<String>,
    /// Which of what `prepare` made is seen.
    prepared: Option<Sha256>,
    /// Which of it the base sees.
    base: Option<Sha256>,
    /// Which submodules are seen.
    submodules: Option<Sha256>,
}

impl Leftovers {
    /// The leftovers in `place`, which is a project's private one; `prepares` is whether it has
    /// `prepare`.
    pub(crate) fn new(place: PathBuf, way: Way, prepares: bool) -> Self {
        Self {
            place,
            way,
            prepares,
            at_start: OnceLock::new(),
            now: Mutex::new(Now {
                trial: Trial::Base,
                change: None,
                prepared: None,
                base: None,
                submodules: None,
            }),
        }
    }

    /// Makes the place ready for a run: finishes what was on its way to be kept, and removes what a
    /// run left that was killed. To be called under the project's lock, before anything runs in
    /// a sandbox that sees the place.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] if something cannot be made or removed.
    pub(crate) fn begin(&self) -> Result<()> {
        let place = &self.place;
        let make = || {
            for name in ["kept/tree", "kept/caches", "trials", CACHES, "settings"] {
                fs::create_dir_all(place.join(name))?;
            }
            self.begin_prepared()?;
            self.begin_submodules()?;
            remove(&place.join("begun"))?;
            if place.join("merging").exists() && merge(place).is_err() {
                forget(place)?;
            }
            // Temporary directories of sandboxes.
            let runs = fs::read_dir(place)?.filter(|entry| {
                entry
                    .as_ref()
                    .is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("run-"))
            });
            runs.into_iter().try_for_each(|entry| remove(&entry?.path()))?;
            remove_all_in(&place.join("trials"))?;
            remove_all_in(&place.join("settings"))?;
            if self.way == Way::Warm { Ok(()) } else { remove_all_in(&self.caches()) }
        };
        make().context(ErrorKind::Process, || {
            format!("cannot make `{}` ready, where checks leave their files", place.display())
        })
    }

    /// Where checks see their caches.
    pub(crate) fn caches(&self) -> PathBuf {
        self.place.join(CACHES)
    }

    /// Where tools look for settings: an empty directory, which checks may not write to.
    pub(crate) fn settings(&self) -> PathBuf {
        self.place.join("settings")
    }

    /// What Git has to write to, of a project's private place.
    pub(crate) fn cleaned_by_git(place: &Path) -> Vec<PathBuf> {
        vec![place.join("trials"), place.join("kept").join(TREE), Self::place_of_submodules(place)]
    }

    /// The state of what a change begins with: another one after each that was delivered, and with
    /// other packages.
    pub(crate) fn state(&self) -> [String; 2] {
        let generation = fs::read_to_string(self.place.join("kept/generation"));
        [generation.unwrap_or_default(), self.prepared_key()]
    }

    /// The layers through which the trial at hand writes, over `workspace`.
    ///
    /// # Errors
    /// If their directories cannot be made.
    pub(crate) fn layers(&self, workspace: &Path) -> Result<Vec<Layer>> {
        if self.way != Way::Layers {
            return Ok(Vec::new());
        }
        let trial = self.now().trial.clone();
        let (own, below) = (self.trial(trial.name()), trial.below());
        let layer = |half: &str, at: &Path, first: Option<PathBuf>| {
            let (upper, work) = (own.join(half).join("upper"), own.join(half).join("work"));
            fs::create_dir_all(&upper)?;
            fs::create_dir_all(&work)?;
            let below =
                below.iter().map(|name| self.upper(name, half)).filter(|upper| upper.is_dir());
            let lower = first
                .into_iter()
                .chain(below)
                .chain(self.submodules_below(half))
                .chain(self.prepared_below(half))
                .chain(Some(self.kept(half)).filter(|_| half != DOWNLOADS))
                .collect();
            Ok::<_, io::Error>(Layer { at: at.to_owned(), lower, upper, work })
        };
        let all = || {
            let mut layers = vec![
                layer(TREE, workspace, Some(workspace.to_owned()))?,
                layer(CACHES, &self.caches(), None)?,
            ];
            if self.prepares {
                layers.push(layer(DOWNLOADS, &self.downloads(), None)?);
            }
            Ok::<_, io::Error>(layers)
        };
        all().context(ErrorKind::Process, || {
            format!("cannot make `{}`, where checks leave their files", own.display())
        })
    }

    /// Lets the run begin: in `workspace` there is nothing but the project's files, and what is
    /// kept is what lies beside them now. Tells in a line what could not be made so.
    ///
    /// # Errors
    /// If what is kept can neither be looked through nor removed.
    pub(crate) async fn start(&self, workspace: &Workspace) -> Result<Option<String>> {
        if self.way == Way::Warm {
            return Ok(None);
        }
        // What somebody else owns, as what a container left, is not a reason to do nothing any
        // more.
        let told = workspace
            .remove_ignored()
            .await
            .err()
            .map(|error| format!("{error}; the checks see what is left there"));
        if self.way == Way::Cold {
            let size = self.size(workspace.top()).unwrap_or_default();
            self.at_start.get_or_init(|| size);
            // From when there were layers.
            if self.has_kept() {
                self.forget()?;
            }
        // What was ignored once need not be any more.
        } else if let Err(error) = self.clean(&self.kept(TREE), &[], workspace).await {
            return self.give_up(error).map(Some);
        }
        Ok(told)
    }

    /// Lets `trial` see what it may, and nothing of what another change or an earlier comparison
    /// left. The workspace holds the files that are tried.
    ///
    /// # Errors
    /// If leftovers cannot be removed, or Git cannot tell which.
    pub(crate) async fn turn_to(&self, trial: Trial, workspace: &Workspace) -> Result<()> {
        let is_other_change = {
            let mut now = self.now();
            now.trial = trial.clone();
            match &trial {
                Trial::Change(change) => {
                    now.change.replace(change.clone()).is_some_and(|before| before != *change)
                }
                _ => false,
            }
        };
        match self.way {
            Way::Warm => Ok(()),
            Way::Cold if is_other_change || trial == Trial::Alone => {
                workspace.remove_ignored().await?;
                let caches = self.caches();
                remove_all_in(&caches).context(ErrorKind::Process, || {
                    format!("cannot empty `{}`, where checks leave their files", caches.display())
                })
            }
            Way::Cold => Ok(()),
            Way::Layers => {
                self.drop_layer("aside")?;
                if is_other_change {
                    self.drop_layer("change")?;
                }
                self.clean_layers(workspace).await
            }
        }
    }

    /// What earlier commands of the run left, of what the trial at hand sees.
    ///
    /// # Errors
    /// If it cannot be found out.
    pub(crate) fn used(&self, workspace: &Path) -> Result<Used> {
        let size = self.size(workspace).context(ErrorKind::Process, || {
            format!(
                "cannot find out how much the commands of this run left in `{}`",
                self.place.display()
            )
        })?;
        Ok(size.without(*self.at_start.get_or_init(Used::default)))
    }

    /// Whether the checks of the change at hand have left anything, as far as that is told apart.
    pub(crate) fn has_left(&self) -> bool {
        match self.way {
            Way::Layers => self.is_left_in("change"),
            Way::Cold => true,
            Way::Warm => false,
        }
    }

    /// Whether anything is kept from earlier changes.
    pub(crate) fn has_kept(&self) -> bool {
        self.way != Way::Warm && [TREE, CACHES].iter().any(|half| !is_empty(&self.kept(half)))
    }

    /// Removes what is kept, and what the change at hand left on top of it; gives what is told of
    /// it.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn renounce(&self, why: &str) -> Result<String> {
        ["aside", "change"].iter().try_for_each(|name| self.drop_layer(name))?;
        self.forget_prepared().context(ErrorKind::Process, || {
            format!("cannot remove what `prepare` made in `{}`", self.place.display())
        })?;
        self.give_up(why)
    }

    /// Keeps what the delivered change left, and forgets what it removed; tells in a line what went
    /// wrong or what was given up because it is too much.
    ///
    /// # Errors
    /// If it can neither be kept nor removed.
    pub(crate) async fn keep(
        &self,
        workspace: &Workspace,
        limits: &Limits,
    ) -> Result<Option<String>> {
        if self.way != Way::Layers {
            return Ok(None);
        }
        self.drop_layer("aside")?;
        if let Err(error) = self.clean_layers(workspace).await {
            return self.give_up(error).map(Some);
        }
        let left: Vec<_> = KEPT.into_iter().filter(|name| self.is_left_in(name)).collect();
        if left.is_empty() {
            return Ok(None);
        }
        let merged = || {
            // Both at once, or none.
            let (begun, merging) = (self.place.join("begun"), self.place.join("merging"));
            fs::create_dir(&begun)?;
            left.iter().try_for_each(|name| fs::rename(self.trial(name), begun.join(name)))?;
            fs::rename(begun, merging)?;
            merge(&self.place)?;
            Used::of(&self.place.join("kept"))
        };
        match merged() {
            Ok(size) => size.excess(limits).map(|excess| self.give_up(excess)).transpose(),
            Err(error) => self.give_up(error).map(Some),
        }
    }

    /// Removes what nobody is to see any more.
    pub(crate) fn drop_all(&self) {
        for name in ["aside", "change", "base"] {
            if let Err(error) = self.drop_layer(name) {
                // The next run tries again, and says so if it cannot.
                tracing::debug!(%error, "What checks left cannot be removed.");
            }
        }
    }

    /// Removes what is kept; gives what is told of it.
    fn give_up(&self, why: impl std::fmt::Display) -> Result<String> {
        self.forget()?;
        Ok(format!("what checks left is not kept any more, so the next ones start cold: {why}"))
    }

    /// How much lies where the trial at hand writes.
    fn size(&self, workspace: &Path) -> io::Result<Used> {
        match self.way {
            Way::Layers => {
                // What another trial left is not this one's fault: a change could make the base
                // fail by it, and be excused.
                let trial = self.now().trial.clone();
                let seen = iter::once(trial.name()).chain(trial.below().iter().copied());
                let layers = seen.map(|name| self.trial(name));
                layers
                    .filter(|layer| layer.is_dir())
                    .try_fold(Used::default(), |all, layer| Ok(all.with(Used::of(&layer)?)))
            }
            Way::Cold => Ok(Used::of(workspace)?.with(Used::of(&self.caches())?)),
            Way::Warm => Ok(Used::default()),
        }
    }

    fn forget(&self) -> Result<()> {
        forget(&self.place).context(ErrorKind::Process, || {
            format!("cannot remove `{}`", self.place.join("kept").display())
        })
    }

    fn drop_layer(&self, name: &str) -> Result<()> {
        let layer = self.trial(name);
        remove(&layer).context(ErrorKind::Process, || {
            format!("cannot remove `{}`, which a check left", layer.display())
        })
    }

    async fn clean_layers(&self, workspace: &Workspace) -> Result<()> {
        for name in KEPT {
            self.clean(&self.upper(name, TREE), &self.below(name), workspace).await?;
        }
        Ok(())
    }

    /// Removes from a directory that lies over or under the workspace what Git is not told to
    /// ignore, and what covers files of the project.
    async fn clean(
        &self,
        directory: &Path,
        below: &[PathBuf],
        workspace: &Workspace,
    ) -> Result<()> {
        if is_empty(directory) {
            return Ok(());
        }
        let told =
            || format!("cannot look through `{}`, where checks left files", directory.display());
        layer::uncover(directory, workspace.top(), below).context(ErrorKind::Process, told)?;
        layer::lend_ignore_files(directory, workspace.top(), true)
            .context(ErrorKind::Process, told)?;
        let cleaned = workspace.clean_layer(directory).await;
        layer::uncover(directory, workspace.top(), &[]).context(ErrorKind::Process, told)?;
        cleaned
    }

    /// What shows through a layer beside the workspace.
    fn below(&self, name: &str) -> Vec<PathBuf> {
        KEPT.iter()
            .take_while(|layer| **layer != name)
            .map(|layer| self.upper(layer, TREE))
            .chain([self.kept(TREE)])
            .collect()
    }

    fn is_left_in(&self, name: &str) -> bool {
        [TREE, CACHES, DOWNLOADS].iter().any(|half| !is_empty(&self.upper(name, half)))
    }

    fn kept(&self, half: &str) -> PathBuf {
        self.place.join("kept").join(half)
    }

    fn trial(&self, name: &str) -> PathBuf {
        self.place.join("trials").join(name)
    }

    fn upper(&self, name: &str, half: &str) -> PathBuf {
        self.trial(name).join(half).join("upper")
    }

    /// Where the trial at hand writes what lies beside the project's files.
    fn own_tree(&self) -> PathBuf {
        self.upper(self.now().trial.name(), TREE)
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves what is in `merging` into what is kept. It may have been begun before.
fn merge(place: &Path) -> io::Result<()> {
    // Half merged is a state of its own.
    fs::write(place.join("kept/generation"), Uuid::now_v7().simple().to_string())?;
    for (name, half) in KEPT.into_iter().flat_map(|name| [(name, TREE), (name, CACHES)]) {
        let upper = place.join("merging").join(name).join(half).join("upper");
        if upper.is_dir() {
            layer::merge(&upper, &place.join("kept").join(half))?;
        }
    }
    remove(&place.join("merging"))
}

/// Whether there is nothing in a directory, or no directory.
fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}

/// Removes what is kept, at once, and what was on its way there.
fn forget(place: &Path) -> io::Result<()> {
    let forgotten = place.join("trials/forgotten");
    remove(&forgotten)?;
    // Another directory under the same name: whoever works in the old one keeps that.
    fs::rename(place.join("kept"), &forgotten)?;
    [TREE, CACHES].iter().try_for_each(|half| fs::create_dir_all(place.join("kept").join(half)))?;
    remove(&place.join("merging"))?;
    remove(&forgotten)
}

#[cfg(test)]
mod tests;
