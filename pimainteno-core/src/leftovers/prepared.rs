//! What `prepare` made: packages beside the project's files, and what was fetched for them.
//!
//! | in `prepared/` | what |
//! |---|---|
//! | `downloads/` | what package managers fetch, whatever for; written by `prepare` alone |
//! | `<key>/` | what was made of the files that `prepare` reads, named by their fingerprint: a layer below those of the trials, which nobody writes to |
//! | `new/` | one that is being made; a run that was cut off makes it anew |
//! | `at-hand` | where there are no layers: the fingerprint of what the workspace has, and its names |

use std::{
    fs, io, iter,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{Leftovers, TREE, Trial, Way, is_empty, layer};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    git::Workspace,
    process::{Layer, Limits, Used, remove, remove_all_in},
    words::Sha256,
};

/// How many are kept: that of the base, that of a change that waits, and the one before.
const KEPT: usize = 3;

/// Where everything is, in a project's private place.
const PLACE: &str = "prepared";

impl Leftovers {
    /// Where package managers keep what they fetched.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.place.join(PLACE).join("downloads")
    }

    /// Lets what is tried see what was made of files with this fingerprint; `false` if nothing was.
    ///
    /// # Errors
    /// If what is kept of another one cannot be removed.
    pub(crate) fn see_prepared(&self, key: &Sha256, workspace: &Workspace) -> Result<bool> {
        if self.way != Way::Layers {
            return Ok(self.is_at_hand(key, workspace.top()));
        }
        let place = self.prepared(key);
        if !place.is_dir() {
            return Ok(false);
        }
        let mut now = self.now();
        // A comparison sees for a while what was made for another one; that is no reason to forget.
        if now.trial == Trial::Base {
            self.forget_stale(key, &place, workspace.top()).context(ErrorKind::Process, || {
                format!("cannot remove old packages from `{}`", self.kept(TREE).display())
            })?;
        }
        now.prepared = Some(key.clone());
        Ok(true)
    }

    /// Makes ready where `prepare` writes; gives the layers for that. What is made must not stay
    /// where `is_trusted` is false: then what was fetched before is written to through a layer, too.
    /// `None` if that cannot be told apart here.
    ///
    /// # Errors
    /// If something cannot be made or removed.
    pub(crate) async fn begin_preparing(
        &self,
        workspace: &Workspace,
        limits: &Limits,
        is_trusted: bool,
    ) -> Result<Option<Vec<Layer>>> {
        if self.way != Way::Layers && !is_trusted {
            return Ok(None);
        }
        if self.way == Way::Cold {
            workspace.remove_ignored().await?;
        }
        let (new, downloads) = (self.new_one(), self.downloads());
        let layer = |name: &str, at: &Path| {
            let (upper, work) = (new.join(name).join("upper"), new.join(name).join("work"));
            fs::create_dir_all(&upper)?;
            fs::create_dir_all(&work)?;
            Ok::<_, io::Error>(Layer {
                at: at.to_owned(),
                lower: iter::once(at.to_owned()).chain(self.submodules_below(name)).collect(),
                upper,
                work,
            })
        };
        let make = || {
            remove(&new)?;
            fs::create_dir_all(&downloads)?;
            // Whatever was fetched can be fetched again.
            if Used::of(&downloads)?.excess(limits).is_some() {
                remove_all_in(&downloads)?;
            }
            if self.way != Way::Layers {
                return Ok::<_, io::Error>(Vec::new());
            }
            let mut layers = vec![layer(TREE, workspace.top())?];
            if !is_trusted {
                layers.push(layer("downloads", &downloads)?);
            }
            Ok(layers)
        };
        make().map(Some).context(ErrorKind::Process, || {
            format!("cannot make `{}` ready for `prepare`", new.display())
        })
    }

    /// Keeps what was made of files with this fingerprint; gives how much it is.
    ///
    /// # Errors
    /// If it cannot be kept, or is more than the project's limits let it be.
    pub(crate) async fn keep_prepared(
        &self,
        key: &Sha256,
        workspace: &Workspace,
        limits: &Limits,
    ) -> Result<Used> {
        let told = || format!("cannot keep what `prepare` made in `{}`", self.new_one().display());
        if self.way != Way::Layers {
            let names = workspace.untracked_names().await?;
            let lines = [key.to_string()].into_iter().chain(names).collect::<Vec<_>>().join("\n");
            fs::write(self.at_hand(), lines).context(ErrorKind::Process, told)?;
            return Ok(Used::default());
        }
        let upper = self.new_one().join(TREE).join("upper");
        let keep = || {
            // What it did to the project's own files comes to nothing.
            layer::uncover(&upper, workspace.top(), &[])?;
            let size = Used::of(&upper)?;
            if let Some(excess) = size.excess(limits) {
                return Ok::<_, io::Error>(Err(excess));
            }
            let place = self.prepared(key);
            remove(&place)?;
            fs::rename(&upper, &place)?;
            remove(&self.new_one())?;
            self.remove_oldest(key)?;
            Ok(Ok(size))
        };
        keep().context(ErrorKind::Process, told)?.map_err(|excess: String| {
            Error::new(ErrorKind::Step, format!("what `prepare` made is too much: {excess}"))
                .hint("raise the limit, or let it make less")
        })
    }

    /// Removes everything that `prepare` made, but not what it fetched.
    pub(super) fn forget_prepared(&self) -> io::Result<()> {
        self.now().prepared = None;
        for (_, place) in self.all_prepared()? {
            remove(&place)?;
        }
        remove(&self.at_hand())
    }

    /// Makes the places for a run; removes what was not finished.
    pub(super) fn begin_prepared(&self) -> io::Result<()> {
        remove(&self.new_one())?;
        fs::create_dir_all(self.downloads())
    }

    /// The fingerprint of what is seen of it; empty if nothing is.
    pub(super) fn prepared_key(&self) -> String {
        self.now().prepared.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// What lies below the layers of the trials, if `half` is beside the project's files.
    pub(super) fn below_all(&self, half: &str) -> Option<PathBuf> {
        let now = self.now();
        now.prepared.as_ref().filter(|_| half == TREE).map(|key| self.prepared(key))
    }

    /// What is kept beside another set of packages is not for this one: of a directory that was
    /// made anew nothing old may be seen.
    fn forget_stale(&self, key: &Sha256, prepared: &Path, workspace: &Path) -> io::Result<()> {
        let note = self.place.join("kept").join("prepared");
        if fs::read_to_string(&note).is_ok_and(|noted| noted == key.as_str()) {
            return Ok(());
        }
        if !is_empty(&self.kept(TREE)) {
            remove_what_is_made(prepared, &self.kept(TREE), workspace)?;
        }
        fs::write(note, key.as_str())
    }

    fn is_at_hand(&self, key: &Sha256, workspace: &Path) -> bool {
        let noted = fs::read_to_string(self.at_hand()).unwrap_or_default();
        let mut lines = noted.lines();
        lines.next() == Some(key.as_str())
            && lines.all(|name| fs::symlink_metadata(workspace.join(name)).is_ok())
    }

    fn remove_oldest(&self, key: &Sha256) -> io::Result<()> {
        let mut all = self.all_prepared()?;
        all.sort();
        let surplus = all.len().saturating_sub(KEPT);
        let old = all.into_iter().map(|(_, place)| place);
        old.filter(|place| *place != self.prepared(key))
            .take(surplus)
            .try_for_each(|place| remove(&place))
    }

    /// Those that there are, with the time at which each was made.
    fn all_prepared(&self) -> io::Result<Vec<(SystemTime, PathBuf)>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.place.join(PLACE))? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.parse::<Sha256>().is_ok()) {
                all.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        Ok(all)
    }

    fn prepared(&self, key: &Sha256) -> PathBuf {
        self.place.join(PLACE).join(key.as_str())
    }

    fn new_one(&self) -> PathBuf {
        self.place.join(PLACE).join("new")
    }

    fn at_hand(&self) -> PathBuf {
        self.place.join(PLACE).join("at-hand")
    }
}

/// Removes from `kept` what stands in the place of something in `made`, with all that is in it,
/// unless it is a directory of the project.
fn remove_what_is_made(made: &Path, kept: &Path, project: &Path) -> io::Result<()> {
    for entry in fs::read_dir(made)? {
        let name = entry?.file_name();
        let (made, kept, project) = (made.join(&name), kept.join(&name), project.join(&name));
        let is_directory =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        if [&made, &kept, &project].into_iter().all(|path| is_directory(path)) {
            remove_what_is_made(&made, &kept, &project)?;
        } else {
            remove(&kept)?;
        }
    }
    Ok(())
}
