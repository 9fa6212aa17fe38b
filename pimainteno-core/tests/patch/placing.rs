//! Hunks of which something is missing, mistyped or in the way, and where they go.

use pimainteno_core::patch::{Reason, Rules};

use crate::{Tree, applied, content};

/// What the file `f` says, hunks, and what they make of it or why they are refused.
pub(crate) type Row<'a> = (&'a str, &'a str, Result<&'a str, Reason>);

/// Asserts what becomes of every row.
pub(crate) fn check(rows: &[Row<'_>]) {
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|(before, hunks, expected)| {
            let got = placed(before, hunks, &Rules::new());
            let is_right = match (&got, expected) {
                (Ok(got), Ok(expected)) => got == expected,
                (Err(got), Err(expected)) => got == expected,
                _ => false,
            };
            (!is_right).then(|| format!("{hunks}in\n{before}is {got:?}\nand not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
}

pub(crate) fn placed(before: &str, hunks: &str, rules: &Rules<'_>) -> Result<String, Reason> {
    let tree = Tree::from([("f".to_owned(), content(before))]);
    let reply = format!("--- a/f\n+++ b/f\n{hunks}");
    let after = applied(&tree, &reply, rules).map_err(|refusal| refusal.reason)?;
    Ok(String::from_utf8(after["f"].bytes.clone()).unwrap())
}

const ARMS: &str = "fn name(x: Kind) {\n    match x {\n        Kind::A => one(),\n        Kind::B => two(),\n        Kind::C => three(),\n    }\n}\n";

const LOG: &str = "# Changes\n\n## 2.0\n\n- Second thing\n\n## 1.0\n\n- First thing\n";

#[test]
fn an_insertion_stands_beside_its_neighbours_or_nowhere() {
    check(&[
        // A line of context that is mistyped, and the line above the insertion.
        (
            ARMS,
            "@@ @@\n fn nmae(x: Kind) {\n     match x {\n+        Kind::Z => zero(),\n         Kind::A => one(),\n",
            Ok(
                "fn name(x: Kind) {\n    match x {\n        Kind::Z => zero(),\n        Kind::A => one(),\n        Kind::B => two(),\n        Kind::C => three(),\n    }\n}\n",
            ),
        ),
        // The bracket below it is that of the match, two arms further down.
        (
            ARMS,
            "@@ -1,6 +1,7 @@\n fn name(x: Kind) {\n     match x {\n         Kind::A => one(),\n+        Kind::D => four(),\n     }\n }\n",
            Err(Reason::Ambiguous),
        ),
        // So is a blank line: the heading below it is another one's.
        (
            LOG,
            "@@ @@\n # Changes\n \n ## 2.0\n+- Third thing\n \n ## 1.0\n",
            Err(Reason::Ambiguous),
        ),
        // Its neighbours stand together, elsewhere than the rest.
        (
            "def load(path):\n    text = read(path)\n    return parse(text)\n\n\ndef names(pairs):\n    found = list(pairs)\n    found.sort()\n    return found\n",
            "@@ @@\n def load(path):\n     text = raed(path)\n     return parse(text)\n     found = list(pairs)\n     found.sort()\n+    found.reverse()\n",
            Ok(
                "def load(path):\n    text = read(path)\n    return parse(text)\n\n\ndef names(pairs):\n    found = list(pairs)\n    found.sort()\n    found.reverse()\n    return found\n",
            ),
        ),
        // A blank line is missing, and it could go before or behind that.
        (
            "start();\none();\n\ntwo();\nthree();\nfour();\n",
            "@@ @@\n strat();\n one();\n+more();\n two();\n three();\n",
            Err(Reason::Ambiguous),
        ),
        // A neighbour that nobody wrote is no witness.
        (
            "start();\none();\ntwo();\nthree();\n",
            "@@ @@\n start();\n one();\n // here it goes on\n+more();\n two();\n three();\n",
            Ok("start();\none();\nmore();\ntwo();\nthree();\n"),
        ),
    ]);
}

#[test]
fn dots_are_text_where_the_file_says_so_and_stand_for_lines_elsewhere() {
    let file = "first();\nsecond();\nthird();\nfourth();\nfifth();\nsixth();\nlast();\n";
    let stub = "class A:\n    def one(self):\n        ...\n\n    def two(self):\n        pass\n\n    def three(self):\n        pass\n";
    check(&[
        (
            file,
            "@@ @@\n first();\n-second();\n+SECOND();\n ...\n-sixth();\n+SIXTH();\n last();\n",
            Ok("first();\nSECOND();\nthird();\nfourth();\nfifth();\nSIXTH();\nlast();\n"),
        ),
        // Some other line of the file is such a line.
        (
            stub,
            "@@ @@\n class A:\n     def two(self):\n-        pass\n+        return 2\n ...\n     def three(self):\n-        pass\n+        return 3\n",
            Ok(
                "class A:\n    def one(self):\n        ...\n\n    def two(self):\n        return 2\n\n    def three(self):\n        return 3\n",
            ),
        ),
        // It is the one that is meant.
        (
            stub,
            "@@ @@\n calss A:\n     def one(self):\n         ...\n+        # Nothing to do.\n \n     def two(self):\n",
            Ok(
                "class A:\n    def one(self):\n        ...\n        # Nothing to do.\n\n    def two(self):\n        pass\n\n    def three(self):\n        pass\n",
            ),
        ),
    ]);
}

#[test]
fn a_line_that_is_kept_is_not_replaced() {
    check(&[
        (
            "start();\nset(name);\n\n// what follows\nrun();\nset(other);\ndone();\n",
            "@@ @@\n start();\n set(name);\n \n-set(name);\n+try_set(name);\n rnu();\n",
            Err(Reason::Ambiguous),
        ),
        (
            "start();\nset(name);\nset(name);\nrun();\ndone();\n",
            "@@ @@\n strat();\n set(name);\n-set(name);\n+try_set(name);\n run();\n",
            Ok("start();\nset(name);\ntry_set(name);\nrun();\ndone();\n"),
        ),
    ]);
}

#[test]
fn what_only_blank_lines_are_around_goes_nowhere() {
    let file = "start();\n\nfirst();\n";
    let after = "start();\n\nmore();\nfirst();\n";
    check(&[
        (file, "@@ @@\n \n+more();\n", Err(Reason::Ambiguous)),
        (file, "@@ @@\n+more();\n \n", Err(Reason::Ambiguous)),
        // A number says where, and so does the line that is shown.
        (file, "@@ -2,1 +2,2 @@\n \n+more();\n", Ok(after)),
        (file, "@@ @@\n \n+more();\n first();\n", Ok(after)),
    ]);
}

#[test]
fn what_replaces_a_line_that_is_nowhere_goes_nowhere() {
    let file = "start();\nfirst();\nsecond();\nthird();\n";
    check(&[
        // A blank line that the file does not have.
        (file, "@@ @@\n start();\n first();\n-\n+more();\n second();\n", Err(Reason::NotFound)),
        (file, "@@ @@\n start();\n fisrt();\n-\n+more();\n", Err(Reason::NotFound)),
        // Nothing comes in its place.
        (
            file,
            "@@ @@\n strat();\n first();\n-\n second();\n-third();\n+THIRD();\n",
            Ok("start();\nfirst();\nsecond();\nTHIRD();\n"),
        ),
    ]);
}

#[test]
fn each_block_is_indented_as_its_own_lines_say() {
    let file = "proc one {id} {\n    set port [port $id]\n    return $port\n}\n\ntest later {\n    foreach id $ids {\n        set size [R $id dbsize]\n        restore $id\n    }\n}\n";
    check(&[
        // The second block is written without indentation, the first one as it is.
        (
            file,
            "@@ @@\n proc one {id} {\n     set port [port $id]\n+    wait_for $port\n     return $port\n }\n \n test later {\n     foreach id $ids {\n-set size [R $id dbsize]\n+set size [R $id dbsize all]\n restore $id\n",
            Ok(
                "proc one {id} {\n    set port [port $id]\n    wait_for $port\n    return $port\n}\n\ntest later {\n    foreach id $ids {\n        set size [R $id dbsize all]\n        restore $id\n    }\n}\n",
            ),
        ),
        // Context that lost its marker has a blank less, and what is added is as it is.
        (
            "module A\n    module B\n    one\n    two\n",
            "@@ -1,2 +1,3 @@\n    module B\n+    more\n    one\n    two\n",
            Ok("module A\n    module B\n    more\n    one\n    two\n"),
        ),
        // All of the hunk lost a blank: nothing in the file is indented as it says.
        (
            "a {\n    b {\n        c\n    }\n}\n",
            "@@ @@\n    b {\n+       d\n        c\n    }\n",
            Ok("a {\n    b {\n        d\n        c\n    }\n}\n"),
        ),
    ]);
}

#[test]
fn quotes_dashes_and_blanks_stay_the_files_own() {
    check(&[
        // Those that the reply straightened.
        (
            "# Title\n\nShe said “well” – and left.\n\nThe end.\n",
            "@@ @@\n # Title\n \n-She said \"well\" - and left.\n+She said \"very well\" - and left at once.\n",
            Ok("# Title\n\nShe said “very well” – and left at once.\n\nThe end.\n"),
        ),
        // One that is written anew.
        (
            "# Title\n\nIt is “one” or “two”.\n\nThe end.\n",
            "@@ @@\n # Title\n \n-It is \"one\" or \"two\".\n+Nobody knows: \"one\", \"two\" or \"three\"?\n",
            Err(Reason::Ambiguous),
        ),
        // Those that came into the reply on its way.
        (
            "start('now')\n    one('a')\n    two('b')\n",
            "@@ @@\n start(‘now’)\n-\u{a0}\u{a0}\u{a0}\u{a0}one(‘a’)\n+\u{a0}\u{a0}\u{a0}\u{a0}one(‘c’)\n     two('b')\n",
            Ok("start('now')\n    one('c')\n    two('b')\n"),
        ),
        // Where the file has them, too, they are meant.
        (
            "say('it’s')\none('a')\ntwo('b')\n",
            "@@ @@\n say('it’s')\n-one('a')\n+one('it’s more')\n tow('b')\n",
            Ok("say('it’s')\none('it’s more')\ntwo('b')\n"),
        ),
    ]);
}

#[test]
fn the_mark_in_front_of_a_file_stays_there() {
    let mark = '\u{feff}';
    let rows = [
        ("@@ -1,2 +1,3 @@\n+zero\n alpha\n beta\n", "zero\nalpha\nbeta\n"),
        ("@@ -1,2 +1,2 @@\n-alpha\n+ALPHA\n beta\n", "ALPHA\nbeta\n"),
        ("@@ -1,2 +1,1 @@\n-alpha\n beta\n", "beta\n"),
        ("@@ -1,2 +1,3 @@\n+zero\n \u{feff}alpha\n beta\n", "zero\nalpha\nbeta\n"),
        ("@@ -1,2 +1,2 @@\n-\u{feff}alpha\n+\u{feff}ALPHA\n beta\n", "ALPHA\nbeta\n"),
    ];
    let file = format!("{mark}alpha\nbeta\n");
    let after = rows.map(|(_, after)| format!("{mark}{after}"));
    let rows: Vec<_> =
        rows.iter().zip(&after).map(|((hunk, _), after)| (&*file, *hunk, Ok(&**after))).collect();
    check(&rows);
    check(&[
        (&file, "@@ -1,2 +1,2 @@\n-\u{feff}alpha\n+alpha\n beta\n", Ok("alpha\nbeta\n")),
        ("alpha\nbeta\n", "@@ -1,2 +1,2 @@\n-alpha\n+\u{feff}alpha\n beta\n", Ok(&file)),
    ]);
}

#[test]
fn a_file_in_another_encoding_gets_nothing_that_it_would_write_otherwise() {
    let latin = b"caf\xe9\none\ntwo\n";
    for (hunk, is_placed) in
        [("@@ @@\n-one\n+eins\n two\n", true), ("@@ @@\n-one\n+f\u{fc}nf\n two\n", false)]
    {
        let file = pimainteno_core::patch::Content { bytes: latin.to_vec(), executable: false };
        let tree = Tree::from([("f".to_owned(), file)]);
        let after = applied(&tree, &format!("--- a/f\n+++ b/f\n{hunk}"), &Rules::new());
        match after {
            Ok(after) => assert!(is_placed && after["f"].bytes == b"caf\xe9\neins\ntwo\n"),
            Err(refusal) => assert!(!is_placed && refusal.reason == Reason::Encoding, "{refusal}"),
        }
    }
}

#[test]
fn line_ends_are_told_by_a_reply_that_knows_those_of_the_file() {
    let (unix, windows) = ("one\ntwo\nthree\n", "one\r\ntwo\r\nthree\r\n");
    check(&[
        // Carriage returns of the way here, in some lines.
        (unix, "@@ @@\n one\r\n-two\n+TWO\r\n three\n", Ok("one\nTWO\nthree\n")),
        (windows, "@@ @@\n one\r\n-two\n+TWO\n three\r\n", Ok("one\r\nTWO\r\nthree\r\n")),
        (unix, "@@ @@\r\n one\n-two\n+TWO\r\n three\n", Ok("one\nTWO\nthree\n")),
        // Those of what is added alone.
        (unix, "@@ @@\n one\n+more\r\n+MORE\n two\n", Err(Reason::Malformed)),
        (unix, "@@ @@\n one\n-two\n+two\r\n three\n", Ok("one\ntwo\r\nthree\n")),
        (windows, "@@ @@\n one\r\n-two\r\n+two\n three\r\n", Ok("one\r\ntwo\nthree\r\n")),
        // The reply shows none at all.
        (windows, "@@ @@\n one\n-two\n+TWO\n three\n", Ok("one\r\nTWO\r\nthree\r\n")),
    ]);
}

#[test]
fn what_is_there_already_is_told_from_what_does_not_fit() {
    check(&[
        (
            "# W\n\nHello.\nw\n",
            "@@ -1,3 +1,4 @@\n # W\n \n Hello.\n+w\n",
            Err(Reason::AlreadyThere),
        ),
        // Elsewhere than the number says, and with another line mistyped.
        (
            "start();\none();\nTWO();\nthree();\n",
            "@@ -9,3 +9,3 @@\n one();\n-two();\n+TWO();\n three();\n",
            Err(Reason::AlreadyThere),
        ),
        (
            "start();\none();\nTWO();\nthree();\n",
            "@@ @@\n strat();\n one();\n-two();\n+TWO();\n three();\n",
            Err(Reason::AlreadyThere),
        ),
        (
            "start();\none();\nmore();\ntwo();\n",
            "@@ @@\n strat();\n one();\n+more();\n two();\n",
            Err(Reason::AlreadyThere),
        ),
        (
            "start();\none();\ntwo();\n",
            "@@ @@\n one();\n-gone();\n two();\n",
            Err(Reason::NotFound),
        ),
        ("start();\none();\ntwo();\n", "@@ @@\n one();\n-two();\n+two();\n", Err(Reason::NoChange)),
    ]);
}

#[test]
fn a_change_is_there_as_a_whole_only_if_all_of_it_is() {
    let tree =
        Tree::from([("f".to_owned(), content("one\nTWO\n")), ("g".to_owned(), content("a\nb\n"))]);
    let done = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n";
    let more = "--- a/g\n+++ b/g\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n";
    let refusal = applied(&tree, &format!("{done}{more}"), &Rules::new()).unwrap_err();
    assert_eq!((refusal.reason, refusal.file.as_deref()), (Reason::AlreadyThere, Some("f")));
    // What is made and says the same already is no part that is missing.
    let made = "--- /dev/null\n+++ b/g\n@@ -0,0 +1,2 @@\n+a\n+b\n";
    let refusal = applied(&tree, &format!("{done}{made}"), &Rules::new()).unwrap_err();
    assert_eq!(refusal.reason, Reason::AlreadyThere);
}

#[test]
fn what_breaks_a_file_is_refused() {
    let rows = [
        (
            "a.py",
            "def f():\n    one()\n    two()\n",
            " def f():\n     one()\n+     more()\n     two()\n",
            false,
        ),
        (
            "a.py",
            "def f():\n    one()\n    two()\n",
            " def f():\n     one()\n+    more()\n     two()\n",
            true,
        ),
        ("Makefile", "all:\n\tcc\n", " all:\n \tcc\n+\n+check:\n+    ./all\n", false),
        ("a.json", "{\n  \"a\": 1\n}\n", " {\n   \"a\": 1\n+  \"b\": 2\n }\n", false),
        ("a.toml", "[a]\nb = 1\n", " [a]\n b = 1\n+c =\n", false),
        ("a.yml", "a:\n  b: 1\n  c: 2\n", " a:\n   b: 1\n+   d: 3\n   c: 2\n", false),
        ("a.rs", "fn f() {\n    g();\n}\n", " fn f() {\n     g();\n+    h(;\n }\n", false),
        // It did not parse before either, and text is no program.
        ("a.rs", "fn f( {\n    g();\n}\n", " fn f( {\n     g();\n+    h(;\n }\n", true),
        ("a.txt", "fn f() {\n    g();\n}\n", " fn f() {\n     g();\n+    h(;\n }\n", true),
    ];
    for (path, before, hunk, is_placed) in rows {
        let tree = Tree::from([(path.to_owned(), content(before))]);
        let reply = format!("--- a/{path}\n+++ b/{path}\n@@ @@\n{hunk}");
        let placed = applied(&tree, &reply, &Rules::new());
        match placed {
            Ok(_) => assert!(is_placed, "{path}: {hunk}"),
            Err(refusal) => {
                assert!(!is_placed && refusal.reason == Reason::Broken, "{path}: {refusal}");
                assert!(!refusal.excerpt.is_empty(), "{path}");
                // A tool made it of real files.
                assert!(applied(&tree, &reply, &Rules::new().verbatim()).is_ok(), "{path}");
            }
        }
    }
}

#[test]
fn anchors_narrow_down_one_after_the_other() {
    let file = "class A:\n    def go(self):\n        return 1\n\n    def stop(self):\n        return 1\n\n\nclass B:\n    def go(self):\n        return 1\n\n    def stop(self):\n        return 1\n";
    let hunk = |anchors: &str| {
        let body = "-        return 1\n+        return 2\n";
        let reply = format!("*** Begin Patch\n*** Update File: f\n{anchors}{body}*** End Patch\n");
        let tree = Tree::from([("f".to_owned(), content(file))]);
        let after = applied(&tree, &reply, &Rules::new()).map_err(|refusal| refusal.reason)?;
        let text = String::from_utf8(after["f"].bytes.clone()).unwrap();
        Ok(text.lines().position(|line| line.ends_with("return 2")).unwrap() + 1)
    };
    assert_eq!(hunk("@@ class B:\n@@     def go(self):\n"), Ok(11));
    assert_eq!(hunk("@@ class A:\n@@     def stop(self):\n"), Ok(6));
    assert_eq!(hunk("@@     def go(self):\n"), Err(Reason::Ambiguous));
    assert_eq!(hunk("@@ class B:\n"), Err(Reason::Ambiguous));
    assert_eq!(hunk("@@ class C:\n@@     def go(self):\n"), Err(Reason::Ambiguous));
}

#[test]
fn whoever_does_not_wait_any_more_is_not_kept() {
    let tree = Tree::from([("f".to_owned(), content("one\ntwo\n"))]);
    let reply = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n";
    let refusal = applied(&tree, reply, &Rules::new().cancel(|| true)).unwrap_err();
    assert_eq!(refusal.reason, Reason::Cancelled);
}
