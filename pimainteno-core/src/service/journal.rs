//! What a unit has logged, by way of `journalctl`.

use std::time::Duration;

use jiff::Timestamp;
use rustix::process::getuid;
use serde::Deserialize;
use serde_json::Value;

use super::plain;
use crate::{
    config::Bus,
    error::{Context, Error, ErrorKind, Result},
    process::{Command, Environment},
    words::UnitName,
};

/// How long reading the journal may take; an SD card with a large journal is slow.
const DEADLINE: Duration = Duration::from_secs(30);

/// The most bytes of one message that are kept.
const MESSAGE_LIMIT: usize = 2000;

/// The priority of a message that has none: `info`; from systemd.journal-fields(7) and syslog(3).
const DEFAULT_PRIORITY: u8 = 6;

/// The journal of a systemd.
#[derive(Clone, Debug)]
pub struct Journal {
    pub(super) bus: Bus,
    pub(super) environment: Environment,
}

/// One message in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// When it was logged.
    pub at: Timestamp,
    /// From 0, an emergency, over 3, an error, to 7, for debugging.
    pub priority: u8,
    /// Who logged it: the program's name as it says, or `systemd` where the journal itself vouches
    /// that it was.
    pub identifier: String,
    /// What was logged, cut at 2000 bytes. What is not UTF-8 is replaced; control characters are
    /// dropped.
    pub message: String,
    /// Its place in the journal, for [`Since::Cursor`].
    pub cursor: String,
    /// What systemd does with the unit where it says so: `start`, `stop`, `restart` …; empty if it
    /// does nothing, and in what others log.
    pub job: String,
}

/// From where on the journal is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// From its beginning.
    Beginning,
    /// From a point in time.
    Time(Timestamp),
    /// From after the entry with this [`JournalEntry::cursor`].
    Cursor(String),
    /// That of one start of the unit alone, by its [`super::UnitState::invocation`], and what
    /// systemd says about that.
    Start(String),
}

/// The fields that are read of an entry; see systemd.journal-fields(7).
const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,JOB_TYPE,INVOCATION_ID,\
                      USER_INVOCATION_ID,_SYSTEMD_INVOCATION_ID,_SYSTEMD_USER_UNIT,_PID,_UID,_COMM";

/// The unit that a user's systemd itself runs in.
const USER_MANAGER: &str = "init.scope";

/// What systemd calls itself.
const MANAGER: &str = "systemd";

/// An entry as `journalctl` writes it. Everybody may write any field into the journal whose name does
/// not begin with an underscore; those are the journal's own.
#[derive(Deserialize)]
struct RawEntry {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    microseconds: String,
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "MESSAGE", default)]
    message: Value,
    #[serde(rename = "PRIORITY", default)]
    priority: Value,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Value,
    #[serde(rename = "JOB_TYPE", default)]
    job: Value,
    #[serde(rename = "_SYSTEMD_INVOCATION_ID", default)]
    invocation: Value,
    #[serde(rename = "INVOCATION_ID", default)]
    about: Value,
    #[serde(rename = "USER_INVOCATION_ID", default)]
    about_of_user: Value,
    #[serde(rename = "_PID", default)]
    process: Value,
    #[serde(rename = "_UID", default)]
    user: Value,
    #[serde(rename = "_SYSTEMD_USER_UNIT", default)]
    user_unit: Value,
    #[serde(rename = "_COMM", default)]
    program: Value,
}

impl Journal {
    /// The journal of the systemd of `bus`; `journalctl` is looked for in the `PATH` of
    /// `environment`.
    pub fn new(bus: Bus, environment: Environment) -> Self {
        Self { bus, environment }
    }

    /// The last entries, at most `limit`, that `unit` has logged, or that systemd has logged about
    /// it, since `since`; oldest first.
    ///
    /// Of a unit of the user's systemd, the last lines of a process may be missing: the journal
    /// tells whose they are only while the process lives.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if the journal cannot be read.
    pub async fn entries(
        &self,
        unit: &UnitName,
        since: &Since,
        limit: usize,
    ) -> Result<Vec<JournalEntry>> {
        let entries = self.read(unit, since, limit, true).await?;
        match since {
            // Those of the next start may have left no room for those of this one.
            Since::Start(_) if entries.is_empty() => self.read(unit, since, limit, false).await,
            _ => Ok(entries),
        }
    }

    /// The same; of one start of a unit also those lines of which the journal knows the unit alone,
    /// if `with_late` ones.
    async fn read(
        &self,
        unit: &UnitName,
        since: &Since,
        limit: usize,
        with_late: bool,
    ) -> Result<Vec<JournalEntry>> {
        // One that was never looked at could be a pattern, which names several.
        unit.parse::<UnitName>()?;
        let selector = match self.bus {
            Bus::System => format!("--unit={unit}"),
            Bus::User => format!("--user-unit={unit}"),
        };
        // Without `--all` a field of more than 4096 bytes is left out.
        let command = self.journalctl().args(["--quiet", "--output=json", FIELDS, "--all"]);
        let command = match since {
            Since::Start(_) => command,
            _ => command.arg(selector),
        };
        let command = match since {
            Since::Beginning => command.arg(format!("--lines={limit}")),
            Since::Time(time) => command.arg(format!("--lines={limit}")).arg(format!(
                "--since=@{}.{:06}",
                time.as_second(),
                time.subsec_microsecond()
            )),
            // With a cursor, `--lines` would give the first ones after it.
            Since::Cursor(cursor) => command.arg(format!("--after-cursor={cursor}")),
            Since::Start(invocation) => {
                let user = getuid().as_raw();
                // Some of them are of other starts.
                let command = command.arg(format!("--lines={}", limit.saturating_mul(2))).args([
                    // What the unit's processes logged, and what systemd says about this start
                    // (systemd.journal-fields(7)).
                    format!("_SYSTEMD_INVOCATION_ID={invocation}"),
                    "+".into(),
                    format!("INVOCATION_ID={invocation}"),
                    // What it says before a program takes its place is not of its own process.
                    "_UID=0".into(),
                    "+".into(),
                    format!("USER_INVOCATION_ID={invocation}"),
                    format!("_UID={user}"),
                ]);
                // Of a process that had ended when its lines were taken in, the journal may know the
                // unit alone.
                match self.bus {
                    _ if !with_late => command,
                    Bus::System => command.args(["+".into(), format!("_SYSTEMD_UNIT={unit}")]),
                    Bus::User => command.args([
                        "+".into(),
                        format!("_SYSTEMD_USER_UNIT={unit}"),
                        format!("_UID={user}"),
                    ]),
                }
            }
        };
        let output = command
            .run()
            .await
            .context(ErrorKind::Service, || format!("cannot read the journal of `{unit}`"))?;
        if !output.success() {
            let message = format!(
                "cannot read the journal of `{unit}`: `journalctl` ended with {}: {}",
                output.end,
                plain(&output.tail(3))
            );
            return Err(Error::new(ErrorKind::Service, message)
                .hint("the daemon's user must be in the group `systemd-journal`, or be root"));
        }
        let text = output.text();
        // What the limit on output has cut in two is no JSON any more.
        let all = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let all: Vec<RawEntry> = match since {
            Since::Start(invocation) => of_start(all, invocation, self.bus).collect(),
            _ => all.collect(),
        };
        let read = |entry| JournalEntry::read(&entry, self.bus);
        let mut entries: Vec<_> = all.into_iter().filter_map(read).collect();
        entries.drain(..entries.len().saturating_sub(limit));
        Ok(entries)
    }

    /// The last entries since `started` of a unit that has just failed; none if they cannot be
    /// read, because the failure itself is what matters.
    pub(super) async fn entries_of_failure(
        &self,
        unit: &UnitName,
        started: Timestamp,
        limit: usize,
    ) -> Vec<JournalEntry> {
        // What a process wrote just before it ended may still be on its way. Only root may wait for
        // it.
        drop(self.journalctl().arg("--sync").run().await);
        self.entries(unit, &Since::Time(started), limit).await.unwrap_or_default()
    }

    fn journalctl(&self) -> Command {
        Command::new("journalctl").arg("--no-pager").envs(self.environment.iter()).timeout(DEADLINE)
    }
}

impl RawEntry {
    /// Whether systemd itself logged it, as the journal vouches: the machine's, or that of the user
    /// who asks.
    fn is_of_manager(&self, bus: Bus) -> bool {
        let is_of_user = || {
            text_of(&self.user_unit) == USER_MANAGER
                && text_of(&self.user) == getuid().as_raw().to_string()
        };
        text_of(&self.process) == "1" || (bus == Bus::User && is_of_user())
    }

    /// Whether it is of somebody who is believed what he says about a unit: root, or the user who
    /// asks about his own.
    fn may_speak_of_others(&self, bus: Bus) -> bool {
        let user = text_of(&self.user);
        user == "0" || (bus == Bus::User && user == getuid().as_raw().to_string())
    }

    /// Who logged it.
    fn by(&self, bus: Bus) -> String {
        let said = plain(&text_of(&self.identifier));
        if said != MANAGER || self.is_of_manager(bus) {
            return said;
        }
        let program = plain(&text_of(&self.program));
        if matches!(program.as_str(), "" | MANAGER) { "?".into() } else { program }
    }

    /// The start of the unit that it is of; empty if nobody knows.
    fn start(&self, bus: Bus) -> String {
        // What systemd says of a unit is of another start than its own.
        let about = [&self.about, &self.about_of_user].into_iter().map(text_of);
        let mut about = about.filter(|of| !of.is_empty() && self.may_speak_of_others(bus));
        about.next().unwrap_or_else(|| text_of(&self.invocation))
    }
}

/// Of a unit's entries those of one start: from the first one that is, with those between of which
/// nobody knows, until another start.
fn of_start(
    entries: impl Iterator<Item = RawEntry>,
    invocation: &str,
    bus: Bus,
) -> impl Iterator<Item = RawEntry> {
    let mut is_within = false;
    entries.filter(move |entry| {
        let start = entry.start(bus);
        let is_own = start == invocation;
        is_within = is_own || is_within && start.is_empty();
        is_within
    })
}

impl JournalEntry {
    /// Whether systemd itself says it.
    pub(crate) fn is_of_systemd(&self) -> bool {
        self.identifier == MANAGER
    }

    /// Whether systemd says by it that somebody has it stop or restart the unit.
    pub(crate) fn tells_of_stop(&self) -> bool {
        self.is_of_systemd()
            && matches!(self.job.as_str(), "stop" | "restart")
            && self.message.starts_with("Stopping ")
    }

    fn read(raw: &RawEntry, bus: Bus) -> Option<Self> {
        let mut message = plain(&text_of(&raw.message));
        if message.len() > MESSAGE_LIMIT {
            message.truncate(message.floor_char_boundary(MESSAGE_LIMIT));
            message.push_str(" [...]");
        }
        Some(Self {
            at: Timestamp::from_microsecond(raw.microseconds.parse().ok()?).ok()?,
            priority: text_of(&raw.priority).parse().unwrap_or(DEFAULT_PRIORITY),
            identifier: raw.by(bus),
            message,
            cursor: raw.cursor.clone(),
            job: if raw.is_of_manager(bus) { plain(&text_of(&raw.job)) } else { String::new() },
        })
    }
}

/// The text of a field: a string, an array of bytes where it is not UTF-8, or an array of both
/// where an entry has the field more than once.
fn text_of(field: &Value) -> String {
    match field {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            match items
                .iter()
                .map(|item| item.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                .collect::<Option<Vec<_>>>()
            {
                Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                None => items.iter().map(text_of).collect::<Vec<_>>().join("\n"),
            }
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> JournalEntry {
        JournalEntry::read(&serde_json::from_str(json).unwrap(), Bus::System).unwrap()
    }

    #[test]
    fn lines_that_came_late_are_of_the_start_before_them() {
        let entry = |text: &str| -> RawEntry {
            let (field, of) = text.split_once(' ').unwrap_or_default();
            let json = format!(
                r#"{{"__REALTIME_TIMESTAMP":"1","__CURSOR":"s=1","MESSAGE":"{text}","_PID":"1","_UID":"0","{field}":"{of}"}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let all = [
            "x late",
            "_SYSTEMD_INVOCATION_ID a",
            "x of a",
            "INVOCATION_ID b",
            "_SYSTEMD_INVOCATION_ID b",
            "x of b",
            "INVOCATION_ID b",
            "x of b, too",
            "_SYSTEMD_INVOCATION_ID c",
            "x of c",
        ];
        let of = of_start(all.into_iter().map(entry), "b", Bus::System)
            .map(|entry| text_of(&entry.message));
        assert_eq!(of.collect::<Vec<_>>(), all[3..8]);
    }

    #[test]
    fn only_systemd_is_taken_for_systemd() {
        let entry = |fields: &str| -> RawEntry {
            let json = format!(
                r#"{{"__REALTIME_TIMESTAMP":"1","__CURSOR":"s=1","MESSAGE":"Stopping a.service...","SYSLOG_IDENTIFIER":"systemd","JOB_TYPE":"stop","INVOCATION_ID":"a","_SYSTEMD_INVOCATION_ID":"b",{fields}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let read = |fields: &str, bus: Bus| {
            let raw = entry(fields);
            let entry = JournalEntry::read(&raw, bus).unwrap();
            (entry.identifier, entry.job, raw.start(bus))
        };
        let own = |by: &str| (by.to_owned(), String::new(), "b".to_owned());
        let of_systemd = ("systemd".to_owned(), "stop".to_owned(), "a".to_owned());
        assert_eq!(read(r#""_PID":"1","_UID":"0""#, Bus::System), of_systemd);
        assert_eq!(read(r#""_PID":"17","_COMM":"app""#, Bus::System), own("app"));
        assert_eq!(read(r#""_PID":"17","_COMM":"systemd""#, Bus::System), own("?"));
        let user = getuid().as_raw();
        let of_user = format!(r#""_PID":"17","_SYSTEMD_USER_UNIT":"init.scope","_UID":"{user}""#);
        assert_eq!(read(&of_user, Bus::User), of_systemd);
        // Root may speak of other units, and is not systemd for that.
        let start = if user == 0 { "a" } else { "b" };
        assert_eq!(read(&of_user, Bus::System), ("?".into(), String::new(), start.into()));
        let of_other = of_user.replace(&format!("\"{user}\""), "\"12345\"");
        assert_eq!(read(&of_other, Bus::User), own("?"));
    }

    #[test]
    fn a_message_may_be_text_bytes_or_several() {
        let entry = |message: &str| {
            format!(
                r#"{{"__REALTIME_TIMESTAMP":"1000001","__CURSOR":"s=1","PRIORITY":"3","MESSAGE":{message}}}"#
            )
        };
        let expected = JournalEntry {
            at: Timestamp::from_microsecond(1_000_001).unwrap(),
            priority: 3,
            identifier: String::new(),
            message: "red".into(),
            cursor: "s=1".into(),
            job: String::new(),
        };
        assert_eq!(read(&entry(r#""r\u001bed""#)), expected);
        assert_eq!(read(&entry("[104,105,255]")).message, "hi\u{fffd}");
        assert_eq!(read(&entry(r#"["one",[116,119,111]]"#)).message, "one\ntwo");
        assert_eq!(read(&entry("null")).message, "");
        assert_eq!(
            read(&entry(&format!("\"{}\"", "ä".repeat(3000)))).message,
            format!("{} [...]", "ä".repeat(1000))
        );
    }
}
