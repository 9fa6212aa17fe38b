//! What `prepare` made: packages beside the project's files, and what was fetched for them.
//!
//! Whoever makes packages runs what they bring, so nothing of one content of the files that it reads
//! is seen with another: neither packages nor what was fetched for them, which decides what is built
//! next as much as they do.
//!
//! | in `prepared/` | what |
//! |---|---|
//! | `<key>/tree`, `<key>/downloads` | what was made and fetched for the files that `prepare` reads, named by their fingerprint: layers below those of the trials, which nobody writes to |
//! | `lent/` | settings of package managers that the owner has, below all of that |
//! | `new/` | one that is being made; a run that was cut off makes it anew |
//! | `old/` | what nobody sees any more and is being removed: what has its name is whole |
//! | `at-hand` | where there are no layers: the fingerprint of what the workspace has, and its names |

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{DOWNLOADS, Leftovers, TREE, Trial, Way, layer};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    git::Workspace,
    process::{Layer, Limits, Used, remove, remove_all_in, remove_at_once},
    words::Sha256,
};

/// How many are kept: that of the base, that of a change that waits, and the one before.
const KEPT: usize = 3;

/// How exactly it is known when one was seen last: each look must not cost a write.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where everything is, in a project's private place.
const PLACE: &str = "prepared";

/// Where Cargo looks for its settings, in what is lent.
const CARGO_SETTINGS: &str = "cargo/config.toml";

impl Leftovers {
    /// Where package managers keep what they fetched.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.place.join(DOWNLOADS)
    }

    /// Lets package managers find these settings of Cargo beside what it fetches: it looks for both
    /// in one place.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn lend(&self, cargo: &str) -> Result<()> {
        let file = self.lent().join(CARGO_SETTINGS);
        if fs::read(&file).is_ok_and(|there| there == cargo.as_bytes()) {
            return Ok(());
        }
        let write = || {
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&file, cargo)
        };
        write().context(ErrorKind::Process, || format!("cannot write `{}`", file.display()))
    }

    /// Lets what is tried see what was made of files with this fingerprint; `false` if nothing was,
    /// and then nothing of any other is seen either.
    ///
    /// # Errors
    /// If what is kept of another one cannot be removed.
    pub(crate) fn see_prepared(&self, key: &Sha256, workspace: &Workspace) -> Result<bool> {
        if self.way != Way::Layers {
            return Ok(self.is_at_hand(key, workspace.top()));
        }
        let place = self.prepared(key);
        let mut now = self.now();
        now.prepared = None;
        if ![TREE, DOWNLOADS].iter().all(|half| place.join(half).is_dir()) {
            return Ok(false);
        }
        // A comparison sees for a while what was made for another one; that is no reason to forget.
        if now.trial == Trial::Base {
            now.base = Some(key.clone());
            let (made, kept) = (place.join(TREE), self.kept(TREE));
            remove_what_is_made(&made, &kept, workspace.top())
                .context(ErrorKind::Process, || {
                    format!("cannot remove from `{}` what `prepare` made anew", kept.display())
                })?;
        }
        // That it cannot be noted costs making it again one day.
        drop(note_seen(&place));
        now.prepared = Some(key.clone());
        Ok(true)
    }

    /// Makes ready where `prepare` writes; gives the layers for that. Where `is_trusted` is false it
    /// sees what was fetched for the dependencies with the fingerprint `base`. `None` if that cannot
    /// be told apart here.
    ///
    /// # Errors
    /// If something cannot be made or removed.
    pub(crate) async fn begin_preparing(
        &self,
        workspace: &Workspace,
        base: &Sha256,
        is_trusted: bool,
    ) -> Result<Option<Vec<Layer>>> {
        if self.way != Way::Layers && !is_trusted {
            return Ok(None);
        }
        if self.way == Way::Cold {
            workspace.remove_ignored().await?;
        }
        let new = self.new_one();
        let layer = |name: &str, at: &Path, lower: Vec<PathBuf>| {
            let (upper, work) = (new.join(name).join("upper"), new.join(name).join("work"));
            fs::create_dir_all(&upper)?;
            fs::create_dir_all(&work)?;
            Ok::<_, io::Error>(Layer { at: at.to_owned(), lower, upper, work })
        };
        let make = || {
            remove(&new)?;
            remove(&self.at_hand())?;
            let downloads = self.downloads();
            if self.way != Way::Layers {
                remove(&downloads)?;
                fs::create_dir_all(downloads.join("cargo"))?;
                fs::copy(self.lent().join(CARGO_SETTINGS), downloads.join(CARGO_SETTINGS))?;
                return Ok::<_, io::Error>(Vec::new());
            }
            let top = workspace.top();
            let tree = [top.to_owned()].into_iter().chain(self.submodules_below(TREE)).collect();
            let fetched = Some(self.prepared(base).join(DOWNLOADS))
                .filter(|fetched| !is_trusted && fetched.is_dir());
            let fetched = fetched.into_iter().chain([self.lent()]).collect();
            Ok(vec![layer(TREE, top, tree)?, layer(DOWNLOADS, &downloads, fetched)?])
        };
        make().map(Some).context(ErrorKind::Process, || {
            format!("cannot make `{}` ready for `prepare`", new.display())
        })
    }

    /// What the commands of `prepare` that ran already have left.
    ///
    /// # Errors
    /// If it cannot be found out.
    pub(crate) fn preparing(&self) -> Result<Used> {
        let new = self.new_one();
        let used = if new.is_dir() { Used::of(&new) } else { Ok(Used::default()) };
        used.context(ErrorKind::Process, || format!("cannot look through `{}`", new.display()))
    }

    /// Removes what `prepare` made before it failed.
    pub(crate) fn abandon_preparing(&self) {
        // The next run does it, and says so if it cannot.
        drop(remove(&self.new_one()));
    }

    /// Keeps what was made of files with this fingerprint, and that with the fingerprint `base`;
    /// gives how much it is.
    ///
    /// # Errors
    /// If it cannot be kept, or is more than the project's limits let it be.
    pub(crate) async fn keep_prepared(
        &self,
        key: &Sha256,
        base: &Sha256,
        workspace: &Workspace,
        limits: &Limits,
    ) -> Result<Used> {
        let new = self.new_one();
        let told = || format!("cannot keep what `prepare` made in `{}`", new.display());
        if self.way != Way::Layers {
            let names = workspace.untracked_names().await?;
            let lines = [key.to_string()].into_iter().chain(names).collect::<Vec<_>>().join("\n");
            fs::write(self.at_hand(), lines).context(ErrorKind::Process, told)?;
            return Ok(Used::default());
        }
        let (place, old, limits) = (self.prepared(key), self.old_one(), *limits);
        let (top, surplus) = (workspace.top().to_owned(), self.surplus([key, base]));
        let making = new.clone();
        let keep = move || {
            let made = making.join("made");
            fs::create_dir(&made)?;
            // What it did to the project's own files comes to nothing.
            layer::uncover(&making.join(TREE).join("upper"), &top, &[])?;
            for half in [TREE, DOWNLOADS] {
                fs::rename(making.join(half).join("upper"), made.join(half))?;
            }
            let size = Used::of(&made)?;
            if let Some(excess) = size.excess(&limits) {
                return Ok::<_, io::Error>(Err(excess));
            }
            // What has its name is whole, also after a power cut: nobody looks at it again.
            rustix::fs::syncfs(File::open(&made)?)?;
            remove_at_once(&place, &old)?;
            fs::rename(&made, &place)?;
            remove(&making)?;
            surplus?.iter().try_for_each(|place| remove_at_once(place, &old))?;
            Ok(Ok(size))
        };
        // There may be a hundred thousand files, on a card: everybody else goes on meanwhile.
        let kept = tokio::task::spawn_blocking(keep).await.map_err(|source| {
            Error::new(ErrorKind::Internal, "what was prepared was lost").source(source)
        })?;
        kept.context(ErrorKind::Process, told)?.map_err(|excess: String| {
            Error::new(ErrorKind::Step, format!("what `prepare` made is too much: {excess}"))
                .hint("raise the limit, or let it make less")
        })
    }

    /// Removes everything that `prepare` made and fetched.
    pub(super) fn forget_prepared(&self) -> io::Result<()> {
        self.now().prepared = None;
        for (_, place) in self.all_prepared()? {
            remove_at_once(&place, &self.old_one())?;
        }
        remove(&self.at_hand())
    }

    /// Makes the places for a run; removes what was not finished, and all of it where the project
    /// prepares nothing any more.
    pub(super) fn begin_prepared(&self) -> io::Result<()> {
        let (place, downloads) = (self.place.join(PLACE), self.downloads());
        remove(&self.old_one())?;
        if !self.prepares {
            self.forget_prepared()?;
            remove(&place)?;
            return remove(&downloads);
        }
        remove(&self.new_one())?;
        fs::create_dir_all(&downloads)?;
        fs::create_dir_all(self.lent())?;
        // Where layers are mounted there is nothing; without them, what is at hand is there.
        if self.way == Way::Layers { remove_all_in(&downloads) } else { Ok(()) }
    }

    /// The fingerprint of what is seen of it; empty if nothing is.
    pub(super) fn prepared_key(&self) -> String {
        self.now().prepared.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// The same of what the base sees.
    pub(crate) fn base_prepared(&self) -> String {
        self.now().base.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// What was made for the base, as it lies over the top of the workspace; where there are layers.
    pub(crate) fn prepared_for_base(&self) -> Option<PathBuf> {
        let base = self.now().base.clone().filter(|_| self.way == Way::Layers)?;
        Some(self.prepared(&base).join(TREE)).filter(|tree| tree.is_dir())
    }

    /// What lies below the layers of the trials: of what was made and fetched, and of what is lent.
    pub(super) fn prepared_below(&self, half: &str) -> Vec<PathBuf> {
        let made = self.now().prepared.as_ref().map(|key| self.prepared(key).join(half));
        let made = made.filter(|_| half == TREE || half == DOWNLOADS);
        made.into_iter().chain(Some(self.lent()).filter(|_| half == DOWNLOADS)).collect()
    }

    fn is_at_hand(&self, key: &Sha256, workspace: &Path) -> bool {
        let noted = fs::read_to_string(self.at_hand()).unwrap_or_default();
        let mut lines = noted.lines();
        lines.next() == Some(key.as_str())
            && lines.all(|name| fs::symlink_metadata(workspace.join(name)).is_ok())
    }

    /// Those that were not seen for the longest time and are too many beside these two, of which the
    /// first may be there or not.
    fn surplus(&self, spared: [&Sha256; 2]) -> io::Result<Vec<PathBuf>> {
        let mut all = self.all_prepared()?;
        all.sort();
        let is_new = !self.prepared(spared[0]).is_dir();
        let surplus = (all.len() + usize::from(is_new)).saturating_sub(KEPT);
        let old = all.into_iter().map(|(_, place)| place);
        let old = old.filter(|place| spared.iter().all(|key| *place != self.prepared(key)));
        Ok(old.take(surplus).collect())
    }

    /// Those that there are, with the time at which each was seen last.
    fn all_prepared(&self) -> io::Result<Vec<(SystemTime, PathBuf)>> {
        let (place, mut all) = (self.place.join(PLACE), Vec::new());
        if !place.is_dir() {
            return Ok(all);
        }
        for entry in fs::read_dir(place)? {
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

    fn old_one(&self) -> PathBuf {
        self.place.join(PLACE).join("old")
    }

    fn lent(&self) -> PathBuf {
        self.place.join(PLACE).join("lent")
    }

    fn at_hand(&self) -> PathBuf {
        self.place.join(PLACE).join("at-hand")
    }
}

/// Notes that a directory was seen, if that was not noted lately.
fn note_seen(place: &Path) -> io::Result<()> {
    let directory = File::open(place)?;
    let is_known = directory.metadata()?.modified()?.elapsed().is_ok_and(|since| since < DAY);
    if is_known { Ok(()) } else { directory.set_modified(SystemTime::now()) }
}

/// Removes from `kept` what stands in the place of something in `made`, with all that is in it,
/// unless it is a directory of the project: a directory that was made anew shows nothing old.
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
