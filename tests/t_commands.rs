//! The command line, as far as it needs no run.

use std::{
    fs,
    io::pipe,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use crate::support::{Output, TestEnv};

#[test]
fn help_shows_examples_and_exit_codes() {
    let env = TestEnv::new();
    env.run(&["--help"]).expect(0).says(&[
        "Usage: pi-mainteno",
        "Examples:",
        "Exit codes:",
        "--config <PATH>",
    ]);
    env.run(&["run", "--help"]).expect(0).says(&["--dry-run", "Examples:"]);
    env.run(&["--version"]).expect(0).says(&["pi-mainteno "]);
}

#[test]
fn a_mistake_in_use_is_answered_with_what_was_probably_meant() {
    let env = TestEnv::new();
    env.run(&["rnu"]).expect(2).tells(&["rnu", "'run"]);
    env.run(&["run", "--dry"]).expect(2).tells(&["--dry-run"]);
    env.run(&["show"]).expect(2).tells(&["<ID>"]);
    env.run(&["--one-shot", "status"]).expect(2).tells(&["--one-shot"]);
}

#[test]
fn without_a_configuration_it_is_said_where_one_was_looked_for() {
    let env = TestEnv::new();
    let missing = env.path("nowhere.toml");
    let output = env.run(&["status", "--config", missing.to_str().unwrap()]).expect(2);
    output.tells(&[
        "error: no configuration",
        "nowhere.toml",
        "hint: `pi-mainteno init` writes one",
    ]);
}

#[test]
fn every_problem_of_a_configuration_is_told_with_its_line() {
    let env = TestEnv::new();
    env.write_config(
        "[llm]\nprovidr = \"codex\"\n[scheduler]\ncron = \"every day\"\n[[project]]\npath = \"\"\n",
    );
    for command in ["status", "check", "run"] {
        let output = env.run(&[command]).expect(2);
        output.tells(&[
            "error: ",
            "3 problems",
            "PiMainteno.toml:2:",
            "PiMainteno.toml:4:",
            "PiMainteno.toml:6:",
        ]);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let env = TestEnv::new();
    env.project("site");
    env.write_config("[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\n");
    for arguments in
        [&["--help"][..], &["completions", "bash"], &["status"], &["status", "--json"], &["run"]]
    {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = env.command(arguments);
        command.stdout(writer);
        let output = Output::of(&mut command).expect(0);
        assert_eq!(
            output.stderr.lines().filter(|line| line.contains("error")).collect::<Vec<_>>(),
            [""; 0],
            "{arguments:?}"
        );
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let env = TestEnv::new();
    let mut command = env.command(&["completions", "bash"]);
    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
    Output::of(&mut command)
        .expect(2)
        .tells(&["error: cannot write to standard output", "No space left"]);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let env = TestEnv::new();
    for shell in ["bash", "zsh", "fish"] {
        env.run(&["completions", shell]).expect(0).says(&["pi-mainteno", "dry-run"]);
    }
}

#[test]
fn init_writes_a_configuration_that_check_and_status_accept() {
    let env = TestEnv::new();
    env.project_with("site", &[("Makefile", "check:\n\ttrue\n"), ("README.md", "# site\n")]);
    env.project("code/radio");
    env.run(&["init"]).expect(0).says(&[
        "wrote",
        "home/site",
        "make check",
        "home/code/radio",
        "pi-mainteno check",
    ]);
    let path = env.path("work/PiMainteno.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("verify = [\"make check\"]") && text.contains("mode = \"review\""),
        "{text}"
    );

    // What is there is not overwritten, unless that is asked for.
    env.run(&["init", "../home/site"]).expect(2).tells(&["there is already a file", "--force"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    env.run(&["init", "--force", "../home/site"]).expect(0).says(&["home/site"]);
    assert!(!fs::read_to_string(&path).unwrap().contains("radio"));
    let leftovers: Vec<_> =
        fs::read_dir(env.path("work")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(leftovers, ["PiMainteno.toml"]);

    let text = fs::read_to_string(&path).unwrap().replace("\"codex\"\n", "\"offline\"\n");
    env.write_config(&text);
    env.run(&["check"]).expect(0).says(&[
        "this machine",
        "site",
        "`origin` answers",
        "make check",
        "tracked files could be changed without asking you",
        "no problems",
    ]);
    env.run(&["status"]).expect(0).says(&["site", "review", "never", "no daemon runs"]);
}

#[test]
fn init_names_the_projects_in_a_repository_that_is_none_itself() {
    let env = TestEnv::new();
    let npm = "{\"scripts\": {\"test\": \"node --test\"}}";
    env.project_with(
        "site",
        &[
            ("README.md", "# site\n"),
            ("web app/package.json", npm),
            ("radio/Cargo.toml", "[package]\n"),
            ("node_modules/x/package.json", npm),
        ],
    );
    env.project_with("other", &[("Makefile", "check:\n\ttrue\n")]);
    let site = env.path("home/site");
    let site = site.to_str().unwrap();
    let instead = format!("{site}/radio '{site}/web app'");
    let command = format!("pi-mainteno init --force {}/other {instead}", &site[..site.len() - 5]);
    env.run(&["init"]).expect(0).says(&["no checks found", "look like projects", &command]);
    let path = env.path("work/PiMainteno.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("verify = []") && !text.contains("radio"), "{text}");
    // What is named is what that command takes.
    let parts = [format!("{site}/radio"), format!("{site}/web app")];
    env.run(&["init", "--force", &parts[0], &parts[1]]).expect(0).says(&["npm test"]);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("cargo test") && !text.contains("verify = []"), "{text}");
}

#[test]
fn init_names_every_path_that_is_no_checkout() {
    let env = TestEnv::new();
    env.run(&["init", "../home/a", "../home/b"])
        .expect(2)
        .tells(&["there is no directory `../home/a`; there is no directory `../home/b`"]);
    env.run(&["init"]).expect(2).tells(&["there is no Git checkout", "pi-mainteno init PATH"]);
    assert!(!env.path("work/PiMainteno.toml").exists());
}

#[test]
fn init_tells_how_to_use_a_file_that_is_not_found_by_itself() {
    let env = TestEnv::new();
    env.project("site");
    env.run(&["init", "--output", "sub/other.toml"])
        .expect(0)
        .says(&["sub/other.toml", "check --config "]);
    let written = env.run(&["init", "--output", "sub/third.toml", "--json"]).expect(0).json();
    assert_eq!(written["projects"][0]["unit"], "site.service");
}

#[test]
fn check_looks_for_programs_where_commands_run() {
    let env = TestEnv::new();
    let site = env.project("site");
    let program = |path: &str| {
        let path = env.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let linted = program("tools/lint");
    let lint = linted.display();
    program("home/site/.venv/bin/pytest");
    // On the PATH, and somewhere else in truth.
    let shown = env.path("home/.local/bin");
    fs::create_dir_all(&shown).unwrap();
    symlink(program("elsewhere/tidy"), shown.join("tidy")).unwrap();
    let configure = |more: &str| {
        env.write_config(&format!(
            "[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nunits = []\n\
             verify = [\"{lint} README.md\", \"tidy -e a.html\", \"CI=1 no-such-program\", \"test -s README.md\", \".venv/bin/pytest\"]\n\
             steps = [\"propose\", \"apply\", \"verify\", \"commit\", {{ name = \"deploy\", command = \"{lint}\", sandbox = \"off\" }}]\n\
             restart = {{ command = \"{lint} restart\" }}\nhealth = {{ command = \"{lint} health\" }}\n{more}\n",
        ));
    };
    let check = || {
        let path = std::env::join_paths(
            std::iter::once(shown.clone())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut command = env.command(&["check", "--json"]);
        let report = Output::of(command.env("PATH", path.unwrap())).json();
        let lines = report["items"].as_array().unwrap().iter().map(|item| {
            let hints = item["hints"].as_array().unwrap();
            let hints = hints.iter().map(|hint| hint.as_str().unwrap()).collect::<Vec<_>>();
            format!(
                "{} {}: {} -> {}",
                item["name"].as_str().unwrap(),
                item["finding"].as_str().unwrap(),
                item["message"].as_str().unwrap(),
                hints.join("; ")
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let says = |text: &str, parts: &[String]| {
        for part in parts {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
    };
    configure("");
    let text = check();
    let (tools, elsewhere) = (env.path("tools"), env.path("elsewhere"));
    let (tools, elsewhere) = (tools.display(), elsewhere.display());
    says(
        &text,
        &[
            format!(
                "checks problem: `{lint} README.md` cannot start: the sandbox does not show `{lint}` -> `sandbox_read = [\"{tools}\"]` shows it"
            ),
            format!(
                "checks problem: `tidy -e a.html` finds no program `tidy`: the sandbox does not show `{}`, which leads to `{elsewhere}/tidy` -> `sandbox_read = [\"{elsewhere}\"]`",
                shown.join("tidy").display()
            ),
            "checks problem: there is no program `no-such-program` for `CI=1 no-such-program`"
                .into(),
            "checks note: `.venv/bin/pytest` is in the checkout and not in Git".into(),
            "`link = [\".venv\"]` show what the checkout has".into(),
            // They run outside.
            format!("steps ok: {lint} -> "),
            format!("restart ok: {lint} restart -> "),
            format!("health ok: {lint} health -> "),
        ],
    );
    assert_eq!(text.matches("checks problem").count(), 3, "{text}");
    configure(&format!("sandbox_read = [\"{tools}\", \"{elsewhere}\"]\nprepare = [\"no-npm ci\"]"));
    let text = check();
    says(&text, &["prepare problem: there is no program `no-npm` for `no-npm ci`".into()]);
    assert_eq!(text.matches("checks problem").count(), 1, "{text}");
    assert!(!text.contains("pytest` is in the checkout"), "it may come from `prepare`: {text}");
    // In no sandbox, all of them are found.
    configure("sandbox = \"off\"");
    let text = check();
    assert_eq!(text.matches("checks problem").count(), 1, "{text}");
    fs::remove_dir_all(site.join(".venv")).unwrap();
    env.write_config(
        "[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nunits = []\nverify = [\"sh -n README.md\", \"test -s README.md\"]\n",
    );
    let text = check();
    let shell = text.lines().find(|line| line.starts_with("checks ok: ")).unwrap();
    assert!(
        shell.contains("sh -n README.md (/") && shell.contains("/sh), test -s README.md"),
        "{shell}"
    );
}

#[test]
fn check_tells_what_is_wrong_with_every_project() {
    let env = TestEnv::new();
    let site = env.project("site");
    let radio = env.project("radio");
    env.git(&site, &["remote", "set-url", "origin", "/nowhere/at/all"]);
    fs::write(radio.join("README.md"), "changed\n").unwrap();
    fs::write(env.path("work/broken.rhai"), "fn allow(facts) {").unwrap();
    env.write_config(
        "[llm]\nprovider = \"offline\"\n\
         [[project]]\npath = \"../home/site\"\nmode = \"auto\"\n\
         [[project]]\npath = \"../home/radio\"\nverify = [\"no-such-program --check\"]\npolicy = \"broken.rhai\"\n\
         [[project]]\npath = \"../home/gone\"\nsteps = [\"propose\", \"aply\"]\n",
    );
    let output = env.run(&["check"]).expect(1);
    output.says(&[
        "`origin` does not answer",
        "held although the mode is \"auto\"",
        "uncommitted changes: README.md",
    ]);
    output.says(&[
        "no program `no-such-program`",
        "broken.rhai",
        "there is no directory",
        "did you mean `apply`?",
        " problems, ",
    ]);

    let report = env.run(&["check", "--json"]).expect(1).json();
    let items = report["items"].as_array().unwrap();
    let problems: Vec<_> = items.iter().filter(|item| item["finding"] == "problem").collect();
    assert_eq!(report["problems"], problems.len());
    assert!(
        problems.iter().any(|item| item["project"] == "gone" && item["name"] == "checkout"),
        "{report:#}"
    );
    // Nothing of it is left behind, and no state was made.
    for directory in ["tmp", "state"] {
        assert_eq!(fs::read_dir(env.path(directory)).unwrap().count(), 0, "{directory}");
    }
}

#[test]
fn a_backend_whose_program_is_missing_is_looked_for_at_each_run_that_is_asked_for() {
    let env = TestEnv::new();
    env.project("site");
    // A package of codex without its program, so that none elsewhere on the machine is found.
    let package = env.path("home/package/bin");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("codex.js"), "").unwrap();
    fs::set_permissions(package.join("codex.js"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(env.path("home/tools")).unwrap();
    symlink(package.join("codex.js"), env.path("home/tools/codex")).unwrap();
    let tools = env.path("home/tools");
    let run = |arguments: &[&str]| {
        let mut command = env.command(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", tools.display()));
        Output::of(&mut command)
    };
    let all = |output: &Output| format!("{}{}", output.stdout, output.stderr);
    let configure = |provider: &str| {
        env.write_config(&format!(
            "[llm]\nprovider = \"{provider}\"\n[[project]]\npath = \"../home/site\"\nunits = []\n"
        ));
    };
    let parked = || run(&["status", "--json"]).json()["projects"][0]["parked"].clone();
    configure("codex");
    let dry = run(&["run", "--dry-run"]);
    assert!(all(&dry).contains("lacks its program"), "{}", all(&dry));
    assert_eq!(parked(), serde_json::Value::Null);
    for _ in 0..2 {
        let asked = all(&run(&["run"]));
        assert!(asked.contains("parked until") && !asked.contains("skipped"), "{asked}");
    }
    let status = run(&["status", "--json"]).json();
    assert_eq!(status["today"]["usage"]["calls"].as_u64().unwrap_or(0), 0, "{status:#}");
    assert_ne!(parked(), serde_json::Value::Null);
    configure("offline");
    let other = all(&run(&["run"]));
    assert!(other.contains("no-change") && !other.contains("parked"), "{other}");
}
