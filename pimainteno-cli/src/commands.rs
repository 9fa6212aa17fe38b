//! The commands: one file each, and thin. They ask [`Access`] or look around by themselves, and hand what they found to the terminal.

mod check;
mod completions;
mod decide;
mod demo;
mod diff;
mod init;
mod log;
mod notices;
mod pause;
mod policy;
mod proposals;
mod run;
mod runs;
mod show;
mod status;

use anstyle::Style;
use pimainteno_core::{Outcome, Proposal, ProposalStatus, Result, RunRecord};

use crate::{
    access::Access,
    cli::{Cli, Command, PolicyCommand, RunArguments},
    daemon,
    exit::Ending,
    setup::Setup,
    terminal::{BAD, FAINT, GOOD, NOTABLE, Terminal},
};

/// How many hexadecimal digits of an id are shown: those that tell the millisecond at which it was made.
const SHORT_ID: usize = 12;

/// Does what the command line says.
///
/// # Errors
/// Whatever keeps the command from doing its work; what its work has shown is in the [`Ending`].
pub(crate) async fn dispatch(cli: Cli, terminal: &Terminal) -> Result<Ending> {
    let setup = || Setup::load(cli.options.config.as_deref());
    let is_daemon = cli.command.is_none() && !cli.one_shot;
    terminal.log(is_daemon);
    match cli.command {
        None if is_daemon => {
            daemon::run(&setup()?, daemon::signals()).await?;
            Ok(Ending::Done)
        }
        None => run::run(&setup()?, &RunArguments::default(), terminal).await,
        Some(Command::Run(arguments)) => run::run(&setup()?, &arguments, terminal).await,
        Some(Command::Demo(arguments)) => demo::run(&arguments, terminal).await,
        Some(Command::Init(arguments)) => init::run(&arguments, terminal),
        Some(Command::Check) => check::run(&setup()?, terminal).await,
        Some(Command::Status) => status::run(&look(&setup()?).await?, terminal).await,
        Some(Command::Notices(arguments)) => notices::run(&look(&setup()?).await?, &arguments, terminal).await,
        Some(Command::Runs(arguments)) => runs::run(&look(&setup()?).await?, &arguments, terminal).await,
        Some(Command::Show(arguments)) => show::run(&look(&setup()?).await?, &arguments, terminal).await,
        Some(Command::Log(arguments)) => log::run(&look(&setup()?).await?, &arguments, terminal).await,
        Some(Command::Proposals(arguments)) => proposals::run(&look(&setup()?).await?, &arguments, terminal).await,
        Some(Command::Diff(arguments)) => diff::run(&look(&setup()?).await?, &arguments, terminal).await,
        Some(Command::Approve(arguments)) => decide::approve(&setup()?, &arguments, terminal).await,
        Some(Command::Reject(arguments)) => decide::reject(&setup()?, &arguments, terminal).await,
        Some(Command::Rollback(arguments)) => decide::roll_back(&setup()?, &arguments, terminal).await,
        Some(Command::Pause(arguments)) => pause::run(&look(&setup()?).await?, &arguments.projects, true, terminal).await,
        Some(Command::Resume(arguments)) => pause::run(&look(&setup()?).await?, &arguments.projects, false, terminal).await,
        Some(Command::Policy { command: PolicyCommand::Test { files } }) => policy::test(&files, terminal),
        Some(Command::Completions { shell }) => Ok(completions::run(shell, terminal)),
    }
}

/// The id of a run or a proposal as it is shown in lists.
pub(crate) fn short_id(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(SHORT_ID).collect()
}

/// How many places of a change's diff are not shown as they are; `None` if all are.
pub(crate) fn redacted_places(proposal: &Proposal) -> Option<String> {
    match proposal.redactions {
        0 => None,
        1 => Some("1 place is redacted".into()),
        places => Some(format!("{places} places are redacted")),
    }
}

/// How a run ended, in one line: a success that takes another run back is told as that, so that nobody takes it for good news.
pub(crate) fn told(record: &RunRecord) -> String {
    match (&record.outcome, record.job.takes_back()) {
        (Some(Outcome::Applied { .. }), Some(of)) => format!("took back run {}", short_id(of)),
        _ => record.told(),
    }
}

/// The colour of how a run ended; of one that has not, if there is no outcome.
pub(crate) fn outcome_style(record: &RunRecord) -> Style {
    match &record.outcome {
        Some(Outcome::Applied { .. }) if record.job.takes_back().is_none() => GOOD,
        Some(Outcome::NoChange | Outcome::Skipped { .. }) => FAINT,
        Some(Outcome::Failed { .. } | Outcome::RolledBack { .. } | Outcome::Rejected { .. }) => BAD,
        // Held, parked, interrupted, and whatever may come.
        _ => NOTABLE,
    }
}

/// The colour of what became of a change.
pub(crate) fn status_style(status: &ProposalStatus) -> Style {
    match status {
        ProposalStatus::Applied { .. } => GOOD,
        ProposalStatus::Failed { .. } | ProposalStatus::RolledBack { .. } | ProposalStatus::Rejected { .. } => BAD,
        ProposalStatus::Superseded { .. } | ProposalStatus::Expired => FAINT,
        // Held, open, and whatever may come.
        _ => NOTABLE,
    }
}

/// Access for a command that starts nothing, so that there is nothing to tell.
async fn look(setup: &Setup) -> Result<Access> {
    Access::open(setup, |_| {}).await
}
