//! What is known of the service that is to be installed: all that its files depend on.

use std::path::{Path, PathBuf};

use pimainteno_core::UnitName;

/// The service that is to be installed.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// Whom it runs as.
    pub(super) owner: Account,
    /// The program.
    pub(super) program: PathBuf,
    /// The configuration that it reads.
    pub(super) configuration: PathBuf,
    /// Where it looks for programs.
    pub(super) path: String,
    /// The names of the keys that systemd hands to it, and the directory that they are in.
    pub(super) credentials: Vec<String>,
    pub(super) credentials_directory: PathBuf,
    /// Whether there is a group that may read the journal.
    pub(super) reads_journal: bool,
    /// The units that it restarts.
    pub(super) units: Vec<UnitName>,
    /// Whether the file of one of them lies in a checkout, so that a change may change it.
    pub(super) changes_units: bool,
}

/// A user of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) user: u32,
    pub(super) group: u32,
    pub(super) home: PathBuf,
}

impl Account {
    /// Whether this is root.
    pub(super) fn is_root(&self) -> bool {
        self.user == 0
    }

    /// Reads a line of passwd(5).
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.trim_end().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let home = PathBuf::from(fields.nth(1)?);
        Some(Self { name, user, group, home })
    }
}

/// Places below a home that programs are installed to, most telling first. Version managers that
/// need a shell to choose are taken at their default.
const PROGRAMS_OF_HOME: [&str; 12] = [
    ".local/bin",
    "bin",
    ".cargo/bin",
    ".npm-global/bin",
    ".volta/bin",
    ".bun/bin",
    ".deno/bin",
    ".local/share/mise/shims",
    ".asdf/shims",
    ".pyenv/shims",
    ".rbenv/shims",
    "go/bin",
];

/// Places of the machine: those that systemd looks at by itself, and some more.
const PROGRAMS: [&str; 9] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/go/bin",
    "/snap/bin",
    "/home/linuxbrew/.linuxbrew/bin",
];

/// Where a service of somebody with this home finds programs: of the places that are there, so that
/// it finds what its owner has installed, codex above all.
pub(super) fn path(home: &Path) -> String {
    let node = newest_node(&home.join(".nvm/versions/node")).map(|version| version.join("bin"));
    let of_home = PROGRAMS_OF_HOME.iter().map(|place| home.join(place)).chain(node);
    let all = of_home.chain(PROGRAMS.iter().map(PathBuf::from));
    let is_usable = |place: &PathBuf| {
        place.is_dir() && place.to_str().is_some_and(|text| !text.contains([':', '\n']))
    };
    let all: Vec<_> = all.filter(is_usable).map(|place| place.display().to_string()).collect();
    all.join(":")
}

/// The newest Node that nvm has: which one a shell would take, only a shell could tell.
fn newest_node(versions: &Path) -> Option<PathBuf> {
    let number = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.strip_prefix('v')?.to_owned();
        name.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    let all = std::fs::read_dir(versions).ok()?.flatten().map(|entry| entry.path());
    all.filter(|path| number(path).is_some()).max_by_key(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_line() {
        let account = Account::parse("ada:x:1000:1001:Ada,,,:/home/ada:/bin/bash\n").unwrap();
        assert_eq!((account.user, account.group), (1000, 1001));
        assert_eq!(account.home, Path::new("/home/ada"));
        assert!(Account::parse("ada:x:1000").is_none() && Account::parse("").is_none());
    }

    #[test]
    fn programs_are_looked_for_where_the_owner_has_them_and_only_where_something_is() {
        let home = tempfile::tempdir().unwrap();
        for place in [".cargo/bin", ".nvm/versions/node/v9.1.0", ".nvm/versions/node/v22.3.1/bin"] {
            std::fs::create_dir_all(home.path().join(place)).unwrap();
        }
        let path = path(home.path());
        let home = home.path().display();
        let expected = format!("{home}/.cargo/bin:{home}/.nvm/versions/node/v22.3.1/bin:/usr");
        assert!(path.starts_with(&expected), "{path}");
    }
}
