//! A machine whose disk is full or read-only, in a mount namespace of its own: what is mounted
//! there vanishes with the script.

use std::{fs, process::Command};

use super::{Output, TestEnv};

/// What a script did, and what it wrote to the files in `$OUT`.
pub(crate) struct Seen {
    pub(crate) output: Output,
    env: TestEnv,
}

impl Seen {
    /// What the script wrote to this file, without the last line end.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.env.path("tmp").join(name))
            .unwrap_or_default()
            .trim_end()
            .to_owned()
    }
}

/// Runs a shell script that may mount. `$PI` is the program, `$STATE` its state directory, `$ROOT`
/// the whole machine, `$SITE` the checkout of the project `site`, `$REMOTE` its remote, and `$OUT`
/// is where what is to be seen later goes.
pub(crate) fn in_namespace(env: TestEnv, script: &str) -> Seen {
    // Outside of what is mounted over.
    let out = tempfile::tempdir().unwrap();
    let program = env.command(&[]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["sh", "-ec", script]).current_dir(env.path("work")).env_clear();
    command
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PI", program.get_program());
    let places =
        [("STATE", "state"), ("ROOT", ""), ("SITE", "home/site"), ("REMOTE", "remotes/site.git")];
    command.envs(places.map(|(name, path)| (name, env.path(path)))).env("OUT", out.path());
    let output = Output::of(&mut command);
    for file in fs::read_dir(out.path()).unwrap().flatten().filter(|file| file.path().is_file()) {
        fs::copy(file.path(), env.path("tmp").join(file.file_name())).unwrap();
    }
    Seen { output, env }
}
