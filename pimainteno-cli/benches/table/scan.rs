//! Looking whether anything changed: in our words a scan, against reading the same two files and
//! against asking Git.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
};

use pimainteno_core::{Edit, Maintainer, Outcome, testing::ScriptedBackend};
use tokio::runtime::Runtime;

use crate::{
    Result,
    arguments::Arguments,
    report::{Figure, Line, Target},
    repository::{self, Repository, run},
    sample::{medians, time},
};

pub(crate) const NAME: &str = "scan";

const SIZES: [usize; 3] = [10, 100, 1000];
const ROUNDS: usize = 15;

/// About so many projects are looked at in a round, so that a round takes milliseconds.
const LOOKS: usize = 2000;

/// So many projects are asked about by Git in a round: a process takes a hundred times as long as a
/// look.
const SPAWNS: usize = 20;

/// At most this for a project.
const TARGET: Target = Target::Figure(Figure::Time(10e-6));

pub(crate) fn measure(_: &Arguments) -> Result<Vec<Line>> {
    let directory = tempfile::tempdir()?;
    let paths = projects(directory.path(), SIZES.into_iter().max().unwrap_or_default())?;
    let state = directory.path().join("state");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The first look at a project is a run.
    runtime.block_on(maintainer(&paths, &state)?.run_once())?;
    let mut lines = Vec::new();
    for size in SIZES {
        let paths = paths.get(..size).unwrap_or(&paths);
        let maintainer = maintainer(paths, &state)?;
        check(&maintainer, &runtime, size)?;
        let repeats = LOOKS / size;
        let [scan, reads, spawns] = medians(ROUNDS, || {
            let scan = time(|| {
                for _ in 0..repeats {
                    black_box(runtime.block_on(maintainer.run_once())?);
                }
                Ok(())
            })?;
            let reads = time(|| {
                for path in (0..repeats).flat_map(|_| paths) {
                    black_box(read(path)?);
                }
                Ok(())
            })?;
            let asked = || paths.iter().cycle().take(SPAWNS);
            let spawns = time(|| {
                asked().try_for_each(|path| {
                    run(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(path))
                })
            })?;
            let looks = (repeats * size) as f64;
            Ok([scan / looks, reads / looks, spawns / SPAWNS as f64])
        })?;
        let name = format!("scan of {size} unchanged projects, each");
        lines.push(Line::new(
            &name,
            Figure::Time(scan),
            "reading HEAD and its branch",
            Figure::Time(reads),
            Target::Ratio(2.0),
        ));
        lines.push(Line::new(
            &name,
            Figure::Time(scan),
            "git rev-parse HEAD",
            Figure::Time(spawns),
            TARGET,
        ));
    }
    Ok(lines)
}

/// Makes so many checkouts: copies of one, because Git takes its time.
fn projects(directory: &Path, count: usize) -> Result<Vec<PathBuf>> {
    let first = Repository::new(&directory.join("first"), 1)?;
    let paths: Vec<_> =
        (0..count).map(|index| directory.join(format!("project-{index:04}"))).collect();
    for path in &paths {
        copy(&first.path, path)?;
    }
    Ok(paths)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A maintainer whose backend never has anything to propose.
fn maintainer(paths: &[PathBuf], state: &Path) -> Result<Maintainer> {
    let projects = paths.iter().map(|path| repository::project(path, &["propose"]));
    Ok(repository::maintainer(projects, state)
        .provider("silent")
        .backend(ScriptedBackend::new("silent", Edit::Reply))
        .build()?)
}

/// Fails unless a scan finds every project unchanged.
fn check(maintainer: &Maintainer, runtime: &Runtime, size: usize) -> Result<()> {
    let records = runtime.block_on(maintainer.run_once())?;
    let changed =
        records.iter().find(|record| !matches!(record.outcome, Some(Outcome::Skipped { .. })));
    match changed {
        Some(record) => {
            Err(format!("`{}` is not unchanged: {:?}", record.project, record.outcome).into())
        }
        None if records.len() == size => Ok(()),
        None => Err(format!("{} projects were looked at instead of {size}", records.len()).into()),
    }
}

/// The commit that a checkout is at, for a checkout with nothing special about it.
fn read(path: &Path) -> Result<String> {
    let directory = path.join(".git");
    let head = fs::read_to_string(directory.join("HEAD"))?;
    let reference = head.trim_end().strip_prefix("ref: ").ok_or("the head is detached")?;
    Ok(fs::read_to_string(directory.join(reference))?)
}
