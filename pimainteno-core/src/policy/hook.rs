//! The functions of a policy that are called: their names and parameters.

use std::fmt;

use rhai::AST;

use super::{engine::failure, nearest};
use crate::error::Result;

/// A function that a policy may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hook {
    Skip,
    Allow,
    RestartUnits,
    Prompt,
    CommitMessage,
    OnEvent,
}

impl Hook {
    pub(super) const ALL: [Self; 6] = [
        Self::Skip,
        Self::Allow,
        Self::RestartUnits,
        Self::Prompt,
        Self::CommitMessage,
        Self::OnEvent,
    ];

    /// The function's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Allow => "allow",
            Self::RestartUnits => "restart_units",
            Self::Prompt => "prompt",
            Self::CommitMessage => "commit_message",
            Self::OnEvent => "on_event",
        }
    }

    /// The function's parameters, as an author would call them.
    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Skip | Self::Allow | Self::RestartUnits => &["facts"],
            Self::Prompt => &["facts", "prompt"],
            Self::CommitMessage => &["facts", "message"],
            Self::OnEvent => &["event"],
        }
    }
}

/// Writes the hook as an author declares it.
impl fmt::Display for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "fn {}({})", self.name(), self.parameters().join(", "))
    }
}

/// The hooks that `ast` declares, and a notice for each function whose name looks like a hook's and
/// is none.
pub(super) fn declared(name: &str, ast: &AST) -> Result<(Vec<Hook>, Vec<String>)> {
    let mut hooks = Vec::new();
    let mut notices = Vec::new();
    // Methods belong to a value and are not called by us, whatever their name is.
    for function in ast.iter_functions().filter(|function| function.this_type.is_none()) {
        if let Some(hook) = Hook::ALL.into_iter().find(|hook| hook.name() == function.name) {
            if function.params.len() != hook.parameters().len() {
                let message = format!(
                    "`{}` takes {} parameters here, and must be `{hook}`",
                    function.name,
                    function.params.len()
                );
                return Err(failure(name, rhai::Position::NONE, &message));
            }
            hooks.push(hook);
        } else if let Some(near) = nearest(function.name, Hook::ALL.into_iter().map(Hook::name)) {
            notices.push(format!(
                "{name}: the function `{}` is not a hook; is `{near}` meant?",
                function.name
            ));
        }
    }
    // The order in which Rhai keeps functions is not that of the source.
    hooks.sort();
    notices.sort();
    Ok((hooks, notices))
}
