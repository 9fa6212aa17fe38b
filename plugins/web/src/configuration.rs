//! Which configuration is used, and how a newer one is read.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use pimainteno_core::{MaintainerBuilder, Result, Sha256};
use serde::{Deserialize, Serialize};

/// Which configuration a program uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The file.
    pub path: PathBuf,
    /// The SHA-256 of what it held when it was read.
    pub sha256: Sha256,
}

/// How a program reads its configuration again.
pub type ReadAgain = Box<dyn Fn() -> Result<(Configuration, MaintainerBuilder)> + Send + Sync>;

/// The configuration that is used, and how it is read again.
pub(crate) struct Configured {
    used: Mutex<Configuration>,
    pub(crate) read: ReadAgain,
}

impl Configured {
    pub(crate) fn new(used: Configuration, read: ReadAgain) -> Self {
        Self { used: Mutex::new(used), read }
    }

    pub(crate) fn used(&self) -> Configuration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, configuration: Configuration) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = configuration;
    }
}
