//! Whether there is anything for a run to do.

use jiff::Timestamp;

use super::{Prepared, Runner};
use crate::{
    error::Result,
    git::{Checkout, Head},
    job::Job,
    run::{RunOptions, RunRecord, Trigger},
    store::{Parked, ProjectState},
    words::CommitId,
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
        if let Some(frozen) = chore.frozen_for(job.unit()) {
            return Some(frozen.describe());
        }
        let is_asked_for = *trigger == Trigger::Manual;
        let is_left_alone = |parked: &&Parked| {
            // What was known of another backend says nothing of this one.
            let is_same = parked.backend.as_ref().is_none_or(|it| *it == prepared.backend_settings);
            is_same && parked.until > Timestamp::now() && !(parked.needs_setup && is_asked_for)
        };
        if let Some(parked) = chore.parked.as_ref().filter(is_left_alone) {
            return Some(format!(
                "{}; `run --force` or `resume` goes on at once",
                parked.describe()
            ));
        }
        if let Some(waits) = self.blocked(chore, trigger, options) {
            return waits.err();
        }
        if !job.rules().needs_news {
            return None;
        }
        let head = Head::read(&prepared.project.path).ok()??;
        let inputs = prepared.chore(name).inputs();
        let failure = chore.failed.as_deref();
        chore.has_seen(&head.commit, &inputs).then(|| nothing_changed("nothing", failure))
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
            Some(last) => {
                checkout.is_same(&last, &head.commit).await.unwrap_or(false)
                    && !reads_others(prepared, checkout, &last, head).await.unwrap_or(true)
            }
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

/// Whether what was changed outside of the project is read by its `prepare`, as the lock file of a
/// workspace above it.
async fn reads_others(
    prepared: &Prepared,
    checkout: &Checkout,
    last: &CommitId,
    head: &Head,
) -> Result<bool> {
    let prepare = &prepared.project.prepare;
    if prepare.is_empty() {
        return Ok(false);
    }
    let changed = checkout.changed_outside(last, &head.commit).await?;
    let is_read = |path: &str| prepare.iter().any(|prepare| prepare.reads(path));
    Ok(changed.iter().any(|path| path.to_str().is_some_and(is_read)))
}

/// Why there is nothing to do where `what` changed since the last run, and how that failed if it
/// did.
pub(super) fn nothing_changed(what: &str, failure: Option<&str>) -> String {
    match failure {
        Some(failure) => format!(
            "{what} changed since the last run, which {failure}; once that is mended outside of the project, a forced run tries it again"
        ),
        None => format!("{what} changed since the last run"),
    }
}
