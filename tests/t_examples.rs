//! Every example runs on a project and does what it is there to show.

use std::{path::Path, process::Command};

use crate::support::{Output, TestEnv};

const README: &str = "# Site\n\nYou will recieve a letter.\n";

/// Runs an example on a project of `env`.
fn run(env: &TestEnv, example: &str) -> Output {
    // Cargo builds the examples before it runs the tests of their package, beside the program.
    let program = Path::new(env!("CARGO_BIN_EXE_pi-mainteno")).with_file_name("examples").join(example);
    let mut command = Command::new(program);
    command.arg(env.path("home/site")).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", env.path("home")).env("TMPDIR", env.path("tmp"));
    Output::of(&mut command)
}

fn env() -> TestEnv {
    let env = TestEnv::new();
    env.project_with("site", &[("README.md", README)]);
    env
}

#[test]
fn embed_runs_a_project() {
    let env = env();
    run(&env, "embed").expect(0).says(&["site: summarize: done", "site: held: `mode` is \"review\"", "site took 4 steps"]);
    run(&env, "embed").expect(0).says(&["site: skipped: nothing changed since the last run"]);
}

#[test]
fn custom_step_runs_between_the_others() {
    run(&env(), "custom_step").expect(0).says(&["site: scope: done in", "one directory"]);
}

#[test]
fn custom_backend_answers_with_a_diff() {
    run(&env(), "custom_backend").expect(0).says(&["note-taker proposes: docs: begin the notes", "1 file, +1 -0", "site: held"]);
}

#[test]
fn no_example_is_forgotten() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for entry in std::fs::read_dir(examples).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(example) = name.strip_suffix(".rs") {
            assert!(include_str!("t_examples.rs").contains(&format!("\"{example}\")")), "{name} is not run");
        }
    }
}
