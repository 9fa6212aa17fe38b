//! The commands: one file each, and thin. They ask [`Access`] or look around by themselves, and
//! hand what they found to the terminal.

mod check;
mod completions;
mod decide;
mod demo;
mod diff;
mod forget;
mod incidents;
mod init;
mod install;
mod log;
mod notices;
mod pause;
mod policy;
mod proposals;
mod reload;
mod run;
mod runs;
mod show;
mod status;

use std::path::Path;

use pimainteno_core::Result;
use pimainteno_web::Run;

use crate::{
    access::Access,
    arguments::{Cli, Command, PolicyCommand},
    daemon,
    exit::Ending,
    setup::{self, Setup},
    terminal::Terminal,
};

/// Does what the command line says.
///
/// # Errors
/// Whatever keeps the command from doing its work; what its work has shown is in the [`Ending`].
pub(crate) async fn dispatch(cli: Cli, terminal: &Terminal) -> Result<Ending> {
    let config = cli.options.config.as_deref();
    let setup = || Setup::load(config);
    let is_daemon = cli.command.is_none() && !cli.one_shot;
    terminal.log(is_daemon);
    match cli.command {
        None if is_daemon => {
            // Before anything slow: uncaught, they would end the process.
            let (shutdown, hangups) = (daemon::signals(), daemon::hangups());
            done(daemon::run(setup()?, shutdown, hangups).await)
        }
        None => run::run(&setup()?, Run::default(), terminal).await,
        Some(Command::Run(run)) => run::run(&setup()?, run, terminal).await,
        Some(Command::Demo(arguments)) => done(demo::run(&arguments, terminal).await),
        Some(Command::Init(arguments)) => done(init::run(&arguments, terminal).await),
        Some(Command::Check) => check::run(&setup()?, terminal).await,
        Some(Command::Status) => done(status::run(&look(config).await?, terminal).await),
        Some(Command::Notices(notices)) => {
            done(notices::run(&look(config).await?, notices, terminal).await)
        }
        Some(Command::Incidents(incidents)) => {
            done(incidents::run(&look(config).await?, incidents, terminal).await)
        }
        Some(Command::NotifyFailure(failure)) => done(
            incidents::notify(&Access::open(&setup()?, |_| {}).await?, failure, terminal).await,
        ),
        Some(Command::Runs(runs)) => done(runs::run(&look(config).await?, runs, terminal).await),
        Some(Command::Show(run)) => done(show::run(&look(config).await?, run, terminal).await),
        Some(Command::Log(arguments)) => {
            done(log::run(&look(config).await?, arguments, terminal).await)
        }
        Some(Command::Proposals(proposals)) => {
            done(proposals::run(&look(config).await?, proposals, terminal).await)
        }
        Some(Command::Diff(arguments)) => {
            done(diff::run(&look(config).await?, arguments, terminal).await)
        }
        Some(Command::Approve(arguments)) => decide::approve(&setup()?, arguments, terminal).await,
        Some(Command::Reject(reject)) => done(decide::reject(&setup()?, reject, terminal).await),
        Some(Command::Rollback(rollback)) => decide::roll_back(&setup()?, rollback, terminal).await,
        Some(Command::Pause(arguments)) => {
            done(pause::run(&look(config).await?, &arguments.projects, true, terminal).await)
        }
        Some(Command::Resume(arguments)) => {
            done(pause::run(&look(config).await?, &arguments.projects, false, terminal).await)
        }
        Some(Command::Forget(arguments)) => {
            done(forget::run(&Access::open(&setup()?, |_| {}).await?, arguments, terminal).await)
        }
        Some(Command::Reload) => done(reload::run(&setup()?, terminal).await),
        Some(Command::Install(arguments)) => done(install::run(&arguments, config, terminal).await),
        Some(Command::Uninstall(arguments)) => {
            done(install::uninstall::run(&arguments, terminal).await)
        }
        Some(Command::Policy { command: PolicyCommand::Test { files } }) => {
            policy::test(&files, terminal)
        }
        Some(Command::Completions { shell }) => {
            completions::run(shell, terminal);
            Ok(Ending::Done)
        }
    }
}

/// The ending of a command that has nothing to be judged by.
fn done(result: Result<()>) -> Result<Ending> {
    result.map(|()| Ending::Done)
}

/// Access for a command that starts nothing, so that there is nothing to tell. While the
/// configuration cannot be used, a daemon that goes on with the one before is asked all the same.
async fn look(config: Option<&Path>) -> Result<Access> {
    let error = match Setup::load(config) {
        Ok(setup) => return Access::open(&setup, |_| {}).await,
        Err(error) => error,
    };
    match setup::daemon_of_broken(config).await {
        Ok(Some(client)) => {
            tracing::warn!("the daemon goes on with the configuration before this one: {error}");
            Ok(Access::Remote(client, None))
        }
        _ => Err(error),
    }
}
