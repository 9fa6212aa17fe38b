//! What is large, long or often there.

use std::fmt::Write as _;

use pimainteno_core::patch::{Reason, Rules};

use crate::placing::{check, placed};

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
