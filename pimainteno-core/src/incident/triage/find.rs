//! Finds in a message what it is about: a path, a program, a host, a port, a user.

use std::net::IpAddr;

/// What stands around a name.
const QUOTES: [char; 7] = ['\'', '"', '`', '‘', '’', '“', '”'];

/// Directories of a system, where what is missing or forbidden is not the project's doing.
const SYSTEM: [&str; 17] = [
    "/etc/", "/var/", "/mnt/", "/media/", "/srv/", "/opt/", "/usr/", "/dev/", "/run/", "/boot/",
    "/proc/", "/sys/", "/home/", "/root/", "/lib/", "/bin/", "/sbin/",
];

/// Directories for files that a program makes itself.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// What stands in a path or a host that a program put together wrongly.
const MISTAKES: [&str; 10] =
    ["None", "undefined", "null", "NaN", "[object", "{", "}", "$", "%s", "//"];

/// Endings of files whose number behind the colon is that of a line.
const SOURCES: [&str; 16] = [
    "py", "js", "mjs", "cjs", "ts", "go", "rs", "rb", "php", "pl", "lua", "java", "kt", "c", "cpp",
    "ex",
];

/// What a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A path from the root on.
    Absolute(String),
    /// A name or a path without a root.
    Relative(String),
}

/// The path that words at `start..end` of a text are about: behind them if something that leads to
/// it is there, as in `No such file or directory: 'x'`, or else the nearest before them.
pub(super) fn path(text: &str, start: usize, end: usize) -> Option<Named> {
    let behind = text.get(end..)?;
    let leads_on = |behind: &str| {
        let behind = behind.trim_start_matches(|next: char| next == ')' || next.is_numeric());
        let behind = behind.trim_start();
        [":", ",", "@", "- ", "'", "\"", "(", "/"].iter().any(|lead| behind.starts_with(lead))
            || text.get(..end).is_some_and(|before| before.ends_with(QUOTES))
    };
    let found_behind = if text.get(..end).is_some_and(|before| before.ends_with(QUOTES)) {
        let name = behind.split(QUOTES).next().filter(|name| !name.is_empty());
        name.map(named)
    } else if leads_on(behind) {
        let paths = absolute_paths(behind);
        paths.into_iter().next().map(Named::Absolute).or_else(|| quoted(behind).map(named))
    } else {
        None
    };
    found_behind.or_else(|| {
        let before = text.get(..start)?;
        let before = before.trim_end_matches([' ', ':', '(', '-', '[', ',']);
        // A word and a number in brackets, as in `[Errno 2]`, are not what it is about.
        let last = absolute_paths(before).pop();
        let nearest = nearest_before(before);
        match (last, nearest) {
            (Some(path), Some(nearest)) if nearest.contains(&path) => Some(Named::Absolute(path)),
            (_, Some(nearest)) if looks_like_path(nearest) => Some(named(nearest)),
            (Some(path), _) => Some(Named::Absolute(path)),
            (None, _) => None,
        }
    })
}

fn named(name: &str) -> Named {
    if name.starts_with('/') {
        Named::Absolute(name.to_owned())
    } else {
        Named::Relative(name.to_owned())
    }
}

/// The last word or quoted text of what stands before.
fn nearest_before(before: &str) -> Option<&str> {
    if let Some(inner) = before.strip_suffix(QUOTES) {
        let start = inner.rfind(QUOTES)?;
        return inner.get(start..)?.trim_start_matches(QUOTES).into();
    }
    let word = before.rsplit(|next: char| next.is_whitespace() || next == '(').next()?;
    Some(word.trim_matches(QUOTES)).filter(|word| !word.is_empty())
}

/// Whether a word that stands somewhere can be a file's name.
fn looks_like_path(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    let end = name.rsplit_once('.').map(|(_, end)| end);
    let is_ending = end.is_some_and(|end| {
        (1..=6).contains(&end.len())
            && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && end.starts_with(|first: char| first.is_ascii_lowercase())
    });
    let is_clean = !word.ends_with([':', ')']) && !word.contains("::");
    is_clean && (word.contains('/') && !word.contains("://") || is_ending)
}

/// All paths from the root on that a text names, in their order.
pub(super) fn absolute_paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('/')) {
        let start = from + at;
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let begins = before.is_none_or(|before| {
            before.is_whitespace() || QUOTES.contains(&before) || "([=:,<@{".contains(before)
        });
        let rest = text.get(start..).unwrap_or_default();
        let end = match before.filter(|before| QUOTES.contains(before)) {
            Some(_) => rest.find(QUOTES),
            None => rest.find(|next: char| {
                next.is_whitespace() || QUOTES.contains(&next) || ",;)]>}".contains(next)
            }),
        };
        let mut path = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if before.is_none_or(|before| !QUOTES.contains(&before)) {
            // `/x/y.txt: No such file`, `/x/app.py:12`
            path = path.find(": ").and_then(|end| path.get(..end)).unwrap_or(path);
            path = path.trim_end_matches(['.', ':']);
            path = path.split(':').next().unwrap_or(path);
        }
        let is_url = before == Some(':') && path.starts_with("//");
        if begins && !is_url && path.len() > 1 {
            paths.push(path.to_owned());
        }
        from = start + path.len().max(1);
    }
    paths
}

/// The first text in quotes.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let start = text.find(QUOTES)?;
    let quote = text.get(start..)?.chars().next()?;
    let rest = text.get(start + quote.len_utf8()..)?;
    rest.get(..rest.find(QUOTES)?).filter(|inner| !inner.is_empty())
}

/// Whether a path lies in one of the usual directories of a system.
pub(super) fn is_of_system(path: &str) -> bool {
    SYSTEM.iter().any(|directory| path.starts_with(directory))
}

/// Whether a path is one that a program made up, rightly or not: for what lasts no longer than it,
/// or put together from what is no name.
pub(super) fn is_made_up(path: &str) -> bool {
    let is_in = |directory: &&str| {
        path.strip_prefix(*directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    TEMPORARY.iter().any(is_in) || has_mistake(path) || path == "/"
}

fn has_mistake(name: &str) -> bool {
    MISTAKES.iter().any(|mistake| name.contains(mistake))
}

/// An address that a message names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
}

impl Address {
    /// Whether it is this machine's own.
    pub(super) fn is_own(&self) -> bool {
        self.host.as_deref().is_none_or(|host| {
            let address = host.parse::<IpAddr>();
            matches!(host, "localhost" | "*" | "ip6-localhost")
                || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
        })
    }

    /// As it is written: `db:5432`, `port 80`.
    pub(super) fn shown(&self) -> String {
        match (&self.host, self.port) {
            (Some(host), Some(port)) if host.contains(':') => format!("`[{host}]:{port}`"),
            (Some(host), Some(port)) => format!("`{host}:{port}`"),
            (Some(host), None) => format!("`{host}`"),
            (None, Some(port)) => format!("port {port}"),
            (None, None) => "it".into(),
        }
    }
}

/// The address that a text names: the last host and port that stand together, or else each where it
/// is named.
pub(super) fn address(text: &str) -> Address {
    // Prisma writes "`db`:`5432`".
    let text = &text.replace("`:`", ":");
    let words = text.split(|next: char| {
        next.is_whitespace() || QUOTES.contains(&next) || "(),;=<>{}".contains(next)
    });
    let together = words.filter_map(host_and_port).next_back();
    let mut found = together.unwrap_or_default();
    found.port = found.port.or_else(|| port_named(text));
    found.host =
        found.host.or_else(|| host_named(text)).map(|host| host.trim_end_matches('.').to_owned());
    found
}

/// The host that a text is about: the one that is named as such, or else that of an address.
pub(super) fn host(text: &str) -> Option<String> {
    host_named(text).or_else(|| address(text).host)
}

/// `host:port`, `[::1]:80`, `:::8080`, `:80`, `tcp://host:80/path`.
fn host_and_port(word: &str) -> Option<Address> {
    let (word, is_url) = match word.split_once("://") {
        Some((_, rest)) => (rest.split('/').next().unwrap_or(rest), true),
        None => (word, false),
    };
    let word = word.rsplit('@').next().unwrap_or(word);
    let word = word.trim_end_matches([':', '.', ']']);
    let split = word.rsplit_once(':');
    let Some((host, port)) = split else {
        return (is_url && is_host(word))
            .then(|| Address { host: Some(word.to_owned()), port: None });
    };
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    let host = host.trim_matches(['[', ']']);
    match host {
        "" | "*" | "::" | ":" => Some(Address { host: None, port: Some(port) }),
        host if host.parse::<IpAddr>().is_ok() || is_host(host) => {
            let is_source = host.rsplit_once('.').is_some_and(|(_, end)| SOURCES.contains(&end));
            let is_number = host.bytes().all(|byte| byte.is_ascii_digit());
            (!is_source && !is_number)
                .then(|| Address { host: Some(host.to_owned()), port: Some(port) })
        }
        _ => None,
    }
}

/// `port 5432`, `port: 80`, `port=443`, `', 8000)`.
fn port_named(text: &str) -> Option<u16> {
    let lower = text.to_ascii_lowercase();
    let number = |text: &str| {
        let digits = text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len());
        text.get(..digits)?.parse::<u16>().ok().filter(|port| *port > 0)
    };
    let mut named = lower.match_indices("port").filter_map(|(at, word)| {
        let behind = text.get(at + word.len()..)?;
        number(behind.trim_start_matches([' ', ':', '=', '\'', '"', '#']))
    });
    named.next().or_else(|| {
        let (_, behind) = text.split_once("', ")?;
        number(behind)
    })
}

/// The host that a text names without a port.
fn host_named(text: &str) -> Option<String> {
    const LEADS: [&str; 22] = [
        "ENOTFOUND ",
        "EAI_AGAIN ",
        "EAI_NONAME ",
        "lookup ",
        "resolve host: ",
        "resolve host \"",
        "resolve hostname ",
        "resolve '",
        "resolve \"",
        "resolve host '",
        "host='",
        "host=\"",
        "host \"",
        "host '",
        "host name \"",
        "UnknownHostException: ",
        "hostname: '",
        " server on '",
        "server at \"",
        "unknown host ",
        "Unknown host ",
        "getaddrinfo for ",
    ];
    LEADS.iter().find_map(|lead| {
        let (_, behind) = text.split_once(lead)?;
        let end = behind.find(|next: char| {
            next.is_whitespace() || QUOTES.contains(&next) || ",;()<>".contains(next)
        });
        let host = behind.get(..end.unwrap_or(behind.len()))?;
        let host = host.trim_end_matches([':', '.']);
        if host.contains('/') {
            return Some(host.to_owned());
        }
        let name = host.split(':').next().unwrap_or(host);
        let is_word = matches!(name, "on" | "failed" | "for" | "error" | "timed");
        (!name.is_empty() && !is_word).then(|| if is_host(name) { name } else { host }.to_owned())
    })
}

/// Whether a name can be that of a host.
pub(super) fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || !byte.is_ascii()
            })
            && !label.starts_with('-')
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    (1..=253).contains(&name.len())
        && !has_mistake(name)
        && (name.parse::<IpAddr>().is_ok() || name.split('.').all(is_label))
}

/// The user or group that a text names behind `at`.
pub(super) fn user(text: &str, at: usize) -> Option<&str> {
    let behind = text.get(at..)?;
    let name = quoted(behind).or_else(|| {
        let behind = behind.trim_start_matches([' ', ':', '(']);
        behind.split(|next: char| next.is_whitespace() || "):,;".contains(next)).next()
    })?;
    let name = name.split(':').next()?;
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte));
    is_name.then_some(name)
}
