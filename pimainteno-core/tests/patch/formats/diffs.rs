//! Diffs whose lines look like something else, and diffs of other programs.

use pimainteno_core::patch::Reason;

use super::check;

#[test]
fn lines_that_look_like_labels_are_lines_where_the_counts_are_exact() {
    let sql = "one\n-- total\ntwo\n";
    check(&[
        (
            "diff --git a/q.sql b/q.sql\nindex 1..2 100644\n--- a/q.sql\n+++ b/q.sql\n@@ -1,3 +1,3 @@\n one\n--- total\n+++ total\n two\n",
            &[("q.sql", sql)],
            Ok(&[("q.sql", Some("one\n++ total\ntwo\n"))]),
        ),
        // At the end of the hunk, with another hunk below.
        (
            "--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n one\n--- total\n+++ total\n@@ -9,2 +9,2 @@\n h\n-i\n+I\n",
            &[("q.sql", "one\n-- total\nb\nc\nd\ne\nf\ng\nh\ni\n")],
            Ok(&[("q.sql", Some("one\n++ total\nb\nc\nd\ne\nf\ng\nh\nI\n"))]),
        ),
        // A fixture that is a diff itself, in the diff of a program.
        (
            "diff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n x\n--- a/y.rs\n+++ b/y.rs\n@@ -8,2 +8,2 @@\n h\n-i\n+I\n",
            &[("f", "x\n-- a/y.rs\nc\nd\ne\nf\ng\nh\ni\n"), ("y.rs", "h\ni\n")],
            Ok(&[("f", Some("x\n++ b/y.rs\nc\nd\ne\nf\ng\nh\nI\n"))]),
        ),
        // The counts are wrong by what the labels of the next file are.
        (
            "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n x\n-y\n+Y\n--- a/g\n+++ b/g\n@@ -1,2 +1,2 @@\n h\n-i\n+I\n",
            &[("f", "x\ny\n"), ("g", "h\ni\n")],
            Ok(&[("f", Some("x\nY\n")), ("g", Some("h\nI\n"))]),
        ),
        (
            "*** Begin Patch\n*** Update File: q.sql\n@@\n one\n--- total\n+++ total\n two\n*** End Patch\n",
            &[("q.sql", sql)],
            Ok(&[("q.sql", Some("one\n++ total\ntwo\n"))]),
        ),
        (
            "--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@\n *** Begin Patch\n+*** Delete File: x\n @@ a @@\n diff --git a/x b/x\n",
            &[("f", "*** Begin Patch\n@@ a @@\ndiff --git a/x b/x\n"), ("x", "x\n")],
            Ok(&[(
                "f",
                Some("*** Begin Patch\n*** Delete File: x\n@@ a @@\ndiff --git a/x b/x\n"),
            )]),
        ),
        // Marks of a merge that was not finished are content, and so are those of a block.
        (
            "--- a/f\n+++ b/f\n@@ -1,5 +1,5 @@\n <<<<<<< HEAD\n-a\n+A\n =======\n b\n >>>>>>> side\n",
            &[("f", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> side\n")],
            Ok(&[("f", Some("<<<<<<< HEAD\nA\n=======\nb\n>>>>>>> side\n"))]),
        ),
        (
            "```diff\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n <<<<<<< SEARCH\n-a\n+A\n```\n",
            &[("f", "<<<<<<< SEARCH\na\n")],
            Ok(&[("f", Some("<<<<<<< SEARCH\nA\n"))]),
        ),
    ]);
}

#[test]
fn a_bare_section_without_hunks_is_complete_where_it_says_all() {
    let files = &[("a", "p\n"), ("b", "q\n")];
    check(&[
        ("diff --git a/a b/a\ndeleted file mode 100644\nindex 1..0\n", files, Ok(&[("a", None)])),
        ("diff --git a/a b/a\ndeleted file mode 100644\nindex 1..0", files, Ok(&[("a", None)])),
        (
            "diff --git a/a b/a\ndeleted file mode 100644\n\nIt is not used.\n",
            files,
            Ok(&[("a", None)]),
        ),
        (
            "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29",
            files,
            Ok(&[("e", Some(""))]),
        ),
        (
            "diff --git a/a b/c\nsimilarity index 100%\nrename from a\nrename to c",
            files,
            Ok(&[("a", None), ("c", Some("p\n"))]),
        ),
        // Cut off.
        (
            "diff --git a/a b/a\ndeleted file mode 100644\nindex 1..0\n--- a/a\n",
            files,
            Err((Reason::Truncated, "")),
        ),
        (
            "diff --git a/a b/a\ndeleted file mode 100644\nindex 1..0\n--- a/a\n+++ /dev/null\n",
            files,
            Err((Reason::Truncated, "")),
        ),
        ("diff --git a/a b/a\ndeleted file mode 100644\ninde", files, Err((Reason::Truncated, ""))),
        ("diff --git a/a b/a\nindex 1..0\n", files, Err((Reason::Truncated, ""))),
        (
            "diff --git a/e b/e\nnew file mode 100644\nindex 0..1\n",
            files,
            Err((Reason::Truncated, "")),
        ),
        (
            "diff --git a/a b/c.txt\nsimilarity index 100%\nrename from a\nrename to c.t",
            files,
            Err((Reason::Truncated, "")),
        ),
        (
            "diff --git a/a b/c\nsimilarity index 90%\nrename from a\nrename to c\n",
            files,
            Err((Reason::Truncated, "")),
        ),
        (
            "```diff\ndiff --git a/a b/a\ndeleted file mode 100644\nindex 1..0\n",
            files,
            Err((Reason::Truncated, "")),
        ),
    ]);
}

#[test]
fn the_end_of_the_file_is_seen_without_a_fence() {
    let old = "x\ny\nx\ny\n";
    check(&[
        (
            "*** Begin Patch\n*** Update File: a\n@@\n x\n-y\n+z\n*** End of File\n*** End Patch\n",
            &[("a", old)],
            Ok(&[("a", Some("x\ny\nx\nz\n"))]),
        ),
        (
            "*** Begin Patch\n*** Update File: a\n@@\n x\n-y\n+- z\n*** End of File\n*** Update File: b\n@@\n-q\n+Q\n*** End Patch\n",
            &[("a", old), ("b", "q\n")],
            Ok(&[("a", Some("x\ny\nx\n- z\n")), ("b", Some("Q\n"))]),
        ),
        (
            "```\n*** Begin Patch\n*** Update File: a\n@@\n x\n-y\n+z\n*** End of File\n*** End Patch\n```\n",
            &[("a", old)],
            Ok(&[("a", Some("x\ny\nx\nz\n"))]),
        ),
    ]);
}

#[test]
fn markers_of_a_missing_newline_are_known_in_every_language() {
    for marker in [
        "\\ No newline at end of file",
        "\\ Kein Zeilenumbruch am Dateiende.",
        "\\ Pas de fin de ligne à la fin du fichier",
        "\\ 文件末尾没有换行符",
    ] {
        let reply = format!("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n{marker}\n+B\n{marker}\n");
        check(&[(&reply, &[("f", "a\nb")], Ok(&[("f", Some("a\nB"))]))]);
    }
}

#[test]
fn a_file_may_be_changed_above_the_section_that_makes_it() {
    check(&[
        (
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n",
            &[],
            Ok(&[("f", Some("a\nB\n"))]),
        ),
        (
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n",
            &[("f", "a\nb\n")],
            Err((Reason::Exists, "")),
        ),
    ]);
}

#[test]
fn context_diffs_are_read() {
    let abc = "alpha\nbeta\ngamma\n";
    check(&[
        (
            "*** a.txt\t2024-01-01\n--- a.txt\t2024-01-02\n***************\n*** 1,3 ****\n  alpha\n! beta\n  gamma\n--- 1,3 ----\n  alpha\n! BETA\n  gamma\n",
            &[("a.txt", abc)],
            Ok(&[("a.txt", Some("alpha\nBETA\ngamma\n"))]),
        ),
        (
            "Here:\n```diff\ndiff -c a/a.txt b/a.txt\n*** a/a.txt\n--- b/a.txt\n***************\n*** 1,3 ****\n--- 1,4 ----\n  alpha\n  beta\n+ new\n  gamma\n```\nDone.\n",
            &[("a.txt", abc)],
            Ok(&[("a.txt", Some("alpha\nbeta\nnew\ngamma\n"))]),
        ),
        (
            "*** a.txt\n--- a.txt\n***************\n*** 1,3 ****\n  alpha\n! beta\n",
            &[("a.txt", abc)],
            Err((Reason::Truncated, "diff -c")),
        ),
        (
            "*** a.txt\n--- a.txt\n***************\n*** 1,3 ****\n  alpha\n! other\n  gamma\n--- 1,3 ----\n  alpha\n! BETA\n  gamma\n",
            &[("a.txt", abc)],
            Err((Reason::NotFound, "")),
        ),
    ]);
}

#[test]
fn what_is_not_read_is_named() {
    let files = &[("a.txt", "alpha\nbeta\ngamma\n")];
    let rows = [
        ("```diff\n2c2\n< beta\n---\n> BETA\n```\n", "normal diff"),
        ("a.txt\n```\n2c2\n< beta\n---\n> BETA\n```\n", "normal diff"),
        ("2c2\n< beta\n---\n> BETA\n", "normal diff"),
        ("a.txt\n```\n2c\nBETA\n.\n```\n", "script for ed"),
        ("```\nd2 1\na2 1\nBETA\n```\n", "RCS"),
        ("```json\n[{\"op\": \"replace\", \"path\": \"/a\", \"value\": 1}]\n```\n", "JSON Patch"),
        ("`a.txt`\n```json\n[{\"op\": \"remove\", \"path\": \"/a\"}]\n```\n", "JSON Patch"),
        (
            "diff --cc a.txt\nindex 1,2..3\n--- a/a.txt\n+++ b/a.txt\n@@@ -1,1 -1,1 +1,1 @@@\n--a\n++b\n",
            "diff of a merge",
        ),
        ("In `a.txt`:\n```diff\n@@@ -1,1 -1,1 +1,1 @@@\n--a\n++b\n```\n", "diff of a merge"),
        ("<file path=\"a.txt\">\nalpha\n</file>\n", "tags"),
        ("<write_to_file>\n<path>a.txt</path>\n<content>x</content>\n</write_to_file>\n", "tags"),
    ];
    for (reply, word) in rows {
        check(&[(reply, files, Err((Reason::Malformed, word)))]);
    }
    check(&[(
        "diff --git a/a.png b/a.png\nindex 1..2 100644\nGIT binary patch\nliteral 1\nIcmZ\n",
        files,
        Err((Reason::Binary, "")),
    )]);
}
