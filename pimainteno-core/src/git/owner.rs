//! What the owner's configuration of Git says that matters to whoever works in a sandbox: the files
//! that it is in, and the programs that it names.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{checkout::Checkout, sharing::Sharing, workspace::Workspace};
use crate::error::Result;

/// Keys that say how a repository's files are kept.
const PLAIN: [&str; 6] = [
    "core.bare",
    "core.filemode",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.repositoryformatversion",
    "core.symlinks",
];

/// What Git's configuration may take, in bytes.
const LIST_LIMIT: usize = 4 << 20;

/// Keys that name a file which Git reads when it looks at a work tree.
const FILES: [&str; 2] = ["core.attributesfile", "core.excludesfile"];

/// Keys, by their section and their last part, whose values are commands that Git runs on the files
/// of a work tree.
const PROGRAMS: [(&str, &str); 6] = [
    ("filter", "clean"),
    ("filter", "smudge"),
    ("filter", "process"),
    ("merge", "driver"),
    ("trailer", "cmd"),
    ("trailer", "command"),
];

/// What the owner's configuration of Git says, as it holds in the checkout.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnerSettings {
    /// Files that Git, and what it runs on the files of a work tree, reads: the configuration
    /// itself, with what it includes, and programs.
    pub(super) files: Vec<PathBuf>,
    /// Whether commits are signed.
    pub(super) signs: bool,
    /// Whether the hooks lie elsewhere than in the repository.
    pub(super) moves_hooks: bool,
    /// Whom the repository is shared with.
    pub(super) sharing: Option<Sharing>,
}

impl OwnerSettings {
    /// Those of `checkout`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot read them.
    pub(super) async fn read(checkout: &Checkout) -> Result<Self> {
        let git = &checkout.git;
        let call = git.call_with_hooks(checkout.top(), ["config", "--list", "--show-origin", "-z"]);
        let output = call.output_limit(LIST_LIMIT).output().await?;
        if !output.success() {
            return Err(super::command::failed("git config --list", &output));
        }
        Ok(Self::parse(&output.stdout, checkout.top(), git.environment.home().as_deref()))
    }

    /// Reads `--show-origin -z`: where an entry comes from, and its name and value with a line end
    /// between them.
    fn parse(list: &[u8], checkout: &Path, home: Option<&Path>) -> Self {
        let mut found = Self::default();
        let mut files = BTreeSet::new();
        let mut fields = list.split(|byte| *byte == 0);
        while let (Some(origin), Some(entry)) = (fields.next(), fields.next()) {
            if let Some(file) = origin.strip_prefix(b"file:") {
                files.insert(checkout.join(OsStr::from_bytes(file)));
            }
            let entry = String::from_utf8_lossy(entry);
            // A name alone means yes.
            let (name, value) = entry.split_once('\n').unwrap_or((&entry, "true"));
            let (section, last) = (
                name.split('.').next().unwrap_or_default(),
                name.rsplit('.').next().unwrap_or_default(),
            );
            if FILES.contains(&name) {
                files.extend(expanded(value, home));
            } else if PROGRAMS.contains(&(section, last)) {
                let words = value.split(|letter: char| {
                    letter.is_whitespace() || "\"'`;|&()<>=".contains(letter)
                });
                files.extend(
                    words.filter_map(|word| expanded(word, home)).filter(|path| path.is_file()),
                );
            }
            match name {
                "commit.gpgsign" => found.signs = is_true(value),
                "core.hookspath" => found.moves_hooks = true,
                "core.sharedrepository" => found.sharing = Sharing::parse(value),
                _ => {}
            }
        }
        found.files = files.into_iter().collect();
        found
    }
}

impl Checkout {
    /// The settings of the repository without which Git cannot work on it: how its files are kept,
    /// and nothing that is anybody's secret.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot read them.
    pub(crate) async fn plain_settings(&self) -> Result<String> {
        let file = self.common_directory().join("config");
        let list = ["config", "-z", "--file"].map(Path::new).into_iter().chain([&*file]);
        let output = self.call(list.chain([Path::new("--list")])).output_limit(LIST_LIMIT);
        let list = output.text().await?;
        let entries = list.split('\0').filter_map(|entry| entry.split_once('\n'));
        let mut text = String::new();
        for (key, value) in entries {
            let Some((section, name)) = key.split_once('.') else { continue };
            if PLAIN.contains(&key) || section == "extensions" {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                text.push_str(&format!("[{section}]\n\t{name} = \"{value}\"\n"));
            }
        }
        Ok(text)
    }
}

impl Workspace {
    /// The places of the repository without which Git cannot work in the workspace, besides its
    /// settings: what it has of files and branches, and nothing that is anybody's secret. Whatever
    /// else lies there is its owner's business.
    pub(crate) fn plain_places(&self) -> Vec<PathBuf> {
        let common = self.checkout.common_directory();
        let shared =
            ["HEAD", "info", "objects", "packed-refs", "refs", "reftable", "shallow"].iter();
        let own = ["HEAD", "commondir", "gitdir", "index", "refs"].iter();
        let places = shared
            .map(|name| common.join(name))
            .chain(own.map(|name| self.git_directory.join(name)));
        places.filter(|place| place.exists()).collect()
    }
}

/// A path that begins at the root or in the home directory.
fn expanded(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => home.map(|home| home.join(rest)),
        None => Some(PathBuf::from(path)).filter(|path| path.is_absolute()),
    }
}

/// Whether Git takes `value` for yes.
fn is_true(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    ["true", "yes", "on"].contains(&value.as_str())
        || value.parse::<i64>().is_ok_and(|number| number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_programs_of_the_configuration_are_found() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("clean"), "").unwrap();
        let list = "file:/home/ada/.gitconfig\0core.attributesfile\n~/attributes\0file:.git/config\0commit.gpgsign\0\
                    command line:\0core.hookspath\n/dev/null\0file:/h\0filter.a.b.clean\nsh -c '~/clean %f'\0file:/h\0filter.c.smudge\n/nonexistent\0";
        let settings = OwnerSettings::parse(list.as_bytes(), Path::new("/site"), Some(home.path()));
        let expected = ["/h", "/home/ada/.gitconfig", "/site/.git/config"].map(PathBuf::from);
        let in_home = ["attributes", "clean"].map(|name| home.path().join(name));
        assert_eq!(
            settings.files.iter().collect::<BTreeSet<_>>(),
            expected.iter().chain(&in_home).collect()
        );
        assert!(settings.signs && settings.moves_hooks);
        assert!(
            !OwnerSettings::parse(b"file:/h\0commit.gpgsign\nfalse\0", Path::new("/site"), None)
                .signs
        );
    }
}
