//! What a command that failed lacked, read from what it wrote, and which key of the configuration
//! gives it that.
//!
//! Each line of the tables is what a program writes, as that program's sources have it. A line that
//! fits by chance costs a needless hint, or, of a command that has the network, a wait: it is tried
//! again instead of failing.

mod place;

use std::time::Duration;

/// After how long it may be tried again where the network is in the way.
const LATER: Duration = Duration::from_secs(15 * 60);

/// What is written where the network cannot be reached, or must not be asked.
const NO_NETWORK: [&str; 24] = [
    // the C library, curl, and what uses them
    "Temporary failure in name resolution",
    "Name or service not known",
    "Could not resolve host",
    "Couldn't connect to server",
    "Network is unreachable",
    "network is unreachable",
    // Node.js, npm, pnpm, Yarn
    "EAI_AGAIN",
    "ENOTFOUND",
    "ENETUNREACH",
    "ENOTCACHED",
    "ERR_PNPM_NO_OFFLINE_TARBALL",
    "ERR_PNPM_NO_OFFLINE_META",
    // pip, uv
    "Failed to establish a new connection",
    "network connectivity is disabled",
    "Network connectivity is disabled",
    "network was disabled",
    "dns error: failed to lookup address information",
    // Go
    "dial tcp: lookup",
    "module lookup disabled by GOPROXY=off",
    // Cargo
    "you're using offline mode (--offline)",
    "but --offline was specified",
    "spurious network error",
    // Bundler, Composer
    "Could not reach host",
    "The following exception probably indicates you are offline",
];

/// What is written where somebody in the network does not answer, or cannot now. Of a check it says
/// nothing: it may be about a service of this machine.
const NO_ANSWER: [&str; 21] = [
    // Node.js, npm, pnpm, Yarn
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "npm error code E429",
    "npm error code E5",
    "ERR_PNPM_FETCH_5",
    "ERR_PNPM_FETCH_429",
    // the C library, curl, and what uses them
    "onnection refused",
    "onnection timed out",
    "onnection reset by peer",
    "Operation timed out",
    "The requested URL returned error: 5",
    // Cargo, uv, pip, Go, Bundler, Composer
    "failed to get successful HTTP response",
    "status server error (5",
    "Read timed out",
    "too many 50",
    "i/o timeout",
    "TLS handshake timeout",
    "429 Too Many Requests",
];

/// What is written where a package is missing: what stands before its name.
const NO_PACKAGE: [&str; 14] = [
    // Node.js
    "Cannot find module '",
    "Cannot find package '",
    // Python
    "ModuleNotFoundError: No module named '",
    ": No module named ",
    // Go
    "no required module provides package ",
    "cannot find module providing package ",
    // Cargo
    "no matching package named `",
    "failed to load source for dependency `",
    // Ruby, Bundler
    "cannot load such file -- ",
    "Bundler could not find compatible versions for gem \"",
    "Could not find gem '",
    // PHP
    "Failed opening required '",
    // TypeScript, Vite, webpack
    "Can't resolve '",
    "Failed to resolve import \"",
];

/// What is written where a program is missing: what stands behind its name.
const NO_PROGRAM: [&str; 4] =
    [": command not found", ": not found", ": No such file or directory", " ENOENT"];

/// Who says that a program is missing, in the first word of a line.
const SHELLS: [&str; 9] = ["ash", "bash", "dash", "env", "gmake", "ksh", "make", "sh", "zsh"];

/// What a command lacked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lack {
    Network,
    Package(String),
    Program(String),
}

/// What a failed check lacked, and which key gives it that, in one line; `prepares` is whether the
/// project has `prepare`. `None` if nothing is known to be lacking.
pub(crate) fn of_check(log: &str, prepares: bool) -> Option<String> {
    if let Some(hint) = place::of_check(log) {
        return Some(hint);
    }
    let more = if prepares {
        "have `prepare` install it"
    } else {
        "a command in `prepare` can install it, or `link` show what the checkout has"
    };
    Some(match lack(log)? {
        Lack::Network if prepares => {
            "it asks for the network, which checks have not: have `prepare` fetch what it needs, or set `sandbox_network`".into()
        }
        Lack::Network => {
            "it asks for the network, which checks have not: a command in `prepare` can fetch what it needs, or set `sandbox_network`".into()
        }
        Lack::Package(name) => format!("it finds no package `{name}`: {more}"),
        Lack::Program(name) if name.starts_with('/') => {
            format!("it finds no program `{name}`: if that is on this machine, `sandbox_read` shows its directory to checks")
        }
        Lack::Program(name) => {
            format!("it finds no program `{name}`: install it where the daemon's PATH leads, or {more}")
        }
    })
}

/// After how long a command may be tried again that has the network, and does not reach it; `None`
/// if that is not why it failed.
pub(crate) fn wait(log: &str) -> Option<Duration> {
    let is_unanswered = log.lines().any(|line| NO_ANSWER.iter().any(|sign| line.contains(sign)));
    (is_unanswered || lack(log) == Some(Lack::Network)).then_some(LATER)
}

/// What to do about a command of `prepare` that failed; `None` if nothing is known to be lacking.
pub(crate) fn of_prepare(log: &str) -> Option<String> {
    match lack(log)? {
        Lack::Program(name) => Some(format!(
            "install `{name}` where the daemon's PATH leads; where it is there already, name what it needs of your home in `sandbox_read`"
        )),
        _ => None,
    }
}

/// The network comes first: without it, packages are missing too.
fn lack(log: &str) -> Option<Lack> {
    if log.lines().any(|line| NO_NETWORK.iter().any(|sign| line.contains(sign))) {
        return Some(Lack::Network);
    }
    log.lines().find_map(package).or_else(|| log.lines().find_map(program))
}

fn package(line: &str) -> Option<Lack> {
    let name = NO_PACKAGE.iter().find_map(|sign| line.split_once(sign))?.1;
    let is_of_name = |character: char| character.is_alphanumeric() || "@/._-".contains(character);
    let name: String = name.chars().take_while(|character| is_of_name(*character)).collect();
    // A file of the project's own is nothing that is installed.
    let is_own = name.starts_with(['.', '/']) || name.is_empty();
    (!is_own).then_some(Lack::Package(name))
}

fn program(line: &str) -> Option<Lack> {
    let sign = NO_PROGRAM.iter().find(|sign| line.trim_end().ends_with(*sign))?;
    let before = line.trim_end().strip_suffix(sign)?;
    // Whoever tells it stands before: `sh: 1: jest`, `make: cargo`, `env: ‘node’`, `spawn tsc`.
    let name = before.rsplit([' ', ':']).next()?.trim_matches(['‘', '’', '\'', '"']);
    let teller = before.split([':', ' ', '[']).next()?.rsplit('/').next()?;
    let is_told = SHELLS.contains(&teller) || before.contains("spawn ");
    let is_plain = |character: char| character.is_alphanumeric() || "/._+-".contains(character);
    (is_told && !name.is_empty() && name.chars().all(is_plain) && !name.contains(".."))
        .then(|| Lack::Program(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_lacked_is_read_from_the_words_of_known_programs() {
        let cases = [
            ("npm error code EAI_AGAIN\nnpm error errno EAI_AGAIN", Lack::Network),
            (
                "npm error code ENOTCACHED\nnpm error request to … failed: cache mode is 'only-if-cached'",
                Lack::Network,
            ),
            ("curl: (6) Could not resolve host: example.com", Lack::Network),
            (
                "error: failed to download `itoa v1.0.1`\n  attempting to make an HTTP request, but --offline was specified",
                Lack::Network,
            ),
            ("go: example.com/x@v1.0.0: module lookup disabled by GOPROXY=off", Lack::Network),
            (
                "Error: Cannot find module 'left-pad'\nRequire stack:",
                Lack::Package("left-pad".into()),
            ),
            (
                "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@scope/x' imported from /a/b.js",
                Lack::Package("@scope/x".into()),
            ),
            ("ModuleNotFoundError: No module named 'requests'", Lack::Package("requests".into())),
            ("/usr/bin/python3: No module named pytest", Lack::Package("pytest".into())),
            (
                "a.go:3:8: no required module provides package example.com/x; to add it:",
                Lack::Package("example.com/x".into()),
            ),
            (
                "error: no matching package named `itoa` found\nlocation searched: registry `crates-io`",
                Lack::Package("itoa".into()),
            ),
            (
                "<internal>: in `require': cannot load such file -- rspec (LoadError)",
                Lack::Package("rspec".into()),
            ),
            ("sh: 1: jest: not found", Lack::Program("jest".into())),
            ("bash: line 1: uv: command not found", Lack::Program("uv".into())),
            ("sh: 1: .venv/bin/python: not found", Lack::Program(".venv/bin/python".into())),
            (
                "make: cmake: No such file or directory\nmake: *** [Makefile:2: test] Error 127",
                Lack::Program("cmake".into()),
            ),
            ("Error: spawn tsc ENOENT", Lack::Program("tsc".into())),
            ("sh: 1: /opt/x/bin/y: not found", Lack::Program("/opt/x/bin/y".into())),
        ];
        for (log, expected) in cases {
            assert_eq!(lack(log), Some(expected), "{log}");
        }
    }

    #[test]
    fn a_program_that_is_named_by_its_path_is_shown_by_a_key() {
        let hint = of_check("sh: 1: /opt/x/bin/y: not found", true).unwrap();
        assert!(hint.contains("`sandbox_read`"), "{hint}");
    }

    #[test]
    fn whoever_does_not_answer_now_is_asked_again_later() {
        for log in [
            "npm error code ECONNREFUSED\nnpm error FetchError: request to http://127.0.0.1:9/x failed, reason:",
            "npm error code E503\nnpm error 503 Service Unavailable - GET",
            "error: failed to download from `…`\n\nCaused by:\n  failed to get successful HTTP response from `…`, got 503",
            "  [7] Could not connect to server (Failed to connect to 127.0.0.1 port 9: Connection refused)",
            "error: Failed to fetch: `…`\n  Caused by: HTTP status server error (503 Service Unavailable) for url",
            "go: example.com/x@v1: Get \"…\": dial tcp 127.0.0.1:9: connect: connection refused",
            "requests.exceptions.ReadTimeout: HTTPSConnectionPool(…): Read timed out. (read timeout=15)",
        ] {
            assert_eq!(wait(log), Some(LATER), "{log}");
            assert!(
                !matches!(of_check(log, true), Some(hint) if hint.contains("network")),
                "{log}"
            );
        }
        assert_eq!(
            wait("npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree"),
            None
        );
    }

    #[test]
    fn a_failure_of_the_project_itself_lacks_nothing() {
        for log in [
            "",
            "assertion `left == right` failed\n  left: 1\n right: 2",
            "Error: Cannot find module './helper'",
            "FAILED tests/test_a.py::test_b - AssertionError: not found",
            "test result: FAILED. 1 passed; 1 failed",
            "error[E0425]: cannot find value `x` in this scope",
            "expected page: not found here",
        ] {
            assert_eq!(lack(log), None, "{log}");
        }
    }
}
