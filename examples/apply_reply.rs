//! Applies a model's reply to the files of a directory:
//! `cargo run --example apply_reply -- REPLY DIRECTORY`.
//!
//! Exit code 0: applied. 1: refused, with the reason, and nothing is touched. 2: it was called
//! wrongly.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program may print; the library does not"
)]

use std::{fs, path::Path, process::ExitCode};

use pimainteno_core::patch::{self, Directory, Rules};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [reply, directory] = arguments.as_slice() else {
        eprintln!("usage: apply_reply REPLY DIRECTORY");
        return ExitCode::from(2);
    };
    let (reply, directory) = match (fs::read(reply), fs::canonicalize(directory)) {
        (Ok(reply), Ok(directory)) if directory.is_dir() => (reply, directory),
        _ => {
            eprintln!("usage: apply_reply REPLY DIRECTORY, of which one cannot be read");
            return ExitCode::from(2);
        }
    };
    apply(&reply, &directory)
}

fn apply(reply: &[u8], directory: &Path) -> ExitCode {
    let plan = match patch::plan(reply, &Directory::new(directory), &Rules::new()) {
        Ok(plan) => plan,
        Err(refusal) => {
            eprintln!("refused: {refusal}");
            if !refusal.excerpt.is_empty() {
                eprintln!("\nThe file says:\n\n{}", refusal.excerpt);
            }
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = plan.write(directory) {
        eprintln!("refused: {error}");
        return ExitCode::FAILURE;
    }
    for placement in plan.placements() {
        println!(
            "{}:{}: hunk {} ({:?})",
            placement.path, placement.line, placement.hunk, placement.fit
        );
    }
    for file in plan.files() {
        match (&file.before, &file.after) {
            (None, _) => println!("created {}", file.path),
            (_, None) => println!("deleted {}", file.path),
            _ => println!("changed {}", file.path),
        }
    }
    ExitCode::SUCCESS
}
