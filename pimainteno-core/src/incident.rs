//! What a failure of a unit is: its cause, what it says, and what became of it.
//!
//! Why it failed is told from what systemd knows ([`Cause`]), whether code could mend it from a
//! table ([`triage()`]), where it went wrong from its trace ([`trace`]), and whether it is the same
//! as another one from its [`signature`](signature()).

mod cause;
mod exit_status;
mod signature;
pub mod trace;
mod triage;
mod waiting;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    id::{IncidentId, RunId},
    run::Outcome,
    secrets::Secrets,
    words::{CommitId, ProjectId, UnitName},
};

pub use cause::{Cause, CauseKind, Ending, Phase};
pub use signature::signature;
pub use trace::Place;
pub use triage::{Trouble, TroubleKind, triage};
pub use waiting::{Waiting, WaitsOn};

/// One failure of a unit, from when it was seen until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incident {
    /// Tells it from others.
    pub id: IncidentId,
    /// The project that the unit runs from; `None` if it runs from none, or it is one of the whole
    /// machine.
    pub project: Option<ProjectId>,
    /// The unit; of many that failed together, the first.
    pub unit: UnitName,
    /// Whether it is one of the whole machine: many units failed together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_machine: bool,
    /// The others that failed together with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<UnitName>,
    /// The start of the unit that failed last; see [`crate::service::UnitState::invocation`]. Empty of
    /// one of the whole machine.
    pub invocation: String,
    /// The starts that failed together, of each unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub starts: BTreeMap<UnitName, String>,
    /// When it was seen.
    pub seen: Timestamp,
    /// When the unit failed last.
    pub last: Timestamp,
    /// How often it failed since.
    pub count: u32,
    /// Why.
    pub cause: Cause,
    /// What no change of the project's files can mend.
    pub trouble: Option<Trouble>,
    /// Tells this failure from others of the unit.
    pub signature: String,
    /// What the unit's program said, in one line.
    pub message: Option<String>,
    /// Where in the project's files it went wrong, the innermost place first.
    pub places: Vec<Place>,
    /// The commit that the project's checkout was at.
    #[serde(default)]
    pub head: Option<CommitId>,
    /// What the unit logged before its end.
    pub log: Vec<LogLine>,
    /// What was done about it, in order.
    pub done: Vec<Attempt>,
    /// How it ended; `None` while it goes on.
    pub ended: Option<Ended>,
    /// What keeps anything from being done about it now. It is told where the incident is asked for,
    /// and not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// A unit ended as it should not, as it was seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitFailure {
    /// The start of it that failed; empty where nobody knows.
    pub(crate) invocation: String,
    pub(crate) ending: Ending,
    /// Whether systemd starts it again by itself.
    pub(crate) is_restarted: bool,
}

impl UnitFailure {
    /// One of a unit that was not started, for this result of its job.
    pub(crate) fn without_start(result: &str) -> Self {
        let ending = Ending { result: result.into(), phase: Phase::Starting, ..Ending::default() };
        Self { invocation: String::new(), ending, is_restarted: false }
    }
}

/// One line of a unit's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Who logged it: the program's name, or `systemd` for the manager itself.
    pub by: String,
    /// From 0, an emergency, to 7, for debugging.
    pub priority: u8,
    /// What was logged.
    pub text: String,
}

/// Something that was done about an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// When it was begun.
    pub at: Timestamp,
    /// What.
    pub what: Remedy,
    /// The run that did it; `None` before that has begun, or where it was none.
    pub run: Option<RunId>,
    /// What came of it; empty while it goes on.
    pub outcome: String,
}

/// What can be done about an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// A delivery of ours is taken back.
    Reversal,
    /// The backend is asked for a change.
    Repair,
    /// What helped before is done again, without a backend.
    Playbook,
    /// The unit is restarted, and nothing else.
    Restart,
    /// A person is told, and nothing is done.
    Told,
}

/// How an incident ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// By what.
    pub by: EndedBy,
}

/// What ended an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EndedBy {
    /// systemd restarted the unit, or its timer started it again.
    Itself,
    /// A delivery of ours was taken back.
    Reversal,
    /// A change mended it.
    Repair,
    /// What had helped before did so again.
    Playbook,
    /// A person did something: a commit, a restart, or the unit is stopped, masked or gone.
    Person,
}

impl Attempt {
    /// What came of one that could not begin.
    pub(crate) fn refused(error: &Error) -> String {
        format!("refused: {error}")
    }

    /// Whether nothing was begun: there was nothing to do, or something kept it from that.
    pub(crate) fn never_began(&self) -> bool {
        ["skipped", "refused: "].iter().any(|it| self.outcome.starts_with(it))
    }

    /// Whether it came to no end, where nobody is at it any more.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.outcome.is_empty() || self.outcome == Outcome::Interrupted.to_string()
    }
}

impl Incident {
    /// How long it lasted, in minutes; `None` while it goes on.
    pub fn minutes(&self) -> Option<f64> {
        let ended = self.ended.as_ref()?;
        Some(ended.at.duration_since(self.seen).as_secs_f64() / 60.0)
    }

    /// The units that it is about.
    pub fn units(&self) -> impl Iterator<Item = &UnitName> {
        std::iter::once(&self.unit).chain(&self.others)
    }

    /// The start of one of its units that failed.
    pub(crate) fn start_of(&self, unit: &UnitName) -> &str {
        self.starts.get(unit).unwrap_or(&self.invocation)
    }

    /// What happened, in one line.
    pub fn told(&self) -> String {
        if self.is_of_machine {
            let all = self.others.len() + 1;
            return format!("{all} units failed together, {} first", self.unit);
        }
        let said = self.message.as_ref().map_or_else(String::new, |said| format!(": {said}"));
        format!("{} {}{said}", self.unit, self.cause.text)
    }

    /// Takes the secrets out of what was said.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        secrets.clean(&mut self.cause.text);
        self.message.iter_mut().for_each(|said| secrets.clean(said));
        redact_log(&mut self.log, secrets);
        self.done.iter_mut().for_each(|attempt| secrets.clean(&mut attempt.outcome));
        if let Some(trouble) = &mut self.trouble {
            secrets.clean(&mut trouble.evidence);
            secrets.clean(&mut trouble.remedy);
        }
    }
}

/// Takes the secrets out of what a unit logged: as one text, because a key may take several lines.
/// What stands in its place takes as many.
pub(crate) fn redact_log(log: &mut [LogLine], secrets: &Secrets) {
    let lines: Vec<_> = log.iter().map(|line| line.text.as_str()).collect();
    let mut text = lines.join("\n");
    secrets.clean(&mut text);
    let mut clean = text.split('\n');
    for line in log {
        let height = line.text.split('\n').count();
        line.text = clean.by_ref().take(height).collect::<Vec<_>>().join("\n");
    }
}

/// Writes what ended it, as the end of a sentence: "ended by a repair".
impl fmt::Display for EndedBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Itself => "by itself",
            Self::Reversal => "by taking back a delivery",
            Self::Repair => "by a repair",
            Self::Playbook => "by what had helped before",
            Self::Person => "by a person",
        })
    }
}

/// Writes what was done, in words.
impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reversal => "took back a delivery",
            Self::Repair => "asked for a repair",
            Self::Playbook => "did again what had helped",
            Self::Restart => "restarted it",
            Self::Told => "told a person",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_over_several_lines_of_the_log_is_taken_out_and_the_others_stay() {
        let key = [
            "-----BEGIN RSA PRIVATE KEY-----",
            "MIIEpAIBAAKCAQEA04up8hoqzS1MIIEpAIBAAKCAQEA04up8hoqzS1MIIEpAIBA",
            "-----END RSA PRIVATE KEY-----",
        ];
        let lines = ["starts", key[0], key[1], key[2], "fails"];
        let mut incident: Incident = serde_json::from_value(serde_json::json!({
            "id": "0199a3b4-c5d6-7000-8000-000000000000", "project": null, "unit": "a.service",
            "invocation": "i", "seen": "2026-01-02T03:04:05Z", "last": "2026-01-02T03:05:05Z",
            "count": 1, "signature": "s", "message": null, "trouble": null, "places": [],
            "cause": { "kind": "exit-code", "text": "exited with code 1", "gave_up": false },
            "log": lines.map(|text| serde_json::json!({ "by": "app", "priority": 3, "text": text })),
            "done": [], "ended": null,
        }))
        .unwrap();
        incident.redact(&Secrets::new().unwrap());
        let log: Vec<_> = incident.log.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(log, ["starts", key[0], "[redacted: private key]", key[2], "fails"]);
    }
}
