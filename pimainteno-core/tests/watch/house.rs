//! A project whose units are watched, and what is heard of them.

use std::{
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use pimainteno_core::{
    Event, EventKind, Events, Heard, LlmBackend, Maintainer, UnitName,
    config::{Globs, RestartConfig},
    incident::{EndedBy, Incident},
    process::Environment,
};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use crate::{
    support::World,
    systemd::{TestSystemd, Unit},
};

/// How long anything may take here.
const DEADLINE: Duration = Duration::from_secs(30);

/// Held while a test needs systemd and its bus to stay as they are, or else to do something to them.
static SYSTEMD: RwLock<()> = RwLock::new(());

/// A project whose units are watched.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) units: Vec<Unit>,
    _systemd: Gate,
}

/// What a test holds of [`SYSTEMD`] to its end.
#[allow(dead_code, reason = "they are held, and not looked at")]
enum Gate {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A maintainer that watches, until this is dropped.
pub(crate) struct Watching {
    pub(crate) maintainer: Maintainer,
    events: Events,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl House {
    /// A project with these units, each with the text of its file. In the text, `{root}` is a
    /// directory of this test, and `{path}` the checkout.
    pub(crate) fn new(units: &[(&str, &str)]) -> Self {
        let shared = SYSTEMD.read().unwrap_or_else(PoisonError::into_inner);
        Self::within(units, Gate::Shared(shared))
    }

    /// The same while no other test speaks to systemd.
    pub(crate) fn alone(units: &[(&str, &str)]) -> Self {
        let alone = SYSTEMD.write().unwrap_or_else(PoisonError::into_inner);
        Self::within(units, Gate::Alone(alone))
    }

    fn within(units: &[(&str, &str)], systemd: Gate) -> Self {
        let mut world = World::new();
        // Files of a service wait for a person otherwise.
        world.project.hold = Some(Globs::default());
        world.project.restart = RestartConfig::Systemd;
        let units: Vec<_> = units.iter().map(|(name, text)| unit(&world, name, text)).collect();
        world.project.units = Some(units.iter().map(|unit| unit.name.clone()).collect());
        world.config.scheduler.enabled = false;
        let monitor = &mut world.config.systemd_monitor;
        monitor.enabled = true;
        monitor.bus = TestSystemd::get().bus;
        monitor.cooldown = Duration::ZERO;
        Self { world, units, _systemd: systemd }
    }

    /// The name of the first unit.
    pub(crate) fn unit(&self) -> &UnitName {
        &self.units[0].name
    }

    /// Begins to watch; what is seen is answered by `backend`.
    pub(crate) async fn watch(&self, backend: impl LlmBackend + 'static) -> Watching {
        self.watch_within(backend, environment()).await
    }

    /// The same in this environment.
    pub(crate) async fn watch_within(
        &self,
        backend: impl LlmBackend + 'static,
        environment: Environment,
    ) -> Watching {
        let maintainer = self.world.builder(backend).environment(environment).build().unwrap();
        Watching::of(maintainer).await
    }

    /// Runs a shell command beside systemd.
    pub(crate) fn shell(&self, command: &str) -> String {
        let output = TestSystemd::get().shell(command, "");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts the first unit.
    pub(crate) fn start(&self) {
        self.shell(&format!("{} start {}", systemctl(), self.unit()));
    }
}

impl Watching {
    async fn of(maintainer: Maintainer) -> Self {
        let events = maintainer.events(None);
        let (stop, stopped) = oneshot::channel();
        let serving = maintainer.clone();
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serving.serve(stopped).await.unwrap();
        });
        // Events of systemd are heard from then on.
        timeout(DEADLINE, maintainer.watching()).await.expect("units are not watched");
        Self { maintainer, events, stop: Some(stop), serving: Some(serving) }
    }

    /// The next event that `wanted` takes.
    pub(crate) async fn hear<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let mut heard = Vec::new();
        let hearing = async {
            loop {
                match self.events.next().await {
                    Some(Heard::Event(event)) => {
                        if let Some(wanted) = wanted(&event) {
                            return wanted;
                        }
                        heard.push(event.to_string());
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        match timeout(DEADLINE, hearing).await {
            Ok(wanted) => wanted,
            Err(_) => panic!("heard in vain: {heard:#?}"),
        }
    }

    /// The next news of an incident of a unit that goes on, or of one that is over at once.
    pub(crate) async fn incident(&mut self, unit: &UnitName) -> Incident {
        self.hear(|event| match &event.what {
            EventKind::Incident { incident } if incident.units().any(|it| it == unit) => {
                Some((**incident).clone())
            }
            _ => None,
        })
        .await
    }

    /// What ends the incident of a unit.
    pub(crate) async fn end(&mut self, unit: &UnitName) -> EndedBy {
        self.hear(|event| match &event.what {
            EventKind::Incident { incident } if incident.units().any(|it| it == unit) => {
                incident.ended.as_ref().map(|ended| ended.by)
            }
            _ => None,
        })
        .await
    }

    /// The end of the next run.
    pub(crate) async fn run(&mut self) -> pimainteno_core::RunRecord {
        self.hear(|event| match &event.what {
            EventKind::RunFinished { record } => Some((**record).clone()),
            _ => None,
        })
        .await
    }

    /// The end of the next run that repairs: the run that takes one back is told, too.
    pub(crate) async fn repair(&mut self) -> pimainteno_core::RunRecord {
        loop {
            let run = self.run().await;
            if run.job.name() == "repair" {
                return run;
            }
        }
    }

    /// All incidents but those of a unit that is there for this, which fails last; watching stops then,
    /// when it has been found out what had failed before.
    pub(crate) async fn failed_before(mut self, mark: &UnitName) -> Vec<Incident> {
        let _ = self.incident(mark).await;
        let maintainer = self.maintainer.clone();
        self.stop().await;
        let all = maintainer.incidents(None, 100).unwrap();
        all.into_iter().filter(|incident| incident.unit != *mark).collect()
    }

    /// Stops watching, and waits for what goes on.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        timeout(DEADLINE, self.serving.take().unwrap()).await.unwrap().unwrap();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.maintainer.stop();
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

/// A unit of a name of its own.
pub(crate) fn unit(world: &World, name: &str, text: &str) -> Unit {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let text = text
        .replace("{root}", &world.root().display().to_string())
        .replace("{path}", &world.path().display().to_string());
    TestSystemd::get().unit(&format!("watch-{number}-{name}"), &text)
}

/// The tools of the test's systemd, and a Git that knows nothing of the machine.
pub(crate) fn environment() -> Environment {
    let environment = TestSystemd::get().environment.clone();
    environment.with("GIT_CONFIG_GLOBAL", "/dev/null").with("GIT_CONFIG_SYSTEM", "/dev/null")
}

/// How `systemctl` speaks to the test's systemd.
pub(crate) fn systemctl() -> &'static str {
    match TestSystemd::get().bus {
        pimainteno_core::config::Bus::System => "systemctl",
        pimainteno_core::config::Bus::User => "systemctl --user",
    }
}
