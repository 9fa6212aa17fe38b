//! Replies that could be taken for a change, or for more or less of one than is meant.

use pimainteno_core::patch::{Reason, Rules};

use crate::{Tree, applied, content};

const DIFF: &str = "```diff\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n-x = 1\n+from b import x\n y = 2\n z = 3\n```\n";

const BLOCK: &str = "a.py\n```\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```\n";

/// What becomes of `a.py`.
fn after(old: &str, reply: &str) -> Result<String, Reason> {
    let tree = Tree::from([("a.py".to_owned(), content(old))]);
    let after = applied(&tree, reply, &Rules::new()).map_err(|refusal| refusal.reason)?;
    Ok(after
        .get("a.py")
        .map_or_else(String::new, |file| String::from_utf8(file.bytes.clone()).unwrap()))
}

fn refused(reply: &str) -> Option<Reason> {
    after("x = 1\ny = 2\nz = 3\n", reply).err()
}

#[test]
fn no_part_of_a_reply_is_left_out_in_silence() {
    // A new file, hunks, and blocks that are written otherwise, each beside a change.
    let file = "and the new file\n\n`b.py`\n```python\nx = 1\n```\n";
    assert_eq!(refused(&format!("{DIFF}\n{file}")), Some(Reason::Ambiguous));
    assert_eq!(refused(&format!("{BLOCK}\n{file}")), Some(Reason::Ambiguous));
    let hunks = "and further down\n\n```diff\n@@ -3 +3 @@\n-z = 3\n+z = 4\n```\n";
    assert_eq!(refused(&format!("{DIFF}\n{hunks}")), Some(Reason::Malformed));
    let other = BLOCK.replace("SEARCH", "search").replace("x =", "z =");
    assert_eq!(refused(&format!("{BLOCK}\n{other}")), Some(Reason::Malformed));
    // What shows a file that is there is an illustration.
    let known = "`a.py` then is\n\n`a.py`\n```python\nfrom b import x\ny = 2\nz = 3\n```\n";
    assert_eq!(refused(&format!("{DIFF}\n{known}")), None);
    assert_eq!(refused(DIFF), None);
}

#[test]
fn what_was_thought_or_decided_against_is_no_change() {
    let draft = "--- a/a.py\n+++ b/a.py\n@@ -3 +3 @@\n-z = 3\n+z = 9\n";
    let wanted = Ok("from b import x\ny = 2\nz = 3\n".to_owned());
    let old = "x = 1\ny = 2\nz = 3\n";
    for thought in [
        format!("<think>\n{draft}</think>\n"),
        format!("<THINK>\n{draft}</THINK>\n"),
        format!("<reasoning>\n{draft}</reasoning>\n"),
        format!("<think>\none\n</think>\n<think>\n{draft}</think>\n"),
        format!("So:\n{draft}\n</think>\n"),
    ] {
        assert_eq!(after(old, &format!("{thought}{DIFF}")), wanted, "{thought}");
    }
    let json = |name: &str| {
        let patch =
            "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n-x = 1\n+from b import x\n y = 2\n z = 3\n";
        serde_json::to_string(&std::collections::BTreeMap::from([(name, draft), ("patch", patch)]))
            .unwrap()
    };
    assert_eq!(after(old, &json("rejected")), wanted);
    assert_eq!(after(old, &json("reasoning")), wanted);
}

#[test]
fn a_change_that_a_text_shows_is_no_change() {
    let tree = Tree::from([("a.py".to_owned(), content("x = 1\ny = 2\nz = 3\n"))]);
    let text = format!("# Notes\n\n{DIFF}\nThe end.\n");
    let reply = format!("docs/new.md\n````markdown\n{text}````\n");
    let after = applied(&tree, &reply, &Rules::new()).unwrap();
    assert_eq!(
        (after["a.py"].clone(), after["docs/new.md"].clone()),
        (tree["a.py"].clone(), content(&text))
    );
    assert_eq!(refused(&format!("NO CHANGE\n\n{DIFF}")), Some(Reason::Ambiguous));
}

#[test]
fn a_whole_file_has_all_of_it_and_a_name_that_is_one() {
    let old = "import sys\n\n\ndef one():\n    return 1\n\n\ndef two():\n    a = 1\n    b = 2\n    return a + b\n\n\ndef three():\n    return 3\n";
    let left =
        old.replace("def two():\n    a = 1\n    b = 2\n    return a + b\n", "# [two is above]\n");
    let reply = |above: &str, text: &str| format!("{above}\n```python\n{text}```\n");
    assert_eq!(after(old, &reply("a.py", &left)), Err(Reason::Ambiguous));
    let changed = old.replace("return 3", "return 4");
    assert_eq!(after(old, &reply("a.py", &changed)), Ok(changed.clone()));
    assert_eq!(
        after(old, &reply("Do not do it like this:\n\na.py", &changed)),
        Err(Reason::Ambiguous)
    );
    for above in ["### Node.js", "Some text\n\n### Vue.js"] {
        assert!(after(old, &reply(above, "x = 1\n")).is_err(), "{above}");
    }
}

#[test]
fn two_witnesses_that_contradict_each_other_decide_nothing() {
    let old = "def f():\n    go()\n    x()\n\n\ndef g():\n    go()\n    x()\n";
    let hunk =
        |header: &str| format!("--- a/a.py\n+++ b/a.py\n{header}\n     go()\n-    x()\n+    y()\n");
    assert_eq!(after(old, &hunk("@@ -2,2 +2,2 @@ def g():")), Err(Reason::Ambiguous));
    assert_eq!(after(old, &hunk("@@ -2,2 +2,2 @@ def f():")), Ok(old.replacen("x()", "y()", 1)));
    // The only place is above the line that it is said to be below.
    let reply = |anchor: &str| {
        format!(
            "*** Begin Patch\n*** Update File: a.py\n@@ {anchor}\n-    one()\n+    more()\n*** End Patch\n"
        )
    };
    let old = "def f():\n    one()\n\n\ndef g():\n    two()\n";
    assert_eq!(after(old, &reply("def g():")), Err(Reason::Ambiguous));
    assert_eq!(after(old, &reply("def f():")), Ok(old.replace("one", "more")));
}

#[test]
fn no_other_file_than_the_one_that_is_named_is_deleted() {
    let reply = |path: &str| format!("*** Begin Patch\n*** Delete File: {path}\n*** End Patch\n");
    assert_eq!(refused(&reply("b/a.py")), Some(Reason::Missing));
    assert_eq!(refused(&reply("a.py")), None);
}

#[test]
fn characters_of_a_line_that_is_replaced_are_neither_lost_nor_doubled() {
    let hunk =
        |old: &str, new: &str| format!("--- a/a.py\n+++ b/a.py\n@@ @@\n one\n-{old}\n+{new}\n");
    for (file, old, new, wanted) in [
        ("Loading… done", "Loading... done", "Loading... finished", "Loading… finished"),
        ("a\u{ad}b cd ef", "ab cd ef", "ab cd gh", "a\u{ad}b cd gh"),
        ("name\tvalue\told", "name value old", "name value new", "name\tvalue\tnew"),
    ] {
        assert_eq!(
            after(&format!("one\n{file}\n"), &hunk(old, new)),
            Ok(format!("one\n{wanted}\n"))
        );
    }
    let wide = "one\n\u{3000}two words\n";
    assert_eq!(after(wide, &hunk("two words", "two more words")), Err(Reason::Ambiguous));
    // Lines between two changes are none of them.
    let wide = "def f():\n    \"\"\"One.\n\u{3000}\u{3000}two\n    \"\"\"\n    x = 1\n";
    let whole = wide.replace("One", "First").replace("x = 1", "x = 2");
    assert_eq!(after(wide, &format!("a.py\n```python\n{whole}```\n")), Ok(whole));
    // In a file with both ends, a line ends as the one that it replaces.
    let both = "one\ntwo\r\nthree\n";
    let hunk = "--- a/a.py\n+++ b/a.py\n@@ @@\n one\n-two\n-three\n+TWO\n+THREE\n";
    assert_eq!(after(both, hunk), Ok("one\nTWO\r\nTHREE\n".to_owned()));
}

#[test]
fn a_change_is_not_there_while_what_it_removes_is() {
    let old = "[a]\nport = 1\n\n[b]\nport = 2\n";
    let hunk = "--- a/a.py\n+++ b/a.py\n@@ -9,2 +9,2 @@\n [b]\n-port = 1\n+port = 2\n";
    assert_eq!(after(old, hunk), Err(Reason::Ambiguous));
    let done = old.replace("= 1", "= 3");
    assert_eq!(after(&done, hunk), Err(Reason::AlreadyThere));
}

#[test]
fn numbers_and_headings_that_no_file_has_are_no_trouble() {
    let old = "one\ntwo\nthree\n";
    for number in ["18446744073709551614", "4294967296", "0"] {
        let hunk =
            format!("--- a/a.py\n+++ b/a.py\n@@ -{number},2 +{number},2 @@\n one\n-two\n+TWO\n");
        assert_eq!(after(old, &hunk), Ok("one\nTWO\nthree\n".to_owned()), "{number}");
        let block = format!(
            "a.py\n```\n<<<<<<< SEARCH\n:start_line:{number}\n-------\ntwo\n=======\nTWO\n>>>>>>> REPLACE\n```\n"
        );
        assert_eq!(after(old, &block), Ok("one\nTWO\nthree\n".to_owned()), "{number}");
    }
    let context =
        "*** a.py\n--- a.py\n*************** \u{200b}\n*** 9,9 ****\n! two\n--- 9,9 ----\n! TWO\n";
    assert_eq!(after(old, context), Ok("one\nTWO\nthree\n".to_owned()));
}
