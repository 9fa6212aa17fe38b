//! A sandbox in which many commands run one after the other: entering one costs more than most of
//! them.
//!
//! The helper does not become a command in there, but a server ([`super::server`]) that is told of
//! commands on its standard input and tells of their ends on its standard output. What it says is
//! data from a place where anything may run: everything in it is bounded, and whatever makes no
//! sense ends the session.

use std::{
    io,
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout},
    sync::Mutex,
};

use super::{Enclosure, Sandbox};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    process::{Command, End, Output, Start, end_of, report::Report, tree},
};

/// The command that stands for the server.
pub(super) const SERVE: &str = "--serve-commands-in-the-sandbox";

/// The longest head of an answer, in bytes.
const HEAD_LIMIT: usize = 64 << 10;

/// What a stream may be longer than its limit: the mark where something was left out.
const MARK: usize = 64;

/// How long a session that has lost its voice may take to end by itself, and so to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A sandbox in which many commands run, one at a time. It is begun with the first one, and anew if
/// it has ended; it ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Session(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sandbox: Sandbox,
    directory: PathBuf,
    live: Mutex<Option<Live>>,
}

/// A session that runs. The fields end in this order.
#[derive(Debug)]
struct Live {
    input: ChildStdin,
    output: ChildStdout,
    child: Child,
    family: tree::Family,
    enclosure: Enclosure,
}

/// What the server is told of a command; its input follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) start: Start,
    pub(super) input: usize,
}

/// What the server tells of a command; its standard output and its standard error follow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) report: Report,
    pub(super) stdout: usize,
    pub(super) stderr: usize,
    pub(super) truncated: bool,
}

impl Session {
    /// A session in `sandbox`, which begins in `directory`.
    pub(crate) fn new(sandbox: Sandbox, directory: PathBuf) -> Self {
        Self(Arc::new(Shared { sandbox, directory, live: Mutex::new(None) }))
    }

    /// Runs `command` in it to its end. Of its limits, those of time and output hold; at the first,
    /// the session ends with it.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] if the command cannot be started, if the sandbox cannot be set up, or
    /// if it ended meanwhile.
    pub(crate) async fn run(&self, command: Command) -> Result<Output> {
        let started = Instant::now();
        let mut place = self.0.live.lock().await;
        // Taken out: a call that is not waited for to its end leaves no session behind whose next
        // answer would be its own.
        let running = place
            .take()
            .and_then(|mut live| matches!(live.child.try_wait(), Ok(None)).then_some(live));
        let mut live = match running {
            Some(live) => live,
            None => Live::begin(&self.0)?,
        };
        match tokio::time::timeout(command.timeout, live.exchange(&command)).await {
            Ok(Ok((reply, stdout, stderr))) => {
                *place = Some(live);
                let elapsed = started.elapsed();
                match reply.report {
                    Report::Ended(end @ (End::Exited(_) | End::Signalled(_))) => {
                        let (truncated, silence) = (reply.truncated, elapsed);
                        Ok(Output { end, stdout, stderr, truncated, elapsed, silence })
                    }
                    Report::Ended(other) => Err(Error::new(ErrorKind::Process, other.to_string())),
                    Report::Failed(reason) => Err(Error::new(ErrorKind::Process, reason)),
                }
            }
            Ok(Err(error)) => Ok(ended(live.last_words(error).await?, started)),
            Err(_) => Ok(ended(End::TimedOut, started)),
        }
    }
}

/// What is known of a command that went down with its session.
fn ended(end: End, started: Instant) -> Output {
    let (stdout, stderr, elapsed) = (Vec::new(), Vec::new(), started.elapsed());
    Output { end, stdout, stderr, truncated: false, elapsed, silence: elapsed }
}

impl Live {
    fn begin(shared: &Shared) -> Result<Self> {
        let marker = tree::new_marker();
        let enclosure = Enclosure::new(&shared.sandbox, Some(&shared.directory), &marker)?;
        let (helper, arguments) = enclosure.helper()?;
        let mut command = tokio::process::Command::new(helper);
        command.args(arguments).arg(SERVE).env_clear();
        command
            .env(tree::MARKER, &marker)
            .env("TMPDIR", enclosure.temporary())
            .current_dir(&shared.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command
            .spawn()
            .context(ErrorKind::Process, || format!("cannot start `{}`", helper.display()))?;
        let family = tree::Family::new(child.id(), marker);
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::new(ErrorKind::Internal, "the sandbox's helper has no pipes"));
        };
        Ok(Self { input, output, child, family, enclosure })
    }

    async fn exchange(&mut self, command: &Command) -> io::Result<(Reply, Vec<u8>, Vec<u8>)> {
        let request = Request { start: command.start.clone(), input: command.input.len() };
        let head = serde_json::to_vec(&request)?;
        let length = u32::try_from(head.len()).map_err(io::Error::other)?;
        self.input.write_all(&[&length.to_le_bytes()[..], &head].concat()).await?;
        self.input.write_all(&command.input).await?;
        self.input.flush().await?;
        let mut length = [0; 4];
        self.output.read_exact(&mut length).await?;
        let head = read(&mut self.output, u32::from_le_bytes(length) as usize, HEAD_LIMIT).await?;
        let reply: Reply = serde_json::from_slice(&head)?;
        let limit = command.start.output_limit.saturating_add(MARK);
        let stdout = read(&mut self.output, reply.stdout, limit).await?;
        let stderr = read(&mut self.output, reply.stderr, limit).await?;
        Ok((reply, stdout, stderr))
    }

    /// How it ended, after it did not answer as it should.
    async fn last_words(mut self, error: io::Error) -> Result<End> {
        let told = match tokio::time::timeout(LAST_WORDS, self.child.wait()).await {
            Ok(Ok(status)) => self.enclosure.end(end_of(status))?,
            Ok(Err(_)) | Err(_) => {
                self.family.kill();
                return Err(Error::new(
                    ErrorKind::Process,
                    "the sandbox gave an answer that makes no sense",
                )
                .source(error));
            }
        };
        match told {
            End::Exceeded(_) => Ok(told),
            _ => Err(Error::new(
                ErrorKind::Process,
                format!("the sandbox ended in the middle of a call ({told})"),
            )
            .source(error)),
        }
    }
}

/// Reads so many bytes, unless that is more than there may be.
async fn read(output: &mut ChildStdout, length: usize, limit: usize) -> io::Result<Vec<u8>> {
    if length > limit {
        return Err(io::Error::other(format!(
            "an answer of {length} bytes where {limit} are the most"
        )));
    }
    let mut bytes = vec![0; length];
    output.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::process::{Limits, Support, Used};

    /// A session whose helper is this script.
    fn session(place: &std::path::Path, script: &str) -> Session {
        let helper = place.join("helper");
        fs::write(&helper, format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
        let sandbox = Sandbox {
            helper,
            scratch: place.join("scratch"),
            write: Vec::new(),
            written: Vec::new(),
            layers: Vec::new(),
            shown: Vec::new(),
            read: Vec::new(),
            cover: Vec::new(),
            network: false,
            limits: Limits::of_this_machine(),
            used: Used::default(),
            support: Support { landlock: 1, obstacle: Some("none".into()), ..Support::default() },
        };
        Session::new(sandbox, place.to_owned())
    }

    #[tokio::test]
    async fn an_answer_that_makes_no_sense_ends_the_session() {
        let place = tempfile::tempdir().unwrap();
        let head = r#"{"report":{"Ended":{"Exited":0}},"stdout":1000000000000,"stderr":0,"truncated":false}"#;
        let lengths =
            format!("printf '\\{:03o}\\0\\0\\0'; printf '%s' '{head}'; exec sleep 600", head.len());
        for script in [
            "printf '\\377\\377\\377\\377'; exec sleep 600",
            "printf '\\2\\0\\0\\0{}'; exec sleep 600",
            &lengths,
        ] {
            let error = session(place.path(), script).run(Command::new("git")).await.unwrap_err();
            assert!(error.to_string().contains("makes no sense"), "{script}: {error}");
        }
        assert_eq!(fs::read_dir(place.path().join("scratch")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_session_that_dies_is_begun_anew_and_one_that_hangs_is_ended() {
        let place = tempfile::tempdir().unwrap();
        let session =
            session(place.path(), "echo begun >> log; test -e hang || exit 1; exec sleep 600");
        for _ in 0..2 {
            let error = session.run(Command::new("git")).await.unwrap_err();
            assert!(error.to_string().contains("helper ended without a report"), "{error}");
        }
        fs::write(place.path().join("hang"), "").unwrap();
        let output =
            session.run(Command::new("git").timeout(Duration::from_millis(100))).await.unwrap();
        assert_eq!(output.end, End::TimedOut);
        assert_eq!(fs::read_to_string(place.path().join("log")).unwrap(), "begun\n".repeat(3));
    }
}
