//! systemd as it is spoken to over D-Bus; see org.freedesktop.systemd1(5).

use std::{
    collections::HashMap, ffi::OsString, future::poll_fn, num::NonZeroUsize, pin::Pin,
    time::Duration,
};

use zbus::{
    Connection, MessageStream, OwnedObjectPath, Variant, connection,
    export::futures_core::Stream as _,
    fdo,
    message::{Message, Type},
    proxy,
    proxy::CacheProperties,
};

use crate::{
    config::Bus,
    process::Environment,
    service::{UnitState, properties},
};

/// The name of systemd on its bus.
pub(crate) const SYSTEMD: &str = "org.freedesktop.systemd1";

/// The interface by which properties are read, and by which it is told that they changed.
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The interface that all units have.
pub(crate) const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// How long an answer may take. systemd is busy for some seconds while it reads all units again.
const ANSWER: Duration = Duration::from_secs(25);

/// How many messages may wait to be looked at; the connection is not read while there are more.
const QUEUE: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Where the machine's bus is, unless the environment says otherwise.
const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";

/// What is asked of systemd.
#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(crate) trait Manager {
    /// Tells whoever calls it of changes from then on.
    fn subscribe(&self) -> zbus::Result<()>;

    /// The unit of this name, or alias, which is read if it is not known yet.
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;

    /// The same, unless it is not known yet.
    fn get_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;

    /// The units of these types of name that are known: name, description, load state, active state,
    /// sub state, what it follows, path, and its job's number, kind and path.
    fn list_units_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<ListedUnit>>;

    /// The files of units of these types of name, and whether they are enabled.
    fn list_unit_files_by_patterns(
        &self,
        states: &[&str],
        patterns: &[&str],
    ) -> zbus::Result<Vec<(String, String)>>;

    /// Restarts a unit, or starts it; gives the job.
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Has a unit read its configuration again, or restarts it where it cannot; gives the job.
    fn reload_or_restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Forgets how often a unit failed.
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;

    /// Reads the files of all units again.
    fn reload(&self) -> zbus::Result<()>;
}

/// A unit as systemd lists it; see `ListUnitsByPatterns` in org.freedesktop.systemd1(5).
pub(crate) type ListedUnit =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// systemd, and the connection to it.
pub(crate) struct Manager1 {
    pub(crate) connection: Connection,
    pub(crate) manager: ManagerProxy<'static>,
}

/// What is to become of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It is restarted, or started.
    Restart,
    /// It reads its configuration again, or is restarted if it cannot.
    Reload,
}

impl Manager1 {
    /// A connection to the systemd of `bus`, which is told of nothing yet.
    pub(crate) async fn connect(bus: Bus, environment: &Environment) -> zbus::Result<Self> {
        let address = address(bus, environment);
        let connection = connection::Builder::address(address.as_str())
            .method_timeout(ANSWER)
            .max_queued(QUEUE)
            .build()
            .await?;
        let manager = ManagerProxy::builder(&connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Self { connection, manager })
    }

    /// What comes over the connection, from now on.
    pub(crate) fn messages(&self) -> MessageStream {
        MessageStream::from(&self.connection)
    }

    /// Has the bus send what this rule matches.
    pub(crate) async fn add_match(&self, rule: &str) -> zbus::Result<()> {
        const BUS: &str = "org.freedesktop.DBus";
        let path = "/org/freedesktop/DBus";
        self.connection.call_method(Some(BUS), path, Some(BUS), "AddMatch", &rule).await.map(drop)
    }

    /// All properties of an interface of a unit.
    pub(crate) async fn properties(&self, path: &str, interface: &str) -> zbus::Result<Message> {
        self.connection
            .call_method(Some(SYSTEMD), path, Some(PROPERTIES), "GetAll", &interface)
            .await
    }

    /// The state of the unit at `path`, whose name, or an alias of it, is `name`.
    pub(crate) async fn state(&self, path: &str, name: &str) -> zbus::Result<UnitState> {
        let mut state = UnitState::default();
        let own = interface_of(name);
        for interface in [UNIT, own.as_str()] {
            let reply = self.properties(path, interface).await?;
            let body = reply.body();
            let properties: HashMap<&str, Variant<'_>> = body.deserialize()?;
            texts(&properties).iter().for_each(|(name, value)| state.note(name, value));
        }
        Ok(state)
    }

    /// Has systemd do something with a unit and waits until that is done: gives its job's result,
    /// such as `done`, `failed`, `timeout`, `canceled`, `dependency` or `skipped`.
    pub(crate) async fn do_job(&self, unit: &str, verb: Verb) -> zbus::Result<String> {
        // Before the call, so that the end of a job is not missed that is done at once.
        let mut messages = self.messages();
        self.add_match(
            "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',member='JobRemoved'",
        )
        .await?;
        self.manager.subscribe().await?;
        let job = match verb {
            Verb::Restart => self.manager.restart_unit(unit, "replace").await?,
            Verb::Reload => self.manager.reload_or_restart_unit(unit, "replace").await?,
        };
        while let Some(message) = next(&mut messages).await {
            let message = message?;
            let header = message.header();
            if header.member().is_none_or(|member| member.as_str() != "JobRemoved") {
                continue;
            }
            let body = message.body();
            let (_, removed, _, result): (u32, OwnedObjectPath, &str, &str) = body.deserialize()?;
            if removed == job {
                return Ok(result.to_owned());
            }
        }
        Err(zbus::Error::Failure("the connection to the bus was lost".into()))
    }
}

/// The next message of a connection; `None` if that is lost.
pub(crate) async fn next(messages: &mut MessageStream) -> Option<zbus::Result<Message>> {
    poll_fn(|task| Pin::new(&mut *messages).poll_next(task)).await
}

/// Whether a message is a signal of this name.
pub(crate) fn is_signal(message: &Message, member: &str) -> bool {
    message.message_type() == Type::Signal
        && message.header().member().is_some_and(|name| name.as_str() == member)
}

/// The interface that units of the type of `unit` have besides [`UNIT`].
pub(crate) fn interface_of(unit: &str) -> String {
    let kind = unit.rsplit('.').next().unwrap_or_default();
    let mut letters = kind.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{SYSTEMD}.{}{}", first.map_or(String::new(), String::from), letters.as_str())
}

/// Why systemd refused what it was asked for; `None` if it did not answer.
pub(crate) fn refusal(error: &zbus::Error) -> Option<&str> {
    match error {
        zbus::Error::MethodError(_, reason, _) => Some(reason.as_deref().unwrap_or_default()),
        zbus::Error::FDO(fdo) => match &**fdo {
            fdo::Error::InvalidArgs(reason) | fdo::Error::Failed(reason) => Some(reason),
            _ => None,
        },
        _ => None,
    }
}

/// Properties as `systemctl show` writes them; those alone that a state is read from have a type
/// that can be written.
pub(crate) fn texts(properties: &HashMap<&str, Variant<'_>>) -> Vec<(String, String)> {
    let known = properties.iter().filter(|(name, _)| properties::PROPERTIES.contains(*name));
    known.filter_map(|(name, value)| Some(((*name).to_owned(), text(value)?))).collect()
}

/// A value as `systemctl show` writes it; `None` for what no state is read from.
fn text(value: &Variant<'_>) -> Option<String> {
    match value {
        Variant::Str(text) => Some(text.to_string()),
        Variant::U32(number) => Some(number.to_string()),
        Variant::I32(number) => Some(number.to_string()),
        Variant::U64(number) => Some(number.to_string()),
        Variant::Array(items) => {
            let written = items.iter().map(|item| match item {
                Variant::U8(byte) => Some(format!("{byte:02x}")),
                Variant::Str(name) => Some(format!("{name} ")),
                _ => None,
            });
            Some(written.collect::<Option<String>>()?.trim_end().to_owned())
        }
        _ => None,
    }
}

/// Where the bus of a systemd is, as the environment says.
fn address(bus: Bus, environment: &Environment) -> String {
    let given = |name: &str| {
        let value = environment.get(name).filter(|value| !value.is_empty());
        value.map(|value| OsString::from(value).to_string_lossy().into_owned())
    };
    match bus {
        Bus::System => given("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_else(|| SYSTEM_BUS.to_owned()),
        Bus::User => {
            // What systemd itself serves is beside the user's other sockets; the session that the
            // other variable names may be one of a desktop without systemd.
            let of_user = given("XDG_RUNTIME_DIR").map(|run| format!("unix:path={run}/bus"));
            of_user.or_else(|| given("DBUS_SESSION_BUS_ADDRESS")).unwrap_or_default()
        }
    }
}
