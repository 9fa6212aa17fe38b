//! Which backends the program brings with it.

use std::sync::Arc;

use pimainteno_core::MaintainerBuilder;
use pimainteno_offline::Offline;

/// Makes the backends of the program known by the names that `llm.provider` selects.
pub(crate) fn register(builder: MaintainerBuilder) -> MaintainerBuilder {
    builder.backend_factory("offline", Arc::new(|context| Ok(Arc::new(Offline::new(context.environment.clone())))))
}
