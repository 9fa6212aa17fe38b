//! The files of a repository, and which of them people write by hand.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use pimainteno_core::{Error, ErrorKind, Result};

use crate::git::Git;

/// What is larger is hardly written by hand.
pub(crate) const FILE_LIMIT: u64 = 1 << 20;

/// How much text one walk reads. It bounds the time that a large repository takes; a Pi reads so
/// much in some seconds.
const WALK_LIMIT: u64 = 96 << 20;

/// The tracked files of a worktree, sorted by path.
#[derive(Debug)]
pub(crate) struct Files {
    git: Git,
    list: Vec<File>,
    directories: BTreeSet<String>,
}

/// A tracked, regular file that exists and whose path is UTF-8.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the worktree's root, with `/`.
    pub(crate) path: String,
    /// In bytes.
    pub(crate) size: u64,
    /// Whether Git says that it can be run.
    pub(crate) is_executable: bool,
    /// What `.gitattributes` says about it.
    pub(crate) attributes: Attributes,
}

/// What `.gitattributes` says about a file, as far as it matters here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    /// Something says that its bytes are not to be changed lightly: it is binary, generated,
    /// filtered or encoded.
    pub(crate) protected: bool,
    /// Something says how its lines end.
    pub(crate) line_ends: bool,
}

impl Files {
    /// Lists the files of `git`'s worktree.
    pub(crate) async fn list(git: &Git) -> Result<Self> {
        let listing = git.run(["ls-files", "-z", "--stage"]).await?;
        let git = git.clone();
        blocking(move || {
            let mut list = Vec::new();
            for entry in listing.split(|byte| *byte == 0) {
                // Links (120000) and submodules (160000) are none of our business, nor is a file
                // that a merge left in several stages.
                if let Some((mode @ ("100644" | "100755"), path)) =
                    std::str::from_utf8(entry).ok().and_then(parse_entry)
                    && let Ok(metadata) = fs::symlink_metadata(git.workspace().join(path))
                    && metadata.is_file()
                {
                    let is_executable = mode == "100755";
                    list.push(File {
                        path: path.to_owned(),
                        size: metadata.len(),
                        is_executable,
                        attributes: Attributes::default(),
                    });
                }
            }
            list.sort_unstable_by(|one, other| one.path.cmp(&other.path));
            list.dedup_by(|one, other| one.path == other.path);
            let mut directories = BTreeSet::new();
            for file in &list {
                let mut path = file.path.as_str();
                while let Some((parent, _)) = path.rsplit_once('/') {
                    if !directories.insert(parent.to_owned()) {
                        break;
                    }
                    path = parent;
                }
            }
            Ok(Self { git, list, directories })
        })
        .await
    }

    /// The same list with what `.gitattributes` says about each file.
    pub(crate) async fn with_attributes(mut self) -> Result<Self> {
        let paths: String = self.list.iter().flat_map(|file| [&file.path, "\0"]).collect();
        let output = self
            .git
            .run_with_input(["check-attr", "-z", "--stdin", "--all"], paths.into_bytes())
            .await?;
        let fields: Vec<_> = output
            .split(|byte| *byte == 0)
            .map(|field| std::str::from_utf8(field).unwrap_or_default())
            .collect();
        for field in fields.chunks_exact(3) {
            let [path, name, value] = field else { continue };
            let Ok(index) = self.list.binary_search_by(|file| file.path.as_str().cmp(path)) else {
                continue;
            };
            let Some(file) = self.list.get_mut(index) else { continue };
            match (*name, *value) {
                ("text" | "diff" | "merge" | "whitespace", "unset") | ("binary", "set") => {
                    file.attributes.protected = true;
                }
                ("linguist-generated" | "linguist-vendored" | "ident", "set" | "true") => {
                    file.attributes.protected = true;
                }
                ("filter" | "working-tree-encoding", value) if value != "unset" => {
                    file.attributes.protected = true;
                }
                ("text" | "eol" | "crlf", _) => file.attributes.line_ends = true,
                _ => {}
            }
        }
        Ok(self)
    }

    /// The worktree's root.
    pub(crate) fn root(&self) -> &Path {
        self.git.workspace()
    }

    /// All files, sorted by path.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &File> {
        self.list.iter()
    }

    /// The file at `path`.
    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.list
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()
            .and_then(|index| self.list.get(index))
    }

    /// Whether tracked files are under `path`; the root is the empty path.
    pub(crate) fn has_directory(&self, path: &str) -> bool {
        path.is_empty() || self.directories.contains(path)
    }

    /// Paths that files had once, as far back as 2000 commits. Must be called where blocking is
    /// allowed.
    pub(crate) fn deleted(&self) -> BTreeSet<String> {
        let log = [
            "log",
            "-2000",
            "--diff-filter=D",
            "--no-renames",
            "--no-ext-diff",
            "--format=",
            "--name-only",
            "-z",
        ];
        let paths =
            tokio::runtime::Handle::current().block_on(self.git.fact(log)).unwrap_or_default();
        paths
            .split('\0')
            .map(|path| path.trim_start_matches('\n'))
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The text of `file`, or `None` if it is gone, too large or no UTF-8 text.
    pub(crate) fn read(&self, file: &File) -> Option<String> {
        if file.size > FILE_LIMIT {
            return None;
        }
        let mut bytes = Vec::new();
        fs::File::open(self.root().join(&file.path))
            .ok()?
            .take(FILE_LIMIT + 1)
            .read_to_end(&mut bytes)
            .ok()?;
        let is_text = bytes.len() as u64 <= FILE_LIMIT && !bytes.contains(&0);
        is_text.then(|| String::from_utf8(bytes).ok()).flatten()
    }

    /// Shows `visit` the texts of those files that `wanted` accepts, in order, and says whether
    /// all of them were read; those that [`Self::read`] refuses are left out.
    pub(crate) fn walk(
        &self,
        wanted: impl Fn(&File) -> bool,
        mut visit: impl FnMut(&File, &str) -> ControlFlow<()>,
    ) -> Result<bool> {
        let mut left = WALK_LIMIT;
        for file in self.list.iter().filter(|file| file.size <= FILE_LIMIT && wanted(file)) {
            self.git.check()?;
            let Some(rest) = left.checked_sub(file.size) else { return Ok(false) };
            if let Some(text) = self.read(file) {
                left = rest;
                if visit(file, &text).is_break() {
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }

    /// Replaces the text of the file at `path`.
    ///
    /// # Errors
    /// If it cannot be written, or if a link in its path would lead elsewhere.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        let failed = |source| {
            Error::new(ErrorKind::Backend, format!("cannot write a proposed change: `{path}`"))
                .source(source)
        };
        let root = fs::canonicalize(self.root()).map_err(failed)?;
        let target: PathBuf = root.join(path);
        if fs::canonicalize(&target).map_err(failed)? != target {
            return Err(Error::new(
                ErrorKind::Backend,
                format!("a link leads out of the workspace: `{path}`"),
            ));
        }
        fs::write(&target, text).map_err(failed)
    }
}

impl File {
    /// Whether a person writes this file, so that a small correction is welcome in it.
    pub(crate) fn is_kept_by_hand(&self) -> bool {
        if self.attributes.protected || self.size > FILE_LIMIT {
            return false;
        }
        let path = self.path.to_ascii_lowercase();
        let (directories, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let foreign = |part: &str| {
            part.starts_with('.')
                || FOREIGN.iter().any(|foreign| part.contains(foreign))
                || FOREIGN_WHOLE.contains(&part)
        };
        if directories.split('/').any(foreign)
            || directories.contains("tests/ui")
            || name.starts_with('.')
        {
            return false;
        }
        let stem = name.split('.').next().unwrap_or(name);
        let legal = LEGAL.iter().any(|legal| stem.starts_with(legal));
        let recorded = [
            "lock", "diff", "patch", "snap", "orig", "rej", "out", "expected", "stderr", "stdout",
            "golden",
        ]
        .iter()
        .any(|extension| name.split('.').skip(1).any(|part| part == *extension));
        let made = [
            ".min.",
            ".generated.",
            ".gen.",
            ".pb.",
            "_pb2",
            "_generated",
            "-lock.",
            "_bindings.",
            "bindings.rs",
        ];
        !legal && !recorded && !made.iter().any(|made| name.contains(made))
    }

    /// Whether the file is in a directory of tests, where a text may be there to be read by a
    /// program.
    pub(crate) fn is_in_tests(&self) -> bool {
        let path = self.path.to_ascii_lowercase();
        path.rsplit_once('/').is_some_and(|(directories, _)| {
            directories.split('/').any(|part| {
                part.contains("test")
                    || part.starts_with("spec")
                    || part.starts_with("bench")
                    || part.contains("corpus")
            })
        })
    }
}

/// Whether `text` says of itself that a program wrote it, or looks like it.
pub(crate) fn is_generated(text: &str) -> bool {
    let head: String = text
        .lines()
        .take(10)
        .flat_map(|line| [line.get(..200).unwrap_or(line), "\n"])
        .collect::<String>()
        .to_ascii_lowercase();
    let says_so = [
        "@generated",
        "do not edit",
        "don't edit",
        "do not modify",
        "code generated",
        "automatically generated",
        "auto-generated",
        "autogenerated",
        "generated by",
    ];
    says_so.iter().any(|says_so| head.contains(says_so))
        || text.lines().any(|line| line.len() > 5000)
}

/// Runs `work`, which reads files, where it keeps nobody waiting.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Internal, "reading the repository's files broke off")
            .source(error))
    })
}

/// Parts of the names of directories whose files come from elsewhere, or are compared byte by byte.
const FOREIGN: [&str; 14] = [
    "vendor",
    "third_party",
    "third-party",
    "thirdparty",
    "3rdparty",
    "node_modules",
    "generated",
    "fixture",
    "snapshot",
    "golden",
    "testdata",
    "test_data",
    "compile-fail",
    "compile_fail",
];

/// Names of such directories.
const FOREIGN_WHOLE: [&str; 14] = [
    "dist",
    "external",
    "extern",
    "deps",
    "subprojects",
    "site-packages",
    "licenses",
    "license",
    "locale",
    "locales",
    "i18n",
    "l10n",
    "translations",
    "ui_tests",
];

/// What the names of files begin with whose words are not ours to change.
const LEGAL: [&str; 9] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
    "authors",
    "contributors",
    "patents",
];

/// `mode object stage<TAB>path`.
fn parse_entry(entry: &str) -> Option<(&str, &str)> {
    let (facts, path) = entry.split_once('\t')?;
    let mut facts = facts.split(' ');
    let (mode, stage) = (facts.next()?, facts.nth(1)?);
    (stage == "0").then_some((mode, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: &str) -> bool {
        File { path: path.into(), size: 1, is_executable: false, attributes: Attributes::default() }
            .is_kept_by_hand()
    }

    #[test]
    fn only_what_people_write_is_touched() {
        for path in [
            "README.md",
            "src/lib.rs",
            "docs/outline.md",
            "CHANGELOG.md",
            "tests/run.rs",
            "distance.rs",
        ] {
            assert!(kept(path), "{path}");
        }
        let left_alone = [
            "vendor/a.c",
            "web/node_modules/x/README.md",
            ".github/README.md",
            ".hidden",
            "LICENSE-MIT",
            "a/COPYING.txt",
            "Cargo.lock",
            "package-lock.json",
            "app.min.js",
            "tests/fixtures/a.md",
            "src/snapshots/a.snap",
            "fix.patch",
            "api.pb.go",
            "locales/de.txt",
        ];
        for path in left_alone {
            assert!(!kept(path), "{path}");
        }
    }

    #[test]
    fn generated_text_says_so() {
        assert!(is_generated("// Code generated by x. DO NOT EDIT.\n"));
        assert!(is_generated(&"x".repeat(6000)));
        assert!(!is_generated("# Title\n\nText.\n"));
    }
}
