//! Who is at the other end of the control socket.
//!
//! Whoever can connect runs as this user, and so does what a run started: checks, agents, commands.
//! They must never decide about a change, their own least of all.

use std::{fs, os::unix::fs::MetadataExt as _};

use axum::{
    extract::{ConnectInfo, Request, connect_info::Connected},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
    serve::IncomingStream,
};
use pimainteno_web::Refusal;
use tokio::net::{UnixListener, UnixStream};

/// The namespaces in which a person's program is where the daemon is. Others differ innocently: a
/// unit with a private `/tmp` has mounts of its own.
const NAMESPACES: [&str; 2] = ["user", "pid"];

/// How many parents are looked at.
const MOST_PARENTS: usize = 1000;

/// Who is at the other end of a connection, looked at when it was made.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Why it may not decide anything; `None` if it may.
    objection: Option<String>,
}

/// Refuses to decide anything for whoever a run may have started; reading is for everybody who can
/// connect.
pub(super) async fn decided_by_somebody(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let objection = match request.extensions().get::<ConnectInfo<Peer>>() {
        Some(ConnectInfo(peer)) => peer.objection.clone(),
        None => Some("it cannot be told who asks".into()),
    };
    match objection {
        None => next.run(request).await,
        Some(objection) => {
            tracing::warn!(%objection, path = request.uri().path(), "A request to decide was refused.");
            Refusal::new(
                StatusCode::FORBIDDEN,
                format!("this is not for you to decide: {objection}"),
            )
            .into_response()
        }
    }
}

impl Peer {
    fn of(stream: &UnixStream) -> Self {
        let objection = match stream.peer_cred() {
            Ok(peer) => object(peer.uid(), peer.pid()),
            Err(error) => Some(format!("it cannot be told who asks: {error}")),
        };
        Self { objection }
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self::of(stream.io())
    }
}

fn object(uid: u32, pid: Option<i32>) -> Option<String> {
    let own = std::process::id();
    let us = fs::metadata("/proc/self").map(|metadata| metadata.uid()).ok();
    match us {
        Some(us) if us == uid => {}
        // Root may do anything as this user, and nothing that a run of this user starts is root.
        // What it is started by cannot be seen from here.
        Some(_) if uid == 0 => return None,
        _ => return Some(format!("user {uid} does not decide here")),
    }
    let Some(pid) = pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0) else {
        return Some("whoever asks runs where the daemon does not see it".into());
    };
    if pid == own {
        return None;
    }
    let place = |process: &str, namespace: &str| {
        fs::read_link(format!("/proc/{process}/ns/{namespace}")).ok()
    };
    let is_apart = NAMESPACES.iter().any(|namespace| {
        let theirs = place(&pid.to_string(), namespace);
        theirs.is_none() || theirs != place("self", namespace)
    });
    if is_apart {
        return Some("whoever asks runs in a sandbox, or is gone already".into());
    }
    let mut ancestor = pid;
    for _ in 0..MOST_PARENTS {
        match parent(ancestor) {
            Some(parent) if parent == own => {
                return Some(
                    "a run of this daemon started whoever asks; a person decides, from elsewhere"
                        .into(),
                );
            }
            Some(0 | 1) => return None,
            Some(parent) => ancestor = parent,
            None => break,
        }
    }
    Some("it cannot be told who started whoever asks".into())
}

/// The fourth field of a process' line, after a name that may hold anything (`proc_pid_stat(5)`).
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.get(stat.iter().rposition(|byte| *byte == b')')? + 1..)?;
    std::str::from_utf8(after_name).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_and_those_that_cannot_be_seen_do_not_decide_and_the_one_who_started_us_does() {
        let us = fs::metadata("/proc/self").unwrap().uid();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(object(us, Some(own)), None);
        let starter = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert_eq!(object(us, Some(starter)), None);
        assert!(object(us + 12345, Some(own)).unwrap().contains("does not decide"));
        assert!(object(us, None).is_some() && object(us, Some(0)).is_some());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let said = object(us, i32::try_from(child.id()).ok()).unwrap();
        assert!(said.contains("a run of this daemon started"), "{said}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(object(us, i32::try_from(child.id()).ok()).unwrap().contains("gone"));
    }
}
