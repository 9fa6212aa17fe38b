//! What commands do to the files of the project: seen in layers, brought to the workspace, undone.

use std::{fs, io, path::Path};

use super::{Leftovers, TREE, Way, is_empty, layer};
use crate::{
    error::{Context, ErrorKind, Result},
    git::{FILES_LIMIT, Workspace, too_large},
};

impl Leftovers {
    /// Lets the trial at hand see `content` in the place of a file of the project, or no file. The
    /// workspace stays as it is where that can be, so that its files are no newer than what was
    /// built of them.
    ///
    /// # Errors
    /// If it cannot be written or removed.
    pub(crate) fn replace(
        &self,
        workspace: &Workspace,
        file: &Path,
        content: Option<&str>,
    ) -> Result<()> {
        let (top, file) = (workspace.top(), workspace.scope().outer(file));
        let tree = if self.way == Way::Layers { self.own_tree() } else { top.to_owned() };
        let place = tree.join(&file);
        let replace = || match content {
            Some(content) => {
                place.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(&place, content)?;
                fs::set_permissions(&place, fs::metadata(top.join(&file))?.permissions())
            }
            None if self.way == Way::Layers => layer::remove_below(&tree, &file),
            None => fs::remove_file(&place),
        };
        replace().context(ErrorKind::Process, || format!("cannot write to `{}`", place.display()))
    }

    /// The files of the repository, from its top on, that are seen otherwise than the workspace has
    /// them staged: what a step did to them.
    ///
    /// # Errors
    /// If it cannot be found out.
    pub(crate) async fn edited(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let mut edited = workspace.edited().await?;
        if self.way == Way::Layers {
            let upper = self.own_tree();
            let tracked =
                if is_empty(&upper) { Vec::new() } else { workspace.tracked_everywhere().await? };
            for path in tracked {
                let sight = layer::sight(&upper, &path).context(ErrorKind::Process, || {
                    format!("cannot look at `{}`", upper.display())
                })?;
                if !matches!(sight, layer::Sight::Below) {
                    edited.push(path.display().to_string());
                }
            }
        }
        Ok(edited)
    }

    /// Brings what was done to the files of the project to the workspace, also new ones that Git is
    /// not told to ignore, from where the trial at hand writes.
    ///
    /// # Errors
    /// If something cannot be read or written.
    pub(crate) async fn bring(&self, workspace: &Workspace) -> Result<()> {
        let upper = self.own_tree();
        if self.way != Way::Layers || is_empty(&upper) {
            return Ok(());
        }
        let told = || {
            format!(
                "cannot bring what a command did to the project's files from `{}`",
                upper.display()
            )
        };
        let mut paths = workspace.tracked_everywhere().await?;
        layer::lend_ignore_files(&upper, workspace.top(), false)
            .context(ErrorKind::Process, told)?;
        paths.extend(workspace.untracked_in(&upper).await?);
        // Before anything is copied: a sparse file is small until then.
        let size = paths.iter().try_fold(0_u64, |size, path| {
            Ok::<_, io::Error>(match layer::sight(&upper, path)? {
                layer::Sight::Here(metadata) => size.saturating_add(metadata.len()),
                _ => size,
            })
        });
        if size.context(ErrorKind::Process, told)? > FILES_LIMIT {
            return Err(too_large());
        }
        paths
            .iter()
            .try_for_each(|path| layer::bring(&upper, workspace.top(), path))
            .context(ErrorKind::Process, told)?;
        self.clean_layers(workspace).await
    }

    /// Makes the files of the project be seen as the workspace holds them, whatever a check wrote
    /// to them. What is not the project's stays.
    ///
    /// # Errors
    /// If something cannot be removed, or Git cannot restore the workspace.
    pub(crate) async fn restore(&self, workspace: &Workspace) -> Result<()> {
        if self.way != Way::Layers {
            return workspace.restore().await;
        }
        let (upper, below) = (self.own_tree(), self.below(self.now().trial.name()));
        if !upper.is_dir() {
            return Ok(());
        }
        let uncover = || {
            layer::uncover(&upper, workspace.top(), &below)?;
            let submodules = self.submodules_below(TREE);
            submodules.map_or(Ok(()), |files| layer::uncover(&upper, &files, &[]))
        };
        uncover().context(ErrorKind::Process, || {
            format!(
                "cannot remove from `{}` what a check did to the project's files",
                upper.display()
            )
        })
    }
}
