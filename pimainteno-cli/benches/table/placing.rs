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
    Ok(table)
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
