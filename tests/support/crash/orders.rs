//! What a daemon is told to do, and what there has to be before that.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::Value;

use super::{DEADLINE, World};

/// What a person or the schedule asks for in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// A run that puts right what the user wrote.
    Run,
    /// That the change which such a run proposed is delivered.
    Approval,
    /// That the change which such a run delivered is taken back.
    Rollback,
}

impl World {
    /// Brings about what the order is about; gives the order's path and body.
    pub(super) fn prepare(&self) -> (String, String) {
        let run = ("/api/run".to_owned(), r#"{"projects":["radio"],"force":true}"#.to_owned());
        if self.scenario.order == Order::Run {
            return run;
        }
        let answer = post(&self.socket(), &run.0, &run.1).unwrap();
        let outcome = if self.scenario.order == Order::Approval { "held" } else { "applied" };
        assert!(answer.contains(&format!("\"outcome\":{{\"kind\":\"{outcome}\"")), "{answer}");
        match self.scenario.order {
            Order::Run => run,
            Order::Approval => {
                let held = self.get("/api/proposals").unwrap()[0].clone();
                let text = |key: &str| held[key].as_str().unwrap().to_owned();
                (
                    format!("/api/proposals/{}/approve", text("id")),
                    format!(r#"{{"sha256":"{}"}}"#, text("sha256")),
                )
            }
            Order::Rollback => ("/api/projects/radio/rollback".to_owned(), "{}".to_owned()),
        }
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, String> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = ask(&self.socket(), &request)
            .map_err(|error| format!("the daemon does not answer: {error}"))?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).map_err(|error| format!("{error}: {answer}"))
    }
}

/// Sends an order; gives the answer as far as it came: a daemon that is killed resets the
/// connection.
pub(super) fn post(socket: &Path, path: &str, body: &str) -> io::Result<String> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n"
    );
    ask(socket, &format!("{head}content-length: {}\r\n\r\n{body}", body.len()))
}

fn ask(socket: &Path, request: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
