//! The `pi-mainteno` command: the daemon, and the command line around it.

mod access;
mod arguments;
mod backends;
mod cli;
mod commands;
mod daemon;
mod exit;
mod setup;
mod terminal;

fn main() -> std::process::ExitCode {
    // Before there is a second thread: this program is also what sets up the sandboxes of its
    // checks.
    pimainteno_core::process::help(std::env::args_os()).unwrap_or_else(cli::main)
}
