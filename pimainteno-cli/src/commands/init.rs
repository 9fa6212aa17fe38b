//! `init`: writes a configuration for the projects it finds.

mod file;
mod find;
mod guess;
mod names;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use pimainteno_core::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::{
    arguments::InitArguments,
    setup,
    terminal::{FAINT, GOOD, NAME, STRONG, Terminal, paint, plain},
};

/// What was written; the shape of `--json`.
#[derive(Debug, Serialize)]
struct Written {
    /// The file.
    path: PathBuf,
    /// The projects in it.
    projects: Vec<Project>,
}

/// A project as it is written to the file.
#[derive(Debug, Serialize)]
struct Project {
    /// The checkout.
    path: PathBuf,
    /// What it is called, where its directory's name alone would not tell it from the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The guessed commands that make its dependencies ready.
    prepare: Vec<String>,
    /// The guessed checks.
    verify: Vec<String>,
    /// The unit that is restarted where the file names none.
    unit: String,
    /// Where no checks were guessed, the directories in it that look like projects: nothing is
    /// written of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PathBuf>,
}

/// Writes a configuration for the checkouts that are named, or for those that are found.
///
/// # Errors
/// [`ErrorKind::Usage`] if a path is no checkout, none is found, or the file exists and is not to
/// be overwritten.
pub(crate) async fn run(arguments: &InitArguments, terminal: &Terminal) -> Result<()> {
    let directory = setup::current_directory()?;
    let output = directory.join(&arguments.output);
    if output.exists() && !arguments.force {
        return Err(exists(&output));
    }
    let checkouts = if arguments.paths.is_empty() {
        find::below(&directory, setup::environment().home().as_deref())?
    } else {
        find::named(&directory, &arguments.paths)?
    };
    let names = names::distinct(&checkouts);
    let mut projects = Vec::new();
    for (checkout, name) in checkouts.into_iter().zip(names) {
        projects.push(Project { name, ..Project::guess(checkout).await });
    }
    write(&output, &file::render(&projects)?, arguments.force)?;
    let written = Written { path: output, projects };
    terminal.give(&written, || tell(&written, &directory, arguments, terminal))
}

impl Project {
    async fn guess(path: PathBuf) -> Self {
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let guess::Guess { prepare, verify, parts } =
            guess::guess(&path, &setup::environment()).await;
        let parts = parts.iter().map(|part| path.join(part)).collect();
        Self { prepare, verify, unit: format!("{name}.service"), path, name: None, parts }
    }
}

/// Writes the file as a whole or not at all. Only `force` lets it take the place of another one.
fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let failed = |source| {
        Error::new(ErrorKind::Usage, format!("cannot write `{}`", path.display())).source(source)
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = fs::File::create_new(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A link refuses to take the place of a file that somebody made meanwhile.
        if force { fs::rename(&beside, path) } else { fs::hard_link(&beside, path) }
    };
    let result = write();
    // After a rename there is nothing left to remove.
    drop(fs::remove_file(&beside));
    result.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AlreadyExists && !force {
            exists(path)
        } else {
            failed(source)
        }
    })
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::Usage, format!("there is already a file `{}`", path.display()))
        .hint("`--output FILE` writes to another one, `--force` overwrites it")
}

fn tell(written: &Written, directory: &Path, arguments: &InitArguments, terminal: &Terminal) {
    let path = written.path.display().to_string();
    terminal.print(format_args!(
        "{} wrote {}",
        paint(GOOD, "✓"),
        paint(NAME, plain::inline(&path))
    ));
    for project in &written.projects {
        let checks = if project.verify.is_empty() {
            "no checks found; add some".to_owned()
        } else {
            project.prepare.iter().chain(&project.verify).cloned().collect::<Vec<_>>().join(", ")
        };
        let place = project.path.display().to_string();
        terminal.print(format_args!(
            "    {}  {}",
            plain::inline(&place),
            paint(FAINT, plain::inline(&checks))
        ));
    }
    tell_parts(written, directory, arguments, terminal);
    let is_found = arguments.output == Path::new("PiMainteno.toml")
        || written.path == Path::new(pimainteno_core::config::SYSTEM_PATH);
    let option =
        if is_found { String::new() } else { format!(" --config {}", plain::inline(&path)) };
    terminal.print(format_args!("\n{}", paint(STRONG, "next")));
    for (command, purpose) in [
        ("check", "sees whether everything is in place"),
        ("run --dry-run", "shows what would be changed"),
        ("run", "makes changes and holds them for review, until `mode = \"auto\"`"),
    ] {
        terminal.print(format_args!(
            "  {}  {purpose}",
            paint(NAME, format_args!("pi-mainteno {command}{option}"))
        ));
    }
}

/// What of the projects without checks looks like a project itself, and the command that writes
/// those instead.
fn tell_parts(written: &Written, directory: &Path, arguments: &InitArguments, terminal: &Terminal) {
    let shown = |path: &Path| {
        let path = path.strip_prefix(directory).unwrap_or(path).display().to_string();
        plain::inline(&in_shell(&path)).to_string()
    };
    let mut instead = Vec::new();
    for project in &written.projects {
        if project.parts.is_empty() {
            instead.push(shown(&project.path));
            continue;
        }
        let parts: Vec<_> = project.parts.iter().map(|part| shown(part)).collect();
        terminal.print(format_args!(
            "\n{} has nothing that is known to check it; in it {} like {}: {}",
            shown(&project.path),
            if parts.len() == 1 { "one directory looks" } else { "these directories look" },
            if parts.len() == 1 { "a project" } else { "projects" },
            parts.join(", ")
        ));
        instead.extend(parts);
    }
    if written.projects.iter().all(|project| project.parts.is_empty()) {
        return;
    }
    let output = match &arguments.output {
        output if output == Path::new("PiMainteno.toml") => String::new(),
        output => format!(" --output {}", plain::inline(&in_shell(&output.display().to_string()))),
    };
    terminal.print(format_args!(
        "  {}  writes {} instead",
        paint(NAME, format_args!("pi-mainteno init --force{output} {}", instead.join(" "))),
        if instead.len() == 1 { "it" } else { "them" }
    ));
}

/// `path` as a shell reads it as one word.
fn in_shell(path: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "/._-+@".contains(it);
    if !path.is_empty() && path.chars().all(is_plain) && !path.starts_with('-') {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}
