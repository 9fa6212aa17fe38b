//! What must hold when a killed run was finished or undone.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::{Attempt, FILES, Order, UNTRACKED, World};

impl World {
    /// What is wrong after the start that followed `attempt`.
    pub(crate) fn findings(&self, attempt: &Attempt) -> Vec<String> {
        let mut findings = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                findings.push(what);
            }
        };
        // The checkout: whole, at the old commit or at one of ours, and the user's own files as
        // they were.
        let status = self.git(&["status", "--porcelain"]);
        let notes = Path::new(self.scenario.directory).join("notes.txt");
        check(
            status == format!("?? {}", notes.display()),
            format!("status of the checkout: {status:?}"),
        );
        for (file, content) in UNTRACKED {
            check(
                fs::read_to_string(self.project().join(file)).is_ok_and(|now| now == content),
                format!("{file} was touched"),
            );
        }
        let head = self.git(&["rev-parse", "HEAD"]);
        let is_by_hand = self.scenario.order == Order::Rollback;
        // One that was never pushed is dropped without a commit of its own.
        let is_dropped = is_by_hand && !self.scenario.pushes && head == self.users;
        let begin = if is_dropped { &self.users } else { &self.before };
        let log = self.git(&[
            "log",
            "--format=%H %(trailers:key=PiMainteno-Run,valueonly,separator=)",
            &format!("{begin}..HEAD"),
        ]);
        let ours: Vec<_> = log
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, run)| !run.is_empty())
            .collect();
        let others = log.lines().count() - ours.len();
        let moved = usize::from(self.scenario.remote_moves);
        check(
            others <= moved && (attempt.killed || others == moved),
            format!("{others} commits of others: {log}"),
        );
        let all = match self.scenario.order {
            Order::Rollback if !self.scenario.pushes => 0,
            Order::Run if !self.scenario.healthy => 2,
            _ => 1,
        };
        check([0, all].contains(&ours.len()), format!("{} commits of ours: {log}", ours.len()));
        let is_right = if is_by_hand {
            ours.is_empty() && !is_dropped
        } else {
            self.scenario.healthy && ours.len() == 1
        };
        for (file, wrong, right) in FILES {
            let text = fs::read_to_string(self.project().join(file)).unwrap_or_default();
            check(
                text.contains(if is_right { right } else { wrong }),
                format!("{file}: {text:?} with {log}"),
            );
        }
        check(
            self.is_ancestor(&self.users, "HEAD"),
            "the user's commit is not in the branch any more".into(),
        );
        // The remote has what the checkout has, and we know it.
        let remote = self.env.git(&self.remote(), &["rev-parse", "main"]);
        let is_theirs = self.scenario.remote_moves && ours.is_empty() && remote == self.theirs;
        let expected = if self.scenario.pushes { &head } else { &self.users };
        check(
            remote == *expected || is_theirs,
            format!("the remote is at {remote}, the checkout at {head}, before at {begin}"),
        );
        let known = self.git(&["rev-parse", "origin/main"]);
        check(
            known == remote || is_theirs,
            format!("the remote is at {remote}, but is thought to be at {known}"),
        );
        // What runs is what the checkout has.
        let (running, there) = (self.env.path("running"), self.project().join("README.md"));
        check(
            fs::read(running).ok() == fs::read(&there).ok(),
            "the service runs something else than the checkout has".into(),
        );
        if self.scenario.configuration.contains("deploy") {
            let live = self.env.path("home/live");
            check(
                fs::read(live).ok() == fs::read(there).ok(),
                "what is deployed is something else than the checkout has".into(),
            );
        }
        // Nothing is in the way of what comes next. The workspace is made clean at the beginning of
        // the next run, which shows.
        let mut locks = Vec::new();
        collect_locks(&self.checkout().join(".git"), &mut locks);
        check(locks.is_empty(), format!("locks: {locks:?}"));
        let worktrees = self.git(&["worktree", "list", "--porcelain"]);
        let entries =
            fs::read_dir(self.checkout().join(".git/worktrees")).map_or(0, Iterator::count);
        check(
            worktrees.matches("worktree ").count() <= 3 && entries <= 2,
            format!("worktrees: {worktrees} and {entries} entries"),
        );
        match self.history() {
            Ok(runs) => self.check_history(&runs, attempt, &ours, is_dropped, &mut findings),
            Err(error) => findings.push(error),
        }
        findings
    }

    /// What is wrong with the whole story of the remote's branch.
    pub(crate) fn findings_at_the_end(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let reflog = fs::read_to_string(self.remote().join("logs/refs/heads/main")).unwrap();
        for line in reflog.lines().skip(1) {
            let (from, to) = (&line[..40], &line[41..81]);
            if !self.is_ancestor(from, to) {
                findings.push(format!("the remote's branch was not fast-forwarded: {line}"));
            }
        }
        let trailers =
            self.git(&["log", "--format=%(trailers:key=PiMainteno-Run,valueonly,separator=)"]);
        let (mut seen, mut all) =
            (BTreeSet::new(), trailers.lines().filter(|line| !line.is_empty()));
        if let Some(twice) = all.find(|run| !seen.insert(*run)) {
            findings.push(format!("run {twice} has two commits"));
        }
        findings
    }

    fn check_history(
        &self,
        runs: &[Value],
        attempt: &Attempt,
        ours: &[(&str, &str)],
        is_dropped: bool,
        findings: &mut Vec<String>,
    ) {
        let mut check = |holds: bool, what: String| {
            if !holds {
                findings.push(what);
            }
        };
        let mut expected = vec!["applied", "interrupted"];
        match self.scenario.order {
            Order::Run if self.scenario.healthy => {}
            Order::Run | Order::Rollback => expected.push("rolled-back"),
            Order::Approval => expected.push("held"),
        }
        for run in runs {
            let kind = run["outcome"]["kind"].as_str().unwrap_or("none");
            check(expected.contains(&kind), format!("outcome: {}", run["outcome"]));
        }
        let Some(id) = attempt.journal.first().and_then(|entry| entry["record"]["id"].as_str())
        else {
            return;
        };
        let Some(run) = runs.iter().find(|run| run["id"] == id) else {
            return check(false, format!("run {id} is not in the history"));
        };
        let kind = run["outcome"]["kind"].as_str().unwrap_or("none");
        let is_delivered = is_dropped || ours.iter().any(|(_, run)| *run == id.replace('-', ""));
        let wanted = match (is_delivered, self.scenario.healthy) {
            (true, true) => "applied",
            (true, false) => "rolled-back",
            // One that was taken back before it was pushed leaves nothing to be seen.
            (false, false) if kind == "rolled-back" => "rolled-back",
            (false, _) => "interrupted",
        };
        check(
            kind == wanted,
            format!("run {id} is {} and not {wanted}; commits {ours:?}", run["outcome"]),
        );
        if kind == "applied" && !is_dropped {
            check(
                run["outcome"]["commit"] == ours[0].0,
                format!("run {id} names {} and not {ours:?}", run["outcome"]),
            );
        }
        let detail = match self.get(&format!("/api/runs/{id}")) {
            Ok(detail) => detail,
            Err(error) => return check(false, error),
        };
        // What was asked for, and had not begun as far as was noted, is done by a run of its own.
        let is_done = is_dropped || !ours.is_empty();
        if self.scenario.order == Order::Rollback {
            let taken_back = runs
                .iter()
                .find(|run| run["commit"] == self.before.as_str())
                .map(|run| &run["outcome"]["kind"]);
            let wanted = if is_done { "rolled-back" } else { "applied" };
            return check(
                taken_back.is_some_and(|kind| kind == wanted),
                format!("what was to be taken back is {taken_back:?}"),
            );
        }
        if self.scenario.order == Order::Approval {
            let status = if is_done { "applied" } else { "held" };
            let proposal = &detail["proposal"];
            check(
                proposal["status"]["kind"] == status,
                format!("the proposal is {} and not {status}", proposal["status"]),
            );
        }
        // A proposal that is made on a commit which the run delivered is the one that takes it
        // back.
        let before: Vec<_> = attempt
            .journal
            .iter()
            .map(|entry| &entry["effect"]["to"])
            .filter(|to| to.is_string())
            .collect();
        let mut proposals =
            attempt.journal.iter().rev().filter(|entry| entry["entry"] == "proposed");
        let proposed = proposals.find(|entry| !before.contains(&&entry["proposal"]["base"]));
        let lost = proposed
            .is_some_and(|proposed| detail["proposal"]["diff"] != proposed["proposal"]["diff"]);
        check(!lost, format!("the proposal of run {id} is lost"));
        if is_delivered {
            let allow = format!(
                "commit is allowed for the diff {}",
                detail["proposal"]["sha256"].as_str().unwrap_or_default()
            );
            let journal = detail["journal"].as_array().cloned().unwrap_or_default();
            let allows = journal.iter().filter(|entry| entry["text"] == allow.as_str()).count();
            // One that is placed anew on another base is a commit of its own. What takes a change
            // back needs no allow.
            let announced = journal.iter().map(|entry| &entry["effect"]);
            let delivered: Vec<_> =
                announced.clone().map(|effect| &effect["to"]).filter(|to| to.is_string()).collect();
            let commits = announced
                .filter(|effect| {
                    effect["kind"] == "commit" && !delivered.contains(&&effect["base"])
                })
                .count();
            check(
                allows == commits,
                format!("{allows} times for {commits} commits in the journal of run {id}: {allow}"),
            );
        }
    }

    fn history(&self) -> Result<Vec<Value>, String> {
        self.get("/api/runs?limit=1000")?
            .as_array()
            .cloned()
            .ok_or_else(|| "no list of runs".to_owned())
    }

    fn is_ancestor(&self, ancestor: &str, commit: &str) -> bool {
        // `env.git` fails the test where Git answers no.
        let bases = self.git(&["rev-list", "--count", &format!("{commit}..{ancestor}")]);
        bases == "0"
    }
}

fn collect_locks(directory: &Path, locks: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with(".git/worktrees") {
            collect_locks(&path, locks);
        } else if path.is_file()
            && path.extension().is_some_and(|extension| extension == "lock")
            && path.file_name().is_some_and(|name| name != "pimainteno.lock")
        {
            locks.push(path.display().to_string());
        }
    }
}
