//! A place to run codex in: a project with a worktree, a home, and nothing of the machine's own
//! settings.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use pimainteno_codex::Codex;
use pimainteno_core::{
    Call, Edit, Request, Task,
    config::{LlmConfig, Secret},
    process::{Cancel, Environment},
};

use crate::{model_server::ModelServer, real_codex::real_codex};

/// The key that a server of one's own is asked with.
pub(crate) const KEY: &str = "sk-test-0123456789abcdef";

/// `checkout` and its worktree `workspace`, both with the file `a.txt`; `home`, `tmp`, `bin` and
/// `state`.
pub(crate) struct Bench {
    root: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self { root: tempfile::tempdir().unwrap() };
        for name in ["home", "tmp", "bin", "checkout"] {
            fs::create_dir(bench.path(name)).unwrap();
        }
        symlink(real_codex(), bench.path("bin/codex")).unwrap();
        fs::write(bench.path("checkout/a.txt"), "old\n").unwrap();
        for arguments in [
            &["init", "-q"][..],
            &["add", "."],
            &["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "first"],
            &["worktree", "add", "-q", "--detach", "../workspace"],
        ] {
            git(&bench.path("checkout"), arguments);
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// What git says in the workspace.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(&self.path("workspace"), arguments)
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(directory))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The bytes of all files below a directory.
    pub(crate) fn size(&self, directory: &str) -> u64 {
        files(&self.path(directory))
            .iter()
            .filter_map(|file| fs::symlink_metadata(file).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// The files in a directory, and how much each holds. SQLite may have what it keeps in a database or
    /// still in the log beside it, which count as one.
    pub(crate) fn kept(&self, directory: &str) -> BTreeMap<PathBuf, u64> {
        let mut kept = BTreeMap::new();
        for file in files(&self.path(directory)) {
            let name = file.to_str().unwrap();
            let Ok(metadata) = fs::symlink_metadata(&file) else { continue };
            if !name.ends_with("-shm") {
                let place = kept.entry(name.trim_end_matches("-wal").into()).or_default();
                *place = metadata.len().max(*place);
            }
        }
        kept
    }

    /// Whether any file here holds `text`.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let holds = |file: &PathBuf| {
            fs::read(file).is_ok_and(|bytes| {
                bytes.windows(text.len()).any(|window| window == text.as_bytes())
            })
        };
        files(self.root.path()).iter().filter(|file| !file.is_symlink()).any(holds)
    }

    pub(crate) fn environment(&self) -> Environment {
        Environment::default()
            .with("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .with("HOME", self.path("home"))
            .with("TMPDIR", self.path("tmp"))
    }

    pub(crate) fn config(&self, server: &ModelServer) -> LlmConfig {
        let mut config = LlmConfig::default();
        // Other names make codex offer other tools.
        config.model = "gpt-5.5".into();
        config.base_url = server.base_url().parse().ok();
        config.api_key = Some(Secret::new(KEY));
        config
    }

    pub(crate) fn codex(&self, server: &ModelServer) -> Codex {
        Codex::new(&self.config(server), &self.environment(), &self.path("state")).unwrap()
    }

    pub(crate) fn request(&self, edit: Edit) -> Request {
        let mut request = Request::new(Task::Propose, self.path("workspace"), "Change old to new.");
        request.edit = edit;
        request.timeout = Duration::from_secs(60);
        request.silence_timeout = Duration::from_secs(30);
        request
    }

    /// Puts a codex on the path that may make no user namespaces, as on a machine that forbids
    /// them.
    pub(crate) fn break_sandbox(&self) {
        let program = self.path("bin/codex");
        let real = fs::canonicalize(&program).unwrap();
        fs::rename(&program, self.path("bin/real")).unwrap();
        let limited = format!(
            "echo 0 > /proc/sys/user/max_user_namespaces && exec {} \"$@\"",
            real.display()
        );
        fs::write(
            &program,
            format!("#!/bin/sh\nexec unshare --user --map-root-user sh -c '{limited}' sh \"$@\"\n"),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Fails if a process that was started here is still there. A kill is delivered, not awaited,
    /// so this looks more than once.
    pub(crate) fn assert_nothing_runs(&self) {
        let root = self.root.path().to_str().unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let left = processes().filter(|process| {
                ["environ", "cmdline"].iter().any(|file| read(&process.join(file)).contains(root))
            });
            let left: Vec<_> = left.map(|process| read(&process.join("cmdline"))).collect();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "still running: {left:?}");
            std::thread::yield_now();
        }
    }
}

/// A call, and what is told during it.
pub(crate) fn call() -> (Call, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let shared = told.clone();
    (
        Call::new(Cancel::new())
            .with_progress(move |message| shared.lock().unwrap().push(message.to_owned())),
        told,
    )
}

/// The command lines of all processes.
pub(crate) fn command_lines() -> String {
    processes().map(|process| read(&process.join("cmdline"))).collect::<Vec<_>>().join("\n")
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(directory)
        .env_clear()
        .envs([
            ("PATH", "/usr/bin:/bin"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(move |entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name != own && name.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .map(|entry| entry.path())
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).replace('\0', " ")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return vec![] };
    let below = entries.flatten().flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        _ => vec![entry.path()],
    });
    below.collect()
}
