//! The keys that systemd hands to the service (`LoadCredential=`), which the configuration names by
//! `${CREDENTIALS_DIRECTORY}`.

use std::{
    env,
    path::{Path, PathBuf},
};

use pimainteno_core::{
    Error, ErrorKind,
    config::{Config, LlmConfig},
};

use super::{SERVICE, variable};

/// The variable in which systemd tells a service where its keys are.
pub(crate) const VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// What a configuration is told of the variable. A command that a person types has not got it, and
/// looks where the keys are while the service runs.
pub(super) fn value() -> Option<String> {
    if let Ok(value) = env::var(VARIABLE) {
        return Some(value);
    }
    let [own, of_machine] = [true, false].map(directory);
    let directory = own.filter(|place| place.is_dir()).or(of_machine)?;
    directory.to_str().map(str::to_owned)
}

/// Where systemd puts the keys of the service: of that of this user, or of that of the machine.
pub(crate) fn directory(is_user: bool) -> Option<PathBuf> {
    let runtime = if is_user { variable("XDG_RUNTIME_DIR")?.into() } else { PathBuf::from("/run") };
    Some(runtime.join("credentials").join(SERVICE))
}

/// The names of the keys that `config` has in `directory`.
pub(crate) fn names(config: &Config, directory: &Path) -> Vec<String> {
    let name = |path: &PathBuf| Some(path.strip_prefix(directory).ok()?.to_str()?.to_owned());
    let mut names: Vec<_> = keys(config).iter().filter_map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// Those of them that are not there for this command; empty if it has all that it needs.
pub(crate) fn missing(config: &Config) -> Vec<PathBuf> {
    let Some(directory) = value().map(PathBuf::from) else { return Vec::new() };
    let paths = names(config, &directory).into_iter().map(|name| directory.join(name));
    paths.filter(|path| !path.exists()).collect()
}

/// The error, with what to do where a key is missing for it that only the service has.
pub(crate) fn explained(error: Error, config: &Config) -> Error {
    match missing(config).first() {
        Some(path) if error.kind() == ErrorKind::Config => error.hint(remedy(path)),
        _ => error,
    }
}

/// What to do where a command has not got the key that would be at `path`.
pub(crate) fn remedy(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().display();
    format!(
        "systemd hands `{name}` to {SERVICE}, and only while that runs: start it, or let `{VARIABLE}` name a directory with a file `{name}`; `pi-mainteno install` names the key in the unit"
    )
}

/// Every file that a key is read from.
fn keys(config: &Config) -> Vec<PathBuf> {
    let of = |llm: &LlmConfig| llm.api_key_file.clone();
    let of_projects = config.projects().into_iter().filter_map(|project| of(&project.llm));
    of(&config.llm).into_iter().chain(of_projects).chain(config.web.token_file.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_from_systemd_are_told_from_others() {
        let text = "[llm]\napi_key_file = \"${CREDENTIALS_DIRECTORY}/openai\"\n[web]\ntoken_file = \"${CREDENTIALS_DIRECTORY}/web\"\n\
            [[project]]\npath = \"~/a\"\nllm.api_key_file = \"~/key\"\n[[project]]\npath = \"~/b\"\n";
        let variable = |name: &str| (name == VARIABLE).then(|| "/run/x".to_owned());
        let home = Some(Path::new("/home/ada"));
        let config = Config::parse(text, Path::new("/etc/a.toml"), variable, home).unwrap().config;
        assert_eq!(names(&config, Path::new("/run/x")), ["openai", "web"]);
        assert!(names(&config, Path::new("/run/y")).is_empty());
    }

    #[test]
    fn the_keys_of_the_machines_service_are_where_systemd_puts_them() {
        let place = Path::new("/run/credentials/Pi-Maintainer.service");
        assert_eq!(directory(false).as_deref(), Some(place));
    }
}
