//! Bringing a commit to the remote, without ever forcing anything.

use std::time::Duration;

use super::{
    checkout::{Checkout, Upstream},
    command::failed,
};
use crate::error::{Error, ErrorKind, Result};

/// The wall-clock limit of what goes over the network.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How long a project is left alone when its remote cannot be reached.
const RETRY_DELAY: Duration = Duration::from_secs(15 * 60);

/// What the remote or the way to it says when it cannot be reached or does not let us in: trouble that passes by itself or by a person's hand.
const UNREACHABLE: [&str; 14] = [
    "could not resolve host",
    "couldn't resolve host",
    "temporary failure in name resolution",
    "connection refused",
    "connection timed out",
    "connection reset",
    "network is unreachable",
    "no route to host",
    "could not read from remote repository",
    "could not read username",
    "authentication failed",
    "permission denied (publickey",
    "the requested url returned error: 5",
    "operation timed out",
];

/// How a push ended that the remote answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushEnd {
    /// The remote has the commit.
    Pushed,
    /// The remote's branch has moved to this commit meanwhile; it was fetched.
    Moved(String),
}

// The remote is asked from the checkout: a remote's path may be relative to it. The workspace shares its objects.
impl Checkout {
    /// Pushes `commit`, which is built on `base`, to `upstream`, with the repository's hooks and never by force.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the remote refuses; with [`crate::Retry::After`] if it cannot be reached.
    pub async fn push(&self, base: &str, commit: &str, upstream: &Upstream) -> Result<PushEnd> {
        let target = format!("{commit}:refs/heads/{}", upstream.branch);
        // The lease can only refuse: a branch that was moved back at the remote is not to get again what was taken off it.
        let lease = format!("--force-with-lease=refs/heads/{}:{base}", upstream.branch);
        // Nothing goes along: neither tags nor submodules, whatever the user's settings send with a push of their own.
        let push =
            ["push", "--porcelain", "--no-progress", "--no-follow-tags", "--recurse-submodules=no", &lease, &upstream.remote, &target];
        let output = self.git().call_with_hooks(self.path(), push).timeout(NETWORK_TIMEOUT).output().await?;
        if output.success() {
            return Ok(PushEnd::Pushed);
        }
        let said = format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr));
        let moved = ["(fetch first)", "(non-fast-forward)", "(stale info)"].iter().any(|reason| said.contains(reason));
        if moved {
            return Ok(PushEnd::Moved(self.fetch(upstream).await?));
        }
        Err(explained(failed("git push", &output), &said, &upstream.remote))
    }

    /// Fetches the upstream branch and gives its commit; empty if the remote has no such branch.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub async fn fetch(&self, upstream: &Upstream) -> Result<String> {
        let reference = format!("refs/heads/{}", upstream.branch);
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", &upstream.remote, &reference];
        let output = self.git().call(self.path(), fetch).timeout(NETWORK_TIMEOUT).output().await?;
        if !output.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(explained(failed("git fetch", &output), &said, &upstream.remote));
        }
        self.remote_commit(upstream).await
    }

    /// Asks the remote where the upstream branch is; empty if it has no such branch.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub async fn remote_commit(&self, upstream: &Upstream) -> Result<String> {
        let reference = format!("refs/heads/{}", upstream.branch);
        let output = self.git().call(self.path(), ["ls-remote", &upstream.remote, &reference]).timeout(NETWORK_TIMEOUT).output().await?;
        if !output.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(explained(failed("git ls-remote", &output), &said, &upstream.remote));
        }
        // The remote takes what it is asked for as the end of a name, so it may tell of others too.
        let text = output.text();
        let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines.find(|(_, name)| *name == reference).map(|(commit, _)| commit.to_owned()).unwrap_or_default())
    }
}

/// The error with what to do about it; worth a later try if the remote could not be reached.
fn explained(error: Error, said: &str, remote: &str) -> Error {
    let said = said.to_ascii_lowercase();
    if UNREACHABLE.iter().any(|sign| said.contains(sign)) {
        return error
            .retry_after(RETRY_DELAY)
            .hint(format!("try `git push {remote}` in the checkout, as the user that PiMainteno runs as"));
    }
    Error::new(ErrorKind::Git, format!("remote `{remote}` refused")).source(error)
}
