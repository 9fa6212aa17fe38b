//! Placing a change: as it is, or once more by the backend that made it.

use std::io;

use pimainteno_plugin::{Edit, Task};

use crate::{
    backend::prompt,
    error::{Context as _, Error, ErrorKind, Result},
    git::{Listing, Workspace},
    patch::{self, Directory, Entry, Files, Plan, Reason, Refusal, Rules},
    step::{Candidate, Form, StepContext},
};

/// What a backend says that is asked once more.
enum Again {
    /// The change, made for the files as they are.
    Change(Candidate),
    /// There is nothing to change any more.
    NoChange,
    /// It cannot tell.
    None,
}

/// The files of a workspace that Git tracks. What checks and builds left there is not the
/// project's.
struct Tracked {
    directory: Directory,
    listing: Listing,
}

/// Places a candidate in the clean workspace, stages it, and gives its message; `None` if nothing
/// is to be changed any more.
///
/// If it does not fit, the backend is asked once for the same change against the files as they are.
///
/// # Errors
/// [`ErrorKind::Patch`] if that does not fit either; the first reason is told, and the second.
pub(super) async fn place(
    context: &mut StepContext<'_>,
    candidate: Candidate,
) -> Result<Option<String>> {
    let Some(refusal) = as_it_is(context, &candidate).await? else {
        return Ok(Some(candidate.message));
    };
    // Nobody needs to be asked for what somebody else has done.
    let is_done = matches!(refusal.reason, Reason::NoChange | Reason::AlreadyThere);
    if is_done && refusal.is_whole {
        return Ok(None);
    }
    context.progress(format!("the change does not fit and is asked for once more: {refusal}"));
    let rebased = match ask_again(context, &candidate, &refusal).await? {
        Again::Change(candidate) => candidate,
        Again::NoChange => return Ok(None),
        Again::None => return Err(refusal.into()),
    };
    let workspace = context.parts.workspace;
    // What was placed of the first one may be there.
    workspace.reset(&context.run.base).await?;
    let Some(again) = as_it_is(context, &rebased).await? else {
        return Ok(Some(rebased.message));
    };
    let first = Error::from(refusal);
    let error = Error::new(
        ErrorKind::Patch,
        format!("{}; asked for once more, it was refused again: {again}", first.message()),
    );
    Err(first.hints().map(str::to_owned).fold(error, Error::hint))
}

/// Places a candidate as it is, or says why it is refused.
async fn as_it_is(context: &StepContext<'_>, candidate: &Candidate) -> Result<Option<Refusal>> {
    let workspace = context.parts.workspace;
    let plan = match &candidate.form {
        Form::Inverse(commit) => return workspace.revert(commit).await.map(|()| None),
        // Nothing is left of it.
        Form::Diff(diff) if diff.is_empty() => return Ok(None),
        Form::Reply(text) => planned(context, text.clone(), false).await?,
        Form::Diff(diff) => {
            // Git takes the place that is nearest to the line number. That is the right one only
            // where the files are those that the diff was made from.
            let has_moved = has_moved(context, diff).await;
            if !has_moved && workspace.apply(diff).await.is_ok() {
                return Ok(None);
            }
            let mut diff = diff.clone();
            if has_moved {
                diff = workspace.not_there_yet(&diff).await?;
                // What it was made from is known, so that what others did alike is told from what
                // only looks alike.
                if diff.is_empty() || workspace.merge(&diff).await? {
                    return Ok(None);
                }
                workspace.reset(&context.run.base).await?;
            }
            match planned(context, diff.clone(), true).await? {
                // Git knows whether a binary file is the one that the diff was made from.
                Err(refusal) if refusal.reason == Reason::Binary && has_moved => {
                    return workspace.apply(&diff).await.map(|()| None);
                }
                plan => plan,
            }
        }
    };
    match plan {
        Ok(plan) => write(workspace, &plan).await.map(|()| None),
        Err(refusal) if refusal.reason == Reason::Cancelled => Err(refusal.into()),
        Err(refusal) => Ok(Some(refusal)),
    }
}

/// Works out what a change does to the workspace, `verbatim` or as a reply that is understood.
/// Others go on meanwhile, and it ends when the run is told to stop.
async fn planned(
    context: &StepContext<'_>,
    change: String,
    verbatim: bool,
) -> Result<Result<Plan, Refusal>> {
    let tracked = Tracked::new(context.parts.workspace).await?;
    let place = context.directory().to_owned();
    let cancel = context.cancel().clone();
    let plan = tokio::task::spawn_blocking(move || {
        let rules = Rules::new().cancel(move || cancel.is_raised());
        let rules = if verbatim { rules.verbatim() } else { rules };
        let rules = match place.as_str() {
            "" => rules,
            place => rules.inside(place, tracked.listing.top.clone()),
        };
        patch::plan(change.as_bytes(), &tracked, &rules)
    });
    plan.await.context(ErrorKind::Internal, || "placing the change was cut off")
}

/// Whether the files that a diff is about are others than those that it was made from.
async fn has_moved(context: &StepContext<'_>, diff: &str) -> bool {
    let Some(proposal) =
        context.run.proposal.as_ref().filter(|proposal| proposal.base != context.run.base)
    else {
        return false;
    };
    let workspace = context.parts.workspace;
    match workspace.touched(diff).await {
        Ok(paths) => {
            let paths: Vec<_> = paths.iter().map(String::as_str).collect();
            paths.is_empty() || workspace.differ(&proposal.base, &context.run.base, &paths).await
        }
        Err(_) => true,
    }
}

/// Writes what was planned, and stages exactly that.
async fn write(workspace: &Workspace, plan: &Plan) -> Result<()> {
    workspace.has_project()?;
    plan.write(workspace.path())?;
    let paths: Vec<_> = plan.files().iter().map(|file| file.path.as_str()).collect();
    workspace.stage(&paths).await
}

/// The change once more from the backend.
///
/// # Errors
/// That the run was stopped, or trouble that passes: then the run is tried again later.
async fn ask_again(
    context: &mut StepContext<'_>,
    candidate: &Candidate,
    refusal: &Refusal,
) -> Result<Again> {
    let (Form::Diff(change) | Form::Reply(change)) = &candidate.form else {
        return Ok(Again::None);
    };
    // An answer in text is wanted of every backend: one that edits would start from files that the
    // change is not in.
    let mut request = context.request(
        Task::Rebase,
        prompt::rebase(context.project(), change, refusal, context.directory())?,
    );
    request.edit = Edit::Reply;
    let reply = match context.ask(request).await {
        Ok(reply) => reply,
        Err(error) if error.passes() => return Err(error),
        // Not every backend can, and not every budget lets it.
        Err(error) => {
            context.progress(format!("it could not be asked for once more: {error}"));
            return Ok(Again::None);
        }
    };
    let declines = patch::declines(&reply.text);
    Ok(match Candidate::of_reply(reply, Edit::Reply) {
        Ok(Some(again)) => Again::Change(again.or_message(&candidate.message)),
        Ok(None) if declines => Again::NoChange,
        Ok(None) | Err(_) => Again::None,
    })
}

impl Tracked {
    async fn new(workspace: &Workspace) -> Result<Self> {
        let listing = workspace.listing().await?;
        Ok(Self { directory: Directory::new(workspace.path()), listing })
    }
}

impl Files for Tracked {
    fn entry(&self, path: &str) -> io::Result<Entry> {
        if self.listing.submodules.contains(path) {
            return Ok(Entry::Submodule);
        }
        Ok(match self.directory.entry(path)? {
            Entry::File(_) if !self.listing.files.contains(path) => Entry::Other,
            entry => entry,
        })
    }

    fn paths(&self) -> io::Result<Vec<String>> {
        Ok(self.listing.files.iter().cloned().collect())
    }
}
