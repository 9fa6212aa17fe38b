//! The far end of a [session](super::session): runs the commands that it is told of, inside of the
//! sandbox.

#![expect(clippy::disallowed_methods, reason = "the helper is a process of its own")]

use std::{
    fs,
    io::{self, Read, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use rustix::process::{
    DumpableBehavior, Pid, Signal, kill_process, set_dumpable_behavior,
    set_parent_process_death_signal,
};

use super::{
    protocol::Plan,
    session::{Ended, Reply, Request},
};
use crate::process::{Command, End};

/// No limit of time: whoever asked has one, and ends everything in here at it.
const FOR_LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long what was killed may take to end: what hangs in the kernel does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look whether it has.
const GLANCE: Duration = Duration::from_millis(1);

/// Runs commands until nobody asks any more. To be called by a process that is confined already,
/// and has one thread.
pub(super) fn serve(plan: &Plan) -> io::Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // What runs in here is of the same user, and could otherwise write to the pipe that the answers
    // go into (`/proc/PID/fd`), or into this process.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut length = [0; 4];
    loop {
        match input.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error),
        }
        let mut head = vec![0; u32::from_le_bytes(length) as usize];
        input.read_exact(&mut head)?;
        let request: Request = serde_json::from_slice(&head)?;
        let mut text = vec![0; request.input];
        input.read_exact(&mut text)?;
        let (reply, stdout, stderr) = runtime.block_on(carry_out(request, text, &plan.marker));
        end_the_rest(plan);
        let head = serde_json::to_vec(&reply)?;
        let length = u32::try_from(head.len()).map_err(io::Error::other)?;
        output.write_all(&length.to_le_bytes())?;
        for part in [head, stdout, stderr] {
            output.write_all(&part)?;
        }
        output.flush()?;
    }
}

async fn carry_out(request: Request, input: Vec<u8>, marker: &str) -> (Reply, Vec<u8>, Vec<u8>) {
    let mut command = Command::new(request.program)
        .args(request.arguments)
        .envs(request.environment)
        .input(input);
    if let Some(directory) = request.directory {
        command = command.directory(directory);
    }
    // Everything in here carries one mark, so that whoever watches finds it.
    let command = command.env("TMPDIR", std::env::temp_dir()).marked(marker).keep_descendants();
    match command.timeout(FOR_LONG).output_limit(request.output_limit).run().await {
        Ok(output) => {
            let end = match output.end {
                End::Exited(code) => Ended::Exited(code),
                End::Signalled(signal) => Ended::Signalled(signal),
                other => Ended::Failed(other.to_string()),
            };
            let reply = Reply {
                end,
                stdout: output.stdout.len(),
                stderr: output.stderr.len(),
                truncated: output.truncated,
            };
            (reply, output.stdout, output.stderr)
        }
        Err(error) => {
            let mut reason = error.to_string();
            reason.truncate(reason.floor_char_boundary(4 << 10));
            (
                Reply { end: Ended::Failed(reason), stdout: 0, stderr: 0, truncated: false },
                Vec::new(),
                Vec::new(),
            )
        }
    }
}

/// Kills what a command left running: nobody is to meddle with the next one. Where there is no
/// process namespace, that has to wait for the session's end.
fn end_the_rest(plan: &Plan) {
    if !plan.sandbox.support.has_namespaces() {
        return;
    }
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let start = Instant::now();
    // A list may miss one that was just forked.
    while start.elapsed() < PATIENCE {
        let numbers = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        // The first process of the namespace is the guard.
        let rest: Vec<_> = numbers
            .filter(|pid| *pid != 1 && *pid != own && is_running(*pid))
            .filter_map(Pid::from_raw)
            .collect();
        if rest.is_empty() {
            return;
        }
        for pid in rest {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(GLANCE);
    }
}

/// Whether a process has not ended yet: one that has is listed until its parent has heard of it
/// (`proc_pid_stat(5)`).
fn is_running(pid: i32) -> bool {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    line.rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next())
        .is_some_and(|state| !matches!(state, 'Z' | 'X'))
}
