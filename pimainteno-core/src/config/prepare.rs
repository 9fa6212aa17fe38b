//! What makes a project's dependencies ready for its checks, as `PiMainteno.toml` says it.

use std::{
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    Globs,
    check::{self, Check as _},
};

/// The files that say what a project depends on: manifests, lock files, and which version of a
/// language is meant. Each package manager's own manual names its files.
const MANIFESTS: [&str; 50] = [
    // npm, pnpm, Yarn, Bun, and what they run or apply when they install
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "bun.lock",
    "bun.lockb",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "package.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "yarn.lock",
    ".pnpmfile.cjs",
    ".yarn/patches/**",
    ".yarn/plugins/**",
    ".yarn/releases/**",
    "binding.gyp",
    "patches/**",
    "schema.prisma",
    // pip, uv, Poetry, PDM, Pipenv
    "*requirements*.txt",
    "constraints*.txt",
    "**/requirements/*.txt",
    "Pipfile",
    "Pipfile.lock",
    "pdm.lock",
    "poetry.lock",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "uv.lock",
    // Bundler
    "*.gemspec",
    "Gemfile",
    "Gemfile.lock",
    // Composer
    "composer.json",
    "composer.lock",
    // Go
    "go.mod",
    "go.sum",
    "go.work",
    "go.work.sum",
    // Cargo
    "Cargo.lock",
    "Cargo.toml",
    ".cargo/config.toml",
    "rust-toolchain",
    "rust-toolchain.toml",
    // versions of languages
    ".node-version",
    ".nvmrc",
    ".python-version",
    ".ruby-version",
    ".tool-versions",
    "deno.json",
    "deno.lock",
];

/// What is compiled when a package of Python is installed, wherever it lies.
const COMPILED: [&str; 12] = [
    "*.c",
    "*.cc",
    "*.cpp",
    "*.cxx",
    "*.f90",
    "*.h",
    "*.hpp",
    "*.pxd",
    "*.pyx",
    "*.rs",
    "CMakeLists.txt",
    "meson.build",
];

/// What an addon of Node is compiled of when packages are installed, where there is a `binding.gyp`.
const ADDONS: [&str; 6] = ["*.c", "*.cc", "*.cpp", "*.cxx", "*.h", "*.hpp"];

/// What a command has in it that installs the project itself, as Python's package managers do.
const INSTALLS_ITSELF: [&str; 9] = [
    " -e ",
    " --editable ",
    "maturin develop",
    "setup.py develop",
    "pip install -r",
    "uv sync",
    "poetry install",
    "pdm install",
    "pdm sync",
];

/// The same of a project of Node.
const COMPILES_ADDONS: [&str; 5] =
    ["npm ci", "npm install", "pnpm install", "yarn install", "bun install"];

/// [`MANIFESTS`], compiled; of our own globs each compiles, which a test shows.
static USUAL: LazyLock<Globs> = LazyLock::new(|| Globs::compile(MANIFESTS).unwrap_or_default());

/// [`COMPILED`], compiled.
static SOURCES: LazyLock<Globs> = LazyLock::new(|| Globs::compile(COMPILED).unwrap_or_default());

/// [`ADDONS`], compiled.
static ADDON_SOURCES: LazyLock<Globs> =
    LazyLock::new(|| Globs::compile(ADDONS).unwrap_or_default());

/// One command of `prepare`: a string, or `{ command = "…", files = ["…"] }`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrepareConfig {
    /// The command, run by `sh -c` in the workspace, with the network.
    pub command: String,
    /// Globs of the files that it reads: while they hold the same, it is not run again. The usual
    /// manifests and lock files if they are not given; and where it installs the project itself, the
    /// sources that are compiled for that.
    pub files: Option<Globs>,
}

/// A directory of the checkout that checks see at the same place, for reading only: a relative
/// path without `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPath(PathBuf);

impl PrepareConfig {
    /// This command, which reads the usual files.
    pub fn new(command: impl Into<String>) -> Self {
        Self { command: command.into(), files: None }
    }

    /// Whether what it makes depends on the file at `path`, from the project's directory on. Of what
    /// lies outside those are usual that stand above the project: package managers look for a
    /// workspace's lock file there.
    pub fn reads(&self, path: &str) -> bool {
        if let Some(files) = &self.files {
            return files.matches(path);
        }
        let above = path.trim_start_matches("../");
        if above.len() < path.len() {
            return !above.contains('/') && USUAL.matches(above);
        }
        let has = |words: &&str| self.command.contains(words);
        USUAL.matches(path)
            || (INSTALLS_ITSELF.iter().any(has) && SOURCES.matches(path))
            || (COMPILES_ADDONS.iter().any(has) && ADDON_SOURCES.matches(path))
            || is_copied_by(&self.command)
    }
}

/// Whether a command makes a copy of the project among its packages, of whatever is in it: `pip
/// install .`, and what is told not to install it in place.
fn is_copied_by(command: &str) -> bool {
    let plain = |word: &'_ str| word.trim_matches(['"', '\'']).to_owned();
    // Of each command alone: the shell's own `.` reads a file, as that of a virtual environment.
    command.split([';', '&', '|', '\n']).any(|command| {
        let words: Vec<_> = command.split_whitespace().map(plain).collect();
        let is_own = |word: &str| [".", "./"].contains(&word.split('[').next().unwrap_or(word));
        let installs = |pair: &[String]| {
            let [before, word] = pair else { return false };
            is_own(word) && !["-e", "--editable", "-t", "--target"].contains(&&**before)
        };
        words.iter().any(|word| word == "--no-editable")
            || (command.contains("pip install") && words.windows(2).any(installs))
    })
}

impl AsRef<Path> for LinkPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl std::str::FromStr for LinkPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text.trim_end_matches('/'));
        let is_inside =
            path.components().all(|component| matches!(component, Component::Normal(_)));
        if path.as_os_str().is_empty() || !is_inside || path.starts_with(".git") {
            return Err(format!(
                "not a place in the project: `{text}`; give a path relative to it, such as `node_modules`"
            ));
        }
        Ok(Self(path))
    }
}

impl<'de> Deserialize<'de> for PrepareConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            #[serde(deserialize_with = "String::text")]
            command: String,
            #[serde(default)]
            files: Option<Globs>,
        }

        let named = |text: &str| check::filled(text).map(|()| Self::new(text));
        let read = check::text_or_table(
            deserializer,
            "a command, or a table with `command` and `files`",
            named,
            |Table { command, files }| Self { command, files },
        )?;
        match &read.files {
            Some(files) if files.is_empty() => {
                Err(D::Error::custom("has no `files`; leave the key out to get the usual ones"))
            }
            _ => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_files_are_manifests_and_lock_files_at_any_depth() {
        let npm = PrepareConfig::new("npm ci");
        for path in ["package.json", "web/package-lock.json", "Cargo.lock", "dev-requirements.txt"]
        {
            assert!(npm.reads(path), "{path}");
        }
        for path in ["src/main.rs", "README.md", "package.json.md", "notes.txt"] {
            assert!(!npm.reads(path), "{path}");
        }
        assert_eq!(Globs::compile(MANIFESTS).map(|globs| globs == *USUAL), Ok(true));
        assert_eq!(Globs::compile(COMPILED).map(|globs| globs == *SOURCES), Ok(true));
        assert_eq!(Globs::compile(ADDONS).map(|globs| globs == *ADDON_SOURCES), Ok(true));
        // A build of old sources would say yes to new ones.
        let pip = PrepareConfig::new("pip install -e '.[test]' pytest");
        assert!(pip.reads("src/fast/ext.c") && pip.reads("ext.pyx") && !pip.reads("src/a.py"));
        assert!(npm.reads("src/addon.cc") && npm.reads("prisma/schema.prisma"));
        let cargo = PrepareConfig::new("cargo fetch");
        assert!(!cargo.reads("src/ext.c") && !npm.reads("src/index.js"));
        assert!(PrepareConfig::new("uv sync --frozen").reads("src/lib.rs"));
        assert!(npm.reads(".yarn/releases/yarn-4.cjs") && npm.reads("patches/a.patch"));
    }

    #[test]
    fn what_is_copied_where_it_is_installed_is_read_whole() {
        for command in [
            "pip install .",
            ". .venv/bin/activate && pip install '.[test]' pytest",
            "python -m pip install -q ./",
            "uv sync --no-editable",
        ] {
            assert!(PrepareConfig::new(command).reads("src/a.py"), "{command}");
        }
        for command in [
            "pip install -e .",
            "cd . && pip install six",
            "pip install -e '.[test]'",
            "python3 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt",
        ] {
            assert!(!PrepareConfig::new(command).reads("src/a.py"), "{command}");
        }
    }

    #[test]
    fn of_what_lies_above_a_project_its_workspaces_lock_file_is_read() {
        let npm = PrepareConfig::new("npm ci");
        assert!(npm.reads("../../package-lock.json") && npm.reads("../Cargo.toml"));
        assert!(!npm.reads("../tv/package.json") && !npm.reads("../../README.md"));
        let own = Globs::compile(["../common/*.lock"]).unwrap();
        let own = PrepareConfig { files: Some(own), ..npm };
        assert!(own.reads("../common/a.lock") && !own.reads("../../package-lock.json"));
    }

    #[test]
    fn a_link_stays_in_the_project() {
        assert_eq!(
            "node_modules/".parse::<LinkPath>().unwrap().as_ref(),
            Path::new("node_modules")
        );
        for path in ["", "/etc", "../other", "a/../../b", ".git/hooks", "./a"] {
            assert!(path.parse::<LinkPath>().is_err(), "{path}");
        }
    }
}
