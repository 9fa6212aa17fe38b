//! What it costs to place a model's reply in a large file, against reading and copying that file.

use std::{collections::BTreeMap, hint::black_box};

use pimainteno_core::patch::{self, Content, Rules};

use crate::{
    Result,
    arguments::Arguments,
    report::{Figure, Line, Target},
    sample::{medians, time},
};

pub(crate) const NAME: &str = "placing";

/// More than 5 MB of lines that are all different.
const LINES: usize = 110_000;
const HUNKS: usize = 200;
/// By how many lines the numbers are wrong.
const SHIFT: usize = 7;
const ROUNDS: usize = 11;

/// At most this where the lines are in the file, and where in each hunk one line of context is
/// mistyped.
const TARGETS: [(&str, Target); 2] = [
    ("shifted", Target::Figure(Figure::Time(0.05))),
    ("with a mistyped line each", Target::Figure(Figure::Time(1.0))),
];

pub(crate) fn measure(_: &Arguments) -> Result<Vec<Line>> {
    let lines: Vec<_> = (0..LINES)
        .map(|number| {
            format!("    let sample_{number} = read(&{});", number.wrapping_mul(2_654_435_761))
        })
        .collect();
    let content = Content {
        bytes: lines.iter().flat_map(|line| [line.as_bytes(), b"\n"]).flatten().copied().collect(),
        executable: false,
    };
    let files = BTreeMap::from([("big.rs".to_owned(), content)]);
    let bytes = &files["big.rs"].bytes;
    let mut table = Vec::new();
    for (what, target) in TARGETS {
        let reply = reply(&lines, what != TARGETS[0].0);
        let plan = patch::plan(reply.as_bytes(), &files, &Rules::new())?;
        if plan.placements().len() != HUNKS {
            return Err("not every hunk was placed".into());
        }
        let [placed, copied] = medians(ROUNDS, || {
            let placed = time(|| {
                black_box(patch::plan(black_box(reply.as_bytes()), &files, &Rules::new())?);
                Ok(())
            });
            let copied = time(|| {
                let copy = black_box(bytes).clone();
                black_box(copy.iter().filter(|byte| **byte == b'\n').count());
                black_box(copy);
                Ok(())
            });
            Ok([placed?, copied?])
        })?;
        let name = format!("placing {HUNKS} hunks in {} MB, {what}", bytes.len() / 1_000_000);
        table.push(Line::new(
            name,
            Figure::Time(placed),
            "copying the file and counting its lines",
            Figure::Time(copied),
            target,
        ));
    }
    table.extend(worst()?);
    Ok(table)
}

/// What a diff of the file begins with.
const HEADER: &str = "--- a/big.rs\n+++ b/big.rs\n";

/// The inputs that are known to take longest: they are placed, or refused, within a bounded time.
fn worst() -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (name, file, reply) in [similar(), mistyped(), repetitive(), new_files(), thoughts()] {
        let content = Content { bytes: file.into_bytes(), executable: false };
        let files = BTreeMap::from([("big.rs".to_owned(), content)]);
        let [planned, copied] = medians(ROUNDS, || {
            // That it is refused is an answer, too.
            let planned = time(|| {
                drop(black_box(patch::plan(reply.as_bytes(), &files, &Rules::new())));
                Ok(())
            });
            let copied = time(|| {
                let copy = black_box(&files["big.rs"].bytes).clone();
                black_box(copy.iter().filter(|byte| **byte == b'\n').count());
                Ok(())
            });
            Ok([planned?, copied?])
        })?;
        lines.push(Line::new(
            format!("placing, {name}"),
            Figure::Time(planned),
            "copying the file and counting its lines",
            Figure::Time(copied),
            Target::Figure(Figure::Time(0.5)),
        ));
    }
    Ok(lines)
}

/// Long lines that are alike, none of which is one of the file's.
fn similar() -> (&'static str, String, String) {
    let line = |number: usize| {
        let words = (0..50).map(|at| format!("word{}", (number * 7 + at * at) % 40 + at * 100));
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    let file = (0..4000).map(line).collect();
    let context: String =
        (0..60).map(|number| format!(" {}", line(number).replace('w', "v"))).collect();
    (
        "60 lines that are none of 4,000 long ones",
        file,
        format!("{HEADER}@@ -1,60 +1,61 @@\n{context}+new\n"),
    )
}

/// Many hunks with every line of context mistyped.
fn mistyped() -> (&'static str, String, String) {
    let line =
        |number: usize| format!("    let value_{} = read(data, {number});", number * 37 % 1000);
    let hunk = |at: usize| {
        let context = |from: usize| {
            (from..from + 3)
                .map(|number| format!(" {}\n", line(number).replace("data", "dtaa")))
                .collect::<String>()
        };
        let (above, below) = (context(at - 3), context(at + 1));
        format!("@@ -{},7 +{},7 @@\n{above}-{}\n+    done();\n{below}", at - 2, at - 2, line(at))
    };
    let file = (0..2500).map(|number| line(number) + "\n").collect();
    (
        "100 hunks with 6 mistyped lines each",
        file,
        std::iter::once(HEADER.to_owned())
            .chain((0..100).map(|number| hunk(number * 25 + 3)))
            .collect(),
    )
}

/// The same two lines over and over, and a hunk that stands nowhere among them.
fn repetitive() -> (&'static str, String, String) {
    let hunk = format!("{HEADER}@@ -1,2001 +1,2002 @@\n{} c\n+d\n", " a\n b\n".repeat(1000));
    ("2,000 of the same two lines in 600,000", "a\nb\n".repeat(300_000), hunk)
}

/// As many new files as a reply may have.
fn new_files() -> (&'static str, String, String) {
    let file = |number: usize| format!("`d/f{number}.py`:\n```python\nx = {number}\n```\n");
    ("5,000 new files", "a\n".to_owned(), (0..5000).map(file).collect())
}

/// Very many thoughts that say nothing.
fn thoughts() -> (&'static str, String, String) {
    let reply = "<thought></thought>".repeat(100_000) + "\n" + HEADER + "@@ -1 +1 @@\n-a\n+b\n";
    ("100,000 thoughts above a hunk", "a\n".to_owned(), reply)
}

/// A reply that changes every so many lines, three lines of context around each.
fn reply(lines: &[String], mistyped: bool) -> String {
    let mut reply = "```diff\n--- a/big.rs\n+++ b/big.rs\n".to_owned();
    for hunk in 0..HUNKS {
        let at = hunk * (LINES / HUNKS) + 100;
        let number = at - 2 + SHIFT;
        reply += &format!("@@ -{number},7 +{number},7 @@\n");
        for (line, text) in lines.iter().enumerate().skip(at - 3).take(7) {
            if line == at {
                reply += &format!("-{text}\n+{}\n", text.replace("read", "peek"));
            } else if mistyped && line == at - 2 {
                reply += &format!(" {}\n", text.replace("sample", "smaple"));
            } else {
                reply += &format!(" {text}\n");
            }
        }
    }
    reply + "```\n"
}
