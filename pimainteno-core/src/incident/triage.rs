//! Tells trouble of the machine from trouble of the code: what no change of the project can mend is
//! told to a person, and no model is asked.
//!
//! A table (`triage/table.rs`) says which words name which trouble. The words alone decide nothing,
//! as a service logs them every day and lives on. What counts is what ended it:
//!
//! - **What systemd says** comes first: an exit status of its own (200 and up) means that the
//!   program never ran, unless the program logged something; out of memory is out of memory.
//! - **How it ended** has to fit: a segmentation fault, a watchdog or a stop that took too long is
//!   not explained by a line that speaks of the network.
//! - **The last trace**, if the program did not go on after it, decides by its messages: that of
//!   the error which ended the program, then those that led to it. An error that only code makes,
//!   such as a `TypeError` or a failed assertion, ends the search: a message that quotes other
//!   trouble, or a handler that is broken, is code.
//! - **Without a trace**, the last line that says that something went wrong decides, or those above
//!   it where it only says that the program gives up. A line after which the program worked on, one
//!   that its program calls information, and words in quotes are no evidence.
//! - **What it is about** has to lie outside of the project: a file or a permission counts only
//!   with a path that is absolute, not the project's, and not in a directory for temporary files;
//!   a host has to be a name that can exist; a port must not be one that this very program opened a
//!   moment ago; who refuses a connection has to be another machine, or a service known by its
//!   port.
//!
//! What is in doubt is no trouble: the backend is asked, and reads the same lines.

mod find;
mod judge;
mod known;
mod setup;
mod table;

use serde::{Deserialize, Serialize};

use super::{
    LogLine,
    cause::{Cause, CauseKind},
    trace::{
        ending::Ended,
        line::{self, Line},
    },
};
use judge::{Judge, Verdict};

/// How long the line that tells may be, in bytes.
const LONGEST_EVIDENCE: usize = 400;

/// Trouble that no change of the project's code can mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What kind of trouble.
    pub kind: TroubleKind,
    /// The line that tells, or what systemd said.
    pub evidence: String,
    /// What a person can do, in a sentence or two, with the path, port, user or host that the line
    /// names.
    pub remedy: String,
}

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TroubleKind {
    /// A disk has no space left.
    DiskFull,
    /// A file system has no inodes left: too many files.
    InodesFull,
    /// A user has used up what he may store.
    QuotaExceeded,
    /// A file system cannot be written to.
    ReadOnlyFileSystem,
    /// A disk or another device is missing or broken.
    DeviceFault,
    /// Memory ran out.
    OutOfMemory,
    /// The kernel has no more files, or watches of files, to give.
    SystemLimit,
    /// Names of hosts are not found.
    NameResolution,
    /// There is no way to another machine.
    NetworkDown,
    /// Another machine or service does not listen.
    ConnectionRefused,
    /// Another machine or service refuses the name, password or key.
    SignInRefused,
    /// Another program has the port.
    PortInUse,
    /// A user or group does not exist.
    MissingUser,
    /// A file or directory of the machine is not there.
    MissingFile,
    /// A program is not installed.
    MissingProgram,
    /// A library that a program needs is not installed, or too old.
    MissingLibrary,
    /// A file, device or port of the machine may not be used.
    PermissionDenied,
    /// The clock is wrong.
    ClockNotSet,
    /// A certificate has expired.
    CertificateExpired,
    /// The unit file is wrong, or asks for what this machine does not have.
    UnitFile,
    /// A unit that it requires failed.
    Dependency,
    /// What the unit logged cannot be read: nobody knows what is wrong, or whether a change helps.
    NoJournal,
}

/// The trouble that ended a unit, if it is none that a change of the project can mend.
///
/// `lines` are those of this start of the unit, the oldest first. `is_of_project` says whether a
/// path, as a line names it, lies in the project.
pub fn triage(
    cause: &Cause,
    lines: &[LogLine],
    is_of_project: &dyn Fn(&str) -> bool,
) -> Option<Trouble> {
    let lines = line::lines(lines);
    let ended = Ended::of(&lines);
    let judge = Judge::new(&ended, is_of_project);
    if let Some(line) = out_of_memory(cause, &ended) {
        let evidence = line.map_or_else(|| cause.text.clone(), |line| shown(&line.text));
        return Some(Trouble::out_of_memory(evidence));
    }
    let has_own_words = ended.programs_lines().any(|line| !line.body().is_empty());
    match cause.kind {
        CauseKind::Setup | CauseKind::Resources => {
            match setup::trouble(cause, &ended, &judge, has_own_words) {
                Verdict::Trouble(trouble) => return Some(trouble),
                Verdict::Code => return None,
                Verdict::Open => {}
            }
        }
        CauseKind::Dependency => return Some(setup::dependency(cause, &ended)),
        CauseKind::Watchdog | CauseKind::StopTimeout => return None,
        _ => {}
    }
    if cause.text.contains("SIGSYS") {
        return Some(setup::forbidden_call(cause));
    }
    // Memory was used in a way that only code can be at fault for.
    if ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP"]
        .iter()
        .any(|signal| cause.text.contains(signal))
    {
        return None;
    }
    judge.by_words()
}

impl Trouble {
    fn out_of_memory(evidence: String) -> Self {
        Self {
            kind: TroubleKind::OutOfMemory,
            evidence,
            remedy: "Free memory or add swap, raise MemoryMax= in the unit if it is set, and look \
                     with `systemd-cgtop -m` at what uses it. If it grows each time, the service \
                     leaks."
                .into(),
        }
    }
}

/// Whether memory ran out by what systemd says, and the line that says so.
fn out_of_memory<'a>(cause: &Cause, ended: &Ended<'a>) -> Option<Option<&'a Line>> {
    let says = |line: &&Line| {
        ["killed by the OOM killer", "systemd-oomd killed"]
            .iter()
            .any(|words| line.text.contains(words))
    };
    let line = ended.systemds_lines().find(says);
    (cause.kind == CauseKind::OutOfMemory || line.is_some()).then_some(line)
}

/// A line as it is told: not too long.
fn shown(text: &str) -> String {
    let text = text.trim();
    let end = text.floor_char_boundary(LONGEST_EVIDENCE);
    let cut = if end < text.len() { "…" } else { "" };
    format!("{}{cut}", text.get(..end).unwrap_or_default())
}
