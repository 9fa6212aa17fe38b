//! What the command line says.

use std::{path::PathBuf, time::Duration};

/// How long the idle daemon is watched, unless the command line says.
const WATCH: Duration = Duration::from_secs(60);

/// What the command line says.
pub(crate) struct Arguments {
    /// Only lines whose names contain this are wanted.
    filter: Option<String>,
    /// How long the idle daemon is watched.
    pub(crate) watch: Duration,
    /// This process is the one whose writes are counted, and works in this directory.
    pub(crate) traced: Option<PathBuf>,
}

impl Arguments {
    /// Reads them. Options of other harnesses, such as `--bench`, which cargo passes, are passed
    /// over.
    pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut read = Self { filter: None, watch: WATCH, traced: None };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seconds" => {
                    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok());
                    read.watch =
                        seconds.map_or(WATCH, |seconds: u64| Duration::from_secs(seconds.max(1)));
                }
                "--traced" => read.traced = arguments.next().map(PathBuf::from),
                option if option.starts_with('-') => {}
                filter => read.filter = Some(filter.to_owned()),
            }
        }
        read
    }

    /// Whether a line is wanted.
    pub(crate) fn wants(&self, line: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| line.contains(filter.as_str()))
    }

    /// Whether a line of the group is possibly wanted: one word says the group, a longer filter may
    /// say the line.
    pub(crate) fn concerns(&self, group: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.contains(group) || group.contains(filter.as_str()))
    }
}
