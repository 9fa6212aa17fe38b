//! Which file a change is for, where it is named otherwise than it is, or only near by.

use std::io;

use pimainteno_core::patch::{self, Entry, Files, Reason, Rules};

use crate::{Tree, applied, content};

const LONG: &str =
    "first = value\nsecond = value\nthird = value\nfourth = value\nfifth = value\nsixth = value\n";

/// A change of a file with this name, with so many lines of context.
fn diff(name: &str, context: usize) -> String {
    let context: String = ["first", "second", "third", "fourth"][4 - context..]
        .iter()
        .map(|word| format!(" {word} = value\n"))
        .collect();
    let rest = "-fifth = value\n+fifth = other\n";
    format!("--- a/{name}\n+++ b/{name}\n@@ @@\n{context}{rest}")
}

/// Which file a reply changes; all of them say the same.
fn changed(files: &[&str], reply: &str) -> Result<String, Reason> {
    let tree: Tree = files.iter().map(|name| ((*name).to_owned(), content(LONG))).collect();
    let after = applied(&tree, reply, &Rules::new()).map_err(|refusal| refusal.reason)?;
    let changed = after.iter().filter(|(path, content)| tree.get(*path) != Some(content));
    Ok(changed.map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(" "))
}

#[test]
fn another_file_is_meant_only_if_enough_of_it_is_shown() {
    let context = |name: &str| {
        format!(
            "{name}\n```\n<<<<<<< SEARCH\nfifth = value\n=======\nfifth = other\n>>>>>>> REPLACE\n```\n"
        )
    };
    let rows = [
        // All of its path, below directories of somebody's own.
        ("home/user/demo/src/loader.py", 0, "src/loader.py", true),
        ("home/user/demo/src/config.py", 0, "src/config.py", true),
        ("demo/src/loader.py", 0, "src/loader.py", true),
        ("runtime/src/helpers/loader.py", 0, "packages/runtime/src/helpers/loader.py", true),
        // A name alone, and one that many files have.
        ("demo/loader.py", 0, "loader.py", false),
        ("demo/loader.py", 1, "loader.py", true),
        ("home/user/demo/src/config.py", 2, "config.py", false),
        ("home/user/demo/src/config.py", 3, "config.py", true),
        ("home/user/demo/src/loader.py", 0, "loader.py", true),
        // No directory at all is named.
        ("loader.py", 0, "tests/loader.py", true),
        ("config.py", 0, "src/config.py", false),
        ("config.py", 1, "src/config.py", true),
        ("a.py", 0, "tests/a.py", false),
        ("sub/Makefile", 2, "Makefile", false),
        ("sub/Makefile", 3, "Makefile", true),
        ("pkg/sub/__init__.py", 2, "__init__.py", false),
        ("demo/src/main.rs", 0, "src/main.rs", false),
        ("a.py", 2, "tests/a.py", true),
        // A copy of what others wrote, and what is named as one.
        ("src/loader.py", 4, "vendor/src/loader.py", false),
        ("vendor/demo/src/loader.py", 4, "src/loader.py", false),
        ("third_party/loader.py", 4, "loader.py", false),
        ("home/user/demo/vendor/loader.py", 4, "loader.py", false),
    ];
    for (label, lines, file, is_meant) in rows {
        let wanted = if is_meant { Ok(file.to_owned()) } else { Err(Reason::Missing) };
        assert_eq!(changed(&[file], &diff(label, lines)), wanted, "{label} {lines}");
    }
    assert_eq!(changed(&["Makefile"], &context("sub/Makefile")), Err(Reason::Missing));
    // One line that few other files have.
    let long = "--- a/loader.py\n+++ b/loader.py\n@@ @@\n-fifth_of_them = value_of(fifth)\n+x\n";
    let tree =
        Tree::from([("src/loader.py".to_owned(), content("fifth_of_them = value_of(fifth)\n"))]);
    assert!(applied(&tree, long, &Rules::new()).is_ok());
    // The directory that is named is there, and the file could have been meant to be in it.
    let files = ["load/other.py", "loader.py"];
    assert_eq!(changed(&files, &diff("load/loader.py", 4)), Err(Reason::Missing));
}

#[test]
fn a_file_is_renamed_only_where_that_is_said() {
    let labels = diff("loader.py", 2).replace("b/loader.py", "b/loader_fixed.py");
    assert_eq!(changed(&["loader.py"], &labels), Err(Reason::Ambiguous));
    let said = format!("diff --git a/loader.py b/loader_fixed.py\n{labels}");
    assert_eq!(changed(&["loader.py"], &said), Ok("loader_fixed.py".to_owned()));
}

#[test]
fn a_new_file_has_a_name_of_its_own_in_lower_case_too() {
    let add = |name: &str| format!("*** Add File: {name}\n+x = 1\n");
    let patch = |parts: &str| format!("*** Begin Patch\n{parts}*** End Patch\n");
    assert_eq!(changed(&["Readme.md"], &patch(&add("README.md"))), Err(Reason::Exists));
    assert_eq!(changed(&["Readme.md"], &patch(&add("docs/README.md"))).unwrap(), "docs/README.md");
    let both = format!("{}{}", add("Notes.md"), add("notes.md"));
    assert_eq!(changed(&["Readme.md"], &patch(&both)), Err(Reason::Exists));
    // It takes the other's place.
    let moved = "diff --git a/Readme.md b/README.md\nsimilarity index 100%\nrename from Readme.md\nrename to README.md\n";
    assert_eq!(changed(&["Readme.md"], moved).unwrap(), "README.md");
}

#[test]
fn a_file_that_is_named_for_comparison_is_not_changed() {
    let files = ["one.py", "two.py"];
    let block =
        "```\n<<<<<<< SEARCH\nfifth = value\n=======\nfifth = other\n>>>>>>> REPLACE\n```\n";
    let hunk = "```diff\n@@ @@\n fourth = value\n-fifth = value\n+fifth = other\n```\n";
    for text in [
        "This follows what two.py does already:",
        "The same as was done in `two.py` is missing here.",
        "We read it from `three.py`, not from `two.py`.",
        "The rest is similar to `two.py`.\n\nSo:",
    ] {
        for change in [block, hunk] {
            let reply = format!("{text}\n\n{change}");
            assert_eq!(changed(&files, &reply), Err(Reason::Missing), "{text}");
        }
    }
    for text in [
        "In `two.py`:",
        "The timeout in two.py is too short.",
        "Do it like this in two.py:",
        "It is set instead in `two.py`:",
        "The helper is copied to `two.py`:",
    ] {
        let reply = format!("{text}\n\n{block}");
        assert_eq!(changed(&files, &reply), Ok("two.py".to_owned()), "{text}");
    }
}

#[test]
fn a_change_that_is_quoted_and_answered_is_not_applied() {
    let quoted = format!("> {}\n", diff("loader.py", 1).trim_end().replace('\n', "\n> "));
    let delete = "> --- a/loader.py\n> +++ /dev/null\n> @@ -1,6 +0,0 @@\n> -".to_owned()
        + LONG.trim_end().replace('\n', "\n> -").as_str()
        + "\n";
    for change in [&quoted, &delete] {
        assert!(changed(&["loader.py"], change).is_ok());
        assert!(changed(&["loader.py"], &format!("Here:\n\n{change}\nDone.\n")).is_ok());
        for (above, below) in [
            ("", "No, it is still in use."),
            ("", "NAK, this breaks the import."),
            ("", "Why is it so?"),
            ("On Monday somebody wrote:", "Done."),
        ] {
            let reply = format!("{above}\n{change}\n{below}\n");
            assert_eq!(changed(&["loader.py"], &reply), Err(Reason::Ambiguous), "{reply}");
        }
    }
}

/// A project that is a directory of its repository.
fn blog() -> Rules<'static> {
    let top = ["common", "services", "src"].map(str::to_owned).into();
    Rules::new().inside("services/blog", top)
}

#[test]
fn paths_from_the_top_of_the_repository_are_those_of_the_project() {
    let tree = Tree::from([("src/blog.py".to_owned(), content(LONG))]);
    let made = |path: &str| format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+y = 2\n");
    let (whole, removed) = (LONG.replace("sixth = value", "sixth = 6"), LONG.replace("\n", "\n-"));
    let removed = removed.trim_end_matches('-');
    let changed = |tree: &Tree, reply: &str| {
        let after = applied(tree, reply, &blog())?;
        let paths = tree.keys().chain(after.keys()).cloned();
        let paths: std::collections::BTreeSet<_> =
            paths.filter(|path| tree.get(path) != after.get(path)).collect();
        Ok::<_, patch::Refusal>(paths.into_iter().collect::<Vec<_>>().join(" "))
    };
    let prefix = "services/blog/";
    let rows = [
        (made("services/blog/src/colours.py"), "src/colours.py"),
        (made("src/colours.py"), "src/colours.py"),
        (made("services/blog/tests/test_x.py"), "tests/test_x.py"),
        // The directory of the project, whatever else the repository has of that name.
        (made("services/blog/common/x.py"), "common/x.py"),
        (format!("{prefix}tests/test_x.py\n```python\nimport blog\n```\n"), "tests/test_x.py"),
        (format!("{prefix}src/blog.py\n```python\n{whole}```\n"), "src/blog.py"),
        (diff("services/blog/src/blog.py", 0), "src/blog.py"),
        (
            format!(
                "diff --git a/{prefix}src/blog.py b/{prefix}src/log.py\nsimilarity index 100%\nrename from {prefix}src/blog.py\nrename to {prefix}src/log.py\n"
            ),
            "src/blog.py src/log.py",
        ),
        (
            format!("--- a/{prefix}src/blog.py\n+++ /dev/null\n@@ -1,6 +0,0 @@\n-{removed}"),
            "src/blog.py",
        ),
    ];
    for (reply, wanted) in &rows {
        assert_eq!(changed(&tree, reply).as_deref(), Ok(*wanted), "{reply}");
    }
    // The project has such a directory of its own.
    let nested = Tree::from([("services/blog/a.py".to_owned(), content("x = 1\n"))]);
    let reply = made("services/blog/b.py");
    assert_eq!(changed(&nested, &reply).as_deref(), Ok("services/blog/b.py"));
    // A tool says what it means.
    let verbatim = patch::plan(reply.as_bytes(), &tree, &blog().verbatim()).unwrap();
    assert_eq!(verbatim.files()[0].path, "services/blog/b.py");
    // What moves one beside the change is no less a part of it.
    let command = format!("{}\n```sh\ngit mv {prefix}src/blog.py b.py\n```\n", rows[1].0);
    assert_eq!(changed(&tree, &command).unwrap_err().reason, Reason::Malformed);
}

#[test]
fn what_lies_beside_the_project_is_refused() {
    let tree = Tree::from([
        ("NOTES.md".to_owned(), content(LONG)),
        ("src/blog.py".to_owned(), content("x = 1\n")),
    ]);
    let made = |path: &str| format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+y = 2\n");
    let rows = [
        made("services/shop/NOTES.md"),
        made("common/new.py"),
        "services/shop/new.py\n```python\nx = 2\n```\n".to_owned(),
        "diff --git a/src/blog.py b/common/blog.py\nsimilarity index 100%\nrename from src/blog.py\nrename to common/blog.py\n".to_owned(),
        // As much as is shown is in a file of the project, and another is named.
        diff("services/shop/NOTES.md", 4),
    ];
    for reply in rows {
        let refusal = applied(&tree, &reply, &blog()).unwrap_err();
        assert_eq!(refusal.reason, Reason::Path, "{reply}\n{refusal}");
        assert!(refusal.message.contains("outside of the project"), "{refusal}");
    }
}

#[test]
fn what_is_in_a_submodule_is_not_the_projects() {
    struct Nested(Tree);
    impl Files for Nested {
        fn entry(&self, path: &str) -> io::Result<Entry> {
            if path == "lib" { Ok(Entry::Submodule) } else { self.0.entry(path) }
        }
        fn paths(&self) -> io::Result<Vec<String>> {
            self.0.paths()
        }
    }
    let files = Nested(Tree::from([("README.md".to_owned(), content(LONG))]));
    let made = "--- /dev/null\n+++ b/lib/NEW.md\n@@ -0,0 +1 @@\n+y = 2\n";
    let moved = "diff --git a/README.md b/lib/README.md\nsimilarity index 100%\nrename from README.md\nrename to lib/README.md\n";
    for reply in [made, moved, &diff("lib/README.md", 4), "lib/a.py\n```python\nx = 2\n```\n"] {
        let refusal = patch::plan(reply.as_bytes(), &files, &Rules::new()).unwrap_err();
        assert_eq!(refusal.reason, Reason::Path, "{reply}\n{refusal}");
        assert!(refusal.message.contains("`lib` is a submodule"), "{refusal}");
    }
}
