//! Case files: what a policy is expected to say about which facts, in TOML.
//!
//! A file names its policy, may give facts that all of its cases share, and lists the cases:
//!
//! ```toml
//! policy = "../careful.rhai"          # relative to this file
//!
//! [facts]
//! added = 3
//!
//! [[case]]
//! name = "a changed lock file is shown to a person"
//! facts = { files = ["Cargo.lock"] }
//! allow = "ask"                       # or "allow" or "deny"
//! reason = "dependencies"             # has to occur in the reason
//! ```
//!
//! A case expects at least one of: `allow`; `skip`, true or false; `restart_units`, the names in
//! order; `prompt` and `commit_message`, text that has to occur in what the hook makes of `given`.
//! `reason` goes with `allow` and `skip`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::{Spanned, Table, value::Datetime};

use super::{Change, Checks, Facts, Policy, RunFacts};
use crate::{
    config::Mode,
    error::{Context, Error, ErrorKind, Result},
    id::RunId,
    job::IMPROVE,
    run::Trigger,
    words::{BranchName, CommitId, ProjectId, UnitName},
};

/// A file with cases for a policy.
#[derive(Clone, Debug)]
pub struct CaseFile {
    policy: PathBuf,
    cases: Vec<Case>,
}

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseResult {
    /// What the case is called.
    pub name: String,
    /// The line at which it starts, from 1.
    pub line: usize,
    /// What was not as expected, one line each; empty if the case passed.
    pub failures: Vec<String>,
}

/// A case file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    policy: PathBuf,
    #[serde(default)]
    facts: Table,
    #[serde(default)]
    case: Vec<Spanned<WrittenCase>>,
}

/// What is expected about which facts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    #[serde(default)]
    facts: Table,
    allow: Option<Expected>,
    skip: Option<bool>,
    reason: Option<String>,
    restart_units: Option<Vec<UnitName>>,
    #[serde(default = "given")]
    given: String,
    prompt: Option<String>,
    commit_message: Option<String>,
}

/// One case, with the facts of its file filled in.
#[derive(Clone, Debug)]
struct Case {
    line: usize,
    written: WrittenCase,
    facts: Facts,
    task: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Expected {
    Allow,
    Deny,
    Ask,
}

/// Facts as a case gives them, under the names that scripts use; `now` stands for the four that
/// tell the time.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CaseFacts {
    project: ProjectId,
    name: String,
    branch: BranchName,
    mode: Mode,
    chore: String,
    trigger: String,
    failed_unit: Option<UnitName>,
    #[serde(deserialize_with = "local_time")]
    now: DateTime,
    head: CommitId,
    head_message: String,
    units: Vec<UnitName>,
    step: String,
    effects: String,
    task: String,
    files: Vec<String>,
    deleted: Vec<String>,
    added: usize,
    removed: usize,
    diff: String,
    message: String,
    checks: Checks,
}

/// Reads the case file `path`.
///
/// # Errors
/// [`ErrorKind::Policy`] if it cannot be read, and as for [`parse`].
pub fn load(path: &Path) -> Result<CaseFile> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .context(ErrorKind::Policy, || format!("cannot read the cases: `{name}`"))?;
    let file = parse(&name, &text)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    Ok(CaseFile { policy: directory.join(&file.policy), ..file })
}

/// Reads the cases in `text`, which errors call `name`.
///
/// # Errors
/// [`ErrorKind::Policy`], with the line and the case, if the text is no TOML, has unknown keys or
/// facts, or has a case that expects nothing.
pub fn parse(name: &str, text: &str) -> Result<CaseFile> {
    let line_of =
        |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let wrong = |line: usize, message: &str| {
        Error::new(ErrorKind::Policy, format!("{name}:{line}: {}", message.replace('\n', ", ")))
    };
    let written: Written = toml::from_str(text).map_err(|error| {
        wrong(line_of(error.span().map_or(0, |span| span.start)), error.message())
    })?;
    if written.case.is_empty() {
        return Err(wrong(1, "there are no cases")
            .hint("write one like [[case]], name = \"…\", allow = \"allow\""));
    }
    let mut cases = Vec::new();
    for spanned in written.case {
        let line = line_of(spanned.span().start);
        let case = spanned.into_inner();
        let label = case.name.clone();
        let case = case
            .complete(line, &written.facts)
            .map_err(|message| wrong(line, &format!("in the case `{label}`: {message}")))?;
        cases.push(case);
    }
    Ok(CaseFile { policy: written.policy, cases })
}

impl CaseFile {
    /// The policy that the cases are for; relative to the file's directory made relative to where
    /// the file was loaded from.
    pub fn policy(&self) -> &Path {
        &self.policy
    }

    /// Holds `policy` against each case, in order.
    pub fn run(&self, policy: &Policy) -> Vec<CaseResult> {
        let run = |case: &Case| CaseResult {
            name: case.written.name.clone(),
            line: case.line,
            failures: case.failures(policy),
        };
        self.cases.iter().map(run).collect()
    }
}

impl CaseResult {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl WrittenCase {
    /// The case, with what it does not say about the facts taken from `shared`.
    fn complete(self, line: usize, shared: &Table) -> Result<Case, String> {
        if self.allow.is_none()
            && self.skip.is_none()
            && self.restart_units.is_none()
            && self.prompt.is_none()
            && self.commit_message.is_none()
        {
            return Err("it expects nothing; add `allow`, `skip`, `restart_units`, `prompt` or `commit_message`".into());
        }
        if self.reason.is_some() && self.allow.is_none() && self.skip != Some(true) {
            return Err("`reason` goes with `allow` or with `skip = true`".into());
        }
        let mut facts = shared.clone();
        facts.extend(self.facts.clone());
        let facts: CaseFacts =
            facts.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let task = facts.task.clone();
        Ok(Case { line, facts: facts.facts()?, task, written: self })
    }

    /// What has to occur in the reason.
    fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    /// The expected reason, for a sentence.
    fn because(&self) -> String {
        match self.reason() {
            "" => String::new(),
            reason => format!(" with a reason that has `{reason}` in it"),
        }
    }
}

impl Case {
    /// What is not as expected.
    fn failures(&self, policy: &Policy) -> Vec<String> {
        let (written, facts) = (&self.written, &self.facts);
        let mut failures = Vec::new();
        let mut tell = |hook: &str, difference: Result<Option<String>>| match difference {
            Ok(None) => {}
            Ok(Some(difference)) => failures.push(format!("{hook}: expected {difference}")),
            Err(error) => failures.push(format!("{hook}: {error}")),
        };
        let reason_fits = |reason: &str| reason.contains(written.reason());
        let lack = |expected: &String, text: String| {
            let lacks = !text.contains(expected);
            lacks.then(|| format!("text that has {expected:?} in it, got {text:?}"))
        };
        if let Some(expected) = written.allow {
            let (decision, expected) = (policy.allow(facts), expected.name());
            let fits = decision.name() == expected && reason_fits(decision.reason());
            let because = written.because();
            tell("allow", Ok((!fits).then(|| format!("{expected}{because}, got {decision}"))));
        }
        if let Some(expected) = written.skip {
            let expectation =
                if expected { format!("to skip{}", written.because()) } else { "to go on".into() };
            let difference = policy.skip(facts).map(|reason| match reason {
                Some(reason) if expected && reason_fits(&reason) => None,
                Some(reason) => Some(format!("{expectation}, got the reason: {reason}")),
                None => expected.then(|| format!("{expectation}, got no reason")),
            });
            tell("skip", difference);
        }
        if let Some(expected) = &written.restart_units {
            let difference = policy
                .restart_units(facts)
                .map(|units| (units != *expected).then(|| format!("{expected:?}, got {units:?}")));
            tell("restart_units", difference);
        }
        if let Some(expected) = &written.prompt {
            let prompt = policy.prompt(facts, &self.task, &written.given);
            tell("prompt", prompt.map(|text| lack(expected, text)));
        }
        if let Some(expected) = &written.commit_message {
            let message = policy.commit_message(facts, &written.given);
            tell("commit_message", message.map(|text| lack(expected, text)));
        }
        failures
    }
}

/// What hooks are given if a case does not say.
fn given() -> String {
    "given".into()
}

impl Expected {
    fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Ask => "ask",
        }
    }
}

/// A scheduled run of a project in `auto` mode, on a Wednesday at noon, whose change passed its
/// checks and is about to be committed.
impl Default for CaseFacts {
    fn default() -> Self {
        Self {
            project: ProjectId::of("project"),
            name: "Project".into(),
            branch: BranchName::unchecked("main"),
            mode: Mode::Auto,
            chore: IMPROVE.into(),
            trigger: "schedule".into(),
            failed_unit: None,
            now: DateTime::constant(2026, 1, 7, 12, 0, 0, 0),
            head: CommitId::unchecked("0".repeat(40)),
            head_message: String::new(),
            units: vec![UnitName::unchecked("project.service")],
            step: "commit".into(),
            effects: String::new(),
            task: "propose".into(),
            files: Vec::new(),
            deleted: Vec::new(),
            added: 0,
            removed: 0,
            diff: String::new(),
            message: String::new(),
            checks: Checks::Passed,
        }
    }
}

impl CaseFacts {
    /// The facts as a hook sees them.
    fn facts(self) -> Result<Facts, String> {
        let trigger = match self.trigger.as_str() {
            "schedule" => Trigger::Schedule,
            "manual" => Trigger::Manual,
            "unit-failure" => Trigger::UnitFailure {
                unit: self.failed_unit.ok_or("`failed_unit` says which unit failed")?,
            },
            "rollback" => Trigger::Rollback,
            "approval" => Trigger::Approval,
            other => {
                return Err(format!(
                    "no trigger is called `{other}`; there are schedule, manual, unit-failure, rollback and approval"
                ));
            }
        };
        let mut files = self.files;
        // What is deleted is touched, too; a case need not say it twice.
        let missing: Vec<String> =
            self.deleted.iter().filter(|file| !files.contains(file)).cloned().collect();
        files.extend(missing);
        let run = RunFacts {
            project: self.project,
            name: self.name,
            branch: Some(self.branch),
            mode: self.mode,
            chore: self.chore,
            trigger,
            run: RunId::new(),
            now: self.now,
            head: self.head,
            head_message: self.head_message,
            units: self.units,
        };
        let change = Change {
            files,
            deleted: self.deleted,
            added: self.added,
            removed: self.removed,
            diff: self.diff,
            message: self.message,
        };
        Ok(Facts::new(run)
            .with_change(change)
            .with_checks(self.checks)
            .at_step(&self.step, &self.effects))
    }
}

/// Reads a TOML date with a time and no offset.
fn local_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime, D::Error> {
    let written = Datetime::deserialize(deserializer)?;
    let time = if written.offset.is_none() && written.time.is_some() {
        written.to_string().parse().ok()
    } else {
        None
    };
    time.ok_or_else(|| {
        D::Error::custom(format!(
            "`now` is a date and a time, such as 2026-01-07T12:00:00, and not {written}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyEngine;

    const CASES: &str = r#"policy = "of.rhai"
[facts]
branch = "main"

[[case]]
name = "passes"
facts = { step = "commit", files = ["a.md"], now = 2026-03-07T22:30:00 }
allow = "ask"
reason = "saturday 22:30"
skip = false
restart_units = ["a.service"]
given = "Fix it."
prompt = "Fix it. Task: propose"
commit_message = "docs: Fix it."

[[case]]
name = "fails in every way"
facts = { branch = "other", deleted = ["b.rs"] }
allow = "deny"
skip = true
reason = "because"
restart_units = ["b.service"]
prompt = "x"
commit_message = "y"
"#;

    const POLICY: &str = r#"
fn allow(facts) { ask(`${facts.weekday} ${facts.hour}:${facts.minute} ${facts.files}`) }
fn skip(facts) { if facts.branch != "main" { "not on main" } }
fn restart_units(facts) { ["a"] }
fn prompt(facts, prompt) { `${prompt} Task: ${facts.task}` }
fn commit_message(facts, message) { `docs: ${message}` }
"#;

    #[test]
    fn a_case_passes_or_says_everything_that_is_not_as_expected() {
        let policy = PolicyEngine::default().compile("of.rhai", POLICY).unwrap();
        let file = parse("cases.toml", CASES).unwrap();
        assert_eq!(file.policy(), Path::new("of.rhai"));
        let results = file.run(&policy);
        assert_eq!(results[0], CaseResult { name: "passes".into(), line: 5, failures: Vec::new() });
        assert!(!results[1].passed());
        assert_eq!(results[1].line, 16);
        assert_eq!(
            results[1].failures,
            [
                "allow: expected deny with a reason that has `because` in it, got ask: wednesday 12:0 [\"b.rs\"]",
                "skip: expected to skip with a reason that has `because` in it, got the reason: not on main",
                "restart_units: expected [\"b.service\"], got [\"a.service\"]",
                "prompt: expected text that has \"x\" in it, got \"given Task: propose\"",
                "commit_message: expected text that has \"y\" in it, got \"docs: given\"",
            ]
        );
    }

    #[test]
    fn a_wrong_case_file_is_refused_with_the_line_and_the_case() {
        let case =
            |rest: &str| format!("policy = \"p.rhai\"\n\n[[case]]\nname = \"first\"\n{rest}\n");
        for (text, expected) in [
            ("policy = ", "c.toml:1: "),
            ("policy = \"p.rhai\"", "c.toml:1: there are no cases"),
            (case("alow = \"ask\"").as_str(), "c.toml:5: unknown field `alow`"),
            (case("allow = \"maybe\"").as_str(), "c.toml:5: unknown variant `maybe`"),
            (case("").as_str(), "c.toml:3: in the case `first`: it expects nothing"),
            (
                case("skip = false\nreason = \"x\"").as_str(),
                "c.toml:3: in the case `first`: `reason` goes with",
            ),
            (
                case("skip = true\nfacts = { brnch = \"x\" }").as_str(),
                "c.toml:3: in the case `first`: unknown field `brnch`",
            ),
            (
                case("skip = true\nfacts = { trigger = \"x\" }").as_str(),
                "c.toml:3: in the case `first`: no trigger is called `x`",
            ),
            (
                case("skip = true\nfacts = { now = 2026-01-01 }").as_str(),
                "c.toml:3: in the case `first`: `now` is a date and a time",
            ),
        ] {
            let error = parse("c.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}\nshould start with\n{expected}");
        }
    }

    #[test]
    fn a_case_file_names_its_policy_relative_to_itself() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cases.toml");
        assert!(load(&path).unwrap_err().to_string().contains("cannot read the cases"));
        fs::write(&path, CASES).unwrap();
        assert_eq!(load(&path).unwrap().policy(), directory.path().join("of.rhai"));
    }
}
