//! Tabs, dashes and line ends of a file that a reply shows otherwise.

use pimainteno_core::patch::{Reason, Rules};

use crate::{Tree, applied, content};

/// What the file says, what is searched, what replaces it, and what becomes of it.
type Row<'a> = (&'a str, &'a str, &'a str, Result<&'a str, Reason>);

fn check(rows: &[Row<'_>], rules: &Rules<'_>) {
    for (before, search, replace, expected) in rows {
        let tree = Tree::from([("f".to_owned(), content(before))]);
        let reply =
            format!("f\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n");
        let got = applied(&tree, &reply, rules)
            .map(|after| String::from_utf8(after["f"].bytes.clone()).unwrap())
            .map_err(|refusal| refusal.reason);
        assert_eq!(got, expected.map(str::to_owned), "{search}=>\n{replace}in\n{before}");
    }
}

#[test]
fn blanks_do_not_take_the_place_of_tabs_within_lines() {
    let rows: [Row<'_>; 7] = [
        ("a\tb\nc\td\n", "c    d\n", "c    e\n", Ok("a\tb\nc\te\n")),
        ("a\tb\nc\td\n", "c    d\n", "c    d\ne    f\n", Err(Reason::Ambiguous)),
        ("a\tb\nc\td\n", "c d\n", "c d\ne f\n", Err(Reason::Ambiguous)),
        // Words that both lines share keep what is between them.
        (
            "name\tvalue\told\n",
            "name    value    old\n",
            "name    value    new\n",
            Ok("name\tvalue\tnew\n"),
        ),
        // A tab in front of a remark, and one blank elsewhere.
        ("x = 1\t# one\n", "x = 1 # one\n", "x = 1 # one\ny = 2\n", Ok("x = 1\t# one\ny = 2\n")),
        (
            "x = 1\t# one\n",
            "x = 1  # one\n",
            "x = 1  # one\ny = 2  # two\n",
            Err(Reason::Ambiguous),
        ),
        // The reply has tabs itself.
        ("a\tb\nc  \td\n", "c\td\n", "c\td\ne\tf\n", Ok("a\tb\nc  \td\ne\tf\n")),
    ];
    check(&rows, &Rules::new());
}

#[test]
fn dashes_that_the_change_is_about_are_the_replys() {
    let rows: [Row<'_>; 3] = [
        (
            "Use \u{2013}verbose \u{2013} it helps\n",
            "Use -verbose - it helps\n",
            "Use --verbose - it helps\n",
            Ok("Use --verbose \u{2013} it helps\n"),
        ),
        (
            "Use \u{2013}verbose \u{2013} it helps\n",
            "Use -verbose - it helps\n",
            "Use -verbose - it works\n",
            Ok("Use \u{2013}verbose \u{2013} it works\n"),
        ),
        ("Loading\u{2026} now\n", "Loading... now\n", "Loading.. now\n", Ok("Loading.. now\n")),
    ];
    check(&rows, &Rules::new());
}

#[test]
fn a_line_gets_another_end_only_if_the_change_is_about_that() {
    let (unix, windows) = ("a\nb\nc\n", "a\r\nb\r\nc\r\n");
    let rows: [Row<'_>; 4] = [
        (unix, "a\n", "A\r\n", Err(Reason::Malformed)),
        (windows, "a\r\nb\r\n", "A\nb\r\n", Err(Reason::Malformed)),
        (unix, "a\n", "a\r\n", Ok("a\r\nb\nc\n")),
        (windows, "a\r\nb\r\nc\r\n", "a\nb\nC\n", Ok("a\nb\nC\n")),
    ];
    check(&rows, &Rules::new());
}

#[test]
fn a_blank_line_below_a_fence_is_none_of_the_file() {
    let whole = |text: &str| {
        let tree = Tree::from([("f.txt".to_owned(), content("a\nb\nc\n"))]);
        let reply = format!("f.txt\n```\n{text}```\n");
        applied(&tree, &reply, &Rules::new())
            .map(|after| String::from_utf8(after["f.txt"].bytes.clone()).unwrap())
            .map_err(|refusal| refusal.reason)
    };
    assert_eq!(whole("\na\nB\nc\n"), Ok("a\nB\nc\n".to_owned()));
    assert_eq!(whole("a\n\nb\nc\n"), Ok("a\n\nb\nc\n".to_owned()));
}
