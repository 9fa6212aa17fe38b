//! The files of submodules, at the commits that are recorded, of what the checkout has of them.
//!
//! Nothing is fetched, and nothing of theirs is run: Git reads their commits where the repository
//! keeps them, in the sandbox, and writes plain files without a repository, in which it would look
//! for settings.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use super::{
    command::{Call, failed},
    tracked::{LIST_LIMIT, entries},
    workspace::Workspace,
};
use crate::{
    error::{Context, ErrorKind, Result},
    process::{End, remove},
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

/// Where the files of submodules are written.
pub(crate) struct Destination<'d> {
    /// What their places are in.
    pub(crate) directory: &'d Path,
    /// Where one is written before it gets to its place, on the same disk.
    pub(crate) scratch: &'d Path,
    /// What is too much about files that are there now, if anything.
    pub(crate) excess: &'d mut (dyn FnMut(&Path) -> io::Result<Option<String>> + Send),
}

/// What to do about a submodule that is not there.
const UPDATE: &str = "`git submodule update --init --recursive` there fetches it";

impl Workspace {
    /// The submodules of what is staged, not those in others.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn submodules(&self) -> Result<Vec<Submodule>> {
        staged(self.call(LIST)).await
    }

    /// Writes the files of `submodules`, and of those in them, to where they are not yet; tells in a
    /// line each which cannot be had, and what to do.
    ///
    /// # Errors
    /// If something cannot be written.
    pub(crate) async fn write_submodules(
        &self,
        submodules: Vec<Submodule>,
        to: &mut Destination<'_>,
    ) -> Result<Vec<String>> {
        let mut absent = Vec::new();
        let names = self.names_or_none(self.top(), &mut absent).await;
        let modules = self.checkout.common_directory().join("modules");
        let wanted = submodules.into_iter().map(|submodule| {
            let named = names.get(&submodule.path).map(|name| modules.join(name));
            let own = repository_at(&self.checkout.top().join(&submodule.path));
            Wanted { submodule, repositories: named.into_iter().chain(own).collect() }
        });
        let mut rest = wanted.collect::<VecDeque<_>>();
        let mut looked_at = 0;
        while let Some(wanted) = rest.pop_front() {
            looked_at += 1;
            let Wanted { submodule: Submodule { path, commit }, repositories } = wanted;
            if looked_at > MOST {
                absent.push(format!(
                    "submodule `{}` and those behind it are not looked for: there are more than {MOST}",
                    path.display()
                ));
                break;
            }
            let repository = repositories.into_iter().find(|place| place.join("HEAD").exists());
            let Some(repository) = repository else {
                if !is_there(&to.directory.join(&path)) {
                    absent.push(format!(
                        "the checkout has nothing of submodule `{}`; {UPDATE}",
                        path.display()
                    ));
                }
                continue;
            };
            if let Some(why) = self.write_submodule(&repository, &path, &commit, to).await? {
                absent.push(why);
                continue;
            }
            let place = to.directory.join(&path);
            if !place.join(".gitmodules").exists() {
                continue;
            }
            let git = |arguments: &[&str]| self.call_in(&repository, &place, arguments);
            git(&["read-tree", &commit]).text().await?;
            let names = self.names_or_none(&place, &mut absent).await;
            rest.extend(staged(git(&LIST)).await?.into_iter().map(|inner| {
                let named =
                    names.get(&inner.path).map(|name| repository.join("modules").join(name));
                Wanted {
                    repositories: named.into_iter().collect(),
                    submodule: Submodule { path: path.join(inner.path), commit: inner.commit },
                }
            }));
        }
        Ok(absent)
    }

    /// Writes the files of one, unless they are there; `Some` says why they cannot be had.
    async fn write_submodule(
        &self,
        repository: &Path,
        path: &Path,
        commit: &CommitId,
        to: &mut Destination<'_>,
    ) -> Result<Option<String>> {
        let (place, named) = (to.directory.join(path), path.display());
        if is_there(&place) {
            return Ok(None);
        }
        let told = || format!("cannot write submodule `{named}` to `{}`", place.display());
        if !make_below(to.directory, path).context(ErrorKind::Git, told)? {
            return Ok(Some(format!("something else is in the place of submodule `{named}`")));
        }
        remove(to.scratch).context(ErrorKind::Git, told)?;
        fs::create_dir_all(to.scratch).context(ErrorKind::Git, told)?;
        let git = |arguments: &[&str]| self.call_in(repository, to.scratch, arguments);
        let read = git(&["read-tree", commit]).output().await?;
        if !read.success() {
            remove(to.scratch).context(ErrorKind::Git, told)?;
            return Ok(Some(format!(
                "the checkout does not give submodule `{named}` at its commit {commit:.12}: {}; {UPDATE}",
                read.tail(1)
            )));
        }
        // A filter may need what the sandbox does not give, or what was never fetched.
        let written = git(&["checkout-index", "--all", "--force"]).output().await?;
        if !written.success() {
            remove(to.scratch).context(ErrorKind::Git, told)?;
            return Ok(Some(format!(
                "the files of submodule `{named}` cannot be written: {}",
                written.tail(3)
            )));
        }
        if let Some(excess) = (to.excess)(to.scratch).context(ErrorKind::Git, told)? {
            remove(to.scratch).context(ErrorKind::Git, told)?;
            return Ok(Some(format!("submodule `{named}` is too much: {excess}")));
        }
        // All at once: what is there is whole.
        fs::rename(to.scratch, &place).context(ErrorKind::Git, told)?;
        Ok(None)
    }

    /// The names of the submodules of the files in `tree`; where they cannot be read, `told` has why.
    async fn names_or_none(
        &self,
        tree: &Path,
        told: &mut Vec<String>,
    ) -> BTreeMap<PathBuf, PathBuf> {
        let names = self.names(tree).await;
        names.unwrap_or_else(|error| {
            told.push(format!("where the submodules come from is not known: {error}"));
            BTreeMap::new()
        })
    }

    /// What the submodules of the files in `tree` are called, by their places; a name decides where
    /// the repository keeps one.
    async fn names(&self, tree: &Path) -> Result<BTreeMap<PathBuf, PathBuf>> {
        let file = tree.join(".gitmodules");
        let (config, paths) = (["config", "-z", "--file"], r"^submodule\..*\.path$");
        let of_file = [file.as_path(), Path::new("--get-regexp"), Path::new(paths)];
        let call = self.call(config.map(Path::new).into_iter().chain(of_file));
        let list = call.output_limit(LIST_LIMIT).output().await?;
        // Without such a key, or the file, Git says no.
        let list = match list.end {
            End::Exited(0) => list.stdout,
            End::Exited(1) => return Ok(BTreeMap::new()),
            _ => return Err(failed("git config --file .gitmodules", &list)),
        };
        let name = |entry: &[u8]| {
            let (key, path) = std::str::from_utf8(entry).ok()?.split_once('\n')?;
            let name = PathBuf::from(key.strip_prefix("submodule.")?.strip_suffix(".path")?);
            let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
            is_plain.then(|| (PathBuf::from(path.trim_end_matches('/')), name))
        };
        Ok(entries(&list).filter_map(name).collect())
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

/// The repository of the submodule at `place` in a checkout: a directory, as Git made it once, or
/// what a file names, as a linked worktree has it.
fn repository_at(place: &Path) -> Option<PathBuf> {
    let link = place.join(".git");
    if fs::symlink_metadata(&link).ok()?.is_dir() {
        return fs::canonicalize(link).ok();
    }
    let text = fs::read_to_string(link).ok()?;
    fs::canonicalize(place.join(text.trim_end().strip_prefix("gitdir: ")?)).ok()
}

/// The repositories of submodules that lie in the checkout itself, as Git before 1.7.8 made them.
pub(crate) fn embedded_repositories(checkout: &Path) -> Vec<PathBuf> {
    let settings = fs::read_to_string(checkout.join(".gitmodules")).unwrap_or_default();
    let paths = settings.lines().filter_map(|line| {
        let (key, path) = line.split_once('=')?;
        (key.trim() == "path").then(|| checkout.join(path.trim()))
    });
    let is_inside = |place: &PathBuf| {
        fs::canonicalize(place).is_ok_and(|canonical| canonical == *place)
            && place.starts_with(checkout)
    };
    paths
        .filter(is_inside)
        .map(|place| place.join(".git"))
        .filter(|link| fs::symlink_metadata(link).is_ok_and(|metadata| metadata.is_dir()))
        .collect()
}

/// Whether the files of a submodule are at its place: they get there all at once.
fn is_there(place: &Path) -> bool {
    fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_some())
}

/// Makes the directory `path` in `directory`, without following a link; `false` if something else is
/// there.
fn make_below(directory: &Path, path: &Path) -> io::Result<bool> {
    let mut place = directory.to_owned();
    for part in path.components() {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&place)?,
            Err(error) => return Err(error),
        }
    }
    Ok(true)
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
