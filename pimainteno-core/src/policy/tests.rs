//! What a policy may say, and what it may not do.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::*;
use crate::{
    config::Mode,
    event::EventKind,
    id::RunId,
    job::Job,
    run::{RunRecord, Trigger},
    words::{CommitId, ProjectId},
};

fn facts() -> Facts {
    Facts::new(RunFacts {
        project: ProjectId::of("shop"),
        name: "The Shop".into(),
        branch: Some("main".parse().unwrap()),
        mode: Mode::Review,
        chore: "improve".into(),
        trigger: Trigger::UnitFailure { unit: "shop-worker.service".parse().unwrap() },
        run: RunId::new(),
        now: "2026-03-04T09:05:00".parse().unwrap(),
        head: CommitId::unchecked("0123456789abcdef0123456789abcdef01234567"),
        head_message: "orders: count them".into(),
        units: vec!["shop-web.service".parse().unwrap(), "shop-worker.service".parse().unwrap()],
    })
}

fn change() -> Change {
    Change {
        files: vec!["src/orders.rs".into(), "docs/old.md".into()],
        deleted: vec!["docs/old.md".into()],
        added: 12,
        removed: 30,
        diff: "+let count = 1;\n".into(),
        message: "Count orders".into(),
    }
}

/// An engine with every limit of the default but time, which depends on what else the machine does.
fn engine() -> PolicyEngine {
    PolicyEngine::new(Limits { wall_clock: Duration::from_secs(60), ..Limits::default() })
}

fn policy(source: &str) -> Policy {
    engine().compile("test.rhai", source).unwrap()
}

fn compile_error(source: &str) -> String {
    engine().compile("test.rhai", source).unwrap_err().to_string()
}

/// What the hook `allow` in `source` says about the facts of these tests.
fn allow_with(source: &str) -> Decision {
    policy(source).allow(
        &facts().with_change(change()).with_checks(Checks::Passed).at_step("commit", "repository"),
    )
}

/// What `fn allow(facts) { body }` says about the facts of these tests.
fn allow(body: &str) -> Decision {
    allow_with(&format!("fn allow(facts) {{ {body} }}"))
}

/// Why `fn allow(facts) { body }` denies because of an error.
#[track_caller]
fn error_of(body: &str) -> String {
    match allow(body) {
        Decision::Deny(reason) => reason,
        other => panic!("not denied: {other}"),
    }
}

#[test]
fn without_hooks_everything_is_as_it_would_be_without_a_policy() {
    let policy = policy("// nothing\n");
    let facts = facts();
    assert_eq!(policy.skip(&facts).unwrap(), None);
    assert_eq!(policy.allow(&facts), Decision::Allow);
    assert_eq!(policy.restart_units(&facts).unwrap(), ["shop-web.service", "shop-worker.service"]);
    assert_eq!(policy.prompt(&facts, "propose", "Do it.").unwrap(), "Do it.");
    assert_eq!(policy.commit_message(&facts, "Done").unwrap(), "Done");
    assert_eq!(policy.hooks().count() + policy.notices().len(), 0);
}

#[test]
fn every_hook_is_asked() {
    let policy = policy(
        r#"
        fn skip(facts) { "never on main" }
        fn allow(facts) { if facts.step == "push" { deny(" no pushes ") } else { ask("look at it") } }
        fn restart_units(facts) { ["web", "worker@1.timer", "web.service"] }
        fn prompt(facts, prompt) { prompt + " (" + facts.task + ")" }
        fn commit_message(facts, message) { "shop: " + message }
        "#,
    );
    let facts = facts().at_step("push", "");
    assert_eq!(policy.skip(&facts).unwrap().unwrap(), "never on main");
    assert_eq!(policy.allow(&facts), Decision::Deny("no pushes".into()));
    assert_eq!(policy.allow(&facts.at_step("commit", "")), Decision::Ask("look at it".into()));
    assert_eq!(policy.restart_units(&facts).unwrap(), ["web.service", "worker@1.timer"]);
    assert_eq!(policy.prompt(&facts, "propose", "Do it.").unwrap(), "Do it. (propose)");
    assert_eq!(policy.commit_message(&facts, "Done").unwrap(), "shop: Done");
    assert_eq!(
        policy.hooks().collect::<Vec<_>>(),
        ["skip", "allow", "restart_units", "prompt", "commit_message"]
    );
}

#[test]
fn every_fact_reads_as_what_it_is() {
    for (fact, expected) in [
        ("project", "\"shop\""),
        ("name", "\"The Shop\""),
        ("branch", "\"main\""),
        ("mode", "\"review\""),
        ("chore", "\"improve\""),
        ("trigger", "\"unit-failure\""),
        ("failed_unit", "\"shop-worker.service\""),
        ("hour", "9"),
        ("minute", "5"),
        ("weekday", "\"wednesday\""),
        ("date", "\"2026-03-04\""),
        ("head", "\"0123456789abcdef0123456789abcdef01234567\""),
        ("head_message", "\"orders: count them\""),
        ("units", "[\"shop-web.service\", \"shop-worker.service\"]"),
        ("step", "\"commit\""),
        ("effects", "\"repository\""),
        ("task", "\"\""),
        ("files", "[\"src/orders.rs\", \"docs/old.md\"]"),
        ("deleted", "[\"docs/old.md\"]"),
        ("added", "12"),
        ("removed", "30"),
        ("lines", "42"),
        ("diff", "\"+let count = 1;\\n\""),
        ("message", "\"Count orders\""),
        ("checks", "\"passed\""),
    ] {
        assert_eq!(error_of(&format!("deny(facts.{fact}.to_debug())")), expected, "{fact}");
    }
    assert_eq!(error_of("deny(facts.run)").len(), 32);
    assert_eq!(Facts::names().count(), 26);
}

#[test]
fn an_unknown_fact_is_an_error_that_names_the_known_ones() {
    let reason = error_of("if facts.brnch == \"main\" { allow() }");
    assert!(
        reason.starts_with("`allow` failed at test.rhai:1:27: facts have no `brnch`, perhaps `branch`; there are project, "),
        "{reason}"
    );
    assert!(error_of("facts.step = \"push\"; allow()").contains("test.rhai:1:"));
}

#[test]
fn the_helpers_say_which_files_are_meant() {
    for yes in [
        "touches(facts, \"*.rs\")",
        "touches(facts, [\"nothing\", \"docs/**\"])",
        "facts.touches(globs([\"docs/**\"]))",
        "touched(facts, #{ code: \"*.rs\", docs: [\"docs/**\"], other: \"x\" }) == [\"code\", \"docs\"]",
        "touched(facts, globs(#{ none: \"*.c\", code: \"*.rs\" })) == [\"code\"]",
        "matches(facts.files, \"*.md\")",
        "matches(\"a/b.md\", [\"*.rs\", \"*.md\"])",
        "facts.files.some(|file| file.starts_with(\"src/\"))",
        "facts.files.join(\", \") == \"src/orders.rs, docs/old.md\"",
        "!touches(facts, \"*.c\") && !touches(facts, []) && !matches([], \"*\") && touched(facts, #{}).is_empty",
    ] {
        assert_eq!(allow(&format!("if {yes} {{ allow() }}")), Decision::Allow, "{yes}");
    }
    assert!(error_of("touches(facts, \"a[b\")").contains("not a glob: `a[b`"));
    assert!(
        error_of("touches(facts, 3)")
            .contains("a string or an array of strings is needed here, not a number")
    );
    assert!(
        error_of("touched(facts, [\"a\"])")
            .contains("a map from names to globs is needed here, not an array")
    );
}

#[test]
fn functions_see_the_constants_also_inside_of_closures() {
    let policy = policy(
        "const LIMIT = 2 * 20; const ALL = [LIMIT, 1]; const DOCS = globs(\"docs/**\");
        fn allow(facts) {
            if facts.lines > LIMIT && ALL.filter(|number| number == LIMIT).len == 1 && facts.files.some(|file| matches(file, DOCS)) { ask(\"yes\") }
        }",
    );
    assert_eq!(policy.allow(&facts().with_change(change())), Decision::Ask("yes".into()));
}

#[test]
fn a_script_error_denies_with_its_place() {
    let broken = policy(
        "fn allow(facts) {\n    helper(facts)\n}\nfn helper(facts) {\n    nowhere(facts.step)\n}",
    );
    assert_eq!(
        broken.allow(&facts()).to_string(),
        "deny: `allow` failed at test.rhai:5:5: there is no function nowhere (&str | ImmutableString | String)"
    );
    assert!(error_of("throw \"enough\"").ends_with("enough"));
    assert!(error_of("ask(\"\")").ends_with("ask needs a reason"));
    let broken = policy(
        "fn skip(facts) { 1 / 0 } fn restart_units(facts) { 1 / 0 } fn prompt(facts, text) { 1 / 0 } fn commit_message(facts, text) { 1 / 0 }",
    );
    assert_eq!(broken.skip(&facts()).unwrap_err().kind(), ErrorKind::Policy);
    assert!(broken.restart_units(&facts()).unwrap_err().to_string().contains("Division by zero"));
    assert!(broken.prompt(&facts(), "propose", "text").is_err());
    assert!(broken.commit_message(&facts(), "text").is_err());
}

#[test]
fn a_hook_that_gives_the_wrong_kind_of_value_is_an_error() {
    for (body, given) in [
        ("true", "true or false"),
        ("\"allow\"", "a string"),
        ("", "nothing"),
        ("3", "a number"),
        ("facts", "facts"),
        ("[]", "an array"),
    ] {
        assert_eq!(
            error_of(body),
            format!(
                "test.rhai: `allow` gave {given} instead of allow(), deny(reason) or ask(reason)"
            )
        );
    }
    for (given, hook) in [
        ("true", "skip"),
        ("\" \"", "skip"),
        ("allow()", "skip"),
        ("#{}", "restart_units"),
        ("[\"a\", 3]", "restart_units"),
    ] {
        let policy = policy(&format!("fn {hook}(facts) {{ {given} }}"));
        let failed = if hook == "skip" {
            policy.skip(&facts()).is_err()
        } else {
            policy.restart_units(&facts()).is_err()
        };
        assert!(failed, "{hook} must not give {given}");
    }
    for given in ["3", "\"\"", "\" \\n\"", "\"a\\x00b\"", "false"] {
        let policy = policy(&format!(
            "fn prompt(facts, text) {{ {given} }} fn commit_message(facts, text) {{ {given} }}"
        ));
        assert!(policy.prompt(&facts(), "propose", "text").is_err(), "{given}");
        assert!(policy.commit_message(&facts(), "text").is_err(), "{given}");
    }
}

#[test]
fn a_hook_that_gives_nothing_leaves_it_as_it_is() {
    let policy = policy(
        "fn skip(facts) { } fn restart_units(facts) { } fn prompt(facts, text) { } fn commit_message(facts, text) { }",
    );
    assert_eq!(policy.skip(&facts()).unwrap(), None);
    assert_eq!(policy.restart_units(&facts()).unwrap().len(), 2);
    assert_eq!(policy.prompt(&facts(), "propose", "text").unwrap(), "text");
    assert_eq!(policy.commit_message(&facts(), "text").unwrap(), "text");
}

#[test]
fn only_names_of_units_can_be_restarted() {
    for name in
        ["--now", "-x.service", ".hidden", "", "a b", "a/b", "../a", "a;b", "ünit", "a\\u0000"]
    {
        let policy = policy(&format!("fn restart_units(facts) {{ \"{name}\" }}"));
        let error = policy.restart_units(&facts()).unwrap_err().to_string();
        assert!(error.contains("instead of the name of a unit"), "{name}: {error}");
    }
    assert_eq!(unit_name("a.b"), Some("a.b.service".parse().unwrap()));
    assert_eq!(unit_name("dev-disk\\x2d1.mount"), Some("dev-disk\\x2d1.mount".parse().unwrap()));
    assert_eq!(unit_name(&"a".repeat(248)), None);
    assert_eq!(policy("fn restart_units(facts) { [] }").restart_units(&facts()).unwrap(), [""; 0]);
}

#[test]
fn a_hook_with_a_wrong_number_of_parameters_is_refused() {
    assert_eq!(
        compile_error("fn allow() { allow() }"),
        "test.rhai: `allow` takes 0 parameters here, and must be `fn allow(facts)`"
    );
    assert_eq!(
        compile_error("fn allow(facts) { allow() } fn allow(a, b) { deny(\"x\") }"),
        "test.rhai: `allow` takes 2 parameters here, and must be `fn allow(facts)`"
    );
    assert!(
        compile_error("fn prompt(facts) { \"\" }").contains("must be `fn prompt(facts, prompt)`")
    );
}

#[test]
fn a_function_whose_name_is_almost_that_of_a_hook_is_noticed() {
    let policy = policy(
        "fn skips(facts) { } fn restart_unit(facts) { } fn on_events(event) { } fn helper(x) { x } fn ship(x) { x } fn run(x) { x }",
    );
    assert_eq!(
        policy.notices(),
        [
            "test.rhai: the function `on_events` is not a hook; is `on_event` meant?",
            "test.rhai: the function `restart_unit` is not a hook; is `restart_units` meant?",
            "test.rhai: the function `ship` is not a hook; is `skip` meant?",
            "test.rhai: the function `skips` is not a hook; is `skip` meant?",
        ]
    );
}

#[test]
fn a_source_that_is_no_policy_is_refused_with_its_place() {
    for (source, expected) in [
        ("fn allow(facts) {\n  if {\n}", "test.rhai:2:6: "),
        (
            "fn allow(facts) { if stepp == \"push\" { allow() } }",
            "test.rhai:1:22: Undefined variable: stepp",
        ),
        (
            "\n\nallow();",
            "test.rhai:3:1: only functions and constants may stand outside of functions",
        ),
        (
            "let count = 1; fn allow(facts) { allow() }",
            "test.rhai:1:1: only functions and constants",
        ),
        ("while true { }", "test.rhai:1:1: only functions and constants"),
        ("const X = facts.step;", "test.rhai:1:11: Variable not found: facts"),
        ("const X = globs(\"a[b\");", "test.rhai:1:11: not a glob: `a[b`"),
        ("fn allow(facts) { eval(\"1\") }", "test.rhai:1:19: "),
        ("fn allow(facts) { import \"x\" as y; allow() }", "test.rhai:1:19: "),
        ("import \"/etc/passwd\" as x;", "test.rhai:1:1: "),
        ("fn one(x) { x } fn one(x) { x }", "test.rhai:1:17: "),
    ] {
        let error = compile_error(source);
        assert!(error.starts_with(expected), "{source:?} gave {error:?}");
    }
    assert!(compile_error(&" ".repeat(257 * 1024)).contains("larger than 256 KiB"));
    // A stack that is used up ends the program, so these must be refused while they are read.
    assert!(
        compile_error(&format!("fn allow(facts) {{ {}1{} }}", "(".repeat(5000), ")".repeat(5000)))
            .contains("test.rhai:1:")
    );
    assert!(
        compile_error(&format!("fn allow(facts) {{ {} }}", "if true { ".repeat(5000)))
            .contains("test.rhai:1:")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine();
    let (binary, large) =
        (directory.path().join("binary.rhai"), directory.path().join("large.rhai"));
    fs::write(&binary, [0xff, 0xfe]).unwrap();
    fs::write(&large, " ".repeat(257 * 1024)).unwrap();
    for path in [directory.path(), &directory.path().join("missing.rhai"), &binary, &large] {
        let error = engine.load(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy);
        assert!(error.message().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn an_endless_loop_ends_at_the_limit_of_operations() {
    for body in [
        "loop { }",
        "let n = 0; while true { n += 1 }",
        "for n in 0..9_000_000_000 { n + 1; }",
        "[1].map(|n| { loop { } })",
        // Rhai itself counts none of these, because each call of a function that is handed over is
        // short.
        "let a = []; a.pad(100, 1); let b = a; let c = a; a.some(|x| b.some(|y| c.some(|z| false)))",
        // Nothing that a script does about the error lets it go on.
        "try { loop { } } catch { } allow()",
        "[2, 1].sort(|a, b| { loop { } }); allow()",
        "let a = [2, 1]; a.sort(|a, b| { loop { } }); allow()",
    ] {
        assert!(error_of(body).ends_with("more than 100000 operations"), "{body}");
    }
    // Nothing is evaluated after the error here, and `sort` ignores it.
    let last = policy("fn skip(facts) { let a = [2, 1]; a.sort(|a, b| { loop { } }); }");
    assert!(last.skip(&facts()).unwrap_err().to_string().ends_with("more than 100000 operations"));
}

#[test]
fn a_slow_script_ends_at_the_limit_of_time() {
    let limits =
        Limits { operations: u64::MAX, wall_clock: Duration::from_millis(50), ..Limits::default() };
    for body in [
        "loop { }",
        "let a = []; a.pad(9000, 1); let b = a; let c = a; a.some(|x| b.some(|y| c.some(|z| false)))",
    ] {
        let slow = PolicyEngine::new(limits)
            .compile("test.rhai", &format!("fn allow(facts) {{ {body} }}"))
            .unwrap();
        for _ in 0..2 {
            let start = Instant::now();
            let decision = slow.allow(&facts());
            assert!(decision.reason().ends_with("takes longer than 50 ms"), "{body}: {decision}");
            assert!(start.elapsed() >= Duration::from_millis(50));
            assert!(start.elapsed() < Duration::from_secs(5));
        }
    }
}

#[test]
fn constants_are_evaluated_within_the_limits() {
    let endless = "const X = if true { let n = 0; loop { n += 1; } };";
    assert!(compile_error(endless).ends_with("more than 100000 operations"));
}

#[test]
fn endless_recursion_ends_at_the_limit_of_depth() {
    let deep = |depth: u8| {
        allow_with(&format!(
            "fn allow(facts) {{ down({depth}) }} fn down(n) {{ if n > 1 {{ down(n - 1) }} else {{ allow() }} }}"
        ))
    };
    assert_eq!(deep(12), Decision::Allow);
    assert!(deep(13).reason().ends_with("functions call each other more than 12 deep"));
    let endless = policy("fn allow(facts) { down(facts) } fn down(facts) { down(facts) }");
    assert!(
        endless.allow(&facts()).reason().ends_with("functions call each other more than 12 deep")
    );
    // As deep as the limits permit, inside of expressions that are as deep as they permit, on the
    // stack of a test's thread: two megabytes.
    let nested = format!(
        "fn allow(facts) {{ down(facts) }} fn down(facts) {{ {}down(facts){} }}",
        "(1 + ".repeat(12),
        ")".repeat(12)
    );
    assert!(policy(&nested).allow(&facts()).reason().ends_with("12 deep"));
}

#[test]
fn memory_does_not_grow_past_the_limits() {
    for (body, expected) in [
        ("let text = \"x\"; loop { text += text; }", "Length of string too large"),
        ("let text = \"x\"; text.pad(1_000_000_000, 'x');", "Length of string too large"),
        ("let array = [1]; loop { array += array; }", "Size of array/BLOB too large"),
        ("let array = []; array.pad(1_000_000_000, 1);", "Size of array/BLOB too large"),
        ("let array = []; loop { array = [array, array]; }", "Size of array/BLOB too large"),
        (
            "let array = [\"x\".to_debug()]; loop { array += array; array = [array.join(\"\")]; }",
            "Length of string too large",
        ),
        (
            "let map = #{}; let n = 0; loop { map.set(`${n}`, n); n += 1; }",
            "Size of object map too large",
        ),
        (&(0..40).map(|n| format!("let x{n} = 1; ")).collect::<String>(), "more than 32 variables"),
    ] {
        let reason = error_of(body);
        assert!(reason.contains(expected), "{body}: {reason}");
    }
}

#[test]
fn facts_that_are_larger_than_the_limits_deny_where_they_are_read() {
    let huge = Change {
        files: vec!["a.rs".into(); 20_000],
        diff: "x".repeat(300 * 1024),
        ..Change::default()
    };
    let facts = facts().with_change(huge);
    let policy = policy(
        "fn allow(facts) { if facts.step == \"a\" { facts.files } else if facts.step == \"b\" { facts.diff } else if touches(facts, \"*.rs\") { allow() } }",
    );
    assert!(
        policy.allow(&facts.at_step("a", "")).reason().contains("Size of array/BLOB too large")
    );
    assert!(policy.allow(&facts.at_step("b", "")).reason().contains("Length of string too large"));
    assert_eq!(policy.allow(&facts.at_step("c", "")), Decision::Allow);
    let prompts = self::policy("fn prompt(facts, prompt) { prompt }");
    let error = prompts.prompt(&facts, "propose", &"x".repeat(300 * 1024)).unwrap_err().to_string();
    assert!(error.contains("cannot be given 307200 bytes, 262144 at most"), "{error}");
}

#[test]
fn a_script_reaches_nothing_but_its_facts() {
    for call in [
        "sleep(1)",
        "sleep(1.0)",
        "open_file(\"/etc/passwd\")",
        "timestamp()",
        "exit()",
        "blob(1000000000)",
        "parse_json(\"{}\")",
    ] {
        assert!(error_of(call).contains("there is no function"), "{call}");
    }
    assert!(error_of("call(Fn(\"eval\"), \"1\")").contains("eval"));
}

#[test]
fn printing_and_debugging_go_to_the_log_and_events_are_told() {
    let policy = policy(
        "fn on_event(event) { if event.event == \"run-finished\" { print(event.record.project); debug(event.record.usage); throw event.record.project } }",
    );
    let record = RunRecord::new(
        &ProjectId::of("shop"),
        Trigger::Manual,
        Job::Upkeep { chore: "improve".into() },
        "2026-01-02T03:04:05Z".parse().unwrap(),
    );
    let event = |what| {
        Event::new(
            "1".parse().unwrap(),
            "2026-01-02T03:04:05Z".parse().unwrap(),
            Some(ProjectId::of("shop")),
            None,
            what,
        )
    };
    let error =
        policy.on_event(&event(EventKind::RunFinished { record: Box::new(record) })).unwrap_err();
    assert!(error.to_string().ends_with("shop"), "{error}");
    let (chore, reason) = ("improve".into(), "night".into());
    policy.on_event(&event(EventKind::ProjectSkipped { chore, reason })).unwrap();
}

#[test]
fn an_engine_serves_many_threads_at_once() {
    let policy = policy("fn allow(facts) { if touches(facts, \"*.rs\") { ask(facts.step) } }");
    let facts = facts().with_change(change());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (policy, facts) = (policy.clone(), facts.at_step(&format!("step-{thread}"), ""));
            scope.spawn(move || {
                (0..50).for_each(|_| {
                    assert_eq!(policy.allow(&facts), Decision::Ask(format!("step-{thread}")));
                });
            });
        }
    });
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts")
}

fn files_with(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn every_bundled_policy_has_cases_and_passes_them() {
    let engine = engine();
    engine.bundled_default().unwrap();
    let mut tested = Vec::new();
    for path in files_with(&scripts().join("cases"), "toml") {
        let file = cases::load(&path).unwrap();
        let policy = engine.load(file.policy()).unwrap();
        assert!(policy.notices().is_empty(), "{:?}", policy.notices());
        for result in file.run(&policy) {
            assert!(
                result.passed(),
                "{}:{}: {}: {:#?}",
                path.display(),
                result.line,
                result.name,
                result.failures
            );
        }
        tested.push(file.policy().canonicalize().unwrap());
    }
    for path in files_with(&scripts(), "rhai") {
        assert!(tested.contains(&path.canonicalize().unwrap()), "{} has no cases", path.display());
    }
}

#[test]
fn the_readme_names_every_hook_and_every_fact_and_its_example_compiles() {
    let readme = fs::read_to_string(scripts().join("README.md")).unwrap();
    for name in Facts::names() {
        assert!(
            readme.contains(&format!("| `{name}` |")),
            "the fact `{name}` is not in scripts/README.md"
        );
    }
    for hook in Hook::ALL {
        assert!(
            readme.contains(&format!("| `{hook}` |")),
            "the hook `{hook}` is not in scripts/README.md"
        );
    }
    let (_, example) = readme.split_once("```rhai\n").unwrap();
    let example = policy(example.split_once("```").unwrap().0);
    assert_eq!(example.hooks().collect::<Vec<_>>(), ["allow"]);
}
