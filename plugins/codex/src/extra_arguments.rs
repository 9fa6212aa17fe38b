//! The arguments that the configuration adds to codex's command line.
//!
//! What is allowed is listed, not what is forbidden: another version of codex may know other ways
//! out of the sandbox.

use pimainteno_core::{Error, ErrorKind, Result};

/// Options that may be added; each takes a value.
const ALLOWED: [&str; 4] = ["-c", "--config", "--enable", "--disable"];

/// Beginnings of the settings that keep the agent inside its sandbox, or that run programs outside
/// of it.
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

/// Refuses arguments that would undo what keeps the agent inside its workspace.
pub(crate) fn check(arguments: &[String]) -> Result<()> {
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        let (option, attached) = split(argument);
        if !ALLOWED.contains(&option) {
            return Err(refused(argument));
        }
        // What begins with a dash is an option of its own to codex.
        let value = attached.or_else(|| arguments.next().filter(|value| !value.starts_with('-')));
        let value = value.ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("`{option}` in `llm.extra_args` lacks its value"))
        })?;
        let is_guarded = if option.ends_with("able") {
            is_guarded_feature(value)
        } else {
            is_guarded_setting(value)
        };
        if is_guarded {
            return Err(refused(&format!("{option} {value}")));
        }
    }
    Ok(())
}

/// An option and the value that is attached to it: `--config=a=b`, `-ca=b`.
fn split(argument: &str) -> (&str, Option<&str>) {
    match (argument.split_once('='), argument.strip_prefix("-c")) {
        (_, Some(value)) if !argument.starts_with("--") && !value.is_empty() => {
            ("-c", Some(value.strip_prefix('=').unwrap_or(value)))
        }
        (Some((option, value)), _) if argument.starts_with("--") => (option, Some(value)),
        _ => (argument, None),
    }
}

fn is_guarded_setting(setting: &str) -> bool {
    let key = setting.split('=').next().unwrap_or_default();
    let key: String = key
        .chars()
        .filter(|character| !character.is_whitespace() && !matches!(character, '"' | '\''))
        .collect();
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
    let allowed = ALLOWED.join(", ");
    Error::new(ErrorKind::Config, format!("`llm.extra_args` must not hold `{argument}`")).hint(format!(
        "allowed are {allowed}, except for what concerns the sandbox, approvals and programs outside of it; the model is `llm.model`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let error = check(&arguments).expect_err(&format!("{arguments:?} was let through"));
            assert_eq!(
                (error.kind(), error.hints().count()),
                (ErrorKind::Config, 1),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn harmless_arguments_are_let_through_and_a_missing_value_is_told() {
        let arguments = [
            "-c",
            "model_reasoning_effort=high",
            "--config=personality=none",
            "--disable",
            "view_image",
        ];
        check(&arguments.map(String::from)).unwrap();
        for arguments in [&["-c"][..], &["-c", "--add-dir=/"]] {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            assert!(check(&arguments).unwrap_err().message().contains("lacks its value"));
        }
    }
}
