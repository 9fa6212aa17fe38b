//! Whether codex could work at all, found out without asking a model.

use std::{io, net::IpAddr, path::Path, time::Duration};

use pimainteno_core::{
    Error, ErrorKind, Result,
    config::Address,
    process::{Command, End, Environment, Output},
};
use tokio::{net::TcpStream, time::timeout};

use crate::{events::one_line, sandbox::PROFILE};

/// How long a project is parked for something that a person must repair on this machine.
pub(crate) const PARKED: Duration = Duration::from_secs(3600);

/// These answer within 50 ms; a busy Pi may need much longer to read a program of 300 MB.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Variables that name a proxy.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];

/// What `codex --version` says.
pub(crate) async fn version(codex: Command) -> Result<String> {
    let output = run(codex.arg("--version")).await?;
    let version = output.text().trim().to_owned();
    if output.success() && !version.is_empty() {
        return Ok(version);
    }
    Err(Error::new(
        ErrorKind::Backend,
        format!("codex does not run ({}): {}", output.end, output.tail(3)),
    )
    .hint("install it again: `npm install -g @openai/codex@latest`")
    .retry_after(PARKED))
}

/// How somebody is signed in, without any part of the credentials.
///
/// This only looks at what is stored; whether the provider still takes it shows when it is asked.
pub(crate) async fn sign_in(codex: Command) -> Result<String> {
    let output = run(codex.args(["login", "status"])).await?;
    // It writes to standard error, beside warnings, and shows the ends of a key after ` - `.
    let written = format!("{}\n{}", output.text(), String::from_utf8_lossy(&output.stderr));
    if !output.success() {
        return Err(Error::new(ErrorKind::Backend, "nobody is signed in to codex")
            .hint("run `codex login` as the user of this service, or set `llm.api_key_file`")
            .retry_after(PARKED)
            .needs_setup());
    }
    Ok(match written.to_lowercase() {
        written if written.contains("chatgpt") => "signed in with ChatGPT".into(),
        written if written.contains("api key") => "signed in with an API key".into(),
        _ => "signed in".into(),
    })
}

/// Whether somebody is at the address of a server of one's own. Where a proxy stands in between,
/// only that could tell.
pub(crate) async fn server(base_url: &str, environment: &Environment) -> Result<()> {
    // The configuration takes nothing else.
    let Ok(base_url) = base_url.parse::<Address>() else { return Ok(()) };
    let (host, port) = base_url.peer();
    let is_here = host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback());
    let has_proxy = PROXIES.iter().any(|name| environment.get(name).is_some());
    if has_proxy && !is_here {
        return Ok(());
    }
    let error = match timeout(CONNECT, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => io::Error::from(io::ErrorKind::TimedOut),
    };
    Err(Error::new(ErrorKind::Backend, format!("nobody answers at `llm.base_url`: `{base_url}`"))
        .source(error)
        .hint("start the server, or correct the address")
        .retry_after(PARKED))
}

/// Whether codex's sandbox works here.
///
/// With a broken one codex still ends well, having changed nothing: so this is looked at before
/// anything is paid for.
pub(crate) async fn sandbox(codex: Command, settings: [String; 2], directory: &Path) -> Result<()> {
    let settings = settings.iter().flat_map(|setting| ["-c", setting]);
    let codex = codex
        .arg("sandbox")
        .args(settings)
        .args(["--permission-profile", PROFILE, "--cd"])
        .arg(directory);
    let output = run(codex.args(["--", "true"])).await?;
    if output.success() {
        return Ok(());
    }
    if output.end == End::Exited(2) {
        return Err(Error::new(
            ErrorKind::Backend,
            "this codex is too old: it knows no permission profiles",
        )
        .hint("update it: `npm install -g @openai/codex@latest`")
        .retry_after(PARKED));
    }
    let reason = one_line(&output.tail(3), 300);
    Err(Error::new(ErrorKind::Backend, format!("codex's sandbox does not work here ({}): {reason}", output.end))
        .hint("it needs user namespaces: look at `sysctl user.max_user_namespaces kernel.apparmor_restrict_unprivileged_userns`")
        .hint("and at `RestrictNamespaces=`, `SystemCallFilter=` and `ProtectKernelTunables=` of this service")
        .hint("`llm.edit = \"reply\"` works without a sandbox")
        .retry_after(PARKED))
}

async fn run(codex: Command) -> Result<Output> {
    let output = codex.timeout(TIMEOUT).output_limit(64 << 10).run().await;
    output.map_err(|error| {
        Error::new(ErrorKind::Backend, "codex could not be run").source(error).retry_after(PARKED)
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_address_where_nobody_is_is_told_unless_a_proxy_stands_in_between() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let none = Environment::default();
        server(&url, &none).await.unwrap();
        drop(listener);
        let error = server(&url, &none).await.unwrap_err();
        assert!(error.to_string().contains(&format!("nobody answers at `llm.base_url`: `{url}`")));
        let proxy = none.with("https_proxy", "http://127.0.0.1:1");
        assert!(server(&url, &proxy).await.is_err(), "nobody asks a proxy for this machine");
        server("https://nowhere.invalid/v1", &proxy).await.unwrap();
    }
}
