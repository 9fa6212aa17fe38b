//! Blocks that say all of a file, and those that could be a part of it.

use pimainteno_core::patch::Reason;

use super::check;

const OLD: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";
const NEW: &str = "one\ntwo\nTHREE\nfour\nfive\nsix\n";

#[test]
fn a_whole_file_replaces_the_one_that_is_named() {
    let replies = [
        format!("a.py\n```\n{NEW}```\n"),
        format!("`a.py`:\n\n```python\n{NEW}```\n"),
        format!("### File: a.py\n```python\n{NEW}```\n"),
        format!("```python a.py\n{NEW}```\n"),
        format!("```python:a.py\n{NEW}```\n"),
        format!("```python title=\"a.py\"\n{NEW}```\n"),
        format!("```python\n# a.py\n{NEW}```\n"),
        format!("a.py\n```python\n# a.py\n\n{NEW}```\n"),
        format!("Here is the complete `a.py`:\n```python\n{NEW}```\n"),
        format!("I fixed it.\n\na.py\n```\n{NEW}```\n\nRun it:\n```sh\npython a.py\n```\n"),
    ];
    for reply in &replies {
        check(&[(reply, &[("a.py", OLD), ("b.py", OLD)], Ok(&[("a.py", Some(NEW))]))]);
    }
    check(&[
        ("new.py\n```\nx = 1\n```\n", &[], Ok(&[("new.py", Some("x = 1\n"))])),
        ("```python\n# d/new.py\nx = 1\n```\n", &[], Ok(&[("d/new.py", Some("x = 1\n"))])),
        (
            &format!("a.py\n```\n{NEW}```\n\nnew.py\n```\nx = 1\n```\n"),
            &[("a.py", OLD)],
            Ok(&[("a.py", Some(NEW)), ("new.py", Some("x = 1\n"))]),
        ),
        (
            "run.sh\n```bash\n#!/bin/sh\necho\n```\n",
            &[],
            Ok(&[("run.sh", Some("#!/bin/sh\necho\n"))]),
        ),
    ]);
}

#[test]
fn ends_of_lines_marks_and_the_last_newline_stay() {
    let reply = format!("a.py\n```\n{NEW}```\n");
    for change in [
        (|text: &str| text.replace('\n', "\r\n")) as fn(&str) -> String,
        |text| format!("\u{feff}{text}"),
        |text| text.trim_end().to_owned(),
        |text| text.replace("five\n", "five\r\n"),
    ] {
        let (old, new) = (change(OLD), change(NEW));
        check(&[(&reply, &[("a.py", &old)], Ok(&[("a.py", Some(&new))]))]);
    }
}

#[test]
fn what_may_be_a_part_is_refused() {
    let files = &[("a.py", OLD)];
    let above = |text: &str| format!("{text}\n\na.py\n```\n{NEW}```\n");
    let block = |lines: &str| format!("a.py\n```\n{lines}```\n");
    let rows = [
        (above("Add this:"), Reason::Ambiguous, "add"),
        (above("Insert it after the second line."), Reason::Ambiguous, "insert"),
        (above("A snippet of it."), Reason::Ambiguous, "snippet"),
        (above("This function changes"), Reason::Ambiguous, "function"),
        (above("This part"), Reason::Ambiguous, "part"),
        (above("The section"), Reason::Ambiguous, "section"),
        (above("Before the loop"), Reason::Ambiguous, "before"),
        (above("Only this"), Reason::Ambiguous, "only"),
        (block("one\ntwo\nTHREE\n...\n"), Reason::Placeholder, "..."),
        (
            block("one\ntwo\nTHREE\nfour\n# rest of the file unchanged\n"),
            Reason::Placeholder,
            "rest",
        ),
        (block("  one\ntwo\nTHREE\nfour\nfive\nsix\n"), Reason::Ambiguous, "indented"),
        (block("one\nTWO\nTHREE\nFOUR\nFIVE\nsix\n"), Reason::Ambiguous, "4 of the 6 lines"),
        (block("two\nTHREE\nfour\nfive\nsix\n"), Reason::Ambiguous, "beginning"),
        (block("one\ntwo\nTHREE\nfour\n"), Reason::Ambiguous, "end"),
        (block("TWO\nthree\nfour\nfive\nsix\n"), Reason::Ambiguous, "beginning"),
        (
            block("1: one\n2: two\n3: THREE\n4: four\n5: five\n6: six\n"),
            Reason::Ambiguous,
            "numbers",
        ),
        (format!("a.py\n```\n{NEW}"), Reason::Truncated, ""),
        (format!("a.py\n```text\n{NEW}```\n"), Reason::NoDiff, ""),
        (format!("a.py\n```console\n{NEW}```\n"), Reason::NoDiff, ""),
        (format!("a.py\n```sh\n{NEW}```\n"), Reason::NoDiff, ""),
        (format!("In `a.py`:\n```\n{NEW}```\n"), Reason::NoDiff, ""),
        (format!("NO CHANGE\n\na.py\n```\n{NEW}```\n"), Reason::NoDiff, ""),
        (
            format!("a.py\n```\n{NEW}```\n\na.py\n```\n{}```\n", NEW.replace("six", "SIX")),
            Reason::Conflict,
            "",
        ),
        (block(OLD), Reason::AlreadyThere, ""),
        (block(&format!("{NEW}```bash\n")), Reason::Ambiguous, "fence"),
        (
            format!("{}\nThe rest of the file stays as it is.\n", block(NEW)),
            Reason::Ambiguous,
            "rest of the file",
        ),
    ];
    for (reply, reason, word) in &rows {
        check(&[(reply, files, Err((*reason, word)))]);
    }
    check(&[
        // Two functions that end alike, one of them shown.
        (
            "a.rs\n```\nfn a() {\n    1;\n    2;\n    THREE;\n    4;\n}\n```\n",
            &[("a.rs", "fn a() {\n    1;\n    2;\n    3;\n    4;\n}\nfn b() {\n    5;\n}\n")],
            Err((Reason::Ambiguous, "end")),
        ),
        (
            &format!("a.py\n```\n{NEW}```\n"),
            &[("src/a.py", OLD)],
            Err((Reason::Missing, "src/a.py")),
        ),
        (&format!("A.py\n```\n{NEW}```\n"), &[("a.py", OLD)], Err((Reason::Missing, "a.py"))),
        (&format!("a.py\n```\n{NEW}```\n"), &[("a.py", "one\0")], Err((Reason::Binary, ""))),
        ("```bash\n# run.sh\necho\n```\n", &[], Err((Reason::NoDiff, ""))),
        (
            "README.md\n```markdown\n# T\n```sh\nx\n```\nmore\n```\n",
            &[],
            Err((Reason::Ambiguous, "fence")),
        ),
        ("new.py\n```\n    x = 1\n```\n", &[], Err((Reason::Ambiguous, "indented"))),
        ("A snippet of\n\nnew.py\n```\nx = 1\n```\n", &[], Err((Reason::Ambiguous, "snippet"))),
    ]);
}

#[test]
fn beside_another_change_a_whole_file_shows_something() {
    let diff = "--- a/a.py\n+++ b/a.py\n@@ -2,3 +2,3 @@\n two\n-three\n+THREE\n four\n";
    let block = "a.py\n```\n<<<<<<< SEARCH\nthree\n=======\nTHREE\n>>>>>>> REPLACE\n```\n";
    for change in [format!("```diff\n{diff}```\n"), block.to_owned()] {
        let files = [("a.py", OLD), ("b.py", OLD)];
        let reply = format!("{change}\nb.py\n```\none\n# ...\nfour\n```\n");
        check(&[(&reply, &files, Ok(&[("a.py", Some(NEW))]))]);
        // What is not there may belong to the change.
        let reply = format!("{change}\nb.py\n```\nother\n```\n");
        check(&[(&reply, &files, Err((Reason::Ambiguous, "otherwise than it is")))]);
    }
}
