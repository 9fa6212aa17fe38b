//! Where a reader, or a machine, begins.

use super::{Manifest, code, list, titled};
use crate::{
    files::{File, Files},
    languages,
};

/// The programs, main files, scripts and services.
pub(super) fn section(files: &Files, manifests: &[Manifest]) -> String {
    let mut items: Vec<String> = Vec::new();
    for manifest in manifests.iter().filter(|manifest| !manifest.programs.is_empty()) {
        let programs: Vec<_> =
            manifest.programs.iter().take(8).map(|program| code(program)).collect();
        items.push(format!("{}: {}", code(&manifest.path), programs.join(", ")));
    }
    let mut found: Vec<_> = files
        .iter()
        .filter(|file| file.is_kept_by_hand())
        .filter_map(|file| Some((kind(file)?, &file.path)))
        .collect();
    found.sort_by_key(|(kind, path)| (*kind, path.matches('/').count(), *path));
    items.extend(found.into_iter().map(|(kind, path)| format!("{}: {}", code(path), kind.name())));
    titled("Entry points", &list(&items, 20))
}

/// What kind of entry point a file is; what is told first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Service,
    Container,
    Main,
    Script,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Service => "systemd unit",
            Self::Container => "container",
            Self::Main => "program",
            Self::Script => "script",
        }
    }
}

fn kind(file: &File) -> Option<Kind> {
    let path = file.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    let language = languages::of(path).map(|language| language.name);
    let main = [
        "main.rs",
        "main.go",
        "main.c",
        "main.cpp",
        "main.py",
        "__main__.py",
        "manage.py",
        "app.py",
        "server.js",
        "server.ts",
        "Main.java",
        "Main.kt",
    ];
    let compose = ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"];
    if language == Some("systemd unit") {
        Some(Kind::Service)
    } else if language == Some("Dockerfile") || compose.contains(&name) {
        Some(Kind::Container)
    } else if file.is_in_tests() {
        None
    } else if main.contains(&name) || (path.contains("src/bin/") && language == Some("Rust")) {
        Some(Kind::Main)
    } else {
        let is_script = matches!(language, Some("Shell" | "Python" | "Perl" | "Ruby"))
            || languages::extension(path).is_empty();
        (file.is_executable && is_script).then_some(Kind::Script)
    }
}
