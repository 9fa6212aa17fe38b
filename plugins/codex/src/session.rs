//! One run of codex, from the prompt to the last event.

use std::{collections::BTreeSet, fs, path::Path};

use pimainteno_core::{
    Call, Edit, Reply, Request,
    process::{Cancel, Command, End},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    command::Account,
    events::{Event, one_line},
    failure::Failure,
};

/// The longest event that is read, in bytes. Events hold the whole output of the agent's commands;
/// what is longer is passed over.
const EVENT_LIMIT: usize = 8 << 20;

/// The most characters of a progress message.
const PROGRESS_LIMIT: usize = 120;

/// The most characters of standard error that go into a message.
const ERROR_LIMIT: usize = 400;

/// What codex leaves in a workspace when it is killed, and what it protects there.
const LEFTOVERS: [&str; 3] = [".agents", ".aws", ".codex"];

/// What was heard so far.
#[derive(Default)]
struct Transcript {
    /// The last text of the agent.
    message: String,
    /// Whether the agent did anything at all.
    worked: bool,
    /// The commands that are running.
    running: BTreeSet<String>,
    /// The last trouble, if nothing went well since.
    trouble: Option<String>,
    /// How the turn ended.
    end: Option<Event>,
}

/// Removes what codex leaves behind, however the run ends.
struct Tidy<'a>(&'a Path);

/// Runs codex on `request` and returns what it answered.
///
/// The key of `account` is taken out of whatever codex tells; the answer itself stays as it is,
/// because the model cannot know the key.
pub(crate) async fn run(
    command: Command,
    request: &Request,
    account: &Account,
    call: &Call,
) -> Result<Reply, Failure> {
    let _tidy = Tidy(&request.workspace);
    let (sender, mut lines) = mpsc::unbounded_channel();
    let stop = Cancel::new();
    let command = command
        .input(request.prompt.as_str())
        .timeout(request.timeout)
        .output_limit(EVENT_LIMIT)
        .lines(sender)
        .cancel(&stop);
    let mut transcript = Transcript::default();
    let mut heard = Instant::now();
    let mut silent = false;
    let output = {
        let running = command.run();
        tokio::pin!(running);
        loop {
            // A command of the agent, a long build for one, is silent for good reason: the deadline
            // is its limit.
            let is_waiting = transcript.running.is_empty() && !stop.is_raised();
            tokio::select! {
                biased;
                Some(line) = lines.recv() => {
                    heard = Instant::now();
                    transcript.hear(&line, request, account, call);
                }
                output = &mut running => break output.map_err(Failure::Start)?,
                () = call.cancel.raised(), if !stop.is_raised() => stop.raise(),
                () = sleep_until(heard + request.silence_timeout), if is_waiting => {
                    silent = true;
                    stop.raise();
                }
            }
        }
    };
    while let Ok(line) = lines.try_recv() {
        transcript.hear(&line, request, account, call);
    }
    match (transcript.end, output.end) {
        (Some(Event::Completed(usage)), _) => {
            if transcript.message.trim().is_empty()
                && (request.edit != Edit::Workspace || !transcript.worked)
            {
                return Err(Failure::Empty);
            }
            Ok(Reply::new(transcript.message).with_usage(usage))
        }
        (Some(Event::Failed(message)), _) => Err(Failure::Stated(account.redact(&message))),
        (_, End::Cancelled) if silent => {
            Err(Failure::Silent(request.silence_timeout, transcript.trouble))
        }
        (_, End::Cancelled) => Err(Failure::Cancelled),
        (_, End::TimedOut) if !transcript.worked => {
            Err(Failure::Silent(request.timeout, transcript.trouble))
        }
        (_, End::TimedOut) => Err(Failure::Late(request.timeout, transcript.trouble)),
        (_, end) => Err(Failure::Died(
            end,
            last_words(&account.redact(&String::from_utf8_lossy(&output.stderr))),
        )),
    }
}

impl Transcript {
    fn hear(&mut self, line: &str, request: &Request, account: &Account, call: &Call) {
        let event = Event::read(line);
        if let Some(message) = event.progress(&request.workspace) {
            call.progress(&one_line(&account.redact(&message), PROGRESS_LIMIT));
        }
        match event {
            Event::Trouble(message) => self.trouble = Some(account.redact(&message)),
            Event::Other => {}
            event => {
                self.trouble = None;
                self.worked |= !matches!(event, Event::Completed(_) | Event::Failed(_));
                match event {
                    Event::Message(text) => self.message = text,
                    Event::CommandStarted { id, .. } => drop(self.running.insert(id)),
                    Event::CommandEnded { id } => drop(self.running.remove(&id)),
                    Event::Completed(_) | Event::Failed(_) => self.end = Some(event),
                    _ => {}
                }
            }
        }
    }
}

/// The end of what codex wrote to standard error, without its warnings, which come with each run.
fn last_words(stderr: &str) -> String {
    let lines: Vec<_> =
        stderr.lines().filter(|line| !line.to_lowercase().starts_with("warning:")).collect();
    let tail = lines.iter().rev().take(8).rev().copied().collect::<Vec<_>>().join(" ");
    one_line(&tail, ERROR_LIMIT)
}

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        for name in LEFTOVERS {
            // This removes empty directories only, and it is no failure if there is none.
            let _ = fs::remove_dir(self.0.join(name));
        }
    }
}
