//! Where a backend is asked: cache, budget, journal, call, account.

use std::sync::Arc;

use pimainteno_plugin::{Edit, Reply, Request, Usage};

use super::{
    AgentTree, Budget, Call, LlmBackend,
    budget::{Spent, one_call},
};
use crate::{
    error::Result,
    event::{Bus, EventKind},
    git::{Workspace, outside},
    process::Cancel,
    run::RunRecord,
    store::{Answer, Effect, Journal, ReplyKey, Store},
    words::CommitId,
};

/// Asks one backend on behalf of one run.
///
/// What was asked before about the same commit is answered from the cache. Before a paid call the
/// budget is asked and the call is journalled; after it, its cost is counted, also when it failed.
pub(crate) struct Desk<'run> {
    pub(crate) backend: &'run Arc<dyn LlmBackend>,
    pub(crate) budget: Budget<'run>,
    /// Whether the cache is passed over.
    pub(crate) fresh: bool,
    /// Where the backend is.
    pub(crate) tree: AgentTree<'run>,
    pub(crate) store: &'run Store,
    pub(crate) journal: &'run Journal,
    pub(crate) bus: &'run Arc<Bus>,
    pub(crate) cancel: &'run Cancel,
}

impl Desk<'_> {
    /// How the backend hands over a change.
    pub(crate) fn edit(&self) -> Edit {
        self.backend.edit()
    }

    /// The backend's name.
    pub(crate) fn backend_name(&self) -> &str {
        self.backend.name()
    }

    /// Answers `request`, which is about the files of `base`. `question` tells it from others where
    /// its prompt is not the same each time.
    ///
    /// # Errors
    /// What the backend says; [`crate::ErrorKind::Backend`] if the budget is used up, with
    /// [`crate::Retry::After`] if it is the day's.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        base: &CommitId,
        question: Option<&str>,
        step: &str,
        record: &mut RunRecord,
    ) -> Result<Reply> {
        // Where the backend edits there is the change itself; what it is told has no secrets.
        let placed = request.diff.as_deref().filter(|_| request.edit == Edit::Workspace);
        let request = &self.redacted(request);
        let (name, task) = (self.backend.name(), request.task);
        let key = ReplyKey::new(
            &record.project,
            base,
            task,
            name,
            self.backend.model(),
            question.unwrap_or(&request.prompt),
        );
        if !self.fresh
            && let Some(reply) = self.store.cached_reply(&record.project, &key)?
        {
            return Ok(reply);
        }
        let now = self.budget.today();
        let (today, run) = (now.date(), record.usage);
        // What is known of the cost of a call of which nothing is heard any more.
        let mut usage = Usage::default();
        let failed = |usage| Answer::failed(today, task, name, key.clone(), usage);
        let mut uncounted = Uncounted { journal: self.journal, answer: None };
        let (mut claim, mut intent) = (None, None);
        if self.backend.is_paid() {
            let uses_reserve = record.job.rules().uses_reserve;
            let allow = |project, all| {
                self.budget.allow(task, uses_reserve, Spent { run, project, all }, &now)
            };
            claim = Some(self.store.claim_call(&record.project, today, allow)?);
        }
        let tree = self.tree.at(base, placed).await?;
        if self.backend.is_paid() {
            intent = Some(self.journal.intend(Effect::Call { task, backend: name.to_owned() })?);
            usage = one_call();
            uncounted.answer = Some(failed(usage));
            record.usage += usage;
        }
        let call = Call::new(self.cancel.clone()).with_progress({
            let (bus, project, run, step) =
                (self.bus.clone(), record.project.clone(), record.id, step.to_owned());
            move |message| {
                bus.tell(
                    &project,
                    Some(run),
                    EventKind::StepProgress { step: step.clone(), message: message.to_owned() },
                );
            }
        });
        let mut reply = self.backend.complete(request, &call).await;
        if let Ok(reply) = &mut reply {
            if self.backend.is_paid() {
                reply.usage = self.budget.priced(reply.usage);
            }
            usage = reply.usage;
        }
        let reply = self.with_edits(reply, request, tree, base).await;
        let answer = match &reply {
            Ok(reply) => Answer::new(today, task, name, key.clone(), reply),
            Err(error) if error.is_unasked() => failed(Usage::default()),
            Err(_) => failed(usage),
        };
        record.usage = run;
        record.usage += answer.usage;
        uncounted.answer = None;
        self.journal.answer(answer)?;
        drop(claim);
        if let Some(intent) = intent {
            self.journal.done(intent)?;
        }
        self.cancel.check()?;
        reply
    }

    /// The question without the secrets in it. What the backend can read in its tree is the
    /// project's own and stays as it is.
    fn redacted(&self, request: &Request) -> Request {
        let (secrets, mut request) = (self.store.secrets(), request.clone());
        secrets.clean(&mut request.prompt);
        [&mut request.diff, &mut request.previous_summary]
            .into_iter()
            .flatten()
            .for_each(|text| secrets.clean(text));
        request
    }

    /// The reply together with what the backend edited in its tree. A text that holds no change
    /// holds no secrets either.
    async fn with_edits(
        &self,
        reply: Result<Reply>,
        request: &Request,
        tree: &Workspace,
        base: &CommitId,
    ) -> Result<Reply> {
        let mut reply = reply?;
        if request.edit == Edit::Workspace {
            if let Some(path) = tree.changed_outside(base).await? {
                return Err(outside(&path));
            }
            reply.diff = Some(tree.take_change(base).await?.diff).filter(|diff| !diff.is_empty());
        }
        if request.edit == Edit::None || reply.diff.is_some() {
            self.store.secrets().clean(&mut reply.text);
        }
        Ok(reply)
    }
}

/// A call that is paid for, until it is counted. One that never comes back, because it panicked or
/// was dropped, is counted when this is dropped.
struct Uncounted<'run> {
    journal: &'run Journal,
    answer: Option<Answer>,
}

impl Drop for Uncounted<'_> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take()
            && let Err(error) = self.journal.answer(answer)
        {
            tracing::warn!(%error, "The journal misses a call.");
        }
    }
}
