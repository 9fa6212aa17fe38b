//! A server of one's own that answers PiMainteno's API beside its own pages:
//! `cargo run --example embed_api -- PATH-OF-A-CHECKOUT`.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program may print; the library does not"
)]

use std::{error::Error, net::Ipv4Addr, process::ExitCode, sync::Arc};

use axum::{Router, routing::get};
use pimainteno_core::{
    Maintainer,
    config::ProjectConfig,
    process::{self, Environment, SandboxHelper},
};
use pimainteno_offline::Offline;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    // The sandbox of checks is set up by this program itself, started again.
    if let Some(code) = process::help(std::env::args_os()) {
        return code;
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let maintainer = Maintainer::builder()
        .project(ProjectConfig::new(path))
        .provider("offline")
        .backend_factory(
            "offline",
            Arc::new(|context| Ok(Arc::new(Offline::new(context.environment.clone())))),
        )
        .environment(Environment::from_variables(std::env::vars_os()))
        .sandbox_helper(SandboxHelper::new("/proc/self/exe"))
        .state_directory(std::env::temp_dir().join("pi-mainteno-embed-api"))
        .build()?;
    let pages =
        Router::new().route("/", get(async || "My server. PiMainteno answers under /api.\n"));
    // Whoever reaches the port may approve changes, so it is one that only this machine reaches.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}/api/status", listener.local_addr()?);
    axum::serve(listener, pages.merge(pimainteno_web::router(maintainer))).await?;
    Ok(())
}
