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
    process::{Limits, Used, remove, remove_all_in},
    words::Sha256,
};

/// How many sets of them are kept: that of the base, that of a change, and the one before.
const KEPT: usize = 3;

/// Where everything is, in a project's private place.
const PLACE: &str = "submodules";

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
                    self.write_submodules(submodules, workspace, workspace.top(), used, limits)
                        .await
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
                self.write_submodules(submodules, workspace, &place, used, limits).await?
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
    ) -> Result<Vec<String>> {
        let mut excess = |written: &Path| {
            let with = used.with(Used::of(written)?);
            let excess = with.excess(limits);
            used = if excess.is_none() { with } else { used };
            Ok(excess)
        };
        let scratch = self.place.join(PLACE).join("new");
        let mut to = Destination { directory, scratch: &scratch, excess: &mut excess };
        workspace.write_submodules(submodules, &mut to).await
    }

    /// Makes the place for a run.
    pub(super) fn begin_submodules(&self) -> io::Result<()> {
        let place = self.place.join(PLACE);
        fs::create_dir_all(&place)?;
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
        remove_all_in(&place)
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
