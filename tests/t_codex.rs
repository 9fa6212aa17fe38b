//! Whole runs with the real codex, against a model's server on loopback.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    Output, TestEnv,
    codex::real_codex,
    model_server::{Answer, INPUT_TOKENS, ModelServer, OUTPUT_TOKENS, Received},
};

/// How long a run with a model that fails may take: the limits of its configuration, twice, and
/// what the programs need to start.
const BOUND: Duration = Duration::from_secs(60);

const README: &str = "# Site\n\nIt plays musik.\n";

/// A machine with one project, and codex pointed at a server.
struct Machine {
    env: TestEnv,
}

impl Machine {
    fn new(server: &ModelServer, more: &str) -> Self {
        let env = TestEnv::new();
        env.project_with(
            "site",
            &[("README.md", README), ("src/site.sh", "#!/bin/sh\necho site\n")],
        );
        fs::create_dir(env.path("bin")).unwrap();
        symlink(real_codex(), env.path("bin/codex")).unwrap();
        env.write_config(&format!(
            "[llm]\nprovider = \"codex\"\nmodel = \"gpt-5.5\"\nbase_url = \"{}\"\napi_key = \"sk-test\"\ntimeout = \"20s\"\nsilence_timeout = \"4s\"\n\
             {more}\n[[project]]\npath = \"../home/site\"\nmode = \"auto\"\nverify = [\"test -s README.md\"]\nunits = []\n",
            server.base_url()
        ));
        Self { env }
    }

    /// Runs the program while the server goes on answering.
    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command: Command = self.env.command(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.env.path("bin").display()));
        tokio::task::spawn_blocking(move || Output::of(&mut command)).await.unwrap()
    }

    /// The only record of `run --json`.
    async fn record(&self) -> Value {
        self.run(&["run", "--json"]).await.json()[0].clone()
    }

    /// Every file of the checkout, and where its branch and the remote's are.
    fn seen_from_outside(&self) -> BTreeMap<String, Vec<u8>> {
        let site = self.env.path("home/site");
        let mut seen = BTreeMap::new();
        collect(&site, &mut seen);
        for name in ["HEAD", "refs/remotes/origin/main"] {
            seen.insert(name.into(), self.env.git(&site, &["rev-parse", name]).into_bytes());
        }
        let remote = self.env.path("remotes/site.git");
        seen.insert("remote".into(), self.env.git(&remote, &["for-each-ref"]).into_bytes());
        seen
    }
}

/// Answers a summary to whoever asks for one, and otherwise what `answer` says about the request
/// and the number of tool results it holds.
async fn server(
    answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
) -> ModelServer {
    ModelServer::answering(move |request, _| {
        if request.prompt().contains("Answer with the summary alone") {
            Answer::message("# Site\n\nA site that plays music.")
        } else {
            answer(request, request.results().len())
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_codex_ends_as_a_commit_at_the_remote() {
    let server = server(|_, results| match results {
        0 => Answer::replace("README.md", "It plays musik.", "It plays music."),
        _ => Answer::message("docs: spell music\n\nIt was wrong."),
    })
    .await;
    let machine = Machine::new(&server, "");
    let record = machine.record().await;
    assert_eq!(record["outcome"]["kind"], "applied", "{record:#}");
    let remote = machine.env.path("remotes/site.git");
    assert_eq!(
        machine.env.git(&remote, &["show", "main:README.md"]),
        README.replace("musik", "music").trim_end()
    );
    let message = machine.env.git(&remote, &["log", "-1", "--format=%B", "main"]);
    assert!(
        message.starts_with("docs: spell music\n\nIt was wrong.\n\nPiMainteno-Run: "),
        "{message}"
    );
    let site = machine.env.path("home/site");
    assert_eq!(
        machine.env.git(&site, &["rev-parse", "HEAD"]),
        machine.env.git(&remote, &["rev-parse", "main"])
    );
    assert!(
        fs::read_to_string(site.join("codex.md")).unwrap().contains("A site that plays music.")
    );
    // One request for the summary; for the change one that edits and one that ends.
    assert_eq!(record["usage"]["input_tokens"], 3 * INPUT_TOKENS);
    assert_eq!(record["usage"]["output_tokens"], 3 * OUTPUT_TOKENS);
    // Nothing changed since: nobody is asked.
    let calls = server.calls();
    assert_eq!(machine.record().await["outcome"]["kind"], "skipped");
    assert_eq!(server.calls(), calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_diff_in_the_reply_of_codex_ends_as_a_commit_too() {
    let diff = "docs: spell music\n\n```diff\n--- a/README.md\n+++ b/README.md\n@@ -1,3 +1,3 @@\n # Site\n \n-It plays musik.\n+It plays music.\n```\n";
    let server = server(move |_, _| Answer::message(diff)).await;
    let machine = Machine::new(&server, "edit = \"reply\"");
    let record = machine.record().await;
    assert_eq!(record["outcome"]["kind"], "applied", "{record:#}");
    let remote = machine.env.path("remotes/site.git");
    assert_eq!(
        machine.env.git(&remote, &["show", "main:README.md"]),
        README.replace("musik", "music").trim_end()
    );
    let proposal = server
        .requests()
        .iter()
        .map(Received::prompt)
        .find(|prompt| prompt.contains("generate a unified diff"));
    assert!(
        proposal.is_some_and(|prompt| prompt.contains("A site that plays music.")),
        "the summary is part of the question"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_codex_did_in_a_dry_run_is_not_lost_and_not_paid_twice() {
    let server = server(|_, results| match results {
        0 => Answer::replace("README.md", "It plays musik.", "It plays music."),
        _ => Answer::message("docs: spell music"),
    })
    .await;
    let machine = Machine::new(&server, "");
    let before = machine.seen_from_outside();
    let dry = machine.run(&["run", "--dry-run", "--json"]).await.json();
    assert_eq!(dry[0]["outcome"]["kind"], "held", "{dry:#}");
    assert_eq!(machine.seen_from_outside(), before);
    let calls = server.calls();
    assert_eq!(machine.record().await["outcome"]["kind"], "applied");
    assert_eq!(server.calls(), calls, "both answers come from the cache");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_codex_makes_in_a_submodule_runs_nothing() {
    let laid = "the trap is laid";
    let trap = Arc::new(Mutex::new(String::new()));
    let script = trap.clone();
    let server = server(move |_, results| match results {
        0 => Answer::Run(script.lock().unwrap().clone()),
        1 => Answer::replace("README.md", "It plays musik.", "It plays music."),
        _ => Answer::message("docs: spell music"),
    })
    .await;
    let machine = Machine::new(&server, "");
    let commit = machine.env.submodule(&machine.env.path("home/site"));
    let mark = machine.env.path("mark");
    *trap.lock().unwrap() = format!("set -e; {}; echo {laid}", machine.env.trap(&mark));
    let dry = machine.run(&["run", "--dry-run", "--json"]).await.json();
    assert_eq!(dry[0]["outcome"]["kind"], "held", "{dry:#}");
    assert!(
        server.requests().iter().flat_map(Received::results).any(|result| result.contains(laid)),
        "{:?}",
        server.requests()
    );
    assert!(!mark.exists());
    let record = machine.record().await;
    assert_eq!(record["outcome"]["kind"], "applied", "{record:#}");
    assert!(!mark.exists());
    assert_eq!(
        machine.env.git(&machine.env.path("remotes/site.git"), &["rev-parse", "main:vendor/lib"]),
        commit
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_codex_leaves_beside_its_edits_is_seen_by_no_check() {
    let server = server(|_, results| match results {
        0 => Answer::Run("touch passes && ls passes".into()),
        1 => Answer::replace("README.md", "It plays musik.", "It plays music."),
        _ => Answer::message("docs: spell music"),
    })
    .await;
    let machine = Machine::new(&server, "");
    let site = machine.env.path("home/site");
    fs::write(site.join(".gitignore"), "passes\n").unwrap();
    for arguments in
        [&["add", "--all"][..], &["commit", "--quiet", "--message", "ignore"], &["push", "--quiet"]]
    {
        machine.env.git(&site, arguments);
    }
    let config = machine.env.path("work/PiMainteno.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("test -s README.md", "test -e passes || grep -q musik README.md")
            .replace("units = []", "units = []\nrepairs = 0"),
    )
    .unwrap();
    let record = machine.record().await;
    assert!(
        server
            .requests()
            .iter()
            .flat_map(Received::results)
            .any(|result| result.contains("passes")),
        "{:?}",
        server.requests()
    );
    assert!(machine.env.path("state/workspaces/site.agent/passes").exists());
    let outcome = &record["outcome"];
    assert!(
        outcome["kind"] == "failed"
            && outcome["message"].as_str().unwrap().contains("passes without it"),
        "{record:#}"
    );
}

/// One run with a model that always does this; the project must be as it was, in bounded time.
async fn run_against(answer: Answer) -> Value {
    let server = ModelServer::start([answer]).await;
    let machine = Machine::new(&server, "");
    let (before, started) = (machine.seen_from_outside(), Instant::now());
    let record = machine.record().await;
    assert!(started.elapsed() < BOUND, "it took {:?}", started.elapsed());
    assert_eq!(machine.seen_from_outside(), before, "{record:#}");
    assert!(server.calls() > 0);
    record["outcome"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_that_passes_parks_the_project() {
    for answer in [
        Answer::rate_limit(),
        Answer::quota(),
        Answer::unauthorized(),
        Answer::Refuse(500, "server_error", "broken".into()),
    ] {
        let outcome = run_against(answer.clone()).await;
        assert_eq!(outcome["kind"], "parked", "{answer:?}: {outcome:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_up_day_is_told_by_every_command_until_the_project_is_resumed() {
    let server = server(|_, _| Answer::message("NO CHANGE")).await;
    let machine = Machine::new(
        &server,
        "[llm.budget]\ncalls_per_day = 1\n[llm.prices.codex]\ninput = 2\noutput = 10",
    );
    let record = machine.record().await;
    let (outcome, usage) = (&record["outcome"], &record["usage"]);
    assert_eq!((&outcome["kind"], server.calls()), (&"parked".into(), 1), "{record:#}");
    let until = outcome["until"].as_str().unwrap();
    assert!(until.starts_with(&format!(
        "{}T00:00:00",
        jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow().unwrap()
    )));
    assert_eq!(usage["cost_micros"], 2 * INPUT_TOKENS + 10 * OUTPUT_TOKENS);

    let status = machine.run(&["status", "--json"]).await.expect(0).json();
    let project = &status["projects"][0];
    assert_eq!(
        (&project["parked"]["until"], &project["parked"]["reason"]),
        (&outcome["until"], &outcome["reason"]),
        "{status:#}"
    );
    assert_eq!(
        (&status["today"]["usage"], &status["today"]["budget"]["calls_per_day"]),
        (usage, &1.into()),
        "{status:#}"
    );
    assert_eq!(&project["today"]["usage"], usage, "{status:#}");
    let until = until[..19].replace('T', " ");
    let said = [
        "site: parked until",
        &until,
        "1 of 1 calls",
        "pi-mainteno resume site",
        "today all projects: 1 of 1 calls",
    ];
    machine.run(&["status"]).await.expect(0).says(&said);
    machine.run(&["check"]).await.says(&[
        "parked until",
        "1 of 1 calls",
        "`pi-mainteno resume site`",
    ]);

    let id = record["id"].as_str().unwrap();
    let shown = machine.run(&["show", id, "--json"]).await.expect(0).json();
    let entry = &shown["usage"][0];
    assert_eq!(
        (&entry["task"], &entry["backend"], &entry["usage"]),
        (&"summarize".into(), &"codex".into(), usage),
        "{shown:#}"
    );
    machine.run(&["show", id]).await.expect(0).says(&["summarize by codex  1 call"]);

    machine.run(&["resume", "site"]).await.expect(0).says(&["site is run again"]);
    assert_eq!(
        machine.run(&["status", "--json"]).await.json()["projects"][0]["parked"],
        Value::Null
    );
    assert_eq!(
        (machine.record().await["outcome"]["kind"].as_str(), server.calls()),
        (Some("parked"), 1),
        "nothing is left of the day"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_before_its_headers_is_given_up() {
    let outcome = run_against(Answer::HangBeforeHeaders).await;
    assert_eq!(outcome["kind"], "parked", "{outcome:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_is_given_up() {
    let outcome = run_against(Answer::HangAfterHeaders).await;
    assert_eq!(outcome["kind"], "parked", "{outcome:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_mean_nothing_end_the_run() {
    let outcome = run_against(Answer::context_overflow()).await;
    assert_eq!(outcome["kind"], "failed", "{outcome:#}");
    let outcome = run_against(Answer::Garbage).await;
    assert_eq!(outcome["kind"], "parked", "{outcome:#}");
    let outcome = run_against(Answer::Empty).await;
    assert_eq!(outcome["kind"], "failed", "{outcome:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_outside_the_project_does_not_happen() {
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("outside.txt");
    let patch = Answer::create(file.to_str().unwrap(), "mine now");
    let server = server(
        move |_, results| if results == 0 { patch.clone() } else { Answer::message("NO CHANGE") },
    )
    .await;
    let machine = Machine::new(&server, "");
    let record = machine.record().await;
    assert_eq!(record["outcome"]["kind"], "no-change", "{record:#}");
    assert!(!file.exists());
    assert_eq!(machine.env.git(&machine.env.path("home/site"), &["status", "--porcelain"]), "");
}

/// Reads every file below a directory, Git's own and our summary left out.
fn collect(directory: &Path, seen: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name == ".git" || name == "codex.md") {
            continue;
        }
        if path.is_dir() {
            collect(&path, seen);
        } else {
            seen.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
}
