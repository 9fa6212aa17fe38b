//! What is said where something is not as it should be: what it is, and what to do.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::{Output, TestEnv};

const README: &str = "# Site\n\nYou will recieve a letter.\n";

/// A project `site`, and what its configuration says besides.
fn env(more: &str) -> (TestEnv, PathBuf) {
    let env = TestEnv::new();
    let site = env.project_with("site", &[("README.md", README)]);
    configure(&env, &["../home/site"], more);
    (env, site)
}

/// Writes a configuration of these projects; `more` is said of each.
fn configure(env: &TestEnv, paths: &[&str], more: &str) {
    let project = |path: &&str| {
        format!("[[project]]\npath = \"{path}\"\nrestart = \"none\"\nunits = []\n{more}\n")
    };
    let projects: String = paths.iter().map(project).collect();
    env.write_config(&format!("[llm]\nprovider = \"offline\"\n{projects}"));
}

/// What `check` finds, as the project, the name, the finding, the message and the hints of each.
fn findings(env: &TestEnv) -> Vec<String> {
    let report = env.run(&["check", "--json"]).json();
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let line = |item: &Value| {
        let hints = item["hints"].as_array().unwrap().iter().map(|hint| hint.as_str().unwrap());
        format!(
            "{}/{}/{}: {} → {}",
            text(item, "project"),
            text(item, "name"),
            text(item, "finding"),
            text(item, "message"),
            hints.collect::<Vec<_>>().join(" ")
        )
    };
    report["items"].as_array().unwrap().iter().map(line).collect()
}

#[track_caller]
fn find<'f>(findings: &'f [String], begin: &str) -> Vec<&'f str> {
    findings.iter().map(String::as_str).filter(|line| line.starts_with(begin)).collect()
}

#[test]
fn a_path_that_leads_nowhere_is_told_as_that() {
    let env = TestEnv::new();
    fs::write(env.path("home/file"), "").unwrap();
    let bare = env.path("home/bare.git");
    fs::create_dir(&bare).unwrap();
    env.git(&bare, &["init", "--quiet", "--bare"]);
    fs::create_dir(env.path("home/plain")).unwrap();
    let cases = [
        ("gone", "there is no directory `"),
        ("file", "is no directory"),
        ("bare.git", "bare repository"),
        ("plain", "ot a Git checkout"),
    ];
    for (name, what) in cases {
        let path = format!("../home/{name}");
        configure(&env, &[&path], "");
        env.run(&["run"]).expect(1).says(&["failed:", what]);
        env.run(&["check"]).expect(1).says(&[what]);
        env.run(&["init", "--force", &path]).expect(2).tells(&[what, &path]);
    }
}

#[test]
fn only_ones_own_home_has_a_short_form() {
    let env = TestEnv::new();
    for text in [
        "[[project]]\npath = \"~bob/site\"\n",
        "[scheduler]\nprojects = [\"~bob/site\"]\n",
        "[cache]\npath = \"~bob/state.redb\"\n",
    ] {
        env.write_config(text);
        env.run(&["status"]).expect(2).tells(&["PiMainteno.toml:2:", "`~bob` is not understood"]);
    }
    env.project("site");
    env.write_config("[[project]]\npath = \"~/site\"\nverify = [\"~bob/check\"]\n");
    env.run(&["status"]).expect(0).says(&["site"]);
}

#[test]
fn after_a_dry_run_nobody_is_told_to_approve() {
    let (env, _) = env("mode = \"dry-run\"");
    for arguments in [&["run"][..], &["run", "--dry-run", "--force"]] {
        let output = env.run(arguments).expect(0);
        output.says(&["site: held"]).tells(&["pi-mainteno diff "]);
        assert!(!output.stderr.contains("approve"), "{}", output.stderr);
    }
    let proposals = env.run(&["proposals", "--json"]).expect(0).json();
    let id = proposals[0]["id"].as_str().unwrap();
    let status = env.run(&["status"]).expect(0);
    status.says(&["a dry run proposes a change"]);
    let mut command = env.command(&["diff", id]);
    command.env("CLICOLOR_FORCE", "1");
    drop(Output::of(&mut command).expect(0));
    env.run(&["approve", id]).expect(2).tells(&["dry-run"]);
}

#[test]
fn a_branch_without_upstream_is_told() {
    let (env, site) = env("");
    assert!(find(&findings(&env), "site/remote/note").is_empty());
    env.git(&site, &["checkout", "--quiet", "-b", "topic"]);
    let found = findings(&env);
    assert!(
        find(&found, "site/remote/note")[0].contains("`origin` answers, and has no branch `topic`")
            && find(&found, "site/remote/note")[0].contains("git push --set-upstream origin topic"),
        "{found:#?}"
    );
    env.run(&["run"]).expect(0).says(&["skipped"]);
    env.git(&site, &["push", "--quiet", "origin", "topic"]);
    let found = findings(&env);
    assert!(
        find(&found, "site/remote/ok")[0].contains("branch `topic`")
            && find(&found, "site/remote/note")[0].contains("follows no branch"),
        "{found:#?}"
    );
    env.git(&site, &["branch", "--quiet", "--set-upstream-to=origin/topic"]);
    assert!(find(&findings(&env), "site/remote/note").is_empty());
}

#[test]
fn a_sign_in_that_many_projects_lack_is_one_problem_of_the_machine() {
    let env = TestEnv::new();
    let codex = env.path("home/bin/codex");
    fs::create_dir(env.path("home/bin")).unwrap();
    fs::create_dir(env.path("home/.codex")).unwrap();
    let script = "#!/bin/sh\ncase $1 in --version) echo codex-cli 0.169.0;; *) exit 1;; esac\n";
    fs::write(&codex, script).unwrap();
    fs::set_permissions(&codex, fs::Permissions::from_mode(0o755)).unwrap();
    let mut config = String::new();
    for number in 0..17 {
        let name = format!("p{number}");
        env.project(&name);
        config += &format!("[[project]]\npath = \"../home/{name}\"\nunits = []\n");
        if number % 3 == 0 {
            config += &format!("llm = {{ model = \"m{number}\" }}\n");
        }
    }
    env.write_config(&config);
    let path = std::env::join_paths(
        [Path::new("bin")]
            .map(|bin| env.path("home").join(bin))
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = env.command(&["check", "--json"]);
    command.env("PATH", path.unwrap());
    let report = Output::of(&mut command).expect(1).json();
    let backends: Vec<_> = report["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["name"] == "backend" && item["finding"] == "problem")
        .collect();
    assert_eq!(backends.len(), 1, "{backends:#?}");
    let message = backends[0]["message"].as_str().unwrap();
    assert!(
        backends[0]["project"] == ""
            && message.contains(
                "nobody is signed in to codex; it is that of 17 projects: p0, p1, p2, p3,"
            ),
        "{backends:#?}"
    );
}

#[test]
fn a_run_whose_change_was_rejected_says_so() {
    let (env, _) = env("mode = \"review\"");
    env.run(&["run"]).expect(0).says(&["site: held"]);
    let proposals = env.run(&["proposals", "--json"]).expect(0).json();
    let id = proposals[0]["id"].as_str().unwrap().to_owned();
    env.run(&["status"]).expect(0).says(&["held: "]);
    env.run(&["reject", &id, "--reason", "the spelling is old"]).expect(0).says(&["rejected"]);
    for command in ["status", "runs"] {
        let output = env.run(&[command]).expect(0);
        output.says(&["rejected: the spelling is old"]);
        assert!(!output.stdout.contains("held: "), "{}", output.stdout);
    }
    let run = env.run(&["runs", "--json"]).expect(0).json();
    assert_eq!(
        (&run[0]["outcome"]["kind"], &run[0]["became"]["kind"]),
        (&"held".into(), &"rejected".into()),
        "{run:#}"
    );
}

#[test]
fn nothing_to_run_is_no_success() {
    let env = TestEnv::new();
    env.write_config("[llm]\nprovider = \"offline\"\n");
    for arguments in [&["run"][..], &["--one-shot"]] {
        env.run(arguments).expect(2).tells(&["there are no projects to run", "[[project]]"]);
    }
    env.run(&["status"]).expect(0).says(&["there are no projects", "pi-mainteno init"]);
    env.run(&["check"]).expect(1).says(&["has no projects"]);
}

#[test]
fn a_repository_without_a_commit_is_passed_over() {
    let (env, _) = env("");
    let empty = env.path("home/empty");
    fs::create_dir(&empty).unwrap();
    env.git(&empty, &["init", "--quiet"]);
    configure(&env, &["../home/empty"], "");
    env.run(&["run"]).expect(0).says(&["empty: skipped: the repository has no commit yet"]);
    let found = findings(&env);
    assert!(find(&found, "empty/checkout/note")[0].contains("no commit yet"), "{found:#?}");
    // One whose commit cannot be read is another matter.
    let head = empty.join(".git/refs/heads/main");
    fs::create_dir_all(head.parent().unwrap()).unwrap();
    fs::write(&head, format!("{}\n", "1".repeat(40))).unwrap();
    let output = env.run(&["run"]).expect(1);
    assert!(!output.stdout.contains("no commit yet"), "{}", output.stdout);
}

#[test]
fn what_is_not_paused_cannot_be_resumed() {
    let (env, _) = env("");
    env.run(&["resume", "site"]).expect(0).says(&["site: nothing to resume"]);
    env.run(&["resume"]).expect(0).says(&["nothing to resume: no project is paused"]);
    env.run(&["pause", "site"]).expect(0).says(&["site is paused; "]);
    env.run(&["pause", "site"]).expect(0).says(&["site is paused already"]);
    assert_eq!(env.run(&["resume", "--json"]).expect(0).json()[0]["changed"], true);
    env.run(&["resume", "site"]).expect(0).says(&["site: nothing to resume"]);
}

#[test]
fn with_json_an_error_is_json_too() {
    let (env, _) = env("");
    let problem = |arguments: &[&str]| {
        let output = env.run(arguments).expect(2);
        output.tells(&["error"]);
        output.json()
    };
    let unknown = problem(&["run", "radio", "--json"]);
    assert_eq!(unknown["error"], "there is no project `radio`");
    assert_eq!(unknown["hints"], serde_json::json!(["there are: site"]));
    assert!(problem(&["--json", "status", "--config", "nowhere"])["error"].is_string());
    let usage = problem(&["run", "--json", "--dry"]);
    assert!(usage["error"].as_str().unwrap().contains("--dry"), "{usage}");
    let key = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let output = env.run(&["show", "--json", key]).expect(2);
    assert!(!output.stdout.contains(key), "{}", output.stdout);
}

#[test]
fn gits_configuration_is_where_the_owner_has_it() {
    let (env, site) = env("mode = \"auto\"\nverify = [\"grep -q letter README.md\"]");
    let elsewhere = env.path("home/elsewhere");
    fs::write(&elsewhere, "[user]\n\tname = Grace\n\temail = grace@example.org\n").unwrap();
    let mut command = env.command(&["run"]);
    command.env("GIT_CONFIG_GLOBAL", &elsewhere);
    Output::of(&mut command).expect(0).says(&["site: applied"]);
    assert_eq!(env.git(&site, &["log", "-1", "--format=%an"]), "Grace");
}

#[test]
fn names_in_other_scripts_are_told_apart() {
    let env = TestEnv::new();
    for name in ["радио", "музыка", "東京"] {
        env.project(name);
    }
    configure(&env, &["../home/радио", "../home/музыка", "../home/東京"], "");
    env.run(&["run", "музыка"]).expect(0).says(&["музыка: "]);
    env.run(&["status"]).expect(0).says(&["радио", "музыка", "東京"]);
    assert!(env.path("state/workspaces/музыка").exists());
}

#[test]
fn what_is_left_of_a_project_is_told_and_removed_when_that_is_asked_for() {
    let (env, site) = env("mode = \"review\"");
    env.project("radio");
    env.run(&["run"]).expect(0).says(&["site: held"]);
    assert!(env.path("state/workspaces/site").exists() && site.join("codex.md").exists());
    assert!(find(&findings(&env), "/left over").is_empty());
    env.run(&["forget", "site"]).expect(2).tells(&["is in the configuration", "pause it"]);
    env.run(&["forget"]).expect(2).tells(&["no project is named", "--all"]);

    configure(&env, &["../home/radio"], "");
    let found = findings(&env);
    assert!(
        find(&found, "/left over/note")[0].contains("`pi-mainteno forget site` removes it"),
        "{found:#?}"
    );
    env.run(&["forget", "--all"]).expect(0).says(&[
        "site is forgotten",
        "--history",
        "state/workspaces/site",
        "codex.md",
    ]);
    assert!(!env.path("state/workspaces/site").exists() && !site.join("codex.md").exists());
    assert!(!site.join(".git/worktrees").exists() && !site.join(".git/pimainteno.lock").exists());
    assert!(find(&findings(&env), "/left over").is_empty());
    env.run(&["runs", "site"]).expect(0).says(&["rejected: the project was forgotten"]);
    env.run(&["forget", "--all"]).expect(0).says(&["nothing is left over"]);
    env.run(&["forget", "site", "--history"]).expect(0).says(&["and so are its runs"]);
    env.run(&["runs", "site"]).expect(2).tells(&["there is no project `site`"]);
    env.run(&["forget", "site"]).expect(2).tells(&["nothing is known of a project `site`"]);
}
