//! A daemon with a project to maintain, in a directory that vanishes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use pimainteno_core::{
    Call, Error, ErrorKind, Event, LlmBackend, Maintainer, MaintainerBuilder, Reply, Request,
    Result,
    config::Config,
    process::{Command, Environment},
};
use pimainteno_web::Client;
use tempfile::TempDir;
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::{access::Access, daemon::serve};

/// How long anything may take in a test.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// A project, and room for state and a socket.
pub(super) struct House {
    directory: TempDir,
}

/// A daemon that runs in a task.
pub(super) struct Daemon {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

/// Says that nothing is to be changed, in its way.
#[derive(Clone, Debug)]
pub(super) enum Backend {
    /// At once, with this summary.
    Summary(String),
    /// When it is told to.
    When(Arc<Notify>),
    /// Never: it waits for a child process, whose number is in this file.
    Child(PathBuf),
}

impl House {
    pub(super) fn new() -> Self {
        let house = Self { directory: tempfile::tempdir().unwrap() };
        let project = house.path("project");
        fs::create_dir(&project).unwrap();
        fs::write(project.join("README.md"), "A radio.\n").unwrap();
        let author = ["-c", "user.name=Test", "-c", "user.email=test@localhost"];
        for arguments in [
            &["init", "--quiet", "-b", "main"][..],
            &["add", "."],
            &["commit", "--quiet", "-m", "first"],
        ] {
            let mut git = std::process::Command::new("git");
            let git = git
                .current_dir(&project)
                .args(author)
                .args(arguments)
                .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")]);
            assert!(git.status().unwrap().success());
        }
        house
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.path("run/control.sock")
    }

    pub(super) fn builder(&self, backend: Backend) -> MaintainerBuilder {
        let text = "[llm]\nprovider = 'scripted'\n[[project]]\nname = 'Radio Küche'\npath = 'project'\nsteps = ['summarize', 'propose']\n";
        let config =
            Config::parse(text, &self.path("PiMainteno.toml"), |_| None, None).unwrap().config;
        let environment = Environment::default()
            .with("PATH", std::env::var_os("PATH").unwrap())
            .with("HOME", self.directory.path())
            .with("GIT_CONFIG_GLOBAL", "/dev/null")
            .with("GIT_CONFIG_NOSYSTEM", "1");
        Maintainer::builder()
            .config(config)
            .state_directory(self.path("state"))
            .environment(environment)
            .without_sandbox_helper()
            .backend(backend)
    }

    /// Starts a daemon and waits until it answers.
    pub(super) async fn start(&self, backend: Backend) -> Daemon {
        let (builder, socket) = (self.builder(backend), self.socket());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            serve(builder, None, &socket, async { drop(stopped.await) }).await
        });
        until(async || Client::find(&self.socket(), Arc::new(())).await.unwrap().is_some()).await;
        Daemon { stop, task }
    }

    /// A way to the project, and what it told.
    pub(super) async fn access(&self) -> (Access, Arc<Mutex<Vec<Event>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = told.clone();
        let events = Arc::new(move |event: &Event| sink.lock().unwrap().push(event.clone()));
        let access = Access::reach(
            &self.socket(),
            None,
            || self.builder(Backend::Summary("short".into())),
            events,
        )
        .await
        .unwrap();
        (access, told)
    }
}

impl Daemon {
    /// Tells it to stop.
    pub(super) fn stop(self) -> JoinHandle<Result<()>> {
        self.stop.send(()).unwrap();
        self.task
    }
}

/// Waits until something is so.
pub(super) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = timeout(DEADLINE, async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    });
    waiting.await.expect("it should have come to pass");
}

/// Whether a process goes on whose number is in a file.
pub(super) fn is_alive(file: &Path) -> bool {
    let number = fs::read_to_string(file).unwrap();
    Path::new("/proc").join(number.trim()).exists()
}

#[async_trait]
impl LlmBackend for Backend {
    fn name(&self) -> &str {
        "scripted"
    }

    fn is_paid(&self) -> bool {
        false
    }

    async fn complete(&self, _: &Request, call: &Call) -> Result<Reply> {
        match self {
            Self::Summary(text) => return Ok(Reply::new(format!("{text}\nno change"))),
            Self::When(told) => tokio::select! {
                () = told.notified() => return Ok(Reply::new("no change")),
                () = call.cancel.raised() => {}
            },
            Self::Child(file) => {
                let child = Command::shell(format!(
                    "echo $$ > '{0}.new'; mv '{0}.new' '{0}'; exec sleep 1000",
                    file.display()
                ));
                drop(
                    child
                        .env("PATH", "/usr/bin:/bin")
                        .timeout(Duration::from_secs(1000))
                        .cancel(&call.cancel)
                        .run()
                        .await,
                );
            }
        }
        Err(Error::new(ErrorKind::Cancelled, "the run was told to stop"))
    }
}
