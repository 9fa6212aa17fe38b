//! A machine whose systemd is real, with a user who has projects: the daemon can be installed on it
//! as on any other, and nothing of that is left.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Output, codex::real_codex};

/// How long anything may take here.
const DEADLINE: Duration = Duration::from_secs(60);

/// A machine of its own: what is written to it vanishes, and it ends when this is dropped.
pub(crate) struct ServiceMachine {
    name: String,
    _holder: Child,
}

/// What is on the machine: Ada with a checkout, its remote, and the services that run from it.
const WORLD: &str = r##"
set -e
# The rig keeps /proc/sys from being written to. No user could have a `/proc` of his own then, as on a real machine he can.
umount --recursive --lazy /proc/sys
# Layers need a disk that is none itself.
mount -t tmpfs -o mode=755 tmpfs /home
mkdir -p /var/lib/pi-mainteno /etc/pi-mainteno
mount -t tmpfs tmpfs /var/lib/pi-mainteno
for user in ada bob; do
    getent passwd $user > /dev/null || useradd --no-create-home --shell /bin/bash $user
    mkdir /home/$user
    cp /etc/skel/.??* /home/$user/
    chown -R $user: /home/$user
    chmod 700 /home/$user
done
: > /usr/local/bin/pi-mainteno
mount --bind "$1" /usr/local/bin/pi-mainteno
runuser -u ada -- sh -ec '
    cd
    git config --global user.name Ada
    git config --global user.email ada@example.org
    git config --global init.defaultBranch main
    git init --quiet --bare radio.git
    git init --quiet radio
    cd radio
    printf "# Radio\n\nYou will recieve a signal.\n" > README.md
    printf "#!/bin/sh\nexec sleep infinity\n" > radio.sh
    chmod +x radio.sh
    echo node_modules > .gitignore
    git add --all
    git commit --quiet --message begin
    git remote add origin ~/radio.git
    git push --quiet --set-upstream origin main'
for unit in radio other; do
    printf '[Service]\nUser=ada\nExecStart=/home/ada/radio/radio.sh\n' > /etc/systemd/system/$unit.service
done
systemctl daemon-reload
systemctl start polkit radio other
"##;

/// The user's own systemd, with what logind would do for it.
const SESSION: &str = r#"
set -e
mkdir -p /etc/systemd/system/user@.service.d
cat > /etc/systemd/system/user-runtime-dir@.service << EOF
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/install -d -m 700 -o %i -g %i /run/user/%i
EOF
printf '[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\n' > /etc/systemd/system/user@.service.d/runtime.conf
systemctl daemon-reload
systemctl start user@$(id -u ada).service
"#;

impl ServiceMachine {
    /// Boots it. `None` if that is not possible, because only root can.
    pub(crate) fn boot() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        if !is_root() {
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("service-{}-{count}", std::process::id());
        let mut command = Command::new(script());
        command.arg("hold").env("RIG_NAME", &name).stdin(Stdio::piped()).stdout(Stdio::piped());
        // In a group of its own it outlives what ends this program, and can put things in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "no systemd could be booted; what is missing is written above");
        let machine = Self { name, _holder: holder };
        let mut command = machine.command(&["bash", "-s", env!("CARGO_BIN_EXE_pi-mainteno")]);
        command.stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(WORLD.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(machine)
    }

    /// A command of root's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(script());
        command.arg("exec").args(arguments).env("RIG_NAME", &self.name).current_dir("/");
        for name in ["SUDO_USER", "XDG_RUNTIME_DIR", "CREDENTIALS_DIRECTORY"] {
            command.env_remove(name);
        }
        command.env("HOME", "/root").stdin(Stdio::null());
        command
    }

    /// Runs a shell's text as root, whatever comes of it.
    pub(crate) fn root(&self, text: &str) -> Output {
        Output::of(&mut self.command(&["sh", "-c", text]))
    }

    /// The same as Ada, in her home.
    pub(crate) fn ada(&self, text: &str) -> Output {
        let text = format!("cd; {text}");
        Output::of(&mut self.command(&["runuser", "-u", "ada", "--", "sh", "-c", &text]))
    }

    /// Starts Ada's own systemd.
    pub(crate) fn begin_session(&self) {
        let _ = self.root(SESSION).expect(0);
    }

    /// Runs a shell's text as Ada, with her own systemd at hand.
    pub(crate) fn in_session(&self, text: &str) -> Output {
        self.ada(&format!("export XDG_RUNTIME_DIR=/run/user/$(id -u); {text}"))
    }

    /// What the program answers Ada as JSON.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        self.ada(&format!("pi-mainteno {arguments} --json")).json()
    }

    /// Writes the configuration of the service.
    pub(crate) fn configure(&self, text: &str) {
        self.write("/etc/pi-mainteno/PiMainteno.toml", text);
    }

    /// Writes a file on the machine.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let mut command = self.command(&["sh", "-c", "cat > \"$0\"", path]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{path}");
    }

    /// Installs the service; it must succeed.
    #[track_caller]
    pub(crate) fn install(&self) -> Output {
        self.root("SUDO_USER=ada pi-mainteno install --yes").expect(0)
    }

    /// A property of the service.
    pub(crate) fn property(&self, name: &str) -> String {
        let asked = format!("systemctl show --property={name} --value Pi-Maintainer.service");
        self.root(&asked).expect(0).stdout.trim().to_owned()
    }

    /// Waits until a property of the service is this.
    #[track_caller]
    pub(crate) fn wait_for(&self, name: &str, value: &str) {
        let start = Instant::now();
        while self.property(name) != value {
            assert!(
                start.elapsed() < DEADLINE,
                "{name} is `{}`, not `{value}`: {}",
                self.property(name),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the service has logged.
    pub(crate) fn log(&self) -> String {
        self.root("journalctl --unit Pi-Maintainer.service --no-pager --output cat")
            .expect(0)
            .stdout
    }

    /// Puts the real codex where Ada would have it.
    pub(crate) fn codex(&self) {
        let program = real_codex().canonicalize().unwrap();
        let package = program
            .ancestors()
            .find(|path| path.file_name().is_some_and(|name| name == "node_modules"))
            .unwrap_or_else(|| program.parent().unwrap());
        let inner = Path::new("/opt/codex").join(program.strip_prefix(package).unwrap());
        let text = format!(
            "mkdir -p /opt/codex && mount --bind '{}' /opt/codex && runuser -u ada -- sh -c 'mkdir -p ~/.local/bin ~/.codex && ln -s {} ~/.local/bin/codex'",
            package.display(),
            inner.display()
        );
        let _ = self.root(&text).expect(0);
    }
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

fn script() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/systemd_rig.sh")
}
