//! Helpers for the tests of embedding programs: a backend that says what it is told to, a sink that
//! remembers, and a contract that every backend keeps.
//!
//! Behind the feature `testing`.

mod kept;

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use pimainteno_plugin::{Edit, Reply, Request, Task, Usage};

use crate::{
    backend::{Call, LlmBackend},
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink},
    process::Cancel,
};

pub use kept::{cached_reply, change_project, change_proposal};

/// A backend that answers each task with the next of the answers it was given for it, and counts
/// its calls. Clones share both.
#[derive(Clone, Debug)]
pub struct ScriptedBackend {
    name: String,
    edit: Edit,
    shared: Arc<Mutex<Shared>>,
}

/// One answer of a [`ScriptedBackend`].
#[derive(Clone, Debug)]
pub enum Scripted {
    /// This text.
    Text(String),
    /// This file is written in the workspace, and this text is the answer.
    Edit {
        /// The path from the workspace's top.
        path: String,
        /// The file's new content.
        content: String,
        /// The answer.
        text: String,
    },
    /// A failure that another try does not mend.
    Failure(String),
    /// Trouble that passes after so many seconds.
    Trouble(String, u64),
    /// No answer until the call is cancelled.
    Hang,
    /// A panic.
    Panic,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Vec<(Task, VecDeque<Scripted>)>,
    requests: Vec<Request>,
}

impl ScriptedBackend {
    /// A backend named `name` that hands over changes as `edit` says. A task without a scripted
    /// answer is answered with an empty text.
    pub fn new(name: impl Into<String>, edit: Edit) -> Self {
        Self { name: name.into(), edit, shared: Arc::default() }
    }

    /// Adds an answer for `task`, after those that it has.
    #[must_use]
    pub fn answer(self, task: Task, answer: Scripted) -> Self {
        {
            let mut shared = self.shared();
            match shared.answers.iter_mut().find(|(known, _)| *known == task) {
                Some((_, answers)) => answers.push_back(answer),
                None => shared.answers.push((task, VecDeque::from([answer]))),
            }
        }
        self
    }

    /// The requests it got so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared().requests.clone()
    }

    /// How many requests of a task it got so far.
    pub fn calls(&self, task: Task) -> usize {
        self.shared().requests.iter().filter(|request| request.task == task).count()
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, request: &Request) -> Option<Scripted> {
        let mut shared = self.shared();
        shared.requests.push(request.clone());
        shared.answers.iter_mut().find(|(task, _)| *task == request.task)?.1.pop_front()
    }
}

#[async_trait]
impl LlmBackend for ScriptedBackend {
    fn name(&self) -> &str {
        &self.name
    }

    fn model(&self) -> &str {
        "script"
    }

    fn edit(&self) -> Edit {
        self.edit
    }

    async fn complete(&self, request: &Request, call: &Call) -> Result<Reply> {
        let usage = Usage::call(100, 0, 10);
        match self.next(request) {
            None => Ok(Reply::default().with_usage(usage)),
            Some(Scripted::Text(text)) => Ok(Reply::new(text).with_usage(usage)),
            Some(Scripted::Edit { path, content, text }) => {
                write(&request.workspace, &path, &content)?;
                Ok(Reply::new(text).with_usage(usage))
            }
            Some(Scripted::Failure(message)) => Err(Error::new(ErrorKind::Backend, message)),
            Some(Scripted::Trouble(message, seconds)) => {
                Err(Error::new(ErrorKind::Backend, message)
                    .retry_after(std::time::Duration::from_secs(seconds)))
            }
            Some(Scripted::Hang) => {
                call.cancel.raised().await;
                Err(Error::new(ErrorKind::Cancelled, "the call was cancelled"))
            }
            #[expect(clippy::panic, reason = "that is what was asked for")]
            Some(Scripted::Panic) => panic!("scripted"),
        }
    }
}

/// A sink that remembers every event. Clones share the memory.
#[derive(Clone, Debug, Default)]
pub struct RecordingSink(Arc<Mutex<Vec<Event>>>);

impl RecordingSink {
    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl EventSink for RecordingSink {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

/// Checks what every backend must keep to, whatever it answers: its name can stand in a
/// configuration, a cancelled call returns, and a question that is not about a change leaves the
/// workspace as it is.
///
/// # Errors
/// What it does not keep to.
pub async fn check_backend(backend: &dyn LlmBackend, workspace: &Path) -> Result<()> {
    let broken = |message: String| Err(Error::new(ErrorKind::Internal, message));
    let name = backend.name();
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return broken(format!("`{name}` cannot stand in a configuration"));
    }
    let before = listing(workspace);
    let cancel = Cancel::new();
    cancel.raise();
    let request = Request::new(Task::Summarize, workspace, "Summarize the project.");
    let answer = tokio::time::timeout(
        std::time::Duration::from_secs(30),
        backend.complete(&request, &Call::new(cancel)),
    )
    .await;
    if answer.is_err() {
        return broken(format!("`{name}` does not return when it is cancelled"));
    }
    if listing(workspace) != before {
        return broken(format!("`{name}` changes the workspace although it was asked for text"));
    }
    Ok(())
}

/// Every file below a directory with its content, `.git` left out.
fn listing(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name != ".git"))
    {
        if path.is_dir() {
            files.extend(listing(&path));
        } else {
            files.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
    }
    files.sort();
    files
}

fn write(directory: &Path, path: &str, content: &str) -> Result<()> {
    let file = directory.join(path);
    let written =
        file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, content));
    written.map_err(|source| {
        Error::new(ErrorKind::Backend, format!("cannot write `{}`", file.display())).source(source)
    })
}
