//! What a unit's failure was: from what systemd saw, and from the journal of that start of it.

use std::{path::Path, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    error::{Error, ErrorKind, Result},
    incident::{
        self, Cause, Ending, LogLine, Phase, Place, Trouble, TroubleKind, UnitFailure, trace,
    },
    runner::{Prepared, Runner},
    service::{JournalEntry, ServiceManager, Since},
    words::UnitName,
};

/// How many lines of the journal are read.
const LINES: usize = 300;

/// How many bytes of them are kept with the incident: the last ones.
const KEPT: usize = 8 << 10;

/// How long systemd's own line about the end may take to arrive in the journal.
const ARRIVAL: Duration = Duration::from_secs(1);

/// How long the last words of a program that ended with an error may take behind that line.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How often to look whether it has.
const GLANCE: Duration = Duration::from_millis(25);

/// What systemd says when it is about to start a unit again.
const RESTARTS: &str = "Scheduled restart";

/// What a unit's failure was.
pub(super) struct Diagnosis {
    pub(super) cause: Cause,
    pub(super) trouble: Option<Trouble>,
    pub(super) signature: String,
    pub(super) message: Option<String>,
    pub(super) places: Vec<Place>,
    pub(super) log: Vec<LogLine>,
    /// Whether somebody had told the unit to stop, and it did.
    pub(super) was_stopped: bool,
    /// Whether it ended as it should.
    pub(super) ended_well: bool,
}

impl Runner {
    /// Finds out what a unit's failure was. `prepared` is the project that it runs from.
    pub(super) async fn diagnose(
        &self,
        services: &dyn ServiceManager,
        prepared: Option<&Prepared>,
        unit: &UnitName,
        failure: &UnitFailure,
    ) -> Diagnosis {
        let (entries, unread) = match entries(services, unit, &failure.invocation).await {
            // systemd itself says that the unit was started, and how it ended.
            Ok(entries)
                if !failure.invocation.is_empty()
                    && !entries.iter().any(JournalEntry::is_of_systemd) =>
            {
                let nothing =
                    format!("the journal has nothing that systemd says of this start of `{unit}`");
                let error = Error::new(ErrorKind::Service, nothing).hint(
                    "the daemon's user must be in the group `systemd-journal`, or be root; `Storage=` of journald and `LogLevelMax=` of the unit must not keep everything out",
                );
                (entries, Some(no_journal(&error)))
            }
            Ok(entries) => (entries, None),
            Err(error) => (Vec::new(), Some(no_journal(&error))),
        };
        let was_told_to_stop = entries.iter().any(JournalEntry::tells_of_stop);
        let mut ending = completed(failure.ending.clone(), &entries);
        if was_told_to_stop {
            ending.phase = Phase::Stopping;
        }
        let mut log: Vec<_> = entries.into_iter().map(LogLine::from).collect();
        // Before it is cut: half of a key is not known for one.
        incident::redact_log(&mut log, self.store.secrets());
        let cause = Cause::of(&ending);
        let checkout = prepared.map(|prepared| &prepared.project.path);
        let is_of_project = |path: &str| {
            let path = Path::new(path);
            checkout.is_some_and(|checkout| path.is_relative() || path.starts_with(checkout))
        };
        let places = trace::places(&log);
        Diagnosis {
            trouble: incident::triage(&cause, &log, &is_of_project).or(unread),
            signature: incident::signature(&cause, &log, &places),
            message: trace::message(&log),
            places,
            // One that does not stop in time has failed, whoever told it to.
            was_stopped: was_told_to_stop
                && matches!(ending.result.as_str(), "exit-code" | "signal" | "success"),
            ended_well: ending.result == "success",
            cause,
            log: last(log),
        }
    }
}

/// That nobody knows what a unit said.
fn no_journal(error: &Error) -> Trouble {
    let hints: Vec<_> = error.hints().collect();
    Trouble {
        kind: TroubleKind::NoJournal,
        evidence: format!("what it said before it failed is not known: {error}"),
        remedy: hints.join("; "),
    }
}

impl From<JournalEntry> for LogLine {
    fn from(entry: JournalEntry) -> Self {
        Self { by: entry.identifier, priority: entry.priority, text: entry.message }
    }
}

/// The journal of one start of a unit, once systemd's line about its end is there, and of a program
/// that ended with an error something that it said itself, unless it says nothing for a while.
async fn entries(
    services: &dyn ServiceManager,
    unit: &UnitName,
    invocation: &str,
) -> Result<Vec<JournalEntry>> {
    if invocation.is_empty() {
        return Ok(Vec::new());
    }
    let since = Since::Start(invocation.to_owned());
    let deadline = Instant::now() + ARRIVAL;
    let mut last_words = None;
    loop {
        let entries = services.journal(unit, &since, LINES).await?;
        let says_end = |entry: &JournalEntry| {
            entry.is_of_systemd()
                && ["Failed with result", RESTARTS, "Failed to start"]
                    .iter()
                    .any(|end| entry.message.contains(end))
        };
        let now = Instant::now();
        if entries.iter().any(says_end) {
            let has_spoken = !entries.iter().all(JournalEntry::is_of_systemd);
            let exited = |entry: &JournalEntry| entry.message.contains("code=exited");
            let is_awaited = !has_spoken && entries.iter().any(exited);
            if !is_awaited || now >= *last_words.get_or_insert(now + LAST_WORDS) {
                return Ok(entries);
            }
        } else if now >= deadline {
            return Ok(entries);
        }
        sleep(GLANCE).await;
    }
}

/// An ending of which nothing was seen, as the journal tells it: "Main process exited, code=exited,
/// status=1/FAILURE", "Failed with result 'exit-code'."
fn completed(mut ending: Ending, entries: &[JournalEntry]) -> Ending {
    let is_told = !matches!(ending.result.as_str(), "" | "success");
    if is_told && ending.code != 0 {
        return ending;
    }
    let own = entries.iter().filter(|entry| entry.is_of_systemd());
    for message in own.map(|entry| entry.message.as_str()) {
        if let Some((_, ended)) = message.split_once("process exited, code=") {
            let (code, rest) = ended.split_once(", status=").unwrap_or((ended, ""));
            ending.code = match code {
                "exited" => 1,
                "killed" => 2,
                "dumped" => 3,
                _ => 0,
            };
            let status = rest.split('/').next().unwrap_or_default();
            ending.status = status.parse().unwrap_or_default();
        }
        if let Some((_, result)) = message.split_once("Failed with result '")
            && !is_told
        {
            result.trim_end_matches(['.', '\'']).clone_into(&mut ending.result);
        }
        // What failed was said to have before.
        if ending.result.is_empty() && message.contains(RESTARTS) {
            "success".clone_into(&mut ending.result);
        }
    }
    ending
}

/// The last lines, as many as are kept.
fn last(mut log: Vec<LogLine>) -> Vec<LogLine> {
    let mut left = KEPT;
    let fits = |line: &&LogLine| {
        left = left.saturating_sub(line.text.len() + 1);
        left > 0
    };
    let kept = log.iter().rev().take_while(fits).count();
    log.drain(..log.len() - kept);
    log
}
