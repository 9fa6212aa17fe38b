//! Runs from the command line, with the backend that needs no model.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Output, TestEnv};

/// A project in which the backend `offline` finds a misspelling, beside a line that would command a
/// terminal.
const README: &str = "# Site\n\nYou will recieve a letter.\nred \u{1b}[31m and a bell \u{7}\n";

fn env(mode: &str, more: &str) -> TestEnv {
    let env = TestEnv::new();
    env.project_with("site", &[("README.md", README)]);
    let project = format!(
        "[[project]]\npath = \"../home/site\"\nmode = \"{mode}\"\nrestart = \"none\"\nunits = []\n{more}\n"
    );
    env.write_config(&format!("[llm]\nprovider = \"offline\"\n{project}"));
    env
}

#[test]
fn a_run_in_auto_mode_delivers_a_change_and_can_be_looked_at() {
    let env = env("auto", "verify = [\"grep -q letter README.md\"]");
    let site = env.path("home/site");
    let before = env.git(&site, &["rev-parse", "HEAD"]);
    env.run(&["run"]).expect(0).says(&["site: run ", "site: verify: done", "site: applied: "]);
    let after = env.git(&site, &["rev-parse", "HEAD"]);
    assert_ne!(before, after);
    assert_eq!(env.git(&site, &["rev-parse", "origin/main"]), after);

    let runs = env.run(&["runs", "--json"]).expect(0).json();
    assert_eq!(runs[0]["outcome"]["kind"], "applied");
    assert_eq!(runs[0]["commit"], after.as_str());
    let id = &runs[0]["id"].as_str().unwrap().replace('-', "")[..12];
    env.run(&["runs", "site", "--limit", "5"]).expect(0).says(&[id, "site", "manual", "applied"]);
    env.run(&["show", id]).expect(0).says(&[
        "steps",
        "✓ verify",
        "change",
        "-You will recieve",
        "+You will receive",
        &after,
    ]);
    assert_eq!(
        env.run(&["show", id, "--json"]).expect(0).json()["record"]["commit"],
        after.as_str()
    );
    env.run(&["status"]).expect(0).says(&["site", "auto", "applied"]);
    assert_eq!(
        env.run(&["status", "--json"]).expect(0).json()["projects"][0]["last_run"]["commit"],
        after.as_str()
    );
    env.run(&["log", id]).expect(0).says(&["── "]);
    env.run(&["log", id, "--output", "no such text"]).expect(2).tells(&["hint: there are: "]);
    env.run(&["show", "ffff"]).expect(2).tells(&["no run begins with `ffff`"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let env = env("auto", "verify = [\"true\"]");
    let site = env.path("home/site");
    let before = env.git(&site, &["rev-parse", "HEAD"]);
    env.run(&["run", "site", "--dry-run"]).expect(0).says(&["site: held"]);
    assert_eq!(env.git(&site, &["rev-parse", "HEAD"]), before);
    assert_eq!(env.git(&site, &["status", "--porcelain", "--untracked-files=no"]), "");
}

#[test]
fn a_policy_is_told_of_skips_and_of_what_fails_before_its_first_step() {
    let env = env("auto", "policy = \"site.rhai\"");
    let policy = env.path("work/site.rhai");
    let tells = "fn on_event(event) { print(`${event.event} of ${event.project}`) }\n";
    std::fs::write(&policy, tells.to_owned() + "fn skip(facts) { \"it is night\" }").unwrap();
    env.run(&["run", "-v"]).expect(0).tells(&["project-skipped of site"]);
    std::fs::write(&policy, tells.to_owned() + "fn skip(facts) { throw \"no idea\" }").unwrap();
    env.run(&["run", "-v"]).expect(1).tells(&["run-finished of site"]);
    env.run(&["run", "--force"]).expect(1).says(&["failed in queue"]);
    env.run(&["run", "--force"]).expect(1).says(&["failed in queue"]);
    env.run(&["runs"]).expect(0).says(&["failed in queue", "no idea"]);
    env.run(&["status"]).expect(0).says(&["frozen"]);
    env.run(&["notices"]).expect(0).says(&["site", "frozen", "3 times"]);
    assert_eq!(env.run(&["notices", "site", "--json"]).expect(0).json()[0]["notice"], "frozen");
}

#[test]
fn a_second_scan_sees_that_nothing_changed() {
    // Without checks the change is held.
    let env = env("auto", "");
    env.run(&["--one-shot"]).expect(0).says(&["site: held"]);
    env.run(&["--one-shot"]).expect(0).says(&["site: skipped: nothing changed"]);
}

#[test]
fn with_json_standard_output_has_the_result_and_nothing_else() {
    let env = env("review", "");
    let output = env.run(&["run", "--json"]).expect(0);
    assert_eq!(output.json()[0]["outcome"]["kind"], "held");
    assert_eq!(output.stderr, "");
    let output = env.run(&["run", "--json", "-v", "--force"]).expect(0);
    output.tells(&["site: propose: done"]);
    assert_eq!(output.json().as_array().unwrap().len(), 1);
}

#[test]
fn a_run_without_success_ends_with_one_and_an_unknown_project_with_two() {
    let env = env("review", "[[project]]\npath = \"../home/gone\"");
    env.run(&["run"]).expect(1).says(&["failed:", "gone", "there is no directory", "site: held"]);
    env.run(&["run", "sitee"])
        .expect(2)
        .tells(&["there is no project `sitee`", "hint: there are: site, gone"]);
}

#[test]
fn what_a_repository_holds_cannot_command_the_terminal() {
    let env = env("review", "");
    let id = env.run(&["run", "--json"]).expect(0).json()[0]["id"].as_str().unwrap().to_owned();
    let mut command = env.command(&["show", &id]);
    command.env("CLICOLOR_FORCE", "1");
    let output = Output::of(&mut command).expect(0);
    output.says(&["␛", "[31m and a bell ", "␇", "\u{1b}[36m@@ "]);
    assert!(!output.stdout.contains("\u{1b}[31m and"), "{:?}", output.stdout);
    let output = env.run(&["show", &id]).expect(0);
    output.says(&["red ␛[31m and a bell ␇"]);
    assert!(!output.stdout.contains('\u{1b}'), "{:?}", output.stdout);
}

#[test]
fn a_run_that_is_told_to_stop_ends_soon_and_leaves_nothing_behind() {
    let env = env("auto", "verify = [\"sleep 300\"]");
    let site = env.path("home/site");
    let before = env.git(&site, &["rev-parse", "HEAD"]);
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = env
            .command(&["run", "--force"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("runs `sleep 300`") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the run ended by itself");
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut rest = String::new();
        // The end of its output comes when it and all that it started are gone.
        output.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
        assert!(rest.contains("site: interrupted"), "{rest}");
        assert_eq!(env.git(&site, &["rev-parse", "HEAD"]), before);
    }
}

#[test]
fn a_setting_that_has_no_effect_yet_is_told_with_its_place() {
    let env = TestEnv::new();
    env.write_config("[llm]\nprovider = \"offline\"\n[web]\nport = 8080\n");
    env.run(&["run"]).expect(2).tells(&["PiMainteno.toml:4:1: `web.port` has no effect yet"]);
}
