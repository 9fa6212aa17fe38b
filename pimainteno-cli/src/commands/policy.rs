//! `policy test`: runs policies on their cases.

use std::path::{Path, PathBuf};

use pimainteno_core::{
    Error, ErrorKind, Result,
    policy::{Limits, PolicyEngine, cases},
};
use serde::Serialize;

use crate::{
    exit::Ending,
    terminal::{BAD, FAINT, GOOD, NAME, Terminal, paint, plain},
};

/// What became of one file of cases; the shape of `--json`.
#[derive(Debug, Serialize)]
struct Tested {
    /// The file of cases.
    file: PathBuf,
    /// The policy that they are for.
    policy: PathBuf,
    /// What the author of the policy should look at.
    notices: Vec<String>,
    /// The cases, in order.
    cases: Vec<Case>,
}

/// What became of one case.
#[derive(Debug, Serialize)]
struct Case {
    /// What it is called.
    name: String,
    /// Its line in the file.
    line: usize,
    /// Whether everything was as expected.
    passed: bool,
    /// What was not, a line each.
    failures: Vec<String>,
}

/// Runs the cases of each file.
///
/// # Errors
/// [`ErrorKind::Policy`] for a file that cannot be used, [`ErrorKind::Usage`] for a policy without
/// cases.
pub(crate) fn test(files: &[PathBuf], terminal: &Terminal) -> Result<Ending> {
    let engine = PolicyEngine::new(Limits::default());
    let tested = files.iter().map(|file| test_file(&engine, file)).collect::<Result<Vec<_>>>()?;
    terminal.give(&tested, || tested.iter().for_each(|file| print(file, terminal)))?;
    Ok(Ending::of(tested.iter().flat_map(|file| &file.cases).all(|case| case.passed)))
}

fn test_file(engine: &PolicyEngine, file: &Path) -> Result<Tested> {
    let (path, cases) = if file.extension().is_some_and(|ending| ending == "rhai") {
        (file.to_owned(), cases::load(&cases_of(engine, file)?)?)
    } else {
        let cases = cases::load(file)?;
        (cases.policy().to_owned(), cases)
    };
    let policy = engine.load(&path)?;
    let results = cases.run(&policy).into_iter();
    let cases = results
        .map(|case| Case {
            passed: case.passed(),
            name: case.name,
            line: case.line,
            failures: case.failures,
        })
        .collect();
    Ok(Tested { file: file.to_owned(), policy: path, notices: policy.notices().to_vec(), cases })
}

/// The cases of a policy: `cases/<name>.toml` beside it.
///
/// # Errors
/// [`ErrorKind::Policy`] if there are none and the policy cannot be compiled either;
/// [`ErrorKind::Usage`] that tells what is in it if it can.
fn cases_of(engine: &PolicyEngine, policy: &Path) -> Result<PathBuf> {
    if !policy.exists() {
        let message = format!("there is no policy `{}`", policy.display());
        return Err(Error::new(ErrorKind::Usage, message)
            .hint("name a policy (.rhai), or a file of cases (.toml)"));
    }
    let name = policy.file_stem().unwrap_or_default();
    let cases = policy.with_file_name("cases").join(name).with_extension("toml");
    if !cases.exists() {
        let compiled = engine.load(policy)?;
        let functions = compiled.hooks().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let has = match functions.is_empty() {
            true => "has none of the functions that are called".to_owned(),
            false => format!("has {}", functions.join(", ")),
        };
        let message =
            format!("the policy `{}` compiles and {has}, and has no cases", policy.display());
        let error = Error::new(ErrorKind::Usage, message);
        return Err(error.hint(format!(
            "write them to `{}`, or name a file of cases instead",
            cases.display()
        )));
    }
    Ok(cases)
}

fn print(tested: &Tested, terminal: &Terminal) {
    terminal.print(paint(NAME, plain::inline(&tested.file.display().to_string())));
    for notice in &tested.notices {
        terminal.note(notice);
    }
    for case in &tested.cases {
        let (mark, style) = if case.passed { ("✓", GOOD) } else { ("✗", BAD) };
        let line = if case.passed {
            String::new()
        } else {
            format!("  {}", paint(FAINT, format_args!("line {}", case.line)))
        };
        terminal.print(format_args!(
            "  {} {}{line}",
            paint(style, mark),
            plain::inline(&case.name)
        ));
        for failure in &case.failures {
            terminal.print(format_args!("      {}", plain::inline(failure)));
        }
    }
    let passed = tested.cases.iter().filter(|case| case.passed).count();
    let style = if passed == tested.cases.len() { GOOD } else { BAD };
    terminal.print(format_args!(
        "  {}",
        paint(style, format_args!("{passed} of {} cases passed", tested.cases.len()))
    ));
}
