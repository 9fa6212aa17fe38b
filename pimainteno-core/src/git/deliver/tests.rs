use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, time::Instant};

use super::*;
use crate::{
    error::Retry,
    git::{Git, RemoteTime},
    process::{Cancel, Environment},
};

/// A checkout with a commit that its remote does not have yet.
struct Site {
    directory: tempfile::TempDir,
    base: CommitId,
    commit: CommitId,
}

impl Site {
    fn new() -> Self {
        let mut site = Self {
            directory: tempfile::tempdir().unwrap(),
            base: CommitId::unchecked(""),
            commit: CommitId::unchecked(""),
        };
        fs::create_dir(site.path("work")).unwrap();
        site.git(&["init", "--quiet", "--initial-branch=main"]);
        site.git(&["config", "user.name", "Ada"]);
        site.git(&["config", "user.email", "ada@example.com"]);
        site.git(&["commit", "--quiet", "--allow-empty", "--message", "base"]);
        site.base = site.git(&["rev-parse", "HEAD"]).parse().unwrap();
        site.git(&["clone", "--quiet", "--bare", ".", "../remote.git"]);
        site.git(&["remote", "add", "origin", "../remote.git"]);
        site.git(&["fetch", "--quiet"]);
        site.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
        site.commit = site.git(&["rev-parse", "HEAD"]).parse().unwrap();
        site
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.path("work"));
        let output = command
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The remote is far away: `script` stands for the connection, with what is to be run there as
    /// its last argument.
    fn connection(&self, script: &str) {
        let last = "for command; do :; done";
        self.script("ssh", &format!("cd '{}'\n{last}\n{script}", self.path("work").display()));
        self.git(&["config", "core.sshCommand", self.path("ssh").to_str().unwrap()]);
        self.git(&["remote", "set-url", "origin", "far:../remote.git"]);
    }

    /// The connection breaks right after the remote took the commit, before it says so; then `what`
    /// happens.
    fn breaks_after_arrival(&self, what: &str) {
        self.connection("test -f ../gone && exit 255\necho $$ > ../connection\nsh -c \"$command\"");
        let top = self.directory.path().display();
        self.script(
            "remote.git/hooks/post-receive",
            &format!("cd '{top}'; {what}; kill -9 $(cat connection) $PPID"),
        );
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn push(&self, limit: Duration) -> Result<PushEnd> {
        self.push_until(limit, &Cancel::new()).await
    }

    async fn push_until(&self, limit: Duration, cancel: &Cancel) -> Result<PushEnd> {
        let environment = Environment::default()
            .with("PATH", std::env::var_os("PATH").unwrap())
            .with("GIT_CONFIG_GLOBAL", "/dev/null");
        let checkout = Checkout::open(
            &self.path("work"),
            Git::new(environment).waiting(RemoteTime::new(limit, cancel, |_| {})),
        )
        .await
        .unwrap();
        let upstream = Upstream {
            remote: "origin".parse().unwrap(),
            branch: "main".parse().unwrap(),
            ahead: None,
        };
        checkout.push(&self.base, &self.commit, &upstream).await
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_push_whose_answer_was_lost_is_known_by_what_the_remote_has() {
    let site = Site::new();
    site.breaks_after_arrival("true");
    assert_eq!(site.push(LONG).await.unwrap(), PushEnd::Pushed);
    assert_eq!(site.git(&["rev-parse", "origin/main"]), *site.commit);
}

#[tokio::test]
async fn a_remote_that_falls_silent_during_a_push_leaves_it_unclear() {
    let site = Site::new();
    site.breaks_after_arrival("touch gone");
    let end = site.push(LONG).await.unwrap();
    assert!(matches!(&end, PushEnd::Unclear(said) if said.contains("git push")), "{end:?}");
}

#[tokio::test]
async fn a_remote_that_hangs_is_given_up_at_its_deadline() {
    let site = Site::new();
    site.connection("exec sleep 600");
    let start = Instant::now();
    let end = site.push(Duration::from_millis(400)).await.unwrap();
    assert!(matches!(&end, PushEnd::Unclear(_)), "{end:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_push_that_is_stopped_in_the_middle_is_unclear_at_once() {
    let site = Site::new();
    site.connection("echo > ../begun; exec sleep 600");
    let (start, cancel) = (Instant::now(), Cancel::new());
    let begun = site.path("begun");
    let stop = async {
        while !begun.exists() {
            tokio::task::yield_now().await;
        }
        cancel.raise();
    };
    let (end, ()) = tokio::join!(site.push_until(10 * LONG, &cancel), stop);
    assert!(matches!(&end, Ok(PushEnd::Unclear(said)) if said.contains("stopped")), "{end:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // One that is not begun any more has changed nothing.
    let error = site.push_until(10 * LONG, &cancel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn a_slow_link_is_not_taken_for_a_silent_one() {
    let mut site = Site::new();
    // What does not get smaller, and takes twice as long as the remote may be silent.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    fs::write(site.path("work/noise"), noise.take(150_000).flatten().collect::<Vec<_>>()).unwrap();
    site.git(&["add", "noise"]);
    site.git(&["commit", "--quiet", "--message", "noise"]);
    site.commit = site.git(&["rev-parse", "HEAD"]).parse().unwrap();
    let slow = "while dd bs=32768 count=1 > ../piece 2>/dev/null && test -s ../piece; do cat ../piece; sleep 0.2; done";
    site.connection(&format!("{{ {slow}; }} | sh -c \"$command\""));
    let start = Instant::now();
    assert_eq!(site.push(Duration::from_secs(4)).await.unwrap(), PushEnd::Pushed);
    assert!(start.elapsed() > Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn nothing_is_unclear_where_nobody_was_let_in() {
    let site = Site::new();
    let sayings = [
        "Permission denied (publickey).",
        "ssh: Could not resolve hostname far: Name or service not known",
        "ssh: connect to host far port 22: Connection timed out",
        "Host key verification failed.",
        "ERROR: Repository not found.",
        "fatal: unable to access: Failed to connect to far port 443 after 0 ms: Could not connect to server",
        "fatal: unable to access: SSL certificate problem: certificate has expired",
    ];
    for said in sayings {
        site.connection(&format!("echo '{said}' >&2; exit 255"));
        let error = site.push(LONG).await.unwrap_err();
        assert!(matches!(error.retry(), Retry::After(_)), "{said}: {error}");
    }
}

#[tokio::test]
async fn a_remote_of_somebody_else_is_told_by_the_line_that_says_so_and_is_not_tried_again() {
    let site = Site::new();
    site.connection(
        "echo \"fatal: detected dubious ownership in repository at '/srv/r.git'\" >&2\n\
         printf 'To add an exception for this directory, call:\\n\\n\\tgit config --global --add safe.directory /srv/r.git\\n' >&2\n\
         exit 128",
    );
    let error = site.push(LONG).await.unwrap_err();
    let said = error.to_string();
    let place = said.find("fatal: ").unwrap();
    assert!(said[place..].starts_with("fatal: detected dubious ownership"), "{said}");
    assert!(said.contains("remote `origin` refused"), "{said}");
    assert_eq!(error.retry(), Retry::Never);
}
