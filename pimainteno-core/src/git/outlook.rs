//! What can be found out beforehand of what commits and pushes need, without making either.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    checkout::{Checkout, Upstream},
    command::failed,
    deliver::explained,
    hooks::{AFTER, BEFORE, hooks_directory},
    owner::OwnerSettings,
};
use crate::error::Result;

/// The hook that is asked before a push.
const BEFORE_PUSH: &str = "pre-push";

/// How long a signature may take: somebody who asks is there to touch a key.
const SIGNING_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest first line of a script that is read, in bytes; what the kernel reads of it is less.
const FIRST_LINE: u64 = 512;

impl Checkout {
    /// Signs a commit as a delivery would, if the owner's configuration says that commits are
    /// signed; says whether it does. The commit goes into `scratch`, an empty directory, and the
    /// repository gets nothing of it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if it cannot be signed.
    pub async fn try_to_sign(&self, scratch: &Path) -> Result<bool> {
        if !OwnerSettings::read(self).await?.signs {
            return Ok(false);
        }
        let tree = self.call(["rev-parse", "--verify", "HEAD^{tree}"]).text().await?;
        self.call(["commit-tree", "-S", "-m", "try to sign", &tree])
            .env("GIT_OBJECT_DIRECTORY", scratch)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", self.common_directory().join("objects"))
            .timeout(SIGNING_TIMEOUT)
            .text()
            .await
            .map(|_| true)
    }

    /// What is wrong with the hooks that commits and pushes ask: what is wrong, and what to do. Of
    /// those of a commit nothing is said unless they are asked `at_commits`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if it cannot be told where they are.
    pub async fn faulty_hooks(&self, at_commits: bool) -> Result<Vec<(String, &'static str)>> {
        let moves_hooks = OwnerSettings::read(self).await?.moves_hooks;
        let directory = hooks_directory(self, moves_hooks).await?;
        let of_commits = BEFORE.iter().chain(&[AFTER]).filter(|_| at_commits);
        let path = self.git.environment.get("PATH").unwrap_or_default();
        let programs: Vec<_> = std::env::split_paths(path).collect();
        let fault = |name: &&str| fault(name, &directory.join(name), &programs);
        Ok(of_commits.chain(&[BEFORE_PUSH]).filter_map(fault).collect())
    }

    /// Whether this user may write where commits and moves of the checkout do: what he may not.
    pub fn not_writable(&self) -> Vec<PathBuf> {
        let common = self.common_directory();
        let places =
            [common.to_owned(), common.join("objects"), common.join("refs"), self.top().to_owned()];
        let may_write = |path: &PathBuf| {
            rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok() || !path.exists()
        };
        places.into_iter().filter(|path| !may_write(path)).collect()
    }

    /// Asks the remote whether it would take a push of what it has already, without sending any:
    /// whether it lets this user push at all. Its hooks, protected branches and quotas are asked by
    /// a real push alone.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if it would not.
    pub async fn try_to_push(&self, upstream: &Upstream, timeout: Duration) -> Result<()> {
        let target = format!("HEAD:refs/heads/{}", upstream.branch);
        let push = ["push", "--dry-run", "--porcelain", "--no-progress", &upstream.remote, &target];
        let output = self.git.call_remote(self.top(), push).timeout(timeout).output().await?;
        if output.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        // That the branch is elsewhere there is no matter of rights.
        if output.text().lines().any(|line| line.starts_with("!\t")) {
            return Ok(());
        }
        Err(explained(failed("git push", &output), &said, &upstream.remote, false))
    }
}

/// What is wrong with the hook `name` at `path`, and what to do; `None` if nothing is, or there is
/// none.
fn fault(name: &str, path: &Path, programs: &[PathBuf]) -> Option<(String, &'static str)> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    if metadata.permissions().mode() & 0o111 == 0 {
        let message =
            format!("`{name}` is not executable, so nobody asks it: `{}`", path.display());
        return Some((message, "`chmod +x` lets it be asked; remove it if it is not wanted"));
    }
    let mut beginning = Vec::new();
    File::open(path).ok()?.take(FIRST_LINE).read_to_end(&mut beginning).ok()?;
    let line = beginning.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let interpreter = words.next()?;
    let is_env = Path::new(interpreter).file_name().is_some_and(|name| name.as_bytes() == b"env");
    // Its options and assignments are followed by the program.
    let program = words.find(|word| !word.starts_with('-') && !word.contains('='));
    let lacking = if !Path::new(interpreter).exists() {
        interpreter
    } else if let Some(program) = program.filter(|_| is_env) {
        let is_there = programs.iter().any(|directory| directory.join(program).is_file());
        Some(program).filter(|_| !is_there)?
    } else {
        return None;
    };
    Some((
        format!(
            "`{name}` needs `{lacking}`, which is not there, so no commit or push gets past it: `{}`",
            path.display()
        ),
        "install that, or mend the first line of the hook",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_nobody_can_run_is_told() {
        let place = tempfile::tempdir().unwrap();
        let said = |text: &str, mode: u32| {
            let hook = place.path().join("pre-commit");
            fs::write(&hook, text).unwrap();
            fs::set_permissions(&hook, fs::Permissions::from_mode(mode)).unwrap();
            fault("pre-commit", &hook, &[PathBuf::from("/bin")]).map(|(message, _)| message)
        };
        for (text, mode, part) in [
            ("#!/bin/sh\n", 0o644, "not executable"),
            ("#!/nowhere/python3 -u\n", 0o755, "needs `/nowhere/python3`"),
            ("#!/usr/bin/env no-such-python\n", 0o755, "needs `no-such-python`"),
            ("#!/usr/bin/env -S A=b no-such-python -u\n", 0o755, "needs `no-such-python`"),
        ] {
            assert!(said(text, mode).is_some_and(|said| said.contains(part)), "{text}");
        }
        for text in
            ["#!/bin/sh\n", "#!/usr/bin/env sh\n", "echo without a first line\n", "\u{7f}ELF"]
        {
            assert_eq!(said(text, 0o755), None, "{text}");
        }
        assert_eq!(fault("pre-commit", &place.path().join("none"), &[]), None);
    }
}
