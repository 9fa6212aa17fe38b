//! What a machine does to the program: a full disk, one that takes nothing, one that forgets.
//! Nothing is lost, and it says what is wrong.

use std::fs;

use crate::support::{
    TestEnv,
    faults::{Seen, in_namespace},
};

/// A project with four files to put right, one of them of some size.
fn env() -> TestEnv {
    let env = TestEnv::new();
    let long = format!(
        "# Site\n\nYou will recieve a letter.\n{}",
        "A line of some length that is as it should be.\n".repeat(1000)
    );
    let site = env.project_with(
        "site",
        &[
            ("README.md", &long),
            ("docs/a.md", "The two are seperate in this place.\n"),
            ("docs/b.md", "This has occured before.\n"),
            ("docs/c.md", "It was definately here.\n"),
        ],
    );
    fs::write(site.join("notes.txt"), "mine\n").unwrap();
    env.write_config(
        "[llm]\nprovider = 'offline'\n[[project]]\npath = '../home/site'\nmode = 'auto'\nverify = ['grep -q letter README.md']\n\
         restart = { command = 'true' }\nunits = ['site']\nprobation = '10ms'\n",
    );
    env
}

/// Fills the disk, runs, looks at the project, makes space, and runs again.
const FILL_AND_RUN: &str = r#"
pages=$(($(stat --file-system --format=%f "$STATE") - KEPT))
head --bytes=$((pages * 4096)) /dev/zero > "$STATE/filler"
"$PI" run > "$OUT/first" 2>&1 || true
git --no-optional-locks -C "$SITE" status --porcelain > "$OUT/status"
git -C "$SITE" log --format=%s > "$OUT/log"
rm "$STATE/filler"
"$PI" run --force > "$OUT/second" 2>&1 || true
"$PI" runs --json > "$OUT/runs"
ls "$STATE/journal" > "$OUT/journals"
git -C "$SITE" status --porcelain > "$OUT/status-after"
git -C "$SITE" log --format=%s > "$OUT/log-after"
git -C "$SITE" rev-parse HEAD > "$OUT/head"
git -C "$REMOTE" rev-parse main > "$OUT/remote"
grep -c -r -e receive -e separate -e occurred -e definitely "$SITE/README.md" "$SITE/docs" > "$OUT/right" || true
"#;

fn assert_nothing_is_lost(seen: &Seen, what: &str) {
    let Output { first, second } =
        Output { first: seen.file("first"), second: seen.file("second") };
    let story = format!("{what}:\n--- {:?}\n{first}\n---\n{second}", seen.output);
    assert_eq!(seen.output.code, Some(0), "{story}");
    assert!(!first.contains("panicked") && !second.contains("panicked"), "{story}");
    if !first.contains("site: applied") {
        assert!(first.to_lowercase().contains("space"), "it is said what is wrong: {story}");
    }
    assert_eq!(seen.file("status-after"), "?? notes.txt", "{story}");
    assert_eq!(
        seen.file("log-after"),
        "docs: fix 4 misspellings in 4 files\nbegin",
        "once: {story}"
    );
    assert_eq!(seen.file("head"), seen.file("remote"), "{story}");
    assert_eq!(
        seen.file("right").lines().filter(|line| line.ends_with(":1")).count(),
        4,
        "{story}"
    );
    assert_eq!(seen.file("journals"), "", "{story}");
    let runs: serde_json::Value = serde_json::from_str(&seen.file("runs")).unwrap();
    assert!(
        runs.as_array().unwrap().iter().all(|run| run["outcome"]["kind"].is_string()),
        "{story}\n{runs:#}"
    );
}

struct Output {
    first: String,
    second: String,
}

#[test]
fn a_disk_that_is_full_when_the_program_wants_to_write_loses_nothing_and_is_told() {
    // From not even a store to nearly enough, in pages of 4 KiB.
    for kept in [0, 12, 16, 24, 36] {
        let script = FILL_AND_RUN.replace("KEPT", &kept.to_string());
        let seen =
            in_namespace(env(), &format!("mount -t tmpfs -o size=4m tmpfs \"$STATE\"\n{script}"));
        assert_eq!(
            seen.file("status"),
            "?? notes.txt",
            "{kept}: the checkout is on another disk\n{}",
            seen.file("first")
        );
        assert_nothing_is_lost(&seen, &format!("{kept} pages"));
    }
}

/// The checkout and its remote are on the full disk too: Git's own writes fail as well, in the
/// middle of the checkout.
#[test]
fn a_machine_whose_only_disk_is_full_is_left_whole() {
    let move_there = r#"
mkdir "$OUT/disk" && mount -t tmpfs -o size=8m tmpfs "$OUT/disk"
cp -a "$ROOT/." "$OUT/disk" && mount --move "$OUT/disk" "$ROOT" && cd "$ROOT/work"
"#;
    // In pages of 4 KiB: what there is room for goes from not even a store to almost everything.
    let some = [6, 12, 30, 36, 39, 42, 45, 49, 50, 52, 53, 55, 56].to_vec();
    let sizes =
        if std::env::var_os("PIMAINTENO_CRASHES").is_some() { (0..64).collect() } else { some };
    for kept in sizes {
        let seen = in_namespace(
            env(),
            &format!("{move_there}\n{}", FILL_AND_RUN.replace("KEPT", &kept.to_string())),
        );
        assert_nothing_is_lost(&seen, &format!("{kept} pages"));
    }
}

#[test]
fn a_state_directory_that_takes_nothing_is_told_and_nothing_is_touched() {
    let script = r#"
mount --bind "$STATE" "$STATE" && mount -o remount,bind,ro "$STATE"
"$PI" run > "$OUT/first" 2>&1 || echo "exit $?" >> "$OUT/first"
git --no-optional-locks -C "$SITE" status --porcelain > "$OUT/status"
git -C "$SITE" log --format=%s > "$OUT/log"
umount "$STATE"
"$PI" run > "$OUT/second" 2>&1 || true
"#;
    for is_new in [true, false] {
        let env = env();
        if !is_new {
            env.run(&["run", "--dry-run"]).expect(0).says(&["held"]);
        }
        let seen = in_namespace(env, script);
        let first = seen.file("first");
        assert!(
            first.contains("Read-only file system")
                && first.contains("hint: ")
                && first.contains("exit 2"),
            "{first}"
        );
        assert_eq!(
            (seen.file("status").as_str(), seen.file("log").as_str()),
            ("?? notes.txt", "begin")
        );
        assert!(seen.file("second").contains("site: applied"), "{}", seen.file("second"));
    }
}

#[test]
fn a_store_that_was_damaged_is_kept_aside_and_its_projects_wait_for_a_person() {
    for damage in ["empty", "cut off", "garbage"] {
        let env = env();
        env.run(&["run", "--dry-run"]).expect(0).says(&["held"]);
        let store = env.path("state/state.redb");
        let good = fs::read(&store).unwrap();
        let bad = match damage {
            "empty" => Vec::new(),
            "cut off" => good[..good.len() / 3].to_vec(),
            _ => vec![0xA5; good.len()],
        };
        fs::write(&store, &bad).unwrap();
        let before = env.git(&env.path("home/site"), &["for-each-ref"]);
        let output = env.run(&["run"]).expect(0);
        output.says(&[
            "was damaged",
            "it is kept as",
            "pi-mainteno resume",
            "site: skipped: the project is paused",
        ]);
        let kept = fs::read_dir(env.path("state")).unwrap().flatten().map(|file| file.path());
        let kept: Vec<_> =
            kept.filter(|path| path.to_string_lossy().contains("state.redb.damaged-")).collect();
        assert!(kept.len() == 1 && fs::read(&kept[0]).unwrap() == bad, "{damage}: {kept:?}");
        assert_eq!(env.git(&env.path("home/site"), &["for-each-ref"]), before, "{damage}");
        env.run(&["resume"]).expect(0).says(&["site"]);
        env.run(&["run"]).expect(0).says(&["site: applied: "]);
    }
}

#[test]
fn two_programs_with_states_of_their_own_deliver_a_change_of_one_checkout_once() {
    let env = env();
    let site = env.path("home/site");
    let runs: Vec<_> = ["one", "two"]
        .map(|state| {
            let state = env.path(state);
            let mut command = env.command(&["run"]);
            command.env("STATE_DIRECTORY", &state).env("RUNTIME_DIRECTORY", &state);
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .map(|output| {
            format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })
        .collect();
    assert!(runs.iter().any(|said| said.contains("site: applied: ")), "{runs:#?}");
    assert_eq!(
        env.git(&site, &["log", "--format=%s"]),
        "docs: fix 4 misspellings in 4 files\nbegin",
        "{runs:#?}"
    );
    assert_eq!(
        env.git(&site, &["rev-parse", "HEAD"]),
        env.git(&site, &["rev-parse", "origin/main"])
    );
    assert_eq!(env.git(&site, &["status", "--porcelain"]), "?? notes.txt");
}
