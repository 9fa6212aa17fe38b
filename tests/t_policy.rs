//! `policy test`.

use std::fs;

use crate::support::TestEnv;

const POLICY: &str = "fn allow(facts) { if facts.step == \"commit\" && facts.lines > 10 { deny(\"too much\") } else { allow() } }\n";

const CASES: &str = "policy = \"../small.rhai\"\n\
    [[case]]\nname = \"a small change\"\nfacts = { added = 3 }\nallow = \"allow\"\n\
    [[case]]\nname = \"a large change\"\nfacts = { added = 30 }\nallow = \"deny\"\nreason = \"too much\"\n";

fn env() -> TestEnv {
    let env = TestEnv::new();
    fs::create_dir(env.path("work/cases")).unwrap();
    fs::write(env.path("work/small.rhai"), POLICY).unwrap();
    fs::write(env.path("work/cases/small.toml"), CASES).unwrap();
    env
}

#[test]
fn a_policy_is_run_on_the_cases_beside_it() {
    let env = env();
    for file in ["small.rhai", "cases/small.toml"] {
        env.run(&["policy", "test", file]).expect(0).says(&[
            "✓ a small change",
            "✓ a large change",
            "2 of 2 cases passed",
        ]);
    }
}

#[test]
fn a_failing_case_is_told_with_its_line_and_its_reason() {
    let env = env();
    fs::write(env.path("work/cases/small.toml"), CASES.replace("\"deny\"", "\"ask\"")).unwrap();
    let output = env.run(&["policy", "test", "small.rhai"]).expect(1);
    output.says(&[
        "✓ a small change",
        "✗ a large change  line 6",
        "expected ask",
        "deny: too much",
        "1 of 2 cases passed",
    ]);
    assert_eq!(output.stderr, "");
    let tested = env.run(&["policy", "test", "small.rhai", "--json"]).expect(1).json();
    assert_eq!(tested[0]["cases"][1]["passed"], false);
    assert_eq!(tested[0]["cases"][0]["failures"], serde_json::json!([]));
}

#[test]
fn what_cannot_be_tested_is_an_error_in_use() {
    let env = env();
    fs::write(env.path("work/bare.rhai"), POLICY).unwrap();
    env.run(&["policy", "test", "bare.rhai"]).expect(2).tells(&[
        "compiles and has `allow`",
        "has no cases",
        "cases/bare.toml",
    ]);
    fs::write(env.path("work/bad.rhai"), "fn alow(facts) { allow( }").unwrap();
    env.run(&["policy", "test", "bad.rhai"]).tells(&["bad.rhai:1:"]);
    env.run(&["policy", "test", "nope.rhai"]).expect(2).tells(&["there is no policy `nope.rhai`"]);
    env.run(&["policy", "test", "gone.toml"]).expect(2).tells(&["cannot read", "gone.toml"]);
}

#[test]
fn the_policies_that_come_with_the_program_pass_their_cases() {
    let env = TestEnv::new();
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
    let policies: Vec<_> = fs::read_dir(scripts)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some("rhai".as_ref()))
        .collect();
    assert!(!policies.is_empty());
    for policy in policies {
        env.run(&["policy", "test", policy.to_str().unwrap()]).expect(0).says(&["cases passed"]);
    }
}
