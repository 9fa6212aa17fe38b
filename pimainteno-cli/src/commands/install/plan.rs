//! What is to be written, and how it differs from what is there.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use pimainteno_core::{Error, ErrorKind, Result};

use super::{
    manual,
    place::{Manager, Places},
    polkit,
    service::Service,
    unit,
};
use crate::commands::completions;

/// A file as it ought to be.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// What it is, in a word or two.
    pub(super) what: &'static str,
    /// What it is to hold; `None` if there is to be none.
    pub(super) content: Option<String>,
    pub(super) mode: u32,
    /// The group that may read it, if that is not the one of whoever writes it.
    pub(super) group: Option<u32>,
    /// Whether it is long and of interest to nobody, so that its name is enough.
    pub(super) is_made: bool,
}

/// A file that is not as it ought to be.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) file: File,
    /// What it holds; `None` if it is not there.
    pub(super) old: Option<String>,
}

/// The files of a service. `configuration` is what the configuration is to hold, if it is to be
/// written; `with_failed` says whether the template for `OnFailure=` is wanted.
///
/// # Errors
/// [`ErrorKind::Internal`] if the manual cannot be made.
pub(super) fn files(
    service: &Service,
    places: &Places,
    configuration: Option<&str>,
    with_failed: bool,
) -> Result<Vec<File>> {
    let is_system = places.manager == Manager::System;
    let file = |path: &Path, what, content: Option<String>| File {
        path: path.to_owned(),
        what,
        content,
        mode: 0o644,
        group: None,
        is_made: false,
    };
    let made = |path: &Path, what, content: String| File {
        is_made: true,
        ..file(path, what, Some(content))
    };
    let mut files = Vec::new();
    if let Some(text) = configuration {
        files.push(File {
            // It may hold keys.
            mode: if is_system { 0o640 } else { 0o600 },
            group: is_system.then_some(service.owner.group),
            ..file(&places.configuration, "the configuration", Some(text.to_owned()))
        });
    }
    files.push(file(&places.unit, "the service", Some(unit::service(service, places))));
    if with_failed {
        let text = unit::failed(service, places);
        files.push(file(&places.failed, "what tells of failed units", Some(text)));
    }
    if let Some(path) = &places.rule {
        files.push(file(path, "what lets it restart units", polkit::rule(service)));
    }
    files.push(made(&places.manual, "the manual", manual::page()?));
    for (shell, path) in &places.completions {
        files.push(made(path, "completions", completions::script(*shell)));
    }
    Ok(files)
}

/// Those of `files` that are not as they ought to be.
///
/// # Errors
/// [`ErrorKind::Usage`] if one cannot be read, or is no file.
pub(super) fn changes(files: Vec<File>) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for file in files {
        let old = read(&file.path)?;
        if old != file.content {
            changes.push(Change { file, old });
        }
    }
    Ok(changes)
}

/// What is in a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>> {
    let failed = |source: io::Error| {
        Error::new(ErrorKind::Usage, format!("cannot read `{}`", path.display())).source(source)
    };
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            let error =
                Error::new(ErrorKind::Usage, format!("this is no file: `{}`", path.display()));
            return Err(error.hint("a unit that is masked leads to /dev/null: `systemctl unmask` it; remove anything else that is in the way"));
        }
    }
    let bytes = fs::read(path).map_err(failed)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Makes the file as it ought to be, as a whole or not at all, with the directories that it needs.
///
/// # Errors
/// [`ErrorKind::Usage`] if that cannot be done.
pub(super) fn write(file: &File) -> Result<()> {
    let failed = |source: io::Error| {
        Error::new(ErrorKind::Usage, format!("cannot write `{}`", file.path.display()))
            .source(source)
            .hint("what was written before it stays; do it again when that is put right")
    };
    let Some(content) = &file.content else { return remove(&file.path) };
    let directory = file.path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(failed)?;
    let mut beside = tempfile::Builder::new()
        .prefix(".pi-mainteno-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(directory)
        .map_err(failed)?;
    let mut put = || {
        io::Write::write_all(&mut beside, content.as_bytes())?;
        if let Some(group) = file.group {
            std::os::unix::fs::fchown(beside.as_file(), None, Some(group))?;
        }
        beside.as_file().set_permissions(fs::Permissions::from_mode(file.mode))?;
        beside.as_file().sync_all()
    };
    put().map_err(failed)?;
    beside.persist(&file.path).map(drop).map_err(|error| failed(error.error))
}

/// Removes a file, if it is there.
///
/// # Errors
/// [`ErrorKind::Usage`] if that cannot be done.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            let message = format!("cannot remove `{}`", path.display());
            Err(Error::new(ErrorKind::Usage, message).source(source))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::install::tests::service;

    fn planned(path: &Path, content: Option<&str>) -> File {
        let content = content.map(str::to_owned);
        let path = path.to_owned();
        File { path, what: "a file", content, mode: 0o640, group: None, is_made: false }
    }

    #[test]
    fn what_is_as_it_ought_to_be_is_no_change() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep/er/file");
        let wanted = || vec![planned(&path, Some("text\n"))];
        let found = changes(wanted()).unwrap();
        assert_eq!((found.len(), found[0].old.as_deref()), (1, None));
        write(&found[0].file).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(changes(wanted()).unwrap().is_empty());
        fs::write(&path, "edited\n").unwrap();
        assert_eq!(changes(wanted()).unwrap()[0].old.as_deref(), Some("edited\n"));
        write(&planned(&path, None)).unwrap();
        write(&planned(&path, None)).unwrap();
        assert!(changes(vec![planned(&path, None)]).unwrap().is_empty());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_file_is_not_written_over() {
        let place = tempfile::tempdir().unwrap();
        let error = changes(vec![planned(place.path(), Some("x"))]).unwrap_err();
        assert!(error.to_string().contains("this is no file"), "{error}");
        let masked = place.path().join("unit");
        std::os::unix::fs::symlink("/dev/null", &masked).unwrap();
        assert!(changes(vec![planned(&masked, Some("x"))]).is_err());
    }

    #[test]
    fn only_what_was_asked_for_is_written() {
        let paths = |configuration, with_failed| {
            let files = files(&service(), &Places::of_system(), configuration, with_failed);
            files.unwrap().into_iter().map(|file| file.path).collect::<Vec<_>>()
        };
        let places = Places::of_system();
        let least = paths(None, false);
        assert!(!least.contains(&places.configuration) && !least.contains(&places.failed));
        let all = paths(Some(""), true);
        assert!(all.contains(&places.configuration) && all.contains(&places.failed));
        // Whatever is written can be removed, but for the configuration.
        let removable = places.removable();
        assert!(all.iter().skip(1).all(|path| removable.contains(&path.as_path())));
    }
}
