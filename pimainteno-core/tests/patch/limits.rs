//! What is large, long or often there.

use std::fmt::Write as _;

use pimainteno_core::patch::{self, Directory, Reason, Refusal, Rules};

use crate::{
    Tree, applied, content,
    placing::{check, placed},
};

/// Lines with numbers in them.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Why a reply is refused for a tree with the file `f`.
fn refused(file: &str, reply: &str) -> Refusal {
    applied(&Tree::from([("f".to_owned(), content(file))]), reply, &Rules::new()).unwrap_err()
}

/// What a reply makes of the file `name`.
fn changed(name: &str, file: &str, reply: &str) -> Result<String, Reason> {
    let tree = Tree::from([(name.to_owned(), content(file))]);
    let after = applied(&tree, reply, &Rules::new()).map_err(|refusal| refusal.reason)?;
    Ok(String::from_utf8(after[name].bytes.clone()).unwrap())
}

const DIFF: &str = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one();\n-two();\n+TWO();\n";

#[test]
fn no_place_is_left_out_however_many_there_are() {
    // The line that is shown mistyped is like two, one of them behind hundreds of its neighbours.
    let mut file = "def catch_all(path):\n    return None\n\n".to_owned();
    for number in 0..600 {
        let _ = write!(file, "class Class{number}:\n    return None\n\n");
    }
    file.push_str("def watch_all(path):\n    return None\n");
    let hunk = "@@ @@\n def wacth_all(path):\n-    return None\n+    return 1\n";
    check(&[(&file, hunk, Err(Reason::Ambiguous))]);
}

#[test]
fn of_very_many_places_only_the_number_decides() {
    let file = "one();\ntwo();\n".repeat(300);
    let hunk = "@@ @@\n one();\n-two();\n+TWO();\n";
    check(&[(&file, &hunk.repeat(200), Err(Reason::Ambiguous))]);
    let numbered = "@@ -501,2 +501,2 @@\n one();\n-two();\n+TWO();\n";
    let after = placed(&file, numbered, &Rules::new()).unwrap();
    assert_eq!(after.lines().position(|line| line == "TWO();"), Some(501));
}

#[test]
fn a_large_file_takes_no_more_than_what_is_like_the_hunk() {
    // Where nothing is removed, only a part of a long file is looked at.
    let line = |number: usize| format!("the_value_of_the_number_{number} = {number}\n");
    let file = lines(9000, line);
    let shown = lines(200, |number| format!(" {}", line(4000 + number)));
    let hunk = format!(
        "@@ @@\n{}+more = 1\n",
        shown.replacen("value_of_the_number_4100", "vaule_of_the_number_4100", 1)
    );
    let after =
        file.replace("the_value_of_the_number_4200 ", "more = 1\nthe_value_of_the_number_4200 ");
    check(&[(&file, &hunk, Ok(&after))]);
    // Long lines are held against nothing.
    let data = lines(60, |number| format!("{number} {}\n", "abcdefgh".repeat(2500)));
    let file = format!("start();\nfirst();\n{data}");
    let hunk = format!("@@ @@\n start();\n-first();\n+FIRST();\n 0 {}\n", "abcdefg".repeat(2800));
    check(&[(&file, &hunk, Ok(&file.replace("first", "FIRST")))]);
    // Of a long line the characters that are the file's own stay, too.
    let long = "A word – or two. ".repeat(200);
    let file = format!("start\n{long}end\n");
    let plain = long.replace('–', "-");
    let hunk = format!("@@ @@\n start\n-{plain}end\n+{plain}END\n");
    check(&[(&file, &hunk, Ok(&format!("start\n{long}END\n")))]);
}

#[test]
fn as_many_hunks_as_a_reply_has_are_read() {
    let hunks = |count: usize| {
        lines(count, |number| format!("@@ -{0} +{0} @@\n-value_{0}\n+VALUE_{0}\n", number + 1))
    };
    let file = lines(60, |number| format!("value_{}\n", number + 1));
    check(&[(&file, &hunks(60), Ok(&file.to_uppercase()))]);
    assert_eq!(
        refused(&file, &format!("--- a/f\n+++ b/f\n{}", hunks(5001))).reason,
        Reason::TooLarge
    );
    let files = lines(5001, |number| format!("n{number}.txt\n```\nx\n```\n"));
    assert_eq!(refused("one\n", &files).reason, Reason::TooLarge);
}

#[test]
fn long_replies_and_long_names_are_read() {
    let file = "one();\ntwo();\n";
    let large = format!("{}\n{DIFF}", "It is so.\n".repeat(10_000));
    assert_eq!(changed("f", file, &large), Ok("one();\nTWO();\n".to_owned()));
    let too_large = format!("{}\n{DIFF}", "It is so.\n".repeat(1_700_000));
    assert!(changed("f", file, &too_large).is_err());
    // Each letter is written as eight, in both names.
    let (name, written) = ("ä".repeat(1200), "\\303\\244".repeat(1200));
    let reply = DIFF
        .replace("a/f", &format!("\"a/{written}\""))
        .replace("b/f", &format!("\"b/{written}\""));
    assert_eq!(changed(&name, file, &reply), Ok("one();\nTWO();\n".to_owned()));
    // Fences in fences.
    let fenced = (3..=8).fold(DIFF.to_owned(), |inside, marks| {
        let fence = "`".repeat(marks);
        format!("{fence}\n{inside}{fence}\n")
    });
    assert_eq!(changed("f", file, &fenced), Ok("one();\nTWO();\n".to_owned()));
    for marks in 5..=9 {
        let mark = |mark: &str| mark.repeat(marks);
        let block = format!(
            "f\n```\n{} SEARCH\ntwo();\n{}\nTWO();\n{} REPLACE\n```\n",
            mark("<"),
            mark("="),
            mark(">")
        );
        assert_eq!(changed("f", file, &block), Ok("one();\nTWO();\n".to_owned()), "{marks}");
    }
}

#[test]
fn a_change_is_for_the_one_of_the_names_that_there_is() {
    let hunk = "```diff\n@@ -1,2 +1,2 @@\n first_one();\n-second_one();\n+SECOND_ONE();\n```\n";
    let named = "As in `a.rs`, `b.rs`, `c.rs`, `d.rs` and `e.rs`, I changed `greeting.rs`.\n\n";
    for path in ["greeting.rs", "src/greeting.rs"] {
        let after = changed(path, "first_one();\nsecond_one();\n", &format!("{named}{hunk}"));
        assert_eq!(after, Ok("first_one();\nSECOND_ONE();\n".to_owned()), "{path}");
    }
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("src");
    std::fs::create_dir(&inside).unwrap();
    for name in ["x.rs", "y.rs", "z.rs", "greeting.rs"] {
        std::fs::write(inside.join(name), "first_one();\nsecond_one();\n").unwrap();
    }
    let files = Directory::new(directory.path());
    let plan = patch::plan(format!("{named}{hunk}").as_bytes(), &files, &Rules::new()).unwrap();
    assert_eq!(plan.files()[0].path, "src/greeting.rs");
    let above = format!("{named}And this is how.\n\n");
    let after = changed("greeting.rs", "first_one();\nsecond_one();\n", &format!("{above}{hunk}"));
    assert_eq!(after, Ok("first_one();\nSECOND_ONE();\n".to_owned()));
}

#[test]
fn a_refusal_shows_the_first_places_and_what_is_around_them() {
    let file = lines(100, |number| match number % 20 {
        10 => "the_same();\n".to_owned(),
        11 => format!("{}\n", "long ".repeat(100)),
        _ => format!("line_{number}();\n"),
    });
    let refusal = refused(&file, "--- a/f\n+++ b/f\n@@ @@\n-the_same();\n+another();\n");
    assert_eq!(refusal.places, [11, 31, 51, 71, 91]);
    let shown: Vec<_> = refusal.excerpt.lines().filter(|line| !line.starts_with("  ...")).collect();
    assert_eq!(shown.len(), 4 * (6 + 1 + 6), "{}", refusal.excerpt);
    let longest = shown.iter().map(|line| line.len()).max();
    assert_eq!(longest, Some("   12  ".len() + 200));
    // One line says more about where it is than one that is in many places.
    let file = file.replace("line_75", "one_of_them").replace("line_74", "line_3");
    let hunk = "--- a/f\n+++ b/f\n@@ @@\n line_3();\n one_of_them();\n-gone();\n";
    assert_eq!(refused(&file, hunk).places, [75]);
    let nothing = refused("one();\n", &"nothing ".repeat(100)).message;
    assert!(nothing.contains(&"nothing ".repeat(25)) && !nothing.contains(&"nothing ".repeat(26)));
}

#[test]
fn a_whole_file_may_lack_a_line_or_two_and_change_at_both_ends() {
    let file = lines(30, |number| format!("step_{number}();\n"));
    let reply = |above: &str, text: &str| format!("{above}`f.js`\n```js\n{text}```\n");
    let ends = file.replace("step_0()", "first()").replace("step_29()", "last()");
    assert_eq!(changed("f.js", &file, &reply("", &ends)), Ok(ends.clone()));
    let less = file.replace("step_9();\nstep_10();\n", "");
    assert_eq!(changed("f.js", &file, &reply("", &less)), Ok(less.clone()));
    let more_less = less.replace("step_11();\n", "");
    assert_eq!(changed("f.js", &file, &reply("", &more_less)), Err(Reason::Ambiguous));
    // What is said a few lines above it is about it.
    let said = "Here is an excerpt.\nIt begins here,\nand there it ends.\n\n";
    assert_eq!(changed("f.js", &file, &reply(said, &ends)), Err(Reason::Ambiguous));
    let before =
        "The excerpt shows it.\n\nSo I changed\nall that there is\nto change\nin this file:\n\n";
    assert_eq!(changed("f.js", &file, &reply(before, &ends)), Ok(ends.clone()));
    // A file of some size is looked at, too.
    let broken = file.replace("step_20()", "step_20(").repeat(10);
    assert_eq!(changed("f.js", &file.repeat(10), &reply("", &broken)), Err(Reason::Broken));
}

#[test]
fn lines_that_cannot_be_alike_are_not_compared() {
    // Numbers that have little in common.
    let odd = |number: usize| {
        let spread = (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        format!("{:032x}\n", spread ^ (spread >> 61))
    };
    let file = lines(3900, odd);
    let shown = lines(250, |number| format!(" {}", odd(1000 + number)));
    let hunk = format!("@@ @@\n gone\n{shown}+more\n");
    check(&[(&file, &hunk, Ok(&file.replace(&odd(1249), &format!("{}more\n", odd(1249)))))]);
    // All of them could be each other.
    let alike = |number: usize| format!("the_value_of_the_number_{} = number\n", 1000 + number);
    let file = lines(3900, alike);
    let shown = lines(400, |number| format!(" {}", alike(1000 + number).replace("value", "vaule")));
    check(&[(&file, &format!("@@ @@\n{shown}+more\n"), Err(Reason::TooLarge))]);
}

#[test]
fn what_is_long_or_there_many_times_is_read() {
    let new = lines(5_000, |number| format!("`d/f{number}.py`:\n```python\nx = {number}\n```\n"));
    let heading = format!("--- a/f\n+++ b/f\n@@ {}b @@\n-two\n+TWO\n", "a".repeat(200_000));
    let names = lines(60_000, |number| format!("`a{number}` ")) + "\n\n" + DIFF;
    let thoughts = "<thought></thought>".repeat(100_000) + "\n" + DIFF;
    let file = format!("{}\none();\ntwo();\ntwo\n", "a".repeat(400_000));
    for (name, reply, is_right) in [
        ("new files", new, true),
        ("a heading", heading, false),
        ("names", names, true),
        ("thoughts", thoughts, true),
    ] {
        let tree = Tree::from([("f".to_owned(), content(&file))]);
        let after = applied(&tree, &reply, &Rules::new());
        assert_eq!(after.is_ok(), is_right, "{name}");
    }
}
