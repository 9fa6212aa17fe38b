//! The demo does what it says, leaves nothing behind, and needs nothing but Git and a shell.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::support::TestEnv;

#[test]
fn the_demo_shows_a_delivery_and_a_rollback_and_leaves_nothing() {
    let env = TestEnv::new();
    let output = env.run(&["demo"]).expect(0);
    output.says(&[
        "-everything that can be configured. It recieves no input and needs no priviledges.",
        "+everything that can be configured. It receives no input and needs no privileges.",
        "Checked by ./check.sh: 1 of 1 checks passed",
        "PiMainteno-Run: ",
        "+INTERVAL=soon",
        "Revert \"radio: write as often as makes sense\"",
        "rolled-back",
    ]);
    assert_eq!(output.stdout.matches("radio.sh runs as process").count(), 3, "{}", output.stdout);
    assert_eq!(fs::read_dir(env.path("tmp")).unwrap().count(), 0);
    assert_eq!(
        fs::read_dir(env.path("home")).unwrap().count(),
        1,
        "only Git's configuration is there"
    );
    let needle = env.path("tmp").to_str().unwrap().to_owned();
    let deadline = Instant::now() + Duration::from_secs(5);
    while processes_with(&needle) > 0 {
        assert!(Instant::now() < deadline, "the demo's service still runs");
        std::thread::yield_now();
    }
}

#[test]
fn the_demo_as_json_is_its_two_records() {
    let records = TestEnv::new().run(&["demo", "--json"]).expect(0).json();
    assert_eq!(records[0]["outcome"]["kind"], "applied");
    assert_eq!(records[1]["outcome"]["kind"], "rolled-back");
}

/// How many processes carry `text` in their environment.
fn processes_with(text: &str) -> usize {
    let environments = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|process| fs::read(process.path().join("environ")).unwrap_or_default());
    environments
        .filter(|environment| {
            environment.windows(text.len()).any(|window| window == text.as_bytes())
        })
        .count()
}
