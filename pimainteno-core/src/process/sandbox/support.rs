//! What this machine can enforce.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::{Limits, Sandbox, places::READABLE};
use crate::process::{Command, End, Environment};

/// How long finding out may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What this machine can enforce of a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// The version of Landlock's interface, for files; 0 if there is none.
    pub landlock: u32,
    /// Why there can be no namespaces, for network and processes; `None` if there can.
    pub obstacle: Option<String>,
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
        Self { landlock: 0, obstacle: Some(reason.into()) }
    }

    /// Whether there can be namespaces.
    pub fn has_namespaces(&self) -> bool {
        self.obstacle.is_none()
    }

    /// Whether everything can be enforced.
    pub fn is_full(&self) -> bool {
        self.landlock > 0 && self.has_namespaces()
    }

    /// What cannot be enforced, and what that means; empty if everything can.
    pub fn lacks(&self) -> String {
        let files = (self.landlock == 0).then(|| "the kernel has no Landlock, so they could write wherever this user can".to_owned());
        let rest = self.obstacle.as_ref().map(|reason| {
            format!("there are no namespaces here ({reason}), so they could reach the network and programs that listen on this machine")
        });
        files.into_iter().chain(rest).collect::<Vec<_>>().join("; ")
    }
}

/// Writes what there is: "files by Landlock 7; network and processes by namespaces".
impl fmt::Display for Support {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landlock {
            0 => formatter.write_str("no Landlock for files")?,
            version => write!(formatter, "files by Landlock {version}")?,
        }
        match &self.obstacle {
            None => formatter.write_str("; network and processes by namespaces"),
            Some(reason) => write!(formatter, "; no namespaces for network and processes ({reason})"),
        }
    }
}

impl SandboxHelper {
    /// The helper `program`, which calls [`help`](super::help). `/proc/self/exe` is this program itself, also when its file was replaced meanwhile.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), support: OnceCell::new() }
    }

    /// The same, on a machine that can enforce no more than `support`.
    #[must_use]
    pub fn with_support(mut self, support: Support) -> Self {
        self.support = OnceCell::new_with(Some(support));
        self
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What this machine can enforce. The first time this is tried, in `scratch`, which is made if it is missing.
    pub async fn support(&self, scratch: &Path) -> &Support {
        self.support.get_or_init(|| self.find_out(scratch)).await
    }

    async fn find_out(&self, scratch: &Path) -> Support {
        // Whoever can restrict itself, and can still do nothing there, has it: the probe is the helper's own first stage.
        let landlock = match Command::new(&self.program).arg(super::protocol::PROBE).timeout(DEADLINE).run().await {
            Ok(output) => match output.end {
                End::Exited(code) if code >= i32::from(PROBE_BASE) => u32::try_from(code).unwrap_or(0) - u32::from(PROBE_BASE),
                _ => return Support::none("the sandbox's helper does not answer"),
            },
            Err(error) => return Support::none(error.to_string()),
        };
        let sandbox = Sandbox {
            helper: self.program.clone(),
            scratch: scratch.to_owned(),
            write: Vec::new(),
            read: READABLE.iter().map(PathBuf::from).collect(),
            cover: vec!["/run".into()],
            network: false,
            limits: Limits::of_this_machine(),
            support: Support { landlock, obstacle: None },
        };
        let tried = Command::shell("exit 0").envs(Environment::default().iter()).sandbox(sandbox).timeout(DEADLINE).run().await;
        let obstacle = match tried {
            Ok(output) if output.success() => None,
            Ok(output) => Some(format!("a command in them ended otherwise: {}", output.end)),
            Err(error) => Some(error.to_string().trim_start_matches("cannot set up the sandbox: ").to_owned()),
        };
        Support { landlock, obstacle }
    }
}

/// The exit code that tells that there is no Landlock; what is added is its version.
pub(super) const PROBE_BASE: u8 = 64;
