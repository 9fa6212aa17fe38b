//! Whose the projects are, and so whom the service runs as.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use pimainteno_core::{Error, ErrorKind, Result, config::Config, process::Command};

use super::service::Account;
use crate::setup;

/// How long the machine may take to tell who a user is: it may have to ask elsewhere.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whose the projects of a configuration are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owners {
    /// The users by their numbers, each with the checkouts that are theirs.
    pub(super) users: BTreeMap<u32, Vec<PathBuf>>,
    /// The projects that are not there.
    pub(super) missing: Vec<PathBuf>,
}

impl Owners {
    /// Looks at the directory of each project.
    pub(super) fn of(config: &Config) -> Self {
        let mut owners = Self::default();
        for project in config.projects() {
            match fs::metadata(&project.path) {
                Ok(metadata) => owners.users.entry(metadata.uid()).or_default().push(project.path),
                Err(_) => owners.missing.push(project.path),
            }
        }
        owners
    }

    /// The one owner of all projects that are there; `None` if none is.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there are several.
    pub(super) async fn only(&self) -> Result<Option<Account>> {
        let mut users = self.users.keys();
        let (Some(user), None) = (users.next(), users.next()) else {
            return if self.users.is_empty() { Ok(None) } else { Err(self.several().await) };
        };
        let account = account(&user.to_string()).await?.ok_or_else(|| {
            let example = self.users.get(user).and_then(|paths| paths.first());
            let place = example.map(|path| path.display().to_string()).unwrap_or_default();
            Error::new(
                ErrorKind::Usage,
                format!(
                    "the projects belong to nobody on this machine: user {user} owns `{place}`"
                ),
            )
            .hint(format!(
                "give them to the user that they are to be maintained as: `chown -R USER {place}`"
            ))
        })?;
        Ok(Some(account))
    }

    async fn several(&self) -> Error {
        let mut told = Vec::new();
        for (user, paths) in &self.users {
            let account = account(&user.to_string()).await.ok().flatten();
            let name = account.map_or_else(|| format!("user {user}"), |account| account.name);
            let first = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            let more = if paths.len() > 1 { " and others" } else { "" };
            told.push(format!("{name} (`{first}`{more})"));
        }
        Error::new(
            ErrorKind::Usage,
            format!("the projects belong to several users: {}", told.join(", ")),
        )
        .hint("a daemon works on the checkouts of one user; let each of them have a configuration and run `pi-mainteno install --user`, or give all checkouts to one (`chown -R`)")
    }
}

/// The user with this name or number; `None` if there is none.
///
/// # Errors
/// [`ErrorKind::Process`] if nobody can be asked.
pub(super) async fn account(key: &str) -> Result<Option<Account>> {
    let output = getent("passwd", key).await?;
    Ok(output.lines().find_map(Account::parse))
}

/// Whether there is such a group.
pub(super) async fn has_group(name: &str) -> bool {
    getent("group", name).await.is_ok_and(|output| !output.is_empty())
}

/// Users may be kept elsewhere than in /etc/passwd; whoever knows is asked.
async fn getent(database: &str, key: &str) -> Result<String> {
    let environment = setup::environment();
    let command = Command::new("getent").args(["--", database, key]).envs(environment.iter());
    Ok(command.timeout(DEADLINE).run().await?.text())
}

/// Whether `account` may read and run `program`, as far as modes tell.
pub(super) fn may_run(account: &Account, program: &Path) -> bool {
    let may_execute = |path: &Path| {
        let Ok(metadata) = fs::metadata(path) else { return false };
        let bit = match (metadata.uid() == account.user, metadata.gid() == account.group) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        metadata.mode() & bit != 0
    };
    account.is_root() || program.ancestors().all(may_execute)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn who_owns_a_project_is_told_by_its_directory() {
        let place = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.scheduler.projects =
            vec![place.path().to_owned(), place.path().join("gone"), "/usr".into()];
        let owners = Owners::of(&config);
        assert_eq!(owners.missing, [place.path().join("gone")]);
        let own = place.path().metadata().unwrap().uid();
        if own == 0 {
            assert_eq!(owners.only().await.unwrap().unwrap().name, "root");
        } else {
            let error = owners.only().await.unwrap_err();
            let told = error.to_string();
            assert!(told.contains("several users: root (`/usr`)"), "{told}");
            assert!(error.hints().any(|hint| hint.contains("install --user")));
        }
        assert_eq!(Owners::of(&Config::default()).only().await.unwrap(), None);
    }

    #[tokio::test]
    async fn users_are_found_by_name_and_by_number() {
        let root = account("0").await.unwrap().unwrap();
        assert_eq!(Some(root), account("root").await.unwrap());
        assert_eq!(account("nobody-is-called-so").await.unwrap(), None);
        assert!(has_group("root").await && !has_group("nobody-is-called-so").await);
    }

    #[test]
    fn a_program_below_a_closed_home_is_not_for_others() {
        let place = tempfile::tempdir().unwrap();
        let (home, program) = (place.path().join("home"), place.path().join("home/program"));
        fs::create_dir(&home).unwrap();
        fs::write(&program, "").unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(place.path(), 0o755);
        mode(&program, 0o755);
        let other = Account {
            name: "other".into(),
            user: 4_000_000_000,
            group: 4_000_000_000,
            home: "/".into(),
        };
        mode(&home, 0o700);
        assert!(!may_run(&other, &program));
        mode(&home, 0o711);
        assert!(may_run(&other, &program));
        mode(&program, 0o744);
        assert!(!may_run(&other, &program));
    }
}
