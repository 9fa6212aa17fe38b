//! What this machine can enforce.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Layer, Limits, Sandbox, Used, places::READABLE, seccomp};
use crate::process::{Command, End, remove};

/// How long finding out may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How often it is asked that does not answer in time.
const PATIENCE: u32 = 3;

/// What this machine can enforce of a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// The version of Landlock's interface, for files; 0 if there is none.
    pub landlock: u32,
    /// Whether the file system takes layers, where there are namespaces.
    pub layers: bool,
    /// Whether system calls can be filtered.
    pub system_calls: bool,
    /// Why there can be no namespaces, for files, network and processes; `None` if there can.
    pub obstacle: Option<String>,
    /// Whether nobody asked the machine, because nothing sets up sandboxes: the obstacle is not
    /// the machine's.
    #[serde(default)]
    pub is_unasked: bool,
}

/// The program that sets up sandboxes, and what it can do on this machine, which is found out once.
#[derive(Debug)]
pub struct SandboxHelper {
    program: PathBuf,
    support: OnceCell<Support>,
}

impl Support {
    /// A machine that can enforce nothing, for this reason.
    pub fn none(reason: impl Into<String>) -> Self {
        Self { obstacle: Some(reason.into()), ..Self::default() }
    }

    /// Nothing that sets up sandboxes, for this reason: the machine was not asked.
    pub fn unasked(reason: impl Into<String>) -> Self {
        Self { is_unasked: true, ..Self::none(reason) }
    }

    /// Whether there can be namespaces.
    pub fn has_namespaces(&self) -> bool {
        self.obstacle.is_none()
    }

    /// Whether directories can be written to through a layer: then what the checks of a delivered
    /// change leave is kept.
    pub fn has_layers(&self) -> bool {
        self.layers && self.has_namespaces()
    }

    /// Whether the wall is whole: what is not named can neither be seen, changed nor reached.
    /// Landlock is a second wall behind the namespaces, and nothing is open that it alone would
    /// close.
    pub fn is_full(&self) -> bool {
        self.has_namespaces() && self.system_calls
    }

    /// What cannot be enforced, and what that means; empty if everything can.
    pub fn lacks(&self) -> String {
        if let Some(reason) = self.obstacle.as_ref().filter(|_| self.is_unasked) {
            return format!(
                "nothing sets up sandboxes ({reason}), so they could do whatever this user can"
            );
        }
        let namespaces = self.obstacle.as_ref().map(|reason| {
            let meaning = match (self.landlock > 0, self.system_calls) {
                (true, true) => {
                    "so they could change modes and times of whatever this user owns, use sockets only if `sandbox_network` lets them reach everything, and see other processes"
                }
                (true, false) => "so they could reach the network and programs that listen on this machine",
                (false, _) => "and no Landlock, so they could do whatever this user can",
            };
            format!("there are no namespaces here ({reason}), {meaning}")
        });
        let calls = (!self.system_calls).then(|| {
            format!(
                "system calls cannot be filtered on {}, so they could read this user's keyrings and look for holes in the kernel",
                std::env::consts::ARCH
            )
        });
        namespaces.into_iter().chain(calls).collect::<Vec<_>>().join("; ")
    }
}

/// Writes what there is: "files, network and processes by namespaces; Landlock 7; filtered system
/// calls; layers for what checks leave".
impl fmt::Display for Support {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.obstacle {
            Some(reason) if self.is_unasked => {
                return write!(formatter, "nothing sets up sandboxes ({reason})");
            }
            None => formatter.write_str("files, network and processes by namespaces")?,
            Some(reason) => {
                write!(formatter, "no namespaces for files, network and processes ({reason})")?;
            }
        }
        match self.landlock {
            0 => formatter.write_str("; no Landlock")?,
            version => write!(formatter, "; Landlock {version}")?,
        }
        formatter.write_str(if self.system_calls {
            "; filtered system calls"
        } else {
            "; no filtered system calls"
        })?;
        formatter.write_str(if self.has_layers() {
            "; layers for what checks leave"
        } else {
            "; no layers, so builds start cold with each change"
        })
    }
}

impl SandboxHelper {
    /// The helper `program`, which calls [`help`](super::help). `/proc/self/exe` is this program
    /// itself, also when its file was replaced meanwhile.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), support: OnceCell::new() }
    }

    /// The same, without finding out what the machine can enforce: it is said to be `support`.
    #[must_use]
    pub fn with_support(mut self, support: Support) -> Self {
        self.support = OnceCell::new_with(Some(support));
        self
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What this machine can enforce. The first time this is tried, in `scratch`, which is made if
    /// it is missing.
    pub async fn support(&self, scratch: &Path) -> &Support {
        self.support.get_or_init(|| self.find_out(scratch)).await
    }

    async fn find_out(&self, scratch: &Path) -> Support {
        // Whoever can restrict itself, and can still do nothing there, has it: the probe is the
        // helper's own first stage.
        let probe = async || {
            let probe = Command::new(&self.program).arg(super::protocol::PROBE).timeout(DEADLINE);
            probe.run().await.map(|output| output.end)
        };
        let mut end = probe().await;
        // What is found out here holds until the program ends, and a machine that boots is slow.
        for _ in 1..PATIENCE {
            if matches!(end, Ok(End::TimedOut)) {
                end = probe().await;
            }
        }
        let landlock = match end {
            Ok(End::Exited(code)) if code >= i32::from(PROBE_BASE) => {
                u32::try_from(code).unwrap_or(0) - u32::from(PROBE_BASE)
            }
            Ok(End::TimedOut) => {
                return Support::unasked(format!(
                    "`{}`, which is to do so, did not answer within {DEADLINE:?}, {PATIENCE} times",
                    self.program.display()
                ));
            }
            Ok(_) => {
                return Support::unasked(format!(
                    "`{}`, which is to do so, does not answer: a helper calls `pimainteno_core::process::help` first in its `main`",
                    self.program.display()
                ));
            }
            Err(error) => return Support::unasked(error.to_string()),
        };
        let support = Support {
            landlock,
            layers: true,
            system_calls: seccomp::is_supported(),
            ..Support::default()
        };
        if let Err(reason) = self.attempt(scratch, support.clone(), None).await {
            return Support { layers: false, obstacle: Some(reason), ..support };
        }
        // A file system may not take what an overlay writes.
        let layers = self
            .attempt(
                scratch,
                support.clone(),
                Some("echo > new && rm old && mv directory moved && rm -r other && mkdir other"),
            )
            .await
            .is_ok();
        Support { layers, ..support }
    }

    /// Runs a command in a sandbox with `support`: `in_layer` in a directory with a layer on it, or
    /// one that does nothing; says why it could not.
    async fn attempt(
        &self,
        scratch: &Path,
        support: Support,
        in_layer: Option<&str>,
    ) -> Result<(), String> {
        // Others may find out at the same time, and no project is called like this.
        let trial = scratch.join(format!(".trial-{}", Uuid::now_v7().simple()));
        let layer = Layer {
            at: trial.join("lower"),
            lower: vec![trial.join("lower")],
            upper: trial.join("upper"),
            work: trial.join("work"),
        };
        let prepare = || {
            for directory in
                [&layer.upper, &layer.work, &layer.at.join("directory"), &layer.at.join("other")]
            {
                fs::create_dir_all(directory)?;
            }
            fs::write(layer.at.join("old"), "")
        };
        if let Err(error) = prepare() {
            drop(remove(&trial));
            return Err(format!("cannot make `{}`: {error}", trial.display()));
        }
        let at = layer.at.clone();
        let sandbox = Sandbox {
            helper: self.program.clone(),
            scratch: scratch.to_owned(),
            write: Vec::new(),
            written: Vec::new(),
            layers: in_layer.map(|_| layer).into_iter().collect(),
            shown: Vec::new(),
            read: READABLE.iter().map(PathBuf::from).collect(),
            cover: vec!["/run".into()],
            network: false,
            limits: Limits::of_this_machine(),
            used: Used::default(),
            support,
        };
        let directory = in_layer.map_or_else(|| PathBuf::from("/"), |_| at);
        let tried = Command::shell(in_layer.unwrap_or("exit 0"))
            .directory(directory)
            .sandbox(sandbox)
            .timeout(DEADLINE)
            .run()
            .await;
        drop(remove(&trial));
        match tried {
            Ok(output) if output.success() => Ok(()),
            Ok(output) => Err(format!("a command in them ended otherwise: {}", output.end)),
            Err(error) => {
                Err(error.to_string().trim_start_matches("cannot set up the sandbox: ").to_owned())
            }
        }
    }
}

/// The exit code that tells that there is no Landlock; what is added is its version.
pub(super) const PROBE_BASE: u8 = 64;
