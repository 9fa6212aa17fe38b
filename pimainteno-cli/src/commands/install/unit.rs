//! The text of the units.
//!
//! What runs, checks in their sandbox, pushes and backends need was found out with the real systemd
//! (`tests/t_install.rs` does it again). What the service has to do without is a line in the unit,
//! and what could not be taken from it is a comment there, with its reason: whoever asks
//! `systemd-analyze security` reads that file.

use std::{fmt::Write as _, path::Path};

use super::{
    place::{FAILED_UNIT, Manager, Places, UNIT},
    service::Service,
};
use crate::daemon::LONGEST_END;

/// How much longer than it ever takes the daemon may take to end, in seconds: a machine may be busy.
const SPARE: u64 = 8;

const HEAD: &str = "\
# Written by `pi-mainteno install`, which shows what it changes here before it does.
# What is to be otherwise goes into a file of its own, which stays: `{systemctl} edit {unit}`.
";

/// What holds for both kinds. What is in braces is filled in here and in the other parts.
const SERVICE: &str = "
[Unit]
Description=PiMainteno, which maintains Git projects and the services that run from them
Documentation=man:pi-mainteno(1)
{after}# What keeps it from starting is told by its journal; after five times in vain it waits for a person.
StartLimitIntervalSec=10min
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload={command} reload
Environment={path}
{credentials}# Said by the scheduler itself as long as it gets on.
WatchdogSec=2min
Restart=on-failure
RestartSec=10s
# Runs are told to stop and have {longest_end} s at most; what is left of them is finished or undone at the next start.
TimeoutStopSec={stop}s
# The daemon ends its own children in order: a `git` that nobody interrupts comes to its end.
KillMode=mixed
# A check that uses too much memory is killed, and the daemon tells so.
OOMPolicy=continue
# Checks have limits of their own (`sandbox_memory` …). These are so that nothing starves the services of this machine.
MemoryHigh=80%
MemoryMax=90%
TasksMax=8192
CPUWeight=50
IOWeight=50
LimitCORE=0
";

/// Whom it runs as, and where its places are.
const OF_SYSTEM: &str = "
# The owner of the projects: Git works on a checkout as that user alone, with the keys and settings of that home.
User={owner}
{journal}StateDirectory=pi-mainteno
StateDirectoryMode=0700
RuntimeDirectory=pi-mainteno
RuntimeDirectoryMode=0700
";

/// What only the machine's systemd can do for a service.
const WALLS_OF_SYSTEM: &str = "
# Not more of the file system than this: commands of yours (restart, health, steps without a sandbox) run here, and projects lie anywhere.
ProtectSystem=full
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectClock=yes
{capabilities}";

/// Nobody but root has any.
const NO_CAPABILITIES: &str = "\
CapabilityBoundingSet=
AmbientCapabilities=
";

/// The projects are root's.
const CAPABILITIES_OF_ROOT: &str = "\
# It runs as root, because the projects are root's: then the sandbox of checks is made with root's rights, and needs them.
CapabilityBoundingSet=~CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_BLOCK_SUSPEND CAP_BPF CAP_IPC_LOCK CAP_LEASE \
CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_NET_BROADCAST CAP_NET_RAW CAP_PERFMON CAP_SYS_BOOT CAP_SYSLOG CAP_SYS_MODULE \
CAP_SYS_PACCT CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM
";

/// What any service can do without, by filters that its children inherit.
const WALLS: &str = "\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
# Checks run in namespaces and a file system of their own, which the daemon makes as a user without rights: hence these five, `@mount`, `seccomp` and Landlock.
RestrictNamespaces=user mnt pid ipc net
SystemCallFilter=@system-service @mount @pkey seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallErrorNumber=EPERM
";

/// Why the rest is not there.
const NOT_WALLED: &str = "
# What is not here, and why:
# PrivateUsers                      the daemon takes orders only from its own user namespace, so that nothing in a sandbox approves a change
# ProtectKernelTunables, ProtectKernelLogs, ProtectHostname
#                                   they put something over parts of /proc, and then the kernel lets no sandbox have a /proc of its own; what
#                                   they keep from is nothing that a user without rights could do
# ProtectProc, ProcSubset           a health check may look for a process (`pgrep`), and limits come from /proc/meminfo
# ProtectHome                       checkouts, SSH keys, settings of Git and the sign-in of codex are there
# RestrictSUIDSGID                  Git gives directories the set-group-ID bit where a repository is shared (core.sharedRepository)
# MemoryDenyWriteExecute            Node, Java and others compile while they run
# RemoveIPC                         it would remove what the owner's other programs share
# UMask                             what Git writes into a checkout is read by whoever serves it
# PrivateNetwork, IPAddressDeny     remotes, registries and providers
";

/// The text of the service's unit.
pub(super) fn service(service: &Service, places: &Places) -> String {
    let is_system = places.manager == Manager::System;
    let after = match places.manager {
        Manager::System => {
            "Wants=network-online.target\nAfter=network-online.target remote-fs.target\n"
        }
        Manager::User => "",
    };
    let mut credentials = String::new();
    for name in &service.credentials {
        let source = word(&service.credentials_directory.join(name).display().to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(credentials, "LoadCredential={name}:{source}");
    }
    let command =
        format!("{} --config {}", argument(&service.program), argument(&service.configuration));
    let path = quoted(&format!("PATH={}", service.path));
    let longest_end = LONGEST_END.as_secs();
    let (stop, longest_end) = ((longest_end + SPARE).to_string(), longest_end.to_string());
    let values = [
        ("after", after),
        ("command", &command),
        ("path", &path),
        ("credentials", &credentials),
        ("longest_end", &longest_end),
        ("stop", &stop),
    ];
    let mut text = head(places, UNIT);
    text += &filled(SERVICE, &values);
    if is_system {
        let values = [("owner", &*service.owner.name), ("journal", journal(service))];
        text += &filled(OF_SYSTEM, &values);
        let capabilities =
            if service.owner.is_root() { CAPABILITIES_OF_ROOT } else { NO_CAPABILITIES };
        text += &filled(WALLS_OF_SYSTEM, &[("capabilities", capabilities)]);
    } else {
        text.push('\n');
    }
    text += WALLS;
    if is_system {
        text += NOT_WALLED;
    }
    let target = if is_system { "multi-user.target" } else { "default.target" };
    text + "\n[Install]\nWantedBy=" + target + "\n"
}

/// The text of the template that tells the daemon of a unit which failed.
pub(super) fn failed(service: &Service, places: &Places) -> String {
    let mut text = head(places, FAILED_UNIT)
        + "# A unit whose failure the daemon is to hear of by this names it: `OnFailure=pi-mainteno-failed@%n.service`.\n";
    let _ = write!(
        text,
        "
[Unit]
Description=Tells PiMainteno that %i failed
Documentation=man:pi-mainteno(1)

[Service]
Type=oneshot
ExecStart={} --config {} notify-failure %i
TimeoutStartSec=1min
",
        argument(&service.program),
        argument(&service.configuration)
    );
    if places.manager == Manager::System {
        let _ = write!(
            text,
            "User={}
{}ProtectSystem=strict
ReadWritePaths=-{}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
CapabilityBoundingSet=
",
            service.owner.name,
            // Where no daemon runs it looks itself why the unit failed.
            journal(service),
            word(&places.state.display().to_string())
        );
    }
    text + "NoNewPrivileges=yes\nRestrictNamespaces=yes\nSystemCallFilter=@system-service\n"
}

/// What lets somebody who is not root read the journal of the machine's units.
fn journal(service: &Service) -> &'static str {
    match service.reads_journal && !service.owner.is_root() {
        true => {
            "# It reads what the units of the projects log.\nSupplementaryGroups=systemd-journal\n"
        }
        false => "",
    }
}

fn head(places: &Places, unit: &str) -> String {
    filled(HEAD, &[("systemctl", places.manager.systemctl()), ("unit", unit)])
}

/// `template` with the values of these names in the place of `{name}`; what was filled in is not
/// looked at again.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text += values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        rest = after;
    }
    text + rest
}

/// A path as one argument of a command line of systemd (systemd.service(5)).
fn argument(path: &Path) -> String {
    quoted(&path.display().to_string()).replace('$', "$$")
}

/// A text as one word in quotation marks, where it needs them (systemd.syntax(7)).
fn quoted(text: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-+@=:,".contains(it);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("\"{}\"", word(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A text without what systemd would put something else in for (systemd.unit(5), specifiers).
fn word(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::install::tests::service as sample;

    fn lines(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
    }

    #[test]
    fn the_service_runs_as_the_owner_with_its_keys_and_says_where_it_is() {
        let text = service(&sample(), &Places::of_system());
        let lines = lines(&text);
        for line in [
            "User=ada",
            "ExecStart=/usr/local/bin/pi-mainteno --config /etc/pi-mainteno/PiMainteno.toml",
            "ExecReload=/usr/local/bin/pi-mainteno --config /etc/pi-mainteno/PiMainteno.toml reload",
            "Environment=PATH=/home/ada/.local/bin:/usr/bin",
            "LoadCredential=openai:/etc/pi-mainteno/credentials/openai",
            "SupplementaryGroups=systemd-journal",
            "StateDirectory=pi-mainteno",
            "RuntimeDirectory=pi-mainteno",
            "TimeoutStopSec=90s",
            "CapabilityBoundingSet=",
            "WantedBy=multi-user.target",
        ] {
            assert!(lines.contains(&line), "{line} in {text}");
        }
        assert!(!text.contains(['{', '}']), "{text}");
    }

    #[test]
    fn a_service_of_a_user_asks_for_nothing_that_only_root_can_give() {
        let places = Places::of_user(Path::new("/home/ada"), |_| None);
        let text = service(&sample(), &places);
        let lines = lines(&text);
        for key in ["User=", "Protect", "Private", "Capability", "StateDirectory", "Supplementary"]
        {
            assert!(!lines.iter().any(|line| line.starts_with(key)), "{key} in {text}");
        }
        assert!(lines.contains(&"WantedBy=default.target"), "{text}");
        assert!(text.contains("`systemctl --user edit Pi-Maintainer.service`"), "{text}");
    }

    #[test]
    fn a_service_of_root_keeps_what_its_sandbox_needs_and_gives_up_the_rest() {
        let mut of_root = sample();
        (of_root.owner.user, of_root.owner.name) = (0, "root".into());
        let text = service(&of_root, &Places::of_system());
        assert!(text.contains("\nCapabilityBoundingSet=~CAP_AUDIT_CONTROL"), "{text}");
        assert!(!text.contains("CAP_SYS_ADMIN") && !text.contains("Supplementary"), "{text}");
    }

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        assert_eq!(argument(Path::new("/opt/a b/100%$x\"")), r#""/opt/a b/100%%$$x\"""#);
        assert_eq!(argument(Path::new("/usr/bin/x")), "/usr/bin/x");
    }

    #[test]
    fn the_template_hands_over_the_name_of_the_unit() {
        let text = failed(&sample(), &Places::of_system());
        assert!(text.contains("PiMainteno.toml notify-failure %i\n"), "{text}");
        assert!(text.contains("\nSupplementaryGroups=systemd-journal\n"), "{text}");
        assert!(text.contains("`systemctl edit pi-mainteno-failed@.service`"), "{text}");
    }
}
