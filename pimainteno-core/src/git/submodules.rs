//! The files of submodules, at the commits that are recorded, of what the checkout has of them.
//!
//! Nothing is fetched, and nothing of theirs is run: Git reads their commits where the repository
//! keeps them, in the sandbox, and writes plain files without a repository, in which it would look
//! for settings.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use super::{
    command::Call,
    tracked::{LIST_LIMIT, entries},
    workspace::Workspace,
};
use crate::{
    error::{Context, ErrorKind, Result},
    words::CommitId,
};

/// The most submodules that are written, those in others included.
const MOST: usize = 256;

/// A submodule: where it is, and at which commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submodule {
    pub(crate) path: PathBuf,
    pub(crate) commit: CommitId,
}

/// A submodule that is to be written, and where its repository may be.
struct Wanted {
    submodule: Submodule,
    repositories: Vec<PathBuf>,
}

impl Workspace {
    /// The submodules of what is staged, not those in others.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn submodules(&self) -> Result<Vec<Submodule>> {
        staged(self.call(LIST)).await
    }

    /// Writes the files of `submodules`, and of those in them, into `directory`, each at its place;
    /// tells in a line each which cannot be had.
    ///
    /// # Errors
    /// If something cannot be written.
    pub(crate) async fn write_submodules(
        &self,
        submodules: Vec<Submodule>,
        directory: &Path,
    ) -> Result<Vec<String>> {
        let names = self.names(self.top()).await;
        let modules = self.checkout.common_directory().join("modules");
        let of_checkout = |path: &Path| {
            // A linked worktree keeps its own.
            let place = self.checkout.top().join(path);
            let link = fs::read_to_string(place.join(".git")).ok()?;
            fs::canonicalize(place.join(link.trim_end().strip_prefix("gitdir: ")?)).ok()
        };
        let wanted = submodules.into_iter().map(|submodule| {
            let named = names.get(&submodule.path).map(|name| modules.join(name));
            let repositories = named.into_iter().chain(of_checkout(&submodule.path)).collect();
            Wanted { submodule, repositories }
        });
        let (mut rest, mut absent) = (wanted.collect::<VecDeque<_>>(), Vec::new());
        let mut written = 0;
        while let Some(Wanted { submodule: Submodule { path, commit }, repositories }) =
            rest.pop_front()
        {
            written += 1;
            let place = directory.join(&path);
            fs::create_dir_all(&place)
                .context(ErrorKind::Git, || format!("cannot create `{}`", place.display()))?;
            let repository = repositories.into_iter().find(|place| place.join("HEAD").exists());
            let Some(repository) = repository.filter(|_| written <= MOST) else {
                absent.push(format!("the checkout has nothing of submodule `{}`", path.display()));
                continue;
            };
            let git = |arguments: &[&str]| self.call_in(&repository, &place, arguments);
            let read = git(&["read-tree", &commit]).output().await?;
            if !read.success() {
                let (path, said) = (path.display(), read.tail(1));
                absent.push(format!(
                    "the checkout does not give submodule `{path}` at its commit {commit:.12}: {said}"
                ));
                continue;
            }
            git(&["checkout-index", "--all", "--force"]).text().await?;
            let inner = staged(git(&LIST)).await?;
            if inner.is_empty() {
                continue;
            }
            let names = self.names(&place).await;
            rest.extend(inner.into_iter().map(|inner| {
                Wanted {
                    repositories: names
                        .get(&inner.path)
                        .map(|name| repository.join("modules").join(name))
                        .into_iter()
                        .collect(),
                    submodule: Submodule { path: path.join(inner.path), commit: inner.commit },
                }
            }));
        }
        Ok(absent)
    }

    /// What the submodules of the files in `tree` are called, by their places; a name decides where
    /// the repository keeps one.
    async fn names(&self, tree: &Path) -> BTreeMap<PathBuf, PathBuf> {
        let file = tree.join(".gitmodules");
        let (config, paths) = (["config", "-z", "--file"], r"^submodule\..*\.path$");
        let of_file = [file.as_path(), Path::new("--get-regexp"), Path::new(paths)];
        let call = self.call(config.map(Path::new).into_iter().chain(of_file));
        // Without the file, Git says no.
        let list = call.output_limit(LIST_LIMIT).bytes().await.unwrap_or_default();
        let name = |entry: &[u8]| {
            let (key, path) = std::str::from_utf8(entry).ok()?.split_once('\n')?;
            let name = PathBuf::from(key.strip_prefix("submodule.")?.strip_suffix(".path")?);
            let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
            is_plain.then(|| (PathBuf::from(path.trim_end_matches('/')), name))
        };
        entries(&list).filter_map(name).collect()
    }

    /// A call on the repository of a submodule, with its files in `place`, and an index that is of
    /// no use behind it.
    fn call_in(&self, repository: &Path, place: &Path, arguments: &[&str]) -> Call {
        self.git
            .call(place, arguments)
            .env("GIT_DIR", repository)
            .env("GIT_WORK_TREE", place)
            .env("GIT_INDEX_FILE", self.git_directory.join("submodule.index"))
            .env("GIT_NO_LAZY_FETCH", "1")
            .within(self.session())
    }
}

/// Lists what is staged.
const LIST: [&str; 3] = ["ls-files", "--stage", "-z"];

async fn staged(list: Call) -> Result<Vec<Submodule>> {
    let list = list.output_limit(LIST_LIMIT).bytes().await?;
    let submodule = |entry: &[u8]| {
        let entry = entry.strip_prefix(b"160000 ")?;
        let (head, path) = entry.split_at_checked(entry.iter().position(|byte| *byte == b'\t')?)?;
        let commit = std::str::from_utf8(head).ok()?.split(' ').next()?.parse().ok()?;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(path.get(1..)?));
        Some(Submodule { path, commit })
    };
    Ok(entries(&list).filter_map(submodule).collect())
}
