//! Which backends the program brings with it.

use std::sync::Arc;

use pimainteno_codex::Codex;
use pimainteno_core::MaintainerBuilder;
use pimainteno_offline::Offline;

/// Makes the backends of the program known by the names that `llm.provider` selects.
pub(crate) fn register(builder: MaintainerBuilder) -> MaintainerBuilder {
    let builder = builder.backend_factory(
        "codex",
        Arc::new(|context| {
            Ok(Arc::new(Codex::new(context.llm, context.environment, context.state_directory)?))
        }),
    );
    builder.backend_factory(
        "offline",
        Arc::new(|context| Ok(Arc::new(Offline::new(context.environment.clone())))),
    )
}
