//! Why a unit failed, from what systemd knows of how it ended.

use serde::{Deserialize, Serialize};

use super::exit_status;

/// `ExecMainCode` of a process that exited; `CLD_EXITED` of the kernel.
const EXITED: i32 = 1;

/// `ExecMainCode` of a process that a signal ended; `CLD_KILLED`.
const KILLED: i32 = 2;

/// `ExecMainCode` of a process that a signal ended, and whose memory was kept; `CLD_DUMPED`.
const DUMPED: i32 = 3;

/// What systemd knows of how a unit ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The unit's property `Result`, such as `exit-code`; or the result of the job that was to
    /// start it, such as `dependency`.
    pub result: String,
    /// `ExecMainCode`: 1 exited, 2 killed, 3 killed and its memory kept, 0 unknown.
    pub code: i32,
    /// `ExecMainStatus`: an exit code, or the number of a signal.
    pub status: i32,
    /// `NRestarts` when it was seen.
    pub restarts: u32,
    /// Whether systemd gave up restarting it, whatever `result` says: a result from before stays.
    pub gave_up: bool,
    /// What it was doing when it ended.
    pub phase: Phase,
}

/// What a unit was doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It had not said yet that it is ready.
    Starting,
    /// It ran.
    #[default]
    Running,
    /// It had been told to stop.
    Stopping,
}

/// Why a unit failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What kind of end it was.
    pub kind: CauseKind,
    /// The same in words, as the end of a sentence about the unit: "exited with code 1".
    pub text: String,
    /// Whether systemd tries no more.
    pub gave_up: bool,
}

/// What kind of end a unit had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CauseKind {
    /// Its program, or one that prepares it, exited with an error.
    ExitCode,
    /// A signal ended it.
    Signal,
    /// A signal ended it, and its memory was kept for a debugger.
    CoreDump,
    /// It hung: its watchdog heard nothing.
    Watchdog,
    /// The kernel, or systemd-oomd, ended it because memory ran out.
    OutOfMemory,
    /// It was started too often, or asked for too often, in too short a time.
    StartLimit,
    /// It was not ready in time.
    StartTimeout,
    /// It did not stop in time.
    StopTimeout,
    /// It did not do what its unit says that it does, such as telling that it is ready.
    Protocol,
    /// It never came to run its program: systemd could not make ready what its unit asks for.
    Setup,
    /// systemd lacked something to start it: a file that its unit names, memory, a descriptor.
    Resources,
    /// A unit that it requires failed.
    Dependency,
    /// It ended well, and was started again and again.
    Restarted,
    /// Something else.
    Other,
}

impl Cause {
    /// Whether it was ended from outside, as nothing in a program does to itself: it was killed, not
    /// because memory ran out or something took too long.
    pub(crate) fn is_from_outside(&self) -> bool {
        self.kind == CauseKind::Signal && self.text.starts_with("was killed by SIGKILL")
    }

    /// That of a unit with this ending.
    pub fn of(ending: &Ending) -> Self {
        let (kind, mut text) = kind_and_text(ending);
        let gave_up = ending.gave_up || kind == CauseKind::StartLimit;
        match ending.restarts {
            _ if kind == CauseKind::Restarted => {}
            0 if gave_up && kind != CauseKind::StartLimit => text.push_str("; systemd gave up"),
            0 => {}
            restarts => {
                let end = if gave_up { "systemd gave up after" } else { "after" };
                let separator = if gave_up { "; " } else { ", " };
                text.push_str(&format!("{separator}{end} {}", times(restarts, "restart")));
            }
        }
        Self { kind, text, gave_up }
    }
}

/// What systemd's word stands for. The words are those of all kinds of units, and of jobs: a mount
/// fails as a service does, and a socket has limits of its own.
fn kind_and_text(ending: &Ending) -> (CauseKind, String) {
    let plain = |kind, text: &str| (kind, text.to_owned());
    match ending.result.as_str() {
        "exit-code" => exited(ending),
        "signal" | "core-dump" => killed(ending),
        "watchdog" => {
            let how = signal_of(ending)
                .map_or_else(String::new, |signal| format!(", and was ended by {signal}"));
            (CauseKind::Watchdog, format!("did not answer its watchdog in time{how}"))
        }
        "oom-kill" => plain(CauseKind::OutOfMemory, "was killed because memory ran out"),
        "timeout" => timed_out(ending.phase),
        "protocol" => protocol(ending),
        "resources" => plain(
            CauseKind::Resources,
            "could not be started: systemd lacked something that its unit names, or memory",
        ),
        "start-limit-hit" => plain(CauseKind::StartLimit, "was started too often in a short time"),
        "trigger-limit-hit" => {
            plain(CauseKind::StartLimit, "was triggered too often in a short time")
        }
        "service-start-limit-hit" | "unit-start-limit-hit" | "mount-start-limit-hit" => plain(
            CauseKind::StartLimit,
            "gave up, as the unit that it starts was started too often in a short time",
        ),
        "exec-condition" => plain(
            CauseKind::Other,
            "was not started, as the command that its ExecCondition= runs said so",
        ),
        "dependency" => {
            plain(CauseKind::Dependency, "was not started, as a unit that it requires failed")
        }
        "assert" => {
            plain(CauseKind::Setup, "was not started, as an Assert…= of its unit is not met")
        }
        "invalid" | "unsupported" | "bad-setting" => {
            plain(CauseKind::Setup, "could not be started: its unit file is wrong")
        }
        "not-found" => plain(CauseKind::Setup, "could not be started: it has no unit file"),
        "unmounted" => plain(CauseKind::Other, "was unmounted by somebody else"),
        "success" | "done" | "" => ended_well(ending),
        other => {
            let shown: String = other.chars().take(40).collect();
            (CauseKind::Other, format!("failed with the result `{}`", shown.escape_debug()))
        }
    }
}

fn exited(ending: &Ending) -> (CauseKind, String) {
    let status = ending.status;
    if ending.code != EXITED || status == 0 {
        // The main process did not run, or was ended by systemd as another one had failed.
        let which = match ending.phase {
            Phase::Starting => "a command that starts it exited with an error",
            Phase::Running => "a command of its unit exited with an error",
            Phase::Stopping => "a command that stops it exited with an error",
        };
        return (CauseKind::ExitCode, format!("failed, as {which}"));
    }
    if let Some(setup) = exit_status::setup(status) {
        let text =
            format!("could not be started: {} (status {status}/{})", setup.meaning, setup.name);
        return (CauseKind::Setup, text);
    }
    let name = match exit_status::name(status) {
        Some(name) if (64..=78).contains(&status) => format!(" ({name})"),
        _ => String::new(),
    };
    (CauseKind::ExitCode, format!("exited with code {status}{name}"))
}

fn killed(ending: &Ending) -> (CauseKind, String) {
    let signal = signal_of(ending).unwrap_or_else(|| "a signal".into());
    if ending.result == "core-dump" || ending.code == DUMPED {
        (CauseKind::CoreDump, format!("was killed by {signal} and dumped core"))
    } else {
        (CauseKind::Signal, format!("was killed by {signal}"))
    }
}

fn timed_out(phase: Phase) -> (CauseKind, String) {
    match phase {
        Phase::Starting => (CauseKind::StartTimeout, "was not ready in time".into()),
        Phase::Stopping => (CauseKind::StopTimeout, "did not stop in time".into()),
        Phase::Running => {
            (CauseKind::Other, "ran for longer than its RuntimeMaxSec= allows".into())
        }
    }
}

fn protocol(ending: &Ending) -> (CauseKind, String) {
    let what = if ending.code == EXITED && ending.status == 0 {
        "ended without saying that it is ready, as its Type= promises"
    } else {
        "did not do what its Type= promises, such as saying that it is ready or writing its PIDFile="
    };
    (CauseKind::Protocol, what.into())
}

fn ended_well(ending: &Ending) -> (CauseKind, String) {
    if ending.gave_up {
        return (CauseKind::StartLimit, "was started too often in a short time".into());
    }
    if ending.restarts > 0 {
        let times = times(ending.restarts, "time");
        return (CauseKind::Restarted, format!("ended without an error and was restarted {times}"));
    }
    // A result that is none, but a process that tells what happened.
    match (ending.code, ending.status) {
        (EXITED, status) if status != 0 => exited(ending),
        (KILLED | DUMPED, _) => killed(ending),
        _ => (CauseKind::Other, "is not running".into()),
    }
}

fn times(number: u32, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// The name of the signal that ended the main process.
fn signal_of(ending: &Ending) -> Option<String> {
    matches!(ending.code, KILLED | DUMPED).then(|| signal_name(ending.status))
}

/// The name of a signal by its number, on the architectures that systemd runs on but for MIPS,
/// Alpha and SPARC.
fn signal_name(number: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    match index.and_then(|index| NAMES.get(index)) {
        Some(name) => format!("SIG{name}"),
        None if (34..=64).contains(&number) => format!("SIGRTMIN+{}", number - 34),
        None => format!("signal {number}"),
    }
}
