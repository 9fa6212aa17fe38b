//! The variables that child processes see.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::SandboxHelper;

/// What children may see of the environment of whoever builds the library: where things are, which
/// language to speak, which proxy to use. Everything else stays out, because that is where keys and
/// tokens are.
const ALLOWED: [&str; 28] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "JAVA_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    // Where the owner has Git's configuration. What these could say themselves is in other
    // variables, and may be a token.
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
];

/// What they may see as well: where certificates of authorities lie that are trusted beside the
/// machine's.
const AUTHORITIES: [&str; 8] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
];

/// The variables that child processes see, and the program that minds those of them that could
/// start others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    minder: Option<PathBuf>,
}

impl Environment {
    /// Those of `variables` that children may see.
    pub fn from_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let is_listed = |name: &str| ALLOWED.contains(&name) || AUTHORITIES.contains(&name);
        let allowed =
            |name: &OsStr| name.to_str().is_some_and(|name| is_listed(&name.to_ascii_uppercase()));
        Self {
            variables: variables.into_iter().filter(|(name, _)| allowed(name)).collect(),
            minder: None,
        }
    }

    /// The same with one more variable, whatever its name.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same without these variables.
    #[must_use]
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.variables.retain(|name, _| !names.iter().any(|other| name == other));
        self
    }

    /// The same with `helper` to mind children, so that [whatever they
    /// start](super::Command::minded_by) ends with them. A
    /// [builder](crate::MaintainerBuilder::sandbox_helper) that is given a helper does so by
    /// itself.
    #[must_use]
    pub fn minded_by(mut self, helper: &SandboxHelper) -> Self {
        self.minder = Some(helper.program().to_owned());
        self
    }

    /// The program that minds children, if there is one.
    pub(super) fn minder(&self) -> Option<&Path> {
        self.minder.as_deref()
    }

    /// One variable.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.variables.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }

    /// Where certificates of authorities lie that are trusted beside the machine's.
    pub(super) fn authorities(&self) -> impl Iterator<Item = PathBuf> {
        AUTHORITIES.iter().filter_map(|name| self.get(name)).map(PathBuf::from)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_see_where_things_are_but_no_keys() {
        let variables = [
            ("PATH", "/bin"),
            ("OPENAI_API_KEY", "sk-1"),
            ("GITHUB_TOKEN", "t"),
            ("https_proxy", "http://p"),
            ("GIT_CONFIG_GLOBAL", "/home/ada/git"),
            ("GIT_CONFIG_VALUE_0", "Authorization: t"),
        ];
        let environment =
            Environment::from_variables(variables.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(
            environment.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["GIT_CONFIG_GLOBAL", "PATH", "https_proxy"]
        );
    }
}
