//! Worktrees that a killed `git worktree add` left half made. Git cannot list its worktrees then,
//! in the user's checkout either.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{checkout::Checkout, scope::top_above};
use crate::process::survivors;

/// What Git writes of every worktree, in this order, before it says that it made one.
const FILES: [&str; 3] = ["gitdir", "commondir", "HEAD"];

/// Whether the repository of the checkout at `path` has a half made worktree for `workspace`, as
/// far as files tell where they usually are.
pub(crate) fn is_left_half_made(path: &Path, workspace: &Path) -> bool {
    let top = top_above(path).unwrap_or_else(|| path.to_owned());
    !half_made(&top.join(".git"), workspace).is_empty()
}

impl Checkout {
    /// Removes what a killed `git worktree add` left of `workspace`, unless a `git` works in the
    /// checkout: it may be the one that makes it.
    pub(super) fn remove_half_made(&self, workspace: &Path) {
        let left = half_made(self.common_directory(), workspace);
        if left.is_empty() || survivors::git_works_in(self.top()) {
            return;
        }
        for directory in left {
            // One that stays is in the way of the next run, which says so.
            drop(fs::remove_dir_all(directory));
        }
    }
}

fn half_made(common_directory: &Path, workspace: &Path) -> Vec<PathBuf> {
    worktrees(common_directory)
        .filter(|directory| is_half_made(directory) && is_of(directory, workspace))
        .collect()
}

/// Where a repository keeps what it knows of its worktrees.
pub(super) fn worktrees(common_directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(common_directory.join("worktrees")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// The top of the worktree that a repository keeps this directory for. Git notes it without
/// symbolic links, and may do so from the directory on.
pub(super) fn top_of(directory: &Path) -> Option<PathBuf> {
    let link = fs::read_to_string(directory.join("gitdir")).ok()?;
    fs::canonicalize(directory.join(link.trim_end_matches('\n')).parent()?).ok()
}

fn is_half_made(directory: &Path) -> bool {
    let is_whole =
        |file: &str| fs::metadata(directory.join(file)).is_ok_and(|metadata| metadata.len() > 0);
    directory.is_dir() && !FILES.iter().all(|file| is_whole(file))
}

/// Whether a half made worktree is the one of `workspace`: by what it says, or by its name if it
/// says nothing yet.
fn is_of(directory: &Path, workspace: &Path) -> bool {
    let said = fs::read_to_string(directory.join("gitdir")).unwrap_or_default();
    let (said, link) = (Path::new(said.trim_end_matches('\n')), workspace.join(".git"));
    if said.as_os_str().is_empty() {
        // Git counts up where the name is taken.
        let name = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned()
        };
        return name(directory) == name(workspace);
    }
    said == link
        || top_of(directory).is_some_and(|top| fs::canonicalize(workspace).ok() == Some(top))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{git::Git, process::Environment};

    #[tokio::test]
    async fn what_is_half_made_of_ours_is_removed_and_what_is_somebody_elses_or_whole_is_not() {
        let place = tempfile::tempdir().unwrap();
        let place = fs::canonicalize(place.path()).unwrap();
        fs::create_dir(place.join("radio")).unwrap();
        let environment = Environment::default()
            .with("PATH", std::env::var_os("PATH").unwrap())
            .with("GIT_CONFIG_GLOBAL", "/dev/null");
        let git = Git::new(environment);
        let run = async |arguments: &[&str]| {
            git.call(&place.join("radio"), arguments).text().await.unwrap()
        };
        run(&["init", "--quiet"]).await;
        run(&[
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b",
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            "first",
        ])
        .await;
        run(&["worktree", "add", "--quiet", "--detach", "../whole"]).await;
        let entry = |name: &str, files: &[(&str, &str)]| {
            let directory = place.join("radio/.git/worktrees").join(name);
            fs::create_dir(&directory).unwrap();
            files.iter().for_each(|(file, text)| fs::write(directory.join(file), text).unwrap());
            directory
        };
        let workspace = place.join("state/radio");
        let ours = format!("{}/.git\n", workspace.display());
        let begun = entry("radio", &[("locked", "initializing\n")]);
        let named = entry("radio1", &[("gitdir", &ours), ("commondir", "")]);
        let theirs = entry("theirs", &[("gitdir", "/home/ada/theirs/.git\n")]);
        assert!(is_left_half_made(&place.join("radio"), &workspace));
        let checkout = Checkout::open(&place.join("radio"), git.clone()).await.unwrap();
        checkout.remove_half_made(&workspace);
        assert!(!begun.exists() && !named.exists() && theirs.exists());
        assert!(
            place.join("radio/.git/worktrees/whole").exists()
                && !is_left_half_made(&place.join("radio"), &workspace)
        );
    }
}
