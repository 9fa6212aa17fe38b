//! How long a remote may keep a run waiting: one limit for all that the run asks of it.
//!
//! What counts is silence. A push over a slow link says how it goes on, and is let go on; it has
//! [`SLOW`] times the limit in all.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{command::Call, deliver::RETRY_DELAY};
use crate::{
    error::{Error, ErrorKind, Result},
    process::{Cancel, End, Output},
};

/// How many times its limit a remote may take that goes on saying something.
const SLOW: u32 = 15;

/// How long a call may take until others are let go first.
const SHORT: Duration = Duration::from_secs(5);

/// The part of the limit that a push leaves, so that the remote can be asked how it ended.
const LEFT_BY_A_PUSH: u32 = 4;

/// How long a remote may keep a run waiting in all, who ends that before, and who is told of it;
/// clones share what is left.
#[derive(Clone)]
pub(crate) struct RemoteTime(Arc<Inner>);

struct Inner {
    limit: Duration,
    used: Mutex<Used>,
    cancel: Cancel,
    told: Box<dyn Fn(bool) + Send + Sync>,
}

/// What was used up so far.
#[derive(Clone, Copy, Default)]
struct Used {
    silence: Duration,
    whole: Duration,
}

/// Somebody is told that the remote is waited for, until this is dropped.
struct Waiting<'t>(&'t Inner);

impl RemoteTime {
    /// A remote may be silent for `limit` in all. `cancel` ends whatever it is asked; `told` hears
    /// when it is waited for longer than usual, and when not any more.
    pub(crate) fn new(
        limit: Duration,
        cancel: &Cancel,
        told: impl Fn(bool) + Send + Sync + 'static,
    ) -> Self {
        let (used, cancel) = (Mutex::default(), cancel.clone());
        Self(Arc::new(Inner { limit, used, cancel, told: Box::new(told) }))
    }

    /// Begins anew, for another run that begins where one ended.
    pub(crate) fn begin_anew(&self) {
        *self.used() = Used::default();
    }

    /// Runs a call that asks `remote` for something and can be made again, within what is left.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] if the program is told to stop; [`ErrorKind::Git`], with
    /// [`crate::Retry::After`], if the remote keeps it waiting for too long, or has done so before.
    pub(super) async fn ask(&self, remote: &str, what: &str, call: Call) -> Result<Output> {
        let output = self.run(remote, what, call, Duration::ZERO).await?;
        given_up(remote, what, &output).map_or(Ok(output), Err)
    }

    /// Runs a push, and leaves some time to ask the remote how it ended, if that is not known.
    ///
    /// # Errors
    /// As [`Self::ask`], if the push was not begun: [`given_up`] tells whether it was cut off.
    pub(super) async fn push(&self, remote: &str, call: Call) -> Result<Output> {
        self.run(remote, "git push", call, self.0.limit / LEFT_BY_A_PUSH).await
    }

    async fn run(
        &self,
        remote: &str,
        what: &str,
        call: Call,
        left_over: Duration,
    ) -> Result<Output> {
        let Inner { limit, cancel, .. } = &*self.0;
        cancel.check()?;
        let used = *self.used();
        let silence = limit.saturating_sub(used.silence).saturating_sub(left_over);
        let whole = limit.saturating_mul(SLOW).saturating_sub(used.whole);
        if silence.is_zero() || whole.is_zero() {
            return Err(Error::new(
                ErrorKind::Git,
                format!(
                    "`{what}` was not begun: remote `{remote}` kept the run waiting for {:.0?} already",
                    if whole.is_zero() { used.whole } else { used.silence }
                ),
            )
            .hint("`remote_timeout` of the project says how long it may do so in all")
            .retry_after(RETRY_DELAY));
        }
        let call = call.silence_timeout(silence).timeout(whole).cancel(cancel);
        let mut run = pin!(call.output());
        let output = match tokio::time::timeout(SHORT, run.as_mut()).await {
            Ok(output) => output,
            Err(_) => {
                let _waiting = Waiting::new(&self.0);
                run.await
            }
        };
        let mut output = output?;
        let mut used = self.used();
        used.silence = used.silence.saturating_add(output.silence);
        used.whole = used.whole.saturating_add(output.elapsed);
        output.stderr = without_progress(&output.stderr);
        Ok(output)
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RemoteTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RemoteTime").field("limit", &self.0.limit).finish_non_exhaustive()
    }
}

impl<'t> Waiting<'t> {
    fn new(inner: &'t Inner) -> Self {
        (inner.told)(true);
        Self(inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        (self.0.told)(false);
    }
}

/// Why a call was cut off before `remote` had answered; `None` if it was not.
pub(super) fn given_up(remote: &str, what: &str, output: &Output) -> Option<Error> {
    let message = match output.end {
        End::Cancelled => {
            let message = format!("`{what}` was stopped with the program");
            return Some(Error::new(ErrorKind::Cancelled, message));
        }
        End::Silent => {
            let hook = if what == "git push" { ", nor of a `pre-push` hook," } else { "" };
            format!(
                "`{what}` was given up: nothing was heard of remote `{remote}`{hook} for {:.0?}",
                output.silence
            )
        }
        End::TimedOut => {
            format!("`{what}` to remote `{remote}` was given up after {:.0?}", output.elapsed)
        }
        _ => return None,
    };
    let hint = "`remote_timeout` of the project says how long the remote may keep a run waiting in all, a `pre-push` hook that says nothing included";
    Some(Error::new(ErrorKind::Git, message).retry_after(RETRY_DELAY).hint(hint))
}

/// What Git said, without how far it was at which moment.
fn without_progress(said: &[u8]) -> Vec<u8> {
    let last = |line: &'_ [u8]| {
        let mut parts = line.rsplit(|byte| *byte == b'\r');
        parts.find(|part| !part.is_empty()).unwrap_or_default().to_vec()
    };
    let lines = said.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let (text, end) = line.split_at(line.len() - usize::from(line.ends_with(b"\n")));
        let mut kept = last(text);
        if is_progress(&kept) {
            kept.clear();
        } else {
            kept.extend_from_slice(end);
        }
        kept
    });
    lines.flatten().collect()
}

/// Whether a line says how far Git is: `Writing objects:  33% (1/3)`. A hook may say `lint: 3% (2 of
/// 60)`, which is why it refuses.
fn is_progress(line: &[u8]) -> bool {
    let number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let parts = || {
        let place = line.windows(3).position(|part| part == b"% (")?;
        let (before, counts) = (line.get(..place)?, line.get(place + 3..)?);
        let colon = before.iter().rposition(|byte| *byte == b':')?;
        let counts = counts.split(|byte| *byte == b')').next()?;
        let slash = counts.iter().position(|byte| *byte == b'/')?;
        Some([
            before.get(colon + 1..)?.trim_ascii(),
            counts.get(..slash)?,
            counts.get(slash + 1..)?,
        ])
    };
    parts().is_some_and(|parts| parts.into_iter().all(number))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{git::Git, process::Environment};

    fn call(script: &str) -> Call {
        let alias = format!("alias.told=!{script}; :");
        let environment = Environment::default().with("PATH", std::env::var_os("PATH").unwrap());
        Git::new(environment).call(std::path::Path::new("/"), ["-c", &alias, "told"])
    }

    #[tokio::test]
    async fn all_calls_share_one_limit_of_silence_and_a_push_leaves_some_of_it() {
        let time = RemoteTime::new(Duration::from_millis(800), &Cancel::new(), |_| {});
        let output = time.push("origin", call("sleep 60")).await.unwrap();
        assert_eq!(output.end, End::Silent);
        assert!(output.silence >= Duration::from_millis(600), "{:?}", output.silence);
        let error = time.ask("origin", "git fetch", call("sleep 60")).await.unwrap_err();
        assert!(error.to_string().contains("`git fetch` was given up: nothing was heard"));
        let error = time.ask("origin", "git fetch", call("true")).await.unwrap_err().to_string();
        assert!(error.contains("`git fetch` was not begun"), "{error}");
        time.begin_anew();
        assert!(time.ask("origin", "git fetch", call("true")).await.unwrap().success());
    }

    #[tokio::test]
    async fn who_goes_on_saying_something_is_let_go_on_and_not_for_ever() {
        let time = RemoteTime::new(Duration::from_secs(2), &Cancel::new(), |_| {});
        let slow = "for part in 1 2 3 4 5 6; do sleep 0.5; echo $part >&2; done";
        let output = time.ask("origin", "git fetch", call(slow)).await.unwrap();
        assert!(output.success() && output.elapsed > Duration::from_secs(2), "{output:?}");
        let time = RemoteTime::new(Duration::from_millis(600), &Cancel::new(), |_| {});
        let endless = "while :; do echo . >&2; sleep 0.01; done";
        let error = time.ask("origin", "git fetch", call(endless)).await.unwrap_err().to_string();
        assert!(error.contains("`git fetch` to remote `origin` was given up after 9"), "{error}");
    }

    #[tokio::test]
    async fn who_is_told_to_stop_neither_waits_nor_begins() {
        let cancel = Cancel::new();
        let time = RemoteTime::new(Duration::from_secs(600), &cancel, |_| {});
        let (asked, ()) = tokio::join!(time.ask("origin", "git fetch", call("sleep 600")), async {
            tokio::task::yield_now().await;
            cancel.raise();
        });
        assert_eq!(asked.unwrap_err().kind(), ErrorKind::Cancelled);
        let again = time.push("origin", call("sleep 600")).await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn who_is_waited_for_is_told_of_and_forgotten_with_the_call() {
        let told = Arc::new(AtomicUsize::new(0));
        let heard = told.clone();
        let time = RemoteTime::new(Duration::from_secs(60), &Cancel::new(), move |waits| {
            heard.fetch_add(if waits { 1 } else { 100 }, Ordering::Relaxed);
        });
        drop(Waiting::new(&time.0));
        assert_eq!(told.load(Ordering::Relaxed), 101);
        // One that answers at once is nobody's business.
        assert!(time.ask("origin", "git fetch", call("true")).await.unwrap().success());
        assert_eq!(told.load(Ordering::Relaxed), 101);
    }

    #[test]
    fn how_far_git_was_is_no_part_of_what_it_said() {
        let said = "Counting objects: 100% (3/3), done.\nWriting objects:  33% (1/3)\rWriting objects: 100% (3/3), 9 KiB | 1 MiB/s, done.\n\
                    remote: Resolving deltas: 100% (1/1)\x1b[K\r\nremote: no, at 100%\n\
                    lint: 3% (limit 2%)\nremote: coverage: 71% (80/100 wanted)\nfatal: gone\nReceiving objects:   7% (1/14)\r";
        let kept = String::from_utf8(without_progress(said.as_bytes())).unwrap();
        assert_eq!(
            kept,
            "remote: no, at 100%\nlint: 3% (limit 2%)\nremote: coverage: 71% (80/100 wanted)\nfatal: gone\n"
        );
    }
}
