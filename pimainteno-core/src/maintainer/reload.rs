//! Another configuration while the program runs.

use super::{Maintainer, MaintainerBuilder, builder::Shared};
use crate::error::{Error, ErrorKind, Result};

impl Maintainer {
    /// Maintains what `builder` says from now on, with the state, the queue and the receivers of
    /// events that are there. All clones of this, and [`Self::serve`], go on with it.
    ///
    /// Runs that go on end as they began; what waits for its turn is done as the new configuration
    /// says. A project that is not in it any more is left as it is.
    ///
    /// # Errors
    /// As [`MaintainerBuilder::build`], and [`ErrorKind::Config`] for another place of state. Then
    /// everything goes on as it was.
    pub fn reload(&self, builder: MaintainerBuilder) -> Result<()> {
        let plan = builder.plan()?;
        let mut carried = Vec::new();
        self.0.replace(|current| {
            let at = &current.state_file;
            if plan.file != *at {
                let message = format!(
                    "state is kept in `{}`, not in `{}`: it stays where it is while the program runs",
                    at.display(),
                    plan.file.display()
                );
                return Err(Error::new(ErrorKind::Config, message)
                    .hint("restart the program to use another place"));
            }
            plan.learn_keys(&current.store)?;
            current.bus.learn(plan.policies());
            current.queue.allow(plan.config.scheduler.concurrency);
            current.store.keep_runs(plan.config.cache.keep_runs);
            let runner = plan.runner(Shared {
                store: current.store.clone(),
                bus: current.bus.clone(),
                queue: current.queue.clone(),
                recovery: current.recovery.clone(),
                releases: current.releases.clone(),
                under_way: current.under_way.clone(),
                incidents: current.incidents.clone(),
                cancel: current.cancel.clone(),
            });
            carried = runner.carry_pauses_over()?;
            Ok(runner)
        })?;
        // Nobody is told anything while the runner is replaced: who hears it may ask for it.
        self.runner().tell_pauses(carried);
        Ok(())
    }
}
