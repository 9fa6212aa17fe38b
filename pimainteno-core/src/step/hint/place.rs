//! What a check that failed wanted of a place that the sandbox keeps it from: a file that it writes,
//! a service of this machine, a toolchain.

/// Who refuses a write to what can only be read: the C library, Node.js, Go.
const READ_ONLY: [&str; 3] = ["Read-only file system", "read-only file system", "EROFS"];

/// Where nobody but the system writes, so that no key helps.
const SYSTEM: [&str; 12] = [
    "/usr/", "/etc/", "/bin/", "/sbin/", "/lib", "/opt/", "/proc/", "/sys/", "/dev/", "/boot/",
    "/run/", "/nix/",
];

/// What is written where nobody listens.
const REFUSED: [&str; 4] =
    ["Connection refused", "connection refused", "ECONNREFUSED", "Can't connect to MySQL server"];

/// What this machine calls itself.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How lines begin that tell of what a package manager asks for, which may be a proxy of this
/// machine.
const FETCHING: [&str; 4] = ["npm ", "go: ", "[7] ", "curl: "];

/// What the check lacked, and which key gives it that, in one line.
pub(super) fn of_check(log: &str) -> Option<String> {
    log.lines().find_map(of_line)
}

fn of_line(line: &str) -> Option<String> {
    let has = |signs: &[&str]| signs.iter().any(|sign| line.contains(sign));
    if has(&READ_ONLY)
        && let Some(path) = path(line)
    {
        return Some(format!(
            "it writes to `{path}`, which checks can only read: `sandbox_write` names what they may write to, unless a setting of the tool leads it elsewhere"
        ));
    }
    let is_fetching = FETCHING.iter().any(|sign| line.trim_start().starts_with(sign));
    if has(&REFUSED) && has(&THIS_MACHINE) && !is_fetching {
        return Some(
            "it asks for a service of this machine, which checks do not reach: `sandbox_network = true` lets them, unless the check starts one of its own".into(),
        );
    }
    toolchain(line).map(|toolchain| {
        format!(
            "the project names the Rust toolchain `{toolchain}`, which is not installed: `rustup toolchain install {toolchain}` fetches it"
        )
    })
}

/// The path below a home, or elsewhere outside of the system, that a line names.
fn path(line: &str) -> Option<&str> {
    let ends = |character: char| character.is_whitespace() || "'\"`‘’:,;()".contains(character);
    line.split(ends).find(|word| {
        word.starts_with('/')
            && word.len() > 1
            && !SYSTEM.iter().any(|place| word.starts_with(place))
    })
}

/// The toolchain that rustup says it has not got, or would fetch.
fn toolchain(line: &str) -> Option<&str> {
    let name = match line.trim_start().strip_prefix("error: toolchain '") {
        Some(rest) => rest.split_once("' is not installed")?.0,
        None => {
            line.trim_start()
                .strip_prefix("info: syncing channel updates for '")?
                .split_once('\'')?
                .0
        }
    };
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    (!name.is_empty() && name.chars().all(is_plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_check_wanted_outside_of_its_sandbox_is_read_from_its_words() {
        for (log, key) in [
            (
                "mkdir: cannot create directory ‘/home/ada/.tool’: Read-only file system",
                "`/home/ada/.tool`, which checks can only read: `sandbox_write`",
            ),
            (
                "OSError: [Errno 30] Read-only file system: '/home/ada/.config/x.json'",
                "`/home/ada/.config/x.json`",
            ),
            ("Error: EROFS: read-only file system, mkdir '/root/.electron'", "`/root/.electron`"),
            (
                "psycopg.OperationalError: connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused",
                "`sandbox_network = true`",
            ),
            ("Error: connect ECONNREFUSED 127.0.0.1:6379", "`sandbox_network = true`"),
            ("dial tcp 127.0.0.1:5432: connect: connection refused", "`sandbox_network = true`"),
            (
                "error: toolchain '1.70.0-x86_64-unknown-linux-gnu' is not installed",
                "`rustup toolchain install 1.70.0-x86_64-unknown-linux-gnu`",
            ),
            ("info: syncing channel updates for '1.70.0'", "`rustup toolchain install 1.70.0`"),
        ] {
            let hint = of_check(log).unwrap_or_default();
            assert!(hint.contains(key), "{log}: {hint}");
        }
    }

    #[test]
    fn what_no_key_gives_is_not_promised() {
        for log in [
            "touch: cannot touch '/usr/bin/x': Read-only file system",
            "curl: (7) Failed to connect to example.com port 443: Connection refused",
            "go: example.com/x@v1: Get \"…\": dial tcp 127.0.0.1:9: connect: connection refused",
            "assert error == 'Read-only file system'",
            "error: toolchain '$(x)' is not installed",
            "test localhost ... ok",
        ] {
            assert_eq!(of_check(log), None, "{log}");
        }
    }
}
