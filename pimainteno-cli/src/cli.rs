//! The way from the command line to an exit code.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};
use pimainteno_core::{Error, ErrorKind, Result};

use crate::{
    arguments::Cli,
    commands,
    exit::{self, Ending},
    terminal::Terminal,
};

/// Reads the command line, does what it says and gives the exit code.
pub(crate) fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_json = arguments.iter().take_while(|it| *it != "--").any(|it| it == "--json");
    let cli = match Cli::try_parse_from(arguments).and_then(sensible) {
        Ok(cli) => cli,
        Err(answer) => return refuse(&answer, is_json),
    };
    let terminal = Terminal::new(cli.options.json, cli.options.verbose);
    let mut result = carry_out(cli, &terminal);
    if let Err(error) = &result {
        terminal.error(error);
    }
    // What was printed last may not have reached its file.
    if let Err(error) = terminal.close() {
        terminal.error(&error);
        result = Err(error);
    }
    exit::code(&result)
}

/// Refuses what clap cannot: it knows of no conflict between an option and all commands that leaves
/// the other options alone.
fn sensible(cli: Cli) -> Result<Cli, clap::Error> {
    if cli.one_shot && cli.command.is_some() {
        return Err(Cli::command().error(
            clap::error::ErrorKind::ArgumentConflict,
            "--one-shot goes with no command; `run` is a scan of its own",
        ));
    }
    Ok(cli)
}

/// One thread is enough: Git, checks and backends are processes of their own, and each thread costs
/// memory and wake-ups.
fn carry_out(cli: Cli, terminal: &Terminal) -> Result<Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| {
        Error::new(ErrorKind::Internal, "cannot start the runtime").source(source)
    })?;
    runtime.block_on(commands::dispatch(cli, terminal))
}

/// Prints what clap has to say: help and the version are answers, everything else is an error in
/// use.
fn refuse(answer: &clap::Error, is_json: bool) -> ExitCode {
    let terminal = Terminal::new(false, 0);
    let text = answer.render().ansi().to_string();
    if answer.use_stderr() {
        if is_json {
            let text = answer.render().to_string();
            let message = text.trim().trim_start_matches("error: ").to_owned();
            Terminal::new(true, 0).error(&Error::new(ErrorKind::Usage, message));
        } else {
            terminal.tell(&text);
        }
        return ExitCode::from(2);
    }
    terminal.print(&text);
    match terminal.close() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal.error(&error);
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_work_on_both_sides_of_a_command() {
        for arguments in [["pi-mainteno", "--json", "status"], ["pi-mainteno", "status", "--json"]]
        {
            assert!(Cli::try_parse_from(arguments).unwrap().options.json);
        }
    }
}
