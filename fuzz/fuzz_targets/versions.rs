//! Two versions of a text: their diff, placed in the first, gives the second.

#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use pimainteno_core::patch::{self, Content, Rules};
use similar::TextDiff;

#[derive(Arbitrary, Debug)]
struct Versions {
    old: Vec<Line>,
    new: Vec<Line>,
    context: u8,
    ended: (bool, bool),
}

#[derive(Arbitrary, Debug)]
enum Line {
    Empty,
    Brace,
    Marked(bool),
    Header,
    Text(u8),
    Other(String),
}

fn text(lines: &[Line], ended: bool) -> String {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| match line {
            Line::Empty => String::new(),
            Line::Brace => "    }".into(),
            Line::Marked(plus) => if *plus { "+ item" } else { "- item" }.into(),
            Line::Header => "@@ -1 +1 @@".into(),
            Line::Text(number) => format!("    let x = {};", number % 16),
            // Lone carriage returns end a line for some and not for others; a NUL makes a binary file.
            Line::Other(text) => text.replace(['\n', '\r', '\0'], " "),
        })
        .collect();
    let text = lines.join("\n");
    if ended && !lines.is_empty() { text + "\n" } else { text }
}

fuzz_target!(|versions: Versions| {
    let (old, new) = (text(&versions.old, versions.ended.0), text(&versions.new, versions.ended.1));
    if old == new {
        return;
    }
    let context = 1 + usize::from(versions.context % 4);
    let diff = TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(context)
        .header("a/f", "b/f")
        .to_string();
    let files =
        BTreeMap::from([("f".to_owned(), Content { bytes: old.into_bytes(), executable: false })]);
    match patch::plan(diff.as_bytes(), &files, &Rules::new().verbatim()) {
        Ok(plan) => {
            let after = plan.files()[0]
                .after
                .as_ref()
                .map(|content| String::from_utf8_lossy(&content.bytes).into_owned());
            assert_eq!(after.as_ref(), Some(&new), "{diff}");
        }
        Err(refusal) => panic!("{refusal}\n{diff}"),
    }
});
