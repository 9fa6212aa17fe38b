//! The ways in which the same lines may be logged.

use pimainteno_core::incident::LogLine;

/// The lines in every variant, each with its name.
pub(crate) fn all(lines: &[LogLine]) -> Vec<(&'static str, Vec<LogLine>)> {
    vec![
        ("as-it-stands", lines.to_vec()),
        ("one-entry", one_entry(lines)),
        ("carriage-returns", each(lines, |text| format!("{text}\r"))),
        (
            "prefix-logging",
            each(lines, |text| format!("2026-01-01 12:00:00,123 ERROR app: {text}")),
        ),
        (
            "prefix-dashes",
            each(lines, |text| format!("2026-01-01 12:00:00,123 - app.main - ERROR - {text}")),
        ),
        (
            "prefix-brackets",
            each(lines, |text| format!("[2026-01-01T12:00:00.123Z] [error] {text}")),
        ),
        ("prefix-syslog", each(lines, |text| format!("Jan  1 12:00:00 pi app[4711]: {text}"))),
        ("prefix-compose", each(lines, |text| format!("web_1  | {text}"))),
        ("colours", each(lines, |text| format!("\u{1b}[31m{text}\u{1b}[0m"))),
        ("no-indentation", each(lines, |text| text.trim_start().to_owned())),
        ("other-lines", interleaved(lines)),
        ("log-before", log_before(lines)),
    ]
}

/// Only what the program says changes.
fn each(lines: &[LogLine], change: impl Fn(&str) -> String) -> Vec<LogLine> {
    let change = |line: &LogLine| {
        let is_programs =
            line.by != "systemd" && !line.by.starts_with('(') && !line.text.is_empty();
        let text = if is_programs { change(&line.text) } else { line.text.clone() };
        LogLine { text, ..line.clone() }
    };
    lines.iter().map(change).collect()
}

/// All that one program says in a row is one entry.
fn one_entry(lines: &[LogLine]) -> Vec<LogLine> {
    let mut entries: Vec<LogLine> = Vec::new();
    for line in lines {
        match entries.last_mut() {
            Some(last) if last.by == line.by && last.priority == line.priority => {
                last.text.push('\n');
                last.text.push_str(&line.text);
            }
            _ => entries.push(line.clone()),
        }
    }
    entries
}

/// What another thread logs stands between any two lines but the first ones.
fn interleaved(lines: &[LogLine]) -> Vec<LogLine> {
    let mut mixed = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        mixed.push(line.clone());
        let is_far = number + 3 < lines.len();
        if is_far && number % 5 == 4 && line.by != "systemd" && !line.by.starts_with('(') {
            let text =
                format!("INFO:     127.0.0.1:{} - \"GET /now HTTP/1.1\" 200 OK", 40_000 + number);
            mixed.push(LogLine { text, ..line.clone() });
        }
    }
    mixed
}

/// It worked for hours before.
fn log_before(lines: &[LogLine]) -> Vec<LogLine> {
    let by = lines.iter().find(|line| line.by != "systemd" && !line.by.starts_with('('));
    let Some(by) = by.filter(|line| !line.text.is_empty()).map(|line| line.by.clone()) else {
        return lines.to_vec();
    };
    let before = (0..40).map(|number| {
        let text = match number {
            3 => "WARNING: upload failed: [Errno 28] No space left on device: '/mnt/usb/a', will retry".into(),
            4 => "ERROR: getaddrinfo ENOTFOUND api.example.com, will retry".into(),
            number => format!("INFO: song {number} was played"),
        };
        LogLine { by: by.clone(), priority: 6, text }
    });
    before.chain(lines.iter().cloned()).collect()
}
