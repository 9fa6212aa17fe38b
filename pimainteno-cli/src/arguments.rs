//! What can be said on the command line. What is a verb of the API has its fields for arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use pimainteno_web::{
    Incidents, Notices, NotifyFailure, Proposals, Reject, Rollback, Run, Runs, ShowProposal,
    ShowRun,
};

/// Maintains Git projects and their services with a language model.
///
/// Without a command it is the daemon: it runs every project on its schedule until it is told to
/// stop. A run either ends with a verified commit whose service proved healthy, or leaves
/// everything as it was.
#[derive(Debug, Parser)]
#[command(name = "pi-mainteno", version, verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Looks at every project once, runs those that changed, and exits.
    #[arg(long)]
    pub(crate) one_shot: bool,

    #[command(flatten)]
    pub(crate) options: GlobalOptions,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What works with every command.
#[derive(Args, Debug)]
pub(crate) struct GlobalOptions {
    /// Reads this configuration instead of ./PiMainteno.toml,
    /// ~/.config/pi-mainteno/PiMainteno.toml or /etc/pi-mainteno/PiMainteno.toml.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    /// Prints one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Tells more on standard error; twice tells even more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs projects now: all of them, or those that are named.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Shows whole runs on a throwaway project, remote and service; needs no model and no network.
    Demo(DemoArguments),
    /// Writes a configuration for the projects it finds.
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArguments),
    /// Looks whether everything that runs need is there, and says what to do about what is not.
    Check,
    /// Shows every project at a glance.
    Status,
    /// Lists the last runs, the newest first.
    Runs(Runs),
    /// Lists what you should know, the newest first: projects that are left alone, sandboxes that
    /// are not whole, damaged files.
    Notices(Notices),
    /// Lists units that failed, the newest first: why, what was done about it, and what ended it.
    Incidents(Incidents),
    /// Says that a unit has failed, for those who have systemd say so by `OnFailure=`: the daemon
    /// looks after it now, or when it starts.
    NotifyFailure(NotifyFailure),
    /// Shows one run: its steps, its change, its checks; or one incident.
    Show(ShowRun),
    /// Prints what a run left behind: logs of checks, answers of the backend.
    #[command(after_help = LOG_EXAMPLES)]
    Log(LogArguments),
    /// Lists the changes that wait for you.
    Proposals(Proposals),
    /// Shows a change; into a pipe or a file, as a diff that `git apply` takes.
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArguments),
    /// Delivers a change that waits for you: on the newest commit, and checked again.
    #[command(after_help = APPROVE_EXAMPLES)]
    Approve(ApproveArguments),
    /// Gives up a change that waits for you, and tells the backend why.
    #[command(after_help = REJECT_EXAMPLES)]
    Reject(Reject),
    /// Takes back what a run delivered, and restarts what was restarted for it.
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(Rollback),
    /// Keeps projects from being run: those that are named, or all.
    Pause(PauseArguments),
    /// Lets projects be run again that are paused or parked, or whose repair was given up.
    Resume(PauseArguments),
    /// Removes what runs of projects left: workspaces, caches, the summary in the checkout, and what
    /// is remembered.
    #[command(after_help = FORGET_EXAMPLES)]
    Forget(ForgetArguments),
    /// Has the daemon read its configuration again, as SIGHUP does. One that cannot be used is told,
    /// and the one before goes on.
    Reload,
    /// Makes the daemon a service of systemd that runs as the owner of the projects, or brings that
    /// up to date: unit, rights to restart units, manual, completions.
    #[command(after_help = INSTALL_EXAMPLES)]
    Install(InstallArguments),
    /// Stops the service and removes what `install` wrote; configuration and state stay.
    Uninstall(UninstallArguments),
    /// Works with policies.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Prints a completion script for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// How to play the demo.
#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// Leaves the project, its remote and the state where they are, to look at.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// What to write a configuration for.
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// Git checkouts; without any, those in and directly below the current directory and up to two
    /// levels below the home directory.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The file to write.
    #[arg(long, short, value_name = "FILE", default_value = "PiMainteno.toml")]
    pub(crate) output: PathBuf,

    /// Overwrites the file if it exists.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Which texts to print.
#[derive(Args, Debug)]
pub(crate) struct LogArguments {
    #[command(flatten)]
    pub(crate) run: ShowRun,

    /// Prints this text only: its name, or a part of it that only one name has.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) output: Option<String>,
}

/// Which change to show.
#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub(crate) proposal: ShowProposal,

    /// Prints the diff alone also to a terminal, where characters that are not seen are written by
    /// their numbers.
    #[arg(long)]
    pub(crate) raw: bool,
}

/// What to approve.
#[derive(Args, Debug)]
pub(crate) struct ApproveArguments {
    #[command(flatten)]
    pub(crate) proposal: ShowProposal,

    /// Approves the diff with this SHA-256 and no other: at least eight digits of it, as `diff`
    /// shows it.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) sha256: Option<String>,
}

/// Which projects.
#[derive(Args, Debug)]
pub(crate) struct PauseArguments {
    /// Ids or names of projects; all if none is given.
    #[arg(value_name = "PROJECT")]
    pub(crate) projects: Vec<String>,
}

/// What to forget.
#[derive(Args, Debug)]
pub(crate) struct ForgetArguments {
    /// Ids or names of projects.
    #[arg(value_name = "PROJECT")]
    pub(crate) projects: Vec<String>,

    /// Those that are not in the configuration any more.
    #[arg(long, conflicts_with = "projects")]
    pub(crate) all: bool,

    /// Forgets their runs, changes and notices, too.
    #[arg(long)]
    pub(crate) history: bool,
}

/// How to install the service.
#[derive(Args, Debug)]
pub(crate) struct InstallArguments {
    /// As a service of yours, below your home and without root.
    #[arg(long)]
    pub(crate) user: bool,

    /// The user that owns the projects, where that cannot be told: there are none yet, or `~` in the
    /// configuration is somebody else's.
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    pub(crate) owner: Option<String>,

    /// Also writes `pi-mainteno-failed@.service`, by which other units tell the daemon of their
    /// failure.
    #[arg(long)]
    pub(crate) with_on_failure: bool,

    /// Does it without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// What to uninstall.
#[derive(Args, Debug)]
pub(crate) struct UninstallArguments {
    /// The service of yours, not that of the machine.
    #[arg(long)]
    pub(crate) user: bool,

    /// Does it without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Runs policies on their cases.
    #[command(after_help = POLICY_EXAMPLES)]
    Test {
        /// Files with cases (.toml), or policies (.rhai) whose cases are in `cases/NAME.toml`
        /// beside them.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

const EXAMPLES: &str = "\
Examples:
  pi-mainteno init ~/site           write PiMainteno.toml for a project
  pi-mainteno check                 see whether everything is in place
  pi-mainteno run site --dry-run    see what would be changed
  pi-mainteno show 0199a3           look at a run: its steps, its change, its checks
  pi-mainteno                       run as the daemon

Exit codes: 0 done, 1 ended without success, 2 error in use or configuration.";

const RUN_EXAMPLES: &str = "\
Examples:
  pi-mainteno run                   every project that changed since its last run
  pi-mainteno run site --dry-run    propose and check a change, apply nothing
  pi-mainteno run site --force      even if nothing changed

The exit code is 1 if a run failed, was rejected, rolled back, parked or interrupted.";

const INIT_EXAMPLES: &str = "\
Examples:
  pi-mainteno init                  for the Git checkouts that it finds
  pi-mainteno init ~/site ~/radio   for these
  sudo pi-mainteno init /srv/site --output /etc/pi-mainteno/PiMainteno.toml";

const LOG_EXAMPLES: &str = "\
Examples:
  pi-mainteno log 0199a3                           everything
  pi-mainteno log 0199a3 --output 'cargo test'     the log of one check";

const DIFF_EXAMPLES: &str = "\
Examples:
  pi-mainteno diff 0199a3                      the change, its checks, and why it waits
  pi-mainteno diff 0199a3 | git apply --stat   as a diff for another program";

const APPROVE_EXAMPLES: &str = "\
Examples:
  pi-mainteno approve 0199a3
  pi-mainteno approve 0199a3 --sha256 5f2c19e0   that diff and no other

If the files that it touches have changed meanwhile, it becomes another change, which waits for you again.
The exit code is 1 if the change is not delivered.";

const REJECT_EXAMPLES: &str = "\
Examples:
  pi-mainteno reject 0199a3 --reason 'the old name is part of the API'";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  pi-mainteno rollback site                 what was delivered last
  pi-mainteno rollback site --run 0199a3    what that run delivered

A commit that is at the remote is taken back by another commit, one that never left this machine is dropped.
The exit code is 1 if that did not succeed.";

const FORGET_EXAMPLES: &str = "\
Examples:
  pi-mainteno forget site             after it was taken out of the configuration
  pi-mainteno forget --all            whatever is left over; `check` lists it
  pi-mainteno forget site --history   and its runs

A project that is still in the configuration must be paused, and stays so. Changes that wait are given up.
Nothing that others made is touched, and what was cut off is finished by doing it again.";

const INSTALL_EXAMPLES: &str = "\
Examples:
  sudo pi-mainteno install                            shows what it would write, and asks
  sudo pi-mainteno install --config ~/PiMainteno.toml --yes
                                                      with this configuration, which is copied
  pi-mainteno install --user                          below your home, without root

The service reads /etc/pi-mainteno/PiMainteno.toml, with --user ~/.config/pi-mainteno/PiMainteno.toml. Where that is not there,
./PiMainteno.toml is copied to it. Done again, it changes only what differs, and shows how.";

const POLICY_EXAMPLES: &str = "\
Examples:
  pi-mainteno policy test careful.rhai             the cases in cases/careful.toml
  pi-mainteno policy test cases/*.toml             several files of cases";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  pi-mainteno completions bash > ~/.local/share/bash-completion/completions/pi-mainteno
  pi-mainteno completions fish > ~/.config/fish/completions/pi-mainteno.fish";
