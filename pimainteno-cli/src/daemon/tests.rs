//! The daemon, asked through its socket by the client that commands use.

mod fixture;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use pimainteno_core::{ErrorKind, EventKind, Outcome};
use pimainteno_web::{Client, Problem, Run, Runs, ShowRun, Status, VERSION};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::Notify,
    time::timeout,
};

use crate::{access::Access, daemon::serve};

use fixture::{Backend, DEADLINE, House, is_alive, until};

/// A request to run all projects.
const RUN_ALL: &str = "POST /api/run HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

fn short() -> Backend {
    Backend::Summary("short".into())
}

fn of(project: &str) -> Run {
    Run { projects: vec![project.into()], ..Run::default() }
}

fn runs(project: Option<&str>, limit: usize) -> Runs {
    Runs { project: project.map(str::to_owned), limit: Some(limit) }
}

fn show(id: &str) -> ShowRun {
    ShowRun { id: id.into() }
}

/// What the daemon answers to bytes, up to the end of the connection or until the answer contains
/// `end`.
async fn ask(socket: &Path, request: &str, end: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_to(&mut stream, end).await
}

async fn read_to(stream: &mut UnixStream, end: &str) -> String {
    let reading = async {
        let (mut answer, mut piece) = (String::new(), [0; 4096]);
        while end.is_empty() || !answer.contains(end) {
            match stream.read(&mut piece).await.unwrap() {
                0 => break,
                length => answer.push_str(&String::from_utf8_lossy(&piece[..length])),
            }
        }
        answer
    };
    timeout(DEADLINE, reading).await.expect("the answer goes on for too long")
}

/// A server that says it is a daemon, and then answers each further connection with these bytes and
/// is gone.
fn impostor(house: &House, answer: &'static str) {
    fs::create_dir_all(house.path("run")).unwrap();
    let listener = UnixListener::bind(house.socket()).unwrap();
    tokio::spawn(async move {
        let health = format!("{{\"version\":\"{VERSION}\"}}");
        let health = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{health}", health.len());
        for answer in [health.as_str(), answer] {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_to(&mut stream, "\r\n\r\n").await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
}

#[tokio::test]
async fn a_run_in_the_daemon_tells_its_events_and_is_found_again() {
    let house = House::new();
    let daemon = house.start(short()).await;
    let (access, told) = house.access().await;
    assert!(matches!(access, Access::Remote(..)));

    let records = access.order(of("Radio Küche")).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, Some(Outcome::NoChange));
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert!(
        matches!(&told[0].what, EventKind::RunStarted { .. }) && told[0].run == Some(records[0].id),
        "{told:?}"
    );
    assert!(
        matches!(&told[told.len() - 1].what, EventKind::RunFinished { record } if **record == records[0]),
        "{told:?}"
    );

    let status = access.ask(Status {}).await.unwrap();
    assert!(status.daemon);
    assert_eq!(
        (status.projects[0].last_run.as_ref(), status.projects[0].running),
        (Some(&records[0]), None)
    );
    assert_eq!(access.ask(runs(None, 5)).await.unwrap(), records);
    assert_eq!(access.ask(runs(Some("Radio Küche"), 5)).await.unwrap(), records);
    assert_eq!(access.ask(runs(None, 0)).await.unwrap(), []);
    let detail = access.ask(show(&records[0].id.to_string()[..20])).await.unwrap();
    assert_eq!(detail.record, records[0]);
    assert!(
        !detail.journal.is_empty()
            && detail.outputs.iter().any(|output| output.text.contains("short")),
        "{detail:?}"
    );
    daemon.stop().await.unwrap().unwrap();
}

#[tokio::test]
async fn what_the_daemon_refuses_reads_as_without_it() {
    let house = House::new();
    let (local, _) = house.access().await;
    assert!(matches!(local, Access::Local(_)));
    let without = [
        local.order(of("radoi")).await.unwrap_err(),
        local.ask(runs(Some("radoi"), 1)).await.unwrap_err(),
        local.ask(show("../x")).await.unwrap_err(),
        local.ask(show("0123")).await.unwrap_err(),
    ];
    drop(local);
    let daemon = house.start(short()).await;
    let (access, told) = house.access().await;
    let with = [
        access.order(of("radoi")).await.unwrap_err(),
        access.ask(runs(Some("radoi"), 1)).await.unwrap_err(),
        access.ask(show("../x")).await.unwrap_err(),
        access.ask(show("0123")).await.unwrap_err(),
    ];
    for (with, without) in with.iter().zip(&without) {
        assert_eq!((with.kind(), with.to_string()), (ErrorKind::Usage, without.to_string()));
        assert_eq!(with.hints().collect::<Vec<_>>(), without.hints().collect::<Vec<_>>());
    }
    assert_eq!(*told.lock().unwrap(), []);
    daemon.stop().await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_may_have_many_megabytes() {
    let house = House::new();
    let daemon = house.start(Backend::Summary("Ein Käse. ".repeat(300_000))).await;
    let (access, _) = house.access().await;
    let records = access.order(Run::default()).await.unwrap();
    let detail = access.ask(show(&records[0].id.to_string())).await.unwrap();
    assert!(detail.outputs.iter().any(|output| output.text.len() > 3_000_000));
    daemon.stop().await.unwrap().unwrap();
}

#[tokio::test]
async fn bad_requests_get_a_reason_as_json() {
    let house = House::new();
    let daemon = house.start(short()).await;
    let post = |body: &str| {
        let length = body.len();
        format!(
            "POST /api/run HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let requests = [
        (get("/nowhere"), "404", "there is no `/nowhere`"),
        (get("/api/run"), "405", "`GET` does not go with `/api/run`"),
        (get("/api/runs?limit=many"), "400", "limit: invalid digit"),
        (get("/api/runs/0123"), "404", "no run begins with `0123`"),
        (post("{"), "400", "EOF while parsing"),
        (post("{\"project\": []}"), "422", "unknown field `project`"),
        (
            post(&format!("{{\"projects\": [\"{}\"]}}", "x".repeat(70_000))),
            "413",
            "length limit exceeded",
        ),
    ];
    for (request, status, reason) in requests {
        let answer = ask(&house.socket(), &request, "").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let problem: Problem = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        assert!(problem.error.contains(reason), "{answer}");
    }
    daemon.stop().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_run_goes_on_when_its_caller_is_gone() {
    let house = House::new();
    let told = Arc::new(Notify::new());
    let daemon = house.start(Backend::When(told.clone())).await;
    let heard = ask(&house.socket(), RUN_ALL, "step-started").await;
    assert!(heard.contains("\"event\":\"run-started\""), "{heard}");
    let (access, _) = house.access().await;
    assert!(access.ask(Status {}).await.unwrap().projects[0].running.is_some());
    until(async || {
        told.notify_one();
        !access.ask(runs(None, 1)).await.unwrap().is_empty()
    })
    .await;
    assert_eq!(access.ask(runs(None, 1)).await.unwrap()[0].outcome, Some(Outcome::NoChange));
    daemon.stop().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_ends_the_runs_with_their_processes_and_tells_who_waits() {
    let house = House::new();
    let number = house.path("number");
    let daemon = house.start(Backend::Child(number.clone())).await;
    let (access, told) = house.access().await;
    let waiting = tokio::spawn(async move {
        let records = access.order(Run::default()).await;
        access.stop().await;
        records
    });
    until(async || number.exists()).await;
    assert!(is_alive(&number));
    daemon.stop().await.unwrap().unwrap();
    assert!(!is_alive(&number));
    assert!(!house.socket().exists());
    assert_eq!(waiting.await.unwrap().unwrap()[0].outcome, Some(Outcome::Interrupted));
    let told = told.lock().unwrap();
    assert!(
        matches!(&told.last().unwrap().what, EventKind::Notice { message, .. } if message.contains("goes on")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_stop_waits_for_runs_whose_caller_is_gone() {
    let house = House::new();
    let number = house.path("number");
    let daemon = house.start(Backend::Child(number.clone())).await;
    drop(ask(&house.socket(), RUN_ALL, "step-started").await);
    until(async || number.exists()).await;
    daemon.stop().await.unwrap().unwrap();
    assert!(!is_alive(&number));
    let (local, _) = house.access().await;
    assert!(matches!(local, Access::Local(_)));
    assert_eq!(local.ask(runs(None, 1)).await.unwrap()[0].outcome, Some(Outcome::Interrupted));
}

#[tokio::test]
async fn events_are_told_as_they_come_until_the_daemon_stops() {
    let house = House::new();
    let daemon = house.start(short()).await;
    let mut stream = UnixStream::connect(house.socket()).await.unwrap();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let head = read_to(&mut stream, "event: resync\ndata: {}\n\n").await;
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    let (access, _) = house.access().await;
    access.order(Run::default()).await.unwrap();
    let told = read_to(&mut stream, "\"event\":\"run-finished\"").await;
    // Who comes back is told what he missed, and nothing else.
    let ids: Vec<u64> =
        told.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert!(ids.len() > 3 && ids.is_sorted(), "{told}");
    let mut again = UnixStream::connect(house.socket()).await.unwrap();
    again
        .write_all(
            format!("GET /api/events HTTP/1.1\r\nhost: x\r\nlast-event-id: {}\r\n\r\n", ids[0])
                .as_bytes(),
        )
        .await
        .unwrap();
    let missed = read_to(&mut again, "\"event\":\"run-finished\"").await;
    let again: Vec<u64> =
        missed.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert_eq!((again, missed.contains("resync")), (ids[1..].to_vec(), false));
    let stopped = daemon.stop();
    read_to(&mut stream, "").await;
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_one_daemon_has_a_socket_and_a_store() {
    let house = House::new();
    // What a daemon that was killed leaves behind.
    fs::create_dir(house.path("run")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(house.socket()).unwrap());
    let daemon = house.start(short()).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&house.socket()), 0o600);
    let files: Vec<_> =
        fs::read_dir(house.path("run")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["control.sock"]);

    let second = serve(house.builder(short()), None, &house.socket(), std::future::pending(), None)
        .await
        .unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Usage);
    assert!(second.message().contains("running already"), "{second}");
    let elsewhere = house.path("new/control.sock");
    let third = serve(house.builder(short()), None, &elsewhere, std::future::pending(), None)
        .await
        .unwrap_err();
    assert_eq!(third.kind(), ErrorKind::Store);
    assert!(!elsewhere.exists());

    let (access, _) = house.access().await;
    access.ask(Status {}).await.unwrap();
    daemon.stop().await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_socket_is_not_replaced() {
    let house = House::new();
    fs::create_dir(house.path("run")).unwrap();
    fs::write(house.socket(), "mine").unwrap();
    let error = serve(house.builder(short()), None, &house.socket(), std::future::pending(), None)
        .await
        .unwrap_err();
    assert!(error.message().contains("not a socket"), "{error}");
    assert_eq!(fs::read_to_string(house.socket()).unwrap(), "mine");
    let long = house.path(&"x".repeat(120));
    let error = serve(house.builder(short()), None, &long.join("s"), std::future::pending(), None)
        .await
        .unwrap_err();
    assert!(error.hints().any(|hint| hint.contains("web.socket")), "{error}");
}

#[tokio::test]
async fn a_socket_of_somebody_else_stays_when_the_daemon_stops() {
    let house = House::new();
    let daemon = house.start(short()).await;
    fs::remove_file(house.socket()).unwrap();
    let other = UnixListener::bind(house.socket()).unwrap();
    daemon.stop().await.unwrap().unwrap();
    assert!(house.socket().exists());
    drop(other);
}

#[tokio::test]
async fn a_store_that_another_command_has_is_an_error_that_says_so() {
    let house = House::new();
    let (holder, _) = house.access().await;
    let error = Access::reach(&house.socket(), None, || house.builder(short()), Arc::new(()))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.hints().any(|hint| hint.contains("wait for its end")), "{error}");
    drop(holder);
    house.access().await.0.ask(Status {}).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_dies_during_a_run_is_an_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"e\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n",
        "",
    ] {
        let house = House::new();
        impostor(&house, answer);
        let client = Client::find(&house.socket(), Arc::new(())).await.unwrap().unwrap();
        let error = client.order(Run::default()).await.unwrap_err();
        assert!(error.message().contains("the daemon ended"), "{answer:?}: {error}");
        // A child that another test forks has the socket open until it becomes another program.
        until(async || {
            client.ask(Status {}).await.unwrap_err().message().contains("the daemon is gone")
        })
        .await;
    }
}

#[tokio::test]
async fn an_event_that_is_not_known_is_passed_over() {
    let house = House::new();
    impostor(
        &house,
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"event\":{\"event\":\"from-the-future\"}}\n{\"records\":[]}\n",
    );
    let client = Client::find(&house.socket(), Arc::new(())).await.unwrap().unwrap();
    assert_eq!(client.order(Run::default()).await.unwrap(), []);
}
