//! A unit's log is from outside: whatever is in it, nothing panics, and nothing takes long.

use pimainteno_core::incident::{Cause, Ending, LogLine, signature, trace, triage};
use proptest::prelude::*;

use crate::{files, journal};

/// Everything that is made of a journal.
fn read(lines: &[LogLine], ending: &Ending) {
    let cause = Cause::of(ending);
    let places = trace::places(lines);
    let resolved =
        trace::resolve(&places, &["/home/pi/radio", ""], &|path| path.len() % 2 == 0, &|name| {
            vec![name.to_owned(), format!("src/{name}")]
        });
    let _ = trace::message(lines);
    let _ = triage(&cause, lines, &|path| path.len() % 2 == 0);
    assert_eq!(signature(&cause, lines, &places).len(), 32);
    assert_eq!(signature(&cause, lines, &resolved).len(), 32);
}

/// What lines of traces and troubles are made of, cut anywhere and put together anyhow.
fn pieces() -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for start in ["trace", "trouble"] {
        for (_, text) in files(start) {
            pieces.extend(text.lines().map(str::to_owned));
        }
    }
    assert!(pieces.len() > 500);
    pieces
}

proptest! {
    #[test]
    fn any_bytes_are_read(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        result in ".{0,20}",
        code in -2_i32..6,
        status: i32,
        restarts: u32,
    ) {
        let lines: Vec<_> = texts
            .iter()
            .map(|bytes| LogLine { by: "app".into(), priority: bytes.first().copied().unwrap_or(6), text: String::from_utf8_lossy(bytes).into_owned() })
            .collect();
        read(&lines, &Ending { result, code, status, restarts, ..Ending::default() });
    }

    #[test]
    fn any_pieces_of_traces_are_read(
        seeds in prop::collection::vec((any::<prop::sample::Index>(), any::<u16>(), "[é\\\\\"'(): {}/\\[\\]…]{0,3}", any::<prop::sample::Index>()), 0..30),
    ) {
        static PIECES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(pieces);
        let lines: Vec<_> = seeds
            .iter()
            .map(|(one, at, between, other)| {
                let (one, other) = (one.get(&PIECES), other.get(&PIECES));
                let cut = one.floor_char_boundary(usize::from(*at) % (one.len() + 1));
                let by = if at % 7 == 0 { "systemd" } else { "app" };
                LogLine { by: by.into(), priority: 3 + (at % 5) as u8, text: format!("{}{between}{other}", &one[..cut]) }
            })
            .collect();
        let ending = Ending { result: "exit-code".into(), code: 1, status: 1, ..Ending::default() };
        read(&lines, &ending);
    }
}

/// It would not come to its end where the work grew faster than the text.
#[test]
fn what_was_made_to_take_long_is_read() {
    let long = |piece: &str| piece.repeat(2_000 / piece.len());
    let hostile = [
        long("("),
        long("a (b "),
        long("/"),
        long("/a "),
        long("at f (x:1:"),
        long("[a"),
        long("\""),
        long("{\"a\":"),
        long("\\n at "),
        long("Caused by: "),
        long("a."),
        long("a: "),
        long("1:"),
        long("É"),
        long(" "),
        long("\u{1b}["),
        long("#0 0x1 in f ("),
        long("File \"a\", line 1, in "),
        long("No such file or directory '/"),
        long("address already in use :1 "),
        format!("Traceback (most recent call last):{}", long("'")),
        format!("  File \"{}\", line 3, in f", long("é")),
        long("x at y line "),
        long("{file,\"x\"},{line,"),
    ];
    for text in &hostile {
        let lines: Vec<_> = (0..200)
            .map(|_| LogLine { by: "app".into(), priority: 3, text: text.clone() })
            .collect();
        read(
            &lines,
            &Ending { result: "exit-code".into(), code: 1, status: 1, ..Ending::default() },
        );
    }
}

#[test]
fn a_journal_that_was_cut_anywhere_is_read() {
    for (_, text) in files("trace").into_iter().chain(files("trouble")) {
        let lines = journal(&text, "app");
        for number in (0..lines.len()).step_by(7) {
            read(&lines[number..(number + 40).min(lines.len())], &Ending::default());
        }
    }
}
