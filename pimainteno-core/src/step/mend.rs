//! Asks for the change once more, after it made a check fail.

use async_trait::async_trait;
use pimainteno_plugin::{Edit, Task};

use super::{Candidate, Effects, Failure, Flow, Form, Step, StepContext};
use crate::{backend::prompt, error::Result, fingerprint, run::Outcome};

/// How many bytes of one log the backend is told.
const TOLD_LOG: usize = 12 << 10;

/// How many lines it is told from the first error on, where the log is longer than that.
const FIRST_LINES: usize = 40;

/// What the first error of a log begins with, or has somewhere, in lower case.
const ERRORS: [&str; 8] =
    ["error", "fail", "panicked", "traceback", "exception", "fatal", "not ok", "undefined"];

/// Asks the backend to mend the change that failed. It is not a step of a project's: the pipeline
/// enters it where a step asks to have the change mended.
#[derive(Debug)]
pub(crate) struct Mend;

#[async_trait]
impl Step for Mend {
    fn name(&self) -> &str {
        "mend"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let (Some(failed), Some(change)) = (context.run.failed.clone(), context.run.change.clone())
        else {
            return Ok(Flow::End(Outcome::NoChange));
        };
        let give_up = |why: &str| {
            let message = format!("{}; {why}", failed.failure.message);
            Ok(Flow::End(Outcome::Failed { step: failed.step.clone(), message }))
        };
        let edit = context.edit();
        let logs = logs(&failed.failure);
        let prompt = prompt::mend(
            context.project(),
            context.instructions(),
            &change.diff,
            &logs,
            context.directory(),
            edit,
        )?;
        let question = question(context, &change.diff, &logs, edit)?;
        let mut request = context.request(Task::Mend, prompt);
        request.edit = edit;
        request.diff = Some(change.diff.clone());
        let reply = match context.ask_as(request, Some(&question)).await {
            Ok(reply) => reply,
            Err(error) if error.passes() => return Err(error),
            Err(error) => return give_up(&format!("it could not be repaired: {error}")),
        };
        let candidate = match Candidate::of_reply(reply, edit) {
            Ok(Some(candidate)) => candidate,
            Ok(None) => return give_up("the backend has no repair for it"),
            Err(error) => return give_up(&format!("the repair is no change: {error}")),
        };
        if let Form::Diff(diff) = &candidate.form
            && fingerprint::of_change(diff) == fingerprint::of_change(&change.diff)
        {
            return give_up("the repair is the same change again");
        }
        context.run.candidate = Some(candidate.or_message(context.run.message()));
        Ok(Flow::Done(format!("{} repairs its change", context.parts.desk.backend_name())))
    }
}

/// What is asked without what differs each time that the checks fail, such as how long they took: a
/// run that was parked finds the answers to its repairs.
fn question(
    context: &StepContext<'_>,
    diff: &str,
    logs: &[(String, String)],
    edit: Edit,
) -> Result<String> {
    let logs: Vec<_> = logs
        .iter()
        .map(|(name, log)| format!("{name}\n{}", fingerprint::of_failure(log)))
        .collect();
    Ok(format!(
        "{}\n{}\n{diff}",
        prompt::mend(
            context.project(),
            context.instructions(),
            "",
            &[],
            context.directory(),
            edit
        )?,
        logs.join("\n")
    ))
}

/// The logs of a failure, each cut to what tells most: from the first error on, and the end.
fn logs(failure: &Failure) -> Vec<(String, String)> {
    if failure.logs.is_empty() {
        return vec![("the step".into(), excerpt(&failure.message))];
    }
    failure.logs.iter().map(|(name, log)| (name.clone(), excerpt(log))).collect()
}

fn excerpt(log: &str) -> String {
    let log = log.trim();
    if log.len() <= TOLD_LOG {
        return log.to_owned();
    }
    let is_error = |line: &str| {
        let line = line.to_ascii_lowercase();
        ERRORS.iter().any(|error| line.contains(error))
    };
    let tail_at = log.ceil_char_boundary(log.len() - TOLD_LOG / 2);
    let (head, tail) = log.split_at(tail_at);
    let first: Vec<_> = head.lines().skip_while(|line| !is_error(line)).take(FIRST_LINES).collect();
    let first = first.join("\n");
    let first = first.get(..first.floor_char_boundary(TOLD_LOG / 2)).unwrap_or_default();
    format!("{first}\n[...]\n{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_told_from_its_first_error_and_its_end() {
        let noise = "compiling\n".repeat(3000);
        let told =
            excerpt(&format!("{noise}src/a.c:3: error: no\nnote\n{noise}{noise}2 tests failed"));
        assert!(told.starts_with("src/a.c:3: error: no\nnote\n"), "{}", &told[..80]);
        assert!(told.ends_with("2 tests failed") && told.len() < TOLD_LOG + 100);
        assert_eq!(excerpt("short\n"), "short");
    }
}
