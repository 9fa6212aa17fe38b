use std::{os::unix::fs::symlink, process::Command, time::SystemTime};

use super::*;
use crate::{git::Git, process::Environment};

/// A repository with two commits that differ in every way that files can.
struct Repository {
    directory: tempfile::TempDir,
    from: CommitId,
    to: CommitId,
}

impl Repository {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut repository =
            Self { directory, from: CommitId::unchecked(""), to: CommitId::unchecked("") };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["config", "user.name", "Ada"]);
        repository.git(&["config", "user.email", "ada@example.com"]);
        repository.write("kept.txt", "kept\n");
        repository.write("changed.txt", &"old line\n".repeat(3000));
        repository.write("deep/er/removed.txt", "removed\n");
        repository.write("file-to-directory", "a file\n");
        repository.write("directory-to-file/inner.txt", "inner\n");
        repository.write("crlf.txt", "one\ntwo\n");
        repository.write(".gitattributes", "crlf.txt text eol=crlf\n");
        symlink("kept.txt", repository.path("link")).unwrap();
        repository.from = repository.commit("from").parse().unwrap();
        repository.write("changed.txt", &"new line\n".repeat(3000));
        repository.write("crlf.txt", "one\nzwei\n");
        repository.write("new/place/added.txt", "added\n");
        fs::remove_dir_all(repository.path("deep")).unwrap();
        fs::remove_file(repository.path("file-to-directory")).unwrap();
        repository.write("file-to-directory/inner.txt", "inside\n");
        fs::remove_dir_all(repository.path("directory-to-file")).unwrap();
        repository.write("directory-to-file", "now a file\n");
        fs::remove_file(repository.path("link")).unwrap();
        symlink("changed.txt", repository.path("link")).unwrap();
        repository.to = repository.commit("to").parse().unwrap();
        repository.git(&["reset", "--hard", "--quiet", &repository.from]);
        repository.write("mine.txt", "untracked\n");
        repository
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.command("git").args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]);
        command
    }

    async fn checkout(&self) -> Checkout {
        let environment = Environment::default()
            .with("PATH", std::env::var_os("PATH").unwrap())
            .with("GIT_CONFIG_GLOBAL", "/dev/null");
        Checkout::open(self.directory.path(), Git::new(environment)).await.unwrap()
    }

    /// What recovery does; gives what it left.
    async fn mend(&self) -> Vec<String> {
        let checkout = self.checkout().await;
        checkout.remove_stale_locks(SystemTime::UNIX_EPOCH).await.unwrap();
        checkout.mend_move(&self.from, &self.to).await.unwrap()
    }

    /// Everything but Git's directory, as one text.
    fn files(&self) -> String {
        let find = "find . -path ./.git -prune -o -type l -print -exec readlink {} \\; -o -type f -print -exec cksum {} \\; -o -type d -print | sort";
        let output = self.command("sh").args(["-c", find]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Git is killed before each of its calls that change something, one after the other, until it gets
/// through.
#[tokio::test]
async fn a_move_that_was_killed_at_any_point_is_brought_to_where_the_branch_is() {
    let repository = Repository::new();
    let at_from = repository.files();
    repository.git(&["checkout", "--quiet", "--detach", &repository.to]);
    let at_to = repository.files();
    repository.git(&["checkout", "--quiet", "main"]);
    assert_eq!(repository.files(), at_from);
    let (mut points, mut half_done) = (0, 0);
    let (from, to) = (&repository.from, &repository.to);
    for (start, arguments) in [
        (from, ["merge", "--ff-only", "--quiet", "--no-stat", to]),
        // The two calls of a move back.
        (to, ["read-tree", "-m", "-u", to, from]),
        (to, ["update-ref", "-mback", "HEAD", from, to]),
    ] {
        for call in ["write", "rename", "unlink,unlinkat", "mkdir,rmdir", "symlink"] {
            for number in 1.. {
                repository.git(&["checkout", "--quiet", "--detach", start]);
                repository.git(&["branch", "--force", "main", start]);
                repository.git(&["checkout", "--quiet", "main"]);
                // A move back that came to its end left the branch where it was.
                repository.git(&["reset", "--hard", "--quiet", start]);
                if arguments[0] == "update-ref" {
                    repository.git(&["read-tree", "-m", "-u", to, from]);
                }
                let mut traced = repository.command("strace");
                traced.args([
                    "-f",
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    &format!("trace={call}"),
                    "-e",
                    &format!("inject={call}:signal=KILL:when={number}"),
                ]);
                let ended = traced.arg("git").args(arguments).output().unwrap();
                if ended.status.success() {
                    break;
                }
                points += 1;
                half_done += usize::from(
                    !repository.git(&["status", "--porcelain", "--untracked-files=no"]).is_empty(),
                );
                assert_eq!(
                    repository.mend().await,
                    Vec::<String>::new(),
                    "{arguments:?} {call} {number}"
                );
                let head = repository.git(&["rev-parse", "HEAD"]);
                assert_eq!(
                    repository.files(),
                    if head == *repository.from { &*at_from } else { &*at_to },
                    "{arguments:?} {call} {number}"
                );
                assert_eq!(
                    repository.git(&["status", "--porcelain"]),
                    "?? mine.txt",
                    "{arguments:?} {call} {number}"
                );
            }
        }
    }
    assert!(half_done > 20, "{half_done} of {points} points left something half done");
}

#[tokio::test]
async fn a_move_back_leaves_what_is_edited_and_staged_of_other_files() {
    let repository = Repository::new();
    repository.git(&["reset", "--hard", "--quiet", &repository.to]);
    repository.write("kept.txt", "staged\n");
    repository.git(&["add", "kept.txt"]);
    repository.write("kept.txt", "edited\n");
    let checkout = repository.checkout().await;
    checkout.move_back(&repository.to, &repository.from).await.unwrap();
    assert_eq!(repository.git(&["rev-parse", "main"]), *repository.from);
    assert_eq!(repository.git(&["show", ":kept.txt"]), "staged");
    assert_eq!(fs::read_to_string(repository.path("kept.txt")).unwrap(), "edited\n");
    assert_eq!(
        repository.git(&["status", "--porcelain"]).lines().map(str::trim).collect::<Vec<_>>(),
        ["MM kept.txt", "?? mine.txt"]
    );
    // One that differs between the two is in the way, and then nothing is moved.
    repository.git(&["reset", "--hard", "--quiet", &repository.to]);
    repository.write("changed.txt", "mine\n");
    let before = repository.files();
    assert!(checkout.move_back(&repository.to, &repository.from).await.is_err());
    assert_eq!(repository.files(), before);
    assert_eq!(repository.git(&["rev-parse", "main"]), *repository.to);
}

#[tokio::test]
async fn what_the_user_wrote_meanwhile_is_left_as_it_is_and_told() {
    let repository = Repository::new();
    // Half of a move: some files are those of the other commit, one is cut off, one was lost by a
    // power cut.
    repository.git(&[
        "checkout",
        "--quiet",
        &repository.to,
        "--",
        "changed.txt",
        "new/place/added.txt",
    ]);
    repository.write("changed.txt", "new line\nnew li");
    repository.write("file-to-directory", "");
    repository.write("crlf.txt", "one\r\nmine\r\n");
    repository.write("kept.txt", "mine\n");
    fs::remove_file(repository.path("deep/er/removed.txt")).unwrap();
    repository.write("directory-to-file/inner.txt", "inner\nand mine\n");
    assert_eq!(repository.mend().await, ["crlf.txt", "directory-to-file/inner.txt"]);
    let read = |path: &str| fs::read_to_string(repository.path(path)).unwrap();
    assert_eq!(read("crlf.txt"), "one\r\nmine\r\n");
    assert_eq!(read("kept.txt"), "mine\n");
    assert_eq!(read("directory-to-file/inner.txt"), "inner\nand mine\n");
    assert_eq!(read("changed.txt"), "old line\n".repeat(3000));
    assert_eq!(
        (read("file-to-directory"), read("deep/er/removed.txt")),
        ("a file\n".into(), "removed\n".into())
    );
    assert!(!repository.path("new").exists());
    assert_eq!(
        repository.git(&["status", "--porcelain"]),
        " M crlf.txt\n M directory-to-file/inner.txt\n M kept.txt\n?? mine.txt"
            .trim_start_matches('\n')
    );
}

#[tokio::test]
async fn a_branch_that_the_user_moved_on_is_not_touched() {
    let repository = Repository::new();
    repository.write("changed.txt", "new line\n");
    repository.git(&["commit", "--quiet", "--all", "--message", "mine"]);
    repository.write("kept.txt", "");
    let before = repository.files();
    assert!(repository.mend().await.is_empty());
    assert_eq!(repository.files(), before);
}

/// The file is empty, and so might be what a move left.
#[tokio::test]
async fn an_untracked_file_where_the_change_has_one_keeps_the_move_from_beginning() {
    let repository = Repository::new();
    repository.write("new/place/added.txt", "");
    let error = repository
        .checkout()
        .await
        .expect_movable(&repository.from, &repository.to)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`new/place/added.txt`"), "{error}");
}

#[tokio::test]
async fn a_lock_is_not_removed_while_a_git_works_there() {
    let repository = Repository::new();
    let mut git = repository
        .command("git")
        .args(["cat-file", "--batch"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    repository.write(".git/index.lock", "");
    let checkout = repository.checkout().await;
    assert!(checkout.remove_stale_locks(SystemTime::UNIX_EPOCH).await.unwrap().is_empty());
    drop(git.stdin.take());
    git.wait().unwrap();
    let later = SystemTime::now() + std::time::Duration::from_secs(60);
    assert!(
        checkout.remove_stale_locks(later).await.unwrap().is_empty(),
        "one from before the run is somebody else's"
    );
    assert_eq!(
        checkout.remove_stale_locks(SystemTime::UNIX_EPOCH).await.unwrap(),
        [repository.path(".git/index.lock")]
    );
}
