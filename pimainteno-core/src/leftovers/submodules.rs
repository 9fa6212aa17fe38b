//! The files of submodules, as a layer below what checks write: the workspace has none of them,
//! because Git would look into what it finds in their places.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Leftovers, TREE, Way};
use crate::{
    error::{Context, ErrorKind, Result},
    git::{Submodule, Workspace},
    process::{remove, remove_all_in},
    words::Sha256,
};

/// How many sets of them are kept: that of the base, that of a change, and the one before.
const KEPT: usize = 3;

/// Where everything is, in a project's private place.
const PLACE: &str = "submodules";

impl Leftovers {
    /// Lets what is tried see the files of these submodules; tells in a line each which cannot be
    /// had.
    ///
    /// # Errors
    /// If something cannot be written.
    pub(crate) async fn see_submodules(
        &self,
        submodules: Vec<Submodule>,
        workspace: &Workspace,
    ) -> Result<Vec<String>> {
        if submodules.is_empty() {
            self.now().submodules = None;
            return Ok(Vec::new());
        }
        if self.way != Way::Layers {
            let is_there = |submodule: &Submodule| {
                fs::read_dir(workspace.top().join(&submodule.path))
                    .is_ok_and(|mut entries| entries.next().is_some())
            };
            return match submodules.iter().all(is_there) {
                true => Ok(Vec::new()),
                false => workspace.write_submodules(submodules, workspace.top()).await,
            };
        }
        let key = key(&submodules);
        let place = self.submodules(&key);
        let mut absent = Vec::new();
        if !place.is_dir() {
            let new = self.place.join(PLACE).join("new");
            let told = || format!("cannot keep submodules in `{}`", new.display());
            let make = || {
                self.remove_surplus()?;
                remove(&new)?;
                fs::create_dir(&new)
            };
            make().context(ErrorKind::Process, told)?;
            absent = workspace.write_submodules(submodules, &new).await?;
            fs::rename(&new, &place).context(ErrorKind::Process, told)?;
            if !absent.is_empty() {
                fs::write(place.with_extension("absent"), absent.join("\n"))
                    .context(ErrorKind::Process, told)?;
            }
        } else if let Ok(lines) = fs::read_to_string(place.with_extension("absent")) {
            absent = lines.lines().map(str::to_owned).collect();
        }
        self.now().submodules = Some(key);
        Ok(absent)
    }

    /// Makes the place for a run. What could not be had may be there by now.
    pub(super) fn begin_submodules(&self) -> io::Result<()> {
        let place = self.place.join(PLACE);
        fs::create_dir_all(&place)?;
        for entry in fs::read_dir(&place)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "absent") {
                remove(&path.with_extension(""))?;
                remove(&path)?;
            }
        }
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

    fn remove_surplus(&self) -> io::Result<()> {
        let place = self.place.join(PLACE);
        if fs::read_dir(&place)?.count() >= KEPT { remove_all_in(&place) } else { Ok(()) }
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
