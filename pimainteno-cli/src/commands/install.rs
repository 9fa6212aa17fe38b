//! `install` and `uninstall`: the daemon as a service of systemd.
//!
//! What is to be written depends on a [`Service`] alone, which is found out
//! first. Then it is compared with what is there, shown, asked about, and carried out.

mod configuration;
mod manual;
mod owner;
mod place;
mod plan;
mod polkit;
mod service;
mod show;
mod systemd;
pub(super) mod uninstall;
mod unit;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pimainteno_core::{
    Error, ErrorKind, Result, UnitName,
    config::{Config, Project, RestartConfig},
    process::Environment,
};
use pimainteno_web::Client;
use serde::Serialize;

use self::{
    configuration::Configuration,
    place::{Manager, Places, UNIT},
    service::Service,
    systemd::{Step, Systemd},
};
use crate::{
    arguments::InstallArguments,
    setup,
    terminal::{FAINT, GOOD, NAME, Terminal, paint, plain},
};

/// How long the service may take to answer once systemd says that it runs.
const ANSWER: Duration = Duration::from_secs(10);

/// How often it is asked meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// The group that may read the journal.
const JOURNAL_GROUP: &str = "systemd-journal";

/// Where polkit has its own rules; a polkit without that directory reads none.
const RULES_OF_POLKIT: &str = "/usr/share/polkit-1/rules.d";

/// The file of the state by which it is known that there is any.
const STORE: &str = "state.redb";

/// What was done; the shape of `--json`.
#[derive(Debug, Serialize)]
struct Installed {
    /// Whom the service runs as.
    user: String,
    /// The files that were written, changed or removed.
    files: Vec<Written>,
    /// The commands that were run.
    commands: Vec<String>,
    /// Where the daemon answers.
    socket: PathBuf,
    /// What a person should know.
    notes: Vec<String>,
}

/// What became of a file.
#[derive(Debug, Serialize)]
struct Written {
    path: PathBuf,
    change: &'static str,
}

/// Makes the daemon a service, or brings the service up to date.
///
/// # Errors
/// [`ErrorKind::Usage`] if that is not allowed, nobody can be asked, or it cannot be told whom the
/// service is to run as; [`ErrorKind::Config`] if the configuration cannot be used;
/// [`ErrorKind::Service`] if the service does not start or does not answer.
pub(crate) async fn run(
    arguments: &InstallArguments,
    explicit: Option<&Path>,
    terminal: &Terminal,
) -> Result<()> {
    let places = places(arguments.user)?;
    let systemd = Systemd::new(places.manager);
    let state = systemd.state().await?;
    let found = configuration::find(explicit, arguments.owner.as_deref(), &places).await?;
    let service = service(&found, &places, &systemd).await?;
    refuse_unusable(&service, &found.config, places.manager)?;
    let with_failed = arguments.with_on_failure
        || places.failed.exists()
        || (!arguments.yes && !state.is_loaded && offer_on_failure(terminal));
    let mut files = plan::files(&service, &places, found.text.as_deref(), with_failed)?;
    for file in files.iter_mut().filter(|file| file.path == places.configuration) {
        file.is_made = found.is_default;
    }
    let changes = plan::changes(files)?;
    let steps = systemd::steps(&changes, &state, &service.program);
    let commands: Vec<_> = steps.iter().map(|step| systemd.words(*step)).collect();
    if !(changes.is_empty() && steps.is_empty()) {
        show::show(&changes, &commands, terminal);
        show::confirm(arguments.yes, "Do this?", terminal)?;
    }
    let notes = notes(&found, &service, &places);
    for change in &changes {
        plan::write(&change.file)?;
    }
    carry_out(&steps, &systemd, terminal).await?;
    let socket = socket(&found.config, &places)?;
    wait_for_answer(&socket, &systemd).await?;
    let written =
        |change: &plan::Change| Written { path: change.file.path.clone(), change: change.kind() };
    let installed = Installed {
        notes,
        user: service.owner.name,
        files: changes.iter().map(written).collect(),
        commands,
        socket,
    };
    terminal.give(&installed, || tell(&installed, &places, terminal))
}

/// Where the files go, if this user may put them there.
fn places(is_user: bool) -> Result<Places> {
    let is_root = rustix::process::geteuid().is_root();
    let refused = |message, hint| Err(Error::new(ErrorKind::Usage, message).hint(hint));
    match (is_user, is_root) {
        (false, false) => refused(
            "a service of the machine is installed and removed by root",
            "`sudo pi-mainteno …`, or `--user` for a service of yours alone",
        ),
        (true, true) if std::env::var_os("SUDO_USER").is_some() => refused(
            "a service of yours is installed and removed by you, not by `sudo`",
            "the same without `sudo`",
        ),
        (false, true) => Ok(Places::of_system()),
        (true, _) => {
            let environment = setup::environment();
            let home = environment.home().ok_or_else(|| {
                Error::new(ErrorKind::Usage, "it is not known where your home is")
                    .hint("set `HOME`")
            })?;
            let directory = |name: &str| {
                // The specification of these directories has relative paths ignored.
                let path = std::env::var_os(name).map(PathBuf::from);
                path.filter(|path| path.is_absolute())
            };
            Ok(Places::of_user(&home, directory))
        }
    }
}

/// What the files depend on.
async fn service(found: &Configuration, places: &Places, systemd: &Systemd) -> Result<Service> {
    let program = std::env::current_exe().map_err(|source| {
        Error::new(ErrorKind::Usage, "cannot tell where this program is").source(source)
    })?;
    let projects = found.config.projects();
    let units = units(&found.config, &projects, systemd).await?;
    let unit_files = places.unit.parent().unwrap_or(Path::new("/"));
    let lies_in_a_project = |unit: &UnitName| {
        let Ok(file) = unit_files.join(unit.as_str()).canonicalize() else { return false };
        projects.iter().any(|project| {
            project.path.canonicalize().is_ok_and(|project| file.starts_with(project))
        })
    };
    Ok(Service {
        path: service::path(&found.owner.home),
        program,
        configuration: places.configuration.clone(),
        credentials: configuration::credentials(&found.config, places),
        credentials_directory: places.credentials.clone(),
        reads_journal: owner::has_group(JOURNAL_GROUP).await,
        changes_units: units.iter().any(lies_in_a_project),
        units,
        owner: found.owner.clone(),
    })
}

/// The units that the daemon restarts by itself; of those that are only guessed, the ones that are
/// there.
async fn units(config: &Config, projects: &[Project], systemd: &Systemd) -> Result<Vec<UnitName>> {
    let mut units = config.systemd_monitor.units.clone();
    for project in projects.iter().filter(|it| it.restart == RestartConfig::Systemd) {
        for unit in &project.units {
            if project.units_are_explicit || systemd.has_unit(unit).await? {
                units.push(unit.clone());
            }
        }
    }
    let monitor = &config.systemd_monitor;
    if monitor.enabled && monitor.units.is_empty() {
        // What it would repair, it has to restart. Where the bus does not answer there is nothing to
        // be seen either.
        let environment = Environment::from_variables(std::env::vars_os());
        let systemd = pimainteno_core::service::Systemd::new(monitor.bus, environment);
        units.extend(systemd.unnamed_services(projects).await.unwrap_or_default());
    }
    units.sort();
    units.dedup();
    Ok(units)
}

/// What would keep the service from starting, as far as it can be seen before.
fn refuse_unusable(service: &Service, config: &Config, manager: Manager) -> Result<()> {
    let Service { owner, program, .. } = service;
    if !owner::may_run(owner, program) {
        let message = format!("{} may not run `{}`", owner.name, program.display());
        return Err(Error::new(ErrorKind::Usage, message).hint(format!(
            "`install -m 755 {} /usr/local/bin/pi-mainteno`, and install with that one",
            program.display()
        )));
    }
    for name in &service.credentials {
        let path = service.credentials_directory.join(name);
        if !path.is_file() {
            let message = format!("the key `{name}` is not at `{}`", path.display());
            return Err(Error::new(ErrorKind::Usage, message).hint(format!(
                "put it there, for nobody else to read (`install -D -m 600 FILE {}`): the configuration has it from `${{CREDENTIALS_DIRECTORY}}`, and systemd hands it over",
                path.display()
            )));
        }
    }
    let temporary = |path: &Path| {
        manager == Manager::System && ["/tmp", "/var/tmp"].iter().any(|it| path.starts_with(it))
    };
    let projects = config.projects();
    if let Some(project) = projects.iter().find(|project| temporary(&project.path)) {
        let message = format!("the service has a `/tmp` of its own: `{}`", project.path.display());
        return Err(Error::new(ErrorKind::Usage, message).hint("move the project elsewhere"));
    }
    Ok(())
}

fn offer_on_failure(terminal: &Terminal) -> bool {
    let question = "Also write pi-mainteno-failed@.service, by which units tell of their failure (OnFailure=)?";
    terminal.ask(question).unwrap_or(false)
}

async fn carry_out(steps: &[Step], systemd: &Systemd, terminal: &Terminal) -> Result<()> {
    let _spinner = terminal.spinner("waits for systemd");
    for step in steps {
        systemd.carry_out(*step).await?;
    }
    Ok(())
}

/// Where the daemon of the service listens.
fn socket(config: &Config, places: &Places) -> Result<PathBuf> {
    let variable = |name: &str| {
        let place = match (name, places.manager) {
            ("STATE_DIRECTORY", Manager::System) => Some(&places.state),
            ("RUNTIME_DIRECTORY", _) => places.runtime.as_ref(),
            _ => return std::env::var_os(name).filter(|value| !value.is_empty()),
        };
        place.map(|place| place.clone().into_os_string())
    };
    let state = setup::state_directory(config, variable, places.manager == Manager::System)?;
    Ok(setup::socket(config, variable, &state))
}

async fn wait_for_answer(socket: &Path, systemd: &Systemd) -> Result<()> {
    let answers = async {
        loop {
            if let Ok(Some(_)) = Client::find(socket, Arc::new(())).await {
                return;
            }
            tokio::time::sleep(GLANCE).await;
        }
    };
    if tokio::time::timeout(ANSWER, answers).await.is_ok() {
        return Ok(());
    }
    let message = format!("{UNIT} runs, and nobody answers at `{}`", socket.display());
    Err(systemd.with_journal(Error::new(ErrorKind::Service, message)).await)
}

/// What a person should know of the service as it is.
fn notes(found: &Configuration, service: &Service, places: &Places) -> Vec<String> {
    let mut notes = Vec::new();
    let path = places.configuration.display();
    if found.config.projects().is_empty() {
        notes.push(format!(
            "there are no projects yet: name them in `{path}`, and install again, which lets the service restart their units"
        ));
    }
    if let [first, ..] = found.missing.as_slice() {
        notes.push(format!("there is no `{}`, which is a project in `{path}`", first.display()));
    }
    let is_system = places.manager == Manager::System;
    let before = service.owner.home.join(".local/state/pi-mainteno");
    if is_system
        && found.config.cache.path.is_none()
        && before.join(STORE).exists()
        && !places.state.join(STORE).exists()
    {
        notes.push(format!(
            "what was remembered so far stays in `{0}`, and the service begins anew; to go on with it, stop the service and move what is in there to `{1}`",
            before.display(),
            places.state.display()
        ));
    }
    if is_system && service.owner.is_root() {
        notes.push("the projects are root's, so the service runs as root, and what keeps it in is less; projects of another user are safer".into());
    }
    if places.rule.is_some()
        && !service.owner.is_root()
        && !service.units.is_empty()
        && !Path::new(RULES_OF_POLKIT).is_dir()
    {
        notes.push(format!(
            "no polkit that reads rules is installed, so {} may not restart {}: `apt install polkitd`",
            service.owner.name,
            service.units.join(", ")
        ));
    }
    let uses_sudo = found.config.projects().into_iter().find(|project| {
        matches!(&project.restart, RestartConfig::Command(command) if command.split_whitespace().any(|word| word == "sudo"))
    });
    if let Some(project) = uses_sudo {
        notes.push(format!(
            "`sudo` does not work in the service, and `restart` of {} uses it: `restart = \"systemd\"` needs none, as polkit allows it",
            project.id
        ));
    }
    if !is_system && !Path::new("/var/lib/systemd/linger").join(&service.owner.name).exists() {
        notes.push(format!(
            "the service ends with your last session and starts with the next one: `loginctl enable-linger {}` has it run from the machine's start on",
            service.owner.name
        ));
    }
    notes
}

fn tell(installed: &Installed, places: &Places, terminal: &Terminal) {
    let socket = installed.socket.display().to_string();
    let (user, socket) = (plain::inline(&installed.user), plain::inline(&socket));
    let nothing = installed.files.is_empty() && installed.commands.is_empty();
    let end = if nothing { "; nothing to do" } else { "" };
    terminal.print(format_args!(
        "{} {UNIT} runs as {user} and answers at {}{end}",
        paint(GOOD, "✓"),
        paint(NAME, socket)
    ));
    for note in &installed.notes {
        terminal.note(note);
    }
    if nothing {
        return;
    }
    let journal = format!("{} --unit {UNIT} --follow", places.manager.journalctl());
    let width = journal.len();
    for (command, purpose) in [
        ("pi-mainteno check", "sees whether everything is in place"),
        ("pi-mainteno status", "shows every project at a glance"),
        (journal.as_str(), "shows what it does"),
    ] {
        let command = format!("{command:<width$}");
        terminal.print(format_args!("  {}  {}", paint(NAME, command), paint(FAINT, purpose)));
    }
}

#[cfg(test)]
mod tests {
    use super::{service::Account, *};

    /// A service of Ada's.
    pub(super) fn service() -> Service {
        Service {
            owner: Account {
                name: "ada".into(),
                user: 1000,
                group: 1000,
                home: "/home/ada".into(),
            },
            program: "/usr/local/bin/pi-mainteno".into(),
            configuration: "/etc/pi-mainteno/PiMainteno.toml".into(),
            path: "/home/ada/.local/bin:/usr/bin".into(),
            credentials: vec!["openai".into()],
            credentials_directory: "/etc/pi-mainteno/credentials".into(),
            reads_journal: true,
            units: ["radio.service", "site@1.service"].map(UnitName::unchecked).into(),
            changes_units: false,
        }
    }

    const SYSTEM: Manager = Manager::System;

    #[test]
    fn a_key_that_is_not_there_and_a_project_in_tmp_are_told_before_anything_is_written() {
        let error = refuse_unusable(&service(), &Config::default(), SYSTEM).unwrap_err();
        assert!(error.to_string().contains("may not run") || error.to_string().contains("key"));
        let mut of_root = service();
        of_root.owner.user = 0;
        let error = refuse_unusable(&of_root, &Config::default(), SYSTEM).unwrap_err();
        assert!(error.to_string().contains("the key `openai` is not at"), "{error}");
        of_root.credentials.clear();
        let mut config = Config::default();
        assert!(refuse_unusable(&of_root, &config, SYSTEM).is_ok());
        config.scheduler.projects = vec!["/tmp/site".into()];
        assert!(refuse_unusable(&of_root, &config, Manager::User).is_ok());
        let error = refuse_unusable(&of_root, &config, SYSTEM).unwrap_err();
        assert!(error.to_string().contains("`/tmp` of its own"), "{error}");
    }

    #[test]
    fn the_daemon_answers_where_its_unit_and_its_configuration_say() {
        let places = Places::of_system();
        let mut config = Config::default();
        assert_eq!(socket(&config, &places).unwrap(), Path::new("/run/pi-mainteno/control.sock"));
        config.web.socket = Some("/srv/socket".into());
        assert_eq!(socket(&config, &places).unwrap(), Path::new("/srv/socket"));
    }
}
