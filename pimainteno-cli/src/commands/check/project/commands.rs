//! Whether the programs that a project's commands begin with are there, seen from where each of
//! them runs: checks and steps in the sandbox, restarts and probes outside of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path},
};

use pimainteno_core::{
    Error, ErrorKind, Result,
    config::{RestartConfig, SandboxMode, StepConfig},
    find_programs,
};

use super::{Items, Look, Scratch};
use crate::setup;

/// The items of the project's own checks.
pub(super) const CHECKS: &str = "checks";

/// Directories in which package managers install what a project needs, beside its files.
const INSTALLED: [&str; 4] = ["node_modules", ".venv", "venv", "vendor"];

/// A command of a project.
struct Use<'look> {
    /// What it is for.
    item: &'static str,
    command: &'look str,
    sandbox: SandboxMode,
}

/// Where programs are found: in the sandbox, and outside of it.
#[derive(Default)]
struct Found {
    inside: BTreeMap<String, String>,
    outside: BTreeMap<String, String>,
}

impl Look {
    /// Looks for the program of every command, tells what is lacking, and gives the commands of
    /// each item in which nothing is, with what was found.
    pub(super) async fn commands(&self, items: &mut Items) -> BTreeMap<&'static str, Vec<String>> {
        let uses = self.uses();
        let (found, failed) = match self.find(&uses).await {
            Ok(found) => (found, None),
            Err(error) => (Found::default(), Some(error)),
        };
        let mut told = BTreeMap::<_, Vec<String>>::new();
        let mut lacking = BTreeSet::new();
        for used in &uses {
            let name = program(used.command).filter(|_| failed.is_none());
            let place = match name {
                Some(program) => found.place(used, program),
                None => None,
            };
            if name.is_some() && place.is_none() {
                lacking.insert(used.item);
                self.tell_lacking(used, name.unwrap_or_default(), &found, items);
            }
            self.tell_unseen(used, items).await;
            // What the shell has built in is at no place.
            let place = place.filter(|place| place.starts_with('/'));
            told.entry(used.item).or_default().push(match place {
                Some(place) if Some(place) != name => format!("{} ({place})", used.command),
                _ => used.command.to_owned(),
            });
        }
        if let Some(error) = failed.filter(|_| !uses.is_empty()) {
            items.error(CHECKS, super::Finding::Note, &error.about("programs were not looked for"));
        }
        told.retain(|item, _| !lacking.contains(item));
        told
    }

    /// Every command that the configuration names.
    fn uses(&self) -> Vec<Use<'_>> {
        let (project, own) = (&self.project, self.project.sandbox.mode);
        let of = |item, command, sandbox| Use { item, command, sandbox };
        let mut uses: Vec<_> =
            project.verify.iter().map(|command| of(CHECKS, command.as_str(), own)).collect();
        uses.extend(project.prepare.iter().map(|prepare| of("prepare", &prepare.command, own)));
        for step in &project.steps {
            if let StepConfig::Command(step) = step {
                let sandbox = step.sandbox.unwrap_or(own);
                let revert = step.revert.as_deref();
                let revert = revert.filter(|revert| !["again", "none"].contains(revert));
                uses.push(of("steps", &step.command, sandbox));
                uses.extend(revert.map(|revert| of("steps", revert, sandbox)));
            }
        }
        if let RestartConfig::Command(command) = &project.restart {
            uses.push(of("restart", command, SandboxMode::Off));
        }
        let health = project.health.as_ref().and_then(|health| health.command.as_deref());
        uses.extend(health.map(|command| of("health", command, SandboxMode::Off)));
        uses
    }

    /// Asks the shell where it finds the programs of `uses`. Where there is no checkout, which is
    /// told elsewhere, nothing is asked.
    async fn find(&self, uses: &[Use<'_>]) -> Result<Found> {
        let mut found = Found::default();
        let names = |is_meant: fn(&Use<'_>) -> bool| {
            let programs = uses.iter().filter(|used| is_meant(used));
            let programs = programs.filter_map(|used| program(used.command));
            programs.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        let scratch = Scratch::new(&self.project.id).map_err(|error| {
            Error::new(ErrorKind::Process, "no temporary directory").source(error)
        })?;
        let helper = setup::sandbox_helper();
        for (mode, names, places) in [
            (SandboxMode::Auto, names(|used| used.is_sandboxed()), &mut found.inside),
            (SandboxMode::Off, names(|_| true), &mut found.outside),
        ] {
            if names.is_empty() {
                continue;
            }
            let (project, environment) = (&self.project, &self.environment);
            let answer =
                find_programs(project, mode, &names, environment, &helper, scratch.path()).await?;
            let answer = names.iter().zip(answer);
            places.extend(answer.filter_map(|(name, place)| Some(((*name).to_owned(), place?))));
        }
        Ok(found)
    }

    fn tell_lacking(&self, used: &Use<'_>, program: &str, found: &Found, items: &mut Items) {
        let Use { item, command, .. } = used;
        let place = found.outside.get(program).filter(|_| used.is_sandboxed());
        let Some(place) = place.map(Path::new) else {
            let message = format!("there is no program `{program}` for `{command}`");
            let hint = "install it, or put it on the PATH of the daemon";
            if *item != "prepare" && used.is_sandboxed() && self.may_be_prepared() {
                let message = format!("{message} yet: it has to come from `prepare`");
                return items.note(item, message, hint);
            }
            return items.problem(item, message, hint);
        };
        let real = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let leads = match real == place {
            true => String::new(),
            false => format!(", which leads to `{}`", real.display()),
        };
        let what = match place == Path::new(program) {
            true => "cannot start".to_owned(),
            false => format!("finds no program `{program}`"),
        };
        let message =
            format!("`{command}` {what}: the sandbox does not show `{}`{leads}", place.display());
        let hint = if real.starts_with(&self.project.path) {
            "checks run in a copy of what Git has: a command in `prepare` can install it, or `link` show what the checkout has".to_owned()
        } else {
            let directory = real.parent().unwrap_or(&real).display();
            format!(
                "`sandbox_read = [\"{directory}\"]` shows it; `prepare` can install another one, or `sandbox = \"off\"` does without a sandbox"
            )
        };
        items.problem(item, message, &hint);
    }

    /// Whether a program may be found once `prepare` has run: where `PATH` leads into the project,
    /// or commands write outside of it.
    fn may_be_prepared(&self) -> bool {
        let path = self.environment.get("PATH").unwrap_or_default();
        let mut directories = std::env::split_paths(path);
        !self.project.prepare.is_empty()
            && (!self.project.sandbox.write.is_empty()
                || directories.any(|directory| !directory.is_absolute()))
    }

    /// Tells of a program of the checkout that Git does not have, so that it is not where the
    /// command runs, unless something before puts it there.
    async fn tell_unseen(&self, used: &Use<'_>, items: &mut Items) {
        let Use { item, command, .. } = used;
        let Some(path) = own_program(command).filter(|_| !["restart", "health"].contains(item))
        else {
            return;
        };
        let is_linked = self
            .project
            .link
            .iter()
            .any(|link| Path::new(path).starts_with(AsRef::<Path>::as_ref(link)));
        if is_linked
            || !self.project.prepare.is_empty()
            || !self.project.path.join(path).exists()
            || self.git(["ls-files", "--error-unmatch", "--", path]).await
        {
            return;
        }
        let mut parts = Path::new(path).components().filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        });
        let hint = match parts.next().filter(|part| INSTALLED.contains(part)) {
            Some(installed) if used.is_sandboxed() => format!(
                "a command in `prepare` can install it, or `link = [\"{installed}\"]` show what the checkout has"
            ),
            _ => "a command before it has to make it, or one in `prepare`".to_owned(),
        };
        let message = format!(
            "`{path}` is in the checkout and not in Git, and `{command}` runs in a copy of what Git has"
        );
        items.note(item, message, &hint);
    }
}

impl Use<'_> {
    fn is_sandboxed(&self) -> bool {
        self.sandbox != SandboxMode::Off
    }
}

impl Found {
    /// Where a program is found that a command begins with.
    fn place(&self, used: &Use<'_>, program: &str) -> Option<&str> {
        let places = if used.is_sandboxed() { &self.inside } else { &self.outside };
        places.get(program).map(String::as_str)
    }
}

/// The program that a command begins with; `None` if only a shell could tell, or if it is a file of
/// the project.
fn program(command: &str) -> Option<&str> {
    // Where a program is found by its name does not depend on the directory.
    let changed = command.trim_start().strip_prefix("cd ").and_then(|rest| rest.split_once("&&"));
    first_word(changed.map_or(command, |(_, rest)| rest)).filter(|word| !is_own(word))
}

/// The program of a command that is a file of the project, or becomes one.
fn own_program(command: &str) -> Option<&str> {
    first_word(command).filter(|word| is_own(word))
}

fn is_own(word: &str) -> bool {
    word.contains('/') && !Path::new(word).is_absolute()
}

/// The first word of a command that names a program, without what the shell would make of it.
fn first_word(command: &str) -> Option<&str> {
    let is_assignment = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let word = command.split_whitespace().find(|word| !is_assignment(word))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    word.bytes().all(is_plain).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_check_is_its_first_word_unless_only_a_shell_can_tell() {
        assert_eq!(program("cargo test --locked"), Some("cargo"));
        assert_eq!(program("RUSTFLAGS=-Dwarnings CI=1 cargo test"), Some("cargo"));
        assert_eq!(program("/usr/bin/true"), Some("/usr/bin/true"));
        assert_eq!(program("cd web && CI=1 npm test"), Some("npm"));
        for command in [
            "cd web && ./run",
            "$RUNNER test",
            "(cd a && make)",
            "./target/test",
            "\"my program\"",
            "A=b",
            "",
        ] {
            assert_eq!(program(command), None, "{command}");
        }
        assert_eq!(own_program("CI=1 ./target/test -v"), Some("./target/test"));
        assert_eq!(own_program("make test"), None);
    }
}
