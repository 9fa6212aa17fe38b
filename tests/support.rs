//! A machine of its own for each test: home, state, configuration, projects with remotes.

pub(crate) mod codex;
pub(crate) mod crash;
pub(crate) mod faults;
pub(crate) mod machine;
pub(crate) mod model_server;
pub(crate) mod service;
pub(crate) mod world;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A machine of its own, which vanishes in the end.
pub(crate) struct TestEnv {
    root: TempDir,
}

/// What the program did.
#[derive(Debug)]
#[must_use = "assert what it did, at least by `expect`"]
pub(crate) struct Output {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestEnv {
    /// An empty machine, on which Git knows who commits.
    pub(crate) fn new() -> Self {
        let env = Self { root: TempDir::new().unwrap() };
        for directory in ["home", "work", "state", "tmp"] {
            fs::create_dir(env.path(directory)).unwrap();
        }
        // The program hands on to Git where the home directory is, and no variable that would name
        // another file.
        let config =
            "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n";
        fs::write(env.path("home/.gitconfig"), config).unwrap();
        env
    }

    /// A path on this machine. There are `home`, `work` (the current directory), `state` and `tmp`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A project with one commit, in `home`, and its bare remote, which has that commit too.
    pub(crate) fn project(&self, name: &str) -> PathBuf {
        self.project_with(name, &[("README.md", &format!("# {name}\n"))])
    }

    /// The same with these files.
    pub(crate) fn project_with(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let checkout = self.path("home").join(name);
        let remote = self.path("remotes").join(format!("{name}.git"));
        fs::create_dir_all(&checkout).unwrap();
        fs::create_dir_all(&remote).unwrap();
        self.git(&remote, &["init", "--quiet", "--bare"]);
        self.git(&checkout, &["init", "--quiet"]);
        for (path, text) in files {
            let path = checkout.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.git(&checkout, &["add", "--all"]);
        self.git(&checkout, &["commit", "--quiet", "--message", "begin"]);
        self.git(&checkout, &["remote", "add", "origin", remote.to_str().unwrap()]);
        self.git(&checkout, &["push", "--quiet", "--set-upstream", "origin", "main"]);
        checkout
    }

    /// Gives the project in `checkout` the submodule `vendor/lib`, which is not fetched, and tells
    /// its commit.
    pub(crate) fn submodule(&self, checkout: &Path) -> String {
        let lib = self.path("lib");
        fs::create_dir(&lib).unwrap();
        self.git(&lib, &["init", "--quiet"]);
        fs::write(lib.join("file"), "of the library\n").unwrap();
        self.git(&lib, &["add", "--all"]);
        self.git(&lib, &["commit", "--quiet", "--message", "begin"]);
        let commit = self.git(&lib, &["rev-parse", "HEAD"]);
        fs::write(
            checkout.join(".gitmodules"),
            "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = ../lib\n",
        )
        .unwrap();
        fs::create_dir_all(checkout.join("vendor/lib")).unwrap();
        self.git(checkout, &["add", "--all"]);
        self.git(
            checkout,
            &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendor/lib")],
        );
        self.git(checkout, &["commit", "--quiet", "--message", "a library"]);
        self.git(checkout, &["push", "--quiet"]);
        commit
    }

    /// A script that makes a repository in the place of that submodule, at the recorded commit,
    /// with a filter that makes `mark`.
    pub(crate) fn trap(&self, mark: &Path) -> String {
        let (lib, mark) = (self.path("lib").display().to_string(), mark.display());
        format!(
            "rm -rf vendor/lib; cp -R {lib} vendor/lib; cd vendor/lib; git config filter.trap.clean 'touch {mark}; cat'; \
             mkdir -p .git/info; echo '* filter=trap' > .git/info/attributes; cat file > copy; mv copy file"
        )
    }

    /// What Git answers in `directory`.
    pub(crate) fn git(&self, directory: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command
            .env_clear()
            .env("PATH", path_variable())
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.current_dir(directory).args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?} in {}: {stderr}", directory.display());
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Makes this the configuration that the program finds.
    pub(crate) fn write_config(&self, text: &str) {
        fs::write(self.path("work/PiMainteno.toml"), text).unwrap();
    }

    /// The program with these arguments, on this machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pi-mainteno"));
        command.args(arguments).current_dir(self.path("work")).env_clear();
        command
            .env("PATH", path_variable())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"));
        // Without these, a test that runs as root would use the machine's own places.
        command
            .env("STATE_DIRECTORY", self.path("state"))
            .env("RUNTIME_DIRECTORY", self.path("state"));
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }
}

impl Output {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same; fails the test unless it ended with this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless all of `parts` are in its standard output.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(
                self.stdout.contains(part),
                "no {part:?} in:\n{}\nstderr:\n{}",
                self.stdout,
                self.stderr
            );
        }
        self
    }

    /// Fails the test unless all of `parts` are in its standard error.
    #[track_caller]
    pub(crate) fn tells(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "no {part:?} in:\n{}\nstdout:\n{}",
                self.stderr,
                self.stdout
            );
        }
        self
    }

    /// Its standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error} in:\n{}\nstderr:\n{}", self.stdout, self.stderr)
        })
    }
}

fn path_variable() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into())
}
