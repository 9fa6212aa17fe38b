//! `demo`: a throwaway project, remote and service; whole runs, with no model and no network.
//!
//! Two acts. In the first the `offline` backend finds something to mend, and the change goes all
//! the way to the running service. In the second a change that passes its checks breaks the
//! service, and is taken back.

mod sabotage;
mod stage;

use std::{fmt, path::Path, sync::Arc, time::Instant};

use pimainteno_core::{
    Error, ErrorKind, Maintainer, MaintainerBuilder, Outcome, Result, RunRecord,
};
use pimainteno_offline::Offline;

use crate::{
    arguments::DemoArguments,
    setup,
    terminal::{NAME, STRONG, Terminal, diff, paint, plain},
};

use sabotage::Saboteur;
use stage::Stage;

/// How many lines of the summary are shown.
const SHOWN_LINES: usize = 18;

/// Plays the demo.
///
/// # Errors
/// Whatever keeps the stage from being set up, and a run that does not end as the demo says it
/// does.
pub(crate) async fn run(arguments: &DemoArguments, terminal: &Terminal) -> Result<()> {
    let started = Instant::now();
    let environment = setup::environment();
    let stage = Stage::set_up(&std::env::temp_dir(), &environment, arguments.keep).await?;
    let place = stage.directory().display();
    say(
        terminal,
        format_args!(
            "A project, its bare remote and its service are set up in {}.\n",
            paint(NAME, &place)
        ),
    );
    say(terminal, format_args!("  {:<9} {}", "checkout", stage.checkout().display()));
    say(terminal, format_args!("  {:<9} {}", "remote", stage.remote().display()));
    say(terminal, format_args!("  {:<9} {}\n", "service", service(&stage)));

    let first = first_act(&stage, terminal).await?;
    let second = second_act(&stage, terminal).await?;
    terminal.give(&[first, second], || {})?;
    say(
        terminal,
        format_args!(
            "\nThat took {:.1} s. Nothing outside {place} was touched.",
            started.elapsed().as_secs_f64()
        ),
    );
    if arguments.keep {
        say(
            terminal,
            format_args!("It is kept; the service is stopped. Remove it with `rm -r {place}`."),
        );
    }
    say(
        terminal,
        "Next: `pi-mainteno init` writes a configuration for your projects, `pi-mainteno check` looks at it.",
    );
    Ok(())
}

/// A change that helps, from the summary to the healthy service.
async fn first_act(stage: &Stage, terminal: &Terminal) -> Result<RunRecord> {
    heading(terminal, "1. A change that helps");
    let offline = |context: &pimainteno_core::BackendContext<'_>| {
        Ok(Arc::new(Offline::new(context.environment.clone())) as _)
    };
    let builder = Maintainer::builder()
        .config(stage.config("offline")?)
        .backend_factory("offline", Arc::new(offline));
    let (record, maintainer) = play(stage, builder, terminal).await?;
    let Some(Outcome::Applied { commit }) = &record.outcome else {
        return Err(not_as_told("applied", &record));
    };
    let summary = std::fs::read_to_string(stage.checkout().join("codex.md")).unwrap_or_default();
    heading(terminal, "The summary it wrote to codex.md begins");
    for line in plain::text(&summary).lines().skip(2).take(SHOWN_LINES) {
        say(terminal, format_args!("  {line}"));
    }
    show_change(&maintainer, &record, terminal)?;
    heading(terminal, "The remote has it");
    let log = stage
        .git(
            &stage.remote(),
            &[
                "log",
                "--format=%h %an: %s%n        %(trailers:key=PiMainteno-Run,separator=%x2C)",
                "main",
            ],
        )
        .await?;
    indented(terminal, &log);
    if *commit != *stage.git(&stage.remote(), &["rev-parse", "main"]).await? {
        return Err(Error::new(ErrorKind::Internal, "the remote does not have the commit"));
    }
    heading(terminal, "The service was restarted and is healthy");
    say(terminal, format_args!("  {}", service(stage)));
    Ok(record)
}

/// A change that passes its checks and breaks the service.
async fn second_act(stage: &Stage, terminal: &Terminal) -> Result<RunRecord> {
    heading(terminal, "2. A change that breaks the service, on purpose");
    let builder = Maintainer::builder().config(stage.config(Saboteur::NAME)?).backend(Saboteur);
    let (record, maintainer) = play(stage, builder, terminal).await?;
    let Some(Outcome::RolledBack { .. }) = &record.outcome else {
        return Err(not_as_told("rolled back", &record));
    };
    show_change(&maintainer, &record, terminal)?;
    heading(terminal, "It was taken back; the remote tells the whole story");
    indented(terminal, &stage.git(&stage.remote(), &["log", "--format=%h %an: %s", "main"]).await?);
    heading(terminal, "The service is as it was, and healthy again");
    say(terminal, format_args!("  {}", service(stage)));
    Ok(record)
}

/// Runs the project once. The maintainer is given back: it holds what there is to show.
async fn play(
    stage: &Stage,
    builder: MaintainerBuilder,
    terminal: &Terminal,
) -> Result<(RunRecord, Maintainer)> {
    let progress = terminal.progress(false);
    let maintainer = builder
        .environment(stage.environment().clone())
        .sandbox_helper(setup::sandbox_helper())
        .state_directory(stage.state())
        .events(move |event: &pimainteno_core::Event| progress.event(event))
        .build()?;
    let record = maintainer.run_once().await?.pop();
    record
        .map(|record| (record, maintainer))
        .ok_or_else(|| Error::new(ErrorKind::Internal, "the demo has no project"))
}

fn show_change(maintainer: &Maintainer, record: &RunRecord, terminal: &Terminal) -> Result<()> {
    heading(terminal, "The change");
    if let Some(proposal) = maintainer.proposal_of(record.id)? {
        indented(terminal, &diff::render(&proposal.diff));
    }
    if let Some(verify) = record.steps.iter().find(|step| step.name == "verify") {
        say(terminal, format_args!("\n  Checked by ./check.sh: {}", plain::inline(&verify.note)));
    }
    Ok(())
}

fn service(stage: &Stage) -> String {
    match stage.service_pid().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
        Some(pid) => format!("radio.sh runs as process {pid}"),
        None => "radio.sh does not run".into(),
    }
}

/// Prints a line of the story, unless standard output is for the JSON document.
fn say(terminal: &Terminal, text: impl fmt::Display) {
    if !terminal.is_json() {
        terminal.print(text);
    }
}

fn heading(terminal: &Terminal, text: &str) {
    say(terminal, format_args!("\n{}\n", paint(STRONG, text)));
}

fn indented(terminal: &Terminal, text: &str) {
    for line in text.lines() {
        say(terminal, format_args!("  {line}"));
    }
}

fn not_as_told(expected: &str, record: &RunRecord) -> Error {
    let outcome = record.outcome.as_ref().map(ToString::to_string).unwrap_or_default();
    let steps: Vec<_> =
        record.steps.iter().map(|step| format!("{}: {}", step.name, step.note)).collect();
    Error::new(
        ErrorKind::Internal,
        format!("the demo's run should have been {expected}, but is {outcome}"),
    )
    .hint(format!("its steps: {}", steps.join("; ")))
    .hint("`pi-mainteno demo --keep` leaves everything there to look at")
}
