//! Orders of steps that make no sense: each is refused with what is wrong with it, before a run
//! pays for a change that comes to nothing.

use std::sync::Arc;

use crate::{
    config::{Mode, Project},
    error::{Error, ErrorKind, Result},
    step::{Need, Part, Step},
};

/// Makes sure that the steps of a project can lead anywhere in their order.
///
/// # Errors
/// [`ErrorKind::Config`] with the first two of them that stand the wrong way round.
pub(super) fn check(steps: &[Arc<dyn Step>], project: &Project) -> Result<()> {
    let first = |part: Part| steps.iter().position(|step| step.part() == part);
    let (place, commit) = (first(Part::Place), first(Part::Commit));
    let name = |at: usize| steps.get(at).map_or("", |step| step.name());
    for (at, step) in steps.iter().enumerate() {
        let delivers = step.part() != Part::Commit
            && [Need::Remote, Need::Units, Need::Checkout]
                .iter()
                .any(|need| step.needs().contains(need));
        let (other, why) = match step.part() {
            Part::Propose if place.is_some_and(|place| place < at) => {
                return Err(wrong(
                    name(place.unwrap_or_default()),
                    step.name(),
                    "there would be no change yet to be placed",
                ));
            }
            Part::Check => (place, "it would find no change to check"),
            Part::Commit => {
                (Some(place.unwrap_or(usize::MAX)), "there would be no change to commit")
            }
            Part::Watch => (commit, "it would watch what ran before the change"),
            _ if delivers => {
                (Some(commit.unwrap_or(usize::MAX)), "there would be no commit to deliver")
            }
            _ => continue,
        };
        match other {
            Some(usize::MAX) => {
                let lacks = if delivers { "commits a change" } else { "places one" };
                let message =
                    format!("`{}` stands in `steps`, and no step {lacks}: {why}", step.name());
                let hint =
                    if delivers { "put `commit` before it" } else { "put `apply` before it" };
                return Err(Error::new(ErrorKind::Config, message).hint(hint));
            }
            Some(other) if at < other => return Err(wrong(step.name(), name(other), why)),
            _ => {}
        }
        let restarts = |later: &&Arc<dyn Step>| later.needs().contains(&Need::Units);
        if step.part() == Part::Watch
            && let Some(later) = steps.iter().skip(at).find(restarts)
        {
            return Err(wrong(
                step.name(),
                later.name(),
                "it would watch what ran before the change",
            ));
        }
        if step.part() == Part::Check
            && let Some(commit) = commit.filter(|commit| *commit < at)
        {
            let why = "what is committed would not have been checked";
            return Err(wrong(name(commit), step.name(), why));
        }
    }
    let is_auto = project.chores.iter().any(|chore| chore.mode == Mode::Auto);
    if let Some(commit) = commit
        && is_auto
        && !project.verify.is_empty()
        && first(Part::Check).is_none()
    {
        let message = "`mode` is \"auto\", there are checks in `verify`, and no step runs them: every change would be held";
        let hint = format!("put \"verify\" before `{}` in `steps`", name(commit));
        return Err(Error::new(ErrorKind::Config, message).hint(hint));
    }
    Ok(())
}

/// The error of two steps that stand the wrong way round.
fn wrong(first: &str, second: &str, why: &str) -> Error {
    let message = format!("`{first}` stands before `{second}` in `steps`: {why}");
    Error::new(ErrorKind::Config, message).hint(format!("put `{second}` before `{first}`"))
}

#[cfg(test)]
mod tests {
    use crate::{
        config::{Config, Mode, Project, ProjectConfig, StepConfig},
        registry::Registry,
    };

    fn refusal(steps: &[&str], mode: Mode) -> String {
        let project = ProjectConfig {
            path: "/srv/x".into(),
            mode,
            verify: vec!["true".into()],
            steps: Some(steps.iter().map(|step| StepConfig::Named((*step).into())).collect()),
            ..Default::default()
        };
        let project = Project::new(&project, &Config::default());
        Registry::new(None)
            .steps_of(&project)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused_with_what_is_wrong() {
        for (steps, said) in [
            (&["propose", "commit", "apply", "verify"][..], "`commit` stands before `apply`"),
            (&["propose", "verify", "apply", "commit"], "`verify` stands before `apply`"),
            (&["apply", "propose", "verify", "commit"], "`apply` stands before `propose`"),
            (&["propose", "apply", "commit", "verify"], "`commit` stands before `verify`"),
            (&["propose", "apply", "verify", "push", "commit"], "`push` stands before `commit`"),
            (
                &["propose", "apply", "verify", "restart", "commit"],
                "`restart` stands before `commit`",
            ),
            (
                &["propose", "apply", "verify", "commit", "monitor", "restart"],
                "`monitor` stands before `restart`",
            ),
            (
                &["propose", "apply", "monitor", "verify", "commit"],
                "`monitor` stands before `commit`",
            ),
            (&["propose", "apply", "verify", "push"], "no step commits"),
            (&["propose", "commit"], "no step places"),
            (&["propose", "apply", "commit"], "no step runs them"),
        ] {
            assert!(
                refusal(steps, Mode::Auto).contains(said),
                "{steps:?}: {}",
                refusal(steps, Mode::Auto)
            );
        }
        for steps in [
            &["summarize", "propose"][..],
            &["propose", "apply", "verify"],
            &["propose", "apply", "verify", "commit", "restart", "monitor", "push"],
            &["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"],
        ] {
            assert_eq!(refusal(steps, Mode::Auto), "", "{steps:?}");
        }
        assert_eq!(refusal(&["propose", "apply", "commit"], Mode::Review), "");
    }
}
