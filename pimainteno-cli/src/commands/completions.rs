//! `completions`: a script that lets a shell complete the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{arguments::Cli, terminal::Terminal};

/// Prints the script for `shell`.
pub(crate) fn run(shell: Shell, terminal: &Terminal) {
    terminal.print_raw(&script(shell));
}

/// The script for `shell`.
pub(super) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pi-mainteno", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
