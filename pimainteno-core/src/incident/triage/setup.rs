//! Trouble that systemd itself tells: what a unit asks for could not be made ready.

use super::{
    Trouble, TroubleKind, find,
    judge::{Judge, Verdict},
};
use crate::incident::{
    cause::{Cause, CauseKind},
    exit_status::{self, SetupStatus},
    trace::{
        ending::{Ended, without_unit},
        line::Line,
    },
};

/// What systemd puts before the paths in a unit's own view of the file system.
const UNIT_ROOT: &str = "/run/systemd/unit-root";

/// Kinds of trouble by what the kernel answered.
const ANSWERS: [(&str, TroubleKind); 9] = [
    ("No space left on device", TroubleKind::DiskFull),
    ("Disk quota exceeded", TroubleKind::QuotaExceeded),
    ("Read-only file system", TroubleKind::ReadOnlyFileSystem),
    ("Cannot allocate memory", TroubleKind::OutOfMemory),
    ("Input/output error", TroubleKind::DeviceFault),
    ("Permission denied", TroubleKind::PermissionDenied),
    ("Operation not permitted", TroubleKind::PermissionDenied),
    ("No such file or directory", TroubleKind::MissingFile),
    ("Not a directory", TroubleKind::MissingFile),
];

/// The trouble of a unit that could not be started.
///
/// A program can exit with one of systemd's statuses, too: it then ran, and what it said decides.
pub(super) fn trouble(
    cause: &Cause,
    ended: &Ended<'_>,
    judge: &Judge<'_>,
    has_own_words: bool,
) -> Verdict {
    let says_so = ended.systemds_lines().any(|line| line.text.contains("Failed at step "));
    let status = status(cause);
    if cause.kind == CauseKind::Setup && status.is_some() && has_own_words && !says_so {
        return Verdict::Open;
    }
    if let Some(status) = status {
        return step(status, ended, judge, cause);
    }
    if cause.kind == CauseKind::Resources {
        return resources(cause, ended, judge);
    }
    unit_file(cause, ended, judge)
}

/// The status that a cause was told by.
fn status(cause: &Cause) -> Option<&'static SetupStatus> {
    let (_, behind) = cause.text.split_once("(status ")?;
    exit_status::setup(behind.split('/').next()?.parse().ok()?)
}

/// A step before the program's start that failed.
fn step(
    status: &'static SetupStatus,
    ended: &Ended<'_>,
    judge: &Judge<'_>,
    cause: &Cause,
) -> Verdict {
    let line = worst(ended);
    let said = line.map_or("", |line| without_unit(line.body()));
    let step = ended.systemds_lines().find(|line| line.text.contains("Failed at step "));
    let answer = ANSWERS.iter().find(|(words, _)| {
        said.ends_with(words) || step.is_some_and(|line| line.text.ends_with(words))
    });
    let spawned = step.and_then(|line| {
        let (_, behind) = line.text.split_once(" spawning ")?;
        behind.rsplit_once(": ").map(|(path, _)| path.to_owned())
    });
    let program = spawned.filter(|_| status.name == "EXEC");
    if let Some(program) = &program
        && judge.is_projects_program(program)
    {
        // Its mode, its first line and whether it is there at all are in the commit.
        return Verdict::Code;
    }
    let kind = match (status.name, answer) {
        ("EXEC", Some((_, TroubleKind::MissingFile))) => TroubleKind::MissingProgram,
        ("EXEC", None) => TroubleKind::UnitFile,
        ("USER" | "GROUP", Some((words, _))) if *words == "Operation not permitted" => {
            TroubleKind::UnitFile
        }
        ("USER" | "GROUP", _) => TroubleKind::MissingUser,
        ("MEMORY", _) => TroubleKind::OutOfMemory,
        (_, Some((_, kind))) => *kind,
        (_, None) => TroubleKind::UnitFile,
    };
    let named = program.or_else(|| {
        let path = find::absolute_paths(said).pop()?;
        Some(path.strip_prefix(UNIT_ROOT).unwrap_or(&path).to_owned())
    });
    let user = find::quoted(said).filter(|_| kind == TroubleKind::MissingUser);
    let remedy = match (named, user) {
        (Some(path), _) => format!("It is about `{path}`. {}", status.remedy),
        (None, Some(user)) => format!("It is about `{user}`. {}", status.remedy),
        (None, None) => status.remedy.to_owned(),
    };
    let remedy = match kind {
        TroubleKind::DiskFull => {
            format!("Free space: `df -h` and `df -i` show which disk is full. {remedy}")
        }
        _ => remedy,
    };
    Verdict::Trouble(Trouble::new(kind, evidence(line, cause), remedy))
}

/// Something that systemd lacked before it made a process.
fn resources(cause: &Cause, ended: &Ended<'_>, judge: &Judge<'_>) -> Verdict {
    let line = worst(ended);
    let said = line.map_or("", |line| without_unit(line.body()));
    let about_file = |setting: &str| {
        let remedy = format!(
            "Make the file that {setting} names, with rights to read it, or put a `-` in front of its path if it may be missing."
        );
        Verdict::Trouble(Trouble::new(TroubleKind::MissingFile, evidence(line, cause), remedy))
    };
    if said.contains("environment files") && said.contains("No such file") {
        return about_file("EnvironmentFile=");
    }
    if let Verdict::Trouble(trouble) = judge.message(said, said) {
        return Verdict::Trouble(trouble);
    }
    let remedy = "Look with `systemctl status` and `journalctl -xe` at what systemd could not make ready: a file that the unit names, a socket, memory or a limit of the machine.".into();
    Verdict::Trouble(Trouble::new(TroubleKind::UnitFile, evidence(line, cause), remedy))
}

/// A unit file that systemd cannot use. One of the project can be mended by a change of it.
fn unit_file(cause: &Cause, ended: &Ended<'_>, judge: &Judge<'_>) -> Verdict {
    let line = worst(ended);
    let said = line.map_or("", |line| line.body());
    // `/etc/systemd/system/x.service:4: …`
    let place =
        said.split_once(": ").map(|(place, _)| place).filter(|place| place.starts_with('/'));
    let (path, number) = place.and_then(|place| place.rsplit_once(':')).unwrap_or_default();
    if !path.is_empty() && judge.is_projects(path) {
        return Verdict::Code;
    }
    let remedy = if path.is_empty() {
        "Correct the unit file: `systemd-analyze verify` tells what is wrong with it. Then `systemctl daemon-reload`.".to_owned()
    } else {
        format!(
            "Correct line {number} of `{path}`: `systemd-analyze verify {path}` tells what is wrong with it. Then `systemctl daemon-reload`."
        )
    };
    Verdict::Trouble(Trouble::new(TroubleKind::UnitFile, evidence(line, cause), remedy))
}

/// A unit that waits in vain for another one.
pub(super) fn dependency(cause: &Cause, ended: &Ended<'_>) -> Trouble {
    let says = |line: &&Line| line.text.contains("Dependency failed");
    let line = ended.systemds_lines().find(says);
    let remedy = "Look at the units that it requires: `systemctl list-dependencies` shows which of them failed. It starts once they do.".into();
    Trouble::new(TroubleKind::Dependency, evidence(line, cause), remedy)
}

/// A system call that the unit forbids.
pub(super) fn forbidden_call(cause: &Cause) -> Trouble {
    let remedy = "Allow the system call that it needs in SystemCallFilter= of the unit: the kernel's log names it by its number (`journalctl -k`, `ausyscall NUMBER`).".into();
    Trouble::new(TroubleKind::UnitFile, &cause.text, remedy)
}

/// What tells most of what systemd said: an error that is not merely where it happened.
fn worst<'a>(ended: &Ended<'a>) -> Option<&'a Line> {
    let errors = || ended.systemds_lines().filter(|line| line.priority <= 3);
    let is_telling = |line: &&Line| {
        !line.text.contains("Failed at step ") && !line.body().starts_with("Failed to start ")
    };
    let tellings = errors().find(is_telling);
    tellings.or_else(|| errors().find(|line| line.text.contains("Failed at step ")))
}

fn evidence<'a>(line: Option<&'a Line>, cause: &'a Cause) -> &'a str {
    line.map_or(cause.text.as_str(), |line| line.text.as_str())
}
