//! Policies: what the owner of a project says about its runs, as a Rhai script. The only place that
//! knows Rhai.
//!
//! A [`PolicyEngine`] compiles a script to a [`Policy`], whose hooks are asked about [`Facts`].
//! Every hook is optional, is synchronous, and ends within [`Limits`]: a quarter of a second by
//! default, and some microseconds for a script in its right mind. A script can read nothing but its
//! facts and change nothing at all: no files, no processes, no network, no clock, no `eval`, no
//! `import`.
//!
//! A policy is trusted to decide, so keep its file where a change to the project cannot reach it,
//! or protect it.

pub mod cases;
mod engine;
mod facts;
mod globs;
mod helpers;
mod hold;
mod hook;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use rhai::{Array, Dynamic, FnArgsVec, serde::to_dynamic};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Context, Error, ErrorKind, Result},
    event::Event,
    words::UnitName,
};

use engine::Program;
pub use engine::{Limits, PolicyEngine};
pub use facts::{Change, Checks, Facts, RunFacts};
pub use hold::{FileState, Held, Hold, Link};
pub(crate) use hold::{held_files, is_run_by, is_source};
use hook::Hook;

/// What a policy says before a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "decision", content = "reason")]
pub enum Decision {
    /// Go on.
    Allow,
    /// Refuse, for this reason.
    Deny(String),
    /// Hold for a person, for this reason.
    Ask(String),
}

/// A compiled policy; a clone shares it.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    engine: PolicyEngine,
    name: String,
    program: Program,
    hooks: Vec<Hook>,
    notices: Vec<String>,
}

impl Decision {
    /// The decision's name, without the reason.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny(_) => "deny",
            Self::Ask(_) => "ask",
        }
    }

    /// Why; empty for [`Decision::Allow`].
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow => "",
            Self::Deny(reason) | Self::Ask(reason) => reason,
        }
    }
}

/// Writes the decision with its reason in one line.
impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => formatter.write_str(self.name()),
            Self::Deny(reason) | Self::Ask(reason) => {
                write!(formatter, "{}: {reason}", self.name())
            }
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Policy")
            .field("name", &self.0.name)
            .field("hooks", &self.hooks().collect::<Vec<_>>())
            .finish()
    }
}

impl Policy {
    /// What errors call the policy: its path, for one that was loaded.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The names of the hooks that the policy has.
    pub fn hooks(&self) -> impl Iterator<Item = &'static str> {
        self.0.hooks.iter().map(|hook| hook.name())
    }

    /// What the author should look at: functions whose names are almost those of hooks, one line
    /// each.
    pub fn notices(&self) -> &[String] {
        &self.0.notices
    }

    /// Why the run is not worth starting, or `None` to go on.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`] if the hook fails, or gives neither a reason nor nothing.
    pub fn skip(&self, facts: &Facts) -> Result<Option<String>> {
        let wanted = "a reason as text to skip, or nothing to go on";
        let reason = self.call_for_text(Hook::Skip, [Dynamic::from(facts.clone())], wanted)?;
        Ok(reason.map(|reason| reason.trim().to_owned()))
    }

    /// Whether the step that `facts` are about may be done; yes, if the policy does not say.
    ///
    /// A hook that fails, overruns a limit or gives anything but a decision denies, and the reason
    /// is the error.
    pub fn allow(&self, facts: &Facts) -> Decision {
        let value = match self.call(Hook::Allow, [Dynamic::from(facts.clone())]) {
            Ok(Some(value)) => value,
            Ok(None) => return Decision::Allow,
            Err(error) => return Decision::Deny(error.to_string()),
        };
        value.try_cast_result::<Decision>().unwrap_or_else(|value| {
            Decision::Deny(
                self.wrong(Hook::Allow, describe(&value), "allow(), deny(reason) or ask(reason)")
                    .to_string(),
            )
        })
    }

    /// The units to restart for the change that `facts` are about: the project's own, if the policy
    /// does not say.
    ///
    /// Each is there once, and has a name that systemd accepts; one without a type is a service, as
    /// for `systemctl`.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`] if the hook fails, or gives anything but names of units or nothing.
    pub fn restart_units(&self, facts: &Facts) -> Result<Vec<UnitName>> {
        let value = self.call(Hook::RestartUnits, [Dynamic::from(facts.clone())])?;
        let Some(value) = value.filter(|value| !value.is_unit()) else {
            return Ok(facts.units().to_vec());
        };
        let values = value.try_cast_result::<Array>().unwrap_or_else(|value| vec![value]);
        let mut units = Vec::new();
        for value in values {
            let name = text(value).map_err(|value| {
                self.wrong(
                    Hook::RestartUnits,
                    describe(&value),
                    "names of units as an array of text, or nothing for the project's own",
                )
            })?;
            let unit = unit_name(&name).ok_or_else(|| {
                self.wrong(
                    Hook::RestartUnits,
                    &format!("`{}`", name.escape_debug()),
                    "the name of a unit, such as `web.service`",
                )
            })?;
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        Ok(units)
    }

    /// The prompt for the task named `task`; `prompt` itself, if the policy does not say.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`] if the hook fails, or gives anything but text or nothing.
    pub fn prompt(&self, facts: &Facts, task: &str, prompt: &str) -> Result<String> {
        self.rewrite(Hook::Prompt, || facts.for_task(task), prompt)
    }

    /// The commit message for the change that `facts` are about; `message` itself, if the policy
    /// does not say.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`] if the hook fails, or gives anything but text or nothing.
    pub fn commit_message(&self, facts: &Facts, message: &str) -> Result<String> {
        self.rewrite(Hook::CommitMessage, || facts.clone(), message)
    }

    /// Tells the policy of an event; what it prints then goes to the log.
    ///
    /// # Errors
    /// [`ErrorKind::Policy`] if the hook fails.
    pub fn on_event(&self, event: &Event) -> Result<()> {
        if self.0.hooks.contains(&Hook::OnEvent) {
            let event = to_dynamic(event).context(ErrorKind::Policy, || {
                format!("cannot show an event to {}", self.name())
            })?;
            self.call(Hook::OnEvent, [event])?;
        }
        Ok(())
    }

    /// Lets `hook` change `text`.
    fn rewrite(&self, hook: Hook, facts: impl FnOnce() -> Facts, original: &str) -> Result<String> {
        if !self.0.hooks.contains(&hook) {
            return Ok(original.to_owned());
        }
        let limit = self.0.engine.limits().string_bytes;
        if original.len() > limit {
            let given = format!("{} bytes", original.len());
            return Err(Error::new(
                ErrorKind::Policy,
                format!("{}: `{hook}` cannot be given {given}, {limit} at most", self.name()),
            ));
        }
        let wanted = "text, or nothing to leave it as it is";
        match self.call_for_text(hook, [Dynamic::from(facts()), original.into()], wanted)? {
            Some(text) if text.contains('\0') => {
                Err(self.wrong(hook, "a string with a NUL character", wanted))
            }
            text => Ok(text.unwrap_or_else(|| original.to_owned())),
        }
    }

    /// Calls `hook` for a text that says something; `None` if the policy does not have it or it
    /// gives nothing.
    fn call_for_text<const N: usize>(
        &self,
        hook: Hook,
        arguments: [Dynamic; N],
        wanted: &str,
    ) -> Result<Option<String>> {
        let Some(value) = self.call(hook, arguments)?.filter(|value| !value.is_unit()) else {
            return Ok(None);
        };
        match text(value) {
            Ok(text) if text.trim().is_empty() => Err(self.wrong(hook, "an empty string", wanted)),
            Ok(text) => Ok(Some(text)),
            Err(value) => Err(self.wrong(hook, describe(&value), wanted)),
        }
    }

    /// Calls `hook`; `None` if the policy does not have it.
    fn call<const N: usize>(&self, hook: Hook, arguments: [Dynamic; N]) -> Result<Option<Dynamic>> {
        let Inner { engine, name, program, hooks, .. } = &*self.0;
        if !hooks.contains(&hook) {
            return Ok(None);
        }
        let value = engine.call(name, program, hook.name(), FnArgsVec::from_iter(arguments));
        value.map(Some).map_err(|reason| {
            Error::new(ErrorKind::Policy, format!("`{}` failed at {reason}", hook.name()))
        })
    }

    /// An error about what `hook` gave.
    fn wrong(&self, hook: Hook, given: &str, wanted: &str) -> Error {
        Error::new(
            ErrorKind::Policy,
            format!("{}: `{}` gave {given} instead of {wanted}", self.name(), hook.name()),
        )
    }
}

/// The text in `value`, or the value again.
fn text(value: Dynamic) -> Result<String, Dynamic> {
    value.try_cast_result()
}

/// A value's kind, as an author would call it.
fn describe(value: &Dynamic) -> &'static str {
    match value {
        value if value.is_unit() => "nothing",
        value if value.is_bool() => "true or false",
        value if value.is_string() => "a string",
        value if value.is_int() || value.is_float() => "a number",
        value if value.is_array() => "an array",
        value if value.is_map() => "a map",
        value if value.is::<Decision>() => "a decision",
        value if value.is::<Facts>() => "facts",
        _ => "something else",
    }
}

/// The full name of the unit `name`, or `None` if it is none. A name without one of systemd's types
/// is a service.
fn unit_name(name: &str) -> Option<UnitName> {
    const TYPES: [&str; 11] = [
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    ];
    let has_type = name.rsplit_once('.').is_some_and(|(_, kind)| TYPES.contains(&kind));
    if has_type || name.is_empty() { name.parse() } else { format!("{name}.service").parse() }.ok()
}

/// The known name that `name` is probably meant to be: the nearest, if it is near.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::osa_distance(name, known), known)).min()?;
    // A third of the letters may differ, so that `run` is not taken for `skip`.
    (near.0 <= 2 && near.0 * 3 <= name.len().max(3)).then_some(near.1)
}
