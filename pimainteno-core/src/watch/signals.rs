//! What systemd tells over its bus, read as it comes.

use std::collections::HashMap;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::{Message, MessageStream, Variant};

use crate::service::{
    UnitState,
    systemd::bus::{self, Manager1, PROPERTIES, SYSTEMD, UNIT},
};

/// How many units are matched one by one: a bus has a limit of rules for each connection, 512 for
/// the machine's (`max_match_rules_per_connection`, dbus-daemon(1)). Of more, what all units tell
/// comes.
const MATCHED: usize = 200;

/// Something that systemd told.
#[derive(Debug)]
pub(super) enum Signal {
    /// Properties of a unit changed.
    Changed {
        path: String,
        changes: Changes,
        /// Whether it was the last of those that come together: of the properties that all units
        /// have.
        is_last: bool,
    },
    /// A unit is there that was not.
    New { name: String },
    /// The files of all units were read again, or another systemd took the place of the one before.
    Anew,
    /// A job on a unit failed because one that it needs failed.
    Dependency { unit: String },
}

/// Properties that changed, to be noted in a state.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<(String, String)>);

impl Changes {
    /// Notes them in a state.
    pub(super) fn note(&self, state: &mut UnitState) {
        for (property, value) in &self.0 {
            state.note(property, value);
        }
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
) -> zbus::Result<UnboundedReceiver<Signal>> {
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(forward(manager.messages(), sender));
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
    Ok(receiver)
}

/// Reads what comes until nobody wants it any more, or the connection is lost.
async fn forward(mut messages: MessageStream, sender: UnboundedSender<Signal>) {
    loop {
        let message = tokio::select! {
            () = sender.closed() => return,
            message = bus::next(&mut messages) => message,
        };
        let Some(Ok(message)) = message else { return };
        if let Some(signal) = read(&message)
            && sender.send(signal).is_err()
        {
            return;
        }
    }
}

/// What a message tells; `None` for what is of no interest, or not as it should be.
fn read(message: &Message) -> Option<Signal> {
    let (header, body) = (message.header(), message.body());
    if bus::is_signal(message, "PropertiesChanged") {
        let (interface, properties, _): (&str, HashMap<&str, Variant<'_>>, Vec<&str>) =
            body.deserialize().ok()?;
        let changes = bus::texts(&properties);
        let path = header.path()?.to_string();
        return Some(Signal::Changed {
            path,
            changes: Changes(changes),
            is_last: interface == UNIT,
        });
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
