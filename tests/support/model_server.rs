//! A model's server for tests: the Responses API on loopback, with answers that a test chooses.
//!
//! It speaks to the real codex, which cannot tell it from a provider. What goes wrong with real
//! providers can be chosen as well. Each request takes the next answer of the script; the last one
//! stays for all that follow.
#![allow(dead_code, reason = "each test program that includes this file uses another part of it")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    future::ready,
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

/// Tokens that the server says each answer has read, those from the cache among them.
pub(crate) const INPUT_TOKENS: u64 = 100;
/// Tokens that the server says came from the cache.
pub(crate) const CACHED_TOKENS: u64 = 40;
/// Tokens that the server says each answer has written.
pub(crate) const OUTPUT_TOKENS: u64 = 20;

/// A running server; it stops when this is dropped.
pub(crate) struct ModelServer {
    port: u16,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Says this and ends the turn.
    Message(String),
    /// Asks for this patch to be applied, in codex's own format.
    Patch(String),
    /// Asks for this shell command to be run.
    Run(String),
    /// Refuses with this status, code and message.
    Refuse(u16, &'static str, String),
    /// Refuses with this status and body, as they are.
    Raw(u16, Value),
    /// Starts an answer and then says that it failed, with this code and message.
    Fail(&'static str, String),
    /// Says something and then that it had to stop, for this reason.
    Incomplete(&'static str),
    /// Ends the turn without a word.
    Empty,
    /// Sends bytes that mean nothing.
    Garbage,
    /// Starts an answer and closes the connection in the middle.
    Cut,
    /// Never answers.
    HangBeforeHeaders,
    /// Starts an answer and says nothing more.
    HangAfterHeaders,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Path and query.
    pub(crate) path: String,
    /// The headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, if it was JSON.
    pub(crate) body: Value,
}

/// Chooses the answer to a request, of which so many came before.
type AnswerFn = dyn Fn(&Received, usize) -> Answer + Send + Sync;

struct Shared {
    received: Mutex<Vec<Received>>,
    answer: Box<AnswerFn>,
}

/// How a body ends that is sent piece by piece.
#[derive(Clone, Copy)]
enum BodyEnd {
    Closed,
    Cut,
    Never,
}

impl ModelServer {
    /// Starts a server that gives `script`'s answers one after the other, and the last one for
    /// ever.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let script: Vec<_> = script.into_iter().collect();
        let last = script.len().checked_sub(1).expect("a script has an answer");
        Self::answering(move |_, call| script[call.min(last)].clone()).await
    }

    /// Starts a server that asks `answer` about each request; the number says how many were
    /// answered before.
    pub(crate) async fn answering(
        answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { received: Mutex::default(), answer: Box::new(answer) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be listened on");
        let port = listener.local_addr().expect("a listener has an address").port();
        let router = Router::new().fallback(serve).with_state(shared.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the model server runs");
        });
        Self { port, shared, task }
    }

    /// The address to put into `llm.base_url`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The requests for an answer so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.shared.received.lock().expect("no test panics while it looks").clone()
    }

    /// How many answers were asked for.
    pub(crate) fn calls(&self) -> usize {
        self.shared.received.lock().expect("no test panics while it looks").len()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Answer {
    /// Says `text` and ends the turn.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// Replaces the line `old` of `file` by `new`.
    pub(crate) fn replace(file: &str, old: &str, new: &str) -> Self {
        Self::Patch(format!(
            "*** Begin Patch\n*** Update File: {file}\n@@\n-{old}\n+{new}\n*** End Patch\n"
        ))
    }

    /// Makes `file` with the one line `text`.
    pub(crate) fn create(file: &str, text: &str) -> Self {
        Self::Patch(format!("*** Begin Patch\n*** Add File: {file}\n+{text}\n*** End Patch\n"))
    }

    /// A wrong key.
    pub(crate) fn unauthorized() -> Self {
        Self::Refuse(401, "invalid_api_key", "Incorrect API key provided".into())
    }

    /// Too many requests.
    pub(crate) fn rate_limit() -> Self {
        Self::Refuse(429, "rate_limit_exceeded", "Rate limit reached".into())
    }

    /// No money left.
    pub(crate) fn quota() -> Self {
        Self::Refuse(429, "insufficient_quota", "You exceeded your current quota".into())
    }

    /// A prompt that is too long.
    pub(crate) fn context_overflow() -> Self {
        Self::Fail("context_length_exceeded", "Your input exceeds the context window".into())
    }

    /// The answer to the request that is the server's `number`th.
    fn respond(self, request: &Received, number: usize) -> Response {
        let call = format!("call_{number}");
        let item = match self {
            Self::Refuse(status, code, message) => {
                return refusal(
                    status,
                    &json!({"error": {"message": message, "code": code, "type": code}}),
                );
            }
            Self::Raw(status, body) => return refusal(status, &body),
            Self::Fail(code, message) => {
                let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": code, "message": message}}});
                return stream(vec![created(), failed], BodyEnd::Closed);
            }
            Self::Incomplete(reason) => {
                let response =
                    json!({"status": "incomplete", "incomplete_details": {"reason": reason}});
                return stream(
                    vec![
                        created(),
                        done(&text("unfinished")),
                        json!({"type": "response.incomplete", "response": response}),
                    ],
                    BodyEnd::Closed,
                );
            }
            Self::Empty => return stream(vec![created(), completed()], BodyEnd::Closed),
            Self::Garbage => {
                return pieces(
                    vec![Bytes::from_static(b"\x00\xffnothing\n\ndata: {not json\n\n")],
                    BodyEnd::Closed,
                );
            }
            Self::Cut => return stream(vec![created(), done(&text("half of"))], BodyEnd::Cut),
            Self::HangBeforeHeaders | Self::HangAfterHeaders => {
                return stream(vec![created()], BodyEnd::Never);
            }
            Self::Message(message) => text(&message),
            Self::Patch(patch) => request.patch_call(&patch, &call),
            Self::Run(command) => request.shell_call(&command, &call),
        };
        stream(vec![created(), done(&item), completed()], BodyEnd::Closed)
    }
}

impl Received {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The last text of the user: the prompt.
    pub(crate) fn prompt(&self) -> String {
        let is_user = |item: &&Value| item["role"] == "user";
        let Some(message) = self.input().iter().rfind(is_user) else { return String::new() };
        let parts = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
    }

    /// What the tools answered so far, as text.
    pub(crate) fn results(&self) -> Vec<String> {
        let is_result = |item: &&Value| {
            item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output"))
        };
        self.input()
            .iter()
            .filter(is_result)
            .map(|item| item["output"].as_str().map_or(item["output"].to_string(), str::to_owned))
            .collect()
    }

    fn input(&self) -> &[Value] {
        self.body["input"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The kind of the tool `name`, if codex offers it. Which tools there are depends on the
    /// model's name.
    fn tool(&self, name: &str) -> Option<&str> {
        let tools = self.body["tools"].as_array()?;
        tools.iter().find(|tool| tool["name"] == name)?["type"].as_str()
    }

    fn patch_call(&self, patch: &str, call: &str) -> Value {
        match self.tool("apply_patch") {
            Some("custom") => {
                json!({"type": "custom_tool_call", "id": format!("ct_{call}"), "name": "apply_patch", "input": patch, "call_id": call})
            }
            Some(_) => function("apply_patch", &json!({"input": patch}), call),
            None => self.shell_call(&format!("apply_patch <<'END'\n{patch}END\n"), call),
        }
    }

    fn shell_call(&self, command: &str, call: &str) -> Value {
        if self.tool("exec_command").is_some() {
            function("exec_command", &json!({"cmd": command}), call)
        } else if self.tool("shell_command").is_some() {
            function("shell_command", &json!({"command": command}), call)
        } else {
            function("shell", &json!({"command": ["bash", "-c", command]}), call)
        }
    }
}

/// Takes any request; what is no request for an answer does not count.
async fn serve(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if headers.contains_key(header::UPGRADE) {
        // Codex asks its own provider for a WebSocket first, and takes this as a request to do
        // without at once.
        return refusal(426, &Value::Null);
    }
    if method != Method::POST || !uri.path().ends_with("/responses") {
        return refusal(404, &json!({"error": {"message": format!("there is nothing at {uri}")}}));
    }
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let request = Received {
        path: uri.to_string(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let number = {
        let mut received = shared.received.lock().expect("no test panics while it looks");
        received.push(request.clone());
        received.len() - 1
    };
    match (shared.answer)(&request, number) {
        Answer::HangBeforeHeaders => std::future::pending().await,
        answer => answer.respond(&request, number),
    }
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "resp_test"}})
}

fn done(item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": 0, "item": item})
}

fn completed() -> Value {
    let usage = json!({
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    });
    json!({"type": "response.completed", "response": {"id": "resp_test", "usage": usage}})
}

fn text(text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "id": "msg_test", "content": [{"type": "output_text", "text": text}]})
}

fn function(name: &str, arguments: &Value, call: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{call}"), "name": name, "arguments": arguments.to_string(), "call_id": call})
}

fn refusal(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a test chooses a status that exists");
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn stream(events: Vec<Value>, end: BodyEnd) -> Response {
    let piece = |event: Value| {
        Bytes::from(format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap_or_default()
        ))
    };
    pieces(events.into_iter().map(piece).collect(), end)
}

fn pieces(pieces: Vec<Bytes>, end: BodyEnd) -> Response {
    let end = match end {
        BodyEnd::Closed => stream::empty().boxed(),
        BodyEnd::Cut => {
            stream::once(ready(Err(io::Error::from(io::ErrorKind::ConnectionAborted)))).boxed()
        }
        // Only the other side can end it.
        BodyEnd::Never => stream::pending().boxed(),
    };
    let body = Body::from_stream(stream::iter(pieces).map(Ok).chain(end));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
