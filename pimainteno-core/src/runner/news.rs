//! Whether there is anything for a run to do.

use jiff::Timestamp;

use super::{Prepared, Runner};
use crate::{
    error::Result,
    git::{Checkout, Head},
    job::Job,
    run::{RunOptions, RunRecord, Trigger},
    store::ProjectState,
};

impl Runner {
    /// Why a run would be futile, as far as two small files tell.
    pub(crate) fn futile(
        &self,
        prepared: &Prepared,
        trigger: &Trigger,
        job: &Job,
        options: RunOptions,
    ) -> Option<String> {
        let state = self.store.project(&prepared.project.id);
        if state.paused {
            return Some("the project is paused".into());
        }
        if options.force {
            return None;
        }
        let name = job.chore()?;
        let chore = state.chore(name);
        if let Some(frozen) = &chore.frozen {
            return Some(frozen.describe());
        }
        if let Some(parked) = chore.parked.as_ref().filter(|parked| parked.until > Timestamp::now())
        {
            return Some(parked.describe());
        }
        if let Some(waits) = self.blocked(chore, trigger, options) {
            return waits.err();
        }
        if !job.rules().needs_news {
            return None;
        }
        let head = Head::read(&prepared.project.path).ok()??;
        let inputs = prepared.chore(name).inputs();
        chore.has_seen(&head.commit, &inputs).then(|| match &chore.failed {
            Some(failure) => format!(
                "nothing changed since the last run, which {failure}; once that is mended outside of the project, a forced run tries it again"
            ),
            None => "nothing changed since the last run".into(),
        })
    }

    /// Whether the head moved by commits alone that are of nothing in the project's directory. That
    /// it needs no run then is remembered.
    pub(super) async fn only_others_changed(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
        record: &RunRecord,
        head: &Head,
    ) -> Result<bool> {
        if checkout.scope().is_all() || !record.job.rules().needs_news {
            return Ok(false);
        }
        let id = &prepared.project.id;
        let (state, inputs) = (self.store.project(id), prepared.chore(&record.chore).inputs());
        let last = state.chore(&record.chore).last_seen(&inputs).cloned();
        // What is not known any more says nothing.
        let is_same = match last {
            Some(last) => checkout.is_same(&last, &head.commit).await.unwrap_or(false),
            None => false,
        };
        if is_same {
            let seen = |state: &mut ProjectState| {
                state.chore_mut(&record.chore).see(head.commit.clone(), inputs);
            };
            // As with a slot, it may be found out again.
            self.store.note_project(id, seen);
        }
        Ok(is_same)
    }
}
