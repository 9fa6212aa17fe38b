//! Which file is meant where its name ends in what could be a remark.

use pimainteno_core::patch::Reason;

use super::check;

const ABC: &str = "alpha\nbeta\ngamma\n";

#[test]
fn the_name_as_it_is_written_comes_first() {
    let both = &[("conf", ABC), ("conf (old)", ABC)];
    check(&[
        (
            "diff --git a/conf (old) b/conf (old)\ndeleted file mode 100644\nindex 1..0\n--- a/conf (old)\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-alpha\n-beta\n-gamma\n",
            both,
            Ok(&[("conf (old)", None)]),
        ),
        (
            "diff --git a/conf (old) b/conf (old)\ndeleted file mode 100644\nindex 1..0\n",
            both,
            Ok(&[("conf (old)", None)]),
        ),
        // Git says the name whole, so that another is not meant even if there is none.
        (
            "```diff\ndiff --git a/conf (old) b/conf (old)\ndeleted file mode 100644\nindex 1..0\n```\n",
            &[("conf", ABC)],
            Err((Reason::Missing, "delete")),
        ),
        (
            "--- a/conf (old)\n+++ b/conf (old)\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+B\n gamma\n",
            both,
            Ok(&[("conf (old)", Some("alpha\nB\ngamma\n"))]),
        ),
        (
            "--- a/conf (old)\n+++ b/conf (new)\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+B\n gamma\n",
            &[("conf", ABC)],
            Ok(&[("conf", Some("alpha\nB\ngamma\n"))]),
        ),
        (
            "--- a/conf (old)\n+++ b/conf (new)\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+B\n gamma\n",
            &[("conf (old)", ABC)],
            Err((Reason::Ambiguous, "remark")),
        ),
        (
            "diff --git a/conf b/conf\nindex 1..2 100644\n--- a/conf (old)\n+++ b/conf (new)\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+B\n gamma\n",
            both,
            Ok(&[("conf", Some("alpha\nB\ngamma\n"))]),
        ),
        (
            "diff --git a/conf (old) b/kept\nsimilarity index 100%\nrename from conf (old)\nrename to kept\n",
            both,
            Ok(&[("conf (old)", None), ("kept", Some(ABC))]),
        ),
        (
            "diff --git a/conf b/conf (new)\nsimilarity index 100%\nrename from conf\nrename to conf (new)\n",
            &[("conf", ABC)],
            Ok(&[("conf", None), ("conf (new)", Some(ABC))]),
        ),
        (
            "diff --git a/conf (old) b/conf (current)\nsimilarity index 100%\ncopy from conf (old)\ncopy to conf (current)\n",
            both,
            Ok(&[("conf (current)", Some(ABC))]),
        ),
        (
            "*** Begin Patch\n*** Delete File: conf (old)\n*** End Patch\n",
            both,
            Ok(&[("conf (old)", None)]),
        ),
        (
            "*** Begin Patch\n*** Delete File: conf (old)\n*** End Patch\n",
            &[("conf", ABC)],
            Ok(&[("conf", None)]),
        ),
        (
            "*** Begin Patch\n*** Update File: conf (old)\n@@\n alpha\n-beta\n+B\n*** End Patch\n",
            both,
            Ok(&[("conf (old)", Some("alpha\nB\ngamma\n"))]),
        ),
        (
            "*** Begin Patch\n*** Update File: conf\n*** Move to: conf (new)\n*** End Patch\n",
            &[("conf", ABC)],
            Ok(&[("conf", None), ("conf (new)", Some(ABC))]),
        ),
    ]);
}

#[test]
fn a_new_file_gets_the_name_that_git_says() {
    check(&[
        (
            "diff --git a/post 2024-01-01.md b/post 2024-01-01.md\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/post 2024-01-01.md\n@@ -0,0 +1 @@\n+hi\n",
            &[],
            Ok(&[("post 2024-01-01.md", Some("hi\n"))]),
        ),
        (
            "diff --git a/post 2024-01-01 b/post 2024-01-01\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/post 2024-01-01\n@@ -0,0 +1 @@\n+hi\n",
            &[],
            Ok(&[("post 2024-01-01", Some("hi\n"))]),
        ),
        (
            "diff --git a/notes (new) b/notes (new)\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/notes (new)\t\n@@ -0,0 +1 @@\n+hi\n",
            &[],
            Ok(&[("notes (new)", Some("hi\n"))]),
        ),
        (
            "--- /dev/null\n+++ b/notes (new)\t\n@@ -0,0 +1 @@\n+hi\n",
            &[],
            Ok(&[("notes (new)", Some("hi\n"))]),
        ),
        (
            "--- /dev/null\n+++ b/x.rs (new)\n@@ -0,0 +1 @@\n+hi\n",
            &[],
            Ok(&[("x.rs", Some("hi\n"))]),
        ),
        (
            "--- /dev/null\n+++ b/x.rs 2024-01-01 10:00:00\n@@ -0,0 +1 @@\n+hi\n",
            &[],
            Ok(&[("x.rs", Some("hi\n"))]),
        ),
        (
            "*** Begin Patch\n*** Add File: notes (new)\n+hi\n*** End Patch\n",
            &[],
            Ok(&[("notes (new)", Some("hi\n"))]),
        ),
        (
            "*** Begin Patch\n*** Add File: x.rs (new)\n+hi\n*** End Patch\n",
            &[],
            Ok(&[("x.rs", Some("hi\n"))]),
        ),
        (
            "*** Begin Patch\n*** Add File: post 2024-01-01.md\n+hi\n*** End Patch\n",
            &[],
            Ok(&[("post 2024-01-01.md", Some("hi\n"))]),
        ),
        // The file that is changed below is the one that is made above.
        (
            "*** Begin Patch\n*** Add File: notes (new)\n+hi\n*** End Patch\n*** Begin Patch\n*** Update File: notes (new)\n@@\n-hi\n+ho\n*** End Patch\n",
            &[("notes", "hi\n")],
            Ok(&[("notes (new)", Some("ho\n"))]),
        ),
    ]);
}

#[test]
fn names_with_blanks_quotes_and_escapes_are_read() {
    let change = "@@ -1,3 +1,3 @@\n alpha\n-beta\n+B\n gamma\n";
    let rows = [
        ("--- a/x y.rs\t\n+++ b/x y.rs\t\n", "x y.rs"),
        ("diff --git a/x  b/x \nindex 1..2 100644\n--- a/x \t\n+++ b/x \t\n", "x "),
        ("diff --git a/x b/x b/x b/x\nindex 1..2 100644\n--- a/x b/x\t\n+++ b/x b/x\t\n", "x b/x"),
        ("--- \"a/\\303\\244 \\\"q\\\"\"\n+++ \"b/\\303\\244 \\\"q\\\"\"\n", "ä \"q\""),
        ("--- `a/x.rs`\n+++ `b/x.rs`\n", "x.rs"),
        ("--- \"a/x.rs\" (old)\n+++ \"b/x.rs\" (new)\n", "x.rs"),
        ("*** Update File: `x y.rs`\n", "x y.rs"),
        ("*** Update File: \"x y.rs\"\n", "x y.rs"),
        ("*** Update File: x \n", "x "),
        ("*** Update File: x \n", "x"),
    ];
    for (header, name) in rows {
        let reply = format!("{header}{change}");
        let after = [(name, Some("alpha\nB\ngamma\n"))];
        check(&[(&reply, &[(name, ABC), ("other", ABC)], Ok(&after))]);
    }
    check(&[
        (
            "diff --git a/x b/x \nsimilarity index 100%\nrename from x\nrename to x \n",
            &[("x", ABC)],
            Ok(&[("x", None), ("x ", Some(ABC))]),
        ),
        // Two ways to part the names, and nothing that says which.
        (
            "```diff\ndiff --git a/p b/q b/r\ndeleted file mode 100644\n```\n",
            &[("p", ABC), ("p b/q", ABC)],
            Err((Reason::Malformed, "names no file")),
        ),
    ]);
}

#[test]
fn the_same_text_in_other_code_points_is_the_same_name() {
    let (one, two) = ("caf\u{e9}.txt", "cafe\u{301}.txt");
    let reply = |name: &str| {
        format!("--- a/{name}\n+++ b/{name}\n@@ -1,3 +1,3 @@\n alpha\n-beta\n+B\n gamma\n")
    };
    let changed = Some("alpha\nB\ngamma\n");
    check(&[
        (&reply(one), &[(two, ABC)], Ok(&[(two, changed)])),
        (&reply(two), &[(one, ABC)], Ok(&[(one, changed)])),
        (&reply(one), &[(one, ABC), (two, ABC)], Ok(&[(one, changed)])),
        (
            &format!("*** Begin Patch\n*** Delete File: {one}\n*** End Patch\n"),
            &[(two, ABC)],
            Ok(&[(two, None)]),
        ),
        (
            &format!("--- /dev/null\n+++ b/{one}\n@@ -0,0 +1 @@\n+hi\n"),
            &[(two, ABC)],
            Err((Reason::Exists, "code points")),
        ),
        (
            "--- /dev/null\n+++ b/caf\u{e9}/new\n@@ -0,0 +1 @@\n+hi\n",
            &[("cafe\u{301}/x", ABC)],
            Ok(&[("cafe\u{301}/new", Some("hi\n"))]),
        ),
    ]);
    let three = "e\u{323}\u{307}.txt";
    let other = "\u{1eb9}\u{307}.txt";
    check(&[(
        &reply("e\u{307}\u{323}.txt"),
        &[(three, ABC), (other, ABC)],
        Err((Reason::Missing, "could be")),
    )]);
}

#[test]
fn no_way_to_read_a_name_leads_out_of_the_project() {
    let change = "@@ -1 +1 @@\n-a\n+b\n";
    let rows = [
        "--- `../x`\n+++ `../x`\n",
        "--- a/../x (old)\n+++ b/../x (new)\n",
        "--- \"a/\\056\\056/x\"\n+++ \"b/\\056\\056/x\"\n",
        "*** Update File: `.git/config`\n",
        "*** Update File: ../x (old)\n",
        "*** Add File: \"/x\"\n",
        "--- a/.git/config (old)\n+++ b/.git/config\t\n",
    ];
    for header in rows {
        check(&[(&format!("{header}{change}"), &[("x", "a\n")], Err((Reason::Path, "")))]);
    }
    let blocks = [
        "../x.txt\n```\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\n",
        "../x.txt\n```\na\nb\n```\n",
        "`.git/hooks/post-checkout.sh`\n```\n#!/bin/sh\n```\n",
        "*** ../x\t1\n--- ../x\t2\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n",
        "{\"patch\": \"--- a/../x\\n+++ b/../x\\n@@ -1 +1 @@\\n-a\\n+b\\n\"}",
    ];
    for reply in blocks {
        check(&[(reply, &[("x.txt", "a\n"), ("x", "a\n")], Err((Reason::Path, "")))]);
    }
}
