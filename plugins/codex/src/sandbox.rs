//! What the agent's commands may read and write: a permission profile, which codex enforces with
//! bubblewrap.
//!
//! An edit may write to the workspace and to the temporary directory of its run, which linkers and
//! test suites need. Nothing else may be written, `.git` included, and there is no network.
//! Everything may be read but credentials: what a command shows goes to the model's provider.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use pimainteno_core::{Edit, process::Environment};
use serde_json::Value;

/// The profile's name.
pub(crate) const PROFILE: &str = "pimainteno";

/// Where credentials are kept, below the home directory.
const CREDENTIALS: [&str; 20] = [
    ".aws",
    ".azure",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".codex/auth.json",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/hub",
    ".config/rclone",
    ".docker/config.json",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/share/keyrings",
    ".netrc",
    ".npmrc",
    ".password-store",
    ".pypirc",
    ".ssh",
];

/// What is kept from the agent.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// Files and directories that may not even be read, whether they are there or not.
    hidden: Vec<PathBuf>,
}

impl Sandbox {
    /// A sandbox that hides the user's credentials and `more`.
    pub(crate) fn new(environment: &Environment, more: impl IntoIterator<Item = PathBuf>) -> Self {
        let home = environment.home();
        let credentials = home.iter().flat_map(|home| CREDENTIALS.map(|name| home.join(name)));
        Self { hidden: credentials.chain(more).collect() }
    }

    /// The settings, for `-c`, that select the profile for `edit`.
    pub(crate) fn settings(&self, edit: Edit) -> [String; 2] {
        let writes = edit == Edit::Workspace;
        let base = if writes { ":workspace" } else { ":read-only" };
        // Looked up each time, because they come and go; what is not there needs no rule.
        // Two names of one file would make the profile invalid.
        let hidden: BTreeSet<_> =
            self.hidden.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
        let mut rules: Vec<_> =
            hidden.iter().map(|path| format!("{}=\"deny\"", quoted(path))).collect();
        if writes {
            // The built-in profile opens `/tmp` to everybody's files.
            rules.push(r#"":slash_tmp"="read""#.to_owned());
        }
        let rules = rules.join(",");
        [
            format!("default_permissions=\"{PROFILE}\""),
            format!("permissions.{PROFILE}={{extends=\"{base}\",filesystem={{{rules}}}}}"),
        ]
    }
}

/// `path` as a string of TOML; one of JSON is that too.
fn quoted(path: &Path) -> Value {
    Value::from(path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_are_there_are_hidden() {
        let home = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(home.path()).unwrap();
        fs::create_dir(path.join(".ssh")).unwrap();
        fs::write(path.join("a \"key\""), "").unwrap();
        let environment = Environment::default().with("HOME", path.clone());
        let [_, profile] = Sandbox::new(
            &environment,
            [path.join("a \"key\""), path.join("none"), path.join(".ssh")],
        )
        .settings(Edit::Workspace);
        let path = path.display();
        let rules =
            format!(r#""{path}/.ssh"="deny","{path}/a \"key\""="deny",":slash_tmp"="read""#);
        assert_eq!(
            profile,
            format!(r#"permissions.pimainteno={{extends=":workspace",filesystem={{{rules}}}}}"#)
        );
    }
}
