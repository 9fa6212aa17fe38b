//! Everything that comes from the command line, the environment and the configuration file.
//!
//! The library reads no global state; here is where the program reads it, once.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;
use pimainteno_core::{
    Error, ErrorKind, Maintainer, MaintainerBuilder, Result, Sha256,
    config::{self, Config},
    process::{Environment, SandboxHelper},
};
use pimainteno_web::Configuration;

mod broken;
pub(crate) mod credentials;

pub(crate) use broken::daemon_of_broken;

use crate::backends;

/// Where the state of a daemon of the whole machine is.
pub(crate) const SYSTEM_STATE: &str = "/var/lib/pi-mainteno";

/// Where systemd puts the runtime directory of that daemon, if its unit asks for one.
pub(crate) const SYSTEM_RUNTIME: &str = "/run/pi-mainteno";

/// What systemd calls the service.
pub(crate) const SERVICE: &str = "Pi-Maintainer.service";

/// Everything that comes from the command line, the environment and the configuration file.
#[derive(Debug)]
pub(crate) struct Setup {
    /// What the configuration file says.
    pub(crate) config: Config,
    /// The configuration file.
    pub(crate) config_path: PathBuf,
    /// The SHA-256 of what it held.
    pub(crate) sha256: Sha256,
    /// What its owner should know, a line each.
    pub(crate) notices: Vec<String>,
    /// The variables that child processes see.
    pub(crate) environment: Environment,
    /// Where the store and the workspaces are.
    pub(crate) state_directory: PathBuf,
    /// Where a daemon listens for commands.
    pub(crate) socket: PathBuf,
}

impl Setup {
    /// Reads the configuration, at `explicit` or at one of the usual places, and finds out where
    /// everything is.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is no usable configuration, or no place for state.
    pub(crate) fn load(explicit: Option<&Path>) -> Result<Self> {
        let environment = environment();
        let path = config::find(explicit, &current_directory()?, &usual_path(&environment))
            .map_err(|error| error.hint("`pi-mainteno init` writes one"))?;
        let loaded = Config::load(&path, of_configuration, environment.home().as_deref())?;
        let state_directory = state_directory(&loaded.config, variable, has_state_of_machine())?;
        let socket = socket(&loaded.config, variable, &state_directory);
        Ok(Self {
            config: loaded.config,
            config_path: loaded.path,
            sha256: loaded.sha256,
            notices: loaded.notices,
            environment,
            state_directory,
            socket,
        })
    }

    /// Whether any state was kept so far.
    pub(crate) fn has_state(&self) -> bool {
        self.config
            .cache
            .path
            .as_ref()
            .map_or_else(|| self.state_directory.join("state.redb").exists(), |path| path.exists())
    }

    /// Which configuration this is.
    pub(crate) fn configuration(&self) -> Configuration {
        Configuration { path: self.config_path.clone(), sha256: self.sha256.clone() }
    }

    /// Reads the same file again, for a daemon that goes on where it is.
    ///
    /// # Errors
    /// As [`Self::load`], and [`ErrorKind::Config`] if the daemon would have to listen elsewhere.
    pub(crate) fn again(&self) -> Result<Self> {
        let again = Self::load(Some(&self.config_path))?;
        if again.socket == self.socket {
            return Ok(again);
        }
        let message = format!(
            "the daemon listens at `{}`, not at `{}`, while it runs",
            self.socket.display(),
            again.socket.display()
        );
        Err(Error::new(ErrorKind::Config, message).hint("restart it to listen elsewhere"))
    }

    /// A builder of what this setup describes.
    pub(crate) fn builder(&self) -> MaintainerBuilder {
        let builder = Maintainer::builder()
            .config(self.config.clone())
            .environment(self.environment.clone())
            .sandbox_helper(sandbox_helper());
        let builder = builder.time_zone(TimeZone::system());
        // A configured path also names the store's file, which a directory would override.
        let builder = if self.config.cache.path.is_some() {
            builder
        } else {
            builder.state_directory(&self.state_directory)
        };
        backends::register(builder)
    }
}

/// The variables of this process that child processes may see, and where codex has its sign-in.
pub(crate) fn environment() -> Environment {
    let environment = Environment::from_variables(env::vars_os());
    match variable("CODEX_HOME") {
        Some(home) => environment.with("CODEX_HOME", home),
        None => environment,
    }
}

/// What sets up the sandboxes of checks: this very program, also when its file was replaced
/// meanwhile.
pub(crate) fn sandbox_helper() -> SandboxHelper {
    SandboxHelper::new("/proc/self/exe")
}

/// Where the configuration is if it is neither named nor here: that of the user's own service, if
/// there is one, or else that of the machine.
fn usual_path(environment: &Environment) -> PathBuf {
    let own = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let own = own.or_else(|| Some(environment.home()?.join(".config")));
    let own = own.map(|directory| directory.join("pi-mainteno/PiMainteno.toml"));
    own.filter(|path| path.is_file()).unwrap_or_else(|| config::SYSTEM_PATH.into())
}

/// A variable that the configuration names.
fn of_configuration(name: &str) -> Option<String> {
    if name == credentials::VARIABLE { credentials::value() } else { env::var(name).ok() }
}

/// The directory that the command was called in.
///
/// # Errors
/// [`ErrorKind::Usage`] if it was removed meanwhile.
pub(crate) fn current_directory() -> Result<PathBuf> {
    env::current_dir().map_err(|source| {
        Error::new(ErrorKind::Usage, "cannot tell the current directory").source(source)
    })
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The configured place, or what systemd gives a service, or else the usual place: that of the
/// machine, or of the user.
///
/// # Errors
/// [`ErrorKind::Config`] if there is none.
pub(crate) fn state_directory(
    config: &Config,
    variable: impl Fn(&str) -> Option<OsString>,
    is_of_machine: bool,
) -> Result<PathBuf> {
    if let Some(file) = &config.cache.path {
        return Ok(file.parent().map(Path::to_owned).unwrap_or_default());
    }
    if let Some(directory) = variable("STATE_DIRECTORY") {
        return Ok(first(directory));
    }
    if is_of_machine {
        return Ok(PathBuf::from(SYSTEM_STATE));
    }
    // The specification of these directories has relative paths ignored.
    let state_home =
        variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state_home =
        state_home.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")));
    state_home.map(|directory| directory.join("pi-mainteno")).ok_or_else(|| {
        Error::new(ErrorKind::Config, "there is no place to keep state: `HOME` is not set")
            .hint("set `cache.path` in the configuration")
    })
}

/// Whether the state of a daemon of the machine is that of this user's commands: root's are, and
/// those of the user that its service runs as.
pub(crate) fn has_state_of_machine() -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let user = rustix::process::geteuid();
    let owner = Path::new(SYSTEM_STATE).metadata().map(|metadata| metadata.uid());
    user.is_root() || owner.is_ok_and(|owner| owner == user.as_raw())
}

/// The configured place, or the runtime directory that systemd gives a service, or else beside the
/// state.
pub(crate) fn socket(
    config: &Config,
    variable: impl Fn(&str) -> Option<OsString>,
    state_directory: &Path,
) -> PathBuf {
    const NAME: &str = "control.sock";
    if let Some(socket) = &config.web.socket {
        return socket.clone();
    }
    if let Some(directory) = variable("RUNTIME_DIRECTORY") {
        return first(directory).join(NAME);
    }
    // A command that a person types does not get the service's variables, and is to find its daemon
    // all the same.
    let of_service = Path::new(SYSTEM_RUNTIME).join(NAME);
    if state_directory == Path::new(SYSTEM_STATE) && of_service.exists() {
        of_service
    } else {
        state_directory.join(NAME)
    }
}

/// systemd separates several directories by colons; the first one is ours.
fn first(directories: OsString) -> PathBuf {
    env::split_paths(&directories).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + Copy {
        move |name| {
            list.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn the_state_is_where_the_configuration_the_service_or_the_user_has_it() {
        let user = variables(&[("HOME", "/home/ada")]);
        let xdg = variables(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/s")]);
        let relative = variables(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "s")]);
        let service =
            variables(&[("HOME", "/home/ada"), ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")]);
        let mut config = Config::default();
        let place = |config: &Config, variable, is_of_machine| {
            state_directory(config, variable, is_of_machine).unwrap()
        };
        assert_eq!(place(&config, user, false), Path::new("/home/ada/.local/state/pi-mainteno"));
        assert_eq!(place(&config, user, true), Path::new(SYSTEM_STATE));
        assert_eq!(state_directory(&config, xdg, false).unwrap(), Path::new("/s/pi-mainteno"));
        assert_eq!(
            state_directory(&config, relative, false).unwrap(),
            Path::new("/home/ada/.local/state/pi-mainteno")
        );
        assert_eq!(state_directory(&config, service, true).unwrap(), Path::new("/var/lib/a"));
        assert_eq!(
            state_directory(&config, |_| None, false).unwrap_err().kind(),
            ErrorKind::Config
        );
        config.cache.path = Some("/srv/state/x.redb".into());
        assert_eq!(state_directory(&config, service, true).unwrap(), Path::new("/srv/state"));
    }

    #[test]
    fn the_socket_is_beside_the_state_unless_something_else_is_said() {
        let mut config = Config::default();
        let state = Path::new("/nowhere/state");
        assert_eq!(socket(&config, |_| None, state), Path::new("/nowhere/state/control.sock"));
        assert_eq!(
            socket(&config, variables(&[("RUNTIME_DIRECTORY", "/run/x:/run/y")]), state),
            Path::new("/run/x/control.sock")
        );
        config.web.socket = Some("/tmp/s".into());
        assert_eq!(socket(&config, |_| None, state), Path::new("/tmp/s"));
    }
}
