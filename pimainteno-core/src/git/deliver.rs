//! Bringing a commit to the remote, without ever forcing anything.

use std::time::Duration;

use super::{
    checkout::{Checkout, Upstream},
    command::failed,
    remote_time::given_up,
};
use crate::{
    error::{Error, ErrorKind, Result},
    process::Output,
    words::CommitId,
};

/// How long a project is left alone when its remote cannot be reached.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(15 * 60);

/// What is said where there was no connection, or nobody let us in: nothing arrived, and the
/// trouble passes by itself or by a person's hand.
const NOT_CONNECTED: [&str; 12] = [
    "could not resolve host",
    "couldn't resolve host",
    "temporary failure in name resolution",
    "connection refused",
    // What curl says of any connection that was not made, in different versions.
    "failed to connect to",
    "couldn't connect to server",
    "could not connect to server",
    "network is unreachable",
    "no route to host",
    "could not read username",
    "authentication failed",
    "permission denied (publickey",
];

/// What is said where a connection broke, or may have: such trouble passes too, but something may
/// have arrived.
const BROKEN_OFF: [&str; 6] = [
    "connection timed out",
    "connection reset",
    "could not read from remote repository",
    "the requested url returned error: 5",
    "operation timed out",
    "the remote end hung up",
];

/// What is said where nothing arrived, and which says nothing of whether the trouble passes.
const TURNED_AWAY: [&str; 9] = [
    // What ssh says of any connection that was not made, also of one that timed out.
    "ssh: connect to host",
    "the requested url returned error: 401",
    "the requested url returned error: 403",
    "does not appear to be a git repository",
    "repository not found",
    "fatal: repository '",
    "host key verification failed",
    "ssl certificate problem",
    "certificate verification failed",
];

/// What is said where somebody else owns a remote on this machine.
const OWNED_BY_ANOTHER: &str = "dubious ownership";

/// How a push ended that the remote answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushEnd {
    /// The remote has the commit.
    Pushed,
    /// The remote's branch has moved to this commit meanwhile; it was fetched.
    Moved(CommitId),
    /// The connection broke or was given up, the remote does not answer any more, and nobody knows
    /// whether it has the commit. With what was said.
    Unclear(String),
}

// The remote is asked from the checkout: a remote's path may be relative to it. The workspace
// shares its objects.
impl Checkout {
    /// Pushes `commit`, which is built on `base`, to `upstream`, with the repository's hooks and
    /// never by force.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the remote refuses; with [`crate::Retry::After`] if it cannot be
    /// reached, or has kept the run waiting for too long before; [`ErrorKind::Cancelled`] if the
    /// program is told to stop. Then it has not got the commit.
    pub async fn push(
        &self,
        base: &CommitId,
        commit: &CommitId,
        upstream: &Upstream,
    ) -> Result<PushEnd> {
        let target = format!("{commit}:refs/heads/{}", upstream.branch);
        // The lease can only refuse: a branch that was moved back at the remote is not to get again
        // what was taken off it.
        let lease = format!("--force-with-lease=refs/heads/{}:{base}", upstream.branch);
        // Nothing goes along: neither tags nor submodules, whatever the user's settings send with a
        // push of their own.
        let push = [
            "push",
            "--porcelain",
            // A slow link is told from a silent remote by it.
            "--progress",
            "--no-follow-tags",
            "--recurse-submodules=no",
            &lease,
            &upstream.remote,
            &target,
        ];
        let call = self.git.call_with_hooks(self.top(), push);
        let output = self.git.remote.push(&upstream.remote, call).await?;
        if output.success() {
            return Ok(PushEnd::Pushed);
        }
        let said = format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr));
        let moved = ["(fetch first)", "(non-fast-forward)", "(stale info)"]
            .iter()
            .any(|reason| said.contains(reason));
        if moved {
            return Ok(PushEnd::Moved(self.fetch(upstream).await?));
        }
        let is_answered = output.text().lines().any(|line| line.starts_with("!\t"));
        let given_up = given_up(&upstream.remote, "git push", &output);
        if let Some(error) = given_up.filter(|_| !is_answered) {
            // What it was sent it may still be taking, so that it has not got it says nothing yet.
            let is_there = matches!(self.has_arrived(commit, upstream).await, Ok(true));
            let unclear = || PushEnd::Unclear(error.to_string());
            return Ok(if is_there { PushEnd::Pushed } else { unclear() });
        }
        let error = failed("git push", &with_words_of_hooks(&output));
        let said = said.to_ascii_lowercase();
        let has_sign = |sign: &&str| said.contains(sign);
        let is_turned_away = said.contains(OWNED_BY_ANOTHER)
            || NOT_CONNECTED.iter().chain(&TURNED_AWAY).any(has_sign);
        if !is_answered && !is_turned_away {
            // A remote may take the commit and be cut off before it says so.
            match self.has_arrived(commit, upstream).await {
                Ok(true) => return Ok(PushEnd::Pushed),
                Ok(false) => {}
                Err(_) => return Ok(PushEnd::Unclear(error.to_string())),
            }
        }
        Err(explained(error, &said, &upstream.remote, is_answered))
    }

    /// Whether the upstream branch has `commit`; then it is fetched, so that it is known here where
    /// the branch is now.
    ///
    /// # Errors
    /// As [`Self::fetch`]: nobody knows.
    pub(crate) async fn has_arrived(&self, commit: &CommitId, upstream: &Upstream) -> Result<bool> {
        if self.remote_commit(upstream).await?.is_none() {
            return Ok(false);
        }
        let there = self.fetch(upstream).await?;
        // What the remote has is here now; a commit that a power cut took away was never there.
        if !self.has_commit(commit).await? {
            return Ok(false);
        }
        self.is_ancestor(commit, &there).await
    }

    /// Fetches the upstream branch and gives its commit.
    ///
    /// # Errors
    /// As [`Self::push`], and if the remote has no such branch.
    pub async fn fetch(&self, upstream: &Upstream) -> Result<CommitId> {
        let reference = format!("refs/heads/{}", upstream.branch);
        let fetch = [
            "fetch",
            "--progress",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            &upstream.remote,
            &reference,
        ];
        self.ask("git fetch", upstream, fetch).await?;
        let gone = || {
            Error::new(
                ErrorKind::Git,
                format!(
                    "remote `{}` has no branch `{}` any more",
                    upstream.remote, upstream.branch
                ),
            )
        };
        self.remote_commit(upstream).await?.ok_or_else(gone)
    }

    /// Asks the remote where the upstream branch is; `None` if it has no such branch.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub async fn remote_commit(&self, upstream: &Upstream) -> Result<Option<CommitId>> {
        let reference = format!("refs/heads/{}", upstream.branch);
        let list = ["ls-remote", &upstream.remote, &reference];
        let text = self.ask("git ls-remote", upstream, list).await?.text();
        // The remote takes what it is asked for as the end of a name, so it may tell of others too.
        let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(_, name)| *name == reference).map(|(commit, _)| commit.parse()).transpose()
    }

    /// Asks the upstream's remote for something.
    async fn ask<const N: usize>(
        &self,
        what: &str,
        upstream: &Upstream,
        arguments: [&str; N],
    ) -> Result<Output> {
        let call = self.git.call_remote(self.top(), arguments);
        let output = self.git.remote.ask(&upstream.remote, what, call).await?;
        if output.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(explained(failed(what, &output), &said, &upstream.remote, true))
    }
}

/// What a push that failed wrote, with what its hook wrote to standard output before what came on
/// standard error: what Git itself writes there is for programs.
fn with_words_of_hooks(output: &Output) -> Output {
    let is_gits = |line: &&str| {
        *line == "Done"
            || line.strip_prefix("To ").is_some_and(|remote| !remote.contains(' '))
            || line.split_once('\t').is_some_and(|(flag, _)| flag.trim().len() <= 1)
    };
    let text = output.text();
    let lines = text.lines().filter(|line| !is_gits(line) && !line.trim().is_empty());
    let mut told = lines.map(|line| format!("{line}\n")).collect::<String>().into_bytes();
    told.extend_from_slice(&output.stderr);
    Output { stderr: told, ..output.clone() }
}

/// The error with what to do about it; worth a later try if the remote could not be reached. Without
/// an answer of the remote something here may have refused, such as a hook.
pub(super) fn explained(error: Error, said: &str, remote: &str, is_answered: bool) -> Error {
    let said = said.to_ascii_lowercase();
    let passes = NOT_CONNECTED.iter().chain(&BROKEN_OFF).any(|sign| said.contains(sign));
    // Git says so of a remote on this machine, and that the connection broke off after it.
    if passes && !said.contains(OWNED_BY_ANOTHER) {
        return error.retry_after(RETRY_DELAY).hint(format!(
            "try `git push {remote}` in the checkout, as the user that PiMainteno runs as"
        ));
    }
    let is_remote = is_answered
        || said.contains(OWNED_BY_ANOTHER)
        || TURNED_AWAY.iter().any(|sign| said.contains(sign));
    let message = if is_remote {
        format!("remote `{remote}` refused")
    } else {
        format!("nothing could be pushed to remote `{remote}`")
    };
    Error::new(ErrorKind::Git, message).source(error)
}

#[cfg(test)]
mod tests;
