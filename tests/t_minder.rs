//! What ends with a command that has no sandbox, with real processes and the real helper:
//! `pi-mainteno` itself.
//!
//! Whoever gets away here leaves the group and the session, loses its parent, and throws away every
//! variable that it could be known by.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use pimainteno_core::{
    config::{CommandStepConfig, HealthConfig, RestartConfig, SandboxMode, StepConfig},
    process::{Cancel, Command, End, Environment, Output, SandboxHelper},
};

use crate::support::{
    TestEnv,
    machine::{Agent, Machine, is_applied},
    world::{helper, is_gone, lives, runtime, said},
};

/// A script that leaves `sleep` running, out of reach, once it has ended.
fn gets_away(sleep: &str) -> String {
    format!("env -i setsid /bin/sh -c '/bin/sleep {sleep} >/dev/null 2>&1 & ' >/dev/null")
}

fn minded(script: &str) -> Command {
    Command::shell(script)
        .environment(&Environment::default().with("PATH", "/usr/bin:/bin").minded_by(&helper()))
}

fn run(command: Command) -> Output {
    runtime().block_on(command.run()).unwrap()
}

/// Waits until everything runs that is to.
fn await_life(sleeps: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !sleeps.iter().all(|sleep| lives(sleep, true)) {
        assert!(Instant::now() < deadline, "{sleeps:?} do not live");
        std::thread::yield_now();
    }
}

/// Makes an end of what was rightly left running.
fn end_by_hand(sleep: &str) {
    await_life(&[sleep]);
    let is_it = |line: Vec<u8>| line.split(|byte| *byte == 0).any(|part| part == sleep.as_bytes());
    let mut processes = fs::read_dir("/proc").unwrap().flatten();
    let process = processes
        .find(|process| fs::read(process.path().join("cmdline")).is_ok_and(is_it))
        .unwrap()
        .file_name();
    assert!(
        std::process::Command::new("kill").arg("-KILL").arg(process).status().unwrap().success()
    );
}

#[test]
fn who_gets_away_from_a_command_ends_at_its_limits() {
    let script = format!("{}; echo away; exec sleep 400.0102", gets_away("400.0101"));
    // Also where a command that ends by itself keeps them.
    for command in [minded(&script), minded(&script).keep_descendants()] {
        let output = run(command.clone().timeout(Duration::from_millis(1500)));
        assert_eq!((output.end, output.text().as_str()), (End::TimedOut, "away\n"));
        assert!(is_gone("400.0101") && is_gone("400.0102"));
        let output = run(command.clone().silence_timeout(Duration::from_millis(1500)));
        assert_eq!((output.end, output.text().as_str()), (End::Silent, "away\n"));
        assert!(is_gone("400.0101") && is_gone("400.0102"));
        let cancel = Cancel::new();
        let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let stop = async {
            assert_eq!(lines.recv().await.as_deref(), Some("away"));
            cancel.raise();
        };
        let (output, ()) = runtime()
            .block_on(async { tokio::join!(command.cancel(&cancel).lines(sender).run(), stop) });
        assert_eq!(output.unwrap().end, End::Cancelled);
        assert!(is_gone("400.0101") && is_gone("400.0102"));
    }
    // One that does not go when it is asked.
    let stubborn =
        format!("trap '' TERM; {}; echo away; while :; do sleep 1; done", gets_away("400.0103"));
    assert_eq!(run(minded(&stubborn).timeout(Duration::from_millis(500))).end, End::TimedOut);
    assert!(is_gone("400.0103"));
}

#[test]
fn who_gets_away_from_a_command_ends_when_it_has_ended_unless_that_is_to_keep_them() {
    assert!(run(minded(&gets_away("400.0201"))).success());
    assert!(is_gone("400.0201"));
    assert!(run(minded(&gets_away("400.0202")).keep_descendants()).success());
    end_by_hand("400.0202");
}

#[test]
fn a_minded_command_ends_as_it_would_by_itself() {
    assert_eq!(run(minded("exit 3")).end, End::Exited(3));
    // SEGV, TERM, PIPE, KILL.
    for signal in [11, 15, 13, 9] {
        assert_eq!(run(minded(&format!("kill -{signal} $$"))).end, End::Signalled(signal));
    }
    let output = run(minded("cat; echo $0; echo $PIMAINTENO_X >&2; pwd")
        .env("PIMAINTENO_X", "y")
        .directory("/tmp")
        .input("in "));
    assert_eq!(said(&output), "in /bin/sh\n/tmp\ny\n");
    let start = |program: &str, environment: &Environment| {
        runtime()
            .block_on(Command::new(program).environment(environment).run())
            .map(|output| output.end)
            .map_err(|error| error.to_string())
    };
    let bare = Environment::default().with("PATH", "/usr/bin:/bin");
    for program in ["no-such-program", "/etc/passwd"] {
        let (by_itself, minded) =
            (start(program, &bare), start(program, &bare.clone().minded_by(&helper())));
        assert!(by_itself.is_err() && by_itself == minded, "{by_itself:?} {minded:?}");
    }
    // A program that is no helper does not pass for a command that succeeded.
    let error = start("false", &bare.minded_by(&SandboxHelper::new("/bin/true"))).unwrap_err();
    assert!(
        error.contains("cannot start `false`") && error.contains("ended without a report"),
        "{error}"
    );
}

#[test]
fn a_run_without_a_sandbox_leaves_nobody_but_its_service() {
    let mut machine = Machine::new(&[]);
    machine.project.sandbox = SandboxMode::Off;
    let named = |name: &str| StepConfig::Named(name.into());
    let prepare = StepConfig::Command(CommandStepConfig::new("install", gets_away("400.0301")));
    let after = ["apply", "verify", "commit", "push", "restart", "monitor"];
    machine.project.steps =
        Some([named("propose"), prepare].into_iter().chain(after.map(named)).collect());
    machine.project.verify = vec![format!("{}; test -s README.md", gets_away("400.0302"))];
    machine.hook("pre-commit", &format!("#!/bin/sh\n{}\n", gets_away("400.0303")));
    machine.project.units = Some(vec!["site.service".parse().unwrap()]);
    machine.project.restart = RestartConfig::Command(gets_away("400.0304"));
    let mut health = HealthConfig::default();
    let asked = machine.env.path("asked");
    health.command = Some(format!("{}; echo > {}", gets_away("400.0305"), asked.display()));
    machine.project.health = Some(health);
    is_applied(&machine.run(Agent::harmless()));
    assert!(asked.exists());
    for left in ["400.0301", "400.0302", "400.0303", "400.0305"] {
        assert!(is_gone(left), "{left}");
    }
    end_by_hand("400.0304");
}

#[test]
fn a_check_without_a_sandbox_ends_with_the_program_that_waits_for_it() {
    let env = TestEnv::new();
    env.project_with("site", &[("README.md", "# Site\n\nYou will recieve a letter.\n")]);
    let check = format!("{}; exec sleep 400.0402", gets_away("400.0401"));
    let project = format!(
        "[[project]]\npath = \"../home/site\"\nmode = \"auto\"\nunits = []\nsandbox = \"off\"\nverify = [\"{check}\"]\n"
    );
    env.write_config(&format!("[llm]\nprovider = \"offline\"\n{project}"));
    let mut program = env.command(&["run"]).stdout(Stdio::null()).spawn().unwrap();
    await_life(&["400.0401", "400.0402"]);
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(is_gone("400.0401") && is_gone("400.0402"));
}
