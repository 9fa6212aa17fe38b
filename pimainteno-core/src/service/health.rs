//! Whether a service answers.

mod http;

use std::{path::PathBuf, time::Duration};

use super::plain;
use crate::{
    config::{HealthConfig, ProbeAddress},
    error::{Error, ErrorKind, Result},
    process::{Cancel, Command, Environment},
};

/// How long one probe may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long after a restart the probe may fail where the configuration does not say.
const DEFAULT_WITHIN: Duration = Duration::from_secs(10);

/// Asks a service whether it is healthy.
#[derive(Clone, Debug)]
pub struct HealthProbe {
    question: Question,
    within: Duration,
}

#[derive(Clone, Debug)]
enum Question {
    Http(ProbeAddress),
    Command { command: String, checkout: PathBuf, environment: Environment },
}

impl HealthProbe {
    /// The probe that `config` describes; a command runs in `checkout` and sees `environment`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is not exactly one probe.
    pub fn new(
        config: &HealthConfig,
        checkout: impl Into<PathBuf>,
        environment: Environment,
    ) -> Result<Self> {
        let question = match (&config.http, &config.command) {
            (Some(address), None) => Question::Http(address.clone()),
            (None, Some(command)) => Question::Command {
                command: command.clone(),
                checkout: checkout.into(),
                environment,
            },
            _ => {
                return Err(Error::new(ErrorKind::Config, "`health` needs exactly one of `http` and `command`")
                    .hint("write `health = { http = \"http://localhost:8080/\" }` or `health = { command = \"…\" }`"));
            }
        };
        Ok(Self { question, within: config.within.unwrap_or(DEFAULT_WITHIN) })
    }

    /// How long after a restart the probe may still fail; 10 s where the configuration does not
    /// say.
    pub fn within(&self) -> Duration {
        self.within
    }

    /// Asks once, for at most 5 s.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if the service does not answer that it is healthy,
    /// [`ErrorKind::Cancelled`].
    pub async fn check(&self, cancel: &Cancel) -> Result<()> {
        match &self.question {
            Question::Http(url) => tokio::select! {
                biased;
                () = cancel.raised() => cancel.check(),
                answer = http::get(url, DEADLINE) => answer,
            },
            Question::Command { command, checkout, environment } => {
                let running = Command::shell(command)
                    .directory(checkout)
                    .environment(environment)
                    .timeout(DEADLINE)
                    .cancel(cancel)
                    .run();
                let output = running.await?;
                cancel.check()?;
                if output.success() {
                    return Ok(());
                }
                let said = output.tail(3);
                let said = if said.is_empty() { said } else { format!(": {}", plain(&said)) };
                Err(Error::new(
                    ErrorKind::Service,
                    format!("the health command `{command}` failed: {}{said}", output.end),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_probe(command: &str) -> HealthProbe {
        let config = HealthConfig { command: Some(command.into()), ..HealthConfig::default() };
        HealthProbe::new(&config, "/tmp", Environment::default().with("PATH", "/usr/bin:/bin"))
            .unwrap()
    }

    #[tokio::test]
    async fn a_command_is_healthy_if_it_exits_with_0_in_the_checkout() {
        command_probe("test $PWD = /tmp").check(&Cancel::new()).await.unwrap();
        let error =
            command_probe("echo queue is full; exit 2").check(&Cancel::new()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message().ends_with("failed: exit code 2: queue is full")),
            (ErrorKind::Service, true),
            "{error}"
        );
    }

    #[test]
    fn a_probe_needs_exactly_one_question() {
        let both = HealthConfig {
            http: "http://localhost/".parse().ok(),
            command: Some("true".into()),
            within: None,
        };
        for config in [HealthConfig::default(), both] {
            assert_eq!(
                HealthProbe::new(&config, "/", Environment::default()).unwrap_err().kind(),
                ErrorKind::Config
            );
        }
    }
}
