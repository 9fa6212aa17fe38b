//! Services that nobody restarts.

use async_trait::async_trait;

use super::{ServiceManager, UnitState};
use crate::{error::Result, process::Cancel, words::UnitName};

/// Restarts nothing and knows nothing: for projects without a service.
#[derive(Clone, Copy, Debug)]
pub struct Unmanaged;

#[async_trait]
impl ServiceManager for Unmanaged {
    fn name(&self) -> &str {
        "none"
    }

    async fn restart(&self, _: &UnitName, _: &Cancel) -> Result<()> {
        Ok(())
    }

    async fn state(&self, _: &UnitName) -> Result<UnitState> {
        Ok(UnitState::default())
    }
}
