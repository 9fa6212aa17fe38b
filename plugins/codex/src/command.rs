//! The command line and the environment of codex.

use std::ffi::{OsStr, OsString};

use pimainteno_core::{Error, ErrorKind, Request, Result, config::Secret, process::Environment};

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
/// Nothing of the user's own settings is read; nothing about the run is kept or reported; the agent's commands have no network.
const FIXED: [&str; 8] =
    ["exec", "--json", "--color=never", "--ignore-user-config", "--ignore-rules", "--ephemeral", "--skip-git-repo-check", "--cd"];

/// Settings that never change, for `-c`. Codex ignores those that it does not know, so that its versions may differ.
///
/// What the switched-off features and the bundled skills add to each request, about 9 kB of 38 kB, is paid for each time;
/// agents that codex starts by itself would be paid for without being counted.
const SETTINGS: [&str; 12] = [
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
    // Without this codex waits for ever when there is no network.
    "features.unbounded_connection_retries=false",
];

/// What the agent's commands may see of codex's environment: no key, no agent's socket, no proxy's password.
/// The last one marks them as descendants of this run, so that none of them outlives it.
const TOOL_VARIABLES: &str = r#"["PATH","HOME","USER","LOGNAME","SHELL","LANG","LC_*","TZ","TMPDIR","CARGO_HOME","RUSTUP_HOME","RUSTUP_TOOLCHAIN","GOPATH","JAVA_HOME","PIMAINTENO_CHILD"]"#;

/// What codex has no business with.
const HIDDEN_VARIABLES: [&str; 2] = ["SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS"];

/// Options that may be added, and whether a value follows.
const EXTRA_OPTIONS: [(&str, bool); 6] =
    [("-c", true), ("--config", true), ("--enable", true), ("--disable", true), ("--strict-config", false), ("--local-provider", true)];

/// Beginnings of the settings that keep the agent inside its sandbox, or that run programs outside of it.
const GUARDED_SETTINGS: [&str; 11] = [
    "sandbox",
    "permission",
    "default_permissions",
    "approval",
    "shell_environment_policy",
    "projects",
    "profile",
    "hooks",
    "notify",
    "mcp_servers",
    "allow_login_shell",
];

/// Parts of the names of features that loosen the sandbox.
const GUARDED_FEATURES: [&str; 5] = ["permission", "approval", "sandbox", "landlock", "network"];

impl Account {
    /// Who is asked if the configuration says `base_url` and `key`.
    pub(crate) fn new(base_url: &str, key: Option<Secret>) -> Result<Self> {
        let base_url = base_url.trim_end_matches('/');
        if base_url.is_empty() {
            return Ok(key.map_or(Self::SignIn, Self::Key));
        }
        let address = base_url.strip_prefix("http://").or_else(|| base_url.strip_prefix("https://"));
        match address {
            // A password in the address would be on the command line, which every user of the machine can read.
            Some(address) if address.split('/').next().unwrap_or_default().contains('@') => {
                Err(Error::new(ErrorKind::Config, "`llm.base_url` holds a user name or a password").hint("set `llm.api_key_file` instead"))
            }
            Some(address) if !address.is_empty() => Ok(Self::Server { base_url: base_url.to_owned(), key }),
            _ => Err(Error::new(ErrorKind::Config, format!("`llm.base_url` is no address: `{base_url}`"))
                .hint("it looks like `http://127.0.0.1:8080/v1`")),
        }
    }

    /// The variables that carry the key. It is nowhere else: not on the command line, not in a file.
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
pub(crate) fn arguments(request: &Request, model: &str, account: &Account, sandbox: &Sandbox, extra: &[String]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = FIXED.map(OsString::from).into();
    arguments.push(request.workspace.clone().into());
    if !model.is_empty() {
        arguments.extend(["--model", model].map(OsString::from));
    }
    let tool_variables =
        ["shell_environment_policy.inherit=all".to_owned(), format!("shell_environment_policy.include_only={TOOL_VARIABLES}")];
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
        !HIDDEN_VARIABLES.contains(&&*name) && !name.starts_with("CODEX_") && !name.starts_with("OPENAI_")
    })
}

/// Refuses arguments that would undo what keeps the agent inside its workspace.
pub(crate) fn check_extra_arguments(arguments: &[String]) -> Result<()> {
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        let (option, attached) = split(argument);
        let value = match EXTRA_OPTIONS.iter().find(|(name, _)| *name == option) {
            Some((_, false)) if attached.is_none() => continue,
            Some((_, true)) => attached.or_else(|| arguments.next()),
            _ => return Err(refused(argument)),
        };
        let value = value.ok_or_else(|| Error::new(ErrorKind::Config, format!("`{option}` in `llm.extra_args` lacks its value")))?;
        let guarded = match option {
            "-c" | "--config" => is_guarded_setting(value),
            "--enable" | "--disable" => is_guarded_feature(value),
            _ => false,
        };
        if guarded {
            return Err(refused(&format!("{option} {value}")));
        }
    }
    Ok(())
}

/// The settings that point codex to a server of one's own.
fn server_settings(request: &Request, account: &Account) -> Vec<String> {
    let Account::Server { base_url, key } = account else { return Vec::new() };
    let key = key.as_ref().map(|_| format!(r#"env_key="{SERVER_KEY}","#)).unwrap_or_default();
    // A JSON string without slashes escaped is a TOML string too.
    let base_url = serde_json::Value::from(base_url.as_str());
    let idle = request.silence_timeout.as_millis().max(1000);
    vec![
        "model_provider=pimainteno".into(),
        format!(
            r#"model_providers.pimainteno={{name="pimainteno",base_url={base_url},{key}wire_api="responses",request_max_retries=2,stream_max_retries=1,stream_idle_timeout_ms={idle},supports_websockets=false}}"#
        ),
    ]
}

/// An option and the value that is attached to it: `--config=a=b`, `-ca=b`.
fn split(argument: &str) -> (&str, Option<&str>) {
    match (argument.split_once('='), argument.strip_prefix("-c")) {
        (_, Some(value)) if !argument.starts_with("--") && !value.is_empty() => ("-c", Some(value.strip_prefix('=').unwrap_or(value))),
        (Some((option, value)), _) if argument.starts_with("--") => (option, Some(value)),
        _ => (argument, None),
    }
}

fn is_guarded_setting(setting: &str) -> bool {
    let key = setting.split('=').next().unwrap_or_default();
    let key: String = key.chars().filter(|character| !character.is_whitespace() && !matches!(character, '"' | '\'')).collect();
    match key.split_once('.') {
        Some(("features", feature)) => is_guarded_feature(feature),
        _ if key == "features" => true,
        _ => GUARDED_SETTINGS.iter().any(|guarded| key.starts_with(guarded)),
    }
}

fn is_guarded_feature(feature: &str) -> bool {
    GUARDED_FEATURES.iter().any(|guarded| feature.contains(guarded))
}

fn refused(argument: &str) -> Error {
    let allowed = EXTRA_OPTIONS.map(|(name, _)| name).join(", ");
    Error::new(ErrorKind::Config, format!("`llm.extra_args` must not hold `{argument}`")).hint(format!(
        "allowed are {allowed}, except for what concerns the sandbox, approvals and programs outside of it; the model is `llm.model`"
    ))
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
        assert!(line.contains("--cd /srv/work --model gpt-5.5 ") && line.contains(r#"{extends=":workspace","#));
        assert!(!line.contains("model_provider"));
        assert!(line.ends_with(" -c model_reasoning_effort=low -"));
    }

    #[test]
    fn a_key_is_in_the_environment_and_not_on_the_command_line() {
        let mut request = Request::new(Task::Summarize, "/srv/work", "");
        request.silence_timeout = Duration::from_secs(7);
        let account = Account::new("http://[::1]:8080/v1/", Some(Secret::new("sk-hidden"))).unwrap();
        let line = line(&request, &account);
        assert!(line.contains(r#"base_url="http://[::1]:8080/v1",env_key="PIMAINTENO_CODEX_KEY","#) && !line.contains("sk-hidden"));
        assert!(line.contains("stream_idle_timeout_ms=7000"));
        assert_eq!(account.variables(), Some((SERVER_KEY, "sk-hidden")));
        assert_eq!(Account::new("", Some(Secret::new("sk-hidden"))).unwrap().variables(), Some(("CODEX_API_KEY", "sk-hidden")));
    }

    #[test]
    fn an_address_that_is_none_or_that_holds_a_password_is_refused() {
        for address in ["localhost:8080", "ftp://host/v1", "https://", "https://me:secret@host/v1"] {
            let error = Account::new(address, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn arguments_that_undo_the_sandbox_are_refused() {
        for arguments in [
            &["--dangerously-bypass-approvals-and-sandbox"][..],
            &["-s", "danger-full-access"],
            &["-sdanger-full-access"],
            &["--sandbox=danger-full-access"],
            &["--full-auto"],
            &["--add-dir", "/"],
            &["-c", "sandbox_mode=danger-full-access"],
            &["-c", " \"sandbox_mode\" = 'danger-full-access'"],
            &["-csandbox_mode=danger-full-access"],
            &["-c=sandbox_mode=danger-full-access"],
            &["--config=sandbox_workspace_write.network_access=true"],
            &["-c", "sandbox_workspace_write={writable_roots=[\"/\"]}"],
            &["-c", "default_permissions=\"x\""],
            &["-c", "shell_environment_policy.inherit=all"],
            &["-c", "mcp_servers.x={command=\"sh\"}"],
            &["-c", "features={use_legacy_landlock=true}"],
            &["--enable", "network_proxy"],
            &["-p", "loose"],
            &["--trust"],
            &["-C", "/"],
            &["resume"],
            &["a prompt"],
        ] {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            let error = check_extra_arguments(&arguments).expect_err(&format!("{arguments:?} was let through"));
            assert_eq!((error.kind(), error.hints().count()), (ErrorKind::Config, 1), "{arguments:?}");
        }
    }

    #[test]
    fn harmless_arguments_are_let_through_and_a_missing_value_is_told() {
        let arguments = ["-c", "model_reasoning_effort=high", "--config=personality=none", "--disable", "view_image", "--strict-config"];
        check_extra_arguments(&arguments.map(String::from)).unwrap();
        assert!(check_extra_arguments(&["-c".into()]).unwrap_err().message().contains("lacks its value"));
    }

    #[test]
    fn codex_does_not_see_sockets_that_give_access_nor_a_home_that_was_not_chosen() {
        let all = Environment::default().with("PATH", "/bin").with("SSH_AUTH_SOCK", "/s").with("CODEX_HOME", "/c").with("OPENAI_X", "1");
        assert_eq!(environment(&all).collect::<Vec<_>>(), [(OsStr::new("PATH"), OsStr::new("/bin"))]);
    }
}
