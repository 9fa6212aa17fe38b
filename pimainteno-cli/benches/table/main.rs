//! Prints one table of what PiMainteno costs.
//!
//! Every line is a ratio against a floor or a peer that was measured in the same run, so that it
//! means the same on a Pi and on a server. Arguments: a word, to print only the lines that contain
//! it, and `--seconds N` for how long the idle daemon is watched (60).

mod arguments;
mod daemon;
mod placing;
mod policy;
mod report;
mod repository;
mod sample;
mod sandbox;
mod scan;
#[path = "../../../tests/support/systemd.rs"]
#[expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the tests' own, of which the table needs a part"
)]
mod systemd;
mod transaction;
mod watch;
mod writes;

use std::{error::Error, process::ExitCode};

use arguments::Arguments;
use report::Line;

/// What a measurement gives; whatever goes wrong in one is told and ends the program.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Some lines of the table that are measured together.
struct Group {
    /// What the name of each of its lines contains.
    name: &'static str,
    measure: fn(&Arguments) -> Result<Vec<Line>>,
}

const GROUPS: [Group; 8] = [
    Group { name: scan::NAME, measure: scan::measure },
    Group { name: transaction::NAME, measure: transaction::measure },
    Group { name: sandbox::NAME, measure: sandbox::measure },
    Group { name: writes::NAME, measure: writes::measure },
    Group { name: placing::NAME, measure: placing::measure },
    Group { name: policy::NAME, measure: policy::measure },
    Group { name: daemon::NAME, measure: daemon::measure },
    Group { name: watch::NAME, measure: watch::measure },
];

#[expect(clippy::print_stderr, reason = "a program tells what went wrong")]
fn main() -> ExitCode {
    match run(&Arguments::read(std::env::args().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if let Some(directory) = &arguments.traced {
        return writes::work(directory);
    }
    let mut lines = Vec::new();
    for group in GROUPS.iter().filter(|group| arguments.concerns(group.name)) {
        let measured =
            (group.measure)(arguments).map_err(|error| format!("{}: {error}", group.name))?;
        lines.extend(measured.into_iter().filter(|line| arguments.wants(line.name())));
    }
    report::print(&lines);
    Ok(())
}
