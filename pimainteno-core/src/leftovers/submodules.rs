//! The files of submodules, as a layer below what checks write: the workspace has none of them,
//! because Git would look into what it finds in their places.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Leftovers, TREE, Way, is_empty};
use crate::{
    error::{Context, ErrorKind, Result},
    git::{Destination, Submodule, Workspace},
    process::{Limits, Used, remove, remove_at_once},
    words::Sha256,
};

/// How many sets of them are kept: that of the base, that of a change, and the one before.
const KEPT: usize = 3;

/// Where everything is, in a project's private place.
const PLACE: &str = "submodules";

/// What came of writing submodules.
struct Written {
    /// What cannot be had, in a line each.
    absent: Vec<String>,
    /// Whether one was more than the limits let there be.
    is_too_much: bool,
}

impl Leftovers {
    /// Lets what is tried see the files of these submodules, as far as they keep to `limits`; tells
    /// in a line each which cannot be had.
    ///
    /// # Errors
    /// If something cannot be written.
    pub(crate) async fn see_submodules(
        &self,
        submodules: Vec<Submodule>,
        workspace: &Workspace,
        limits: &Limits,
    ) -> Result<Vec<String>> {
        if submodules.is_empty() {
            self.now().submodules = None;
            return Ok(Vec::new());
        }
        if self.way != Way::Layers {
            let is_there =
                |submodule: &Submodule| !is_empty(&workspace.top().join(&submodule.path));
            return match submodules.iter().all(is_there) {
                true => Ok(Vec::new()),
                false => {
                    let used = Used::default();
                    let top = workspace.top();
                    let written =
                        self.write_submodules(submodules, workspace, top, used, limits).await?;
                    Ok(written.absent)
                }
            };
        }
        let key = key(&submodules);
        let known = self.now().absent_submodules.get(&key).cloned();
        let absent = match known {
            Some(absent) => absent,
            // What is missing may have come since an earlier run, and nothing else is written again.
            None => {
                let place = self.submodules(&key);
                let make = || {
                    self.remove_surplus(&key, limits)?;
                    fs::create_dir_all(&place)?;
                    Used::of(&self.place.join(PLACE))
                };
                let used = make().context(ErrorKind::Process, || {
                    format!("cannot keep submodules in `{}`", place.display())
                })?;
                let first = submodules.clone();
                let written = self.write_submodules(first, workspace, &place, used, limits).await?;
                if !written.is_too_much || !self.remove_others(&key)? {
                    written.absent
                } else {
                    // Beside the others they were.
                    let used = Used::of(&place).context(ErrorKind::Process, || {
                        format!("cannot look through `{}`", place.display())
                    })?;
                    self.write_submodules(submodules, workspace, &place, used, limits).await?.absent
                }
            }
        };
        let mut now = self.now();
        now.absent_submodules.insert(key.clone(), absent.clone());
        now.submodules = Some(key);
        Ok(absent)
    }

    async fn write_submodules(
        &self,
        submodules: Vec<Submodule>,
        workspace: &Workspace,
        directory: &Path,
        mut used: Used,
        limits: &Limits,
    ) -> Result<Written> {
        let mut is_too_much = false;
        let mut excess = |written: &Path| {
            let with = used.with(Used::of(written)?);
            let excess = with.excess(limits);
            used = if excess.is_none() { with } else { used };
            is_too_much |= excess.is_some();
            Ok(excess)
        };
        let scratch = self.place.join(PLACE).join("new");
        let mut to = Destination { directory, scratch: &scratch, excess: &mut excess };
        let absent = workspace.write_submodules(submodules, &mut to).await?;
        Ok(Written { absent, is_too_much })
    }

    /// Removes all sets but that with this key; says whether there were any.
    fn remove_others(&self, key: &Sha256) -> Result<bool> {
        let place = self.place.join(PLACE);
        self.now().absent_submodules.clear();
        let remove_all = || {
            let mut others = fs::read_dir(&place)?.collect::<io::Result<Vec<_>>>()?;
            others.retain(|entry| entry.file_name() != *key.as_str());
            let old = self.old_set();
            others.iter().try_for_each(|entry| remove_at_once(&entry.path(), &old))?;
            Ok::<_, io::Error>(!others.is_empty())
        };
        remove_all().context(ErrorKind::Process, || {
            format!("cannot remove submodules from `{}`", place.display())
        })
    }

    /// Makes the place for a run.
    pub(super) fn begin_submodules(&self) -> io::Result<()> {
        let place = self.place.join(PLACE);
        fs::create_dir_all(&place)?;
        remove(&self.old_set())?;
        remove(&place.join("new"))
    }

    /// What is seen of them beside the project's files.
    pub(super) fn submodules_below(&self, half: &str) -> Option<PathBuf> {
        let now = self.now();
        now.submodules.as_ref().filter(|_| half == TREE).map(|key| self.submodules(key))
    }

    /// What Git writes them to.
    pub(super) fn place_of_submodules(place: &Path) -> PathBuf {
        place.join(PLACE)
    }

    /// Makes room for the set with this key, if it is not there.
    fn remove_surplus(&self, key: &Sha256, limits: &Limits) -> io::Result<()> {
        let place = self.place.join(PLACE);
        let is_full = || {
            let takes_half = |used: Used| used.with(used).excess(limits).is_some();
            Ok::<_, io::Error>(
                fs::read_dir(&place)?.count() >= KEPT || takes_half(Used::of(&place)?),
            )
        };
        if self.submodules(key).is_dir() || !is_full()? {
            return Ok(());
        }
        self.now().absent_submodules.clear();
        let sets = fs::read_dir(&place)?.collect::<io::Result<Vec<_>>>()?;
        sets.iter().try_for_each(|set| remove_at_once(&set.path(), &self.old_set()))
    }

    /// What a set is called while it is removed: what has its name is whole.
    fn old_set(&self) -> PathBuf {
        self.place.join(PLACE).join("old")
    }

    fn submodules(&self, key: &Sha256) -> PathBuf {
        self.place.join(PLACE).join(key.as_str())
    }
}

fn key(submodules: &[Submodule]) -> Sha256 {
    let lines = submodules
        .iter()
        .map(|submodule| format!("{} {}", submodule.commit, submodule.path.display()));
    Sha256::of(&lines.collect::<Vec<_>>().join("\n"))
}
