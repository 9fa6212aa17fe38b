//! A systemd for tests: one of our own beside the machine's, or, without root, that of the user.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use pimainteno_core::{UnitName, config::Bus, process::Environment};

/// A systemd that runs as long as this test program does.
pub(crate) struct TestSystemd {
    /// Which of its systemds to speak to.
    pub(crate) bus: Bus,
    /// With this environment, `systemctl` and `journalctl` speak to it.
    pub(crate) environment: Environment,
    rig: Option<Rig>,
}

/// A unit that is gone when this is dropped.
pub(crate) struct Unit {
    /// The unit's name.
    pub(crate) name: UnitName,
    systemd: &'static TestSystemd,
}

struct Rig {
    name: String,
    /// Ends the rig when its standard input ends, however this program ends.
    _holder: Child,
}

impl TestSystemd {
    /// The one systemd of this test program.
    ///
    /// # Panics
    /// If there can be none.
    pub(crate) fn get() -> &'static Self {
        static SYSTEMD: OnceLock<TestSystemd> = OnceLock::new();
        SYSTEMD.get_or_init(|| {
            if rustix::process::geteuid().is_root() { Self::boot() } else { Self::of_user() }
        })
    }

    /// Writes the file of a unit and makes it known.
    pub(crate) fn unit(&'static self, name: &str, text: &str) -> Unit {
        let unit = Unit { name: format!("pimainteno-test-{name}").parse().unwrap(), systemd: self };
        self.shell(
            &format!(
                "mkdir -p {0} && cat >{0}/{1} && {2} daemon-reload",
                self.directory(),
                unit.name,
                self.systemctl()
            ),
            text,
        );
        unit
    }

    /// Runs a shell command beside systemd; it must succeed.
    pub(crate) fn shell(&self, command: &str, input: &str) -> Output {
        let mut shell = match &self.rig {
            Some(rig) => rig.command(),
            None => Command::new("env"),
        };
        shell
            .args(["/bin/sh", "-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "`{command}`: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// An environment in which `systemctl` and `journalctl` are run by way of `prefix`, beside
    /// systemd.
    pub(crate) fn environment_by_way_of(&self, name: &str, prefix: &str) -> Environment {
        match &self.rig {
            Some(rig) => {
                // By the tools alone: the bus takes whoever connects for who he is.
                let enter = format!("exec {} exec", script().display());
                let tools = format!("{enter} env --unset=DBUS_SYSTEM_BUS_ADDRESS {prefix}");
                environment_with_tools(name, &tools)
                    .with("RIG_NAME", &rig.name)
                    .with("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            }
            None => environment_with_tools(name, prefix),
        }
    }

    fn boot() -> Self {
        let name = format!("test-{}", std::process::id());
        let mut command = Command::new(script());
        // In a group of its own it outlives what ends this program, and can put things in order.
        command
            .arg("hold")
            .env("RIG_NAME", &name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(
            line, "ready\n",
            "no systemd could be booted; what is missing was written above"
        );
        let mut systemd = Self {
            bus: Bus::System,
            environment: Environment::default(),
            rig: Some(Rig { name, _holder: holder }),
        };
        let bus = systemd.bus_socket();
        systemd.environment = systemd
            .environment_by_way_of("rig", "")
            .with("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={bus}"));
        systemd
    }

    /// The socket of the bus that this systemd is on, as it is seen from here.
    fn bus_socket(&self) -> String {
        let Some(rig) = &self.rig else { return "/run/dbus/system_bus_socket".into() };
        let pid = fs::read_to_string(format!("/run/pimainteno-rig/{}/pid", rig.name)).unwrap();
        format!("/proc/{}/root/run/dbus/system_bus_socket", pid.trim())
    }

    fn of_user() -> Self {
        let environment = Environment::from_variables(std::env::vars_os());
        let asked =
            Command::new("systemctl").args(["--user", "show", "--property=Version"]).output();
        assert!(
            asked.is_ok_and(|output| output.status.success()),
            "these tests need a systemd: run them as root, which boots one apart from the machine's, or as a user with a `systemd --user`"
        );
        Self { bus: Bus::User, environment, rig: None }
    }

    fn directory(&self) -> String {
        match self.bus {
            Bus::System => "/run/systemd/system".into(),
            Bus::User => format!(
                "{}/systemd/user",
                self.environment.get("XDG_RUNTIME_DIR").unwrap().to_str().unwrap()
            ),
        }
    }

    fn systemctl(&self) -> &'static str {
        match self.bus {
            Bus::System => "systemctl",
            Bus::User => "systemctl --user",
        }
    }
}

impl Rig {
    fn command(&self) -> Command {
        let mut command = Command::new(script());
        command.env("RIG_NAME", &self.name).arg("exec");
        command
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let Self { name, systemd } = self;
        let (systemctl, directory) = (systemd.systemctl(), systemd.directory());
        // A unit that does not want to stop is made to.
        systemd.shell(
            &format!("({systemctl} stop --no-block {name}; {systemctl} kill --signal=KILL {name}; rm {directory}/{name}; {systemctl} daemon-reload) 2>&1 || :"),
            "",
        );
    }
}

/// An environment in which `systemctl` and `journalctl` are the machine's own, run by way of
/// `prefix`.
pub(crate) fn environment_with_tools(name: &str, prefix: &str) -> Environment {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("systemd-{name}"));
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory).unwrap();
    let variables = Environment::from_variables(std::env::vars_os());
    let path = variables.get("PATH").unwrap().to_owned();
    for tool in ["systemctl", "journalctl"] {
        let found = std::env::split_paths(&path)
            .map(|directory| directory.join(tool))
            .find(|file| file.exists());
        let found = found.unwrap_or_else(|| panic!("`{tool}` is not installed"));
        let file = directory.join(tool);
        fs::write(&file, format!("#!/bin/sh\n{prefix} {} \"$@\"\n", found.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::join_paths(std::iter::once(directory).chain(std::env::split_paths(&path)))
        .unwrap();
    variables.with("PATH", path)
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/systemd_rig.sh")
}
