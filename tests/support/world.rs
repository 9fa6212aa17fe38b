//! A home with secrets in it, and a sandbox of a project there.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use pimainteno_core::process::{
    Command, Environment, Limits, Output, Places, Sandbox, SandboxHelper, Support, Used,
};

/// A home with credentials and a toolchain, a checkout, and the workspace of a project of it.
pub(crate) struct World {
    root: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) environment: Environment,
}

impl World {
    /// A world on this machine.
    pub(crate) fn new() -> Self {
        Self::with(|support| support)
    }

    /// A world on a machine that has no namespaces.
    pub(crate) fn without_namespaces() -> Self {
        Self::with(|support| Support { obstacle: Some("as told".into()), ..support })
    }

    /// A world on a machine that supports less than this one.
    pub(crate) fn with(less: impl FnOnce(Support) -> Support) -> Self {
        // Not in `/tmp` if that can be helped: it is one of the places that are covered.
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let path = |path: &str| root.path().join(path);
        for directory in [
            "home/.ssh",
            "home/.cargo/bin",
            "state/workspaces/radio",
            "state/sandbox/radio/caches",
            "checkout/.git/hooks",
        ] {
            fs::create_dir_all(path(directory)).unwrap();
        }
        for (file, text) in SECRETS {
            fs::write(path(file), text).unwrap();
        }
        fs::write(path("checkout/.git/config"), "[core]\n").unwrap();
        fs::write(path("home/.cargo/bin/tool"), "#!/bin/sh\necho works\n").unwrap();
        fs::set_permissions(path("home/.cargo/bin/tool"), fs::Permissions::from_mode(0o755))
            .unwrap();
        let variables = [
            ("HOME".into(), path("home").into_os_string()),
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
        ];
        let toolchains = ["CARGO_HOME", "RUSTUP_HOME"]
            .map(|name| (name.into(), toolchain(name).into_os_string()));
        let environment = Environment::from_variables(variables.into_iter().chain(toolchains));
        let places = Places::new(&environment);
        // The toolchains that are used here are in the home of whoever runs the tests.
        let of_tester = Places::new(&Environment::from_variables(std::env::vars_os())).readable();
        let sandbox = Sandbox {
            helper: helper().program().to_owned(),
            scratch: path("state/sandbox/radio"),
            write: vec![path("state/workspaces/radio"), path("state/sandbox/radio/caches")],
            written: Vec::new(),
            layers: Vec::new(),
            shown: Vec::new(),
            read: [places.readable(), of_tester, vec![path("checkout/.git")]].concat(),
            cover: [places.covered(), vec![path("state"), path("checkout")]].concat(),
            network: false,
            limits: Limits { memory: 1 << 30, processes: 200, disk: 1 << 30, files: 100_000 },
            used: Used::default(),
            support: less(runtime().block_on(helper().support(&path("state/sandbox"))).clone()),
        };
        let environment = places.environment(
            &path("state/sandbox/radio/caches"),
            &path("state/sandbox/radio/settings"),
            false,
        );
        Self { sandbox, environment, root }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.path("state/workspaces/radio")
    }

    /// A command in the workspace; `ROOT` in its text is the directory that everything is in.
    pub(crate) fn command(&self, script: &str) -> Command {
        let script = script.replace("ROOT", self.root.path().to_str().unwrap());
        let command =
            Command::shell(script).directory(self.workspace()).envs(self.environment.iter());
        command.sandbox(self.sandbox.clone()).timeout(Duration::from_secs(60))
    }

    pub(crate) fn run(&self, script: &str) -> Output {
        runtime().block_on(self.command(script).run()).unwrap()
    }

    #[track_caller]
    pub(crate) fn passes(&self, script: &str) -> Output {
        let output = self.run(script);
        assert!(output.success(), "{script}: {}: {}", output.end, said(&output));
        output
    }
}

/// Files that a check must not see, and what is in them.
pub(crate) const SECRETS: [(&str, &str); 4] = [
    ("home/.ssh/id", "secret of ssh"),
    ("home/.cargo/credentials.toml", "secret of cargo"),
    ("checkout/.env", "secret of the service"),
    ("state/state.redb", "secret of the store"),
];

pub(crate) fn helper() -> SandboxHelper {
    SandboxHelper::new(env!("CARGO_BIN_EXE_pi-mainteno"))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Where the toolchain is that these tests are built by.
pub(crate) fn toolchain(variable: &str) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    std::env::var_os(variable).map_or_else(
        || home.join(if variable == "CARGO_HOME" { ".cargo" } else { ".rustup" }),
        PathBuf::from,
    )
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr))
}

/// Whether some process has this text in its command line; `whole` asks for it as one argument.
pub(crate) fn lives(text: &str, whole: bool) -> bool {
    let is_in = |argument: &[u8]| {
        argument == text.as_bytes()
            || (!whole && argument.windows(text.len()).any(|part| part == text.as_bytes()))
    };
    let has =
        |file: PathBuf| fs::read(file).is_ok_and(|bytes| bytes.split(|byte| *byte == 0).any(is_in));
    fs::read_dir("/proc").unwrap().flatten().any(|process| has(process.path().join("cmdline")))
}

/// Whether no process has this text in its command line, or none soon.
pub(crate) fn is_gone(text: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while lives(text, false) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::yield_now();
    }
    true
}
