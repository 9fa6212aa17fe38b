//! How the program ends.

use std::process::ExitCode;

use pimainteno_core::{ErrorKind, Result, RunRecord};

/// What a command came to, when it could do its work at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What was asked for is done.
    Done,
    /// The work was done and has a bad result: a run without success, a failing check, a failing
    /// case of a policy.
    Unsuccessful,
}

impl Ending {
    /// The ending of a command that was asked whether something is `good`.
    pub(crate) fn of(good: bool) -> Self {
        if good { Self::Done } else { Self::Unsuccessful }
    }

    /// The ending of a command that carried out runs: every one of them has to be a success.
    pub(crate) fn of_runs(records: &[RunRecord]) -> Self {
        Self::of(
            records
                .iter()
                .all(|record| record.outcome.as_ref().is_some_and(|outcome| outcome.is_success())),
        )
    }
}

/// The exit code: 0 done, 1 ended without success, 2 an error in use, configuration or the machine.
pub(crate) fn code(result: &Result<Ending>) -> ExitCode {
    match result {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Unsuccessful) => ExitCode::from(1),
        Err(error) if error.kind() == ErrorKind::Cancelled => ExitCode::from(1),
        Err(_) => ExitCode::from(2),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pimainteno_core::{Error, Job, Outcome, ProjectId, Trigger};

    use super::*;

    #[test]
    fn a_run_without_success_is_one_and_an_error_is_two() {
        let mut record = RunRecord::new(
            &ProjectId::of("site"),
            Trigger::Manual,
            Job::Upkeep { chore: "improve".into() },
            Timestamp::UNIX_EPOCH,
        );
        record.outcome = Some(Outcome::Held { reason: "review".into() });
        let mut records = vec![record.clone()];
        assert_eq!(Ending::of_runs(&records), Ending::Done);
        record.outcome = Some(Outcome::Rejected { reason: "no".into() });
        records.push(record);
        assert_eq!(Ending::of_runs(&records), Ending::Unsuccessful);
        assert_eq!(code(&Ok(Ending::Unsuccessful)), ExitCode::from(1));
        assert_eq!(code(&Err(Error::new(ErrorKind::Config, "bad"))), ExitCode::from(2));
        assert_eq!(code(&Err(Error::new(ErrorKind::Cancelled, "stopped"))), ExitCode::from(1));
    }
}
