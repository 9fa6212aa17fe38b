//! Blocks to search and replace, and hunks whose file is named above them.

use pimainteno_core::patch::Reason;

use super::check;

const ABC: &str = "alpha\nbeta\ngamma\n";
const B: Option<&str> = Some("alpha\nBETA\ngamma\n");
const BLOCK: &str = "<<<<<<< SEARCH\nbeta\n=======\nBETA\n>>>>>>> REPLACE\n";

#[test]
fn the_file_of_a_block_is_named_above_it_or_in_its_fence() {
    let replies = [
        format!("a.txt\n```\n{BLOCK}```\n"),
        format!("```\na.txt\n{BLOCK}```\n"),
        format!("```text\n# a.txt\n{BLOCK}```\n"),
        format!("```a.txt\n{BLOCK}```\n"),
        format!("```python title=\"a.txt\"\n{BLOCK}```\n"),
        format!("### `a.txt`\n\n```\n{BLOCK}```\n"),
        format!("In `a.txt`, change this:\n```\n{BLOCK}```\n"),
        format!("a.txt\n{BLOCK}"),
        format!("I change `a.txt`.\n\nLike this:\n```\n{BLOCK}```\n"),
        format!("> a.txt\n> {}", BLOCK.trim_end().replace('\n', "\n> ")),
        format!("a.txt\n```\n{BLOCK}```\n").replace('\n', "\r\n"),
        format!(
            "a.txt\n```\n{}```\n",
            BLOCK
                .replace("<<<<<<<", "<<<<<")
                .replace("=======", "=====")
                .replace(">>>>>>>", ">>>>>")
        ),
        format!("a.txt\n{}", BLOCK.replace("<<<<<<<", "-------").replace(">>>>>>>", "+++++++")),
    ];
    for reply in &replies {
        check(&[(reply, &[("a.txt", ABC), ("b.txt", ABC)], Ok(&[("a.txt", B)]))]);
    }
    check(&[
        (&format!("```\n{BLOCK}```\n"), &[("a.txt", ABC)], Err((Reason::Malformed, "which file"))),
        (
            &format!("Change `a.txt` or `b.txt`:\n```\n{BLOCK}```\n"),
            &[("a.txt", ABC), ("b.txt", ABC)],
            Err((Reason::Ambiguous, "several")),
        ),
        (&format!("c.txt\n```\n{BLOCK}```\n"), &[("a.txt", ABC)], Err((Reason::Missing, ""))),
        (&format!("In `c.txt`:\n```\n{BLOCK}```\n"), &[("a.txt", ABC)], Err((Reason::Missing, ""))),
        (
            &format!("```\nmy file.txt\n{BLOCK}```\n"),
            &[("my file.txt", ABC)],
            Ok(&[("my file.txt", B)]),
        ),
        (
            &format!(
                "--- a/b.txt\n+++ b/b.txt\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+BETA\n gamma\n\na.txt\n```\n{BLOCK}```\n"
            ),
            &[("a.txt", ABC), ("b.txt", ABC)],
            Ok(&[("a.txt", B), ("b.txt", B)]),
        ),
        (
            &format!("a.txt\n```\n{BLOCK}```\nand\n```\n{}```\n", BLOCK.replace("beta", "gamma")),
            &[("a.txt", ABC)],
            Ok(&[("a.txt", Some("alpha\nBETA\nBETA\n"))]),
        ),
        (&format!("f\n```\n{BLOCK}```\n"), &[("f", ABC)], Ok(&[("f", B)])),
    ]);
}

#[test]
fn blocks_change_what_stands_once() {
    let twice = "alpha\nbeta\ngamma\nbeta\n";
    let block = |search: &str, replace: &str| {
        format!("<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n")
    };
    let fenced = |blocks: &str| format!("a.txt\n```\n{blocks}```\n");
    check(&[
        (&fenced(BLOCK), &[("a.txt", twice)], Err((Reason::Ambiguous, "2 places"))),
        (&fenced(BLOCK), &[("a.txt", "alpha\n")], Err((Reason::NotFound, ""))),
        (
            &fenced(&block("gamma\nbeta\n", "gamma\nBETA\n")),
            &[("a.txt", twice)],
            Ok(&[("a.txt", Some("alpha\nbeta\ngamma\nBETA\n"))]),
        ),
        (
            &fenced(&[block("alpha\n", "ALPHA\n"), block("gamma\n", "gamma\ndelta\n")].join("\n")),
            &[("a.txt", ABC)],
            Ok(&[("a.txt", Some("ALPHA\nbeta\ngamma\ndelta\n"))]),
        ),
        // The second is written against what the first leaves.
        (
            &fenced(
                &[block("alpha\n", "ALPHA\n"), block("ALPHA\nbeta\n", "ALPHA\nBETA\n")].concat(),
            ),
            &[("a.txt", ABC)],
            Ok(&[("a.txt", Some("ALPHA\nBETA\ngamma\n"))]),
        ),
        (
            &fenced(&block("beta\n", "")),
            &[("a.txt", ABC)],
            Ok(&[("a.txt", Some("alpha\ngamma\n"))]),
        ),
        (&fenced(&block("beta\n", "beta\n")), &[("a.txt", ABC)], Err((Reason::NoChange, ""))),
        // Two files in one fence, and in two.
        (
            &format!("```\na.txt\n{BLOCK}b.txt\n{BLOCK}```\n"),
            &[("a.txt", ABC), ("b.txt", ABC)],
            Ok(&[("a.txt", B), ("b.txt", B)]),
        ),
        (
            &format!("a.txt\n```\n{BLOCK}```\n\nb.txt\n```\n{BLOCK}```\n"),
            &[("a.txt", ABC), ("b.txt", ABC)],
            Ok(&[("a.txt", B), ("b.txt", B)]),
        ),
        // What is searched holds fences and what looks like a diff.
        (
            &fenced(&block("```\n--- a/x\n+++ b/x\n```\n", "```\nnone\n```\n")),
            &[("a.txt", "```\n--- a/x\n+++ b/x\n```\n"), ("x", "x\n")],
            Ok(&[("a.txt", Some("```\nnone\n```\n"))]),
        ),
        (
            &fenced(&block("  beta\n", "  // ... rest unchanged ...\n")),
            &[("a.txt", "alpha\n  beta\n")],
            Err((Reason::Placeholder, "")),
        ),
        (
            &fenced("<<<<<<< SEARCH\nbeta\n=======\nBETA\n"),
            &[("a.txt", ABC)],
            Err((Reason::Truncated, "")),
        ),
        (
            "a.txt\n<<<<<<< SEARCH\nbeta\n=======\nBETA",
            &[("a.txt", ABC)],
            Err((Reason::Truncated, "")),
        ),
    ]);
}

#[test]
fn a_block_that_searches_nothing_makes_a_file() {
    let block = "<<<<<<< SEARCH\n=======\nhi\nho\n>>>>>>> REPLACE\n";
    let reply = format!("new.txt\n```\n{block}```\n");
    check(&[
        (&reply, &[("a.txt", ABC)], Ok(&[("new.txt", Some("hi\nho\n"))])),
        (&reply, &[("new.txt", "")], Ok(&[("new.txt", Some("hi\nho\n"))])),
        (&reply, &[("new.txt", "x\n")], Err((Reason::Ambiguous, "anywhere"))),
        (
            &format!(
                "```\nnew.txt\n{block}<<<<<<< SEARCH\nho\n=======\nHO\n>>>>>>> REPLACE\n```\n"
            ),
            &[],
            Ok(&[("new.txt", Some("hi\nHO\n"))]),
        ),
    ]);
}

#[test]
fn the_file_of_hunks_is_named_above_their_fence_or_in_it() {
    let hunk = "@@ -1,3 +1,3 @@\n alpha\n-beta\n+BETA\n gamma\n";
    let bare = "@@ ... @@\n alpha\n-beta\n+BETA\n gamma\n";
    let lines = " alpha\n-beta\n+BETA\n gamma\n";
    let replies = [
        format!("In `a.txt`:\n```diff\n{hunk}```\n"),
        format!("**a.txt**\n```diff\n{bare}```\n"),
        format!("### a.txt\n\n```\n{hunk}```\n"),
        format!("File: a.txt\n```diff\n{lines}```\n"),
        format!("```diff a.txt\n{hunk}```\n"),
        format!("```diff title=\"a.txt\"\n{hunk}```\n"),
        format!("```a.txt\n{hunk}```\n"),
        format!("The file `a.txt` is wrong.\n\nThis helps:\n\n```diff\n{hunk}```\n"),
        format!("Change a.txt (not `c.txt`):\n```diff\n{hunk}```\n"),
        format!("> In `a.txt`:\n> ```diff\n> {}\n> ```\n", hunk.trim_end().replace('\n', "\n> ")),
    ];
    for reply in &replies {
        check(&[(reply, &[("a.txt", ABC), ("b.txt", ABC)], Ok(&[("a.txt", B)]))]);
    }
    check(&[
        (
            &format!("In `a.txt` or `b.txt`:\n```diff\n{hunk}```\n"),
            &[("a.txt", ABC), ("b.txt", ABC)],
            Err((Reason::Ambiguous, "several")),
        ),
        (
            &format!("```diff\n{hunk}```\n"),
            &[("a.txt", ABC)],
            Err((Reason::Malformed, "which file")),
        ),
        (
            &format!("In `c.txt`:\n```diff\n{hunk}```\n"),
            &[("a.txt", ABC)],
            Err((Reason::Missing, "")),
        ),
        (&format!("In `a.txt`:\n```diff\n{hunk}"), &[("a.txt", ABC)], Ok(&[("a.txt", B)])),
        (
            "In `a.txt`:\n```diff\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+BET",
            &[("a.txt", ABC)],
            Err((Reason::Truncated, "")),
        ),
        // Beside a diff that names its file, a hunk without a name shows something.
        (
            &format!("--- a/a.txt\n+++ b/a.txt\n{hunk}\nThat is:\n\n```diff\n{hunk}```\n"),
            &[("a.txt", ABC)],
            Ok(&[("a.txt", B)]),
        ),
    ]);
}
