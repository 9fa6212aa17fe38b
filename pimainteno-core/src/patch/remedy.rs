//! What would mend a change that is refused: in a hint for a person, and for whoever is asked again.

use super::refusal::Reason;

/// What is to be done otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// To show more of what is around the change.
    Context,
    /// To show lines as the file has them.
    Copy,
    /// To make one change, with nothing beside it that could be another.
    One,
    /// To say in the change what a command was to do.
    Command,
    /// To name the file that is meant, and no other.
    Name,
    /// To change the file that is there.
    Change,
    /// To give a diff instead of all of a file.
    Diff,
    /// To keep to the project's own files.
    Own,
    /// What the reason says itself.
    None,
}

impl Remedy {
    /// What mends most of what is refused for a reason.
    pub(super) fn of(reason: Reason) -> Self {
        match reason {
            Reason::Ambiguous => Self::Context,
            Reason::NotFound => Self::Copy,
            Reason::Missing => Self::Name,
            Reason::Exists => Self::Change,
            Reason::Path | Reason::Protected => Self::Own,
            _ => Self::None,
        }
    }

    /// For a person; empty if the reason says it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Context => {
                "the change needs more unchanged lines around it, so that it fits one place only"
            }
            Self::Copy => "the change has to show lines as the file has them now; ask for it again",
            Self::One => "the reply has to hold one change, and nothing that could be another",
            Self::Command => "the change has to say itself which files it moves and removes",
            Self::Name => "the change has to name files by the paths that they have now",
            Self::Change => "the change has to be one of the file that is there; ask for it again",
            Self::Diff => "the change has to be a diff, or to say all of the file",
            Self::Own => {
                "a change may only touch files below the project's top that are not protected"
            }
            Self::None => "",
        }
    }

    /// For a model; empty if the reason says it.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Context => {
                "Copy the lines around each change exactly as they are, at least three before and three behind, and more where the same lines stand in several places."
            }
            Self::Copy => {
                "Copy the lines that the change keeps and removes exactly as they are in the file, with their indentation, blanks and quotes."
            }
            Self::One => {
                "Give one change, and nothing beside it: no choice, no draft, no other code."
            }
            Self::Command => {
                "Say no commands. What they do belongs into the diff: a renamed file as `rename from` and `rename to` below its line `diff --git`, a removed one with all of its lines and `+++ /dev/null`."
            }
            Self::Name => {
                "Name each file by the path that it has, look whether it is there, and say a new name only as `rename from` and `rename to` below a line `diff --git`."
            }
            Self::Change => "Change the file that is there, or give a new one another name.",
            Self::Diff => "Give a unified diff, and no whole file.",
            Self::Own => {
                "Touch only the project's own files, and none of those that are not to be touched."
            }
            Self::None => "",
        }
    }
}
