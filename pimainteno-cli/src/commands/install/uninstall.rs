//! `uninstall`: stops the service and removes what `install` wrote.

use std::path::{Path, PathBuf};

use pimainteno_core::Result;
use serde::Serialize;

use super::{
    place::{Manager, Places, UNIT},
    plan, show,
    systemd::{Step, Systemd},
};
use crate::{
    arguments::UninstallArguments,
    terminal::{GOOD, Terminal, paint},
};

/// What was done; the shape of `--json`.
#[derive(Debug, Serialize)]
struct Uninstalled {
    /// The files that were removed.
    removed: Vec<PathBuf>,
    /// What is still there.
    kept: Vec<Kept>,
}

/// Something that stays.
#[derive(Debug, Serialize)]
struct Kept {
    path: PathBuf,
    what: &'static str,
}

/// Stops the service and removes what `install` wrote.
///
/// # Errors
/// [`pimainteno_core::ErrorKind::Usage`] if that is not allowed, or nobody can be asked;
/// [`pimainteno_core::ErrorKind::Service`] if the service cannot be stopped.
pub(crate) async fn run(arguments: &UninstallArguments, terminal: &Terminal) -> Result<()> {
    let places = super::places(arguments.user)?;
    let files: Vec<_> =
        places.removable().into_iter().filter(|path| path.symlink_metadata().is_ok()).collect();
    let systemd = Systemd::new(places.manager);
    let has_unit = files.contains(&places.unit.as_path());
    let mut before = Vec::new();
    if has_unit && systemd.state().await?.is_loaded {
        before.push(Step::Disable);
    }
    let has_units = has_unit || files.contains(&places.failed.as_path());
    let after = if has_units { vec![Step::ReloadUnits] } else { Vec::new() };
    if !files.is_empty() {
        let commands: Vec<_> = before.iter().map(|step| systemd.words(*step)).collect();
        show::show_removal(&files, &commands, terminal);
        show::confirm(arguments.yes, "Stop the service and remove this?", terminal)?;
    }
    for step in before {
        systemd.carry_out(step).await?;
    }
    for file in &files {
        plan::remove(file)?;
    }
    for step in after {
        systemd.carry_out(step).await?;
    }
    let removed = files.into_iter().map(Path::to_owned).collect();
    let uninstalled = Uninstalled { removed, kept: kept(&places) };
    terminal.give(&uninstalled, || tell(&uninstalled, terminal))
}

/// What stays: state and configuration, which hold what cannot be made again, and what others wrote.
fn kept(places: &Places) -> Vec<Kept> {
    let drop_ins = places.unit.with_extension("service.d");
    let of_configuration = places.configuration.parent().unwrap_or(&places.configuration);
    let mut kept = vec![
        (places.state.clone(), "what it remembers, and its workspaces"),
        (of_configuration.to_owned(), "the configuration, and keys"),
        (drop_ins, "what `systemctl edit` wrote"),
    ];
    if let (Manager::System, Ok(program)) = (places.manager, std::env::current_exe()) {
        kept.push((program, "the program itself"));
    }
    kept.retain(|(path, _)| path.exists());
    kept.into_iter().map(|(path, what)| Kept { path, what }).collect()
}

fn tell(uninstalled: &Uninstalled, terminal: &Terminal) {
    match uninstalled.removed.as_slice() {
        [] => terminal.print(format_args!("{UNIT} is not installed; nothing to do")),
        files => {
            let files =
                if let [_] = files { "1 file".into() } else { format!("{} files", files.len()) };
            terminal.print(format_args!("{} removed {UNIT}, {files}", paint(GOOD, "✓")));
        }
    }
    let width = uninstalled.kept.iter().map(|kept| kept.path.display().to_string().len()).max();
    for Kept { path, what } in &uninstalled.kept {
        terminal.print(format_args!(
            "  stays  {:<width$}  {what}",
            path.display().to_string(),
            width = width.unwrap_or(0)
        ));
    }
}
