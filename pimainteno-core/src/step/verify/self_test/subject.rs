//! Which files of a project are broken.

mod drivers;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use self::drivers::{holds_commands, is_called_after, is_listed, is_of_git};
use super::breakage::Breakage;
use crate::{
    policy::{is_run_by, is_source},
    step::{quoted, told, verify::files},
};

/// The largest file that is read for the commands in it, in bytes.
const LARGEST: u64 = 256 << 10;

/// What is broken, and how.
pub(super) struct Subject {
    paths: Vec<PathBuf>,
    about: About,
}

/// What a change is about.
#[derive(Debug)]
enum About {
    /// Code: tests stand for it, and what builds it is left alone.
    Code {
        /// The commands of the checks.
        checks: Vec<String>,
    },
    /// Anything else.
    Rest {
        /// Whether tests are what the project is, and not what stands for its code.
        has_code: bool,
        driven: Driven,
    },
}

/// What the checks run, and what they are driven by.
#[derive(Debug, Default)]
struct Driven {
    /// The commands of the checks, and of the scripts and targets that they run.
    commands: Vec<String>,
    /// The words in them, of paths the last part.
    words: BTreeSet<String>,
    /// The last parts of words with dots: modules of Python are named so.
    modules: BTreeSet<String>,
    /// Those words that are the name of no file or directory of the project.
    programs: BTreeSet<String>,
}

impl Subject {
    /// What is broken of the files `paths` of `workspace` for a change that touches `touched`.
    pub(super) fn choose(
        paths: Vec<PathBuf>,
        touched: &[&str],
        checks: &[String],
        workspace: &Path,
    ) -> Self {
        let driven = Driven::find(&paths, checks, workspace);
        let is_code = |path: &str| {
            is_code(path)
                && !files::is_test(path)
                && !files::is_manifest(path)
                && !driven.runs(path)
        };
        let has_code = paths.iter().any(|path| path.to_str().is_some_and(is_code));
        let is_about_code = |path: &&str| {
            is_code(path) || has_code && (files::is_test(path) || files::is_manifest(path))
        };
        let about = if touched.iter().any(is_about_code) {
            About::Code { checks: checks.to_vec() }
        } else {
            About::Rest { has_code, driven }
        };
        Self { paths, about }
    }

    /// A short name of what it is about; none for code.
    pub(super) fn name(&self) -> &'static str {
        match self.about {
            About::Code { .. } => "",
            About::Rest { has_code: true, .. } => "beside code",
            About::Rest { has_code: false, .. } => "without code",
        }
    }

    /// How it is broken, in this order.
    pub(super) fn breakages(&self) -> &'static [Breakage] {
        match self.about {
            About::Code { .. } => &[Breakage::Nonsense, Breakage::Gone],
            About::Rest { .. } => &[Breakage::Nonsense, Breakage::Faults, Breakage::Gone],
        }
    }

    /// The files that are broken like this. What the checks run, and what they are driven by, stay:
    /// without them, a check fails for want of itself.
    pub(super) fn broken(&self, breakage: Breakage) -> impl Iterator<Item = &PathBuf> {
        self.paths.iter().filter(move |path| self.breaks(breakage, &path.to_string_lossy()))
    }

    fn breaks(&self, breakage: Breakage, path: &str) -> bool {
        let spares_tests = breakage != Breakage::Gone && files::is_test(path);
        match &self.about {
            About::Code { checks } => {
                !files::is_manifest(path)
                    && !checks.iter().any(|check| is_run_by(check, path))
                    && !spares_tests
            }
            About::Rest { has_code, driven } => {
                !(driven.runs(path) || driven.is_driven_by(path) || *has_code && spares_tests)
            }
        }
    }

    /// Why there is nothing to break, where that is so.
    pub(super) fn nothing_to_break(&self) -> String {
        let names: Vec<_> =
            self.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        if names.is_empty() {
            return "there is no file that could be broken to see whether they notice".into();
        }
        format!(
            "every file is one that the checks are run by, or that Git reads ({}), so none could be broken to see whether they notice",
            told(quoted(names))
        )
    }

    /// What is said where no check noticed.
    pub(super) fn unmoved(&self) -> String {
        let names = |breakage| {
            let paths = self.broken(breakage).map(|path| path.to_string_lossy().into_owned());
            told(quoted(paths.collect()))
        };
        let nonsense = names(Breakage::Nonsense);
        let held = match (nonsense.is_empty(), &self.about) {
            (true, _) => String::new(),
            (false, About::Code { .. }) => format!("with nonsense in {nonsense}, and "),
            (false, About::Rest { .. }) => {
                format!(
                    "with nonsense in {nonsense}, with broken links, marks of a merge and the like there, and "
                )
            }
        };
        format!(
            "no check fails on a project that is broken on purpose ({held}without {}), so that they passed says nothing of what the change is about; let `verify` look at that too",
            names(Breakage::Gone)
        )
    }
}

impl Driven {
    /// What `checks` run and are driven by, and what that runs in turn.
    fn find(paths: &[PathBuf], checks: &[String], workspace: &Path) -> Self {
        let mut driven = Self::default();
        let mut unread: Vec<&str> = paths.iter().filter_map(|path| path.to_str()).collect();
        let names = unread.iter().flat_map(|path| path.split('/')).map(str::to_owned).collect();
        checks.iter().for_each(|check| driven.learn(check.clone(), &names));
        loop {
            let (found, rest): (Vec<_>, Vec<_>) = unread.into_iter().partition(|path| {
                driven.runs(path) || holds_commands(path) && driven.is_driven_by(path)
            });
            if found.is_empty() {
                return driven;
            }
            for path in found {
                if let Some(text) = read(&workspace.join(path)) {
                    // Make's marks before a command.
                    driven.learn(text.replace("\t@", "\t").replace("\t-", "\t"), &names);
                }
            }
            unread = rest;
        }
    }

    /// Takes in some commands of a project whose files and directories have these names.
    fn learn(&mut self, commands: String, names: &BTreeSet<String>) {
        let is_of_word = |byte: char| byte.is_ascii_alphanumeric() || "._-/".contains(byte);
        let words = commands
            .split(|byte: char| !is_of_word(byte))
            .filter_map(|word| word.rsplit('/').next().filter(|word| !word.is_empty()));
        for word in words {
            self.words.insert(word.to_owned());
            self.modules.extend(word.rsplit('.').next().map(str::to_owned));
            if !names.contains(word) {
                self.programs.insert(word.to_owned());
            }
        }
        self.commands.push(without_code(&commands));
    }

    fn runs(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_module = name == "__main__.py"
            || name.strip_suffix(".py").is_some_and(|stem| self.modules.contains(stem));
        // There may be many files, and many commands.
        (is_module || self.words.contains(name))
            && self.commands.iter().any(|commands| is_run_by(commands, path))
    }

    /// Whether a file says to a program that the checks run what to do, or belongs to Git. One that
    /// they name is what they look at.
    fn is_driven_by(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        is_of_git(&lower)
            || is_listed(&lower, &self.programs)
            || !self.words.contains(name) && is_called_after(&lower, &self.programs)
    }
}

/// Whether a file is code by its name: source, or a script.
pub(in crate::step::verify) fn is_code(path: &str) -> bool {
    let scripts = ["sh", "bash", "zsh", "ksh", "fish", "ps1"];
    is_source(path) || path.rsplit_once('.').is_some_and(|(_, end)| scripts.contains(&end))
}

/// Commands without the code in other languages that they hand to an interpreter (`python3 -c
/// "open('a.json')"`): what that names is read, and not run.
fn without_code(commands: &str) -> String {
    let (mut kept, mut rest) = (String::new(), commands);
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(at);
        let (quote, inside) = quoted.split_at(1);
        let end = inside.find(quote).map_or(quoted.len(), |end| end + 2);
        let (quoted, after) = quoted.split_at(end);
        kept.push_str(before);
        if !ends_in_eval(before) {
            kept.push_str(quoted);
        }
        rest = after;
    }
    kept + rest
}

/// Whether the next word is code for an interpreter that is not a shell.
fn ends_in_eval(commands: &str) -> bool {
    let mut words = commands.split_whitespace().rev().peekable();
    let is_eval = words.peek().is_some_and(|word| ["-c", "-e", "-E", "-r", "-p"].contains(word));
    let program = words.find(|word| !word.starts_with('-')).unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or(program);
    is_eval
        && ["python", "pypy", "node", "perl", "ruby", "php", "lua"]
            .iter()
            .any(|interpreter| name.starts_with(interpreter))
}

/// The text of a file; `None` of what is none, or too large.
fn read(file: &Path) -> Option<String> {
    let is_small = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= LARGEST);
    is_small.then(|| fs::read_to_string(file).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(files: &[(&str, &str)], touched: &str, check: &str) -> [Vec<String>; 2] {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = directory.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let paths = files.iter().map(|(path, _)| path.into()).collect();
        let subject = Subject::choose(paths, &[touched], &[check.into()], directory.path());
        [Breakage::Nonsense, Breakage::Gone].map(|breakage| {
            subject.broken(breakage).map(|path| path.display().to_string()).collect()
        })
    }

    #[test]
    fn code_is_broken_without_its_tests_and_what_builds_and_checks_it() {
        let files = [
            "check.sh",
            "Makefile",
            "web/package.json",
            ".gitignore",
            "README.md",
            "src/a.rs",
            "tests/a.rs",
        ]
        .map(|path| (path, ""));
        let [nonsense, gone] = broken(&files, "src/a.rs", "./check.sh");
        assert_eq!(nonsense, ["README.md", "src/a.rs"]);
        assert_eq!(gone, ["README.md", "src/a.rs", "tests/a.rs"]);
        // Its tests stand for it, also in a change to them alone.
        assert_eq!(broken(&files, "tests/a.rs", "./check.sh")[0], nonsense);
    }

    #[test]
    fn code_that_a_command_hands_to_an_interpreter_is_not_read_as_commands() {
        let kept =
            without_code("cd a && python3 -I -c \"open('a.json')\" && sh -c './b.sh'; c 'd'");
        assert_eq!(kept, "cd a && python3 -I -c  && sh -c './b.sh'; c 'd'");
        assert_eq!(without_code("perl -e 'never ends"), "perl -e ");
    }

    #[test]
    fn without_code_everything_is_broken_that_drives_no_check() {
        let files = [
            ("Makefile", "lint:\n\tyamllint .\n\tpython3 tools/links.py\n"),
            (".yamllint", ""),
            ("tools/links.py", ""),
            (".gitattributes", ""),
            (".profile", ""),
            (".github/workflows/ci.yml", ""),
            ("package.json", ""),
            ("tests/test_a.py", ""),
            ("docs/a.md", ""),
        ];
        let all = [
            ".profile",
            ".github/workflows/ci.yml",
            "package.json",
            "tests/test_a.py",
            "docs/a.md",
        ];
        assert_eq!(broken(&files, "docs/a.md", "make lint"), [all, all].map(Vec::from));
        // Npm is driven by one of them.
        let npm = broken(&files, "docs/a.md", "make lint && npm test");
        assert!(!npm[0].contains(&"package.json".to_owned()), "{npm:?}");
        // Beside code, tests stand for it.
        let files = [("a.py", ""), ("test_a.py", ""), ("docs/a.md", "")];
        let beside = broken(&files, "docs/a.md", "pytest");
        assert_eq!(beside[0], ["a.py", "docs/a.md"]);
    }
}
