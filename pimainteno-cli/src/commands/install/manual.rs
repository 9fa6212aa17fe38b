//! The manual, made of the tree of arguments.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use pimainteno_core::{Error, ErrorKind, Result};

use crate::arguments::Cli;

/// Where everything is.
const FILES: &str = "\
.SH FILES
.TP
\\fI./PiMainteno.toml\\fR, \\fI~/.config/pi\\-mainteno/PiMainteno.toml\\fR, \\fI/etc/pi\\-mainteno/PiMainteno.toml\\fR
The configuration: the first one that is there.
.TP
\\fI/var/lib/pi\\-mainteno\\fR, \\fI~/.local/state/pi\\-mainteno\\fR
The state of a service of the machine, and of a user: what is remembered, and the workspaces.
.TP
\\fI/etc/pi\\-mainteno/credentials\\fR
Keys that systemd hands to the service, for the configuration to name by \\fB${CREDENTIALS_DIRECTORY}\\fR.
";

/// The manual: one page with every command in it.
///
/// # Errors
/// [`ErrorKind::Internal`] if it cannot be written.
pub(super) fn page() -> Result<String> {
    let command = Cli::command();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("PiMainteno").date("");
    let mut write = || {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        page.extend(b".SH COMMANDS\n");
        commands(&command, "", &mut page)?;
        page.extend(FILES.as_bytes());
        man.render_extra_section(&mut page)
    };
    write().map_err(|source: std::io::Error| {
        Error::new(ErrorKind::Internal, "cannot write the manual").source(source)
    })?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The commands below `parent`, each with its synopsis, what it does, its options and examples.
fn commands(parent: &Command, prefix: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{prefix}{}", command.get_name());
        if command.has_subcommands() {
            commands(command, &format!("{name} "), page)?;
            continue;
        }
        page.extend(format!(".SS {}\n", name.replace('-', "\\-")).bytes());
        // That there is help is told once.
        let command = command.clone().disable_help_flag(true);
        let man = Man::new(command.clone().bin_name(format!("pi-mainteno {name}")));
        let mut section = Vec::new();
        man.render_synopsis_section(&mut section)?;
        without_heading(&section, page);
        section.clear();
        man.render_description_section(&mut section)?;
        page.extend(b".PP\n");
        without_heading(&section, page);
        section.clear();
        if command.get_arguments().any(|argument| !argument.is_hide_set()) {
            man.render_options_section(&mut section)?;
            without_heading(&section, page);
            section.clear();
        }
        if command.get_after_help().is_some() {
            man.render_extra_section(&mut section)?;
            page.extend(b".PP\n.nf\n");
            without_heading(&section, page);
            page.extend(b".fi\n");
        }
    }
    Ok(())
}

/// A section as a part of another one.
fn without_heading(section: &[u8], page: &mut Vec<u8>) {
    for line in section.split_inclusive(|byte| *byte == b'\n') {
        // What roff defines for each text is there once already.
        if !line.starts_with(b".SH") && !line.starts_with(b".ie ") && !line.starts_with(b".el ") {
            page.extend(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_command_and_every_option() {
        let page = page().unwrap();
        let text = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "");
        for part in
            [".SS run", ".SS policy test", "--dry-run", "--one-shot", "pi-mainteno run site"]
        {
            assert!(text.contains(part), "{part} in {page}");
        }
        assert_eq!(page.lines().filter(|line| line.starts_with(".TH")).count(), 1);
    }
}
