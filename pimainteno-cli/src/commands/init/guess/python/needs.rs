//! What a project says that its tests need, and which of it is taken.

/// What something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The tests, by its name.
    Tests,
    /// Development, and so perhaps the tests.
    Development,
    /// Whatever is done, or what a tool that runs the tests is told.
    All,
}

/// One thing that pip can install.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Need {
    /// A list of requirements.
    List(String),
    /// An extra of the project.
    Extra(String),
    /// A package, with its versions.
    Package(String),
}

/// What was found, in its order.
#[derive(Debug, Default)]
pub(super) struct Needs(Vec<(Purpose, Need)>);

/// What a list, a group or an extra of this name is for, `packages` being in it; `None` if nothing
/// says that tests need it.
pub(super) fn purpose<'p>(
    name: &str,
    packages: impl IntoIterator<Item = &'p str>,
) -> Option<Purpose> {
    let name = name.to_ascii_lowercase();
    let has_pytest = || packages.into_iter().any(|package| package.starts_with("pytest"));
    match &name[..] {
        "test" | "tests" | "testing" | "unittest" | "unittests" => Some(Purpose::Tests),
        "dev" | "devel" | "develop" | "development" => Some(Purpose::Development),
        _ if has_pytest() => {
            Some(if name.contains("test") { Purpose::Tests } else { Purpose::Development })
        }
        _ => None,
    }
}

impl Needs {
    /// A list of requirements, if its path can stand in a command.
    pub(super) fn list(&mut self, purpose: Purpose, path: &str) {
        if is_plain(path) && !path.starts_with('-') {
            self.add(purpose, Need::List(path.to_owned()));
        }
    }

    /// An extra of the project, if its name is one.
    pub(super) fn extra(&mut self, purpose: Purpose, name: &str) {
        if is_plain(name) {
            self.add(purpose, Need::Extra(name.to_owned()));
        }
    }

    /// A package as pip is told it; what is none, such as an option, is left out.
    pub(super) fn package(&mut self, purpose: Purpose, text: &str) {
        // Both quotes mean the same in a requirement, and this one would end the shell's.
        let text = text.trim().replace('\'', "\"");
        let is_package = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if is_package && !text.contains(['{', '\\']) && !text.chars().any(char::is_control) {
            self.add(purpose, Need::Package(text));
        }
    }

    /// What pip is told to install: lists, the project with its extras where it can be installed, and
    /// packages.
    pub(super) fn told(&self, can_be_installed: bool) -> Vec<String> {
        // Where something is named for the tests, what is for development is for other tools.
        let has_tests = self.0.iter().any(|(purpose, _)| *purpose == Purpose::Tests);
        let taken = || {
            let taken = self.0.iter();
            taken
                .filter(|(purpose, _)| !has_tests || *purpose != Purpose::Development)
                .map(|(_, need)| need)
        };
        let mut told: Vec<_> = taken()
            .filter_map(|need| match need {
                Need::List(path) => Some(format!("-r {path}")),
                _ => None,
            })
            .collect();
        if can_be_installed {
            let extras: Vec<_> = taken()
                .filter_map(|need| match need {
                    Need::Extra(name) => Some(&name[..]),
                    _ => None,
                })
                .collect();
            told.push(match extras.is_empty() {
                true => "-e .".to_owned(),
                false => format!("-e '.[{}]'", extras.join(",")),
            });
        }
        told.extend(taken().filter_map(|need| match need {
            Need::Package(text) => Some(format!("'{text}'")),
            _ => None,
        }));
        told
    }

    fn add(&mut self, purpose: Purpose, need: Need) {
        match self.0.iter_mut().find(|(_, known)| *known == need) {
            // What is named twice is for whatever needs it most.
            Some((known, _)) if *known == Purpose::Development => *known = purpose,
            Some(_) => {}
            None => self.0.push((purpose, need)),
        }
    }
}

/// Whether a shell takes `text` as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || "/._-".contains(it))
}
