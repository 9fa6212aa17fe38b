//! Where the program is.
//!
//! npm puts a script into its `bin`, which starts the native program and waits for it. Killing the
//! script can leave the program running, and the script needs node: so the native program is found
//! and started itself.

use std::{
    env::consts::ARCH,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use pimainteno_core::{Error, ErrorKind, Result, process::Environment};

/// Where npm and codex's own installer put it below the home directory. A service's `PATH` seldom
/// holds these.
const HOME_DIRECTORIES: [&str; 3] = [".local/bin", ".npm-global/bin", ".npm-packages/bin"];

/// Where it may be on the machine.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/usr/local/bin", "/usr/bin"];

/// The native program of codex: the first on `PATH`, or else in the usual places.
///
/// It is looked for before each run, because an update may move it.
pub(crate) fn program(environment: &Environment) -> Result<PathBuf> {
    let path = environment
        .get("PATH")
        .map(|path| std::env::split_paths(path).collect::<Vec<_>>())
        .unwrap_or_default();
    let home = environment.home();
    let below_home =
        home.iter().flat_map(|home| HOME_DIRECTORIES.map(|directory| home.join(directory)));
    let directories =
        path.into_iter().chain(below_home).chain(SYSTEM_DIRECTORIES.map(PathBuf::from));
    let found = directories
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("codex"))
        .find(|file| is_program(file));
    let Some(found) = found else {
        return Err(missing("codex is not installed, or not on the `PATH` of this service"));
    };
    let resolved = fs::canonicalize(&found).unwrap_or(found);
    match package(&resolved) {
        Some(package) => native(package).ok_or_else(|| {
            missing(format!("the npm package of codex lacks its program: `{}`", package.display()))
        }),
        None => Ok(resolved),
    }
}

/// The npm package that `program` is the script of.
fn package(program: &Path) -> Option<&Path> {
    program.ends_with("bin/codex.js").then(|| program.parent()?.parent()).flatten()
}

/// The native program of the npm package: in a package for each platform, which npm puts inside of
/// it or beside it; older ones hold it themselves.
fn native(package: &Path) -> Option<PathBuf> {
    let (platform, target) = match ARCH {
        "x86_64" => ("codex-linux-x64", "x86_64-unknown-linux-musl"),
        "aarch64" => ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        _ => return None,
    };
    let inside = package.join("node_modules/@openai").join(platform);
    let beside = package.parent()?.join(platform);
    let candidates = [inside, beside, package.to_owned()]
        .map(|root| root.join("vendor").join(target).join("bin/codex"));
    candidates.into_iter().find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn missing(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Backend, message)
        .hint("install it with `npm install -g @openai/codex`; it exists for 64-bit systems only")
        .retry_after(crate::preflight::PARKED)
        .needs_setup()
        .unasked()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use pimainteno_core::Retry;

    use super::*;

    fn put(file: &Path) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_script_of_npm_is_passed_by() {
        let root = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        let (bin, modules) = (root.join("bin"), root.join("lib/node_modules/@openai"));
        put(&modules.join("codex/bin/codex.js"));
        fs::create_dir_all(&bin).unwrap();
        symlink("../lib/node_modules/@openai/codex/bin/codex.js", bin.join("codex")).unwrap();
        let environment = Environment::default().with("PATH", bin);

        let error = program(&environment).unwrap_err();
        assert!(
            error.message().contains("lacks its program") && error.retry() != Retry::Never,
            "{error}"
        );
        let (platform, target) = match ARCH {
            "x86_64" => ("codex-linux-x64", "x86_64-unknown-linux-musl"),
            _ => ("codex-linux-arm64", "aarch64-unknown-linux-musl"),
        };
        let native = modules.join(platform).join("vendor").join(target).join("bin/codex");
        put(&native);
        assert_eq!(program(&environment).unwrap(), native);
    }

    #[test]
    fn a_program_of_its_own_is_taken_as_it_is_and_a_missing_one_is_told() {
        let root = tempfile::tempdir().unwrap();
        let home = fs::canonicalize(root.path()).unwrap();
        let environment =
            Environment::default().with("PATH", home.join("bin")).with("HOME", home.clone());
        put(&home.join(".local/bin/codex"));
        assert_eq!(program(&environment).unwrap(), home.join(".local/bin/codex"));
        fs::set_permissions(home.join(".local/bin/codex"), fs::Permissions::from_mode(0o644))
            .unwrap();
        // A codex that the machine has is found instead.
        if let Err(error) = program(&environment) {
            assert!(error.hints().any(|hint| hint.contains("npm install")));
        }
    }
}
