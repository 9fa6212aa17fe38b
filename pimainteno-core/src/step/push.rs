//! Brings the commit to the remote.

use async_trait::async_trait;

use super::{Effects, Flow, Need, Step, StepContext};
use crate::{
    error::{Error, ErrorKind, Result},
    git::PushEnd,
    proposal::{Blocked, Proposal, ProposalStatus, waiting},
    run::Outcome,
    store::Effect,
};

/// Pushes the commit to the tracked branch, never by force. If the branch moved there, the change
/// is placed, verified and committed again on top.
#[derive(Debug)]
pub(crate) struct Push;

#[async_trait]
impl Step for Push {
    fn name(&self) -> &str {
        "push"
    }

    fn effects(&self) -> Effects {
        Effects::Announced
    }

    fn needs(&self) -> &[Need] {
        &[Need::Remote]
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        context.push_change().await
    }
}

impl StepContext<'_> {
    /// Pushes the commit to the tracked branch, never by force; says how the run goes on, which is
    /// from another base if the branch moved there.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the remote refuses it, or the checkout is not as it has to be, with
    /// [`crate::Retry::WhenUnblocked`];
    /// [`ErrorKind::Step`] as [`Self::commit_change`].
    pub async fn push_change(&mut self) -> Result<Flow> {
        self.must_be_allowed("pushes the commit")?;
        // Neither the remote nor the checkout is the change's, and what that is has been verified.
        let is_outside = |error: &Error| error.kind() == ErrorKind::Git;
        self.push_commit()
            .await
            .map_err(|error| if is_outside(&error) { error.blocked() } else { error })
    }

    async fn push_commit(&mut self) -> Result<Flow> {
        let Some(commit) = self.run.record.commit.clone() else {
            return Ok(Flow::End(Outcome::NoChange));
        };
        let Some(upstream) = self.upstream().await? else {
            let lacks = if self.branch().is_some() { "remote" } else { "branch to push" };
            return Ok(Flow::Skipped(format!("the project has no {lacks}")));
        };
        let (checkout, journal) = (self.parts.checkout, self.parts.journal);
        let there = format!("{}/{}", upstream.remote, upstream.branch);
        // What was pushed is taken back however the checkout is by now: it is not touched here.
        if !self.run.rules().brings_back {
            self.expect_movable_to(&commit, &commit)
                .await
                .map_err(|error| error.hint("nothing was pushed"))?;
        }
        let (remote, branch, from) =
            (upstream.remote.clone(), upstream.branch.clone(), self.run.base.clone());
        let intent = self.announce(Effect::Push { remote, branch, from, to: commit.clone() })?;
        let pushed = checkout.push(&self.run.base, &commit, &upstream).await;
        if let Err(error) = &pushed {
            journal.failed(intent, error.to_string())?;
        }
        match pushed? {
            PushEnd::Pushed => {
                self.run.delivery.pushed = true;
                self.run.touch(&self.step);
                journal.done(intent)?;
                Ok(Flow::Done(format!("{commit:.12} to {there}")))
            }
            PushEnd::Unclear(said) => {
                // The run stays open, and recovery looks again until it knows.
                self.run.delivery.is_unclear = true;
                if !self.cancel().is_raised() {
                    self.waits_unless_pushed(&said)?;
                }
                let message = format!("whether `{there}` has {commit:.12} is not known: {said}");
                Err(Error::new(ErrorKind::Cancelled, message))
            }
            PushEnd::Moved(to)
                if checkout.is_ancestor(&self.run.base, &to).await.unwrap_or(false) =>
            {
                journal.failed(intent, "the branch moved there")?;
                Ok(Flow::Rebase(to))
            }
            PushEnd::Moved(to) => {
                let message = format!(
                    "`{there}` is at {to:.12}, which does not contain the checkout's commit"
                );
                Err(Error::new(ErrorKind::Git, message)
                        .hint("the branch was rewritten or has diverged; bring checkout and remote together by hand"))
            }
        }
    }

    /// Journals what becomes of the change if it turns out that it never got to the remote, which
    /// recovery finds out: it waits, as for anything else outside.
    fn waits_unless_pushed(&self, said: &str) -> Result<()> {
        let Some(proposal) = self.run.proposal.as_ref().filter(|_| self.run.rules().may_be_held)
        else {
            return Ok(());
        };
        let reason = format!("{} failed: {said}", self.step);
        let blocked = Blocked::new(&self.step, &reason, self.run.approved.is_some())
            .after(proposal.blocked.as_ref());
        let status = ProposalStatus::Held { reason: waiting(&reason) };
        self.parts.journal.proposed(&Proposal {
            status,
            blocked: Some(blocked),
            ..proposal.clone()
        })
    }
}
