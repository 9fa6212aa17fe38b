//! The backend on real repositories.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use pimainteno_core::{
    Call, Edit, ErrorKind, LlmBackend, Request, Task,
    process::{Cancel, Environment},
};
use pimainteno_offline::Offline;
use tempfile::TempDir;

/// A repository in a directory of its own.
struct Repository(TempDir);

impl Repository {
    /// A repository whose first commit has these files.
    fn new(files: &[(&str, &str)]) -> Self {
        let repository = Self(TempDir::new().unwrap());
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit(files, "start");
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "A Person")))
            .envs(
                ["AUTHOR", "COMMITTER"]
                    .map(|who| (format!("GIT_{who}_EMAIL"), "person@example.org")),
            )
            .envs(
                ["AUTHOR", "COMMITTER"]
                    .map(|who| (format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z")),
            )
            .output()
            .unwrap();
        assert!(status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self, files: &[(&str, &str)], message: &str) {
        for (path, text) in files {
            self.write(path, text);
        }
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// The text of what is proposed, which is left in the worktree.
    fn propose(&self) -> String {
        let mut request = Request::new(Task::Propose, self.path(), "propose");
        request.edit = Edit::Workspace;
        complete(&request).unwrap()
    }

    fn summarize(&self, previous: Option<String>) -> String {
        let mut request = Request::new(Task::Summarize, self.path(), "summarize");
        request.previous_summary = previous;
        complete(&request).unwrap()
    }

    /// Removed and added lines, without headers.
    fn diff(&self) -> Vec<String> {
        let diff = self.git(&["diff", "--unified=0"]);
        let is_change = |line: &&str| {
            line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++")
        };
        diff.lines().filter(is_change).map(str::to_owned).collect()
    }
}

fn complete(request: &Request) -> pimainteno_core::Result<String> {
    complete_unless(request, &Cancel::new())
}

fn complete_unless(request: &Request, cancel: &Cancel) -> pimainteno_core::Result<String> {
    let environment =
        Environment::from_variables(std::env::vars_os()).with("GIT_CONFIG_GLOBAL", "/dev/null");
    let backend = Offline::new(environment);
    assert_eq!(
        (backend.name(), backend.is_paid(), backend.edit()),
        ("offline", false, Edit::Workspace)
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(backend.complete(request, &Call::new(cancel.clone())))?;
    assert_eq!(reply.usage.calls, 0);
    Ok(reply.text)
}

#[test]
fn one_theme_is_put_right_in_each_run_until_nothing_is_left() {
    let repository = Repository::new(&[
        (
            "README.md",
            "# Tool\n\nThis will recieve what you send to it.\n\nSee [the guide](docs/guide.md).\n",
        ),
        ("docs/guide.md", "This is the guide for all of you.\n"),
        (
            "src/main.rs",
            "// Teh comment of this.\nfn main() { \n    let recieved = \"seperate\"; // it must be seperate\n}",
        ),
        ("mixed.py", "a = 1\nb = 2\r\nc = 3\n"),
    ]);
    repository.git(&["mv", "docs/guide.md", "docs/introduction-guide.md"]);
    repository.commit(&[], "rename");
    repository.git(&["mv", "docs/introduction-guide.md", "docs/guide.md"]);
    repository.commit(&[], "rename back");
    fs::create_dir(repository.path().join("manual")).unwrap();
    repository.git(&["mv", "docs/guide.md", "manual/guide.md"]);
    repository.commit(&[], "move");

    let mut subjects = Vec::new();
    loop {
        let text = repository.propose();
        if text.is_empty() {
            assert!(repository.diff().is_empty(), "nothing was said to be done");
            break;
        }
        subjects.push(text.lines().next().unwrap().to_owned());
        assert!(!repository.diff().is_empty(), "{text}");
        if subjects.len() == 1 {
            // The word in the string is a value, and so the same word in a comment may be its name.
            let expected = [
                "-This will recieve what you send to it.",
                "+This will receive what you send to it.",
                "-// Teh comment of this.",
                "+// The comment of this.",
            ];
            assert_eq!(repository.diff(), expected);
            assert!(
                text.contains("\n- README.md: recieve -> receive\n- src/main.rs: Teh -> The\n"),
                "{text}"
            );
        }
        repository.commit(&[], &text);
    }
    assert_eq!(
        subjects,
        [
            "fix 2 misspellings in 2 files",
            "docs: fix 1 dead link in README.md",
            "src: remove stray white space from 2 lines in src/main.rs",
            "unify the line ends of 1 line in mixed.py",
        ]
    );
    assert!(
        fs::read_to_string(repository.path().join("README.md"))
            .unwrap()
            .contains("(manual/guide.md)")
    );
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let text = "This will recieve what you send to it. \n";
    let repository = Repository::new(&[
        ("vendor/README.md", text),
        (".github/README.md", text),
        ("LICENSE.txt", text),
        ("tests/data.md", text),
        ("tests/fixtures/a.rs", "// This will recieve it.\n"),
        (
            "generated.md",
            "<!-- This file is generated by a tool. -->\n\nThis will recieve what you send to it.\n",
        ),
        ("exact.md", text),
        (".gitattributes", "exact.md -text\n"),
        ("latin.txt", ""),
        ("conflict.rs", "<<<<<<< HEAD\nlet a = 1;\n=======\nlet a = 2;\n>>>>>>> other\n"),
        ("large.md", &text.repeat(30_000)),
    ]);
    fs::write(
        repository.path().join("latin.txt"),
        b"This will recieve what you send to caf\xe9. \n",
    )
    .unwrap();
    std::os::unix::fs::symlink("/etc/hostname", repository.path().join("link.md")).unwrap();
    repository.commit(&[], "more");
    assert_eq!(repository.propose(), "");
    assert!(repository.diff().is_empty());
    let summary = repository.summarize(None);
    assert!(summary.contains("- 1 unfinished merge: `conflict.rs`\n"), "{summary}");
    assert!(summary.contains("- 1 large file: `large.md` (1.2 MB)\n"), "{summary}");
}

#[test]
fn a_link_is_put_right_only_if_its_target_is_known() {
    let readme =
        "[wrong case](Docs/Guide.md) [never there](docs/unique.md) [of many](docs/README.md)\n";
    let manual = "See [the other one](other.md) and [this](#one).\n";
    let repository = Repository::new(&[
        ("README.md", readme),
        ("docs/guide.md", "Guide\n"),
        ("elsewhere/unique.md", "Unique\n"),
        ("elsewhere/README.md", "Elsewhere\n"),
        ("docs/manual.md", manual),
        ("docs/other.md", "Other\n"),
    ]);
    fs::create_dir(repository.path().join("docs/deep")).unwrap();
    repository.git(&["mv", "docs/manual.md", "docs/deep/manual.md"]);
    repository.commit(&[], "move");
    let text = repository.propose();
    assert!(text.starts_with("docs: fix 2 dead links in 2 files\n"), "{text}");
    let changed = [
        "[wrong case](docs/guide.md) [never there](docs/unique.md) [of many](docs/README.md)",
        "See [the other one](../other.md) and [this](#one).",
    ];
    assert_eq!(
        repository.diff().iter().filter_map(|line| line.strip_prefix('+')).collect::<Vec<_>>(),
        changed
    );
    repository.commit(&[], &text);
    assert_eq!(repository.propose(), "");
}

#[test]
fn a_proposal_is_as_large_as_a_person_can_review() {
    let files: Vec<_> =
        (0..15).map(|number| (format!("notes-{number:02}.txt"), "one \n".repeat(6))).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repository = Repository::new(&files);
    assert!(
        repository
            .propose()
            .starts_with("docs: remove stray white space from 50 lines in 9 files\n")
    );
    repository.commit(&[], "first");
    assert!(
        repository
            .propose()
            .starts_with("docs: remove stray white space from 40 lines in 7 files\n")
    );
    repository.commit(&[], "second");
    assert_eq!(repository.propose(), "");
}

#[test]
fn a_summary_is_a_function_of_the_commit_and_of_the_previous_summary() {
    let manifest = "[package]\nname = \"tool\"\nversion = \"0.3.0\"\ndescription = \"Does things\"\n\n[dependencies]\nserde = \"1\"\n";
    let repository = Repository::new(&[
        ("README.md", "# Tool\n\nDoes this and that for you.\n\n[gone](docs/gone.md)\n"),
        ("Cargo.toml", manifest),
        ("src/main.rs", "// TODO: more\nfn main() {}\n\n#[test]\nfn works() {}\n"),
        ("deploy/tool.service", "[Service]\nExecStart=/usr/bin/tool\n"),
        (".gitignore", "*.log\n"),
        ("old.log", "x\n"),
    ]);
    let first = repository.summarize(None);
    assert_eq!(first, repository.summarize(None));
    let head = repository.git(&["rev-parse", "HEAD"]);
    for expected in [
        "# Tool\n\nDoes things\n\nDoes this and that for you.\n",
        &format!("Counted at commit `{}`.", head.trim()),
        "| Rust | 1 | 5 | 50 B |\n",
        "- `Cargo.toml`: tool 0.3.0, 1 dependency\n",
        "- `deploy/tool.service`: systemd unit\n",
        "- `src/main.rs`: program\n",
        "- `cargo test`\n\nFound: 1 test in Rust.\n",
        "1 commit by 1 author.\n",
        "2026-01-02 start\n",
        "1 TODO.\n\n- `src/main.rs`: 1\n",
        "- 1 dead link: `README.md` to `docs/gone.md`\n",
        "- 1 tracked but ignored file: `old.log`\n",
        "- There is no license file.\n",
    ] {
        assert!(first.contains(expected), "{expected:?} is missing in:\n{first}");
    }
    assert!(
        !first.contains("Since the last summary") && !first.contains("person@example.org"),
        "{first}"
    );

    repository.commit(&[("src/main.rs", "fn main() {}\n")], "main: less");
    let second = repository.summarize(Some(first));
    let expected = format!(
        "## Since the last summary\n\nSince commit `{}`: 1 file changed, 4 deletions(-).\n\n- `",
        &head[..12]
    );
    assert!(second.contains(&expected) && second.contains("2026-01-02 main: less"), "{second}");
    assert!(!second.contains("Open ends"), "{second}");
    let lost = repository.summarize(Some(format!("Counted at commit `{}`.", "a".repeat(40))));
    assert!(lost.contains("is not there any more"), "{lost}");
}

#[test]
fn an_empty_repository_is_summarised_and_has_nothing_to_improve() {
    let repository = Repository(TempDir::new().unwrap());
    repository.git(&["init", "--quiet"]);
    assert!(repository.summarize(None).contains("There is no commit yet."));
    assert_eq!(repository.propose(), "");
}

#[test]
fn what_cannot_be_done_is_said() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let health = |environment| runtime.block_on(Offline::new(environment).health());
    assert!(
        health(Environment::from_variables(std::env::vars_os()))
            .unwrap()
            .starts_with("git version ")
    );
    assert_eq!(
        health(Environment::default().with("PATH", "/nowhere")).unwrap_err().hints().count(),
        1
    );

    let directory = TempDir::new().unwrap();
    let error = complete(&Request::new(Task::Summarize, directory.path(), "")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Git);
    assert!(error.to_string().contains("not a git repository"), "{error}");

    let repository = Repository::new(&[("a.md", "a \n")]);
    let error = complete(&Request::new(Task::Propose, repository.path(), "")).unwrap_err();
    assert_eq!((error.kind(), error.hints().count()), (ErrorKind::Backend, 1));
    let cancel = Cancel::new();
    cancel.raise();
    let error = complete_unless(&Request::new(Task::Summarize, repository.path(), ""), &cancel)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let mut request = Request::new(Task::Propose, repository.path(), "");
    (request.edit, request.timeout) = (Edit::Workspace, std::time::Duration::ZERO);
    assert_eq!(complete(&request).unwrap_err().kind(), ErrorKind::Backend);
    assert!(repository.diff().is_empty());
}

#[test]
fn a_hook_or_a_filter_of_the_repository_is_not_run() {
    let repository = Repository::new(&[("a.md", "a \n")]);
    let trap = repository.path().join("trap.sh");
    repository.write("trap.sh", "#!/bin/sh\ntouch \"$(dirname \"$0\")/caught\"\n");
    let mut permissions = fs::metadata(&trap).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&trap, permissions).unwrap();
    for key in
        ["core.fsmonitor", "core.pager", "diff.external", "diff.x.textconv", "diff.x.command"]
    {
        repository.git(&["config", key, trap.to_str().unwrap()]);
    }
    repository.write(".gitattributes", "*.md diff=x\n");
    let previous = Some(repository.summarize(None));
    fs::remove_file(repository.path().join("caught")).ok();
    repository.git(&[
        "-c",
        "core.fsmonitor=false",
        "commit",
        "--quiet",
        "--allow-empty",
        "--message",
        "more",
    ]);
    assert!(repository.summarize(previous).contains("Since the last summary"));
    assert!(!repository.propose().is_empty());
    assert!(!repository.path().join("caught").exists());
}
