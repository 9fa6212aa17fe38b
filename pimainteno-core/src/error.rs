//! The one error type, and the rules for writing errors.
//!
//! - The message says what failed and on what; it ends without a full stop and does not repeat its
//!   source.
//! - A hint says what to do. Hints are data: whoever prints decides how.
//! - [`Retry`] says whether trying again can help. What is worth a later try parks a project and
//!   does not count as a failure.
//! - No message, hint or source carries a secret.

use std::{borrow::Cow, fmt, time::Duration};

/// The result of whatever can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed, on what, and what to do about it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

/// What kind of thing failed; decides how a program ends and how a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot be used.
    Config,
    /// What was asked for does not exist or makes no sense.
    Usage,
    /// A language model's backend gave no usable answer.
    Backend,
    /// A change could not be read or placed.
    Patch,
    /// A policy is broken.
    Policy,
    /// Git refused.
    Git,
    /// A check, a restart or another step did not succeed.
    Step,
    /// A service manager refused, or a service is not healthy.
    Service,
    /// A child process could not be run or overran its limits.
    Process,
    /// The state directory or the store cannot be used.
    Store,
    /// The run was told to stop.
    Cancelled,
    /// A defect in this program.
    Internal,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// The same would fail again.
    #[default]
    Never,
    /// It may work after this long: quota, sign-in or network trouble. Parks the project.
    After(Duration),
    /// It works once a person has put something right outside: a key, a hook, a right at the
    /// remote. A change that comes so far is good, and waits for that.
    WhenUnblocked,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    hints: Vec<Cow<'static, str>>,
    retry: Retry,
    needs_setup: bool,
    is_unasked: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hints: Vec::new(),
            retry: Retry::Never,
            needs_setup: false,
            is_unasked: false,
            source: None,
        }))
    }

    /// The same error with one more hint about what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// The same error, saying in front what it is about.
    #[must_use]
    pub fn about(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message).into();
        self
    }

    /// The same error, worth another try after `delay`.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry = Retry::After(delay);
        self
    }

    /// The same error, of a backend that is not set up: its program is not there, or nobody is signed
    /// in. A person who asks for a run has it looked at again before the time that
    /// [`Error::retry_after`] says, as trying costs nothing.
    #[must_use]
    pub fn needs_setup(mut self) -> Self {
        self.0.needs_setup = true;
        self
    }

    /// The same error, of a backend whose program was never started: nobody was asked, and no call is
    /// counted.
    #[must_use]
    pub fn unasked(mut self) -> Self {
        self.0.is_unasked = true;
        self
    }

    /// The same error, of something outside that a person has to put right: neither the change nor
    /// another try is to blame. One that passes anyway, or was called off, stays that.
    #[must_use]
    pub fn blocked(mut self) -> Self {
        if !self.passes() {
            self.0.retry = Retry::WhenUnblocked;
        }
        self
    }

    /// The same error with its cause.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of thing failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed, on what; without causes and hints.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it.
    pub fn hints(&self) -> impl Iterator<Item = &str> {
        self.0.hints.iter().map(|hint| &**hint)
    }

    /// Whether it says nothing about what was tried: it was called off, or can be tried again.
    pub(crate) fn passes(&self) -> bool {
        self.kind() == ErrorKind::Cancelled || self.retry() != Retry::Never
    }

    /// See [`Error::needs_setup`].
    pub(crate) fn is_of_setup(&self) -> bool {
        self.0.needs_setup
    }

    /// See [`Error::unasked`].
    pub(crate) fn is_unasked(&self) -> bool {
        self.0.is_unasked
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }
}

/// Writes the message and its causes in one line, without hints.
impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)?;
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            // An `Error` writes its own causes.
            if let Some(error) = error.downcast_ref::<Self>() {
                return write!(formatter, ": {error}");
            }
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Turns a foreign error into ours, saying what failed.
pub(crate) trait Context<T> {
    /// Says what failed; the foreign error becomes the cause.
    fn context<M: Into<Cow<'static, str>>>(
        self,
        kind: ErrorKind,
        message: impl FnOnce() -> M,
    ) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Context<T> for Result<T, E> {
    fn context<M: Into<Cow<'static, str>>>(
        self,
        kind: ErrorKind,
        message: impl FnOnce() -> M,
    ) -> Result<T> {
        self.map_err(|source| Error::new(kind, message()).source(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_one_line_with_its_causes() {
        let missing = std::fs::read("/nowhere/at/all")
            .context(ErrorKind::Store, || "cannot read the store: `/nowhere/at/all`")
            .unwrap_err();
        let error = Error::new(ErrorKind::Step, "step `commit` failed")
            .source(missing)
            .hint("look at the disk");
        assert_eq!(
            error.to_string(),
            "step `commit` failed: cannot read the store: `/nowhere/at/all`: No such file or directory (os error 2)"
        );
        assert_eq!(error.hints().collect::<Vec<_>>(), ["look at the disk"]);
    }
}
