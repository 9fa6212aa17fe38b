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

/// Places below a home that programs are installed to, maybe later than the service is.
const USUAL_OF_HOME: [&str; 4] = [".local/bin", "bin", ".cargo/bin", ".npm-global/bin"];

/// More of them, of tools that not everybody has.
const PROGRAMS_OF_HOME: [&str; 8] = [
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

/// Where a service of somebody with this home finds programs: what its owner has installed, codex
/// above all, and what the machine has.
pub(super) fn path(home: &Path) -> String {
    let node = newest_node(&home.join(".nvm/versions/node")).map(|version| version.join("bin"));
    let more = PROGRAMS_OF_HOME.iter().map(|place| home.join(place)).chain(node);
    let more = more.chain(PROGRAMS.iter().map(PathBuf::from)).filter(|place| place.is_dir());
    let all = USUAL_OF_HOME.iter().map(|place| home.join(place)).chain(more);
    let text = |place: PathBuf| place.into_os_string().into_string().ok();
    let is_usable = |place: &String| !place.contains([':', '\n']);
    all.filter_map(text).filter(is_usable).collect::<Vec<_>>().join(":")
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
    fn programs_are_looked_for_where_the_owner_has_them() {
        let home = tempfile::tempdir().unwrap();
        for place in [".bun/bin", ".nvm/versions/node/v9.1.0", ".nvm/versions/node/v22.3.1/bin"] {
            std::fs::create_dir_all(home.path().join(place)).unwrap();
        }
        let path = path(home.path());
        let home = home.path().display();
        let expected = format!(
            "{home}/.npm-global/bin:{home}/.bun/bin:{home}/.nvm/versions/node/v22.3.1/bin:/usr"
        );
        assert!(
            path.contains(&expected) && path.starts_with(&format!("{home}/.local/bin:")),
            "{path}"
        );
        assert!(!path.contains(".volta"), "{path}");
    }
}
