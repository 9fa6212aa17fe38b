//! Where everything goes: for a service of the machine, or below the home of one user.

use std::path::{Path, PathBuf};

use clap_complete::Shell;
use pimainteno_core::config;

pub(super) use crate::setup::SERVICE as UNIT;
use crate::setup::{SYSTEM_RUNTIME, SYSTEM_STATE};

/// What tells the daemon of a unit that failed; its instance is the unit's name.
pub(super) const FAILED_UNIT: &str = "pi-mainteno-failed@.service";

/// Whose systemd runs the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manager {
    /// The machine's; root writes to it.
    System,
    /// That of the user who installs.
    User,
}

/// Where the files of a service are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) manager: Manager,
    /// The unit.
    pub(super) unit: PathBuf,
    /// The template for `OnFailure=`.
    pub(super) failed: PathBuf,
    /// The polkit rule, where one is needed at all.
    pub(super) rule: Option<PathBuf>,
    /// The configuration, which is never removed.
    pub(super) configuration: PathBuf,
    /// The files of the keys that the configuration has from systemd.
    pub(super) credentials: PathBuf,
    /// The manual.
    pub(super) manual: PathBuf,
    /// The scripts that complete the command line.
    pub(super) completions: Vec<(Shell, PathBuf)>,
    /// What the daemon is told by systemd, or would find by itself, of where it keeps state.
    pub(super) state: PathBuf,
    /// The same of where it listens, if that is not beside the state.
    pub(super) runtime: Option<PathBuf>,
}

impl Places {
    /// Those of the machine.
    pub(super) fn of_system() -> Self {
        let units = Path::new("/etc/systemd/system");
        let share = Path::new("/usr/local/share");
        let configuration = PathBuf::from(config::SYSTEM_PATH);
        Self {
            manager: Manager::System,
            unit: units.join(UNIT),
            failed: units.join(FAILED_UNIT),
            rule: Some("/etc/polkit-1/rules.d/50-pi-mainteno.rules".into()),
            credentials: configuration.with_file_name("credentials"),
            configuration,
            manual: share.join("man/man1/pi-mainteno.1"),
            completions: vec![
                (Shell::Bash, share.join("bash-completion/completions/pi-mainteno")),
                (Shell::Fish, share.join("fish/vendor_completions.d/pi-mainteno.fish")),
                (Shell::Zsh, share.join("zsh/site-functions/_pi-mainteno")),
            ],
            state: SYSTEM_STATE.into(),
            runtime: Some(SYSTEM_RUNTIME.into()),
        }
    }

    /// Those of a user: `directory` gives the one that a variable such as `XDG_CONFIG_HOME` names.
    pub(super) fn of_user(home: &Path, directory: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let or = |name: &str, usual: &str| directory(name).unwrap_or_else(|| home.join(usual));
        let settings = or("XDG_CONFIG_HOME", ".config");
        let share = or("XDG_DATA_HOME", ".local/share");
        let units = settings.join("systemd/user");
        Self {
            manager: Manager::User,
            unit: units.join(UNIT),
            failed: units.join(FAILED_UNIT),
            rule: None,
            configuration: settings.join("pi-mainteno/PiMainteno.toml"),
            credentials: settings.join("pi-mainteno/credentials"),
            manual: share.join("man/man1/pi-mainteno.1"),
            // For zsh there is no place in a home that it looks at by itself.
            completions: vec![
                (Shell::Bash, share.join("bash-completion/completions/pi-mainteno")),
                (Shell::Fish, settings.join("fish/completions/pi-mainteno.fish")),
            ],
            state: or("XDG_STATE_HOME", ".local/state").join("pi-mainteno"),
            runtime: None,
        }
    }

    /// Everything that `install` may have written and `uninstall` removes.
    pub(super) fn removable(&self) -> Vec<&Path> {
        let mut files = vec![self.unit.as_path(), &self.failed];
        files.extend(self.rule.as_deref());
        files.push(&self.manual);
        files.extend(self.completions.iter().map(|(_, path)| path.as_path()));
        files
    }
}

impl Manager {
    /// The arguments by which `systemctl` and `journalctl` speak to it.
    pub(super) fn option(self) -> Option<&'static str> {
        (self == Self::User).then_some("--user")
    }

    /// The command that a person types for `systemctl` of it.
    pub(super) fn systemctl(self) -> &'static str {
        match self {
            Self::System => "systemctl",
            Self::User => "systemctl --user",
        }
    }

    /// The same for `journalctl`.
    pub(super) fn journalctl(self) -> &'static str {
        match self {
            Self::System => "journalctl",
            Self::User => "journalctl --user",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_a_user_is_below_the_home_and_where_its_variables_say() {
        let places = Places::of_user(Path::new("/home/ada"), |_| None);
        assert_eq!(places.unit, Path::new("/home/ada/.config/systemd/user/Pi-Maintainer.service"));
        assert!(places.removable().iter().all(|path| path.starts_with("/home/ada")));
        assert!(places.rule.is_none());
        let moved = Places::of_user(Path::new("/home/ada"), |name| {
            (name == "XDG_CONFIG_HOME").then(|| "/c".into())
        });
        assert_eq!(moved.configuration, Path::new("/c/pi-mainteno/PiMainteno.toml"));
        assert_eq!(moved.state, Path::new("/home/ada/.local/state/pi-mainteno"));
    }

    #[test]
    fn neither_the_configuration_nor_the_state_is_removed() {
        let places = Places::of_system();
        let kept = [&places.configuration, &places.credentials, &places.state];
        for path in places.removable() {
            assert!(kept.iter().all(|kept| !path.starts_with(kept)), "{}", path.display());
        }
    }
}
