//! A configuration that cannot be used, as in the midst of an edit, while a daemon goes on with the
//! one before.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use pimainteno_core::{
    Result,
    config::{self, Config},
};
use pimainteno_web::Client;
use toml::Table;

use super::{
    current_directory, environment, has_state_of_machine, socket, state_directory, usual_path,
    variable,
};

/// The daemon that uses an earlier text of the configuration at `explicit` or at one of the usual
/// places; `None` if none can be found.
///
/// # Errors
/// As [`Client::find`].
pub(crate) async fn daemon_of_broken(explicit: Option<&Path>) -> Result<Option<Client>> {
    let Some((path, socket)) = place(explicit) else { return Ok(None) };
    let same = |used: &Path| used.canonicalize().ok() == path.canonicalize().ok();
    let client = Client::find(&socket, Arc::new(())).await?;
    Ok(client.filter(|client| client.configuration().is_some_and(|used| same(&used.path))))
}

/// The configuration's path, and where its daemon listens as far as its text tells.
fn place(explicit: Option<&Path>) -> Option<(PathBuf, PathBuf)> {
    let directory = current_directory().ok()?;
    let path = config::find(explicit, &directory, &usual_path(&environment())).ok()?;
    let text = fs::read(&path).ok()?;
    let told = places(&String::from_utf8_lossy(&text), &path, environment().home().as_deref());
    let state = state_directory(&told, variable, has_state_of_machine()).ok()?;
    let socket = socket(&told, variable, &state);
    Some((path, socket))
}

/// What the sections of a text say of where state is kept and where a daemon listens; each is read
/// by itself, so that a mistake in one leaves the others to be read.
fn places(text: &str, path: &Path, home: Option<&Path>) -> Config {
    let mut sections = vec![String::new()];
    for line in text.lines() {
        if line.starts_with('[') {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    let tables: Vec<Table> = sections.iter().filter_map(|section| section.parse().ok()).collect();
    let value = |section: &str, key: &str| {
        let text = tables.iter().find_map(|table| table.get(section)?.get(key)?.as_str())?;
        Some(match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => path.parent()?.join(text),
        })
    };
    let mut config = Config::default();
    config.cache.path = value("cache", "path");
    config.web.socket = value("web", "socket");
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_what_can_be_read() {
        let text = "[llm]\nprovider = \n[cache]\npath = \"~/x.redb\"\n[web]\nsocket = \"s\"\n[[project]]\n";
        let told = places(text, Path::new("/etc/a.toml"), Some(Path::new("/home/ada")));
        assert_eq!(told.cache.path.as_deref(), Some(Path::new("/home/ada/x.redb")));
        assert_eq!(told.web.socket.as_deref(), Some(Path::new("/etc/s")));
        assert_eq!(places("{", Path::new("/etc/a.json"), None), Config::default());
    }
}
