//! End-to-end tests: the real program, real Git, real files, and no network.
//!
//! A test that can be written beside the code belongs there: it is faster and says more when it
//! fails. What is here needs the process around it: arguments, environment, signals, exit codes.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what goes wrong in a helper of a test fails the test"
)]

mod support;
mod t_codex;
mod t_commands;
mod t_crash;
mod t_daemon;
mod t_delivery;
mod t_demo;
mod t_examples;
mod t_faults;
mod t_gitbox;
mod t_incidents;
mod t_install;
mod t_languages;
mod t_leftovers;
mod t_messages;
mod t_minder;
mod t_monorepo;
mod t_owner;
mod t_policy;
mod t_prepare;
mod t_remote;
mod t_review;
mod t_run;
mod t_sandbox;
mod t_strays;
mod t_submodules;
mod t_wall;

#[test]
fn no_file_of_tests_is_forgotten() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|name| name.starts_with("t_")) {
            assert!(
                include_str!("main.rs").contains(&format!("\nmod {module};\n")),
                "tests/{name} is not part of tests/main.rs"
            );
        }
    }
}
