//! Changes whose lines are found, and that are not meant where they are.

use pimainteno_core::patch::{Reason, Rules};

use crate::{Tree, applied, content};

const TWO: &str = "def f():\n    start()\n    work()\n    stop()\n\n\ndef g():\n    start()\n    work()\n    stop()\n";

/// What a reply makes of the file `f.py`.
fn after(before: &str, reply: &str) -> Result<String, Reason> {
    let tree = Tree::from([("f.py".to_owned(), content(before))]);
    let after = applied(&tree, reply, &Rules::new()).map_err(|refusal| refusal.reason)?;
    Ok(String::from_utf8(after["f.py"].bytes.clone()).unwrap())
}

fn diff(hunks: &str) -> String {
    format!("--- a/f.py\n+++ b/f.py\n{hunks}")
}

fn block(search: &str, replace: &str) -> String {
    format!("f.py\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n")
}

#[test]
fn what_is_left_out_is_of_the_block_that_it_is_left_out_of() {
    let file = "def f():\n    a()\n    b()\n\ndef g():\n    a()\n    c()\n    finish(all)\n    close(all)\n";
    let reply = |name: &str, end: &str| {
        block(
            &format!("def {name}():\n    ...\n    c()\n{end}"),
            &format!("def {name}():\n    ...\n    d()\n{end}"),
        )
    };
    assert_eq!(after(file, &reply("f", "")), Err(Reason::Ambiguous));
    assert_eq!(after(file, &reply("g", "")), Ok(file.replace("c()", "d()")));
    // What is below says enough to stand for itself.
    let end = "    finish(all)\n    close(all)\n";
    assert_eq!(after(file, &reply("f", end)), Ok(file.replace("c()", "d()")));
}

#[test]
fn a_line_that_the_counts_add_is_not_left_out() {
    let file = "def f():\n    a()\n    b()\n    c()\n    d()\n";
    let lost = |counts: &str| {
        diff(&format!(
            "@@ {counts} @@\n def f():\n     a()\n     extra()\n     b()\n-    c()\n+    C()\n     d()\n"
        ))
    };
    assert_eq!(after(file, &lost("-1,5 +1,6")), Err(Reason::Ambiguous));
    // One that is invented is in both counts, or in none.
    for counts in ["-1,6 +1,6", "-1,5 +1,5"] {
        assert_eq!(after(file, &lost(counts)), Ok(file.replace("c()", "C()")), "{counts}");
    }
}

#[test]
fn a_line_that_is_not_there_stands_for_no_more_lines_than_one() {
    let hunk = |above: &str| {
        diff(&format!("@@ -1,4 +1,5 @@\n def f():\n{above}+    check()\n     stop()\n"))
    };
    let wanted = TWO.replacen("work()\n", "work()\n    check()\n", 1);
    assert_eq!(after(TWO, &hunk("     begin()\n")), Err(Reason::Ambiguous));
    assert_eq!(after(TWO, &hunk("     start()\n     done()\n")), Ok(wanted));
}

#[test]
fn a_short_line_is_not_enough_below_one_that_is_not_there() {
    let file = "def first():\n    x()\n\n\ndef second():\n    y()\n    wait_for(all)\n    return_to(all)\n";
    let patch = |anchor: &str, lines: &str| {
        format!("*** Begin Patch\n*** Update File: f.py\n@@ {anchor}\n{lines}*** End Patch\n")
    };
    let short = "-    x()\n+    z()\n";
    let wanted = Ok(file.replace("x()", "z()"));
    assert_eq!(after(file, &patch("def third():", short)), Err(Reason::Ambiguous));
    assert_eq!(after(file, &patch("def first():", short)), wanted);
    assert_eq!(after(file, &patch("first", short)), wanted);
    let numbered =
        |start: usize| diff(&format!("@@ -{start},1 +{start},1 @@ def third():\n{short}"));
    assert_eq!(after(file, &numbered(150)), Err(Reason::Ambiguous));
    assert_eq!(after(file, &numbered(2)), wanted);
    // One line or two, if they say enough.
    let one = "-    return_to(all)\n+    return_to(none)\n";
    let two = format!("     wait_for(all)\n{one}");
    let wanted = Ok(file.replace("to(all)", "to(none)"));
    assert_eq!(after(file, &patch("def third():", &two)), wanted);
    assert_eq!(after(file, &patch("def third():", one)), Err(Reason::Ambiguous));
    let file = file.replace("return_to(all)", "return compute_total(all)");
    let one = "-    return compute_total(all)\n+    return 0\n";
    let wanted = Ok(file.replace("compute_total(all)", "0"));
    for anchor in ["def second(x):", "class Second.second", "in second() @@", "line 8 @@"] {
        assert_eq!(after(&file, &patch(anchor, one)), wanted, "{anchor}");
    }
}

#[test]
fn numbers_of_lines_do_not_come_into_a_file() {
    let file = "a\nb\nc\n";
    assert_eq!(after(file, &block("b\n", "2: B\n3: C\n")), Err(Reason::Malformed));
    assert_eq!(after(file, &block("b\n", "2 | B\n")), Err(Reason::Malformed));
    for lines in ["1: B\n2: C\n", "2: B\nC\n", "22\n", "2. B\n"] {
        assert_eq!(after(file, &block("b\n", lines)), Ok(file.replace("b\n", lines)), "{lines}");
    }
    // The file has them, and has them near by.
    let keys = "codes:\n# Of old.\n# These two are new.\n\n  10: ten\n";
    let wanted = Ok(keys.replace("codes:\n", "codes:\n  2: two\n"));
    assert_eq!(after(keys, &block("codes:\n", "codes:\n  2: two\n")), wanted);
    assert_eq!(after("1: a\n2: b\n", &block("2: b\n", "2: B\n")), Ok("1: a\n2: B\n".to_owned()));
}

#[test]
fn a_block_that_is_said_again_is_for_one_place() {
    let one = block("    work()\n", "    play()\n");
    let again = format!("{one}\nSo that is it, again the same block for f.py:\n\n{one}");
    assert_eq!(after(TWO, &again), Err(Reason::Ambiguous));
    assert_eq!(after(TWO, &format!("{one}\n{one}")), Ok(TWO.replace("work", "play")));
    // Where there is one place, it does no harm.
    let file = "def f():\n    work()\n";
    assert_eq!(after(file, &again), Ok(file.replace("work", "play")));
}

#[test]
fn a_remark_behind_code_that_does_nothing_stands_for_what_is_left_out() {
    for line in [
        "pass  # rest unchanged",
        "...  # existing code",
        "return; // rest of the function",
        "pass  # ...",
        "pass  # your logic here",
        "return  # original implementation",
    ] {
        let reply =
            block("    work()\n    stop()\n\n\ndef g():\n", &format!("    {line}\n\n\ndef g():\n"));
        assert_eq!(after(TWO, &reply), Err(Reason::Placeholder), "{line}");
    }
    for line in [
        "pass  # nothing is left to do",
        "return  # no change",
        "return  # unchanged",
        "pass  # same as before",
        "pass  # keep existing file",
        "return  # same content",
    ] {
        let reply =
            block("    work()\n    stop()\n\n\ndef g():\n", &format!("    {line}\n\n\ndef g():\n"));
        assert!(after(TWO, &reply).unwrap().contains(line), "{line}");
    }
}

#[test]
fn a_text_that_names_another_place_than_the_number_contradicts_it() {
    let reply = |text: &str, start: usize| {
        format!(
            "{text}\n```diff\n@@ -{start},3 +{start},3 @@\n     start()\n-    work()\n+    play()\n     stop()\n```\n"
        )
    };
    let wanted = Ok(TWO.replacen("work", "play", 1));
    assert_eq!(after(TWO, &reply("In `g`, in `f.py`:", 2)), Err(Reason::Ambiguous));
    assert_eq!(after(TWO, &reply("In `f()`, in `f.py`:", 2)), wanted);
    assert_eq!(after(TWO, &reply("In `h`, in `f.py`:", 2)), wanted);
    assert_eq!(after(TWO, &reply("In `f.py`:", 2)), wanted);
}

#[test]
fn what_another_place_says_is_not_there_already() {
    let file = "def f():\n    a()\n    x()\n    b()\n\n\ndef g():\n    a()\n    b()\n";
    let wanted = Ok(format!("{}    x()\n    b()\n", &file[..file.len() - "    b()\n".len()]));
    let reply = block("    a()\n    b()\n", "    a()\n    x()\n    b()\n");
    assert_eq!(after(file, &reply), wanted);
    let hunk = |header: &str| diff(&format!("@@ {header}\n     a()\n+    x()\n     b()\n"));
    for header in ["-9,2 +9,3 @@", "-7,2 +7,3 @@ def g():"] {
        assert_eq!(after(file, &hunk(header)), wanted, "{header}");
    }
    // The other place is the one that is said.
    for header in ["-2,2 +2,3 @@", "-3,2 +3,3 @@ def f():", "-9,2 +9,3 @@ def f():"] {
        assert_eq!(after(file, &hunk(header)), Err(Reason::AlreadyThere), "{header}");
    }
    let done = "def f():\n    a()\n    b()\n    x()\n";
    let reply = block("    a()\n    b()\n", "    a()\n    b()\n    x()\n");
    assert_eq!(after(done, &reply), Err(Reason::AlreadyThere));
}
