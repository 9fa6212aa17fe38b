//! What a sandbox adds to a check that does nothing.

use std::path::PathBuf;

use pimainteno_core::process::{
    Command, Environment, Layer, Limits, Places, Sandbox, SandboxHelper, Used,
};

use crate::{
    Result,
    arguments::Arguments,
    report::{Figure, Line, Target},
    sample::{medians, time},
};

pub(crate) const NAME: &str = "sandbox";

const ROUNDS: usize = 31;

/// The program that sets sandboxes up, as it is shipped.
pub(crate) fn helper() -> SandboxHelper {
    SandboxHelper::new(env!("CARGO_BIN_EXE_pi-mainteno"))
}

pub(crate) fn measure(_: &Arguments) -> Result<Vec<Line>> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| -> Result<PathBuf> {
        let path = directory.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    };
    let (workspace, scratch) = (path("workspace")?, path("scratch")?);
    let environment = Environment::from_variables(std::env::vars_os());
    let places = Places::new(&environment);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let helper = helper();
    let support = runtime.block_on(helper.support(&scratch)).clone();
    // As the checks of a run have it.
    let layer = Layer {
        at: workspace.clone(),
        lower: vec![workspace.clone()],
        upper: path("upper")?,
        work: path("work")?,
    };
    let sandbox = Sandbox {
        helper: helper.program().to_owned(),
        scratch,
        write: if support.has_layers() { Vec::new() } else { vec![workspace.clone()] },
        written: Vec::new(),
        layers: Some(layer).filter(|_| support.has_layers()).into_iter().collect(),
        shown: Vec::new(),
        read: places.readable(),
        cover: places.covered(),
        network: false,
        limits: Limits::of_this_machine(),
        used: Used::default(),
        support: support.clone(),
    };
    let check = || Command::shell("exit 0").directory(&workspace).envs(environment.iter());
    let run = |command: Command| {
        time(|| match runtime.block_on(command.run())? {
            output if output.success() => Ok(()),
            output => {
                Err(format!("a check that does nothing ended otherwise: {}", output.end).into())
            }
        })
    };
    let [inside, outside] =
        medians(ROUNDS, || Ok([run(check().sandbox(sandbox.clone()))?, run(check())?]))?;
    let name = format!("check that does nothing, in the sandbox ({support})");
    Ok(vec![Line::new(
        name,
        Figure::Time(inside),
        "the same without one",
        Figure::Time(outside),
        Target::Open,
    )])
}
