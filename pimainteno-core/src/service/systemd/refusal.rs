//! Why a unit could not be restarted, and what to do about it, whoever was asked.

use std::time::Duration;

use super::bus::Verb;
use crate::{
    config::Bus,
    error::{Error, ErrorKind},
    service::JournalEntry,
    words::UnitName,
};

/// Why a unit could not be restarted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It took longer than this.
    TimedOut(Duration),
    /// This user may not.
    NotAllowed,
    /// There is none.
    NoSuchUnit,
    /// Somebody has forbidden to start it.
    Masked,
    /// The job was made and did not succeed; what became of it, as the end of a sentence.
    Job(String),
    /// Anything else, as an error of its own.
    Other(Error),
    /// Anything else, as a text.
    Said(String),
}

impl Refusal {
    /// What a job came to that did not succeed, by its result; see org.freedesktop.systemd1(5).
    pub(super) fn of_job(result: &str) -> Self {
        Self::Job(
            match result {
                "canceled" => "was canceled: somebody asked for something else meanwhile",
                "timeout" => "timed out",
                "dependency" => "failed because a unit that it needs failed",
                "failed" => "failed",
                "assert" => "failed because an `Assert…=` of it does not hold",
                "invalid" => "failed: the unit cannot be restarted",
                "unsupported" => "failed: this machine does not have what the unit needs",
                "collected" => "failed: the unit is gone",
                _ => "did not succeed",
            }
            .into(),
        )
    }

    /// What an answer on the bus means.
    pub(super) fn of_bus(error: zbus::Error) -> Self {
        use zbus::{Error::*, fdo};
        match error {
            FDO(error) => match *error {
                fdo::Error::AccessDenied(_)
                | fdo::Error::AuthFailed(_)
                | fdo::Error::InteractiveAuthorizationRequired(_) => Self::NotAllowed,
                error => Self::Said(error.to_string()),
            },
            MethodError(name, said, _) => match name.as_str() {
                "org.freedesktop.systemd1.NoSuchUnit" => Self::NoSuchUnit,
                "org.freedesktop.systemd1.UnitMasked" => Self::Masked,
                _ => Self::Said(said.unwrap_or_else(|| name.to_string())),
            },
            error => Self::Said(error.to_string()),
        }
    }

    /// The error of whoever wanted `unit` to be restarted. `user` is who the program runs as, if
    /// that is known, and `entries` are what the unit logged.
    pub(super) fn into_error(
        self,
        unit: &UnitName,
        verb: Verb,
        bus: Bus,
        user: Option<&str>,
        entries: &[JournalEntry],
    ) -> Error {
        let verb = match verb {
            Verb::Restart => "restart",
            Verb::Reload => "reload",
        };
        let error = |reason: String| {
            Error::new(ErrorKind::Service, format!("cannot {verb} `{unit}`: {reason}"))
        };
        match self {
            Self::TimedOut(limit) => error(format!("not done after {limit:?}")).hint(
                "systemd goes on with it; a unit that ignores the request to stop is killed after its `TimeoutStopSec=`",
            ),
            Self::NotAllowed => error("systemd does not allow it to this user".into())
                .hint(allowing(unit, bus, user))
                // Neither the change nor the unit is to blame.
                .blocked(),
            Self::NoSuchUnit => error("there is no such unit".into()).hint(
                "correct the project's `units`, or run `systemctl daemon-reload` if the unit's file is new",
            ),
            Self::Masked => error("it is masked".into())
                .hint(format!("`systemctl unmask {unit}` allows to start it again")),
            Self::Job(came_to) => {
                let lines: String =
                    entries.iter().map(|entry| format!("\n{}", entry.message)).collect();
                error(format!("its job {came_to}{lines}"))
                    .hint(format!("`systemctl status {unit}` tells more"))
            }
            Self::Other(error) => error,
            Self::Said(reason) => error(reason),
        }
    }
}

/// What would allow exactly this.
fn allowing(unit: &UnitName, bus: Bus, user: Option<&str>) -> String {
    if bus == Bus::User {
        return "the unit belongs to another user's systemd, or to the machine's: set `bus` in [systemd_monitor]".into();
    }
    let user = user.unwrap_or("USER");
    format!(
        "this rule in /etc/polkit-1/rules.d/50-pi-mainteno.rules allows exactly this: \
         polkit.addRule(function(action, subject) {{ if (action.id == \"org.freedesktop.systemd1.manage-units\" && \
         action.lookup(\"unit\") == \"{unit}\" && subject.user == \"{user}\") {{ return polkit.Result.YES; }} }}); \
         or run the daemon as root, or set `restart = {{ command = \"sudo -n systemctl restart {unit}\" }}` with a rule for sudo"
    )
}
