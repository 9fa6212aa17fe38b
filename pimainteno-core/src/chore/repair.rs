//! The proposer of repairs: what helped before against the same failure, or else a change that the
//! backend is asked for, with all that is known of the failure.

use std::{fs, path::Path};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pimainteno_plugin::Task;
use tokio::time::sleep;

use super::{Proposer, backend};
use crate::{
    backend::prompt::{self, Excerpt, Failed},
    error::{Error, ErrorKind, Result},
    git::Listing,
    incident::{Incident, Place, trace},
    job::{Job, REPAIR},
    patch,
    run::Outcome,
    step::{Flow, StepContext},
    store::{Effect, PlayedChange, What},
    words::{CommitId, UnitName},
};

/// How long a failure has to be known before a change is looked for: others may fail with it, and
/// then it is the machine's trouble.
const SETTLES_IN: SignedDuration = SignedDuration::from_secs(2);

/// How many places of a trace are told, and of how many the lines around them are shown.
const TOLD_PLACES: usize = 12;
const SHOWN_PLACES: usize = 3;

/// How many lines are shown before a place, and behind it.
const AROUND: usize = 12;

/// How many commits of the places' files are told.
const TOLD_COMMITS: usize = 5;

/// Among how many of the project's last runs one is looked for with which the unit was well.
const LOOKED_AT: usize = 50;

/// Proposes repairs of units.
#[derive(Debug)]
pub(crate) struct Repair;

#[async_trait]
impl Proposer for Repair {
    fn name(&self) -> &str {
        REPAIR
    }

    async fn propose(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let Job::Repair { unit } = context.job().clone() else {
            return backend::Backend.propose(context).await;
        };
        let Some(incident) = context.incident_to_mend() else {
            // Whoever asked for the run knows of a failure that nobody has seen here.
            return backend::Backend.propose(context).await;
        };
        context.run.incident = Some(incident.id);
        self.settle(context, &incident).await?;
        if let Some(reason) = context.needs_no_mending().await {
            return Ok(Flow::End(Outcome::Skipped { reason }));
        }
        if let Some(change) = self.helped_before(context, &incident).await? {
            context.run.is_played = true;
            let subject = change.message.lines().next().unwrap_or_default().to_owned();
            context.propose(change.diff, change.message);
            return Ok(Flow::Done(format!("what helped before is done again: {subject}")));
        }
        self.ask(context, &unit, &incident).await
    }
}

impl Repair {
    /// The change that helped against this failure before, if the files that it touches are again
    /// as they were then.
    async fn helped_before(
        &self,
        context: &StepContext<'_>,
        incident: &Incident,
    ) -> Result<Option<PlayedChange>> {
        let (store, project) = (context.parts.store, &context.run.record.project);
        let play = store.play(project, &incident.unit, &incident.signature)?;
        let Some(change) = play.and_then(|play| play.change) else { return Ok(None) };
        let fits = context.parts.workspace.applies(&change.diff).await;
        Ok(Some(change).filter(|_| fits))
    }

    /// Waits until a failure is not quite new.
    async fn settle(&self, context: &StepContext<'_>, incident: &Incident) -> Result<()> {
        let left = SETTLES_IN - Timestamp::now().duration_since(incident.seen);
        let cancel = context.cancel();
        tokio::select! {
            () = sleep(left.try_into().unwrap_or_default()) => Ok(()),
            () = cancel.raised() => cancel.check(),
        }
    }

    async fn ask(
        &self,
        context: &mut StepContext<'_>,
        unit: &UnitName,
        incident: &Incident,
    ) -> Result<Flow> {
        let edit = context.edit();
        let listing = context.parts.workspace.listing().await?;
        let places = self.places(context, incident, &listing);
        let mut files: Vec<_> = places.iter().map(|place| place.path.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        let commits = match files.as_slice() {
            [] => String::new(),
            files => {
                let checkout = context.parts.checkout;
                checkout.log_of(context.base(), files, TOLD_COMMITS).await.unwrap_or_default()
            }
        };
        let lines: Vec<_> =
            incident.log.iter().map(|line| format!("{}: {}", line.by, line.text)).collect();
        let healthy = last_healthy(context, unit)?;
        let failed = Failed {
            unit,
            cause: &incident.cause.text,
            message: incident.message.as_deref().unwrap_or_default(),
            lines: &lines,
            places: &places,
            excerpts: &excerpts(context.workspace(), &places),
            commits: &commits,
            healthy: healthy.as_ref(),
        };
        let prompt = prompt::repair(
            context.project(),
            context.instructions(),
            context.summary(),
            &backend::tried(context)?,
            context.directory(),
            edit,
            &failed,
        )?;
        let mut request = context.request(Task::Propose, prompt);
        request.edit = edit;
        // What a unit logs is not the same twice; the same failure is the same question, and one that
        // was cut off is asked as before.
        let attempt = incident.done.iter().filter(|attempt| !attempt.was_cut_off()).count();
        let question = format!("repair {unit}, attempt {attempt}: {}", incident.signature);
        let reply = context.ask_as(request, Some(&question)).await?;
        let said = reply.text.clone();
        if !context.propose_reply(reply, edit)? {
            let why = patch::message_of(&said);
            return Err(Error::new(
                ErrorKind::Step,
                format!(
                    "{} knows no change that mends it: {why}",
                    context.parts.desk.backend_name()
                ),
            )
            .hint(format!("look at it yourself: `systemctl status {unit}`")));
        }
        let message = context.run.candidate.as_ref().map_or("", |candidate| &candidate.message);
        let backend = context.parts.desk.backend_name();
        Ok(Flow::Done(format!("{backend} proposes: {}", backend::subject(message))))
    }

    /// The places of the failure that are tracked files of the project.
    fn places(
        &self,
        context: &StepContext<'_>,
        incident: &Incident,
        listing: &Listing,
    ) -> Vec<Place> {
        let checkout = context.checkout().to_string_lossy();
        let roots = [&*checkout, "/app", "/usr/src/app"];
        let is_tracked = |path: &str| listing.files.contains(path);
        let by_name = |name: &str| -> Vec<String> {
            let is_named = |path: &&String| path.rsplit('/').next() == Some(name);
            listing.files.iter().filter(is_named).cloned().collect()
        };
        let mut places = trace::resolve(&incident.places, &roots, &is_tracked, &by_name);
        places.truncate(TOLD_PLACES);
        places
    }
}

/// The lines around the first places.
fn excerpts(workspace: &Path, places: &[Place]) -> Vec<Excerpt> {
    let mut excerpts: Vec<Excerpt> = Vec::new();
    for place in places {
        let Some(line) = place.line.and_then(|line| usize::try_from(line).ok()) else { continue };
        let Ok(text) = fs::read_to_string(workspace.join(&place.path)) else { continue };
        let first = line.saturating_sub(AROUND).max(1);
        let is_shown = |it: &Excerpt| it.path == place.path && it.line.abs_diff(first) < AROUND;
        if excerpts.len() == SHOWN_PLACES || excerpts.iter().any(is_shown) {
            continue;
        }
        let lines = text.lines().skip(first - 1).take(line + AROUND + 1 - first);
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        if !text.is_empty() {
            excerpts.push(Excerpt { path: place.path.clone(), line: first, text });
        }
    }
    excerpts
}

/// The commit with which a unit was last seen to be well: that of the last run that restarted it and
/// was applied.
fn last_healthy(context: &StepContext<'_>, unit: &UnitName) -> Result<Option<CommitId>> {
    let store = context.parts.store;
    for run in store.runs(Some(&context.run.record.project), LOOKED_AT)? {
        let Some(Outcome::Applied { commit }) = &run.outcome else { continue };
        let restarted = store.run_journal(run.id)?.iter().any(|entry| {
            matches!(&entry.what, What::Intent { effect: Effect::Restart { unit: it }, .. } if it == unit)
        });
        if restarted {
            return Ok(Some(commit.clone()));
        }
    }
    Ok(None)
}
