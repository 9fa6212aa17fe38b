//! Where a backend is asked: cache, budget, journal, call, account.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use pimainteno_plugin::{Edit, Reply, Request, Usage};

use super::{Call, LlmBackend};
use crate::{
    config::BudgetConfig,
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink},
    git::Workspace,
    process::Cancel,
    run::RunRecord,
    store::{Answer, Effect, Journal, ReplyKey, Store},
};

/// Asks one backend on behalf of one run.
///
/// What was asked before about the same commit is answered from the cache. Before a paid call the budget is asked and the call is journalled;
/// after it, its cost is counted, also when it failed.
pub(crate) struct Desk<'run> {
    pub(crate) backend: &'run Arc<dyn LlmBackend>,
    pub(crate) budget: &'run BudgetConfig,
    /// Whose midnight ends a budget's day.
    pub(crate) timezone: &'run TimeZone,
    /// Whether the cache is passed over.
    pub(crate) fresh: bool,
    pub(crate) workspace: &'run Workspace,
    pub(crate) store: &'run Store,
    pub(crate) journal: &'run Journal,
    pub(crate) events: &'run Arc<dyn EventSink>,
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

    /// Answers `request`, which is about the files of `record.base`.
    ///
    /// # Errors
    /// What the backend says; [`ErrorKind::Backend`] with [`crate::Retry::After`] if the budget is used up.
    pub(crate) async fn ask(&self, request: &Request, step: &str, record: &mut RunRecord) -> Result<Reply> {
        let request = &self.redacted(request);
        let (name, task) = (self.backend.name(), request.task);
        let key = ReplyKey::new(&record.project, &record.base, task, name, self.backend.model(), &request.prompt);
        if !self.fresh
            && let Some(reply) = self.store.cached_reply(&record.project, &key)?
        {
            return Ok(reply);
        }
        let today = Timestamp::now().to_zoned(self.timezone.clone());
        let mut intent = None;
        if self.backend.is_paid() {
            self.check_budget(&today)?;
            intent = Some(self.journal.intend(Effect::Call { task, backend: name.to_owned() })?);
        }
        let call = Call::new(self.cancel.clone()).with_progress({
            let (events, project, run, step) = (self.events.clone(), record.project.clone(), record.id, step.to_owned());
            move |message| {
                events.event(&Event::StepProgress { project: project.clone(), run, step: step.clone(), message: message.to_owned() });
            }
        });
        let reply = self.backend.complete(request, &call).await;
        let reply = self.with_edits(reply, request, &record.base).await;
        let answer = match &reply {
            Ok(reply) => Answer::new(today.date(), task, name, key, reply),
            // A call that failed is a call; what it cost otherwise is not known.
            Err(_) if self.backend.is_paid() => Answer::failed(today.date(), task, name, key, Usage::call(0, 0, 0)),
            Err(_) => Answer::failed(today.date(), task, name, key, Usage::default()),
        };
        record.usage += answer.usage;
        self.journal.answer(answer)?;
        if let Some(intent) = intent {
            self.journal.done(intent)?;
        }
        self.cancel.check()?;
        reply
    }

    /// The question without the secrets in it. What the backend can read in the workspace is the project's own and stays as it is.
    fn redacted(&self, request: &Request) -> Request {
        let (secrets, mut request) = (self.store.secrets(), request.clone());
        secrets.clean(&mut request.prompt);
        [&mut request.diff, &mut request.previous_summary].into_iter().flatten().for_each(|text| secrets.clean(text));
        request
    }

    /// The reply together with what the backend edited in the workspace. A text that holds no change holds no secrets either.
    async fn with_edits(&self, reply: Result<Reply>, request: &Request, base: &str) -> Result<Reply> {
        let mut reply = reply?;
        if request.edit == Edit::Workspace {
            reply.diff = Some(self.workspace.take_change(base).await?.diff).filter(|diff| !diff.is_empty());
        }
        if request.edit == Edit::None || reply.diff.is_some() {
            self.store.secrets().clean(&mut reply.text);
        }
        Ok(reply)
    }

    /// Refuses a call when the day's budget is used up.
    fn check_budget(&self, now: &Zoned) -> Result<()> {
        let used = self.store.usage_on(now.date());
        let limits = [("calls", used.calls, self.budget.calls_per_day), ("tokens", used.tokens(), self.budget.tokens_per_day)];
        for (what, used, limit) in limits {
            if let Some(limit) = limit.filter(|limit| used >= *limit) {
                return Err(Error::new(ErrorKind::Backend, format!("the day's budget is used up: {used} of {limit} {what}"))
                    .hint(format!("raise `llm.budget.{what}_per_day`, or wait for tomorrow"))
                    .retry_after(until_midnight(now)));
            }
        }
        Ok(())
    }
}

/// How long the day still is.
fn until_midnight(now: &Zoned) -> Duration {
    let tomorrow = now.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
    let left = tomorrow.map(|tomorrow| now.duration_until(&tomorrow));
    left.ok().and_then(|left| Duration::try_from(left).ok()).unwrap_or(Duration::from_secs(3600))
}
