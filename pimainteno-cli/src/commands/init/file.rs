//! The configuration as text, with comments for whoever edits it.

use std::fmt::Write as _;

use pimainteno_core::{Error, ErrorKind, Result};

use super::Project;

const HEAD: &str = r#"# PiMainteno's configuration, written by `pi-mainteno init`. `pi-mainteno check` says whether it is sound.

[llm]
# Who proposes changes: "codex" drives the codex command line, which has to be installed and signed in;
# "offline" does small upkeep without any model.
provider = "codex"
# model = ""                             # leaves the choice to the backend
# budget = { calls_per_day = 20 }        # for all projects together

[scheduler]
# When the daemon looks at the projects: minute, hour, day of the month, month, day of the week.
cron = "0 3 * * *"
# timezone = "Europe/Berlin"             # the machine's own unless set
"#;

/// The file for these projects.
///
/// # Errors
/// [`ErrorKind::Usage`] if a path is no text in UTF-8, which a configuration cannot hold.
pub(super) fn render(projects: &[Project]) -> Result<String> {
    let mut text = String::from(HEAD);
    for project in projects {
        let path = project.path.to_str().ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("a configuration cannot hold the path `{}`", project.path.display()),
            )
            .hint("rename the directory: its name is no text in UTF-8")
        })?;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n[[project]]\npath = {}", quoted(path));
        if let Some(name) = &project.name {
            let _ = writeln!(
                text,
                "# Another project would have the same id without it.\nname = {}",
                quoted(name)
            );
        }
        text.push_str(
            "# \"dry-run\" changes nothing, \"review\" holds every change for you, \"auto\" delivers those that pass their checks.\n\
             mode = \"review\"\n",
        );
        if !project.prepare.is_empty() {
            let _ = writeln!(
                text,
                "# Makes the dependencies ready for the checks, with the network; once for each content of the lock files.\nprepare = {}",
                list(&project.prepare)
            );
        }
        text.push_str("# Commands that have to succeed, in a copy of the project and without the network, before a change counts as good.\n");
        if project.verify.is_empty() {
            text.push_str("# Without any, nothing vouches for a change, and it is held whatever the mode is.\nverify = []\n");
        } else {
            let _ = writeln!(text, "verify = {}", list(&project.verify));
        }
        let _ = writeln!(
            text,
            "# What is restarted after a change, if there is such a unit; `[]` restarts nothing."
        );
        let _ = writeln!(text, "# units = [{}]", quoted(&project.unit));
    }
    Ok(text)
}

fn list(commands: &[String]) -> String {
    let commands: Vec<_> = commands.iter().map(|command| quoted(command)).collect();
    format!("[{}]", commands.join(", "))
}

/// A TOML string in one line that means `text` after the configuration's own expansion of `$`.
fn quoted(text: &str) -> String {
    // A string in JSON is one in TOML, except that JSON lets this one character stand.
    serde_json::Value::from(text.replace('$', "$$")).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use pimainteno_core::config::{Config, Mode, PrepareConfig};

    use super::*;

    fn project(path: &str, verify: &[&str]) -> Project {
        let verify = verify.iter().map(|check| (*check).to_owned()).collect();
        let (path, unit) = (PathBuf::from(path), "x\n\u{7f}.service".into());
        Project {
            path,
            name: None,
            prepare: vec!["npm ci".into()],
            verify,
            unit,
            parts: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_loads_and_means_what_was_found() {
        let projects =
            [project("/srv/a \"b\"/${HOME}\n'", &["npm test"]), project("/srv/radio", &[])];
        let text = render(&projects).unwrap();
        let loaded =
            Config::parse(&text, Path::new("/etc/PiMainteno.toml"), |_| None, None).unwrap();
        let read = loaded.config.projects();
        assert_eq!(
            read.iter().map(|project| &project.path).collect::<Vec<_>>(),
            projects.iter().map(|project| &project.path).collect::<Vec<_>>()
        );
        assert_eq!(read[0].verify, ["npm test"]);
        assert_eq!(read[0].prepare, [PrepareConfig::new("npm ci")]);
        assert!(read.iter().all(|project| project.mode == Mode::Review));
        assert_eq!(loaded.notices, Vec::<String>::new());
    }

    #[test]
    fn projects_whose_directories_have_one_id_are_told_apart() {
        let paths = ["/p/App", "/q/App", "/r/Größe", "/r/Grüße", "/s/radio", "/t/p-app"];
        let names = super::super::names::distinct(&paths.map(PathBuf::from));
        let projects: Vec<_> = paths
            .iter()
            .zip(names)
            .map(|(path, name)| Project { name, ..project(path, &[]) })
            .collect();
        let text = render(&projects).unwrap();
        let loaded =
            Config::parse(&text, Path::new("/etc/PiMainteno.toml"), |_| None, None).unwrap();
        let ids: Vec<_> = loaded.config.projects().iter().map(|it| it.id.to_string()).collect();
        assert_eq!(ids, ["app", "q-app", "gr-e", "r-gr-e", "radio", "p-app"]);
    }

    #[test]
    fn what_is_commented_out_loads_too() {
        let text = render(&[project("/srv/radio", &["make check"])]).unwrap();
        let set = |line: &str| {
            line.strip_prefix("# ")
                .filter(|line| line.split(' ').nth(1) == Some("="))
                .unwrap_or(line)
                .to_owned()
        };
        let text: Vec<_> =
            text.replace("x\\n\\u007f.service", "radio.service").lines().map(set).collect();
        let loaded =
            Config::parse(&text.join("\n"), Path::new("/etc/PiMainteno.toml"), |_| None, None)
                .unwrap();
        let zone = loaded.config.scheduler.timezone.as_ref().unwrap();
        assert_eq!(zone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(loaded.config.projects()[0].units, ["radio.service"]);
    }
}
