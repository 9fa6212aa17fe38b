//! How commands reach the projects: through the daemon that runs, or by themselves.

pub(crate) mod local;

use std::{path::Path, sync::Arc, time::Duration};

use pimainteno_core::{
    Error, ErrorKind, Event, EventSink, Maintainer, MaintainerBuilder, NoticeKind, Proposal, Result, RunOptions, RunRecord, store::Notice,
};

use crate::{
    api::{ApproveRequest, Paused, RejectRequest, RollbackRequest, RunDetail, RunRequest, Status},
    client::{Client, segment},
    setup::Setup,
};

/// How long to look for the socket of a process that has the store: a daemon that is starting answers a moment after it opened its store.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often to look for it meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// A way to the projects.
pub(crate) enum Access {
    /// No daemon runs; this process does what is asked, and holds the store meanwhile.
    Local(Maintainer),
    /// The daemon does it.
    Remote(Client),
}

impl Access {
    /// Reaches the daemon if its socket answers, and opens the store itself if not.
    ///
    /// `events` receives those of the runs that are started through this.
    ///
    /// # Errors
    /// What keeps a daemon that is there from answering; without one, what [`MaintainerBuilder::build`] says.
    pub(crate) async fn open(setup: &Setup, events: impl Fn(&Event) + Send + Sync + 'static) -> Result<Self> {
        Self::reach(&setup.socket, || setup.builder(), Arc::new(events)).await
    }

    /// The same with its parts: where the daemon would be, and what to maintain without one.
    pub(crate) async fn reach(socket: &Path, builder: impl Fn() -> MaintainerBuilder, events: Arc<dyn EventSink>) -> Result<Self> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(client) = Client::find(socket, events.clone()).await? {
                return Ok(Self::Remote(client));
            }
            let sink = events.clone();
            match builder().events(move |event: &Event| sink.event(event)).build() {
                Ok(maintainer) => return Ok(Self::Local(maintainer)),
                Err(error) if error.kind() != ErrorKind::Store => return Err(error),
                Err(error) if waited >= PATIENCE => {
                    return Err(error.hint(format!(
                        "no daemon answers at `{}`: if a command or a daemon that is stopping has the store, wait for its end",
                        socket.display()
                    )));
                }
                Err(_) => {}
            }
            tokio::time::sleep(GLANCE).await;
            waited += GLANCE;
        }
    }

    /// All projects at a glance.
    ///
    /// # Errors
    /// [`ErrorKind::Store`], or that the daemon does not answer.
    pub(crate) async fn status(&self) -> Result<Status> {
        match self {
            Self::Local(maintainer) => local::status(maintainer, false, |_| None),
            Self::Remote(client) => client.get("/api/status").await,
        }
    }

    /// The last `limit` runs that ended, the newest first: of one project, named by its id or its name, or of all.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is no such project; otherwise as [`Self::status`].
    pub(crate) async fn runs(&self, project: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        match (self, project) {
            (Self::Local(maintainer), _) => local::runs(maintainer, project, limit),
            (Self::Remote(client), None) => client.get(&format!("/api/runs?limit={limit}")).await,
            (Self::Remote(client), Some(project)) => client.get(&format!("/api/projects/{}/runs?limit={limit}", segment(project))).await,
        }
    }

    /// Everything about one run, named by its id or the beginning of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is none or more than one; otherwise as [`Self::status`].
    pub(crate) async fn run(&self, id_prefix: &str) -> Result<RunDetail> {
        match self {
            Self::Local(maintainer) => local::run(maintainer, id_prefix),
            Self::Remote(client) => client.get(&format!("/api/runs/{}", segment(id_prefix))).await,
        }
    }

    /// Runs projects, or all of them if none is named, to the end; gives a record for each.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is no such project, and then none is run; [`ErrorKind::Store`]; that the daemon stopped answering.
    pub(crate) async fn start(&self, projects: &[String], options: RunOptions) -> Result<Vec<RunRecord>> {
        match self {
            Self::Local(maintainer) => local::start(maintainer, projects, options).await,
            Self::Remote(client) => client.order("/api/run", &RunRequest::new(projects, options)).await,
        }
    }

    /// The last `limit` changes that are held, the newest first and without their diffs: of one project or of all; with `all`, also those that are decided.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub(crate) async fn proposals(&self, project: Option<&str>, all: bool, limit: usize) -> Result<Vec<Proposal>> {
        match self {
            Self::Local(maintainer) => local::proposals(maintainer, project, all, limit),
            Self::Remote(client) => {
                let of = project.map_or_else(String::new, |project| format!("&project={}", segment(project)));
                client.get(&format!("/api/proposals?all={all}&limit={limit}{of}")).await
            }
        }
    }

    /// One change, named by its id or the beginning of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is none or more than one; otherwise as [`Self::status`].
    pub(crate) async fn proposal(&self, id_prefix: &str) -> Result<Proposal> {
        match self {
            Self::Local(maintainer) => maintainer.proposal(id_prefix),
            Self::Remote(client) => client.get(&format!("/api/proposals/{}", segment(id_prefix))).await,
        }
    }

    /// The last `limit` notices, the newest first: about one project, named by its id or its name, or about all and none.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub(crate) async fn notices(&self, project: Option<&str>, limit: usize) -> Result<Vec<Notice>> {
        match self {
            Self::Local(maintainer) => local::notices(maintainer, project, limit),
            Self::Remote(client) => {
                let of = project.map_or_else(String::new, |project| format!("&project={}", segment(project)));
                client.get(&format!("/api/notices?limit={limit}{of}")).await
            }
        }
    }

    /// Approves the held change whose diff has this SHA-256, and delivers it; gives the record of that run.
    ///
    /// # Errors
    /// As [`Maintainer::approve`], and that the daemon stopped answering.
    pub(crate) async fn approve(&self, id: &str, sha256: &str) -> Result<RunRecord> {
        match self {
            Self::Local(maintainer) => maintainer.approve(id, sha256).await,
            Self::Remote(client) => {
                let order = ApproveRequest { sha256: sha256.to_owned() };
                only(client.order(&format!("/api/proposals/{}/approve", segment(id)), &order).await?)
            }
        }
    }

    /// Rejects a held change.
    ///
    /// # Errors
    /// As [`Maintainer::reject`], and that the daemon does not answer.
    pub(crate) async fn reject(&self, id: &str, reason: &str) -> Result<Proposal> {
        match self {
            Self::Local(maintainer) => maintainer.reject(id, reason).await,
            Self::Remote(client) => {
                client.post(&format!("/api/proposals/{}/reject", segment(id)), &RejectRequest { reason: reason.to_owned() }).await
            }
        }
    }

    /// Takes back what a run delivered; gives the record of the run that does.
    ///
    /// # Errors
    /// As [`Maintainer::rollback`], and that the daemon stopped answering.
    pub(crate) async fn rollback(&self, project: &str, run: Option<&str>) -> Result<RunRecord> {
        match self {
            Self::Local(maintainer) => maintainer.rollback(project, run).await,
            Self::Remote(client) => {
                let order = RollbackRequest { run: run.map(str::to_owned) };
                only(client.order(&format!("/api/projects/{}/rollback", segment(project)), &order).await?)
            }
        }
    }

    /// Keeps projects, or all of them if none is named, from their runs, or lets them go on.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is no such project; otherwise as [`Self::status`].
    pub(crate) async fn set_paused(&self, projects: &[String], paused: bool) -> Result<Vec<Paused>> {
        let names = match projects {
            [] => self.status().await?.projects.into_iter().map(|project| project.id).collect(),
            names => names.to_vec(),
        };
        let verb = if paused { "pause" } else { "resume" };
        let mut answers = Vec::new();
        for name in names {
            answers.push(match self {
                Self::Local(maintainer) => local::set_paused(maintainer, &name, paused)?,
                Self::Remote(client) => client.post(&format!("/api/projects/{}/{verb}", segment(&name)), &()).await?,
            });
        }
        Ok(answers)
    }

    /// Tells runs of this process to stop; [`Self::start`] ends soon. Runs in the daemon go on, and the sink is told so.
    pub(crate) async fn stop(&self) {
        match self {
            Self::Local(maintainer) => maintainer.stop(),
            Self::Remote(client) => {
                let message = "the daemon goes on with what was started; `pi-mainteno status` shows it";
                client.events().event(&Event::notice(NoticeKind::Daemon, message));
            }
        }
    }
}

/// The record of what was asked for.
fn only(records: Vec<RunRecord>) -> Result<RunRecord> {
    let record = records.into_iter().next();
    record.ok_or_else(|| Error::new(ErrorKind::Service, "the daemon does not say how the run ended").hint("`pi-mainteno runs` lists it"))
}
