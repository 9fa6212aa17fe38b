//! What a person decides: about held changes, delivered ones, and whole projects.

use super::Maintainer;
use crate::{
    error::Result,
    id::ProposalId,
    proposal::{Proposal, ProposalStatus},
    run::RunRecord,
    runner::Forgotten,
    store::ProjectState,
    words::ProjectId,
};

impl Maintainer {
    /// The last `limit` changes, the newest first, without their diffs: of one project or of all,
    /// those that wait for a person or also what became of others.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn proposals(
        &self,
        project: Option<&str>,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Proposal>> {
        self.runner().hear_silence()?;
        if all {
            return self.0.store.proposals(project, |_| true, limit);
        }
        // What is not in the configuration any more cannot be decided about.
        let runner = self.runner();
        let mut held = self.0.store.proposals(project, ProposalStatus::is_held, usize::MAX)?;
        held.retain(|proposal| {
            runner.projects.iter().any(|prepared| prepared.project.id == proposal.project)
        });
        held.truncate(limit);
        Ok(held)
    }

    /// Approves the change that is held as the proposal named by its id or at least four digits of
    /// its beginning, and delivers it in a run of its own.
    ///
    /// `sha256` says which diff was looked at: [`Proposal::sha256`], or at least eight digits of
    /// its beginning. The run places that diff on the checkout's head, runs the checks again
    /// and goes on to the last step. If the files that it touches have changed meanwhile, it
    /// becomes another diff: then nothing is delivered, and that one is held in its place. An
    /// approval goes before whatever held the change, but not before a policy's denial,
    /// protected files, failing checks or the mode `dry-run`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is no such proposal, it is not held, or its run cannot
    /// start now; then it stays as it was. Whatever goes wrong in the run is in its record.
    pub async fn approve(&self, proposal: &str, sha256: &str) -> Result<RunRecord> {
        let id = self.decided(proposal).await?;
        self.runner().approve(id, sha256).await
    }

    /// Rejects a held change, named by its id or at least four digits of its beginning. The backend
    /// is told why the next time that it is asked.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is no such proposal, it is not held, or no reason is
    /// given.
    pub async fn reject(&self, proposal: &str, reason: &str) -> Result<Proposal> {
        let id = self.decided(proposal).await?;
        self.runner().reject(id, reason)
    }

    /// The proposal that is decided about, when nothing is open any more that it may be of.
    async fn decided(&self, proposal: &str) -> Result<ProposalId> {
        ProposalId::is_enough(proposal)?;
        match self.0.store.find_proposal(proposal) {
            // Of a project that is not configured, nothing can be decided.
            Ok(found) => {
                if let Ok(prepared) = self.runner().project(&found.project) {
                    self.recover_checkout_of(&prepared).await?;
                }
            }
            // Whatever is open may be of it.
            Err(_) => drop(self.recover().await?),
        }
        Ok(self.0.store.find_proposal(proposal)?.id)
    }

    /// Takes back what a run delivered, in a run of its own and without a model: the run whose id
    /// begins with `run`, or the project's last one that delivered something.
    ///
    /// What is at the remote is taken back by a commit of the inverse, what never left the machine
    /// is dropped, and the same units are restarted.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is nothing to take back, or it cannot be done now; then
    /// nothing was touched. Whatever goes wrong in the run is in its record.
    pub async fn rollback(&self, project: &str, run: Option<&str>) -> Result<RunRecord> {
        let prepared = self.runner().project(project)?;
        self.recover_checkout_of(&prepared).await?;
        self.runner().roll_back(project, run).await
    }

    /// Keeps a project from being run until it is resumed, also by the next program that opens this
    /// state. A run that goes on goes on.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is no such project, [`crate::ErrorKind::Store`].
    pub fn pause(&self, project: &str) -> Result<()> {
        let id = self.project_id(project)?;
        let path = self.runner().project(project)?.project.path.clone();
        let pause = |state: &mut ProjectState| {
            state.paused = true;
            // The pause is of the checkout, whatever the project is called tomorrow.
            state.checkout = Some(path);
        };
        self.0.store.update_project(&id, pause).map(drop)
    }

    /// Lets a project be run again, whatever kept it from that: it was paused, it was parked, it
    /// failed again and again, or a run that was cut off cannot be finished and is given up
    /// now. One that was parked is run at once by [`Self::serve`], the others at their next slot.
    ///
    /// Says whether there was anything to let go on.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub fn resume(&self, project: &str) -> Result<bool> {
        let runner = self.runner();
        let prepared = runner.project(project)?;
        let id = &prepared.project.id;
        let is_kept =
            runner.store.project(id).is_kept_from_runs() || runner.store.has_open_run(id)?;
        if is_kept {
            runner.release(&prepared)?;
            // What keeps a repair waiting may be over by that.
            runner.incidents.found.notify_one();
        }
        Ok(is_kept)
    }

    /// The projects that are not in the configuration any more, and of which workspaces, caches or
    /// what was remembered is still there. [`Self::forget`] removes it.
    pub fn left_over(&self) -> Vec<ProjectId> {
        self.runner().left_over()
    }

    /// Those of them that have a run which was cut off and can only be finished when the project is
    /// in the configuration again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`] if that cannot be found out.
    pub fn unfinished(&self) -> Result<Vec<ProjectId>> {
        let runner = self.runner();
        let is_open = |id: ProjectId| {
            runner.store.has_open_run(&id).map(|is_open| is_open.then_some(id)).transpose()
        };
        runner.left_over().into_iter().filter_map(is_open).collect()
    }

    /// Removes what runs of a project left: its workspaces, with what its repository knows of them,
    /// its caches, the summary in its checkout, the changes that wait and everything that is
    /// remembered; the history of its runs only with `history`. What others made is not touched.
    ///
    /// One that is in the configuration must be paused, and stays so. What was cut off is finished
    /// by doing it again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if nothing is known of the project, it is configured and not
    /// paused, or a run of it goes on or was cut off and is not finished yet; what keeps something
    /// from being removed.
    pub async fn forget(&self, project: &str, history: bool) -> Result<Forgotten> {
        self.runner().forget(project, history).await
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, pin::pin, task::Poll};

    use pimainteno_plugin::Edit;

    use super::*;
    use crate::{
        config::ProjectConfig, process::Environment, testing::ScriptedBackend, words::CommitId,
    };

    fn git(directory: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        let output = std::process::Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(directory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    #[tokio::test]
    async fn a_change_that_another_one_took_the_place_of_while_its_approval_waited_is_not_delivered()
     {
        let directory = tempfile::tempdir().unwrap();
        let checkout = directory.path().join("radio");
        std::fs::create_dir(&checkout).unwrap();
        git(&checkout, &["init", "--quiet", "--initial-branch=main"]);
        git(&checkout, &["commit", "--quiet", "--allow-empty", "--message=begin"]);
        let maintainer = Maintainer::builder()
            .project(ProjectConfig::new(&checkout))
            .backend(ScriptedBackend::new("scripted", Edit::Reply))
            .provider("scripted")
            .without_sandbox_helper()
            .environment(Environment::from_variables(std::env::vars_os()))
            .state_directory(directory.path().join("state"))
            .build()
            .unwrap();
        let runner = maintainer.runner();
        let held = |diff: &str| {
            let mut proposal = Proposal::new(
                ProjectId::of("radio"),
                CommitId::unchecked("0"),
                diff.into(),
                "docs: edit",
                "scripted",
            );
            proposal.status = ProposalStatus::Held { reason: "a person decides".into() };
            runner.store.put_proposal(&proposal).unwrap();
            proposal
        };
        let first = held("first");
        // The turn waits for this.
        let unfinished = runner.recovery.begin(&first.project).await;
        let mut approval = pin!(runner.approve(first.id, &first.sha256));
        let is_waiting =
            std::future::poll_fn(|task| Poll::Ready(approval.as_mut().poll(task).is_pending()))
                .await;
        assert!(is_waiting);
        let second = held("second");
        drop(unfinished);
        let error = approval.await.unwrap_err().to_string();
        assert!(error.contains(&format!("it is superseded by {}", second.id)), "{error}");
    }
}
