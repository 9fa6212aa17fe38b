//! The far end of a [session](super::session): runs the commands that it is told of, inside of the
//! sandbox.

#![expect(clippy::disallowed_methods, reason = "the helper is a process of its own")]

use std::{
    io::{self, Read, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};

use super::{
    protocol::Plan,
    session::{Reply, Request},
};
use crate::process::{Command, proc, report::Report};

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
        let command = Command {
            input: text,
            timeout: FOR_LONG,
            // Everything in here carries one mark, so that whoever watches finds it.
            marker: Some(plan.marker.clone()),
            start: request.start,
            ..Command::new("")
        };
        let running = command.env("TMPDIR", std::env::temp_dir()).keep_descendants().run();
        let (report, stdout, stderr, truncated) = match runtime.block_on(running) {
            Ok(output) => {
                (Report::Ended(output.end), output.stdout, output.stderr, output.truncated)
            }
            Err(error) => {
                let mut reason = error.to_string();
                reason.truncate(reason.floor_char_boundary(4 << 10));
                (Report::Failed(reason), Vec::new(), Vec::new(), false)
            }
        };
        end_the_rest(plan);
        let reply = Reply { report, stdout: stdout.len(), stderr: stderr.len(), truncated };
        let head = serde_json::to_vec(&reply)?;
        let length = u32::try_from(head.len()).map_err(io::Error::other)?;
        output.write_all(&length.to_le_bytes())?;
        for part in [head, stdout, stderr] {
            output.write_all(&part)?;
        }
        output.flush()?;
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
        let mut rest = proc::processes();
        // The first process of the namespace is the guard. One that has ended is listed until its
        // parent has heard of it.
        rest.retain(|pid| *pid != 1 && *pid != own && proc::living_parent(*pid).is_some());
        if rest.is_empty() {
            return;
        }
        proc::kill(rest);
        std::thread::sleep(GLANCE);
    }
}
