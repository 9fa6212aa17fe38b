//! What happened to the repository, from its commits.

use std::{cmp::Reverse, collections::HashMap, fmt::Write as _};

use super::{code, count, inline, list, shorten, titled};
use crate::{files::Files, git::Git};

/// What stands before the commit that a summary was made at.
const STAMP: &str = "Counted at commit `";

/// One line for each commit.
const FORMAT: &str = "--format=%h%x09%cs%x09%s";

/// How many commits tell which files are busy.
const BUSY_COMMITS: &str = "-200";

/// What the commits say.
#[derive(Debug, Default)]
pub(super) struct History {
    head: Option<String>,
    commits: Option<usize>,
    authors: Option<usize>,
    recent: Vec<String>,
    /// Paths that recent commits changed, the busiest first, with the number of commits.
    busy: Vec<(String, usize)>,
    since: Option<Since>,
}

/// What changed since the previous summary.
#[derive(Debug, Default)]
struct Since {
    commit: String,
    commits: Vec<String>,
    /// `3 files changed, …`; `None` if that commit is not there any more.
    statistics: Option<String>,
}

impl History {
    /// Asks Git; what it does not know is left out.
    pub(super) async fn read(git: &Git, previous: Option<&str>) -> Self {
        let Some(head) = git.fact(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await
        else {
            return Self::default();
        };
        let head = head.trim().to_owned();
        let number = |text: String| text.trim().parse().ok();
        let commits = git.fact(["rev-list", "--count", "HEAD"]).await.and_then(number);
        let authors = git
            .fact(["shortlog", "--summary", "--numbered", "HEAD"])
            .await
            .map(|text| text.lines().count());
        let recent =
            git.fact(["log", "-10", FORMAT]).await.map(|text| described(&text)).unwrap_or_default();
        let changed = git
            .fact([
                "log",
                BUSY_COMMITS,
                "--no-merges",
                "--no-renames",
                "--no-ext-diff",
                "--format=",
                "--name-only",
                "-z",
            ])
            .await;
        let since = match previous.and_then(stamped).filter(|commit| *commit != head) {
            Some(commit) => Some(Since::read(git, commit, &head).await),
            None => None,
        };
        Self {
            head: Some(head),
            commits,
            authors,
            recent,
            busy: changed.map(|paths| by_number(&paths)).unwrap_or_default(),
            since,
        }
    }

    /// The commit that the summary is made at, so that the next one can tell what is new.
    pub(super) fn stamp(&self) -> String {
        self.head
            .as_ref()
            .map_or_else(|| "There is no commit yet.".into(), |head| format!("{STAMP}{head}`."))
    }

    /// The recent commits and the busy files.
    pub(super) fn section(&self, files: &Files) -> String {
        let mut text = String::new();
        let numbers = [
            self.commits.map(|commits| count(commits, "commit")),
            self.authors.map(|authors| count(authors, "author")),
        ];
        let numbers: Vec<_> = numbers.into_iter().flatten().collect();
        if !numbers.is_empty() {
            let _ = write!(text, "{}.\n\n", numbers.join(" by "));
        }
        text.push_str(&list(&self.recent, 10));
        let busy =
            self.busy.iter().filter(|(path, commits)| *commits > 1 && files.get(path).is_some());
        let busy: Vec<_> = busy
            .take(8)
            .map(|(path, commits)| format!("{}: {}", code(path), count(*commits, "commit")))
            .collect();
        if !busy.is_empty() {
            let _ = write!(text, "\nMost often changed lately:\n\n{}", list(&busy, 8));
        }
        titled("History", &text)
    }

    /// What changed since the previous summary.
    pub(super) fn since(&self) -> String {
        let Some(since) = &self.since else { return String::new() };
        let commit = code(since.commit.get(..12).unwrap_or(&since.commit));
        let text = match &since.statistics {
            Some(statistics) => {
                let statistics = if statistics.is_empty() { "no file differs" } else { statistics };
                format!("Since commit {commit}: {statistics}.\n\n{}", list(&since.commits, 20))
            }
            None => format!("The commit of the last summary, {commit}, is not there any more."),
        };
        titled("Since the last summary", &text)
    }
}

impl Since {
    async fn read(git: &Git, commit: String, head: &str) -> Self {
        let statistics = git
            .fact([
                "diff",
                "--shortstat",
                "--no-ext-diff",
                "--no-textconv",
                "--no-renames",
                &commit,
                head,
                "--",
            ])
            .await;
        let commits = git.fact(["log", "-100", FORMAT, &format!("{commit}..{head}"), "--"]).await;
        Self {
            commit,
            commits: commits.map(|text| described(&text)).unwrap_or_default(),
            statistics: statistics.map(|text| text.trim().to_owned()),
        }
    }
}

/// The commit that a summary was made at.
fn stamped(summary: &str) -> Option<String> {
    let (_, rest) = summary.split_once(STAMP)?;
    let (commit, _) = rest.split_once('`')?;
    // A summary is text that anyone may have written; Git gets nothing from it but a name of an
    // object.
    let is_name =
        matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then(|| commit.to_owned())
}

/// Commits as items of a list.
fn described(log: &str) -> Vec<String> {
    let describe = |line: &str| {
        let mut fields = line.splitn(3, '\t');
        let (id, date, subject) = (fields.next()?, fields.next()?, fields.next()?);
        Some(format!("{} {date} {}", code(id), inline(&shorten(subject, 120))))
    };
    log.lines().filter_map(describe).collect()
}

/// The paths in `paths`, separated by NUL, with the number of times that each is there; the most
/// frequent first.
fn by_number(paths: &str) -> Vec<(String, usize)> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for path in
        paths.split('\0').map(|path| path.trim_start_matches('\n')).filter(|path| !path.is_empty())
    {
        *counts.entry(path).or_default() += 1;
    }
    let mut counts: Vec<_> =
        counts.into_iter().map(|(path, count)| (path.to_owned(), count)).collect();
    counts.sort_by(|(one, one_count), (other, other_count)| {
        (Reverse(one_count), one).cmp(&(Reverse(other_count), other))
    });
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_and_nothing_else_is() {
        let head = "0123456789abcdef0123456789abcdef01234567";
        let history = History { head: Some(head.into()), ..History::default() };
        assert_eq!(stamped(&history.stamp()).as_deref(), Some(head));
        assert_eq!(stamped("Counted at commit `--output=/tmp/x`."), None);
        assert_eq!(stamped("Counted at commit `abcdef`."), None);
        assert_eq!(stamped("no stamp"), None);
    }

    #[test]
    fn busy_files_come_first() {
        assert_eq!(by_number("b\0a\0\nb\0"), [("b".to_owned(), 2), ("a".to_owned(), 1)]);
    }
}
