//! Child processes with limits.
//!
//! Nothing waits for ever: every child has a deadline and may have a limit on silence; its output
//! is capped; it runs in a process group of its own, and when it overruns a limit everything that
//! descends from it is killed. How sure that is depends on what it runs in:
//!
//! | | whoever it starts ends with it |
//! |---|---|
//! | a [sandbox](Sandbox) | always, as far as the machine can have a whole one |
//! | no sandbox, but [minded](Command::minded_by): commands, checks, hooks, backends, health and restart commands, and Git's calls that start somebody else's programs | also in another group, another session, an empty environment and without its parent; unless it kills the minder first, as whoever runs as the same user can |
//! | neither, as calls of Git, systemctl and journalctl that start nothing of anybody's | unless it leaves the group and throws away the variable that all of them carry |

mod attendance;
mod environment;
mod minder;
mod not_started;
mod output;
mod proc;
mod removal;
mod report;
mod sandbox;
pub(crate) mod survivors;
mod tree;

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, watch},
    time::Instant,
};

use crate::error::{Context, Error, ErrorKind, Result};

use not_started::Attempt;

pub use environment::Environment;
pub use removal::remove;
pub(crate) use removal::{make_writable, remove_all_in, remove_at_once, remove_unseen};
pub(crate) use sandbox::Session;
pub use sandbox::{
    Excess, Layer, Limits, Places, Sandbox, SandboxHelper, Shown, Support, Used, help,
};

/// How long a child that is to stop may take to do so.
const GRACE: Duration = Duration::from_secs(2);

/// A child process to be run.
#[derive(Clone, Debug)]
pub struct Command {
    start: Start,
    input: Vec<u8>,
    timeout: Duration,
    silence_timeout: Duration,
    lines: Option<mpsc::UnboundedSender<String>>,
    cancel: Cancel,
    keep_descendants: bool,
    /// The mark that its descendants carry, if not one of its own. Whoever else carries it is no
    /// matter of this command, so it is for those that keep their descendants.
    marker: Option<String>,
    sandbox: Option<Box<Sandbox>>,
    /// The program that minds it where there is no sandbox.
    minder: Option<PathBuf>,
}

/// What is to be started, as it can be told to another process that starts it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Start {
    program: OsString,
    arguments: Vec<OsString>,
    directory: Option<PathBuf>,
    /// Of a name that is there twice, the later value holds.
    environment: Vec<(OsString, OsString)>,
    output_limit: usize,
}

/// What a child process did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub end: End,
    /// What it wrote to its standard output, up to the limit.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error, up to the limit.
    pub stderr: Vec<u8>,
    /// Whether some output was dropped. The first and the last half of the limit are kept.
    pub truncated: bool,
    /// How long it took.
    pub elapsed: Duration,
    /// The longest time in which it wrote nothing.
    pub silence: Duration,
}

/// How a child process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// Killed: it overran its deadline.
    TimedOut,
    /// Killed: it wrote nothing for too long.
    Silent,
    /// Killed: the run was told to stop.
    Cancelled,
    /// Killed: it used up more than its sandbox allows.
    Exceeded(Excess),
}

/// Tells running work to stop; clones share the flag.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Sender<bool>);

impl Command {
    /// A command that runs `program` in an empty environment, with no input, a limit of one minute
    /// and of 1 MiB of output a stream.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            start: Start {
                program: program.as_ref().to_owned(),
                arguments: Vec::new(),
                directory: None,
                environment: Vec::new(),
                output_limit: 1 << 20,
            },
            input: Vec::new(),
            timeout: Duration::from_secs(60),
            silence_timeout: Duration::MAX,
            lines: None,
            cancel: Cancel::new(),
            keep_descendants: false,
            marker: None,
            sandbox: None,
            minder: None,
        }
    }

    /// A command that `sh -c` runs.
    pub fn shell(command: impl AsRef<OsStr>) -> Self {
        Self::new("/bin/sh").arg("-c").arg(command)
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        self.args([argument])
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.start
            .arguments
            .extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Runs in `directory`.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.start.directory = Some(directory.into());
        self
    }

    /// Adds a variable to the environment, which holds nothing else.
    #[must_use]
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs([(name, value)])
    }

    /// Adds variables to the environment.
    #[must_use]
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.start.environment.extend(
            variables
                .into_iter()
                .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned())),
        );
        self
    }

    /// Writes `input` to its standard input, which is closed afterwards.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Kills it after `timeout`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Kills it when it has written nothing for `silence_timeout`.
    #[must_use]
    pub fn silence_timeout(mut self, silence_timeout: Duration) -> Self {
        self.silence_timeout = silence_timeout;
        self
    }

    /// Keeps at most so many bytes of each stream.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.start.output_limit = bytes;
        self
    }

    /// Sends each line of its standard output as it comes, without the line end; a line longer than
    /// the output limit comes in pieces.
    #[must_use]
    pub fn lines(mut self, lines: mpsc::UnboundedSender<String>) -> Self {
        self.lines = Some(lines);
        self
    }

    /// Kills it when `cancel` is raised.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Leaves what it started running when it ends by itself: for commands that start a service.
    #[must_use]
    pub fn keep_descendants(mut self) -> Self {
        self.keep_descendants = true;
        self
    }

    /// Gives it the variables of `environment`, and has it minded as [`minded_by`](Self::minded_by)
    /// does.
    #[must_use]
    pub fn environment(self, environment: &Environment) -> Self {
        self.envs(environment.iter()).minded_by(environment)
    }

    /// Has the helper that `environment` names, if it does, stand between it and this program: then
    /// nobody gets away from it, whatever they do with their group, their session, their
    /// environment and their parents, and it ends with this program, unless it is to keep its
    /// descendants. A sandbox does that by itself. Costs the start of one more process, some
    /// milliseconds.
    #[must_use]
    pub fn minded_by(mut self, environment: &Environment) -> Self {
        self.minder = environment.minder().map(Path::to_owned);
        self
    }

    /// Runs it in `sandbox`, in which `TMPDIR` is a temporary directory of its own.
    #[must_use]
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = Some(Box::new(sandbox));
        self
    }

    /// Runs it to its end, or kills it at the first limit.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] if it cannot be started, or its sandbox cannot be set up. However it
    /// ends, even killed, that is an [`Output`].
    pub async fn run(self) -> Result<Output> {
        let started = Instant::now();
        let Start { program, arguments, directory, environment, output_limit } = self.start;
        let marker = self.marker.unwrap_or_else(tree::new_marker);
        let enclose = |sandbox| sandbox::Enclosure::new(sandbox, directory.as_deref(), &marker);
        let enclosure = self.sandbox.as_deref().map(enclose).transpose()?;
        let mind = |program| minder::Minder::new(program, self.keep_descendants);
        let minder =
            self.minder.as_deref().filter(|_| enclosure.is_none()).map(mind).transpose()?;
        let helper =
            enclosure.as_ref().map(|it| it.helper()).or(minder.as_ref().map(|it| it.helper()));
        let mut attempt = Attempt::new(&program, directory.as_deref(), &environment);
        let mut command = match helper.transpose()? {
            Some((helper, arguments)) => {
                attempt = attempt.by(helper);
                let mut command = tokio::process::Command::new(helper);
                command.args(arguments).arg(&program);
                command
            }
            None => tokio::process::Command::new(&program),
        };
        command
            .args(arguments)
            .env_clear()
            .envs(environment)
            .env(tree::MARKER, &marker)
            .stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match &enclosure {
            // Its helper begins a session, and leads a group with it; whoever leads one already
            // cannot.
            Some(enclosure) => command.env("TMPDIR", enclosure.temporary()),
            None => command.process_group(0),
        };
        if let Some(directory) = directory {
            command.current_dir(directory);
        }
        let name = program.to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|source| attempt.failed(source))?;
        let mut family = tree::Family::new(child.id(), marker);

        let (alive, mut signs_of_life) = watch::channel(());
        let input = child.stdin.take().map(|mut stdin| {
            let input = self.input;
            // A child that does not read all of its input is no failure: its end tells.
            tokio::spawn(async move { drop(stdin.write_all(&input).await) })
        });
        let stdout =
            output::Reader::new(child.stdout.take(), output_limit, alive.clone(), self.lines);
        let stderr = output::Reader::new(child.stderr.take(), output_limit, alive.clone(), None);

        let (mut last_sign, mut longest_silence) = (Instant::now(), Duration::ZERO);
        let silence = async {
            // A child that has closed its output is silent, not dead: `alive` keeps the channel
            // open, so that only time tells.
            let _alive = alive;
            let limit = self.silence_timeout;
            while let Ok(Ok(())) = tokio::time::timeout(limit, signs_of_life.changed()).await {
                longest_silence = longest_silence.max(last_sign.elapsed());
                last_sign = Instant::now();
            }
        };
        let end = tokio::select! {
            biased;
            status = child.wait() => {
                let status = status.context(ErrorKind::Process, || format!("cannot wait for `{name}`"))?;
                end_of(status)
            }
            () = self.cancel.raised() => End::Cancelled,
            () = tokio::time::sleep(self.timeout) => End::TimedOut,
            () = silence => End::Silent,
        };
        let silence = longest_silence.max(last_sign.elapsed());
        match end {
            End::Exited(_) | End::Signalled(_) if self.keep_descendants => family.release(),
            End::Exited(_) | End::Signalled(_) => family.kill(),
            End::TimedOut | End::Silent | End::Cancelled | End::Exceeded(_) => {
                family.terminate();
                // Whoever does not go when asked is made to.
                drop(tokio::time::timeout(GRACE, child.wait()).await);
                if enclosure.is_some() || minder.is_some() {
                    // It makes sure of the rest, and then goes by itself.
                    family.kill_descendants();
                    drop(tokio::time::timeout(GRACE, child.wait()).await);
                }
                family.kill();
                drop(child.wait().await);
            }
        }
        if let Some(input) = input {
            input.abort();
        }
        let (stdout, stdout_truncated) = stdout.finish().await;
        let (stderr, stderr_truncated) = stderr.finish().await;
        let end = match (end, &enclosure, minder) {
            (End::Exited(_) | End::Signalled(_), Some(enclosure), _) => {
                enclosure.end(end, &attempt)?
            }
            (End::Exited(_) | End::Signalled(_), None, Some(minder)) => {
                minder.end(end, &attempt)?
            }
            _ => end,
        };
        Ok(Output {
            end,
            stdout,
            stderr,
            truncated: stdout_truncated || stderr_truncated,
            elapsed: started.elapsed(),
            silence,
        })
    }
}

impl Output {
    /// Whether it ended by itself with 0.
    pub fn success(&self) -> bool {
        self.end == End::Exited(0)
    }

    /// Its standard output as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last lines of what it wrote to either, those of standard error behind the others: where
    /// the words of several programs are mixed, such as those of Git and a hook.
    pub(crate) fn tail_of_both(&self, lines: usize) -> String {
        let both = [&self.stdout, &self.stderr].map(|text| String::from_utf8_lossy(text));
        let both: Vec<_> = both
            .iter()
            .flat_map(|text| text.lines())
            .filter(|line| !line.trim().is_empty())
            .collect();
        both[both.len().saturating_sub(lines)..].join("\n")
    }

    /// The last lines of what it wrote, standard error first; for messages.
    pub fn tail(&self, lines: usize) -> String {
        let text = if self.stderr.iter().any(|byte| !byte.is_ascii_whitespace()) {
            &self.stderr
        } else {
            &self.stdout
        };
        let text = String::from_utf8_lossy(text);
        let kept: Vec<_> = text.trim_end().lines().rev().take(lines).collect();
        kept.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(formatter, "exit code {code}"),
            Self::Signalled(signal) => write!(formatter, "killed by signal {signal}"),
            Self::TimedOut => formatter.write_str("killed at its deadline"),
            Self::Silent => formatter.write_str("killed after too long a silence"),
            Self::Cancelled => formatter.write_str("stopped"),
            Self::Exceeded(excess) => write!(formatter, "killed: it {excess}"),
        }
    }
}

impl Cancel {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Raises the flag, for good.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Whether the flag is raised.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the flag is raised.
    pub async fn raised(&self) {
        // The sender lives in `self`, so the channel cannot close while we wait.
        drop(self.0.subscribe().wait_for(|raised| *raised).await);
    }

    /// An error if the flag is raised.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_raised() {
            Err(Error::new(ErrorKind::Cancelled, "the run was told to stop"))
        } else {
            Ok(())
        }
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signalled(signal.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        Command::shell(script).env("PATH", "/usr/bin:/bin")
    }

    #[tokio::test]
    async fn a_command_gets_its_input_and_nothing_of_our_environment() {
        let output = shell("cat; echo $HOME; exit 3").input("hello\n").run().await.unwrap();
        assert_eq!((output.end, output.text().as_str()), (End::Exited(3), "hello\n\n"));
    }

    #[tokio::test]
    async fn output_beyond_the_limit_is_read_but_not_kept() {
        let output =
            shell("head -c 5000000 /dev/zero; echo end").output_limit(1024).run().await.unwrap();
        assert!(output.success() && output.truncated);
        // The mark between the two kept ends is not counted.
        assert!(
            output.stdout.len() <= 1024 + b"\n[...]\n".len() && output.stdout.ends_with(b"end\n")
        );
    }

    #[tokio::test]
    async fn each_limit_ends_a_command_in_bounded_time() {
        let stubborn = "trap '' TERM; while :; do sleep 1; done";
        let timed_out = shell(stubborn).timeout(Duration::from_millis(50)).run().await.unwrap();
        assert_eq!(timed_out.end, End::TimedOut);
        let silent = shell("echo one; sleep 60")
            .silence_timeout(Duration::from_millis(100))
            .run()
            .await
            .unwrap();
        assert_eq!((silent.end, silent.text().as_str()), (End::Silent, "one\n"));
        let cancel = Cancel::new();
        cancel.raise();
        assert_eq!(shell("sleep 60").cancel(&cancel).run().await.unwrap().end, End::Cancelled);
    }

    #[tokio::test]
    async fn a_command_that_closes_its_output_may_go_on_until_the_limit() {
        let output = shell("exec >&- 2>&-; sleep 0.2")
            .silence_timeout(Duration::from_secs(30))
            .run()
            .await
            .unwrap();
        assert_eq!(output.end, End::Exited(0));
        let output = shell("exec >&- 2>&-; sleep 60")
            .silence_timeout(Duration::from_millis(100))
            .run()
            .await
            .unwrap();
        assert_eq!(output.end, End::Silent);
    }

    #[tokio::test]
    async fn what_left_the_process_group_is_killed_too() {
        let output = shell("setsid sh -c 'echo $$; exec sleep 60' & wait")
            .timeout(Duration::from_millis(300))
            .run()
            .await
            .unwrap();
        assert_eq!(output.end, End::TimedOut);
        let pid = output.text().trim().to_owned();
        let gone = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .map_or(true, |stat| stat.contains(") Z "))
        };
        // SIGKILL is delivered, not awaited.
        for _ in 0..1000 {
            if gone() {
                return;
            }
            tokio::task::yield_now().await;
        }
        assert!(gone(), "process {pid} survived");
    }

    #[tokio::test]
    async fn a_service_that_a_command_started_stays_when_asked_for() {
        let output = shell("setsid sh -c 'echo $$; exec sleep 60' & sleep 0.1")
            .keep_descendants()
            .run()
            .await
            .unwrap();
        let pid: i32 = output.text().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::test_kill_process(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn lines_arrive_while_the_command_runs() {
        let (sender, mut lines) = mpsc::unbounded_channel();
        let running = tokio::spawn(
            shell("echo one; echo two; read answer; echo never").input("x").lines(sender).run(),
        );
        assert_eq!(lines.recv().await.as_deref(), Some("one"));
        assert_eq!(lines.recv().await.as_deref(), Some("two"));
        assert!(running.await.unwrap().unwrap().success());
    }
}
