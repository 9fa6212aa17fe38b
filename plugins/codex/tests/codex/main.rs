//! Drives the real codex against a server on loopback: no account, no network.
//!
//! codex is looked for in the variable `PIMAINTENO_TEST_CODEX`, on `PATH` and in `node_modules` at
//! the root of the repository.

#[path = "../../../../tests/support/model_server.rs"]
mod model_server;
#[path = "../../../../tests/support/codex.rs"]
mod real_codex;
mod support;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use pimainteno_codex::Codex;
use pimainteno_core::{
    Call, Edit, ErrorKind, LlmBackend, Retry, Usage,
    config::{EditMode, Secret},
    process::Cancel,
};
use serde_json::json;

use crate::{
    model_server::{Answer, CACHED_TOKENS, INPUT_TOKENS, ModelServer, OUTPUT_TOKENS},
    support::{Bench, KEY, call},
};

const DIFF: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-old\n+new\n";

#[tokio::test]
async fn an_edit_changes_the_workspace_and_only_that() {
    let server = ModelServer::start([
        Answer::replace("a.txt", "old", "new"),
        Answer::Run("cat a.txt".into()),
        Answer::message("done"),
    ])
    .await;
    let bench = Bench::new();
    let (call, progress) = call();
    let reply =
        bench.codex(&server).complete(&bench.request(Edit::Workspace), &call).await.unwrap();

    assert_eq!(reply.text, "done");
    assert_eq!(reply.usage, Usage::call(3 * INPUT_TOKENS, 3 * CACHED_TOKENS, 3 * OUTPUT_TOKENS));
    assert_eq!(bench.read("workspace/a.txt"), "new\n");
    assert_eq!(bench.read("checkout/a.txt"), "old\n");
    assert_eq!(bench.git(&["status", "--porcelain"]), " M a.txt\n");
    assert_eq!(*progress.lock().unwrap(), ["edits a.txt", "reads a.txt"]);
    assert_eq!(server.requests()[0].prompt(), "Change old to new.");
    assert!(
        server.requests()[2].results().iter().any(|result| result.contains("new")),
        "the command saw the edit"
    );
    assert_eq!(fs::read_dir(bench.path("tmp")).unwrap().count(), 0, "temporary files are gone");
    bench.assert_nothing_runs();
}

#[tokio::test]
async fn a_diff_comes_back_as_text_and_nothing_can_be_written() {
    let server = ModelServer::start([
        Answer::Run("echo x > a.txt; touch b.txt; cat a.txt".into()),
        Answer::message(DIFF),
    ])
    .await;
    let bench = Bench::new();
    let mut config = bench.config(&server);
    config.edit = EditMode::Reply;
    let codex = Codex::new(&config, &bench.environment(), &bench.path("state")).unwrap();
    assert_eq!(codex.edit(), Edit::Reply);
    let reply = codex.complete(&bench.request(Edit::Reply), &call().0).await.unwrap();

    assert_eq!(reply.text, DIFF);
    assert_eq!(bench.git(&["status", "--porcelain"]), "");
    assert!(server.requests()[1].results()[0].contains("Read-only file system"));
}

#[tokio::test]
async fn trouble_that_passes_is_told_from_failure_that_stays() {
    let later = [
        Answer::unauthorized(),
        Answer::rate_limit(),
        Answer::quota(),
        Answer::Refuse(500, "server_error", "oops".into()),
        Answer::Refuse(503, "server_error", "busy".into()),
        Answer::Refuse(403, "forbidden", "no".into()),
        Answer::Raw(
            429,
            json!({"error": {"type": "usage_limit_reached", "message": "", "plan_type": "plus", "resets_at": 4_000_000_000_u64}}),
        ),
        Answer::Fail("server_error", "oops".into()),
        Answer::Garbage,
        Answer::Cut,
    ];
    let never = [
        Answer::context_overflow(),
        Answer::Incomplete("max_output_tokens"),
        Answer::Incomplete("content_filter"),
        Answer::Empty,
        Answer::Fail("invalid_prompt", "your prompt was flagged".into()),
        Answer::Refuse(404, "model_not_found", "The model does not exist".into()),
        Answer::Refuse(400, "invalid_request_error", "no such parameter".into()),
    ];
    let bench = Bench::new();
    let faults =
        later.map(|answer| (answer, true)).into_iter().chain(never.map(|answer| (answer, false)));
    for (answer, passes) in faults {
        let server = ModelServer::start([answer.clone()]).await;
        let started = Instant::now();
        let error = bench
            .codex(&server)
            .complete(&bench.request(Edit::Workspace), &call().0)
            .await
            .expect_err("a fault gave an answer");
        assert_eq!(error.kind(), ErrorKind::Backend, "{answer:?}: {error}");
        assert_eq!(matches!(error.retry(), Retry::After(_)), passes, "{answer:?}: {error}");
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "{answer:?} took {:?}",
            started.elapsed()
        );
        assert!(server.calls() > 0);
    }
    assert_eq!(bench.git(&["status", "--porcelain"]), "");
    bench.assert_nothing_runs();
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up() {
    let bench = Bench::new();
    for answer in [Answer::HangBeforeHeaders, Answer::HangAfterHeaders] {
        let server = ModelServer::start([answer.clone()]).await;
        let mut request = bench.request(Edit::Workspace);
        request.silence_timeout = Duration::from_secs(2);
        let started = Instant::now();
        let error = bench.codex(&server).complete(&request, &call().0).await.unwrap_err();
        assert!(matches!(error.retry(), Retry::After(_)), "{answer:?}: {error}");
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "{answer:?} took {:?}",
            started.elapsed()
        );
        assert!(server.calls() > 0);
        bench.assert_nothing_runs();
    }
}

#[tokio::test]
async fn a_silent_command_is_not_taken_for_a_silent_server() {
    let server =
        ModelServer::start([Answer::Run("sleep 4; echo built".into()), Answer::message("done")])
            .await;
    let bench = Bench::new();
    let mut request = bench.request(Edit::Workspace);
    request.silence_timeout = Duration::from_secs(2);
    let reply = bench.codex(&server).complete(&request, &call().0).await.unwrap();
    assert_eq!(reply.text, "done");
    assert!(server.requests()[1].results()[0].contains("built"));
}

#[tokio::test]
async fn an_endless_turn_ends_at_its_deadline_with_the_command_that_runs_then() {
    let server =
        ModelServer::start([Answer::Run("true".into()), Answer::Run("sleep 60".into())]).await;
    let bench = Bench::new();
    let mut request = bench.request(Edit::Workspace);
    request.timeout = Duration::from_secs(4);
    let started = Instant::now();
    let error = bench.codex(&server).complete(&request, &call().0).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Backend, Retry::Never), "{error}");
    assert!(started.elapsed() < Duration::from_secs(15) && server.calls() == 2);
    bench.assert_nothing_runs();
    assert_eq!(
        bench.names("workspace"),
        [".git", "a.txt"],
        "what codex leaves when it is killed is removed"
    );
}

#[tokio::test]
async fn a_call_that_is_not_wanted_any_more_stops() {
    let server = ModelServer::start([Answer::Run("sleep 60".into())]).await;
    let bench = Bench::new();
    let cancel = Cancel::new();
    let raise = cancel.clone();
    let call = Call::new(cancel).with_progress(move |message| {
        assert_eq!(message, "runs `sleep 60`");
        raise.raise();
    });
    let error =
        bench.codex(&server).complete(&bench.request(Edit::Workspace), &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    bench.assert_nothing_runs();
    // Raised before it begins, it does not begin.
    let error =
        bench.codex(&server).complete(&bench.request(Edit::Workspace), &call).await.unwrap_err();
    assert_eq!((error.kind(), server.calls()), (ErrorKind::Cancelled, 1));
}

#[tokio::test]
async fn a_key_reaches_the_server_and_nobody_else() {
    let look = "env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; grep -rs sk-test /proc/self/environ . $TMPDIR";
    let server = ModelServer::answering(move |_, calls| {
        assert!(!support::command_lines().contains(KEY), "the key is on a command line");
        match calls {
            0 => Answer::Run(look.into()),
            _ => Answer::Refuse(401, "invalid_api_key", format!("the key {KEY} is wrong")),
        }
    });
    let server = server.await;
    let bench = Bench::new();
    let (call, progress) = call();
    let error =
        bench.codex(&server).complete(&bench.request(Edit::Workspace), &call).await.unwrap_err();

    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    let seen = requests[1].results()[0].clone();
    assert!(seen.contains("PATH=") && !seen.contains(KEY), "a command of the agent saw the key");
    let told = format!("{error} {error:?} {:?}", progress.lock().unwrap());
    assert!(told.contains("[key]") && !told.contains(KEY), "{told}");
    assert!(!bench.holds(KEY), "the key was written to a file");
}

#[tokio::test]
async fn the_sandbox_keeps_the_agent_in_its_workspace() {
    let bench = Bench::new();
    let outside = bench.path("outside.txt").display().to_string();
    let server = ModelServer::answering({
        let outside = outside.clone();
        move |request, calls| match calls {
            0 => Answer::create(&outside, "escaped"),
            1 => Answer::Run(format!("echo escaped > {outside}")),
            2 => Answer::Run(
                "git -c user.name=a -c user.email=a@a commit --allow-empty -m escaped".into(),
            ),
            3 => {
                let port = request.header("host").unwrap().rsplit(':').next().unwrap();
                Answer::Run(format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo escaped"))
            }
            4 => Answer::Run("touch $TMPDIR/file && echo allowed".into()),
            5 => Answer::Run("cat ~/.ssh/id_ed25519; cat ~/.gitconfig".into()),
            _ => Answer::message("done"),
        }
    });
    let server = server.await;
    fs::create_dir(bench.path("home/.ssh")).unwrap();
    fs::write(bench.path("home/.ssh/id_ed25519"), "PRIVATE KEY").unwrap();
    fs::write(bench.path("home/.gitconfig"), "[user]").unwrap();
    let head = bench.git(&["rev-parse", "HEAD"]);
    bench.codex(&server).complete(&bench.request(Edit::Workspace), &call().0).await.unwrap();
    assert!(!fs::exists(&outside).unwrap());
    assert_eq!(bench.git(&["rev-parse", "HEAD"]), head);
    let results = server.requests()[6].results();
    assert!(!results[3].contains("escaped"), "the agent reached the network: {}", results[3]);
    assert!(results[4].contains("allowed"), "the agent has no temporary directory: {}", results[4]);
    assert!(
        results[5].contains("[user]") && !results[5].contains("PRIVATE KEY"),
        "the agent read a key: {}",
        results[5]
    );
}

#[tokio::test]
async fn without_a_server_of_ones_own_the_users_sign_in_is_used() {
    let server = ModelServer::start([Answer::message("hello")]).await;
    let bench = Bench::new();
    let mut config = bench.config(&server);
    config.base_url = None;
    config.api_key = None;
    config.extra_args = vec!["-c".into(), format!("openai_base_url={}", server.base_url())];
    let codex = Codex::new(&config, &bench.environment(), &bench.path("state")).unwrap();

    let error = codex.complete(&bench.request(Edit::None), &call().0).await.unwrap_err();
    assert!(
        error.hints().any(|hint| hint.contains("codex login")) && error.retry() != Retry::Never,
        "{error}"
    );
    fs::create_dir(bench.path("home/.codex")).unwrap();
    let error = codex.health().await.unwrap_err();
    assert!(
        error.message().contains("nobody is signed in")
            && error.hints().any(|hint| hint.contains("codex login")),
        "{error}"
    );
    assert_eq!(server.calls(), 0);

    fs::write(
        bench.path("home/.codex/auth.json"),
        json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-from-login"}).to_string(),
    )
    .unwrap();
    let health = codex.health().await.unwrap();
    assert!(
        health.starts_with("codex-cli 0.")
            && health.ends_with("signed in with an API key; the sandbox works"),
        "{health}"
    );
    assert_eq!(codex.complete(&bench.request(Edit::None), &call().0).await.unwrap().text, "hello");
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer sk-from-login"));
    assert!(
        !bench.names("home/.codex").iter().any(|name| name.ends_with(".sqlite")),
        "databases are kept out of the user's home"
    );

    // A key alone goes to codex's own provider, past the sign-in.
    config.api_key = Some(Secret::new(KEY));
    let codex = Codex::new(&config, &bench.environment(), &bench.path("state")).unwrap();
    codex.complete(&bench.request(Edit::None), &call().0).await.unwrap();
    assert_eq!(
        server.requests()[1].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
}

#[tokio::test]
async fn a_broken_sandbox_is_told_before_anything_is_paid_for() {
    let server = ModelServer::start([Answer::message(DIFF)]).await;
    let bench = Bench::new();
    bench.break_sandbox();
    let codex = bench.codex(&server);
    for error in [
        codex.complete(&bench.request(Edit::Workspace), &call().0).await.unwrap_err(),
        codex.health().await.unwrap_err(),
    ] {
        assert!(error.message().contains("sandbox does not work"), "{error}");
        assert!(
            error.hints().any(|hint| hint.contains("llm.edit = \"reply\""))
                && error.retry() != Retry::Never
        );
    }
    assert_eq!(server.calls(), 0);

    let mut config = bench.config(&server);
    config.edit = EditMode::Reply;
    let codex = Codex::new(&config, &bench.environment(), &bench.path("state")).unwrap();
    assert!(codex.health().await.unwrap().contains("not needed"));
    assert_eq!(codex.complete(&bench.request(Edit::Reply), &call().0).await.unwrap().text, DIFF);
}

#[tokio::test]
async fn what_codex_keeps_does_not_grow() {
    let server = ModelServer::start([Answer::message("hello")]).await;
    let bench = Bench::new();
    let codex = bench.codex(&server);
    let mut kept = Vec::new();
    for _ in 0..4 {
        codex.complete(&bench.request(Edit::None), &call().0).await.unwrap();
        kept.push(bench.kept("state"));
    }
    let [first, last] = [0, 3].map(|call: usize| &kept[call]);
    assert!(first.keys().eq(last.keys()) && bench.size("state") < 2 << 20, "{kept:#?}");
    // Four pages of a database.
    let grows = |(file, size): (&PathBuf, &u64)| *size > first[file] + (16 << 10);
    assert!(!last.iter().any(grows), "{kept:#?}");

    fs::create_dir(bench.path("run")).unwrap();
    let environment = bench.environment().with("XDG_RUNTIME_DIR", bench.path("run"));
    let codex = Codex::new(&bench.config(&server), &environment, &bench.path("other")).unwrap();
    codex.complete(&bench.request(Edit::None), &call().0).await.unwrap();
    assert!(bench.size("other") < 64 << 10, "{}", bench.size("other"));
}

#[tokio::test]
async fn a_large_answer_and_a_large_output_arrive() {
    let large = "x".repeat(2 << 20);
    let server = ModelServer::start([
        Answer::Run("head -c 3000000 /dev/zero | tr '\\0' y".into()),
        Answer::message(&*large),
    ])
    .await;
    let bench = Bench::new();
    let reply = bench.codex(&server).complete(&bench.request(Edit::None), &call().0).await.unwrap();
    assert_eq!(reply.text.len(), large.len());
}

#[tokio::test]
async fn no_network_and_a_wrong_option_are_told() {
    let server = ModelServer::start([Answer::message("hello")]).await;
    let bench = Bench::new();
    let mut config = bench.config(&server);
    config.extra_args = vec!["--disable".into(), "no_such_feature".into()];
    let codex = Codex::new(&config, &bench.environment(), &bench.path("state")).unwrap();
    let error = codex.complete(&bench.request(Edit::None), &call().0).await.unwrap_err();
    assert!(
        error.message().contains("no_such_feature") && error.retry() == Retry::Never,
        "{error}"
    );

    config.extra_args.clear();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.base_url = format!("http://{unused}/v1").parse().ok();
    let codex = Codex::new(&config, &bench.environment(), &bench.path("state")).unwrap();
    let error = codex.complete(&bench.request(Edit::None), &call().0).await.unwrap_err();
    assert!(
        matches!(error.retry(), Retry::After(_))
            && error.hints().any(|hint| hint.contains("network")),
        "{error}"
    );
}
