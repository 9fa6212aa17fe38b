//! From a file to a [`Config`].

use std::path::{Path, PathBuf};

use super::{
    Config, consistency,
    expand::Expansion,
    notice,
    problem::{self, Problem},
    read::read,
    tree::Node,
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    words::Sha256,
};

/// Where the configuration of the whole machine is.
pub const SYSTEM_PATH: &str = "/etc/pi-mainteno/PiMainteno.toml";

/// The configuration's name in the current directory.
const NAME: &str = "PiMainteno.toml";

/// A configuration that was read from a file and found to be sound.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// What the file says. Every path in it is resolved against the directory of the file.
    pub config: Config,
    /// The file.
    pub path: PathBuf,
    /// The SHA-256 of what it held.
    pub sha256: Sha256,
    /// What its owner should know, a line each; nothing of it keeps the configuration from being
    /// used.
    pub notices: Vec<String>,
}

/// The configuration file to use: `explicit`, or else `PiMainteno.toml` in the current directory,
/// or else `system`, usually [`SYSTEM_PATH`].
///
/// # Errors
///
/// [`ErrorKind::Config`] if there is none; the message names every place that was looked at.
pub fn find(explicit: Option<&Path>, current_directory: &Path, system: &Path) -> Result<PathBuf> {
    let places = match explicit {
        Some(path) => vec![current_directory.join(path)],
        None => vec![current_directory.join(NAME), system.to_owned()],
    };
    // A place that cannot be looked at is taken, so that the attempt to read it tells why.
    if let Some(found) = places.iter().find(|place| place.try_exists().unwrap_or(true)) {
        return Ok(found.clone());
    }
    let places = places
        .iter()
        .map(|place| format!("`{}`", place.display()))
        .collect::<Vec<_>>()
        .join(" or ");
    Err(Error::new(ErrorKind::Config, format!("no configuration: there is no {places}")))
}

impl Config {
    /// Reads and checks a configuration file: TOML or JSON, by the ending of its name.
    ///
    /// In strings, `~/` becomes `home` and `${VAR}` what `variable` says; relative paths start at
    /// the directory of the file. An absolute `path` keeps them independent of the current
    /// directory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if the file cannot be read or used. The message tells everything that
    /// is wrong, as lines `FILE:LINE:COLUMN: message`.
    pub fn load(
        path: &Path,
        variable: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<Loaded> {
        let bytes = std::fs::read(path).context(ErrorKind::Config, || {
            format!("cannot read the configuration `{}`", path.display())
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&text, path, variable, home),
            Err(error) => {
                let end = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                Err(problem::error(
                    vec![Problem::new(end, "this is not text in UTF-8")],
                    path,
                    &text,
                ))
            }
        }
    }

    /// The same for a text that is at hand, as if it were what the file at `path` holds.
    ///
    /// # Errors
    ///
    /// Those of [`Config::load`].
    pub fn parse(
        text: &str,
        path: &Path,
        variable: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<Loaded> {
        let mut tree =
            Node::parse(text, path).map_err(|problems| problem::error(problems, path, text))?;
        let mut problems = Vec::new();
        expand(&mut tree, &Expansion { variable: &variable, home }, &mut problems);
        let mut config: Self = read(&mut tree, &mut problems);
        config.resolve_paths(path.parent().unwrap_or(Path::new("")));
        consistency::check(&config, &tree, &mut problems);
        if !problems.is_empty() {
            return Err(problem::error(problems, path, text));
        }
        let notices =
            notice::notices(&config, &tree).iter().map(|notice| notice.line(path, text)).collect();
        Ok(Loaded { config, path: path.to_owned(), sha256: Sha256::of(text), notices })
    }

    /// Makes every path start at `directory` that is relative.
    fn resolve_paths(&mut self, directory: &Path) {
        let mut paths: Vec<&mut PathBuf> = self.scheduler.projects.iter_mut().collect();
        paths.extend(self.llm.api_key_file.iter_mut().chain(&mut self.cache.path));
        paths.extend(self.web.token_file.iter_mut().chain(&mut self.web.socket));
        paths.extend(self.plugin.iter_mut().map(|plugin| &mut plugin.path));
        for project in &mut self.project {
            paths.extend([&mut project.path].into_iter().chain(&mut project.policy));
            paths.extend(project.sandbox_read.iter_mut().chain(&mut project.sandbox_write));
            paths.extend(project.llm.iter_mut().filter_map(|llm| llm.api_key_file.as_mut()));
        }
        for path in paths {
            *path = resolved(path, directory);
        }
    }
}

/// `path` from `directory` on, without what only stays where it is. An empty path, which the checks
/// complain about, stays empty.
fn resolved(path: &Path, directory: &Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        return PathBuf::new();
    }
    let path: PathBuf = directory.join(path).components().collect();
    // A project is called after its directory, which `..` does not tell. Only the file system knows
    // where that leads.
    if path.components().any(|component| component == std::path::Component::ParentDir) {
        path.canonicalize().unwrap_or(path)
    } else {
        path
    }
}

fn expand(tree: &mut Node, expansion: &Expansion<'_>, problems: &mut Vec<Problem>) {
    tree.for_each_text(&mut |at, text| match expansion.expand(text) {
        Ok(expanded) if expanded.contains('\0') => {
            problems.push(Problem::new(at, "a string must not hold the character NUL"));
        }
        Ok(expanded) => *text = expanded,
        Err(message) => problems.push(Problem::new(at, message)),
    });
}
