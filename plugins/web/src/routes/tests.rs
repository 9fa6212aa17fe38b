//! The router, asked over a socket.

use std::{path::Path, sync::Arc};

use axum::{body::Bytes, http::header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pimainteno_core::{
    ErrorKind, Maintainer, ProjectId, config::ProjectConfig, testing::ScriptedBackend,
};
use pimainteno_plugin::Edit;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::{Client, Paused, routes};

/// A server of a project that is called `Radio Küche`, at `socket` in a directory that vanishes.
fn serve(mounted: impl FnOnce(Router) -> Router) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut project = ProjectConfig::new(directory.path());
    project.name = Some("Radio Küche".into());
    let builder = Maintainer::builder()
        .project(project)
        .provider("scripted")
        .without_sandbox_helper()
        .backend(ScriptedBackend::new("scripted", Edit::Reply));
    let maintainer = builder.state_directory(directory.path().join("state")).build().unwrap();
    listen(&directory, mounted(crate::router(maintainer)));
    directory
}

fn listen(directory: &TempDir, router: Router) {
    let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
}

/// The status and the JSON that a request is answered with.
async fn ask(directory: &Path, request: axum::http::request::Builder, body: &str) -> (u16, Value) {
    let stream = UnixStream::connect(directory.join("socket")).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        request.header(header::HOST, "pi:8080").body(Full::<Bytes>::from(body.to_owned())).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (status, body) =
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes());
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{status}: {body:?}")))
}

fn post(path: &str) -> axum::http::request::Builder {
    axum::http::Request::post(path)
}

#[test]
fn what_is_written_about_the_routes_is_what_there_is() {
    let written: Vec<String> = include_str!("../lib.rs")
        .lines()
        .filter(|line| line.starts_with("//! | `"))
        .map(str::to_owned)
        .collect();
    let row = |route: &Route| {
        let verb = if route.fields.is_empty() && route.verb == "events" {
            route.verb.to_owned()
        } else {
            format!("[`{}`]", route.verb)
        };
        let fields: String =
            route.fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
        format!("//! | `{} {}` | {verb} | {fields}", route.method, route.path)
    };
    let routes: Vec<String> = routes().iter().map(row).collect();
    let begins = |(written, row): (&String, &String)| {
        written.strip_prefix(row.trim_end()).is_some_and(|rest| rest.starts_with(" |"))
    };
    assert!(
        written.len() == routes.len() && written.iter().zip(&routes).all(begins),
        "{written:#?}\n{routes:#?}"
    );
}

#[tokio::test]
async fn an_answer_that_panics_is_an_error_and_the_next_one_works() {
    #[derive(Serialize, Deserialize)]
    struct Broken {}
    impl Verb for Broken {
        const PATH: &'static str = "/broken";
        type Answer = Value;
        async fn answer(self, _: &Service) -> Result<Value, Refusal> {
            panic!("on purpose")
        }
    }
    let directory = serve(|router| router);
    std::fs::remove_file(directory.path().join("socket")).unwrap();
    let builder =
        Maintainer::builder().project(ProjectConfig::new(directory.path())).provider("scripted");
    let builder = builder
        .without_sandbox_helper()
        .backend(ScriptedBackend::new("scripted", Edit::Reply))
        .state_directory(directory.path().join("other"));
    let service = Service::new(builder.build().unwrap());
    listen(
        &directory,
        Table::default()
            .verb::<Healthz>()
            .verb::<Broken>()
            .router
            .layer(from_fn(contained))
            .with_state(service),
    );
    let client =
        Client::find(&directory.path().join("socket"), Arc::new(())).await.unwrap().unwrap();
    let error = client.ask(Broken {}).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Internal, "the answer was lost; this is a defect")
    );
    client.ask(Healthz {}).await.unwrap();
}

#[tokio::test]
async fn a_verb_is_the_same_from_the_client_and_by_hand_wherever_the_router_is_mounted() {
    let directory = serve(|router| router.clone().nest("/of/{id}/{limit}", router));
    let client =
        Client::find(&directory.path().join("socket"), Arc::new(())).await.unwrap().unwrap();
    let paused = client.ask(Pause { project: "Radio Küche".into() }).await.unwrap();
    assert_eq!(
        paused,
        Paused { project: ProjectId::of("radio-k-che"), paused: true, changed: true },
        "by its name"
    );
    assert!(client.ask(Status {}).await.unwrap().projects[0].paused);
    // Where everything is in the path, nothing need be sent.
    for (mount, changed) in [("", true), ("/of/a/b", false)] {
        let (status, resumed) = ask(
            directory.path(),
            post(&format!("{mount}/api/projects/Radio%20K%C3%BCche/resume")),
            "",
        )
        .await;
        let project = &paused.project;
        let expected = json!({ "project": project, "paused": false, "changed": changed });
        assert_eq!((status, resumed), (200, expected));
        let runs = axum::http::Request::get(format!(
            "{mount}/api/projects/{}/runs?limit=3",
            paused.project
        ));
        assert_eq!(ask(directory.path(), runs, "").await, (200, json!([])));
    }
    let (status, problem) = ask(directory.path(), post("/api/projects/other/pause"), "").await;
    assert_eq!((status, &problem["error"]), (404, &json!("there is no project `other`")));
}

#[tokio::test]
async fn what_is_not_understood_is_refused_before_anything_is_done() {
    let directory = serve(|router| router);
    let json = |path: &str| post(path).header(header::CONTENT_TYPE, "application/json");
    let proposal = "/api/proposals/0199a3/reject";
    for (request, body, status, reason) in [
        (post("/api/run"), "{}", 415, "Content-Type"),
        (json("/api/run"), "", 400, "EOF"),
        (json("/api/run"), "[]", 422, "invalid type"),
        (json(proposal), "{}", 422, "missing field `reason`"),
        (json(proposal), "{\"reason\": \"no\", \"why\": 1}", 422, "unknown field `why`"),
        (
            json(proposal),
            "{\"reason\": \"no\", \"id\": \"0199a4\"}",
            422,
            "`id` is said by the path",
        ),
        (json(proposal), "{\"reason\": \"no\"}", 404, "no proposal begins with `0199a3`"),
        (json("/api/projects/radio/rollback"), "{\"run\": 7}", 422, "invalid type: integer `7`"),
    ] {
        let (found, problem) = ask(directory.path(), request, body).await;
        assert!(
            found == status
                && problem["error"].as_str().is_some_and(|error| error.contains(reason)),
            "{body}: {found} {problem}"
        );
    }
}

#[tokio::test]
async fn a_page_of_another_origin_decides_nothing() {
    let directory = serve(|router| router);
    let path = "/api/projects/radio-k-che/pause";
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        let (status, problem) = ask(directory.path(), post(path).header(name, value), "").await;
        assert_eq!(
            (status, &problem["error"]),
            (403, &json!("a page of another origin does not decide here"))
        );
    }
    let status = || {
        ask(
            directory.path(),
            axum::http::Request::get("/api/status").header("origin", "https://evil.example"),
            "",
        )
    };
    assert_eq!(status().await.1["projects"][0]["paused"], false);
    assert_eq!(
        ask(directory.path(), post(path).header("origin", "http://pi:8080"), "").await.0,
        200
    );
    assert_eq!(status().await.1["projects"][0]["paused"], true);
}
