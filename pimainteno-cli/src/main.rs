//! The `pi-mainteno` command: the daemon, and the command line around it.

mod access;
mod api;
mod backends;
mod cli;
mod client;
mod commands;
mod daemon;
mod exit;
mod setup;
mod terminal;
mod web;

fn main() -> std::process::ExitCode {
    cli::main()
}
