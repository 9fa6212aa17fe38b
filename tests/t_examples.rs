//! Every example runs on a project and does what it is there to show.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Output, TestEnv};

const README: &str = "# Site\n\nYou will recieve a letter.\n";

/// Runs an example on a project of `env`.
fn run(env: &TestEnv, example: &str) -> Output {
    Output::of(program(env, example).arg(env.path("home/site")))
}

/// An example's program, in the environment of `env`.
fn program(env: &TestEnv, example: &str) -> Command {
    // Cargo builds the examples before it runs the tests of their package, beside the program.
    let program =
        Path::new(env!("CARGO_BIN_EXE_pi-mainteno")).with_file_name("examples").join(example);
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", env.path("home")).env("TMPDIR", env.path("tmp"));
    command
}

fn env() -> TestEnv {
    let env = TestEnv::new();
    env.project_with("site", &[("README.md", README)]);
    env
}

#[test]
fn embed_runs_a_project() {
    let env = env();
    run(&env, "embed").expect(0).says(&[
        "site: summarize: done",
        "site: held: `mode` is \"review\"",
        "site took 4 steps",
    ]);
    run(&env, "embed").expect(0).says(&["site: skipped: nothing changed since the last run"]);
}

#[test]
fn embed_api_answers_beside_the_pages_of_its_server() {
    let env = env();
    let mut child = program(&env, "embed_api")
        .arg(env.path("home/site"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let server = line
        .trim()
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix("/api/status"))
        .unwrap()
        .to_owned();
    // What is answered, at least up to `end`.
    let ask = |request: &str, end: &str| {
        let mut stream = TcpStream::connect(&server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (line, rest) = request.split_once('\n').unwrap();
        write!(stream, "{line} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n{rest}").unwrap();
        let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
        while !String::from_utf8_lossy(&answer).contains(end) {
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&piece[..length]);
        }
        String::from_utf8(answer).unwrap()
    };
    ask("GET /\n\r\n", "My server.");
    assert!(ask("GET /api/status\n\r\n", "\"id\":\"site\"").starts_with("HTTP/1.1 200 "));
    ask("GET /api/events\n\r\n", "event: resync\ndata: {}\n\n");
    let run = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    ask(
        &format!("POST /api/run\norigin: http://evil.example\r\n{run}"),
        "a page of another origin does not decide here",
    );
    ask(&format!("POST /api/run\norigin: http://{server}\r\n{run}"), "{\"records\":[{");
    // From the beginning, as far as it is remembered.
    ask("GET /api/events\nlast-event-id: 1\r\n\r\n", "event: resync");
    let told = ask("GET /api/events\nlast-event-id: 1\r\n\r\n", "\"event\":\"run-started\"");
    assert!(told.contains("\nid: 1"), "{told}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn custom_step_deploys_and_is_taken_back() {
    let env = env();
    let (site, live) = (env.path("home/site"), env.path("tmp/live"));
    let deployed = Output::of(program(&env, "custom_step").arg(&site).arg(&live));
    deployed.expect(0).says(&["site: deploy: done in", "README.md is live", "site: applied"]);
    let corrected = README.replace("recieve", "receive");
    assert_eq!(fs::read_to_string(&live).unwrap(), corrected);
    let back = Output::of(program(&env, "custom_step").arg(&site).arg(&live).arg("rollback"));
    back.expect(0).says(&["site: deploy: done in", "site: took back run"]);
    assert_eq!(fs::read_to_string(&live).unwrap(), README);
}

#[test]
fn custom_step_survives_being_killed_while_it_deploys() {
    let env = env();
    let (site, live) = (env.path("home/site"), env.path("tmp/live"));
    // The copy stands still where it is written.
    let pipe = env.path("tmp/live.new");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child =
        program(&env, "custom_step").arg(&site).arg(&live).stdout(Stdio::null()).spawn().unwrap();
    let journals = env.path("tmp/pi-mainteno-custom-step/journal");
    let is_announced = || {
        let journals = fs::read_dir(&journals).into_iter().flatten().flatten();
        journals
            .filter_map(|journal| fs::read_to_string(journal.path()).ok())
            .any(|journal| journal.contains("\"step\":\"deploy\""))
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_announced() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it deploys");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(&pipe).unwrap();
    assert!(!live.exists());
    let again = Output::of(program(&env, "custom_step").arg(&site).arg(&live));
    again.expect(0).says(&["site: deploy: done in", "site: applied"]);
    assert_eq!(fs::read_to_string(&live).unwrap(), README.replace("recieve", "receive"));
    assert_eq!(
        env.git(&site, &["rev-list", "--count", "HEAD"]),
        "2",
        "the change was delivered once"
    );
}

#[test]
fn custom_backend_answers_with_a_diff_and_is_what_readme_shows() {
    let (readme, example) =
        (include_str!("../README.md"), include_str!("../examples/custom_backend.rs"));
    let mut blocks =
        readme.split("```rust\n").skip(1).filter_map(|block| Some(block.split_once("```")?.0));
    let shown = blocks.find(|block| block.contains("Maintainer::builder()")).unwrap();
    assert!(shown.contains("process::help") && example.ends_with(shown), "{shown}");
    run(&env(), "custom_backend").expect(0).says(&[
        "note-taker proposes: docs: begin the notes",
        "1 file, +1 -0",
        "site: held",
    ]);
}

#[test]
fn apply_reply_places_a_reply_or_says_why_not() {
    let env = env();
    let reply = |text: &str| {
        fs::write(env.path("tmp/reply.txt"), text).unwrap();
        let mut command = program(&env, "apply_reply");
        Output::of(command.arg(env.path("tmp/reply.txt")).arg(env.path("home/site")))
    };
    // The context has lost the blank behind its marker, and the line numbers are invented.
    let diff = "Sure!\n```diff\n--- a/README.md\n+++ b/README.md\n@@ -40,3 +40,3 @@\n #  Site\n\n-You will recieve a letter.\n+You will receive a letter.\n```\n";
    reply(diff).expect(0).says(&["changed README.md"]);
    let readme = || fs::read_to_string(env.path("home/site/README.md")).unwrap();
    assert_eq!(readme(), README.replace("recieve", "receive"));
    reply(diff).expect(1).tells(&["refused: README.md, hunk 1", "The file says:"]);
    assert_eq!(readme(), README.replace("recieve", "receive"));
}

#[test]
fn no_example_is_forgotten() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for entry in fs::read_dir(examples).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(example) = name.strip_suffix(".rs") {
            assert!(
                include_str!("t_examples.rs").contains(&format!("\"{example}\")")),
                "{name} is not run"
            );
        }
    }
}
