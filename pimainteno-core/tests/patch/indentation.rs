//! Blocks that are indented otherwise than the file, and what becomes of what they add.

use pimainteno_core::patch::{Reason, Rules};

use crate::{Tree, applied, content};

/// What the file says, what is searched, what replaces it, and what becomes of it.
type Row<'a> = (&'a str, &'a str, &'a str, Result<&'a str, Reason>);

fn check(rows: &[Row<'_>]) {
    for (before, search, replace, expected) in rows {
        let tree = Tree::from([("f".to_owned(), content(before))]);
        let reply =
            format!("f\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n");
        let got = applied(&tree, &reply, &Rules::new())
            .map(|after| String::from_utf8(after["f"].bytes.clone()).unwrap())
            .map_err(|refusal| refusal.reason);
        assert_eq!(got, expected.map(str::to_owned), "{search}=>\n{replace}in\n{before}");
    }
}

const FOUR: &str =
    "class A:\n    def f(self):\n        if x:\n            one()\n        return x\n";

#[test]
fn levels_of_another_unit_become_those_of_the_file() {
    let two = FOUR.replace("    ", "  ");
    let tabs = FOUR.replace("    ", "\t");
    check(&[
        (
            FOUR,
            "    if x:\n      one()\n",
            "    if x:\n      with y:\n        one()\n",
            Ok(
                "class A:\n    def f(self):\n        if x:\n            with y:\n                one()\n        return x\n",
            ),
        ),
        // All of it further out, too.
        (
            &tabs,
            "    one()\nreturn x\n",
            "    one()\nreturn x\nwhile y:\n    two()\n",
            Ok(
                "class A:\n\tdef f(self):\n\t\tif x:\n\t\t\tone()\n\t\treturn x\n\t\twhile y:\n\t\t\ttwo()\n",
            ),
        ),
        (
            &two,
            "if x:\n\tone()\n",
            "if x:\n\twith y:\n\t\tone()\n",
            Ok("class A:\n  def f(self):\n    if x:\n      with y:\n        one()\n    return x\n"),
        ),
        // One depth alone, and a block below it.
        (
            &two,
            "return x\n",
            "with y:\n    return x\n",
            Ok("class A:\n  def f(self):\n    if x:\n      one()\n    with y:\n      return x\n"),
        ),
        // What is deeper without a block could be so by a level, or by two.
        (&two, "return x\n", "return x + (\n    y)\n", Err(Reason::NotFound)),
        // Depths at which nothing is, by whatever they came.
        (
            "a:\n    b:\n        c\n    d:\n        c1\n        e\n",
            "b:\n   c\n",
            "b:\n   c\n     f\n",
            Err(Reason::NotFound),
        ),
    ]);
}

#[test]
fn only_the_first_line_of_a_text_is_trimmed() {
    check(&[
        // The others are as they are in the file.
        (
            FOUR,
            "if x:\n            one()\n",
            "if x:\n            two()\n            one()\n",
            Ok(
                "class A:\n    def f(self):\n        if x:\n            two()\n            one()\n        return x\n",
            ),
        ),
        (
            FOUR,
            "one()\n        return x\n",
            "with y:\n                one()\n        return x\n",
            Ok(
                "class A:\n    def f(self):\n        if x:\n            with y:\n                one()\n        return x\n",
            ),
        ),
        // It is alone: a line below it is deeper only if it opens a block.
        (
            FOUR,
            "one()\n",
            "one()\n            two()\n",
            Ok(
                "class A:\n    def f(self):\n        if x:\n            one()\n            two()\n        return x\n",
            ),
        ),
        (
            FOUR,
            "if x:\n",
            "if x:\n            two()\n",
            Ok(
                "class A:\n    def f(self):\n        if x:\n            two()\n            one()\n        return x\n",
            ),
        ),
        (
            FOUR,
            "if x:\n",
            "if x:\n    two()\n",
            Ok(
                "class A:\n    def f(self):\n        if x:\n            two()\n            one()\n        return x\n",
            ),
        ),
        (FOUR, "if x:\n", "if x:\n        two()\n", Err(Reason::NotFound)),
        // A line that is further out than all of it.
        (
            FOUR,
            "if x:\n            one()\n",
            "if x:\ntwo()\n            one()\n",
            Err(Reason::NotFound),
        ),
    ]);
}

#[test]
fn a_line_as_deep_as_one_that_is_shown_gets_what_that_has() {
    check(&[
        (
            "menu\n\u{a0} \u{a0} one\n\u{a0} \u{a0} two\n",
            "  one\n  two\n",
            "  one\n  half\n  two\n",
            Ok("menu\n\u{a0} \u{a0} one\n\u{a0} \u{a0} half\n\u{a0} \u{a0} two\n"),
        ),
        (
            "first\n\u{3000}\u{3000}second line\n",
            "  second line\n",
            "  another line\n",
            Ok("first\n\u{3000}\u{3000}another line\n"),
        ),
        (
            "first\n\u{3000}\u{3000}second line\n",
            "  second line\n",
            "    another line\n",
            Err(Reason::NotFound),
        ),
    ]);
    // To YAML these blanks are a part of the name.
    let tree = Tree::from([("a.yml".to_owned(), content("a:\n\u{a0} b: 1\n"))]);
    let reply = "a.yml\n```\n<<<<<<< SEARCH\n  b: 1\n=======\n  b: 2\n>>>>>>> REPLACE\n```\n";
    let refusal = applied(&tree, reply, &Rules::new()).unwrap_err();
    assert_eq!(refusal.reason, Reason::Ambiguous);
}

#[test]
fn lines_of_a_string_are_not_indented() {
    check(&[
        (FOUR, "return x\n", "return \"\"\"\nx\n  y\n\"\"\"\n", Err(Reason::Ambiguous)),
        (
            FOUR,
            "    one()\nreturn x\n",
            "    y = '''\none\n'''\n    one()\nreturn x\n",
            Err(Reason::Ambiguous),
        ),
        // What is written about the code moves with it.
        (
            FOUR,
            "def f(self):\n    if x:\n",
            "def g(self):\n    \"\"\"It is\n    something.\"\"\"\n    pass\n\ndef f(self):\n    if x:\n",
            Ok(
                "class A:\n    def g(self):\n        \"\"\"It is\n        something.\"\"\"\n        pass\n\n    def f(self):\n        if x:\n            one()\n        return x\n",
            ),
        ),
    ]);
}
