//! Which files a person looks at before a change to them is delivered.
//!
//! What may be delivered unasked are files of known kinds ([`kinds`]) that do not decide about
//! others ([`deciding`]) and are no programs. Anything unknown waits. Where a project sets `hold`,
//! its globs take the place of all that.

mod command;
mod deciding;
mod kinds;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    config::{Globs, Project, RestartConfig, StepConfig},
    error::{Error, ErrorKind, Result},
    git::{self, Change, Scope},
    hidden_text,
};

pub(crate) use command::is_run_by;
use command::is_run_in;
use deciding::Deciding;

/// How many files are named of each reason.
const NAMED: usize = 5;

/// The summary, which is a part of every change if `commit_summary` is set.
const SUMMARY: &str = "codex.md";

/// Which files of a project a person looks at before a change to them is delivered.
#[derive(Debug)]
pub struct Hold(Rule);

#[derive(Debug)]
enum Rule {
    /// What the project's `hold` means, and nothing else.
    Globs(Globs),
    /// Whatever is not known to be harmless.
    Unknown(Box<Known>),
}

/// What is known of a project.
#[derive(Debug)]
struct Known {
    deciding: Deciding,
    /// What the project's `unasked` means.
    unasked: Globs,
    /// Where it is in its repository: Git hooks and links name files from the top on.
    scope: Scope,
    /// The top of that.
    top: PathBuf,
    commands: Vec<Run>,
    /// What it names as read by `prepare`.
    prepared: Vec<Globs>,
    commits_summary: bool,
    links: Vec<Link>,
}

/// A command that the configuration or a Git hook of a project runs.
#[derive(Debug)]
struct Run {
    who: &'static str,
    command: String,
    /// Where it begins, from the top of the repository on.
    directory: String,
}

/// A symbolic link of a repository: its path, and the path that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Its path, from the top of the repository.
    pub path: String,
    /// The path that it leads to, from there too.
    pub target: String,
}

/// What is known of a file besides its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileState {
    /// Whether it may be executed, or begins with `#!`.
    pub is_program: bool,
    /// Whether a change makes a program of it, or another kind of entry, such as a link.
    pub becomes_another: bool,
}

/// Why a change to a file waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "why", content = "what")]
#[non_exhaustive]
pub enum Held {
    /// The project's `hold` means it.
    Named,
    /// It decides what is run, fetched, built or allowed.
    Decides,
    /// This runs it: a check, a step, `prepare`, a restart, a health check, a Git hook.
    RunBy(&'static str),
    /// `prepare`, which has the network, reads it: the project says so.
    Prepares,
    /// This link leads to it, which would be held itself.
    Linked(String),
    /// It is a program.
    Program,
    /// Its name is unusual.
    Name,
    /// Files with this extension (none, if it is empty) are not known to be harmless.
    Kind(String),
}

impl Hold {
    /// The rule of `project`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if `hold` or `unasked` has a glob that is none.
    pub fn new(project: &Project) -> Result<Self> {
        let wrong = |key, reason| {
            Error::new(
                ErrorKind::Config,
                format!("in `{key}` of project `{}`: {reason}", project.name),
            )
        };
        if let Some(hold) = &project.hold {
            return Ok(Self(Rule::Globs(hold.clone())));
        }
        let known = Known {
            deciding: Deciding::compile().map_err(|reason| wrong("hold", reason))?,
            unasked: project.unasked.clone(),
            scope: Scope::of_project(&project.path).unwrap_or_default(),
            top: git::top_above(&project.path).unwrap_or_else(|| project.path.clone()),
            commands: commands(project),
            prepared: project.prepare.iter().filter_map(|it| it.files.clone()).collect(),
            commits_summary: project.commit_summary,
            links: Vec::new(),
        };
        Ok(Self(Rule::Unknown(Box::new(known))))
    }

    /// The same rule, which knows the symbolic links of the repository: what is found by the name of
    /// one decides what that name decides.
    #[must_use]
    pub fn with_links(mut self, links: Vec<Link>) -> Self {
        if let Rule::Unknown(known) = &mut self.0 {
            known.links = links;
        }
        self
    }

    /// The same rule, which knows the Git hooks of the project, as [`git::Checkout::hook_texts`] gives
    /// them: what they run is held.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Vec<String>) -> Self {
        if let Rule::Unknown(known) = &mut self.0 {
            let hook = |text: &String| Run::new("a Git hook", text, &known.top, Path::new(""));
            known.commands.extend(hooks.iter().map(hook));
        }
        self
    }

    /// Why a change to the file at `path` waits for a person; `None` if it may be delivered
    /// unasked.
    pub fn why(&self, path: &str, state: FileState) -> Option<Held> {
        match &self.0 {
            Rule::Globs(globs) => globs.matches(path).then_some(Held::Named),
            Rule::Unknown(known) => known.why(path, state).or_else(|| known.linked(path)),
        }
    }
}

impl Run {
    /// A command that begins in `directory`, which lies at `place` on the disk.
    fn new(who: &'static str, command: &str, place: &Path, directory: &Path) -> Self {
        let place = format!("{}/", place.display());
        let directory = directory.to_string_lossy().into_owned();
        Self { who, command: command.replace(&place, "./"), directory }
    }
}

impl Known {
    fn why(&self, path: &str, state: FileState) -> Option<Held> {
        let lower = path.to_ascii_lowercase();
        if path == SUMMARY && self.commits_summary && !state.becomes_another {
            return None;
        }
        if self.deciding.contains(&lower) {
            return Some(Held::Decides);
        }
        if let Some(who) = self.runner_of(&self.outer(path)) {
            return Some(Held::RunBy(who));
        }
        if state.becomes_another {
            return Some(Held::Program);
        }
        if self.unasked.matches(path) {
            return None;
        }
        if self.prepared.iter().any(|files| files.matches(path)) {
            return Some(Held::Prepares);
        }
        if !is_usual(path) {
            return Some(Held::Name);
        }
        if kinds::kind(&lower).is_none() {
            let extension = lower
                .rsplit('/')
                .next()
                .and_then(|name| name.rsplit_once('.'))
                .map_or("", |(_, extension)| extension);
            return Some(Held::Kind(extension.to_owned()));
        }
        state.is_program.then_some(Held::Program)
    }

    /// The link that leads to `path` and is held.
    fn linked(&self, path: &str) -> Option<Held> {
        let path = self.outer(path);
        let is_held = |link: &&Link| {
            let rest = path
                .strip_prefix(&link.target)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'));
            rest.is_some_and(|rest| {
                let name = format!("{}{rest}", link.path);
                match self.scope.inner(Path::new(&name)).and_then(Path::to_str) {
                    Some(name) => self.why(name, FileState::default()).is_some(),
                    // What lies outside is the project's only as far as it decides or is run.
                    None => {
                        self.deciding.contains(&name.to_ascii_lowercase())
                            || self.runner_of(&name).is_some()
                    }
                }
            })
        };
        self.links.iter().find(is_held).map(|link| Held::Linked(link.path.clone()))
    }

    /// Who runs the file at `path`, which is from the top of the repository on.
    fn runner_of(&self, path: &str) -> Option<&'static str> {
        let runs = |run: &&Run| is_run_in(&run.directory, &run.command, path);
        self.commands.iter().find(runs).map(|run| run.who)
    }

    /// A path of the project, from the top of the repository on.
    fn outer(&self, path: &str) -> String {
        self.scope.outer(path).to_string_lossy().into_owned()
    }
}

impl Link {
    /// The link at `path`, from the top of the repository, that says `target`; `None` if it leads
    /// out of that.
    pub fn new(path: &str, target: &str) -> Option<Self> {
        let mut parts: Vec<&str> = path.split('/').collect();
        parts.pop();
        for part in target.split('/') {
            match part {
                "" if parts.is_empty() || target.starts_with('/') => return None,
                "" | "." => {}
                ".." => drop(parts.pop()?),
                part => parts.push(part),
            }
        }
        Some(Self { path: path.to_owned(), target: parts.join("/") })
    }
}

impl FileState {
    /// What `metadata` and the beginning of the file at `file` say; a file that is not there is not
    /// looked at.
    pub fn read(file: &Path) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(metadata) = fs::symlink_metadata(file) else { return Self::default() };
        if !metadata.is_file() {
            return Self { is_program: true, becomes_another: true };
        }
        let mut beginning = [0; 64];
        let count =
            fs::File::open(file).and_then(|mut file| file.read(&mut beginning)).unwrap_or(0);
        let is_program = metadata.permissions().mode() & 0o111 != 0
            || names_interpreter(beginning.get(..count).unwrap_or_default());
        Self { is_program, becomes_another: false }
    }
}

impl fmt::Display for Held {
    /// What is said of one file, behind its name.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => {
                formatter.write_str("is among the files that a person looks at first (`hold`)")
            }
            Self::Decides => formatter.write_str("decides what is run, fetched, built or allowed"),
            Self::RunBy(who) => write!(formatter, "is run by {who}"),
            Self::Prepares => formatter.write_str("is read by `prepare`, which has the network"),
            Self::Linked(link) => write!(formatter, "is what the link `{link}` leads to"),
            Self::Program => formatter.write_str("is a program"),
            Self::Name => formatter.write_str("has an unusual name"),
            Self::Kind(_) => formatter.write_str("is of a kind that is not known to be harmless"),
        }
    }
}

/// Why `change`, which is in place in `workspace`, which has these links, and whose checkout these
/// hooks, waits for a person: it touches files that a person looks at first.
///
/// # Errors
/// As [`Hold::new`].
pub(crate) fn held_files(
    project: &Project,
    change: &Change,
    workspace: &Path,
    links: Vec<Link>,
    hooks: Vec<String>,
) -> Result<Option<String>> {
    let hold = Hold::new(project)?.with_links(links).with_hooks(hooks);
    let mut held: BTreeMap<Held, Vec<String>> = BTreeMap::new();
    for section in change.sections() {
        let mut state = FileState::read(&workspace.join(&section.path));
        state.becomes_another |= section.becomes_another;
        state.is_program |= section.is_program
            || section.first_lines().any(|line| names_interpreter(line.as_bytes()));
        if let Some(why) = hold.why(&section.path, state) {
            // An extension is no reason of its own.
            let why = if matches!(why, Held::Kind(_)) { Held::Kind(String::new()) } else { why };
            held.entry(why).or_default().push(section.path);
        }
    }
    let reasons: Vec<_> = held.iter().map(|(why, paths)| reason(why, paths)).collect();
    Ok((!reasons.is_empty()).then(|| reasons.join("; ")))
}

/// The reason why a change waits that touches `paths`.
fn reason(why: &Held, paths: &[String]) -> String {
    let named: Vec<_> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    let more = if paths.len() > NAMED {
        format!(" and {} more", paths.len() - NAMED)
    } else {
        String::new()
    };
    let each = if paths.len() == 1 { "which" } else { "each of which" };
    format!("it touches {}{more}, {each} {why}", named.join(", "))
}

/// The commands that the configuration of `project` runs.
fn commands(project: &Project) -> Vec<Run> {
    let prepare = project.prepare.iter().map(|prepare| ("`prepare`", prepare.command.clone()));
    let checks = project.verify.iter().map(|command| ("a check", command.clone()));
    let step = |step: &StepConfig| match step {
        StepConfig::Command(step) => Some(("a step", step.command.clone())),
        _ => None,
    };
    let restart = match &project.restart {
        RestartConfig::Command(command) => Some(("the restart", command.clone())),
        _ => None,
    };
    let health = project
        .health
        .as_ref()
        .and_then(|health| health.command.clone())
        .map(|command| ("the health check", command));
    let own = checks
        .chain(prepare)
        .chain(project.steps.iter().filter_map(step))
        .chain(restart)
        .chain(health);
    let scope = Scope::of_project(&project.path).unwrap_or_default();
    let own = own.map(|(who, command)| Run::new(who, &command, &project.path, scope.place()));
    own.collect()
}

/// Whether a file is source, by its name.
pub(crate) fn is_source(path: &str) -> bool {
    kinds::kind(&path.to_ascii_lowercase()) == Some(kinds::Kind::Source)
}

/// Whether a path has nothing in it that some file system or person takes for something else: plain
/// letters, no blank or dot at an end, no `:` or `~`.
fn is_usual(path: &str) -> bool {
    let is_plain = |byte: u8| {
        !byte.is_ascii()
            || byte.is_ascii_alphanumeric()
            || b"/._-+@ ,()[]{}$#=&'!%^".contains(&byte)
    };
    path.bytes().all(is_plain)
        && hidden_text::is_plain_letters(path)
        && path.split('/').all(|part| !part.starts_with([' ', '-']) && !part.ends_with([' ', '.']))
}

/// Whether a file begins with the line that names its interpreter. Attributes of Rust begin with
/// the same two characters.
fn names_interpreter(beginning: &[u8]) -> bool {
    beginning
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(beginning)
        .strip_prefix(b"#!")
        .is_some_and(|rest| !rest.trim_ascii_start().starts_with(b"["))
}
