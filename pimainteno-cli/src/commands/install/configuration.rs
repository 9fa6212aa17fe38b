//! The configuration that the service is to read, as the service will read it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use pimainteno_core::{
    Error, ErrorKind, Result,
    config::{Bus, Config, Loaded},
};

use super::{
    owner::{self, Owners},
    place::{Manager, Places, UNIT},
    plan,
    service::Account,
};
use crate::setup::{self, credentials};

/// What is written where there is no configuration: the annotated one, which has no projects.
const DEFAULT: &str = include_str!("../../../../PiMainteno.toml");

/// The configuration that the service is to read.
#[derive(Debug)]
pub(super) struct Configuration {
    /// What it says to the service.
    pub(super) config: Config,
    /// What is to be written to its place; `None` if it stays as it is.
    pub(super) text: Option<String>,
    /// Whether that is the one which says nothing yet.
    pub(super) is_default: bool,
    /// Whom the service runs as.
    pub(super) owner: Account,
    /// The projects that are not there.
    pub(super) missing: Vec<PathBuf>,
}

/// A text, and the file that it is from, or would be.
struct Source {
    text: String,
    path: PathBuf,
    is_default: bool,
}

/// The configuration at its place, or if one is named or there is none, the one that is to be
/// written there; `wanted` is the owner that a person named.
///
/// # Errors
/// [`ErrorKind::Config`] if it cannot be used; [`ErrorKind::Usage`] if it cannot be told whom the
/// service is to run as.
pub(super) async fn find(
    explicit: Option<&Path>,
    wanted: Option<&str>,
    places: &Places,
) -> Result<Configuration> {
    let source = source(explicit, places)?;
    let caller = caller(wanted, places).await?;
    let loaded = parse(&source.text, &source.path, &caller, places)?;
    let owners = Owners::of(&loaded.config);
    let owner = owners.only().await?;
    if let (None, [first, ..]) = (&owner, owners.missing.as_slice()) {
        let message = format!("none of the projects is there, such as `{}`", first.display());
        return Err(Error::new(ErrorKind::Usage, message).hint(format!(
            "`~` was taken for `{}`; `--owner USER` says whose it is",
            caller.home.display()
        )));
    }
    let owner = match owner {
        Some(owner) if owner.user != caller.user => {
            refuse_other_owner(&owner, wanted, places)?;
            let again = parse(&source.text, &source.path, &owner, places)?;
            if Owners::of(&again.config).users.keys().ne([&owner.user]) {
                let message = format!(
                    "it cannot be told whose the projects are: `~` in `{}` is another directory for {} than for {}",
                    source.path.display(),
                    owner.name,
                    caller.name
                );
                return Err(
                    Error::new(ErrorKind::Usage, message).hint("`--owner USER` says whose it is")
                );
            }
            owner
        }
        Some(owner) => owner,
        None if caller.is_root() && wanted.is_none() && places.manager == Manager::System => {
            return Err(Error::new(
                ErrorKind::Usage,
                "it cannot be told whom the service is to run as: there are no projects yet",
            )
            .hint("`--owner USER` says who owns those that will be there"));
        }
        None => caller,
    };
    let config = placed(&source, &owner, places)?;
    refuse_other_bus(&config, places)?;
    let is_there = plan::read(&places.configuration)?.as_deref() == Some(source.text.as_str());
    Ok(Configuration {
        missing: Owners::of(&config).missing,
        config,
        text: (!is_there).then_some(source.text),
        is_default: source.is_default,
        owner,
    })
}

/// The keys that the service has from systemd, by their names: those whose files are said to be in
/// `${CREDENTIALS_DIRECTORY}`.
pub(super) fn credentials(config: &Config, places: &Places) -> Vec<String> {
    let directory = credentials::directory(places.manager == Manager::User);
    directory.map(|directory| credentials::names(config, &directory)).unwrap_or_default()
}

/// Where the text comes from.
fn source(explicit: Option<&Path>, places: &Places) -> Result<Source> {
    let directory = setup::current_directory()?;
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|source| {
            let message = format!("cannot read the configuration `{}`", path.display());
            Error::new(ErrorKind::Config, message).source(source)
        })?;
        Ok(Source { text, path, is_default: false })
    };
    if let Some(path) = explicit {
        return read(directory.join(path));
    }
    if places.configuration.exists() {
        return read(places.configuration.clone());
    }
    let here = directory.join("PiMainteno.toml");
    if here.exists() {
        return read(here);
    }
    Ok(Source { text: DEFAULT.into(), path: places.configuration.clone(), is_default: true })
}

/// Who is taken for the owner until the projects tell: the one that was named, whom the service runs
/// as already, whoever called `sudo`, or this user.
async fn caller(wanted: Option<&str>, places: &Places) -> Result<Account> {
    let is_system = places.manager == Manager::System;
    let of_unit = plan::read(&places.unit)?.and_then(|unit| {
        unit.lines().find_map(|line| line.strip_prefix("User=")).map(str::to_owned)
    });
    let of_sudo = env::var("SUDO_USER").ok();
    let own = rustix::process::geteuid().as_raw().to_string();
    let known = of_unit.or(of_sudo).filter(|_| is_system);
    let key = wanted.map(str::to_owned).or(known).unwrap_or(own);
    let mut account = owner::account(&key).await?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("there is no user `{key}`"))
            .hint("`--owner USER` names the user that owns the projects")
    })?;
    if places.manager == Manager::User {
        // That of the session counts, wherever the machine's list says.
        account.home = setup::environment().home().unwrap_or(account.home);
    }
    Ok(account)
}

fn refuse_other_owner(owner: &Account, wanted: Option<&str>, places: &Places) -> Result<()> {
    let Account { name, .. } = owner;
    if places.manager == Manager::User {
        let message = format!("the projects belong to {name}, and this would run as you");
        return Err(Error::new(ErrorKind::Usage, message).hint(format!(
            "let {name} run `pi-mainteno install --user`, or root `pi-mainteno install`"
        )));
    }
    match wanted {
        Some(wanted) => {
            let message = format!("the projects belong to {name}, not to {wanted}");
            Err(Error::new(ErrorKind::Usage, message)
                .hint("Git works on a checkout as its owner alone: leave `--owner` out, or `chown -R` the checkouts"))
        }
        None => Ok(()),
    }
}

/// What the text says at its place, which has to be what it says where it is.
fn placed(source: &Source, owner: &Account, places: &Places) -> Result<Config> {
    let here = parse(&source.text, &source.path, owner, places)?.config;
    let there = parse(&source.text, &places.configuration, owner, places)?.config;
    if here == there {
        return Ok(there);
    }
    let message = format!(
        "`{}` would mean something else as `{}`: it names files by where it is itself",
        source.path.display(),
        places.configuration.display()
    );
    Err(Error::new(ErrorKind::Config, message)
        .hint("write whole paths, from `/` or `~/` on, for projects, policies and keys"))
}

/// Reads a text as the service of `owner` will: with its variables, and no other.
fn parse(text: &str, path: &Path, owner: &Account, places: &Places) -> Result<Loaded> {
    let is_user = places.manager == Manager::User;
    let variable = |name: &str| {
        let own = match name {
            "HOME" => Some(owner.home.clone()),
            "USER" | "LOGNAME" => Some(owner.name.clone().into()),
            credentials::VARIABLE => credentials::directory(is_user),
            "STATE_DIRECTORY" if !is_user => Some(places.state.clone()),
            "RUNTIME_DIRECTORY" => places.runtime.clone(),
            _ => None,
        };
        own?.into_os_string().into_string().ok()
    };
    Config::parse(text, path, variable, Some(&owner.home)).map_err(|error| {
        match error.to_string().contains("the variable `") {
            true => {
                error.hint("the service has none of the variables of your shell: write the value")
            }
            false => error,
        }
    })
}

fn refuse_other_bus(config: &Config, places: &Places) -> Result<()> {
    let is_user = places.manager == Manager::User;
    if is_user || config.systemd_monitor.bus == Bus::System {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Usage,
        format!("`systemd_monitor.bus` is \"user\", and {UNIT} would be of the machine's systemd"),
    )
    .hint("`pi-mainteno install --user`, as the user whose units these are, makes it a service of the same systemd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Account {
        Account { name: "ada".into(), user: 1000, group: 1000, home: "/home/ada".into() }
    }

    fn source(text: &str) -> Source {
        Source { text: text.into(), path: "/home/ada/PiMainteno.toml".into(), is_default: false }
    }

    #[test]
    fn a_configuration_that_names_files_by_its_own_place_is_not_put_elsewhere() {
        let places = Places::of_system();
        let whole = "[[project]]\npath = \"~/site\"\n[llm]\napi_key_file = \"/etc/key\"\n";
        let config = placed(&source(whole), &ada(), &places).unwrap();
        assert_eq!(config.projects()[0].path, Path::new("/home/ada/site"));
        for text in ["[[project]]\npath = \"site\"\n", "[llm]\napi_key_file = \"key\"\n"] {
            let error = placed(&source(text), &ada(), &places).unwrap_err();
            assert!(error.to_string().contains("would mean something else"), "{error}");
        }
    }

    #[test]
    fn a_variable_that_the_service_will_not_have_is_told() {
        let text = "[[project]]\npath = \"${PWD}/site\"\n";
        let error = placed(&source(text), &ada(), &Places::of_system()).unwrap_err();
        assert!(error.hints().any(|hint| hint.contains("variables of your shell")), "{error}");
    }

    #[test]
    fn a_service_of_the_machine_does_not_see_to_a_users_units() {
        let config =
            placed(&source("[systemd_monitor]\nbus = \"user\"\n"), &ada(), &Places::of_system())
                .unwrap();
        assert!(refuse_other_bus(&config, &Places::of_system()).is_err());
        let of_user = Places::of_user(Path::new("/home/ada"), |_| None);
        assert!(refuse_other_bus(&config, &of_user).is_ok());
    }

    #[test]
    fn the_default_can_be_used_as_it_is() {
        let default = Source { text: DEFAULT.into(), path: "/etc/x.toml".into(), is_default: true };
        let config = placed(&default, &ada(), &Places::of_system()).unwrap();
        assert!(config.projects().is_empty());
    }
}
