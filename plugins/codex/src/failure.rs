//! Why codex gave no answer, and whether waiting helps.
//!
//! Trouble with quota, sign-in, network or server has nothing to do with the project:
//! it says after how long another try makes sense, which parks the project.
//! A prompt that is too long or that was refused would fail again.

use std::time::Duration;

use jiff::{
    Timestamp, Zoned,
    civil::{DateTime, Time},
    tz::TimeZone,
};
use pimainteno_core::{
    Error, ErrorKind,
    process::{End, Environment},
};
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A stated time further away than this is not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a run of codex gave no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer was not wanted any more.
    Cancelled,
    /// Codex could not be started.
    Start(Error),
    /// Codex said why, in these words.
    Stated(String),
    /// Nothing was heard for so long; codex's last words about trouble, if there were any.
    Silent(Duration, Option<String>),
    /// The deadline passed after so long; codex's last words about trouble, if it was in trouble
    /// then.
    Late(Duration, Option<String>),
    /// The turn ended well without a word and without any work.
    Empty,
    /// Codex ended without an end of the turn, and wrote this.
    Died(End, String),
}

/// What a message of codex is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    TooLong,
    Refused,
    CutShort,
    Quota,
    RateLimit,
    SignIn,
    Model,
    Network,
    Server,
    Unknown,
}

/// Words in a message, lower case, and what they mean. The first that is found decides, so the
/// specific come before the general: codex wraps many causes into `stream disconnected before
/// completion`.
const RULES: [(&[&str], Trouble); 9] = [
    (&["context window", "context_length", "maximum context"], Trouble::TooLong),
    (&["content_filter", "flagged", "invalid prompt", "policy violation"], Trouble::Refused),
    (&["max_output_tokens", "incomplete response"], Trouble::CutShort),
    (
        &["usage limit", "quota", "billing", "chatgpt plan", "402 payment", "out of credits"],
        Trouble::Quota,
    ),
    (&["429 too many", "rate limit", "too many requests"], Trouble::RateLimit),
    (
        &[
            "401 unauthorized",
            "403 forbidden",
            "not logged in",
            "access token",
            "refresh token",
            "sign in again",
            "log in again",
            "api key",
        ],
        Trouble::SignIn,
    ),
    (
        &["model_not_found", "does not exist", "404 not found", "model is not supported"],
        Trouble::Model,
    ),
    (
        &[
            "connection failed",
            "error sending request",
            "lookup address",
            "connection refused",
            "network is unreachable",
            "dns error",
        ],
        Trouble::Network,
    ),
    (
        &[
            "at capacity",
            "high demand",
            "overloaded",
            "unexpected status 5",
            "last status: 5",
            "stream disconnected",
            "idle timeout",
            "408 request timeout",
        ],
        Trouble::Server,
    ),
];

impl Failure {
    /// The error that the host sees. Codex tells times in the time zone of `environment`, which it
    /// was given.
    pub(crate) fn into_error(self, environment: &Environment) -> Error {
        match self {
            Self::Cancelled => Error::new(ErrorKind::Cancelled, "the run was told to stop"),
            Self::Start(error) => {
                Error::new(ErrorKind::Backend, "codex could not be run").source(error).unasked()
            }
            Self::Stated(message) => stated(&message, &now(environment)),
            Self::Silent(_, Some(message)) | Self::Late(_, Some(message)) => {
                stated(&message, &now(environment))
            }
            Self::Silent(limit, None) => Error::new(
                ErrorKind::Backend,
                format!("codex heard nothing from the model for {} s", limit.as_secs()),
            )
            .hint("a slow model needs a longer `llm.silence_timeout`")
            .retry_after(10 * MINUTE),
            Self::Late(limit, None) => Error::new(
                ErrorKind::Backend,
                format!("codex did not finish within {} s", limit.as_secs()),
            )
            .hint("raise `llm.timeout`, or ask for less"),
            Self::Empty => Error::new(ErrorKind::Backend, "codex gave an empty answer"),
            Self::Died(End::Exited(2), output) => Error::new(
                ErrorKind::Backend,
                format!("codex does not know an option: {output}"),
            )
            .hint(
                "look at `llm.extra_args`, or update codex: `npm install -g @openai/codex@latest`",
            ),
            Self::Died(end, output) => {
                let message = format!(
                    "codex ended without an answer ({end}){}{output}",
                    if output.is_empty() { "" } else { ": " }
                );
                Error::new(ErrorKind::Backend, message)
            }
        }
    }
}

/// The error for what codex said about its failure.
fn stated(message: &str, now: &Zoned) -> Error {
    let message = inner_message(message);
    let trouble = trouble(&message);
    let wait = |least: Duration, usual: Duration| {
        stated_wait(&message, now).map_or(usual, |wait| wait.clamp(least, LONGEST_WAIT))
    };
    let error = Error::new(ErrorKind::Backend, format!("codex failed: {message}"));
    match trouble {
        Trouble::TooLong => {
            error.hint("the prompt is too long for the model: shorten `instructions`, or choose a model with a larger context")
        }
        Trouble::Refused => error.hint("the provider refused this prompt"),
        Trouble::CutShort => error.hint("the answer was cut at the model's limit: ask for a smaller change"),
        Trouble::Model => error.hint("look at `llm.model` and `llm.base_url`"),
        Trouble::Quota => error.hint("the account has no quota left").retry_after(wait(MINUTE, HOUR)),
        Trouble::RateLimit => error.retry_after(wait(MINUTE, 5 * MINUTE)),
        Trouble::SignIn => error.hint("run `codex login` as the user of this service, or look at `llm.api_key_file`").retry_after(HOUR).needs_setup(),
        Trouble::Network => error.hint("look at the network and at `llm.base_url`").retry_after(5 * MINUTE),
        Trouble::Server => error.retry_after(10 * MINUTE),
        Trouble::Unknown => error,
    }
}

/// Codex hands on what a server says, sometimes as the JSON that it is; with the attempt, if it is
/// about to try again.
fn inner_message(message: &str) -> String {
    let attempt = message
        .strip_prefix("Reconnecting... ")
        .and_then(|rest| rest.split_once(" (")?.1.strip_suffix(')'));
    let message = attempt.unwrap_or(message);
    let json = serde_json::from_str::<Value>(message).ok();
    let inner = json.as_ref().and_then(|json| json["error"]["message"].as_str());
    inner.unwrap_or(message).trim().to_owned()
}

fn trouble(message: &str) -> Trouble {
    // The address may hold any word.
    let message = message.split(", url: ").next().unwrap_or_default().to_lowercase();
    let found = RULES.iter().find(|(words, _)| words.iter().any(|word| message.contains(word)));
    found.map_or(Trouble::Unknown, |(_, trouble)| *trouble)
}

/// How long to wait, if the message says so: `try again in 11.054s`, `try again at 8:55 PM`, `try
/// again at Nov 24th, 2026 7:15 AM`.
fn stated_wait(message: &str, now: &Zoned) -> Option<Duration> {
    if let Some((_, span)) = message.split_once("try again in ") {
        let digits = span
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(span.len());
        let (number, unit) = span.split_at(digits);
        let unit = match unit.trim_start() {
            unit if unit.starts_with("ms") => 0.001,
            unit if unit.starts_with('m') => 60.0,
            unit if unit.starts_with('h') => 3600.0,
            unit if unit.starts_with('d') => 86400.0,
            _ => 1.0,
        };
        return Duration::try_from_secs_f64(
            number.trim_end_matches('.').parse::<f64>().ok()? * unit,
        )
        .ok();
    }
    let (_, time) = message.split_once("try again at ")?;
    let time = ["st,", "nd,", "rd,", "th,"]
        .iter()
        .fold(time.trim().trim_end_matches('.').to_owned(), |time, ordinal| {
            time.replace(ordinal, ",")
        });
    let at = match DateTime::strptime("%b %d, %Y %I:%M %p", &time) {
        Ok(at) => at,
        Err(_) => {
            let today = now.date().to_datetime(Time::strptime("%I:%M %p", &time).ok()?);
            if today < now.datetime() { today.tomorrow().ok()? } else { today }
        }
    };
    let at = at.to_zoned(now.time_zone().clone()).ok()?;
    // Codex drops the seconds, so a minute more is waited.
    Some(Duration::try_from(now.duration_until(&at)).ok()? + MINUTE)
}

/// The time as codex, which gets this environment, tells it.
fn now(environment: &Environment) -> Zoned {
    let named = environment.get("TZ").and_then(|name| TimeZone::get(name.to_str()?).ok());
    Timestamp::now().to_zoned(named.unwrap_or_else(TimeZone::system))
}

#[cfg(test)]
mod tests {
    use pimainteno_core::Retry;

    use super::*;

    fn at(time: &str) -> Zoned {
        time.parse().unwrap()
    }

    #[test]
    fn words_of_the_real_codex_are_told_apart() {
        for (message, expected) in [
            (
                "You’ve hit your usage limit. Visit https://chatgpt.com/settings/usage to purchase more credits or try again later.",
                Trouble::Quota,
            ),
            ("Quota exceeded. Check your plan and billing details.", Trouble::Quota),
            (
                "To use Codex with your ChatGPT plan, upgrade to Plus: https://chatgpt.com/explore/plus.",
                Trouble::Quota,
            ),
            ("exceeded retry limit, last status: 429 Too Many Requests", Trouble::RateLimit),
            (
                "unexpected status 401 Unauthorized: no, url: http://127.0.0.1:1/v1/responses",
                Trouble::SignIn,
            ),
            (
                "We’re currently experiencing high demand, which may cause temporary errors.",
                Trouble::Server,
            ),
            (
                "unexpected status 503 Service Unavailable: x, url: http://quota.example/v1/responses",
                Trouble::Server,
            ),
            (
                "stream disconnected before completion: stream closed before response.completed",
                Trouble::Server,
            ),
            (
                "stream disconnected before completion: Incomplete response returned, reason: content_filter",
                Trouble::Refused,
            ),
            (
                "stream disconnected before completion: failed to lookup address information: Name does not resolve",
                Trouble::Network,
            ),
            ("Connection failed: error sending request", Trouble::Network),
            ("Incomplete response returned, reason: max_output_tokens", Trouble::CutShort),
            (
                "Codex ran out of room in the model's context window. Start a new thread …",
                Trouble::TooLong,
            ),
            ("The model `gpt-x` does not exist", Trouble::Model),
            ("something new", Trouble::Unknown),
        ] {
            assert_eq!(trouble(message), expected, "{message}");
        }
    }

    #[test]
    fn a_stated_time_is_waited_for() {
        let now = at("2026-11-20T19:55:30[Europe/Berlin]");
        let wait = |message: &str| stated_wait(message, &now).map(|wait| wait.as_secs());
        assert_eq!(wait("Please try again in 11.054s."), Some(11));
        assert_eq!(wait("try again in 2 hours"), Some(7200));
        assert_eq!(wait("or try again at 8:55 PM."), Some(3600 + 30));
        assert_eq!(wait("or try again at 7:55 AM."), Some(12 * 3600 + 30));
        assert_eq!(wait("or try again at Nov 24th, 2026 7:55 PM."), Some(4 * 86400 + 30));
        assert_eq!(wait("try again later."), None);
        assert_eq!(wait("try again at teatime"), None);
        assert_eq!(wait("try again in 99999999999999999999999 days"), None);
    }

    #[test]
    fn a_stated_time_is_bounded_and_an_unknown_failure_stays_one() {
        let now = at("2026-11-20T19:55:30[UTC]");
        assert_eq!(
            stated("quota: try again in 900 days", &now).retry(),
            Retry::After(LONGEST_WAIT)
        );
        assert_eq!(stated("rate limit: try again in 1s", &now).retry(), Retry::After(MINUTE));
        assert_eq!(stated("something new", &now).retry(), Retry::Never);
    }

    #[test]
    fn a_servers_json_is_opened() {
        let message = r#"{"error":{"message":"no such parameter","code":null}}"#.to_owned();
        let error = Failure::Stated(message).into_error(&Environment::default());
        assert_eq!(error.message(), "codex failed: no such parameter");
    }
}
