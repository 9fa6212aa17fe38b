//! Replies as models write them, each with one thing wrong.

use pimainteno_core::patch::{Reason, Rules};

use crate::{Tree, applied, content};

/// What becomes of the file `f` that says `old`.
fn place(old: &str, hunks: &str) -> Result<String, Reason> {
    let tree = Tree::from([("f".to_owned(), content(old))]);
    let reply = format!("--- a/f\n+++ b/f\n{hunks}");
    let placed = applied(&tree, &reply, &Rules::new()).map_err(|refusal| refusal.reason)?;
    Ok(String::from_utf8(placed["f"].bytes.clone()).unwrap())
}

const NESTED: &str =
    "fn main() {\n    if ready {\n        start();\n        watch();\n    }\n    done();\n}\n";

#[test]
fn a_hunk_that_is_shifted_as_a_whole_is_shifted_back() {
    // Two levels less, with one line mistyped beside what is added.
    let hunk = "@@ @@\n if ready {\n     strat();\n+    check();\n     watch();\n }\n";
    assert_eq!(
        place(NESTED, hunk),
        Ok(NESTED.replace("        watch", "        check();\n        watch"))
    );
    // Some of the context with tabs, the rest two levels deeper.
    let hunk = "@@ @@\n \tif ready {\n                 start();\n+                check();\n                 watch();\n             }\n";
    assert_eq!(
        place(NESTED, hunk),
        Ok(NESTED.replace("        watch", "        check();\n        watch"))
    );
    // A tab too many in front of what is there, and none that could be taken away in front of what
    // is added.
    assert_eq!(
        place("a();\nb();\nlast();\n", "@@ @@\n \ta();\n \tb();\n+    c();\n"),
        Err(Reason::NotFound)
    );
}

#[test]
fn what_is_added_is_indented_in_the_way_of_the_file() {
    let (blanks, tabs) = (
        "    one();\n    two();\n    three();\n    four();\n",
        "\tone();\n\ttwo();\n\tthree();\n\tfour();\n",
    );
    // All of the reply uses the other way.
    assert_eq!(
        place(blanks, "@@ @@\n \tone();\n-\ttwo();\n+\tTWO();\n \tthree();\n"),
        Ok(blanks.replace("two", "TWO"))
    );
    // What is added does, and nothing in the reply says how wide a tab is.
    let long = blanks.repeat(2).replacen("one", "zero", 1);
    assert_eq!(
        place(&long, "@@ @@\n     zero();\n+\tnew();\n     two();\n"),
        Err(Reason::NotFound)
    );
    let long = tabs.repeat(2).replacen("one", "zero", 1);
    assert_eq!(place(&long, "@@ @@\n \tzero();\n+    new();\n \ttwo();\n"), Err(Reason::NotFound));
}

#[test]
fn a_blank_line_that_is_not_shown_stays() {
    // Context between two changes was left out.
    let (old, new) = ("a = 1\n\nb = 2\nlast\n", "A = 1\n\nB = 2\nlast\n");
    assert_eq!(
        place(old, "@@ -1,3 +1,3 @@\n-a = 1\n+A = 1\n-b = 2\n+B = 2\n last\n"),
        Ok(new.into())
    );
    // The blank line at the end is context, though what is before it was left out.
    let css = "a {\n  color: red;\n}\n\nb {\n}\n";
    assert_eq!(
        place(css, "@@ -1,3 +1,3 @@\n a {\n-  color: red;\n+  color: blue;\n\n"),
        Ok(css.replace("red", "blue"))
    );
}

#[test]
fn empty_lines_before_what_is_added_are_context() {
    let old = "head\n\nif available {\n    start();\n}\n";
    let hunk = "@@ -2,1 +2,3 @@\n\n\n+new\n if available {\n     start();\n";
    assert_eq!(place(old, hunk), Ok(old.replace("if", "new\nif")));
}

#[test]
fn lines_that_fit_elsewhere_do_not_outdo_the_place_that_is_named() {
    let filler: String = (0..40).map(|number| format!("filler {number}\n")).collect();
    let old = format!(
        "open(file)\n#endif\nread(file)\nclose(file)\n{filler}open(file)\nread(file)\nclose(file)\n"
    );
    // `#endif` was left out.
    for number in [1, 2] {
        let hunk = format!(
            "@@ -{number},4 +{number},5 @@\n open(file)\n+check(file)\n read(file)\n close(file)\n"
        );
        assert_eq!(place(&old, &hunk), Err(Reason::Ambiguous));
    }
}

#[test]
fn a_file_whose_name_is_not_what_it_looks_like_is_not_made() {
    for name in ["C:/x", "a\u{202e}txt.exe", "a\u{200b}b"] {
        let reply = format!("--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n");
        assert_eq!(
            applied(&Tree::new(), &reply, &Rules::new()).map_err(|refusal| refusal.reason),
            Err(Reason::Path),
            "{name}"
        );
    }
    // One that is there may be changed.
    let tree = Tree::from([("a\u{200b}b".to_owned(), content("x\n"))]);
    applied(&tree, "--- a/a\u{200b}b\n+++ b/a\u{200b}b\n@@ -1 +1 @@\n-x\n+y\n", &Rules::new())
        .unwrap();
}

#[test]
fn files_named_like_our_own_are_kept_apart() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "a\n").unwrap();
    let reply = "--- /dev/null\n+++ b/.pimainteno-0\n@@ -0,0 +1 @@\n+x\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n";
    let files = pimainteno_core::patch::Directory::new(directory.path());
    let plan = pimainteno_core::patch::plan(reply.as_bytes(), &files, &Rules::new()).unwrap();
    plan.write(directory.path()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [".pimainteno-0", "f"]);
}
