//! Which places of this machine a sandboxed command needs, and which are nobody's business.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::process::Environment;

/// What can be read and run in every sandbox. Of `/etc` everything can that everybody on the
/// machine can read, and that is not known to keep a secret.
pub(super) const READABLE: [&str; 19] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix",
    "/gnu/store",
    "/snap",
    "/home/linuxbrew/.linuxbrew",
    "/run/current-system",
    "/sys",
    "/proc",
    "/dev/fd",
    "/var/lib/ca-certificates",
    "/var/lib/dpkg",
    "/var/cache/fontconfig",
    "/var/lib/dbus/machine-id",
];

/// What can be read and run of the home directory: toolchains and what they have fetched, and
/// nothing that holds a password or a token.
const READABLE_IN_HOME: [&str; 56] = [
    ".asdf",
    ".bun/bin",
    ".bun/install",
    ".bundle/cache",
    ".cabal/bin",
    ".cabal/packages",
    ".cargo/bin",
    ".cargo/config",
    ".cargo/config.toml",
    ".cargo/env",
    ".cargo/git",
    ".cargo/registry",
    ".config/git/attributes",
    ".config/git/config",
    ".config/git/ignore",
    ".deno",
    ".dotnet",
    ".elan",
    ".fnm",
    ".gem/jruby",
    ".gem/ruby",
    ".gem/truffleruby",
    ".ghcup",
    ".gitconfig",
    ".gradle/caches",
    ".gradle/wrapper",
    ".jdks",
    ".juliaup",
    ".local/bin",
    ".local/lib",
    ".local/opt",
    ".local/pipx",
    ".local/share/coursier/bin",
    ".local/share/fnm",
    ".local/share/hatch/pythons",
    ".local/share/mise",
    ".local/share/pipx",
    ".local/share/pnpm",
    ".local/share/pypoetry/venv",
    ".local/share/rtx",
    ".local/share/uv",
    ".m2/repository",
    ".m2/wrapper",
    ".nodenv",
    ".npm-global",
    ".nvm",
    ".opam",
    ".phpenv",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".swiftly",
    ".sdkman",
    ".volta",
    "go",
];

/// What is not there although somebody names a directory around it: sockets of running programs,
/// and credentials. Without a `/` at the beginning it is in the home directory.
const COVERED: [&str; 19] = [
    "/run",
    ".aws",
    ".azure",
    ".codex",
    ".config/gcloud",
    ".config/gh",
    ".config/pi-mainteno",
    ".docker",
    ".dotnet/corefx",
    ".gnupg",
    ".kube",
    ".local/share/keyrings",
    ".local/share/uv/credentials",
    ".mozilla",
    ".npm-global/etc",
    ".password-store",
    ".pki",
    ".ssh",
    "/etc/pi-mainteno",
];

/// Where version managers keep a Node each, in the home directory, and where in that npm has its
/// settings for all projects, which may hold tokens.
const NODES: [(&str, &str); 7] = [
    (".asdf/installs/nodejs", "etc"),
    (".fnm/node-versions", "installation/etc"),
    (".local/share/fnm/node-versions", "installation/etc"),
    (".local/share/mise/installs/node", "etc"),
    (".nodenv/versions", "etc"),
    (".nvm/versions/node", "etc"),
    (".volta/tools/image/node", "etc"),
];

/// Names in `/etc` that keep secrets from whoever may not read them, which is nobody if the daemon
/// runs as root.
const SECRET_IN_ETC: [&str; 13] = [
    "NetworkManager",
    "cups",
    "gshadow",
    "gshadow-",
    "letsencrypt",
    "openvpn",
    "pi-mainteno",
    "ppp",
    "shadow",
    "shadow-",
    "ssh",
    "sudoers.d",
    "wireguard",
];

/// Variables that are left out: they lead to programs outside, or to credentials.
const LEFT_OUT: [&str; 5] = [
    "SSH_AUTH_SOCK",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "CODEX_HOME",
];

/// Variables that may hold a password, and are of no use without the network.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// The places of this machine, as far as a user's variables tell.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a>(&'a Environment);

impl<'a> Places<'a> {
    /// The places that `environment` tells of.
    pub fn new(environment: &'a Environment) -> Self {
        Self(environment)
    }

    /// What can be read and run: system directories, most of `/etc`, toolchains in the home
    /// directory, and where `PATH` and the variables of toolchains point to.
    pub fn readable(&self) -> Vec<PathBuf> {
        let mut places: BTreeSet<_> = READABLE.iter().map(PathBuf::from).collect();
        let in_etc = fs::read_dir("/etc").into_iter().flatten().flatten();
        let in_etc =
            in_etc.filter(|entry| !SECRET_IN_ETC.iter().any(|name| entry.file_name() == **name));
        places.extend(in_etc.flat_map(|entry| public(&entry.path())));
        // Where the names of the network are looked up.
        places.extend(fs::canonicalize("/etc/resolv.conf"));
        places.extend(self.0.authorities());
        let home = self.0.home();
        if let Some(home) = &home {
            places.extend(READABLE_IN_HOME.iter().map(|place| home.join(place)));
        }
        if let Some(cargo) = self.0.get("CARGO_HOME") {
            // Its credentials lie beside.
            places.extend(
                ["bin", "config", "config.toml", "env", "git", "registry"]
                    .map(|place| Path::new(cargo).join(place)),
            );
        }
        // There are people whose whole home is this.
        let go = self.0.get("GOPATH").unwrap_or_default();
        places.extend(
            std::env::split_paths(go)
                .flat_map(|go| ["bin", "pkg", "src"].map(|place| go.join(place))),
        );
        let home = home.unwrap_or_else(|| "/nonexistent".into());
        let toolchains = ["RUSTUP_HOME", "JAVA_HOME"]
            .iter()
            .filter_map(|name| self.0.get(name))
            .map(PathBuf::from);
        places.extend(toolchains.filter(|toolchain| !home.starts_with(toolchain)));
        for directory in self.programs() {
            // What a program in somebody's home needs mostly lies beside its directory.
            places.extend(self.toolchain_around(&directory).iter().flat_map(|it| toolchain(it)));
            // A directory that everything else is in is not taken at its word.
            places.extend(Some(directory).filter(|directory| !home.starts_with(directory)));
        }
        places.retain(|place| place.is_absolute() && place.exists());
        places.into_iter().collect()
    }

    /// What is not there, unless it is named itself: `/run`, and what keeps credentials in the home
    /// directory.
    pub fn covered(&self) -> Vec<PathBuf> {
        // An absolute path takes the place of the home directory.
        let home = self.0.home().unwrap_or_else(|| "/nonexistent".into());
        let named = COVERED.iter().map(|place| home.join(place));
        let nodes = NODES.iter().flat_map(|(versions, settings)| {
            let versions = fs::read_dir(home.join(versions)).into_iter().flatten().flatten();
            versions.map(move |version| version.path().join(settings))
        });
        // The same of a Node that lies elsewhere.
        let others = self.programs().into_iter().filter_map(|directory| {
            let settings = self.toolchain_around(&directory)?.join("etc");
            settings.join("npmrc").exists().then_some(settings)
        });
        named.chain(nodes).chain(others).filter(|place| place.is_dir()).collect()
    }

    /// The variables of a sandboxed command, whose caches are in `caches` and which finds its
    /// settings in `settings`.
    pub fn environment(&self, caches: &Path, settings: &Path, network: bool) -> Environment {
        let is_left_out = |name: &str| {
            let proxy = PROXIES.contains(&name.to_ascii_uppercase().as_str());
            LEFT_OUT.contains(&name) || (proxy && !network)
        };
        let kept = self.0.iter().filter(|(name, _)| !name.to_str().is_some_and(is_left_out));
        let mut environment = kept.fold(Environment::default(), |environment, (name, value)| {
            environment.with(name, value)
        });
        for (name, directory) in [
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_STATE_HOME", "state"),
            ("GOCACHE", "go-build"),
            ("npm_config_cache", "npm"),
            ("PIP_CACHE_DIR", "pip"),
            ("UV_CACHE_DIR", "uv"),
        ] {
            environment = environment.with(name, caches.join(directory));
        }
        // What tools are told to do is nothing that a check could have left.
        environment = environment
            .with("XDG_CONFIG_HOME", settings)
            .with("npm_config_userconfig", "/dev/null")
            .with("PIP_CONFIG_FILE", "/dev/null");
        // Asking for what cannot be reached only costs time, and gives messages that lead astray.
        for (name, value) in [
            ("CARGO_NET_OFFLINE", "true"),
            ("GOPROXY", "off"),
            ("GOTOOLCHAIN", "local"),
            ("npm_config_offline", "true"),
            ("UV_OFFLINE", "1"),
        ] {
            if !network {
                environment = environment.with(name, value);
            }
        }
        environment
    }

    /// The files of the home directory in which Git looks for settings.
    pub fn git_settings(&self) -> Vec<PathBuf> {
        let home = self.0.home();
        let names = [".gitconfig", ".config/git/config"];
        names.iter().filter_map(|name| Some(home.as_ref()?.join(name))).collect()
    }

    /// The files in which Cargo looks for settings of a person, the first of them that is there: in
    /// the place that it is told, and in the home directory, which it looks through, too, where a
    /// project lies below it. Of the two names for them, the newer comes first.
    pub fn cargo_settings(&self) -> Vec<PathBuf> {
        let told = self.0.get("CARGO_HOME").map(PathBuf::from);
        let home = self.0.home().map(|home| home.join(".cargo"));
        let places: Vec<_> = told.into_iter().chain(home).collect();
        let names = ["config.toml", "config"];
        places.iter().flat_map(|place| names.map(|name| place.join(name))).collect()
    }

    /// The same variables, for a project whose dependencies are made ready: what package managers
    /// fetch, and where they would look in the home directory, is in `downloads`.
    pub fn with_downloads(&self, environment: Environment, downloads: &Path) -> Environment {
        let places = [
            ("CARGO_HOME", "cargo"),
            ("GOMODCACHE", "go-mod"),
            ("BUNDLE_PATH", "bundle"),
            ("COMPOSER_HOME", "composer"),
            ("YARN_GLOBAL_FOLDER", "yarn"),
            ("PNPM_HOME", "pnpm"),
        ];
        let environment = places.iter().fold(environment, |environment, (name, directory)| {
            environment.with(*name, downloads.join(directory))
        });
        environment
            // Beside the project's files, where it is kept with them.
            .with("POETRY_VIRTUALENVS_IN_PROJECT", "true")
            // No file can be linked from one layer into another.
            .with("UV_LINK_MODE", "copy")
    }

    /// The directories of `PATH`.
    fn programs(&self) -> Vec<PathBuf> {
        let path = self.0.get("PATH").unwrap_or_default();
        std::env::split_paths(path).filter(|directory| directory.is_absolute()).collect()
    }

    /// The toolchain whose programs are in `directory`. What Cargo has is listed by itself: its
    /// credentials lie beside its programs.
    fn toolchain_around(&self, directory: &Path) -> Option<PathBuf> {
        let home = self.0.home().unwrap_or_else(|| "/nonexistent".into());
        let is_cargo = |parent: &Path| self.0.get("CARGO_HOME").is_some_and(|at| parent == at);
        let parent = directory.parent()?;
        (is_toolchain(parent, &home) && !is_cargo(parent)).then(|| parent.to_owned())
    }
}

/// What can be read of a toolchain: all of it; of a tool that keeps everything in a hidden place of
/// its own, the directories alone. The files beside them are its settings, and whoever deploys with
/// it has a token in one.
fn toolchain(directory: &Path) -> Vec<PathBuf> {
    let name = directory.file_name().unwrap_or_default();
    if !name.as_encoded_bytes().starts_with(b".") {
        return vec![directory.to_owned()];
    }
    let inside = fs::read_dir(directory).into_iter().flatten().flatten().map(|it| it.path());
    // Python takes an environment for one by this file.
    inside.filter(|path| path.is_dir() || path.ends_with("pyvenv.cfg")).collect()
}

/// What everybody on the machine can read of `place`: all of it, or, where something in it is kept
/// from others, what is beside that.
///
/// A daemon that runs as root may read such things, and so may one in their group; what it runs
/// must not.
fn public(place: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let may_others = |bits| {
        fs::metadata(place).is_ok_and(|metadata| metadata.permissions().mode() & bits == bits)
    };
    // A link is not followed further: what it leads to is within a place of its own, or a file.
    if !fs::symlink_metadata(place).is_ok_and(|metadata| metadata.is_dir()) {
        return Some(place.to_owned()).filter(|_| may_others(0o004)).into_iter().collect();
    }
    if !may_others(0o005) {
        return Vec::new();
    }
    let inside: Vec<_> =
        fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let parts: Vec<_> = inside.iter().map(|path| (path, public(path))).collect();
    // A link that leads nowhere keeps nothing.
    let is_whole = parts.iter().all(|(path, public)| public.contains(path) || !path.exists());
    if is_whole {
        vec![place.to_owned()]
    } else {
        parts.into_iter().flat_map(|(_, public)| public).collect()
    }
}

/// Whether a directory with programs in it is a toolchain in somebody's home or in `/opt`, and not
/// a home, nor what keeps other things too.
fn is_toolchain(directory: &Path, home: &Path) -> bool {
    let depth = directory.components().count();
    if directory.starts_with("/opt") {
        return depth > 2;
    }
    let in_another = (directory.starts_with("/home") && depth > 3)
        || (directory.starts_with("/root") && depth > 2);
    let in_a_home = (directory.starts_with(home) && directory != home) || in_another;
    in_a_home && ![".local", ".cargo"].iter().any(|name| directory.ends_with(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_kept_from_others_is_kept_from_a_sandbox_and_what_lies_beside_it_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let place = |path: &str| directory.path().join(path);
        let mode = |path: &str, mode| {
            fs::set_permissions(place(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        for path in ["ssl/certs", "ssl/private", "fonts/conf.d"] {
            fs::create_dir_all(place(path)).unwrap();
        }
        for path in [
            "ssl/certs/ca.pem",
            "ssl/private/key.pem",
            "ssl/openssl.cnf",
            "ssl/tls.key",
            "fonts/fonts.conf",
        ] {
            fs::write(place(path), "").unwrap();
            mode(path, 0o644);
        }
        mode("ssl/private", 0o710);
        mode("ssl/tls.key", 0o640);
        symlink(place("ssl/tls.key"), place("ssl/certs/link")).unwrap();
        symlink("/nonexistent", place("fonts/dangling")).unwrap();
        for path in ["ssl", "ssl/certs", "fonts", "fonts/conf.d"] {
            mode(path, 0o755);
        }
        let mut found = public(&place("ssl"));
        found.sort();
        assert_eq!(found, [place("ssl/certs/ca.pem"), place("ssl/openssl.cnf")]);
        assert_eq!(public(&place("fonts")), [place("fonts")]);
    }

    #[test]
    fn of_a_home_tools_and_settings_are_read_and_not_the_credentials_beside_them() {
        let home = tempfile::tempdir().unwrap();
        let place = |path: &str| home.path().join(path);
        let tools = [
            "pkg/mod/cache",
            ".config/git/config",
            ".gem/ruby/3.3.0/specifications/rake",
            ".cargo/config.toml",
            ".m2/repository/a.jar",
            ".deploy/lib/modules",
            ".venv/pyvenv.cfg",
            "sdk/release",
            "packages/registry/index",
        ];
        let secret = [
            ".config/git/credentials",
            ".gem/credentials",
            ".cargo/credentials.toml",
            ".m2/settings.xml",
            ".git-credentials",
            ".deploy/config.json",
            "packages/credentials.toml",
        ];
        for path in tools.iter().chain(&secret) {
            fs::create_dir_all(place(path).parent().unwrap()).unwrap();
            fs::write(place(path), "").unwrap();
        }
        let kept = [
            ".local/share/uv/credentials/credentials.toml",
            ".nvm/versions/node/v22.1.0/etc/npmrc",
            ".local/share/fnm/node-versions/v22.1.0/installation/etc/npmrc",
            ".npm-global/etc/npmrc",
            "node/etc/npmrc",
        ];
        for path in kept {
            fs::create_dir_all(place(path).parent().unwrap()).unwrap();
            fs::write(place(path), "").unwrap();
        }
        let programs =
            ["packages/bin", ".deploy/bin", ".venv/bin", "sdk/bin", "node/bin"].map(place);
        programs.iter().for_each(|directory| fs::create_dir_all(directory).unwrap());
        let programs = std::env::join_paths(programs).unwrap();
        let variables = [
            ("HOME", home.path()),
            ("GOPATH", home.path()),
            ("JAVA_HOME", Path::new("/")),
            ("CARGO_HOME", &place("packages")),
            ("PATH", Path::new(&programs)),
        ];
        let environment =
            variables.iter().fold(Environment::default(), |environment, (name, value)| {
                environment.with(*name, *value)
            });
        let readable = Places::new(&environment).readable();
        let is_readable =
            |path: &&str| readable.iter().any(|readable| place(path).starts_with(readable));
        assert!(tools.iter().all(&is_readable));
        let seen: Vec<_> = secret.iter().filter(|path| is_readable(path)).collect();
        assert!(seen.is_empty(), "{seen:?}");
        let covered = Places::new(&environment).covered();
        let is_covered = |path: &&str| covered.iter().any(|at| place(path).starts_with(at));
        assert!(kept.iter().all(&is_covered) && !tools.iter().any(is_covered), "{covered:?}");
        let in_etc = readable.iter().filter(|place| place.starts_with("/etc") && place.is_dir());
        assert!(in_etc.into_iter().all(|place| public(place) == [place.clone()]), "{readable:?}");
    }
}
