//! `reload`: has the daemon read its configuration again.

use std::sync::Arc;

use pimainteno_core::{Error, ErrorKind, Result};
use pimainteno_web::{Client, Reload};

use crate::{setup::Setup, terminal::Terminal};

/// Has the daemon read its configuration again.
///
/// # Errors
/// [`ErrorKind::Usage`] if there is no daemon; what is wrong with the configuration.
pub(crate) async fn run(setup: &Setup, terminal: &Terminal) -> Result<()> {
    let Some(client) = Client::find(&setup.socket, Arc::new(())).await? else {
        let message = format!("no daemon answers at `{}`", setup.socket.display());
        return Err(Error::new(ErrorKind::Usage, message)
            .hint("whatever is started next reads the configuration; a daemon that was started before `cache.path` or `web.socket` became another still listens where it was, and a restart alone changes that"));
    };
    let reloaded = client
        .ask(Reload {})
        .await
        .map_err(|error| error.hint("the daemon goes on with the configuration that it has"))?;
    terminal.give(&reloaded, || {
        let projects = match reloaded.projects {
            1 => "1 project".to_owned(),
            number => format!("{number} projects"),
        };
        terminal.print(format_args!("the daemon maintains {projects} from now on"));
    })
}
