//! What systemd tells over its bus, read as it comes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::Notify,
    task::{AbortHandle, spawn},
};
use zbus::{Message, MessageStream, Variant};

use crate::service::{
    UnitState,
    systemd::bus::{self, Manager1, PROPERTIES, SYSTEMD, UNIT},
};

/// How many units are matched one by one: a bus has a limit of rules for each connection, 512 for
/// the machine's (`max_match_rules_per_connection`, dbus-daemon(1)). Of more, what all units tell
/// comes.
const MATCHED: usize = 200;

/// What systemd tells until the connection is lost. It comes in whatever else goes on, and takes no
/// more room than the units do, however much is told.
pub(super) struct Signals {
    inbox: Arc<Inbox>,
    forwarding: AbortHandle,
}

/// What systemd told since it was last asked for.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What changed of the units at these paths.
    pub(super) changed: BTreeMap<String, Changes>,
    /// The names of units that are there and were not.
    pub(super) new: BTreeSet<String>,
    /// Units that were not started because one that they need failed.
    pub(super) dependency: BTreeSet<String>,
    /// Whether the files of all units were read again, or another systemd took the place of the one
    /// before.
    pub(super) is_anew: bool,
    /// Whether the connection was lost.
    pub(super) is_lost: bool,
}

/// Properties that changed, to be noted in a state.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<String, String>);

/// Something that systemd told.
enum Signal {
    Changed {
        path: String,
        properties: Vec<(String, String)>,
        /// Whether they are the last of those that change together: those of the unit's type come
        /// first, and those that all units have last.
        is_last: bool,
    },
    New {
        name: String,
    },
    Dependency {
        unit: String,
    },
    Anew,
}

/// Where what is told waits until it is asked for.
#[derive(Default)]
struct Inbox {
    told: Mutex<Incoming>,
    is_there: Notify,
}

#[derive(Default)]
struct Incoming {
    told: Told,
    /// What changed at these paths, where the last of what belongs together is still to come.
    partial: BTreeMap<String, Changes>,
}

impl Signals {
    /// What was told since the last time, as soon as something was.
    pub(super) async fn next(&mut self) -> Told {
        loop {
            let told = self.take();
            if told.is_something() {
                return told;
            }
            self.inbox.is_there.notified().await;
        }
    }

    /// Takes what is there already.
    fn take(&mut self) -> Told {
        self.inbox.with(|incoming| {
            let is_lost = incoming.told.is_lost;
            std::mem::replace(&mut incoming.told, Told { is_lost, ..Told::default() })
        })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

impl Told {
    fn is_something(&self) -> bool {
        let has_names = [&self.new, &self.dependency].iter().any(|names| !names.is_empty());
        !self.changed.is_empty() || has_names || self.is_anew || self.is_lost
    }
}

impl Incoming {
    fn note(&mut self, signal: Signal) {
        match signal {
            Signal::Changed { path, properties, is_last: false } => {
                self.partial.entry(path).or_default().0.extend(properties);
            }
            Signal::Changed { path, properties, is_last: true } => {
                let partial = self.partial.remove(&path).unwrap_or_default();
                let changes = &mut self.told.changed.entry(path).or_default().0;
                changes.extend(partial.0);
                changes.extend(properties);
            }
            Signal::New { name } => drop(self.told.new.insert(name)),
            Signal::Dependency { unit } => drop(self.told.dependency.insert(unit)),
            Signal::Anew => self.told.is_anew = true,
        }
    }
}

impl Changes {
    /// Notes them in a state.
    pub(super) fn note(&self, state: &mut UnitState) {
        for (property, value) in &self.0 {
            state.note(property, value);
        }
    }
}

impl Inbox {
    fn with<T>(&self, act: impl FnOnce(&mut Incoming) -> T) -> T {
        act(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Has systemd tell of these units, at these paths, and of the ones of these names once they are
/// there; gives what it tells until the connection is lost.
///
/// What comes is taken from the connection at once, whatever else is asked meanwhile.
pub(super) async fn subscribe(
    manager: &Manager1,
    paths: &[String],
    missing: &[String],
) -> zbus::Result<Signals> {
    let inbox = Arc::<Inbox>::default();
    let forwarding = spawn(forward(manager.messages(), inbox.clone())).abort_handle();
    let signals = Signals { inbox, forwarding };
    let properties = format!(
        "type='signal',sender='{SYSTEMD}',interface='{PROPERTIES}',member='PropertiesChanged'"
    );
    if paths.len() > MATCHED {
        let all = format!("{properties},path_namespace='/org/freedesktop/systemd1/unit'");
        manager.add_match(&all).await?;
    } else {
        for path in paths {
            manager.add_match(&format!("{properties},path='{path}'")).await?;
        }
    }
    let of_manager = format!("type='signal',sender='{SYSTEMD}',interface='{SYSTEMD}.Manager'");
    for name in missing.iter().take(MATCHED) {
        manager.add_match(&format!("{of_manager},member='UnitNew',arg0='{name}'")).await?;
    }
    manager.add_match(&format!("{of_manager},member='Reloading'")).await?;
    manager.add_match(&format!("{of_manager},member='JobRemoved',arg3='dependency'")).await?;
    let owner = format!(
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{SYSTEMD}'"
    );
    manager.add_match(&owner).await?;
    manager.manager.subscribe().await?;
    Ok(signals)
}

/// Reads what comes until the connection is lost.
async fn forward(mut messages: MessageStream, inbox: Arc<Inbox>) {
    while let Some(Ok(message)) = bus::next(&mut messages).await {
        if let Some(signal) = read(&message) {
            inbox.with(|incoming| incoming.note(signal));
            inbox.is_there.notify_one();
        }
    }
    inbox.with(|incoming| incoming.told.is_lost = true);
    inbox.is_there.notify_one();
}

/// What a message tells; `None` for what is of no interest, or not as it should be.
fn read(message: &Message) -> Option<Signal> {
    let (header, body) = (message.header(), message.body());
    if bus::is_signal(message, "PropertiesChanged") {
        let (interface, properties, _): (&str, HashMap<&str, Variant<'_>>, Vec<&str>) =
            body.deserialize().ok()?;
        let (path, properties) = (header.path()?.to_string(), bus::texts(&properties));
        return Some(Signal::Changed { path, properties, is_last: interface == UNIT });
    }
    if bus::is_signal(message, "UnitNew") {
        let (name, _): (&str, zbus::ObjectPath<'_>) = body.deserialize().ok()?;
        return Some(Signal::New { name: name.to_owned() });
    }
    if bus::is_signal(message, "Reloading") {
        let begins: bool = body.deserialize().ok()?;
        return (!begins).then_some(Signal::Anew);
    }
    if bus::is_signal(message, "NameOwnerChanged") {
        let (_, _, owner): (&str, &str, &str) = body.deserialize().ok()?;
        return (!owner.is_empty()).then_some(Signal::Anew);
    }
    if bus::is_signal(message, "JobRemoved") {
        let (_, _, unit, result): (u32, zbus::ObjectPath<'_>, &str, &str) =
            body.deserialize().ok()?;
        return (result == "dependency").then(|| Signal::Dependency { unit: unit.to_owned() });
    }
    None
}
