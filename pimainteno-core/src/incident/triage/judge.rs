//! Judges what a program said last by the table.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::{
    Trouble, TroubleKind,
    find::{self, Address, Named},
    known::{INSTALLED, NAMED_SERVICES, NOT_OF_CODE, OF_CODE, SERVICES},
    shown,
    table::{About, ROWS, Row},
};
use crate::incident::trace::{ending::Ended, line::Line};

/// How many lines that say that something went wrong are looked at, from the last one on.
const MOST_ERRORS: usize = 8;

/// The words of all rows, in one search, and the row of each; none if they cannot be compiled,
/// which a test would show.
static WORDS: LazyLock<Option<(AhoCorasick, Vec<usize>)>> = LazyLock::new(|| {
    let words = || {
        ROWS.iter().enumerate().flat_map(|(row, of)| of.words.iter().map(move |word| (row, word)))
    };
    let mut search = AhoCorasick::builder();
    let search = search.ascii_case_insensitive(true).build(words().map(|(_, word)| word)).ok()?;
    Some((search, words().map(|(row, _)| row).collect()))
});

/// What a message shows.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Trouble of the machine.
    Trouble(Trouble),
    /// Something that code may be at fault for.
    Code,
    /// Nothing.
    Open,
}

/// Judges by what a program said last.
pub(super) struct Judge<'a> {
    ended: &'a Ended<'a>,
    is_of_project: &'a dyn Fn(&str) -> bool,
}

impl<'a> Judge<'a> {
    pub(super) fn new(ended: &'a Ended<'a>, is_of_project: &'a dyn Fn(&str) -> bool) -> Self {
        Self { ended, is_of_project }
    }

    /// The trouble that the program said last.
    pub(super) fn by_words(&self) -> Option<Trouble> {
        let errors = &self.ended.errors;
        if let Some(text) = &self.ended.with_causes
            && let Some(verdict) = self.decided(self.message(text, text))
        {
            return verdict;
        }
        for line in errors.iter().take(MOST_ERRORS) {
            if let Some(verdict) = self.decided(self.message(line.body_with_name(), &line.text)) {
                return verdict;
            }
            if is_of_code(line.body()) {
                return None;
            }
            if !self.ended.is_trace_last && !line.is_giving_up() {
                break;
            }
        }
        if !self.ended.is_trace_last {
            return None;
        }
        for message in self.ended.trace.as_ref()?.messages() {
            if is_of_code(message) {
                return None;
            }
            if let Some(verdict) = self.decided(self.message(message, message)) {
                return verdict;
            }
        }
        None
    }

    fn decided(&self, verdict: Verdict) -> Option<Option<Trouble>> {
        match verdict {
            Verdict::Trouble(trouble) => Some(Some(trouble)),
            Verdict::Code => Some(None),
            Verdict::Open => None,
        }
    }

    /// What a message shows by the words in it.
    pub(super) fn message(&self, text: &str, evidence: &str) -> Verdict {
        let Some((search, rows)) = WORDS.as_ref() else {
            return Verdict::Open;
        };
        let Ok(found) = search.try_find_overlapping_iter(text) else {
            return Verdict::Open;
        };
        let mut found: Vec<_> = found
            .filter_map(|found| {
                Some((*rows.get(found.pattern().as_usize())?, found.start(), found.end()))
            })
            .filter(|(_, start, end)| is_word(text, *start, *end) && !is_mention(text, *start))
            .collect();
        // The first row decides, and in it the words that say most.
        found.sort_unstable_by_key(|(row, start, end)| (*row, usize::MAX - (end - start), *start));
        for of_row in found.chunk_by(|one, other| one.0 == other.0) {
            let Some(row) = of_row.first().and_then(|(row, ..)| ROWS.get(*row)) else {
                continue;
            };
            let mut is_unnamed = false;
            for (_, start, end) in of_row {
                match self.about(row, &Words { text, start: *start, end: *end }) {
                    Subject::It(it) => return Verdict::Trouble(trouble(row, Some(&it), evidence)),
                    Subject::Code => return Verdict::Code,
                    Subject::Unnamed => is_unnamed = true,
                    Subject::Another => {}
                }
            }
            if is_unnamed {
                return Verdict::Trouble(trouble(row, None, evidence));
            }
        }
        Verdict::Open
    }

    /// What the words are about, and whether it is the machine's.
    fn about(&self, row: &Row, words: &Words<'_>) -> Subject {
        match row.about {
            About::Nothing => Subject::Unnamed,
            // Go says that it is either of the two, and then which time is after or before which.
            About::Clock if words.text.contains(" is after ") => Subject::Another,
            About::Clock => Subject::Unnamed,
            About::AnyPath => match words.path() {
                Some(Named::Absolute(path)) => Subject::It(path),
                _ => Subject::Unnamed,
            },
            About::ForeignPath => self.foreign(words.path()),
            About::SystemPath => match words.path() {
                Some(Named::Absolute(path)) if find::is_of_system(&path) => {
                    self.foreign(Some(Named::Absolute(path)))
                }
                _ => Subject::Another,
            },
            About::PathOrPort => match words.path() {
                Some(Named::Absolute(path)) => self.foreign(Some(Named::Absolute(path))),
                relative => {
                    let port = find::address(words.text).port.filter(|port| *port < 1024);
                    match (port, relative) {
                        (Some(port), _) => Subject::It(format!("port {port}")),
                        (None, Some(_)) => Subject::Code,
                        (None, None) => Subject::Another,
                    }
                }
            },
            About::Program => self.program(words),
            About::Port => self.port(words),
            About::Host => host(words),
            About::Machine => {
                let address = find::address(words.text);
                if address.is_own() { Subject::Another } else { Subject::It(address.shown()) }
            }
            About::Service => service(words),
            About::User => find::user(words.text, words.end)
                .map_or(Subject::Unnamed, |user| Subject::It(user.to_owned())),
        }
    }

    /// A path that has to be outside of the project.
    fn foreign(&self, named: Option<Named>) -> Subject {
        match named {
            Some(Named::Absolute(path)) if self.is_projects(&path) => Subject::Code,
            Some(Named::Absolute(path)) => Subject::It(path),
            Some(Named::Relative(_)) => Subject::Code,
            None => Subject::Another,
        }
    }

    /// Whether the project, or its program, is what made a path.
    pub(super) fn is_projects(&self, path: &str) -> bool {
        (self.is_of_project)(path) || find::is_made_up(path)
    }

    /// Whether a program is one that a commit can hold.
    pub(super) fn is_projects_program(&self, path: &str) -> bool {
        self.is_projects(path) && !INSTALLED.iter().any(|directory| path.contains(directory))
    }

    /// A program that was to be run.
    fn program(&self, words: &Words<'_>) -> Subject {
        let Some(name) = self.program_named(words) else {
            return Subject::Another;
        };
        let is_function = name.contains(['_', '(', ' ', '$'])
            || name.starts_with(|first: char| first.is_uppercase());
        let is_relative = name.contains('/') && !name.starts_with('/');
        if name.is_empty() || is_function || is_relative || self.is_projects_program(&name) {
            Subject::Code
        } else {
            Subject::It(name)
        }
    }

    fn program_named(&self, words: &Words<'_>) -> Option<String> {
        let before = words.text.get(..words.start)?;
        let behind = words.text.get(words.end..)?;
        let said = words.text.get(words.start..words.end)?.to_ascii_lowercase();
        let last_word = |text: &str| {
            let text = text.trim_end_matches([':', ' ']);
            let word = text.rsplit([' ', ':']).next()?;
            Some(word.trim_matches(['\'', '"', '‘', '’', '`']).to_owned())
        };
        match said.as_str() {
            // zsh writes the name behind, bash before.
            "command not found" => match behind.strip_prefix(": ") {
                Some(behind) => behind.split_whitespace().next().map(str::to_owned),
                None => last_word(before),
            },
            ": not found" => {
                // `sh: 1: ffmpeg`, whatever is in front of it.
                let mut parts = before.rsplit(": ");
                let (name, number, shell) = (parts.next()?, parts.next()?, parts.next()?);
                let number = number.trim_start_matches("line ");
                let is_shell = shell.ends_with("sh") && number.parse::<u32>().is_ok();
                is_shell.then(|| name.to_owned())
            }
            "executable file not found in $path" => {
                find::quoted(before).map(str::to_owned).or_else(|| last_word(before))
            }
            "spawn " => {
                let (name, rest) = behind.split_once(' ').unwrap_or((behind, ""));
                rest.starts_with("ENOENT").then(|| name.to_owned())
            }
            "env: " => {
                let name = behind.split(": ").next()?;
                let is_missing = behind.contains("No such file");
                is_missing.then(|| name.trim_matches(['\'', '"', '‘', '’', '`']).to_owned())
            }
            "no such file or directory" => self.program_of_call(behind),
            // `cannot run program "`, and the like.
            _ => behind.split(['"', '\'']).next().map(str::to_owned),
        }
    }

    /// The name behind `No such file or directory`, if it is that of a program: Python runs programs
    /// in one of its modules, and Ruby writes where it opens files.
    fn program_of_call(&self, behind: &str) -> Option<String> {
        if let Some(name) = behind.strip_prefix(" - ") {
            let name = name.split(" (").next()?.trim();
            return (!name.contains('.')).then(|| name.to_owned());
        }
        let name = find::quoted(behind.strip_prefix(": ")?)?;
        let places = self.ended.trace.as_ref()?.places();
        let runs = |path: &str| path.ends_with("subprocess.py") || path.ends_with("pty.py");
        places.first().filter(|place| runs(&place.path))?;
        Some(name.to_owned())
    }

    /// A port that another program has.
    fn port(&self, words: &Words<'_>) -> Subject {
        let said = words.text.get(words.start..words.end).unwrap_or_default().to_ascii_lowercase();
        let address = find::address(words.text);
        let lower = words.text.to_ascii_lowercase();
        let is_loose =
            said.contains("in use") && !said.contains("address") && !said.contains("port");
        if is_loose && address.port.is_none() && !lower.contains("address") {
            return Subject::Another;
        }
        // A socket in a file that was left there: whoever makes it has to take it away first.
        if matches!(words.path(), Some(Named::Absolute(_))) && address.port.is_none() {
            return Subject::Code;
        }
        match address.port {
            Some(port) if self.opened_it_itself(port, words.text) => Subject::Code,
            Some(port) => Subject::It(format!("port {port}")),
            None => Subject::Unnamed,
        }
    }

    /// Whether this program said before `error` that it listens at a port: it opens it twice.
    fn opened_it_itself(&self, port: u16, error: &str) -> bool {
        let port = port.to_string();
        let says = |line: &Line| {
            let body = line.body();
            let lower = body.to_ascii_lowercase();
            let is_told =
                ["listening", "serving", "running on", "started on", "bound to", "server on"]
                    .iter()
                    .any(|word| lower.contains(word));
            let words = body.split(|next: char| !next.is_ascii_digit());
            is_told
                && !lower.contains("in use")
                && !lower.contains("fail")
                && words.into_iter().any(|word| word == port)
        };
        let is_before = |line: &&Line| !line.text.contains(error);
        self.ended.programs_lines().take_while(is_before).any(says)
    }
}

/// Words of the table in a message.
struct Words<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Words<'_> {
    fn path(&self) -> Option<Named> {
        find::path(self.text, self.start, self.end)
    }
}

/// What words are about.
enum Subject {
    /// Something of the machine.
    It(String),
    /// Something of the machine that is not named.
    Unnamed,
    /// Something that the code may be at fault for.
    Code,
    /// Not what the row is for.
    Another,
}

/// A host whose name can be one. One that cannot be was put together by the program.
fn host(words: &Words<'_>) -> Subject {
    match find::host(words.text) {
        Some(host) if find::is_host(&host) => Subject::It(host),
        Some(_) => Subject::Code,
        None => Subject::Unnamed,
    }
}

/// A service that does not listen. On this machine it has to be one that is known by its port:
/// another port may be a mistake, or the program's own.
fn service(words: &Words<'_>) -> Subject {
    let address = find::address(words.text);
    let lower = words.text.to_lowercase();
    let by_name =
        || NAMED_SERVICES.iter().find(|(word, _)| lower.contains(word)).map(|(_, name)| *name);
    let by_port = |port| SERVICES.iter().find(|(known, _)| *known == port).map(|(_, name)| *name);
    let known = address.port.and_then(by_port).or_else(by_name);
    let shown = |address: &Address| match known {
        Some(name) => format!("{} ({name})", address.shown()),
        None => address.shown(),
    };
    let is_named = address.host.is_some() || address.port.is_some();
    let is_wrong = address.host.as_deref().is_some_and(|host| !find::is_host(host));
    match known {
        _ if !is_named => Subject::Another,
        _ if is_wrong => Subject::Code,
        None if address.is_own() => Subject::Code,
        _ => Subject::It(shown(&address)),
    }
}

/// Whether what was found begins and ends where a word does.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let is_part = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let found = text.get(start..end).unwrap_or_default();
    let before = text.get(..start).unwrap_or_default();
    let behind = text.get(end..).unwrap_or_default();
    let is_torn = |one: Option<char>, next: Option<char>| is_part(one) && is_part(next);
    !is_torn(before.chars().next_back(), found.chars().next())
        && !is_torn(found.chars().next_back(), behind.chars().next())
}

/// Whether words stand in quotes, as a text that is spoken of: `expected "no space left on
/// device"`. What a field of a record says, as in `message: "…"`, does not.
fn is_mention(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let Some(outside) = before.strip_suffix(['"', '\'', '`', '“', '‘']) else {
        return false;
    };
    let outside = outside.trim_end();
    !outside.is_empty() && !outside.ends_with([':', '=', '(', '[', '{', ','])
}

/// Whether an error is one that only code makes.
fn is_of_code(message: &str) -> bool {
    let name = message.split([':', ' ']).next().unwrap_or_default();
    let in_brackets = message.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let elixir = message.strip_prefix("** (").and_then(|rest| rest.split(')').next());
    let names = [Some(name), in_brackets, elixir];
    let is_one = |name: &str| {
        let name = name.rsplit(['.', ':', '\\']).next().unwrap_or_default();
        OF_CODE.contains(&name)
    };
    names.into_iter().flatten().any(is_one)
        && !NOT_OF_CODE.iter().any(|words| message.contains(words))
}

fn trouble(row: &Row, it: Option<&str>, evidence: &str) -> Trouble {
    let remedy = match it {
        Some(it) if row.kind == TroubleKind::MissingFile && it.starts_with("/dev/") => format!(
            "Look whether what is behind `{it}` is plugged in and turned on, and its driver loaded: `dmesg` tells what the kernel saw. Or give the service the right path."
        ),
        Some(it) if !row.remedy.is_empty() => {
            // What was put together already has its marks.
            let is_marked = it.starts_with("port ") || it.contains('`');
            let marked = if is_marked { it.to_owned() } else { format!("`{it}`") };
            row.remedy.replace("{it}", &marked).replace("{bare}", it)
        }
        _ if row.general.is_empty() => row.remedy.replace("{it}", "it").replace("{bare}", "NAME"),
        _ => row.general.to_owned(),
    };
    Trouble { kind: row.kind, evidence: shown(evidence), remedy }
}

impl Trouble {
    pub(super) fn new(kind: TroubleKind, evidence: &str, remedy: String) -> Self {
        Self { kind, evidence: shown(evidence), remedy }
    }
}
