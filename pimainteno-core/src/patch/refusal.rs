//! Why a change is refused, for a person and for whoever is asked again.

use std::{fmt, fmt::Write as _};

use super::{remedy::Remedy, text::Text};
use crate::error::{Error, ErrorKind};

/// How many lines before and after a place an excerpt shows.
const AROUND: usize = 6;

/// How many places a refusal shows; it names the lines of all.
const SHOWN_PLACES: usize = 4;

/// The longest line that an excerpt shows, in characters.
const LONGEST_LINE: usize = 200;

/// Why a reply was not applied. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What kind of reason it is.
    pub reason: Reason,
    /// The reason in one line, without a full stop.
    pub message: String,
    /// The file that it is about, from the top of the project.
    pub file: Option<String>,
    /// The hunk that it is about, counted from 1 within what the reply says of the file.
    pub hunk: Option<usize>,
    /// The first lines, counted from 1, of all places that were possible, if there were several;
    /// of the nearest one, if there was none.
    pub places: Vec<usize>,
    /// What the file really says around those places, each line with its number.
    pub excerpt: String,
    /// Whether it is about the change as a whole, and not about one part of several.
    pub(crate) is_whole: bool,
    /// What would mend it.
    pub(super) remedy: Remedy,
}

/// What kind of reason a change is refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The reply is no text.
    Unreadable,
    /// No change was found in it.
    NoDiff,
    /// It ends before its change does.
    Truncated,
    /// Its change cannot be read.
    Malformed,
    /// It names a path that leads out of the project, into `.git`, into a submodule or through a link.
    Path,
    /// It touches a file that the caller protects.
    Protected,
    /// A file that it changes does not exist, or could be several.
    Missing,
    /// A file that it creates is there already.
    Exists,
    /// It changes a file that is not text.
    Binary,
    /// It stands for text that it leaves out, as in `... rest unchanged ...`.
    Placeholder,
    /// Its lines are not in the file.
    NotFound,
    /// It could mean several things: most often, several places in the file.
    Ambiguous,
    /// Two parts of it change the same lines differently.
    Conflict,
    /// It changes nothing.
    NoChange,
    /// The file says already what it would be changed to.
    AlreadyThere,
    /// A file that could be parsed could not be any more.
    Broken,
    /// It adds characters to a file that the file's encoding, which is not UTF-8, writes otherwise.
    Encoding,
    /// The file is too large, or too repetitive, to place it within bounds.
    TooLarge,
    /// The caller does not wait for it any more.
    Cancelled,
}

impl Refusal {
    /// A refusal that is not about a file.
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            file: None,
            hunk: None,
            places: Vec::new(),
            excerpt: String::new(),
            is_whole: false,
            remedy: Remedy::of(reason),
        }
    }

    /// The same refusal, about `file`.
    pub(super) fn file(mut self, file: &str) -> Self {
        self.file.get_or_insert_with(|| file.to_owned());
        self
    }

    /// The same refusal, which something else mends than most of its kind.
    pub(super) fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = remedy;
        self
    }

    /// What whoever is asked again is to do otherwise; empty if the reason says it.
    pub(crate) fn advice(&self) -> &'static str {
        self.remedy.advice()
    }

    /// The same refusal, about the hunk with this number.
    pub(super) fn hunk(mut self, number: usize) -> Self {
        self.hunk = Some(number);
        self
    }

    /// The same refusal, with these places in `text`, counted from 0, each `length` lines long.
    pub(super) fn places(mut self, text: &Text<'_>, places: &[usize], length: usize) -> Self {
        self.places = places.iter().map(|place| place + 1).collect();
        let mut shown_to = 0;
        for place in places.iter().take(SHOWN_PLACES) {
            let from = place.saturating_sub(AROUND).max(shown_to);
            let to = (place + length.min(4 * AROUND) + AROUND).min(text.len());
            if from > shown_to && !self.excerpt.is_empty() {
                self.excerpt.push_str("  ...\n");
            }
            for number in from..to {
                let line: String =
                    String::from_utf8_lossy(text.line(number)).chars().take(LONGEST_LINE).collect();
                let line: String =
                    line.chars()
                        .map(|character| {
                            if character.is_control() && character != '\t' {
                                ' '
                            } else {
                                character
                            }
                        })
                        .collect();
                // Writing to a string cannot fail.
                let _ = writeln!(self.excerpt, "{:>5}  {line}", number + 1);
            }
            shown_to = shown_to.max(to);
        }
        self
    }
}

/// Writes where and why in one line, without the excerpt.
impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.hunk) {
            (Some(file), Some(hunk)) => write!(formatter, "{file}, hunk {hunk}: {}", self.message),
            (Some(file), None) => write!(formatter, "{file}: {}", self.message),
            _ => formatter.write_str(&self.message),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let hint = refusal.remedy.hint();
        let kind = match refusal.reason {
            Reason::Cancelled => ErrorKind::Cancelled,
            _ => ErrorKind::Patch,
        };
        let error = Self::new(kind, format!("the change was refused: {refusal}"));
        if hint.is_empty() { error } else { error.hint(hint) }
    }
}
