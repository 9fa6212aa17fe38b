//! What systemd is told about the daemon; nothing where it did not start it.

use std::time::Duration;

use pimainteno_core::{Error, Event, EventKind, hidden_text};
use sd_notify::NotifyState;

/// The daemon answers and maintains so many projects.
pub(super) fn ready(projects: usize) {
    let status =
        format!("Maintains {projects} {}.", if projects == 1 { "project" } else { "projects" });
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The daemon reads its configuration again; [`ready`] says when that is over.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd cannot be told."),
    }
}

/// The configuration that was read again cannot be used.
pub(super) fn tell_refused(error: &Error) {
    let status = format!("The new configuration cannot be used, the one before goes on: {error}");
    tell(&[NotifyState::Status(&one_line(&status))]);
}

/// The daemon was told to stop.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("Stops.")]);
}

/// The daemon makes progress.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is to be said: twice as often as systemd wants to hear it. `None` if it does
/// not want to.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|period| !period.is_zero())
}

/// Shows the beginning and the end of a run as the daemon's status.
pub(super) fn tell_event(event: &Event) {
    if matches!(event.what, EventKind::RunStarted { .. } | EventKind::RunFinished { .. }) {
        tell(&[NotifyState::Status(&one_line(&event.to_string()))]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told.");
    }
}

/// A text as one line: each line of a message is one of systemd's assignments. What a reader would
/// not see is written by its number.
fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    hidden_text::visible(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_says_cannot_tell_systemd_anything_else() {
        assert_eq!(one_line("failed\nMAINPID=1\r\n"), "failed MAINPID=1  ");
        assert_eq!(one_line("it is \u{202e}done"), "it is ‹U+202E›done");
    }
}
