//! The command line and the environment of codex.

use std::ffi::{OsStr, OsString};

use pimainteno_core::{
    Request,
    config::{Address, Secret},
    process::Environment,
};

use crate::sandbox::Sandbox;

/// The variable that hands the key of a server of one's own to codex.
const SERVER_KEY: &str = "PIMAINTENO_CODEX_KEY";

/// Who is asked, and with which credentials.
#[derive(Debug)]
pub(crate) enum Account {
    /// The provider that the user signed in to.
    SignIn,
    /// Codex's own provider, with this key.
    Key(Secret),
    /// A server that speaks the Responses API.
    Server {
        /// Its address, ending in `/v1`.
        base_url: String,
        /// Its key, if it wants one.
        key: Option<Secret>,
    },
}

/// What never changes, each measured to be needed for an unattended run.
///
/// Nothing of the user's own settings is read; nothing about the run is kept or reported; the
/// agent's commands have no network.
const FIXED: [&str; 8] = [
    "exec",
    "--json",
    "--color=never",
    "--ignore-user-config",
    "--ignore-rules",
    "--ephemeral",
    "--skip-git-repo-check",
    "--cd",
];

/// Settings that never change, for `-c`. Codex ignores those that it does not know, so that its
/// versions may differ.
///
/// What the switched-off features and the bundled skills add to each request, about 9 kB of 38 kB,
/// is paid for each time; agents that codex starts by itself would be paid for without being
/// counted.
const SETTINGS: [&str; 13] = [
    "analytics.enabled=false",
    "feedback.enabled=false",
    "check_for_update_on_startup=false",
    "web_search=disabled",
    "allow_login_shell=false",
    "skills.bundled.enabled=false",
    "features.plugins=false",
    "features.apps=false",
    "features.shell_snapshot=false",
    "features.goals=false",
    "features.multi_agent=false",
    // Hooks run outside of the sandbox.
    "features.hooks=false",
    // Without this codex waits for ever when there is no network.
    "features.unbounded_connection_retries=false",
];

/// What the agent's commands may see of codex's environment, as a list of TOML: no key, no agent's
/// socket, no proxy's password. The last one marks them as descendants of this run, so that none of
/// them outlives it.
const TOOL_VARIABLES: &str = concat!(
    r#"["PATH","HOME","USER","LOGNAME","SHELL","LANG","LC_*","TZ","TMPDIR","#,
    r#""CARGO_HOME","RUSTUP_HOME","RUSTUP_TOOLCHAIN","GOPATH","JAVA_HOME","PIMAINTENO_CHILD"]"#
);

/// What codex has no business with.
const HIDDEN_VARIABLES: [&str; 2] = ["SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS"];

impl Account {
    /// Who is asked if the configuration says `base_url` and `key`.
    pub(crate) fn new(base_url: Option<&Address>, key: Option<Secret>) -> Self {
        match base_url {
            Some(address) => {
                Self::Server { base_url: address.as_str().trim_end_matches('/').to_owned(), key }
            }
            None => key.map_or(Self::SignIn, Self::Key),
        }
    }

    /// The variables that carry the key. It is nowhere else: not on the command line, not in a
    /// file.
    pub(crate) fn variables(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::SignIn | Self::Server { key: None, .. } => None,
            Self::Key(key) => Some(("CODEX_API_KEY", key.expose())),
            Self::Server { key: Some(key), .. } => Some((SERVER_KEY, key.expose())),
        }
    }

    /// `text` without the key: a server may repeat it in its refusal.
    pub(crate) fn redact(&self, text: &str) -> String {
        match self.variables() {
            Some((_, key)) if !key.is_empty() => text.replace(key, "[key]"),
            _ => text.to_owned(),
        }
    }
}

/// The arguments of codex for `request`; the prompt comes on its standard input.
pub(crate) fn arguments(
    request: &Request,
    model: &str,
    account: &Account,
    sandbox: &Sandbox,
    extra: &[String],
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = FIXED.map(OsString::from).into();
    arguments.push(request.workspace.clone().into());
    if !model.is_empty() {
        arguments.push(format!("--model={model}").into());
    }
    let tool_variables = [
        "shell_environment_policy.inherit=all".to_owned(),
        format!("shell_environment_policy.include_only={TOOL_VARIABLES}"),
    ];
    let settings = SETTINGS
        .map(str::to_owned)
        .into_iter()
        .chain(tool_variables)
        .chain(sandbox.settings(request.edit))
        .chain(server_settings(request, account));
    arguments.extend(settings.flat_map(|setting| ["-c".into(), setting.into()]));
    arguments.extend(extra.iter().map(OsString::from));
    arguments.push("-".into());
    arguments
}

/// The part of `environment` that codex gets.
pub(crate) fn environment(environment: &Environment) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    environment.iter().filter(|(name, _)| {
        let name = name.to_string_lossy();
        // What would change where codex looks or whom it asks is set here, or not at all.
        !HIDDEN_VARIABLES.contains(&&*name)
            && !name.starts_with("CODEX_")
            && !name.starts_with("OPENAI_")
    })
}

/// The settings that point codex to a server of one's own.
fn server_settings(request: &Request, account: &Account) -> Vec<String> {
    let Account::Server { base_url, key } = account else { return Vec::new() };
    let key = key.as_ref().map(|_| format!(r#"env_key="{SERVER_KEY}","#)).unwrap_or_default();
    // A JSON string without slashes escaped is a TOML string too.
    let base_url = serde_json::Value::from(base_url.as_str());
    let idle = request.silence_timeout.as_millis().max(1000);
    let retries = format!(
        "request_max_retries=2,stream_max_retries=1,stream_idle_timeout_ms={idle},supports_websockets=false"
    );
    let provider =
        format!(r#"{{name="pimainteno",base_url={base_url},{key}wire_api="responses",{retries}}}"#);
    vec!["model_provider=pimainteno".into(), format!("model_providers.pimainteno={provider}")]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pimainteno_core::{Edit, Task};

    use super::*;

    fn line(request: &Request, account: &Account) -> String {
        arguments(
            request,
            "gpt-5.5",
            account,
            &Sandbox::new(&Environment::default(), []),
            &["-c".into(), "model_reasoning_effort=low".into()],
        )
        .join(OsStr::new(" "))
        .into_string()
        .unwrap()
    }

    #[test]
    fn only_an_edit_may_write_and_the_extra_arguments_come_last() {
        let mut request = Request::new(Task::Propose, "/srv/work", "change it");
        assert!(line(&request, &Account::SignIn).contains(r#"{extends=":read-only","#));
        request.edit = Edit::Reply;
        assert!(line(&request, &Account::SignIn).contains(r#"{extends=":read-only","#));
        request.edit = Edit::Workspace;
        let line = line(&request, &Account::SignIn);
        assert!(
            line.contains("--cd /srv/work --model=gpt-5.5 ")
                && line.contains(r#"{extends=":workspace","#)
        );
        assert!(!line.contains("model_provider"));
        assert!(line.ends_with(" -c model_reasoning_effort=low -"));
    }

    #[test]
    fn a_key_is_in_the_environment_and_not_on_the_command_line() {
        let mut request = Request::new(Task::Summarize, "/srv/work", "");
        request.silence_timeout = Duration::from_secs(7);
        let address: Address = "http://[::1]:8080/v1/".parse().unwrap();
        let account = Account::new(Some(&address), Some(Secret::new("sk-hidden")));
        let line = line(&request, &account);
        assert!(
            line.contains(r#"base_url="http://[::1]:8080/v1",env_key="PIMAINTENO_CODEX_KEY","#)
                && !line.contains("sk-hidden")
        );
        assert!(line.contains("stream_idle_timeout_ms=7000"));
        assert_eq!(account.variables(), Some((SERVER_KEY, "sk-hidden")));
        assert_eq!(
            Account::new(None, Some(Secret::new("sk-hidden"))).variables(),
            Some(("CODEX_API_KEY", "sk-hidden"))
        );
    }

    #[test]
    fn codex_does_not_see_sockets_that_give_access_nor_a_home_that_was_not_chosen() {
        let all = Environment::default()
            .with("PATH", "/bin")
            .with("SSH_AUTH_SOCK", "/s")
            .with("CODEX_HOME", "/c")
            .with("OPENAI_X", "1");
        assert_eq!(
            environment(&all).collect::<Vec<_>>(),
            [(OsStr::new("PATH"), OsStr::new("/bin"))]
        );
    }
}
