//! The sandbox for checks, with real processes, real namespaces and the real helper: `pi-mainteno`
//! itself.
//!
//! Where the machine lacks Landlock or namespaces, the tests ask for what there is; those of what
//! is lacking do so everywhere.

use std::{
    fs,
    net::TcpListener,
    os::unix::net::UnixListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use pimainteno_core::{
    Edit, Event, EventKind, Maintainer, Outcome, RunRecord, Task,
    config::{Config, Globs, Mode, ProjectConfig, SandboxMode, StepConfig},
    process::{Cancel, Command, End, Environment, Excess, Limits, SandboxHelper, Support},
    testing::{RecordingSink, Scripted, ScriptedBackend},
};

use crate::support::{
    TestEnv,
    world::{SECRETS, World, helper, is_gone, lives, runtime, said},
};

/// A run of a project that a scripted change of `file` is proposed for, and what was told
/// meanwhile.
fn run_of(
    env: &TestEnv,
    file: &str,
    helper: SandboxHelper,
    adjust: impl FnOnce(&mut ProjectConfig),
) -> (RunRecord, Vec<Event>) {
    let mut project = ProjectConfig::new(env.path("home/site"));
    project.mode = Mode::Auto;
    project.units = Some(Vec::new());
    project.verify = vec!["test -s README.md".into()];
    project.probation = Some(Duration::ZERO);
    adjust(&mut project);
    let mut config = Config::default();
    config.llm.provider = "scripted".into();
    config.project.push(project);
    let change =
        Scripted::Edit { path: file.into(), content: "new\n".into(), text: "docs: change".into() };
    let events = RecordingSink::default();
    let environment =
        Environment::from_variables(std::env::vars_os()).with("HOME", env.path("home"));
    let maintainer = Maintainer::builder()
        .config(config)
        .backend(ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, change))
        .environment(environment)
        .state_directory(env.path("state"))
        .sandbox_helper(helper)
        .events(events.clone())
        .build()
        .unwrap();
    let record = runtime().block_on(maintainer.run_once()).unwrap().remove(0);
    (record, events.events())
}

fn notices(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| {
            if let EventKind::Notice { message, .. } = &event.what {
                Some(message.as_str())
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn a_check_sees_its_workspace_and_its_tools_and_no_secret() {
    let world = World::new();
    fs::write(world.workspace().join("file"), "mine\n").unwrap();
    let output =
        world.passes("cat file; ROOT/home/.cargo/bin/tool; cat ROOT/checkout/.git/config; echo temporary > $TMPDIR/x; cat $TMPDIR/x");
    assert_eq!(output.text(), "mine\nworks\n[core]\ntemporary\n");
    for (file, secret) in SECRETS {
        let output = world.run(&format!("cat ROOT/{file}"));
        assert!(!output.success() && !said(&output).contains(secret), "{file}: {}", said(&output));
    }
    assert!(!world.run("cat /etc/shadow").success());
    assert!(
        !world
            .path("state/sandbox/radio")
            .read_dir()
            .unwrap()
            .any(|entry| entry.unwrap().file_name() != "caches"),
        "the temporary directory stays"
    );
}

#[test]
fn a_check_writes_nowhere_but_to_its_workspace_its_caches_and_its_temporary_directory() {
    let world = World::new();
    let outside = [
        "home/new",
        "home/.cargo/bin/tool",
        "checkout/.env",
        "checkout/.git/config",
        "checkout/.git/hooks/post-commit",
        "state/state.redb",
        "new",
    ];
    for file in outside {
        let before = fs::read(world.path(file)).ok();
        world.run(&format!("echo planted >> ROOT/{file}; mv -f $TMPDIR/a ROOT/{file}; ln -sf /dev/null ROOT/{file}; rm -f ROOT/{file}; chmod 777 ROOT/{file}"));
        assert_eq!(fs::read(world.path(file)).ok(), before, "{file}");
    }
    assert!(!world.run("echo x > /usr/planted").success() && !Path::new("/usr/planted").exists());
    world.passes("echo x > here && mkdir -p $XDG_CACHE_HOME && echo x > $XDG_CACHE_HOME/there && mv here here2 && ln here2 here3");
}

#[test]
fn a_check_reaches_its_own_loopback_and_not_the_machines() {
    let world = World::new();
    if !world.sandbox.support.has_namespaces() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect =
        format!("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)'");
    assert!(std::process::Command::new("sh").args(["-c", &connect]).status().unwrap().success());
    let output = world.run(&connect);
    assert!(said(&output).contains("Connection refused"), "{}", said(&output));
    world.passes(concat!(
        "python3 -c 'import socket, threading\n",
        "server = socket.create_server((\"127.0.0.1\", 0))\n",
        "client = socket.create_connection(server.getsockname())\n",
        "client.sendall(b\"x\"); assert server.accept()[0].recv(1) == b\"x\"'"
    ));
    // What listens on a socket in the file system could be the daemon itself, which approves
    // changes.
    let _listener = UnixListener::bind(world.path("state/control.sock")).unwrap();
    let output = world.run("python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"ROOT/state/control.sock\")'");
    assert!(said(&output).contains("No such file or directory"), "{}", said(&output));
}

#[test]
fn what_a_check_leaves_behind_ends_with_it() {
    for world in [World::new(), World::without_namespaces()] {
        let (left, escaped) = ("300.0101", "300.0202");
        world.passes(&format!("setsid sleep {left} & true"));
        assert!(is_gone(left));
        if world.sandbox.support.has_namespaces() {
            world
                .passes(&format!("env -i setsid sh -c 'sleep {escaped} & sleep {escaped}' & true"));
            assert!(is_gone(escaped));
        }
    }
}

#[test]
fn a_check_that_uses_too_much_is_killed_and_told_so() {
    for mut world in [World::new(), World::without_namespaces()] {
        world.sandbox.limits =
            Limits { memory: 96 << 20, processes: 40, disk: 64 << 20, files: 3000 };
        // Memory of its own, and memory that it could share.
        for memory in ["bytearray(200 << 20)", "mmap.mmap(-1, 200 << 20)"] {
            let fill = "for i in range(0, len(x), 4096): x[i] = 1\ntime.sleep(300.0303)";
            let greedy =
                world.run(&format!("python3 -c 'import mmap, time; x = {memory}\n{fill}'"));
            assert_eq!(
                greedy.end,
                End::Exceeded(Excess::Memory(96 << 20)),
                "{memory}: {}",
                said(&greedy)
            );
            assert!(is_gone("300.0303"));
        }
        // Bounded, should nothing bound it.
        let bomb = "import os, time\nfor i in range(400):\n  try:\n    if os.fork() == 0: time.sleep(300.0404)\n  except OSError: time.sleep(0.01)\ntime.sleep(300)";
        let bomb = world.run(&format!("python3 -c '{bomb}'"));
        assert_eq!(bomb.end, End::Exceeded(Excess::Processes(40)), "{}", said(&bomb));
        assert!(is_gone("300.0404"));
        let filler = world.run("for i in 1 2 3 4; do head -c 40000000 /dev/zero > $TMPDIR/$i; done; exec sleep 300.0505");
        assert_eq!(filler.end, End::Exceeded(Excess::Disk(64 << 20)), "{}", said(&filler));
        assert!(!world.run("head -c 90000000 /dev/zero > $TMPDIR/x").success());
    }
}

#[test]
fn deadlines_silence_and_stopping_work_in_a_sandbox() {
    for world in [World::new(), World::without_namespaces()] {
        let run = |command: Command| runtime().block_on(command.run()).unwrap();
        let patient = run(world
            .command("trap 'echo asked; exit 0' TERM; echo ready; sleep 300.0606 & wait")
            .timeout(Duration::from_millis(700)));
        assert_eq!((patient.end, patient.text().as_str()), (End::TimedOut, "ready\nasked\n"));
        let stubborn = run(world
            .command("trap '' TERM; setsid sleep 300.0606 & wait")
            .silence_timeout(Duration::from_millis(300)));
        assert_eq!(stubborn.end, End::Silent);
        let cancel = Cancel::new();
        cancel.raise();
        assert_eq!(run(world.command("sleep 300.0606").cancel(&cancel)).end, End::Cancelled);
        assert!(is_gone("300.0606"));
    }
}

#[test]
fn a_sandboxed_command_ends_as_it_would_elsewhere() {
    for world in [World::new(), World::with(|_| Support::none("as told"))] {
        assert_eq!(world.run("exit 3").end, End::Exited(3));
        assert_eq!(world.run("exit 125").end, End::Exited(125));
        assert_eq!(world.run("kill -SEGV $$").end, End::Signalled(11));
        let input = runtime()
            .block_on(
                world
                    .command("cat; echo $0 $PIMAINTENO_X")
                    .env("PIMAINTENO_X", "y")
                    .input("in ")
                    .run(),
            )
            .unwrap();
        assert_eq!(input.text(), "in /bin/sh y\n");
        let missing = Command::new("no-such-program")
            .envs(world.environment.iter())
            .sandbox(world.sandbox.clone())
            .run();
        assert!(
            runtime()
                .block_on(missing)
                .unwrap_err()
                .to_string()
                .contains("cannot start `no-such-program`")
        );
    }
}

#[test]
fn what_a_machine_lacks_is_done_without_and_what_was_promised_is_not() {
    let world = World::with(|support| Support { landlock: 0, ..support });
    if world.sandbox.support.has_namespaces() {
        // Without Landlock, directories that are covered still hide what is in them.
        for file in ["home/.ssh/id", "checkout/.env", "state/state.redb"] {
            assert!(!world.run(&format!("cat ROOT/{file}")).success(), "{file}");
        }
    }
    // Nobody may call a machine capable and get less, silently.
    let mut world = World::new();
    world.sandbox.helper = "/bin/true".into();
    let error = runtime().block_on(world.command("true").run()).unwrap_err();
    assert!(error.to_string().contains("ended without a report"), "{error}");
    let support =
        runtime().block_on(SandboxHelper::new("/bin/false").support(&world.path("state"))).clone();
    assert!(!support.is_full() && support.landlock == 0, "{support:?}");
}

#[test]
fn ordinary_projects_are_built_and_tested_in_a_sandbox() {
    let world = World::new();
    let write = |file: &str, text: &str| {
        let path = world.workspace().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[package]\nname = \"tiny\"\nedition = \"2024\"\n[workspace]\n");
    write(
        "src/lib.rs",
        "#[test]\nfn binds() {\n    std::net::TcpListener::bind(\"127.0.0.1:0\").unwrap();\n    std::fs::write(std::env::temp_dir().join(\"x\"), \"\").unwrap();\n}\n",
    );
    world.passes("cargo test --quiet --offline");
    write("Makefile", "test:\n\techo made > made && grep -q made made\n");
    write(
        "test.sh",
        "#!/bin/sh\nset -eu\ntrap 'rm -r \"$d\"' EXIT\nd=$(mktemp -d)\necho 1 > \"$d/x\"; test \"$(cat \"$d/x\")\" = 1\n",
    );
    world.passes("sh test.sh");
    write(
        "test_it.py",
        "import multiprocessing, tempfile, unittest\nclass T(unittest.TestCase):\n  def test(self):\n    multiprocessing.Lock(); tempfile.TemporaryFile()\n",
    );
    world.passes("python3 -m unittest -q test_it");
    if world.run("command -v make").success() {
        world.passes("make test");
    }
    if world.run("command -v node").success() {
        world.passes("node -e 'const s = require(\"http\").createServer((q, a) => a.end(\"x\")).listen(0, \"127.0.0.1\", () => require(\"http\").get({ port: s.address().port }, () => s.close()).on(\"error\", () => process.exit(1)))'");
    }
    if world.run("command -v npm").success() {
        write("package.json", "{\"scripts\": {\"test\": \"node -e 0\"}}\n");
        world.passes("npm test");
    }
}

#[test]
fn a_run_tells_what_its_check_was_killed_for() {
    let env = TestEnv::new();
    env.project("site");
    let (record, _) = run_of(&env, "new.md", helper(), |project| {
        let greedy = "python3 -c 'import time; x = bytearray(200 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\ntime.sleep(300)'";
        project.verify = vec![format!("test ! -e new.md || {greedy}")];
        project.sandbox_memory = Some(96);
    });
    let Some(Outcome::Failed { step, message }) = &record.outcome else {
        panic!("{:?}", record.outcome)
    };
    assert!(
        step == "verify" && message.contains("killed: it used more than 96 MiB of memory"),
        "{message}"
    );
}

#[test]
fn the_checks_of_a_run_see_the_repository_but_neither_keys_nor_the_checkout_nor_the_store() {
    let env = TestEnv::new();
    let site = env.project_with("site", &[("README.md", "# Site\n"), ("private/file", "x\n")]);
    fs::create_dir_all(env.path("home/.ssh")).unwrap();
    fs::write(env.path("home/.ssh/id"), "a key").unwrap();
    let store = env.path("state/state.redb");
    let (record, events) = run_of(&env, "new.md", helper(), |project| {
        let (site, store) = (site.display(), store.display());
        project.verify = vec![
            "test \"$(git log -1 --format=%s)\" = begin && git status --short | grep -q new.md"
                .into(),
            format!(
                "! cat $HOME/.ssh/id && ! cat {store} && ! cat {site}/private/file && ! ls {site}/../../state/journal"
            ),
            format!(
                "! touch {site}/x && ! touch {site}/.git/hooks/post-commit && ! git config --local core.hooksPath /x && ! git commit -am x"
            ),
            "touch $XDG_CACHE_HOME 2>/dev/null || mkdir -p $XDG_CACHE_HOME".into(),
        ];
    });
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{:?}", record.outcome);
    let verify = record.steps.iter().find(|step| step.name == "verify").unwrap();
    assert!(verify.note.starts_with("4 of 4 checks passed"), "{}", verify.note);
    assert!(!site.join(".git/hooks/post-commit").exists() && !site.join("x").exists());
    let is_whole = runtime().block_on(helper().support(&env.path("probe"))).is_full();
    assert_eq!(notices(&events).is_empty(), is_whole, "{events:?}");
}

#[test]
fn a_check_ends_with_the_program_that_waits_for_it() {
    let env = TestEnv::new();
    env.project_with("site", &[("README.md", "# Site\n\nYou will recieve a letter.\n")]);
    let sleeping = "300.0707";
    let project = format!(
        "[[project]]\npath = \"../home/site\"\nmode = \"auto\"\nunits = []\nverify = [\"sleep {sleeping}\"]\n"
    );
    env.write_config(&format!("[llm]\nprovider = \"offline\"\n{project}"));
    let mut program = env.command(&["run"]).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !lives(sleeping, true) {
        assert!(Instant::now() < deadline, "the check does not start");
        std::thread::yield_now();
    }
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(is_gone(sleeping));
}

#[test]
fn what_a_machine_lacks_is_told_once_a_run_and_a_project_that_requires_it_runs_nothing() {
    let env = TestEnv::new();
    env.project("site");
    let poor = || helper().with_support(Support::none("as told"));
    let (record, events) = run_of(&env, "a.md", poor(), |project| {
        project.sandbox = SandboxMode::Required;
        project.verify = vec!["touch ran".into()];
    });
    let Some(Outcome::Failed { step, message }) = &record.outcome else {
        panic!("{:?}", record.outcome)
    };
    assert!(
        step == "queue" && message.contains("whole sandbox") && message.contains("as told"),
        "{message}"
    );
    assert!(
        !events.iter().any(|event| matches!(&event.what, EventKind::StepStarted { .. })),
        "{events:?}"
    );
    let (record, events) = run_of(&env, "b.md", poor(), |project| {
        project.verify = vec!["test -s README.md".into(), "test -f README.md".into()];
    });
    let Some(Outcome::Held { reason }) = &record.outcome else { panic!("{:?}", record.outcome) };
    assert!(reason.contains("without a whole sandbox") && reason.contains("as told"), "{reason}");
    let notices = notices(&events);
    assert!(
        notices.len() == 1 && notices[0].contains("no Landlock") && notices[0].contains("as told"),
        "{notices:?}"
    );
}

#[test]
fn a_project_or_a_step_can_do_without_the_sandbox() {
    let env = TestEnv::new();
    env.project("site");
    fs::write(env.path("home/key"), "a key").unwrap();
    let (record, events) = run_of(&env, "new.md", helper(), |project| {
        let command = |name: &str, command: &str, sandbox| {
            let text = format!(
                "{{ \"name\": \"{name}\", \"command\": \"{command}\", \"sandbox\": \"{sandbox}\" }}"
            );
            serde_json::from_str::<StepConfig>(&text).unwrap()
        };
        let named = |name: &str| StepConfig::Named(name.into());
        project.steps = Some(vec![
            named("propose"),
            named("apply"),
            named("verify"),
            command("in", "! cat ~/key", "auto"),
            command("out", "cat ~/key", "off"),
            named("commit"),
        ]);
    });
    assert!(
        !notices(&events).is_empty() || matches!(record.outcome, Some(Outcome::Applied { .. })),
        "{:?}",
        record.outcome
    );
}

#[test]
fn a_change_of_a_file_that_decides_about_others_waits_for_a_person() {
    let env = TestEnv::new();
    env.project("site");
    let (record, _) = run_of(&env, "web/package.json", helper(), |_| {});
    let Some(Outcome::Held { reason }) = &record.outcome else { panic!("{:?}", record.outcome) };
    assert_eq!(
        reason,
        "it touches `web/package.json`, which decides what is run, fetched, built or allowed"
    );
    let (record, _) = run_of(&env, "web/package.json", helper(), |project| {
        project.hold = Some(Globs::compile(["web/**"]).unwrap());
    });
    assert!(matches!(record.outcome, Some(Outcome::Held { .. })), "{:?}", record.outcome);
    let (record, _) =
        run_of(&env, "web/package.json", helper(), |project| project.hold = Some(Globs::default()));
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{:?}", record.outcome);
}

#[test]
fn check_tells_what_the_machine_supports() {
    let env = TestEnv::new();
    env.project("site");
    env.write_config(
        "[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nunits = []\n",
    );
    let report = env.run(&["check", "--json"]).json();
    let item = report["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == "sandbox")
        .unwrap()
        .clone();
    let is_whole = runtime().block_on(helper().support(&env.path("probe"))).is_full();
    assert_eq!(item["finding"], if is_whole { "ok" } else { "note" }, "{item}");
    assert_eq!(fs::read_dir(env.path("tmp")).unwrap().count(), 0, "what was tried leaves nothing");
}

#[test]
fn a_check_has_no_terminal_that_it_could_type_commands_into() {
    let env = TestEnv::new();
    env.project_with("site", &[("README.md", "You will recieve a letter.\n")]);
    // It may make terminals of its own.
    let checks = "\"! (: </dev/tty)\", \"test ! -e /dev/pts/0\", \"python3 -c 'import os; os.openpty()'\", \"grep -q letter README.md\"";
    let project = format!(
        "[[project]]\npath = \"../home/site\"\nverify = [{checks}]\nrestart = \"none\"\nunits = []\n"
    );
    env.write_config(&format!("[llm]\nprovider = \"offline\"\n{project}"));
    let run = env.command(&["run", "site"]);
    let mut terminal = std::process::Command::new("python3");
    terminal
        .args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"])
        .arg(run.get_program())
        .args(run.get_args());
    terminal
        .env_clear()
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(env.path("work"));
    let output = terminal.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let held = env.run(&["proposals", "--json"]).expect(0).json();
    let results: Vec<_> = held[0]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["passed"; 4], "{held:#}");
}
